package dev

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/magewright/magewright/tools/project/exit"
)

// findDelve returns the path of the debugger.
func findDelve() (string, error) {
	path, err := exec.LookPath("dlv")
	if err == nil {
		return filepath.Abs(path)
	}
	return "", exit.Missing("go install github.com/go-delve/delve/cmd/dlv@latest, and put $(go env GOPATH)/bin into PATH", "the debugger delve is not installed: %w", err)
}

// firstPort is the port of the first function's debugger. The next function has the next
// port.
const firstPort = 2345

func (l *loop) port(f *function) int { return firstPort + slices.Index(l.functions.all, f) }

// debuggee is the file in a package that the debugger runs.
const debuggee = "program"

// debugged returns the files with which a function runs in the debugger. The program starts
// at once, and a client may connect at any time. A function that waited for a client would
// exceed the ten seconds that Lambda gives it to start. See
// https://github.com/go-delve/delve/blob/master/Documentation/usage/dlv_exec.md.
func (l *loop) debugged(f *function, program []byte) map[string][]byte {
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' exec --headless --listen=127.0.0.1:%d --api-version=2 --accept-multiclient --continue \"$LAMBDA_TASK_ROOT/%s\"\n",
		strings.ReplaceAll(l.delve, "'", `'\''`), l.port(f), debuggee)
	return map[string][]byte{executable: []byte(script), debuggee: program}
}

// longest is Lambda's longest time-out in seconds.
// See https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
const longest = 900

// stopClock gives a function the longest time-out, and only one environment, because a second
// one would have to listen on the same port.
func (fs *functions) stopClock(ctx context.Context, f *function) error {
	_, err := fs.client.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: &f.name, Timeout: aws.Int32(longest)})
	if err == nil {
		_, err = fs.client.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{FunctionName: &f.name, ReservedConcurrentExecutions: aws.Int32(1)})
	}
	if err != nil {
		return fmt.Errorf("preparing %s for the debugger: %w", f.name, err)
	}
	return nil
}

// describe prints how a client connects to a function's debugger.
func (l *loop) describe(f *function) {
	fmt.Fprintf(l.out, "debugger  of %s, from its next invocation on; it then has 15 minutes:\n"+
		"  dlv connect 127.0.0.1:%d\n"+
		"  VS Code, launch.json: {\"name\": \"mage dev\", \"type\": \"go\", \"request\": \"attach\", \"mode\": \"remote\", \"host\": \"127.0.0.1\", \"port\": %[2]d}\n"+
		"  GoLand: Run, Edit Configurations, Go Remote, port %[2]d\n", f.name, l.port(f))
}
