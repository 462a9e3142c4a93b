//go:build coverage

package main

import (
	"context"
	"fmt"
	"os"
	"runtime/coverage"

	"github.com/aws/aws-lambda-go/events"

	"github.com/magewright/magewright/app/ledger"
)

// measured returns a handler that leaves, after each invocation, what has been
// run so far: a function has no end at which Go would write it. It goes to a
// directory of this process in COVERAGE_DIR; the program must be built with
// -cover -covermode=atomic.
// See https://go.dev/doc/build-cover and package runtime/coverage.
func measured(h ledger.FunctionURLHandler) ledger.FunctionURLHandler {
	dir, err := os.MkdirTemp(os.Getenv("COVERAGE_DIR"), "function-")
	if err == nil {
		err = coverage.WriteMetaDir(dir)
	}
	if err != nil {
		panic(fmt.Errorf("measuring coverage: %w", err))
	}
	return func(ctx context.Context, event events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
		response, err := h(ctx, event)
		if err := coverage.WriteCountersDir(dir); err != nil {
			panic(fmt.Errorf("measuring coverage: %w", err))
		}
		return response, err
	}
}
