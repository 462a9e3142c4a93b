package patchcover

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// diffArgs are the arguments with which git compares two trees. They override what a user or
// the repository has configured. For example, an attribute that declares Go files as binary
// would hide them.
//
// Git marks moved lines with colours: they are blue.
var diffArgs = []string{
	"-c", "core.quotePath=false",
	"-c", "color.diff.new=green", "-c", "color.diff.old=red",
	"-c", "color.diff.newMoved=blue", "-c", "color.diff.newMovedAlternative=blue",
	"-c", "color.diff.newMovedDimmed=blue", "-c", "color.diff.newMovedAlternativeDimmed=blue",
	"-c", "color.diff.oldMoved=red", "-c", "color.diff.oldMovedAlternative=red",
	"-c", "color.diff.oldMovedDimmed=red", "-c", "color.diff.oldMovedAlternativeDimmed=red",
	"-c", "color.diff.meta=bold", "-c", "color.diff.frag=cyan", "-c", "color.diff.func=cyan", "-c", "color.diff.context=cyan",
	"diff", "--unified=0", "--inter-hunk-context=0", "--color=always", "--color-moved=blocks", "--color-moved-ws=no",
	"--ws-error-highlight=none", "--no-ext-diff", "--no-textconv", "--text", "--find-renames", "--no-relative",
	"--src-prefix=a/", "--dst-prefix=b/",
}

const movedColour = "34"

// A Change is a file that differs, with the lines that were added and removed.
type Change struct {
	Path    string // "" if the file was removed
	Old     string // "" if the file is new
	Added   []Line
	Removed []Line
}

// A Line is a line of a file.
type Line struct {
	Number int // counted from 1
	Text   string
	Moved  bool // it was in another place before
}

// ParseDiff reads git's output for [diffArgs].
func ParseDiff(r io.Reader) ([]Change, error) {
	p := diffParser{}
	in := bufio.NewReader(r)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			if err := p.line(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
				return nil, fmt.Errorf("reading git diff: line %d: %w: %.200q", n, err, line)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading git diff: %w", err)
		}
	}
	if p.removed+p.added > 0 {
		return nil, errors.New("reading git diff: it ends within a hunk")
	}
	claimMoves(p.changes)
	return p.changes, nil
}

type diffParser struct {
	changes          []Change
	removed, added   int // remaining lines of the hunk
	oldLine, newLine int
}

var (
	colours = regexp.MustCompile(`^(?:\x1b\[[\d;]*m)*`)
	colour  = regexp.MustCompile(`\x1b\[[\d;]*m`)
	hunk    = regexp.MustCompile(`^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@`)
)

func (p *diffParser) line(line []byte) error {
	prefix := colours.Find(line)
	rest := line[len(prefix):]
	if p.removed+p.added > 0 {
		return p.hunkLine(string(prefix), rest)
	}
	text := string(colour.ReplaceAll(rest, nil))
	if strings.HasPrefix(text, "diff --git ") {
		p.changes = append(p.changes, Change{})
		return nil
	}
	if len(p.changes) == 0 {
		return errors.New("expected diff --git")
	}
	current := &p.changes[len(p.changes)-1]
	if m := hunk.FindStringSubmatch(text); m != nil {
		var err error
		p.oldLine, p.removed, err = hunkRange(m[1], m[2])
		if err == nil {
			p.newLine, p.added, err = hunkRange(m[3], m[4])
		}
		return err
	}
	for _, header := range []struct {
		prefix, directory string
		into              *string
	}{
		{"--- ", "a/", &current.Old}, {"+++ ", "b/", &current.Path},
		{"rename from ", "", &current.Old}, {"rename to ", "", &current.Path},
	} {
		if name, ok := strings.CutPrefix(text, header.prefix); ok {
			name, err := fileName(name, header.directory)
			*header.into = name
			return err
		}
	}
	if strings.HasPrefix(text, "Binary files ") {
		return errors.New("git treats a Go file as binary")
	}
	return nil // modes, similarity, index
}

func hunkRange(start, length string) (from, n int, err error) {
	if length == "" {
		length = "1"
	}
	from, err = strconv.Atoi(start)
	if err == nil {
		n, err = strconv.Atoi(length)
	}
	return from, n, err
}

// fileName reads a file name. Git quotes unusual names as C does, and ends names with spaces
// with a tab.
func fileName(name, directory string) (string, error) {
	name = strings.TrimSuffix(name, "\t")
	if name == "/dev/null" {
		return "", nil
	}
	if strings.HasPrefix(name, `"`) {
		unquoted, err := strconv.Unquote(name)
		if err != nil {
			return "", err
		}
		name = unquoted
	}
	name, ok := strings.CutPrefix(name, directory)
	if !ok {
		return "", fmt.Errorf("the name does not begin with %s", directory)
	}
	return name, nil
}

func (p *diffParser) hunkLine(prefix string, rest []byte) error {
	if len(rest) == 0 {
		return errors.New("expected a line of a hunk")
	}
	current := &p.changes[len(p.changes)-1]
	text := string(colour.ReplaceAll(rest[1:], nil))
	switch rest[0] {
	case '+':
		current.Added = append(current.Added, Line{p.newLine, text, strings.Contains(prefix, "["+movedColour+"m")})
		p.newLine, p.added = p.newLine+1, p.added-1
	case '-':
		current.Removed = append(current.Removed, Line{Number: p.oldLine, Text: text})
		p.oldLine, p.removed = p.oldLine+1, p.removed-1
	case ' ':
		p.newLine, p.added = p.newLine+1, p.added-1
		p.oldLine, p.removed = p.oldLine+1, p.removed-1
	case '\\': // the file has no newline at its end
	default:
		return errors.New("expected a line of a hunk")
	}
	if p.removed < 0 || p.added < 0 {
		return errors.New("the hunk is longer than it says")
	}
	return nil
}

// claimMoves matches each removed line with at most one moved line. A line that was removed
// once and added twice was moved once and is new once. A line that was not part of a program
// before is new.
func claimMoves(changes []Change) {
	left := map[string]int{}
	for _, c := range changes {
		if !isProduction(c.Old) {
			continue
		}
		for _, line := range c.Removed {
			left[line.Text]++
		}
	}
	for _, c := range changes {
		for i := range c.Added {
			line := &c.Added[i]
			if !line.Moved {
				continue
			}
			left[line.Text]--
			line.Moved = left[line.Text] >= 0
		}
	}
}
