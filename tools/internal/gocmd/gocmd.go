// Package gocmd runs the go command, always with the same flags, so that a
// target finds in the build cache what another target has compiled.
//
// The flags are part of the key under which the go command stores a compiled
// package. Two targets with different flags compile the AWS SDK and the CDK twice.
package gocmd

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/internal/command"
)

// Flags are the flags for every build. They leave the checkout's path and the
// commit out of compiled packages, which are then the same in every checkout.
const Flags = "-trimpath -buildvcs=false"

// A Cmd runs the go command. Make it with In, and then set Stdin, Stdout and
// Stderr if necessary.
type Cmd struct{ command.Cmd }

// In returns a Cmd that runs in dir with additional variables ("NAME=value").
func In(dir string, set ...string) Cmd {
	return Cmd{command.Cmd{Dir: dir, Env: Environ(set...)}}
}

// Run runs the go command to its end.
func (c Cmd) Run(ctx context.Context, args ...string) error {
	return c.Cmd.Run(ctx, "go", args...)
}

// Output runs the go command and returns its output without surrounding white space.
func (c Cmd) Output(ctx context.Context, args ...string) (string, error) {
	return c.Cmd.Output(ctx, "go", args...)
}

// Environ returns this process's environment with GOFLAGS of [Accepted] flags and
// Flags, with cgo off unless the caller has chosen, and with each of set, which
// replace earlier values.
//
// Lambda functions are built without cgo. With cgo, the standard library is a
// different one, and everything that imports package net would be compiled twice.
func Environ(set ...string) []string {
	return environ(os.Environ(), set)
}

func environ(env, set []string) []string {
	env = slices.DeleteFunc(env, func(variable string) bool { return strings.HasPrefix(variable, "GOFLAGS=") })
	env = append(env, "GOFLAGS="+flags(os.Getenv("GOFLAGS")))
	if os.Getenv("CGO_ENABLED") == "" {
		env = append(env, "CGO_ENABLED=0")
	}
	return append(env, set...)
}

// kept are the variables that tools which judge the code are given, apart from those
// that say where things are: GO*PROXY, GO*SUMDB and the like. Anything else could
// change what a tool sees or says, such as GOPACKAGESDRIVER, GOOS or GODEBUG.
var kept = []string{
	"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TMP", "TEMP", "SYSTEMROOT", "LOCALAPPDATA", "APPDATA", "USERPROFILE",
	"XDG_CACHE_HOME", "XDG_CONFIG_HOME", "TERM", "NO_COLOR", "TZ", "LANG", "LC_ALL",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"GOPATH", "GOCACHE", "GOMODCACHE", "GOTMPDIR", "GOROOT", "GOENV", "GOTOOLCHAIN", "GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB", "GONOSUMCHECK",
	"GOINSECURE", "GOAUTH", "GOVCS", "GOVULNDB", "GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GOLANGCI_LINT_CACHE",
	"CGO_ENABLED", "CC", "CXX", "PKG_CONFIG", "MAGEWRIGHT_RESULTS",
}

// ToolEnviron is Environ for tools that judge the code. It has only the variables
// that a tool needs to run.
func ToolEnviron(set ...string) []string {
	return environ(slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		// A workspace may be switched off, but no other one chosen.
		return !slices.Contains(kept, name) && variable != "GOWORK=off"
	}), set)
}

// accepted are the flags in GOFLAGS that the user chooses. Others choose what is
// tested, how it is run, or what is compiled in the place of the sources, such as
// -run, -exec and -overlay. A time-out can only make a test fail.
var accepted = []string{"-mod", "-modcacherw", "-tags", "-p", "-timeout", "-v", "-x"}

// Refused returns the flags in GOFLAGS that are left out.
func Refused() []string {
	return slices.DeleteFunc(strings.Fields(os.Getenv("GOFLAGS")), func(flag string) bool {
		name := nameOf(flag)
		return name == "-trimpath" || name == "-buildvcs" || slices.Contains(accepted, name)
	})
}

// nameOf returns the name of a flag with one hyphen.
func nameOf(flag string) string {
	name, _, _ := strings.Cut(flag, "=")
	return "-" + strings.TrimLeft(name, "-")
}

// With returns GOFLAGS ("GOFLAGS=VALUE") as [Environ] has it, and one more flag.
func With(flag string) string {
	if strings.ContainsAny(flag, " \t") {
		flag = "'" + flag + "'"
	}
	return "GOFLAGS=" + flags(os.Getenv("GOFLAGS")) + " " + flag
}

// flags returns those of the user's flags that are accepted, followed by ours.
func flags(users string) string {
	var all []string
	for flag := range strings.FieldsSeq(users) {
		if nameOf(flag) == "-tags" {
			flag = "-tags=" + strings.Join(tagsOf(flag), ",")
		}
		if slices.Contains(accepted, nameOf(flag)) && flag != "-tags=" {
			all = append(all, flag)
		}
	}
	return strings.Join(append(all, strings.Fields(Flags)...), " ")
}

// Tags returns the build tags that the user has chosen in GOFLAGS. The last flag counts.
func Tags() []string {
	var tags []string
	for flag := range strings.FieldsSeq(os.Getenv("GOFLAGS")) {
		if nameOf(flag) == "-tags" {
			tags = tagsOf(flag)
		}
	}
	return tags
}

// tagsOf returns the build tags of a flag, without the tag mage. Mage itself names its files
// to the compiler. If the tag were set, the go command would find a second package beside
// the one of a directory.
func tagsOf(flag string) []string {
	_, value, _ := strings.Cut(flag, "=")
	return slices.DeleteFunc(strings.Split(value, ","), func(tag string) bool { return tag == "mage" || tag == "" })
}
