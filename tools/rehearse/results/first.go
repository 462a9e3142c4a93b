package results

import (
	"regexp"
	"slices"
	"strings"
)

const (
	// most is how many lines of a log are shown as its first error.
	most = 12
	// width is how much of a line is shown.
	width = 400
)

var (
	// place begins a line with a file, a line and perhaps a column, as compilers
	// and linters write it.
	place = regexp.MustCompile(`^\s*(?:vet: )?[^\s:]+\.[A-Za-z0-9]+:\d+(?::\d+)?: \S`)
	// failed begins a line that says what failed, as go test, the CDK and the
	// targets write it.
	failed = regexp.MustCompile(`^\s*(?:--- FAIL[: ]|\[Error at |FAIL\s|panic: |fatal error: |Error: |\S+: FAILED)`)
	// undecided begins a line on what could not be decided. It is the reason only
	// where nothing has failed: sec and readiness name such checks before others.
	undecided = regexp.MustCompile(`^\s*UNKNOWN\s`)
)

// FirstError returns the lines of a log that say first what failed: a place in a
// file, or a failed test or check, with what belongs to it. If there is no such
// line, it returns what could not be decided, and else the last lines.
func FirstError(log string) string {
	lines := strings.Split(strings.TrimRight(log, "\n"), "\n")
	for _, begins := range []func(string) bool{
		func(line string) bool { return place.MatchString(line) || failed.MatchString(line) },
		undecided.MatchString,
	} {
		if i := slices.IndexFunc(lines, begins); i >= 0 {
			return from(lines, i)
		}
	}
	return Lines(log, most)
}

// from returns a line and those that belong to it.
func from(lines []string, i int) string {
	shown := []string{clip(lines[i])}
	for _, next := range lines[i+1:] {
		if strings.HasPrefix(next, "=== ") {
			continue // go test begins a test, or goes on with it
		}
		if len(shown) == most || !belongs(next, lines[i]) {
			break
		}
		shown = append(shown, clip(next))
	}
	return strings.Join(shown, "\n") + "\n"
}

// belongs reports whether a line says more of what an earlier one began: it is
// indented further, another place, or go test's own word on the test.
func belongs(line, begun string) bool {
	return indent(line) > indent(begun) || place.MatchString(line) || strings.HasPrefix(line, "--- FAIL")
}

func clip(line string) string {
	if len(line) <= width {
		return line
	}
	return strings.ToValidUTF8(line[:width], "") + " ..."
}

func indent(line string) int {
	if strings.TrimSpace(line) == "" {
		return 0
	}
	return len(line) - len(strings.TrimLeft(line, " \t"))
}
