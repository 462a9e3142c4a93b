package results

import (
	"regexp"
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
	failed = regexp.MustCompile(`^\s*(?:--- FAIL[: ]|\[Error at |FAIL\s|UNKNOWN\s|panic: |fatal error: |Error: |\S+: FAILED)`)
)

// FirstError returns the lines of a log that say first what failed: a place in a
// file, or a failed test or check, with what belongs to it. If there is no such
// line, it returns the last ones.
func FirstError(log string) string {
	lines := strings.Split(strings.TrimRight(log, "\n"), "\n")
	for i, line := range lines {
		if !place.MatchString(line) && !failed.MatchString(line) {
			continue
		}
		shown := []string{clip(line)}
		for _, next := range lines[i+1:] {
			if strings.HasPrefix(next, "=== ") {
				continue // go test begins a test, or goes on with it
			}
			if len(shown) == most || !belongs(next, line) {
				break
			}
			shown = append(shown, clip(next))
		}
		return strings.Join(shown, "\n") + "\n"
	}
	return Lines(log, most)
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
