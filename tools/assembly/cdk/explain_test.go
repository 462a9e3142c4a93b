package cdk

import (
	"errors"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/project/exit"
)

// TestExplain holds what is said of a CDK app that can't be synthesized, by what it
// prints.
func TestExplain(t *testing.T) {
	t.Parallel()
	for printed, want := range map[string]struct {
		says, next string
		code       int
	}{
		"[Error at /Shop] Context lookups have been disabled. Make sure all necessary context is already in \"cdk.context.json\"": {"looks up at AWS what deploy/cdk.context.json does not have", "cd deploy && cdk synth, with credentials", exit.Environment},
		"panic: Cannot find asset at /repo/dist/hello":                                   {"reads an asset that nothing has built", `"functions"`, exit.Environment},
		"panic: Failed to bundle asset Shop/F/Code/Stage: docker exited with status 125": {"builds an asset in a container", "start Docker; or build without it", exit.Environment},
		"Error: spawnSync docker ENOENT":                                                 {"builds an asset in a container", "start Docker; or build without it", exit.Environment},
		"panic: runtime error: invalid memory address or nil pointer dereference":        {"synthesizing deploy: ", "cd deploy && cdk synth", exit.Gate},
	} {
		err := explain("deploy", printed, errors.New("exit status 1"))
		if exit.Status(err) != want.code || !strings.Contains(err.Error(), want.says) || !strings.Contains(err.Error(), "next: ") || !strings.Contains(err.Error(), want.next) {
			t.Errorf("%q: exit %d, %v; want %+v", printed, exit.Status(err), err, want)
		}
	}
}

// TestHushed holds that only the noise is left out.
func TestHushed(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	text := "before\n" + noise + "after\n"
	if n, err := (hushed{&out}).Write([]byte(text)); n != len(text) || err != nil || out.String() != "before\nafter\n" {
		t.Errorf("%d, %v, %q", n, err, &out)
	}
}
