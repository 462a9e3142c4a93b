package results

import (
	"regexp"
	"slices"
	"strings"
)

const (
	// most is the number of lines of a log that are shown as its first error.
	most = 12
	// width is the number of characters of a line that are shown.
	width = 400
)

var (
	// place matches a line that begins with a file, a line and possibly a column, as
	// compilers and linters write it.
	place = regexp.MustCompile(`^\s*(?:vet: )?[^\s:]+\.[A-Za-z0-9]+:\d+(?::\d+)?: \S`)
	// failed matches a line that says what failed, as go test, the CDK and the targets write
	// it.
	failed = regexp.MustCompile(`^\s*(?:--- FAIL[: ]|\[Error at |FAIL\s|panic: |fatal error: |Error: |\S+: FAILED)`)
	// undecided matches a line about something that could not be decided. It is only the
	// reason if nothing has failed, because sec and readiness list such checks first.
	undecided = regexp.MustCompile(`^\s*UNKNOWN\s`)
)

// FirstError returns the lines of a log that first say what failed: a place in a file, or a
// failed test or check, with the lines that belong to it. If there is no such line, it
// returns what could not be decided, or otherwise the last lines.
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

// from returns a line and the lines that belong to it.
func from(lines []string, i int) string {
	shown := []string{clip(lines[i])}
	for _, next := range lines[i+1:] {
		if strings.HasPrefix(next, "=== ") {
			continue // go test begins a test, or continues it
		}
		if len(shown) == most || !belongs(next, lines[i]) {
			break
		}
		shown = append(shown, clip(next))
	}
	return strings.Join(shown, "\n") + "\n"
}

// belongs reports whether a line continues what an earlier line began: it is indented
// further, it is another place, or it is go test's own line about the test.
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
