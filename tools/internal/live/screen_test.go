package live

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// A terminal is one as far as a screen uses it: it moves up, clears, wraps what is too
// long, and leaves out colours.
type terminal struct {
	width int
	lines []string // as they are seen
	kept  int      // how often all lines were erased at once, which terminals keep
}

func (t *terminal) write(written string) {
	if len(t.lines) == 0 {
		t.lines = []string{""}
	}
	for written != "" {
		last := len(t.lines) - 1
		switch {
		case strings.HasPrefix(written, "\x1b["):
			end := strings.IndexAny(written, "ABJKm")
			n, _ := strconv.Atoi(written[2:end])
			switch written[end] {
			case 'A':
				t.lines = t.lines[:max(1, len(t.lines)-n)]
			case 'B':
				t.lines = append(t.lines, make([]string, n)...)
			case 'J':
				if len(t.lines) == 1 {
					t.kept++
				}
				t.lines[last] = ""
			case 'K':
				t.lines[last] = ""
			}
			written = written[end+1:]
			continue
		case written[0] == '\n':
			t.lines = append(t.lines, "")
		case written[0] == '\r':
		default:
			r := []rune(written)[0]
			if len([]rune(t.lines[last])) == t.width {
				t.lines = append(t.lines, "")
				last++
			}
			t.lines[last] += string(r)
			written = written[len(string(r)):]
			continue
		}
		written = written[1:]
	}
}

// resize wraps the lines again, as terminals do.
func (t *terminal) resize(width int) {
	before := t.lines
	t.width, t.lines = width, nil
	for i, line := range before {
		if i > 0 {
			t.write("\n")
		}
		t.write(line)
	}
}

func (t *terminal) shows() string { return strings.Join(t.lines, "\n") }

// TestScreen holds that what others write stays, that the newest block is below it, that
// no line wraps, and that nothing is left of a block in a window that was narrowed.
func TestScreen(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	term := &terminal{width: 12}
	s := &Screen{out: &out, size: func() (int, int) { return term.width, 4 }}
	seen := func(want string) {
		t.Helper()
		term.write(out.String())
		out.Reset()
		if got := term.shows(); got != want {
			t.Errorf("the terminal shows\n%s\nwant\n%s", got, want)
		}
	}
	fmt.Fprint(s, "first\n")
	s.Show([]string{"a block that is too wide", "two"})
	seen("first\na block tha\ntwo\n")
	fmt.Fprint(s, "second\nhal")
	seen("first\nsecond\nhal")
	s.Show([]string{"\x1b[31mnewer and wider\x1b[0m"})
	seen("first\nsecond\nhal")
	fmt.Fprint(s, "f\n")
	seen("first\nsecond\nhalf\nnewer and w\n")
	s.Show([]string{"\x1b[31mnewer and wider\x1b[0m"})
	if out.Len() > 0 {
		t.Errorf("the same block is drawn again: %q", out.String())
	}
	term.resize(6)
	s.Show([]string{"small"})
	seen("first\nsecond\nhalf\nsmall\n")
	s.Show([]string{"1", "2", "3", "4", "5"})
	seen("first\nsecond\nhalf\n1\n2\n3\n") // a line is the cursor's
	s.Pause()
	fmt.Fprint(s, "ask\n")
	s.Show([]string{"hidden"})
	seen("first\nsecond\nhalf\n1\n2\n3\nask\n")
	s.Resume()
	seen("first\nsecond\nhalf\n1\n2\n3\nask\nhidde\n")
	s.Leave()
	fmt.Fprint(s, "end\n")
	seen("first\nsecond\nhalf\n1\n2\n3\nask\nhidde\nend\n")
	var plain bytes.Buffer
	quiet := NewScreen(&plain)
	quiet.Show([]string{"block"})
	if _, err := quiet.Write([]byte("line\n")); err != nil || plain.String() != "line\n" || quiet.Live() {
		t.Errorf("without a terminal it is %q, %v", plain.String(), err)
	}
}

// TestNothingIsKept holds that a block that begins in the window's first line leaves no copy
// of itself to scroll back to.
func TestNothingIsKept(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	term := &terminal{width: 12}
	s := &Screen{out: &out, size: func() (int, int) { return term.width, 4 }}
	s.Show([]string{"1", "2", "3"})
	s.Show([]string{"1", "3"})
	fmt.Fprint(s, "said\n")
	s.Show([]string{"4"})
	term.write(out.String())
	if got, want := term.shows(), "said\n4\n"; got != want || term.kept > 0 {
		t.Errorf("the terminal shows\n%s\nwant\n%s\nand has kept %d copies", got, want, term.kept)
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        "",
		"one\ntwo\n\n":            "two",
		"\x1b[32mok\x1b[0m\tdone": "ok done",
		"10 %\r20 %\r":            "20 %",
		"\x1b[2K\x1b[1A":          "",
		"first\n\x1b[?25h\x07":    "first",
	} {
		if got := Plain(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
