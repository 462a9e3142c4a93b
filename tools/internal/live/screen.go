// Package live shows progress. On a terminal, a few lines stay below what is written
// and are redrawn in place. Elsewhere, such as in the log of a build, a line is printed
// when something begins, when it ends, and now and then in between.
package live

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/term"
)

// A Screen lets several writers share an output, a write at a time. On a terminal, a
// block of lines stays below what they write. It never wraps, whatever the window's
// size becomes.
type Screen struct {
	mu     sync.Mutex
	out    io.Writer
	size   func() (width, height int) // nil if there is no terminal
	colour bool

	block  []string // what is to be shown
	drawn  []string // what is on the terminal
	midway bool     // the last write did not end its line
	paused bool
}

// NewScreen returns a screen on out. There is no block if out is no terminal, if TERM
// is dumb, because a dumb terminal can't move its cursor (terminfo(5)), or if
// MAGEFILE_VERBOSE (mage -v) asks for everything that is written. NO_COLOR leaves
// colours out.
func NewScreen(out io.Writer) *Screen {
	s := &Screen{out: out}
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || os.Getenv("TERM") == "dumb" || os.Getenv("MAGEFILE_VERBOSE") == "1" { // #nosec G115 -- a file descriptor is small
		return s
	}
	s.colour = os.Getenv("NO_COLOR") == ""
	s.size = func() (int, int) {
		// A terminal without a window has no size.
		if w, h, err := term.GetSize(int(file.Fd())); err == nil && w > 0 && h > 0 { // #nosec G115 -- as above
			return w, h
		}
		return 80, 24
	}
	return s
}

// Fake returns a screen on a terminal of a size, for tests.
func Fake(out io.Writer, colour bool, size func() (width, height int)) *Screen {
	return &Screen{out: out, size: size, colour: colour}
}

// Live reports whether there is a block that is redrawn.
func (s *Screen) Live() bool { return s.size != nil }

// Colour reports whether there are colours.
func (s *Screen) Colour() bool { return s.colour }

// Size returns the columns and lines of the window. It is asked each time, because a
// user resizes it.
func (s *Screen) Size() (width, height int) {
	if s.size == nil {
		return 80, 24
	}
	return s.size()
}

// Paint returns text in a colour, by its number of ECMA-48's SGR, if there are colours.
func (s *Screen) Paint(sgr, text string) string {
	if !s.colour || sgr == "" || text == "" {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[0m"
}

// Write implements [io.Writer]: what is written stays above the block.
func (s *Screen) Write(data []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	n, err := s.out.Write(data)
	if len(data) > 0 {
		s.midway = data[len(data)-1] != '\n'
	}
	s.draw()
	return n, err
}

// Show replaces the block. Nothing is written if it is what is there.
func (s *Screen) Show(lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.block = lines
	if s.size != nil && !s.paused && slices.Equal(s.fitting(), s.drawn) {
		return
	}
	s.erase()
	s.draw()
}

// Leave leaves the block where it is, as if it had been written.
func (s *Screen) Leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.block, s.drawn = nil, nil
}

// Pause leaves the terminal to somebody else until Resume.
func (s *Screen) Pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused, s.drawn = true, nil
}

// Resume draws the block again.
func (s *Screen) Resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = false
	s.draw()
}

// fitting returns the lines of the block that fit into the window, cut to its width.
// The last line is the cursor's.
func (s *Screen) fitting() []string {
	width, height := s.size()
	lines := s.block[:min(len(s.block), max(1, height-1))]
	fitting := make([]string, 0, len(lines))
	for _, line := range lines {
		// A terminal may wrap a line that is as long as the window is wide.
		fitting = append(fitting, Clip(line, max(1, width-1)))
	}
	return fitting
}

// erase takes the block away. In a window that was narrowed since, the terminal has
// wrapped its lines. See ECMA-48, CUU, EL, CUD and ED.
//
// The first line is erased apart from the others: if everything from the window's first line on
// is erased at once, terminals such as tmux keep it as lines to scroll back to. A block as
// high as the window would fill them with a copy of itself each second.
func (s *Screen) erase() {
	if len(s.drawn) == 0 {
		return
	}
	width, _ := s.size()
	rows := 0
	for _, line := range s.drawn {
		rows += max(1, (Width(line)+width-1)/width)
	}
	// As lost as the block, if it fails.
	_, _ = fmt.Fprintf(s.out, "\x1b[%dA\r\x1b[K\x1b[1B\x1b[J\x1b[1A", rows)
	s.drawn = nil
}

func (s *Screen) draw() {
	// A line that is not ended must not be broken.
	if s.size == nil || s.midway || s.paused || len(s.block) == 0 {
		return
	}
	s.drawn = s.fitting()
	_, _ = io.WriteString(s.out, strings.Join(s.drawn, "\n")+"\n") // as above
}

// Clip cuts a line at a width in columns. Escape sequences take no place, and are kept.
func Clip(line string, width int) string {
	var b strings.Builder
	escaped, column := false, 0
	for _, r := range line {
		switch {
		case r == '\x1b':
			escaped = true
		case escaped:
			escaped = r != 'm'
		case column >= width:
			continue
		default:
			column++
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Width returns how many columns a line takes.
func Width(line string) int {
	n, escaped := 0, false
	for _, r := range line {
		switch {
		case r == '\x1b':
			escaped = true
		case escaped:
			escaped = r != 'm'
		default:
			n++
		}
	}
	return n
}

// Plain returns the last line of a text that says something, without what moves cursors
// and paints: what a program writes is shown in a place of ours.
func Plain(text string) string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	for _, line := range slices.Backward(lines) {
		var b strings.Builder
		escaped := false
		for _, r := range line {
			switch {
			case r == '\x1b':
				escaped = true
			case escaped:
				escaped = r == '[' || r == ';' || r == '?' || r >= '0' && r <= '9'
			case r == '\t':
				b.WriteByte(' ')
			case r >= ' ' && r != utf8.RuneError && r != 0x7f:
				b.WriteRune(r)
			}
		}
		if said := strings.TrimSpace(b.String()); said != "" {
			return said
		}
	}
	return ""
}
