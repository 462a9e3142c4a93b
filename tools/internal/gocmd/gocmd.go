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

// Environ returns this process's environment with Flags added to GOFLAGS, with
// cgo off unless the caller has chosen, and with each of set, which replace
// earlier values.
//
// Lambda functions are built without cgo. With cgo, the standard library is a
// different one, and everything that imports package net would be compiled twice.
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

// flags returns the user's flags followed by ours, without duplicates.
func flags(users string) string {
	ours := strings.Fields(Flags)
	all := slices.DeleteFunc(strings.Fields(users), func(flag string) bool {
		name, _, _ := strings.Cut(flag, "=")
		return name == "-trimpath" || name == "-buildvcs"
	})
	return strings.Join(append(all, ours...), " ")
}
