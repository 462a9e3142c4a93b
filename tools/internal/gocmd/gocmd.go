// Package gocmd runs the go command, everywhere with the same flags: what one
// target has compiled, the next finds in the build cache.
//
// The flags are part of the key under which the go command keeps a compiled
// package. Two targets that differ in one of them compile the AWS SDK and the
// CDK twice.
package gocmd

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/internal/command"
)

// Flags are the flags of every build. Without the path of the checkout and
// without the commit in it, a compiled package is the same in every checkout.
const Flags = "-trimpath -buildvcs=false"

// A Cmd runs the go command. Make it with In, then set what it needs of
// Stdin, Stdout and Stderr.
type Cmd struct{ command.Cmd }

// In returns a Cmd that runs in dir, with more variables ("NAME=value").
func In(dir string, set ...string) Cmd {
	return Cmd{command.Cmd{Dir: dir, Env: Environ(set...)}}
}

// Run runs the go command to its end.
func (c Cmd) Run(ctx context.Context, args ...string) error {
	return c.Cmd.Run(ctx, "go", args...)
}

// Output runs the go command and returns what it prints, without surrounding
// white space.
func (c Cmd) Output(ctx context.Context, args ...string) (string, error) {
	return c.Cmd.Output(ctx, "go", args...)
}

// Environ returns this process's environment with Flags added to GOFLAGS, with
// cgo off unless the caller has chosen, and with each of set in the place of an
// earlier value.
//
// Lambda functions are built without cgo. A standard library with cgo is
// another one, and all that imports package net would be compiled twice.
func Environ(set ...string) []string {
	env := append(os.Environ(), "GOFLAGS="+flags(os.Getenv("GOFLAGS")))
	if os.Getenv("CGO_ENABLED") == "" {
		env = append(env, "CGO_ENABLED=0")
	}
	return append(env, set...)
}

// With returns GOFLAGS ("GOFLAGS=VALUE") as [Environ] has it, and one more flag.
func With(flag string) string {
	if strings.ContainsAny(flag, " \t") {
		flag = "'" + flag + "'"
	}
	return "GOFLAGS=" + flags(os.Getenv("GOFLAGS")) + " " + flag
}

// flags returns the user's flags and then ours, each once.
func flags(users string) string {
	ours := strings.Fields(Flags)
	all := slices.DeleteFunc(strings.Fields(users), func(flag string) bool {
		name, _, _ := strings.Cut(flag, "=")
		return name == "-trimpath" || name == "-buildvcs"
	})
	return strings.Join(append(all, ours...), " ")
}
