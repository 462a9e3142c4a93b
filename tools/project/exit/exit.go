// Package exit gives errors an exit code and the next command to type.
package exit

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// The exit codes of every target and program of this project. Mage itself exits with 2 if it
// can't read its command line.
const (
	Gate        = 1   // a check failed: the code, or what it deploys, must change
	Usage       = 2   // the command line can't be understood
	Environment = 3   // a tool, a credential or a file that the target needs is missing
	Interrupted = 130 // a signal stopped it, such as Ctrl-C: 128 and the number of SIGINT
)

// An Error is an error with an exit code. Mage exits with ExitStatus.
type Error struct {
	Code int
	Err  error
	Next string // the next command to type; may be empty
}

// Error returns what failed and, on a line of its own, the next command to type. If an error
// inside of it already has a next command, that one is used, because it knows the situation
// better.
func (e *Error) Error() string {
	if e.Next == "" || hasNext(e.Err) {
		return e.Err.Error()
	}
	return fmt.Sprintf("%v\n  next: %s", e.Err, e.Next)
}

// hasNext reports whether err has a next command.
func hasNext(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Next != "" || hasNext(e.Err))
}

// Unwrap returns the error without its exit code.
func (e *Error) Unwrap() error { return e.Err }

// ExitStatus is the exit code. Mage looks for a method with this name.
func (e *Error) ExitStatus() int { return e.Code }

// Missing returns an Environment error: what is missing, and the command that provides it.
func Missing(next, format string, args ...any) error {
	return &Error{Code: Environment, Err: fmt.Errorf(format, args...), Next: next}
}

// Failed returns a Gate error: what failed, and the command that shows more or helps.
func Failed(next, format string, args ...any) error {
	return &Error{Code: Gate, Err: fmt.Errorf(format, args...), Next: next}
}

// Misused returns a Usage error about the command line of a target.
func Misused(target, format string, args ...any) error {
	return &Error{Code: Usage, Err: fmt.Errorf(format, args...), Next: "go tool mage -h " + target}
}

// Stopped returns the error of a function that ran with ctx. If ctx has ended, the exit code
// is Interrupted. Unless the error says what was left behind, it is replaced by the reason
// why ctx has ended: the operation at which a program was stopped helps nobody.
func Stopped(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return &Error{Code: Interrupted, Err: err, Next: e.Next}
	}
	return &Error{Code: Interrupted, Err: fmt.Errorf("stopped: %w", context.Cause(ctx))}
}

// Status returns the exit code for err: 0 for nil, and Gate if err has none.
func Status(err error) int {
	if err == nil {
		return 0
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Gate
}

// Now prints err as Mage does, and ends the program with err's exit code.
func Now(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "Error: %v\n", err)
	}
	os.Exit(Status(err))
}

// Top returns err in a form whose exit code Mage sees, because Mage asks only the outermost
// error.
func Top(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || error(e) == err { //nolint:errorlint // whether it is the outermost error is the question
		return err
	}
	return &Error{Code: e.Code, Err: err}
}
