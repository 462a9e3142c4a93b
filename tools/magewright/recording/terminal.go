package main

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A style says how a character is painted.
type style struct {
	colour    int // SGR 30 to 37, or 0
	dim, bold bool
}

// with returns the style after a sequence. See ECMA-48, SGR.
func (s style) with(sequence string) style {
	for code := range strings.SplitSeq(sequence, ";") {
		n, err := strconv.Atoi(code)
		switch {
		case err != nil, n == 0:
			s = style{}
		case n == 1:
			s.bold = true
		case n == 2:
			s.dim = true
		case n == 22:
			s.bold, s.dim = false, false
		case n == 39:
			s.colour = 0
		case n >= 30 && n <= 37:
			s.colour = n
		case n >= 90 && n <= 97:
			s.colour = n - 60
		}
	}
	return s
}

// A cell has a character.
type cell struct {
	char  rune
	style style
}

// A terminal is the screen of a terminal, as far as our targets use it: it scrolls, wraps,
// moves its cursor and erases. See ECMA-48.
type terminal struct {
	columns, rows int
	lines         [][]cell
	row, column   int
	style         style
	pending       []byte // the beginning of an incomplete character or sequence
}

func newTerminal(columns, rows int) *terminal {
	return &terminal{columns: columns, rows: rows, lines: make([][]cell, rows)}
}

// Write implements [io.Writer].
func (t *terminal) Write(data []byte) (int, error) {
	text := slices.Concat(t.pending, data)
	for len(text) > 0 {
		n := t.next(text)
		if n == 0 {
			break
		}
		text = text[n:]
	}
	t.pending = slices.Clone(text)
	return len(data), nil
}

// next handles a character or a sequence, and returns how many bytes it has: 0 if it is not
// complete.
func (t *terminal) next(text []byte) int {
	switch text[0] {
	case '\x1b':
		return t.escape(text)
	case '\n':
		t.feed()
	case '\r':
		t.column = 0
	case '\b':
		t.column = max(0, t.column-1)
	case '\t':
		t.column = min(t.columns-1, t.column/8*8+8)
	default:
		if !utf8.FullRune(text) {
			return 0
		}
		r, n := utf8.DecodeRune(text)
		if r >= ' ' && r != 0x7f {
			t.put(r)
		}
		return n
	}
	return 1
}

// escape handles an escape sequence.
func (t *terminal) escape(text []byte) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case '[':
		for i, b := range text[2:] {
			if b >= '@' && b <= '~' {
				t.control(string(text[2:2+i]), b)
				return 2 + i + 1
			}
		}
		return 0
	case ']':
		// An operating system command ends with BEL or ST: a title, a link.
		for i := 2; i < len(text); i++ {
			if text[i] == '\a' {
				return i + 1
			}
			if text[i] == '\\' && text[i-1] == '\x1b' {
				return i + 1
			}
		}
		return 0
	}
	return 2
}

// control executes a control sequence.
func (t *terminal) control(parameters string, final byte) {
	n, err := strconv.Atoi(parameters)
	if err != nil {
		n = 0
	}
	switch final {
	case 'm':
		t.style = t.style.with(parameters)
	case 'A':
		t.row = max(0, t.row-max(1, n))
	case 'B':
		t.row = min(t.rows-1, t.row+max(1, n))
	case 'C':
		t.column = min(t.columns-1, t.column+max(1, n))
	case 'D':
		t.column = max(0, t.column-max(1, n))
	case 'G':
		t.column = min(t.columns, max(1, n)) - 1
	case 'J':
		t.cut()
		clear(t.lines[t.row+1:])
	case 'K':
		t.cut()
	}
}

// cut removes the rest of the cursor's line.
func (t *terminal) cut() {
	line := t.lines[t.row]
	t.lines[t.row] = slices.Clone(line[:min(t.column, len(line))])
}

// feed goes to the next line. If there is none, the first line leaves the screen.
func (t *terminal) feed() {
	if t.row++; t.row == t.rows {
		t.row--
		t.lines = append(t.lines[1:], nil)
	}
}

func (t *terminal) put(r rune) {
	if t.column == t.columns {
		t.column = 0
		t.feed()
	}
	line := t.lines[t.row]
	for len(line) <= t.column {
		line = append(line, cell{char: ' '})
	}
	line[t.column] = cell{r, t.style}
	t.lines[t.row] = line
	t.column++
}

// screen returns the visible lines, each as a series of texts in one style.
func (t *terminal) screen() [][]span {
	seen := make([][]span, 0, t.rows)
	for _, line := range t.lines {
		seen = append(seen, spans(line))
	}
	return seen
}

// A span is a part of a line in one style.
type span struct {
	style style
	at    int // the column of its first character
	text  string
}

// spans returns the parts of a line, without the blanks around each.
func spans(line []cell) []span {
	var all []span
	for i, c := range line {
		if last := len(all) - 1; last >= 0 && all[last].style == c.style {
			all[last].text += string(c.char)
			continue
		}
		all = append(all, span{c.style, i, string(c.char)})
	}
	var visible []span
	for _, s := range all {
		text := strings.TrimLeft(s.text, " ")
		s.at += len(s.text) - len(text)
		if s.text = strings.TrimRight(text, " "); s.text != "" {
			visible = append(visible, s)
		}
	}
	return visible
}
