package buildspec

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/magewright/magewright/tools/internal/clock"
)

// shortestMask is the length in bytes below which a secret is not masked.
// Masking every "1" would hide the whole log.
const shortestMask = 4

// A logger writes complete lines, with secrets masked.
type logger struct {
	clock clock.Clock
	mask  *strings.Replacer

	mu  sync.Mutex
	out io.Writer
	err error // the first write error; the build continues without its log
}

func newLogger(out io.Writer, c clock.Clock, secrets []string) *logger {
	var parts []string
	for _, s := range secrets {
		// A secret of several lines appears in the output line by line.
		for line := range strings.Lines(s) {
			if line = strings.TrimRight(line, "\r\n"); len(line) >= shortestMask {
				parts = append(parts, line)
			}
		}
	}
	slices.SortFunc(parts, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	pairs := make([]string, 0, 2*len(parts))
	for _, p := range slices.Compact(parts) {
		pairs = append(pairs, p, "***")
	}
	return &logger{clock: c, mask: strings.NewReplacer(pairs...), out: out}
}

// line writes a line of a command's output.
func (l *logger) line(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out == nil || l.err != nil {
		return
	}
	_, l.err = io.WriteString(l.out, l.mask.Replace(text)+"\n")
}

// say writes a line as CodeBuild's agent does.
func (l *logger) say(format string, args ...any) {
	l.line("[Container] " + l.clock.Now().UTC().Format("2006/01/02 15:04:05.000000") + " " + fmt.Sprintf(format, args...))
}

// The marks in an output stream have the form: mark, a text, mark, newline.
const mark = '\x1e'

// longestLine is the length at which a line without a newline is cut.
const longestLine = 64 << 10

// A splitter turns a stream into lines. It removes the marks that the shell and
// its keeper put between the outputs of two commands.
type splitter struct {
	token  string // prefix of our marks; other marks are output
	line   func(string)
	marked func(text string)
	buf    []byte
}

func (s *splitter) write(p []byte) {
	s.buf = append(s.buf, p...)
	for {
		end := bytes.IndexByte(s.buf, '\n')
		if end < 0 {
			if len(s.buf) >= longestLine {
				s.line(string(s.buf))
				s.buf = s.buf[:0]
			}
			return
		}
		s.full(s.buf[:end])
		s.buf = s.buf[end+1:]
	}
}

func (s *splitter) full(line []byte) {
	start := bytes.Index(line, []byte(string(mark)+s.token+" "))
	if start < 0 || line[len(line)-1] != mark {
		s.line(string(bytes.TrimSuffix(line, []byte("\r"))))
		return
	}
	// The output before the mark did not end with a newline.
	if start > 0 {
		s.line(string(line[:start]))
	}
	s.marked(string(line[start+len(s.token)+2 : len(line)-1]))
}

func (s *splitter) end() {
	if len(s.buf) > 0 {
		s.full(s.buf)
		s.buf = nil
	}
}
