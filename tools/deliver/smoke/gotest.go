package smoke

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/stack"
)

// notInNames matches the characters that the name of a variable can't have.
var notInNames = regexp.MustCompile(`[^A-Z0-9_]`)

// variables returns what the tests of a smoke test learn about the stage: SMOKE_STAGE,
// SMOKE_URL, SMOKE_COMMIT, SMOKE_FUNCTION, and for each output of the stack SMOKE_OUTPUT_
// followed by its key in capital letters.
func variables(stage, commit string, o stack.Outputs) []string {
	set := []string{"SMOKE_STAGE=" + stage, "SMOKE_COMMIT=" + commit, "SMOKE_URL=" + o.FunctionURL, "SMOKE_FUNCTION=" + o.FunctionName}
	for _, key := range slices.Sorted(maps.Keys(o.All)) {
		set = append(set, "SMOKE_OUTPUT_"+notInNames.ReplaceAllString(strings.ToUpper(key), "_")+"="+o.All[key])
	}
	return set
}

// goTest runs the tests of a pattern of packages. At least one test must pass, and none may
// fail. It returns those that passed. Their output goes to cfg.Stdout as it arrives.
func goTest(ctx context.Context, cfg project.Config, pattern string, set []string) ([]evidence.SmokeCheck, error) {
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		test := gocmd.In(cfg.Dir, set...)
		test.Stdout, test.Stderr = writer, cfg.Stderr
		err := test.Run(ctx, "test", "-json", "-count=1", "-vet=off", pattern)
		_ = writer.Close() // it never fails
		ended <- err
	}()
	checks, skipped, err := readTests(reader, cfg.Stdout)
	// The command must not wait for a reader that has given up.
	_ = reader.CloseWithError(err)
	err = errors.Join(err, <-ended)
	switch {
	case err != nil:
		return checks, fmt.Errorf("go test %s: %w", pattern, err)
	case len(checks) == 0 && skipped > 0:
		return nil, fmt.Errorf("go test %s: all %d tests were skipped", pattern, skipped)
	case len(checks) == 0:
		return nil, fmt.Errorf("go test %s: there are no tests", pattern)
	}
	return checks, nil
}

// readTests reads the output of go test -json (see go doc test2json). It returns the tests
// that passed, and the number of tests that were skipped.
func readTests(events io.Reader, out io.Writer) (checks []evidence.SmokeCheck, skipped int, err error) {
	decoder := json.NewDecoder(events)
	for {
		var e struct {
			Action, Package, Test, Output string
			Elapsed                       float64 // in seconds
		}
		if err := decoder.Decode(&e); errors.Is(err, io.EOF) {
			return checks, skipped, nil
		} else if err != nil {
			return checks, skipped, fmt.Errorf("reading go test -json: %w", err)
		}
		switch {
		case strings.HasSuffix(e.Action, "output"):
			if _, err := io.WriteString(out, e.Output); err != nil {
				return checks, skipped, err
			}
		case e.Test == "":
		case e.Action == "pass":
			checks = append(checks, evidence.SmokeCheck{Name: e.Test, Method: "TEST", Status: 200, Milliseconds: e.Elapsed * 1000})
		case e.Action == "skip":
			skipped++
		}
	}
}
