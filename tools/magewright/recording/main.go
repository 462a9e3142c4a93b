// Command recording draws the screen of a terminal as SVG: text with the colours of
// ECMA-48 on standard input, as tmux capture-pane -ep prints it. It makes pictures
// for documents from real runs; CONTRIBUTING says how.
package main

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"
)

func main() {
	picture, err := draw(os.Stdin)
	if err == nil {
		_, err = os.Stdout.Write(picture)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "recording:", err)
		os.Exit(1)
	}
}

// The measures of a character, and of the margin, in pixels.
const (
	charWidth, lineHeight = 8, 18
	margin                = 16
)

// colours are those of SGR 30 to 37, as they are read on a dark ground.
var colours = map[int]string{30: "#6e7681", 31: "#ff7b72", 32: "#3fb950", 33: "#d29922", 34: "#58a6ff", 35: "#bc8cff", 36: "#39c5cf", 37: "#e6edf3"}

// A span is a part of a line in one style.
type span struct {
	text   string
	colour string
	dim    bool
	bold   bool
}

// draw returns the picture of a screen. Empty lines at its end are left out.
func draw(screen io.Reader) ([]byte, error) {
	var lines [][]span
	scanner := bufio.NewScanner(screen)
	scanner.Buffer(nil, 1<<20)
	style := span{}
	for scanner.Scan() {
		var line []span
		line, style = parse(strings.TrimRight(scanner.Text(), " \r"), style)
		lines = append(lines, line)
	}
	if err := scanner.Err(); err != nil {
		return nil, err
	}
	for len(lines) > 0 && len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	columns := 1
	for _, line := range lines {
		n := 0
		for _, s := range line {
			n += utf8.RuneCountInString(s.text)
		}
		columns = max(columns, n)
	}
	width, height := 2*margin+columns*charWidth, 2*margin+len(lines)*lineHeight
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img" aria-label="A terminal">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="8" fill="#0d1117"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13" fill="#e6edf3" xml:space="preserve">`+"\n")
	for i, line := range lines {
		column := 0
		for _, s := range line {
			n := utf8.RuneCountInString(s.text)
			if strings.TrimSpace(s.text) != "" {
				fmt.Fprintf(&b, `<text x="%d" y="%d" textLength="%d"%s>`, margin+column*charWidth, margin+(i+1)*lineHeight-5, n*charWidth, s.attributes())
				if err := xml.EscapeText(&b, []byte(s.text)); err != nil {
					return nil, err
				}
				b.WriteString("</text>\n")
			}
			column += n
		}
	}
	b.WriteString("</g>\n</svg>\n")
	return b.Bytes(), nil
}

func (s span) attributes() string {
	text := ""
	if s.colour != "" {
		text += ` fill="` + s.colour + `"`
	}
	if s.dim {
		text += ` opacity="0.6"`
	}
	if s.bold {
		text += ` font-weight="bold"`
	}
	return text
}

// parse returns the spans of a line, and the style at its end.
func parse(line string, style span) ([]span, span) {
	var spans []span
	for line != "" {
		text, rest, escaped := strings.Cut(line, "\x1b[")
		if text != "" {
			style.text = text
			spans = append(spans, style)
		}
		if !escaped {
			break
		}
		end := strings.IndexFunc(rest, func(r rune) bool { return r >= '@' && r <= '~' })
		if end < 0 {
			break
		}
		if rest[end] == 'm' {
			style = style.with(rest[:end])
		}
		line = rest[end+1:]
	}
	return spans, style
}

// with returns the style after a sequence. See ECMA-48, SGR.
func (s span) with(sequence string) span {
	for code := range strings.SplitSeq(sequence, ";") {
		n, err := strconv.Atoi(code)
		switch {
		case err != nil, n == 0:
			s = span{}
		case n == 1:
			s.bold = true
		case n == 2:
			s.dim = true
		case n == 22:
			s.bold, s.dim = false, false
		case n == 39:
			s.colour = ""
		case colours[n] != "":
			s.colour = colours[n]
		}
	}
	return s
}
