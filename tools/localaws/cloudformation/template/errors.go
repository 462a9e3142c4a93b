package template

import (
	"errors"
	"fmt"
)

// ErrUndecided is the error of a condition that depends on what is not known yet.
var ErrUndecided = errors.New("the condition depends on a value that is not known yet")

// An Error says what is wrong with a template or its parameters, in the words
// of CloudFormation's refusal.
type Error struct{ Text string }

func (e *Error) Error() string { return e.Text }

func errorf(format string, args ...any) error {
	return &Error{Text: fmt.Sprintf(format, args...)}
}

// formatErrorf returns an error about the structure of a template.
func formatErrorf(format string, args ...any) error {
	return errorf("Template format error: "+format, args...)
}

// templateErrorf returns an error about the use of a function.
func templateErrorf(format string, args ...any) error {
	return errorf("Template error: "+format, args...)
}
