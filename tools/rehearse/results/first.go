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
	// failed begins a line that says what failed, as go test and the targets
	// write it.
	failed = regexp.MustCompile(`^\s*(?:--- FAIL:|FAIL\s|UNKNOWN\s|panic: |fatal error: |Error: |\S+: FAILED)`)
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
		end := i + 1
		// What is indented further belongs to it, and so do other places.
		for end < len(lines) && end-i < most && (indent(lines[end]) > indent(line) || place.MatchString(lines[end]) || strings.HasPrefix(lines[end], "  next: ")) {
			end++
		}
		for j := i; j < end; j++ {
			if len(lines[j]) > width {
				lines[j] = strings.ToValidUTF8(lines[j][:width], "") + " ..."
			}
		}
		return strings.Join(lines[i:end], "\n") + "\n"
	}
	return Lines(log, most)
}

func indent(line string) int {
	if strings.TrimSpace(line) == "" {
		return 0
	}
	return len(line) - len(strings.TrimLeft(line, " \t"))
}
