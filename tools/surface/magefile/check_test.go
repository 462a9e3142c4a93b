package magefile_test

import (
	"errors"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/surface/magefile"
)

const source = `package main

type Pipeline mg.Namespace

var Aliases = map[string]any{"deploy-staging": DeployStaging}

// Test runs the tests.
func Test(ctx context.Context, force *bool /* run it although nothing has changed */) error { return nil }

func Lint() {}

func DeployStaging() {}

// Rehearse rehearses.
func Rehearse(ctx context.Context,
	approve *bool, // answer the approval with yes
	base *string, // the release before
	speed *float64, // how fast
	builds *int, // how many
	wait *time.Duration, // how long
) error {
	return nil
}

func (Pipeline) Status() {}

func (Pipeline) Deploy() {}

// Greet greets.
func Greet(ctx context.Context, name, title string, loud *bool) {}
`

func TestCheck(t *testing.T) {
	t.Parallel()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "magefile.go", source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	targets := magefile.Targets(magefile.File{Set: set, File: file})
	for line, want := range map[string]string{
		"":              "",
		"-l":            "",
		"-version":      "",
		"-h":            "",
		"-h rehearse":   "",
		"-v -t 5m test": "",
		"-t=5m test":    "",
		"lint TEST -force pipeline:status Deploy-Staging deployStaging": "",
		"rehearse -approve -base=HEAD~1 -speed=1.5 -builds=3 -wait=1m":  "",
		"rehearse -approve=false":                                       "",
		"greet Ada Doctor -loud lint":                                   "",
		"greet tset Doctor":                                             "",
		"lint tset":                                                     "there is no target \"tset\"; did you mean \"test\"?\n  next: go tool mage test",
		"-h tset":                                                       "there is no target \"tset\"; did you mean \"test\"?\n  next: go tool mage -h test",
		"deploy_staging":                                                "there is no target \"deploy_staging\"; did you mean \"deploy-staging\"?\n  next: go tool mage deploy-staging",
		"nothing-like-it":                                               "there is no target \"nothing-like-it\"\n  next: go tool mage -l",
		"pipeline status":                                               "there is no target \"pipeline\"\n  next: go tool mage pipeline:status",
		"lint,test":                                                     "there is no target \"lint,test\"; blanks separate targets\n  next: go tool mage lint test",
		"rehearse approve":                                              "there is no target \"approve\"; did you mean the flag of rehearse?\n  next: go tool mage rehearse -approve",
		"rehearse speed=5":                                              "there is no target \"speed=5\"; did you mean the flag of rehearse?\n  next: go tool mage rehearse -speed=5",
		"status":                                                        "there is no target \"status\"; did you mean \"pipeline:status\"?\n  next: go tool mage pipeline:status",
		"deploy":                                                        "there is no target \"deploy\"; there are deploy-staging and pipeline:deploy\n  next: go tool mage -l",
		"-approve rehearse":                                             "-approve is a flag of rehearse, and stands after it\n  next: go tool mage rehearse -approve",
		"-aprove rehearse":                                              "there is no flag -aprove; did you mean -approve of rehearse, which stands after it?\n  next: go tool mage rehearse -approve",
		"-bsae=HEAD rehearse":                                           "there is no flag -bsae; did you mean -base of rehearse, which stands after it?\n  next: go tool mage rehearse -base=HEAD",
		"rehearse -aprove":                                              "rehearse has no flag -aprove; did you mean -approve?\n  next: go tool mage rehearse -approve",
		"rehearse -bsae=HEAD":                                           "rehearse has no flag -bsae; did you mean -base?\n  next: go tool mage rehearse -base=HEAD",
		"rehearse -Approve":                                             "rehearse has no flag -Approve; did you mean -approve?\n  next: go tool mage rehearse -approve",
		"rehearse --approve":                                            "--approve: flags of targets have one dash\n  next: go tool mage rehearse -approve",
		"rehearse -approve=yes":                                         "-approve=yes: its value is true or false: answer the approval with yes\n  next: go tool mage rehearse -approve",
		"rehearse -speed=fast":                                          "-speed=fast: its value is a number: how fast\n  next: go tool mage rehearse -speed=VALUE",
		"rehearse -builds=1.5":                                          "-builds=1.5: its value is a whole number: how many\n  next: go tool mage rehearse -builds=VALUE",
		"rehearse -wait=5":                                              "-wait=5: its value is a duration such as 5m30s: how long\n  next: go tool mage rehearse -wait=VALUE",
		"rehearse -base HEAD~1":                                         "-base: its value stands after an equals sign\n  next: go tool mage rehearse -base=HEAD~1",
		"rehearse -base":                                                "-base needs a value: the release before\n  next: go tool mage rehearse -base=VALUE",
		"test -x":                                                       "test has no flag -x\nflags of test:\n  -force  run it although nothing has changed\n  next: go tool mage -h test",
		"lint -x":                                                       "lint has no flag -x\nlint has no flags\n  next: go tool mage -h lint",
	} {
		err := magefile.Check(strings.Fields(line), targets)
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", line, err)
			}
			continue
		}
		if usage := (*magefile.UsageError)(nil); !errors.As(err, &usage) || err.Error() != want {
			t.Errorf("%q: %v\nwant %s", line, err, want)
		}
	}
}
