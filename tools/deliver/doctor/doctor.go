// Package doctor is `mage doctor`. It looks for what this machine and the AWS account lack,
// before a target or the first push fails because of it. What it can't or may not ask stays
// unknown.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
)

// A State is the result of a check.
type State string

// The states of findings. Only something that is missing makes the target fail.
const (
	OK      State = "ok"
	Missing State = "MISSING"
	Unknown State = "unknown"
)

// A Finding is what a check found about one thing.
type Finding struct {
	Name  string
	State State
	Says  string
	Next  string // the command that helps; may be empty
}

func ok(format string, args ...any) Finding {
	return Finding{State: OK, Says: fmt.Sprintf(format, args...)}
}

func missing(next, format string, args ...any) Finding {
	return Finding{State: Missing, Says: fmt.Sprintf(format, args...), Next: next}
}

// unknown returns the finding about something that could not be asked.
func unknown(err error) Finding {
	f := Finding{State: Unknown, Says: err.Error()}
	if _, ok := errors.AsType[*exit.Error](err); ok {
		f.Says, f.Next, _ = strings.Cut(err.Error(), "\n  next: ")
		f.Next, _, _ = strings.Cut(f.Next, "\n")
	}
	f.Says, _, _ = strings.Cut(f.Says, "\n")
	return f
}

// A check looks at one thing.
type check struct {
	name string
	look func(ctx context.Context, p *patient) Finding
}

// A patient is what the checks examine.
type patient struct {
	cfg   project.Config
	aws   aws.Config        // for checks of the account
	names manifest.Manifest // of the last assembly; without stacks if there is none
	// account is the account of the credentials.
	account string
}

// Run prints a line for each finding. It returns an error that names what is missing.
func Run(ctx context.Context, cfg project.Config) error {
	p := &patient{cfg: cfg}
	found := p.examine(ctx, cfg.Stdout, machine)
	var err error
	if p.aws, err = stack.Connect(ctx); err != nil {
		f := unknown(err)
		f.Name = "aws"
		f.write(cfg.Stdout)
		var left []string
		for _, c := range account {
			left = append(left, c.name)
		}
		fmt.Fprintf(cfg.Stdout, "%-8s %s\n", "", "not asked: "+strings.Join(left, ", "))
		return verdict(found)
	}
	if p.names, err = manifest.ReadAny(cfg); err != nil && !errors.Is(err, manifest.ErrNone) {
		return err
	}
	return verdict(append(found, p.examine(ctx, cfg.Stdout, account)...))
}

// examine prints what each check finds as soon as it is known.
func (p *patient) examine(ctx context.Context, out io.Writer, checks []check) []Finding {
	found := make([]Finding, 0, len(checks))
	for _, c := range checks {
		f := c.look(ctx, p)
		f.Name = c.name
		f.write(out)
		found = append(found, f)
	}
	return found
}

func (f Finding) write(out io.Writer) {
	fmt.Fprintf(out, "%-8s %-12s %s\n", f.State, f.Name, f.Says)
	if f.Next != "" {
		fmt.Fprintf(out, "%-8s %-12s   next: %s\n", "", "", f.Next)
	}
}

// verdict returns an error if something is missing.
func verdict(found []Finding) error {
	var names []string
	next := ""
	for _, f := range found {
		if f.State == Missing {
			names = append(names, f.Name)
			if next == "" {
				next = f.Next
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	return exit.Missing(next, "doctor: missing: %s", strings.Join(names, ", "))
}
