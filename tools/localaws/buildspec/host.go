package buildspec

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/magewright/magewright/tools/internal/command"
)

// versions holds the command that prints the version of each runtime. The names
// are those of
// https://docs.aws.amazon.com/codebuild/latest/userguide/available-runtimes.html,
// and android and docker, which earlier images have.
var versions = map[string][]string{
	"android": {"sdkmanager", "--version"},
	"golang":  {"go", "version"},
	"nodejs":  {"node", "--version"},
	"python":  {"python3", "--version"},
	"java":    {"java", "-version"},
	"ruby":    {"ruby", "--version"},
	"php":     {"php", "--version"},
	"dotnet":  {"dotnet", "--version"},
	"docker":  {"docker", "--version"},
}

var versionNumber = regexp.MustCompile(`\d+(?:\.\d+)*`)

// lacking returns a warning for each runtime version that the buildspec
// requests and this host doesn't have. The versions that it has are logged.
func (s *Spec) lacking(ctx context.Context, dir string, env []string, log *logger) []Warning {
	var warnings []Warning
	for _, p := range s.Phases {
		for _, runtime := range p.Runtimes {
			want := os.Expand(runtime.Version, func(name string) string { return lookup(env, name) })
			have, err := hostVersion(ctx, runtime.Name, dir, env)
			switch {
			case err != nil:
				warnings = append(warnings, Warning{s.File, runtime.Pos, fmt.Sprintf("runtime-versions: this host does not have %s %s, and a host does not install runtimes: %v", runtime.Name, want, err)})
			case !satisfies(have, want):
				warnings = append(warnings, Warning{s.File, runtime.Pos, fmt.Sprintf("runtime-versions: this host has %s %s, not %s", runtime.Name, have, want)})
			default:
				log.say("Using '%s' runtime version '%s' of this host", runtime.Name, have)
			}
		}
	}
	return warnings
}

func lookup(env []string, name string) string {
	for _, v := range env {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

func hostVersion(ctx context.Context, name, dir string, env []string) (string, error) {
	args := versions[name]
	// java prints its version to standard error.
	var text strings.Builder
	err := command.Cmd{Dir: dir, Env: env, Stdout: &text, Stderr: &text}.Run(ctx, args[0], args[1:]...)
	if err != nil {
		return "", err
	}
	return versionNumber.FindString(text.String()), nil
}

// satisfies reports whether a version such as 1.26.8 satisfies latest, 1.x, 1
// or 1.26. A word before the number (corretto21) is ignored.
func satisfies(have, want string) bool {
	if want == "latest" {
		return true
	}
	want = strings.TrimLeft(strings.TrimSuffix(want, ".x"), "abcdefghijklmnopqrstuvwxyz")
	return want == "" || have == want || strings.HasPrefix(have, want+".")
}
