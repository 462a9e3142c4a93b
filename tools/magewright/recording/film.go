package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// The sizes of a character, of the margin and of the title bar, in pixels.
const (
	charWidth, lineHeight = 8, 18
	margin, bar           = 16, 36
)

// pictures is the maximum number of pictures in each second of the film. still is how long
// the last one stays.
const (
	pictures = 4
	still    = 5 * time.Second
)

// colours are the colours of the background, the text, and SGR 30 to 37. They have a contrast
// of at least 4.5 on their background (WCAG 2.2, 1.4.3).
var (
	dark  = palette{ground: "#0d1117", text: "#e6edf3", quiet: "#8b949e", colours: [8]string{"#8b949e", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#e6edf3"}}
	light = palette{ground: "#f6f8fa", text: "#1f2328", quiet: "#59636e", colours: [8]string{"#1f2328", "#b3261e", "#116329", "#7d4e00", "#0550ae", "#6639ba", "#1b6170", "#424a53"}}
)

type palette struct {
	ground, text, quiet string
	colours             [8]string
}

// css returns the rules of a palette.
func (p palette) css() string {
	var b strings.Builder
	fmt.Fprintf(&b, ".g{fill:%s}text{fill:%s}.q{fill:%s}", p.ground, p.text, p.quiet)
	for i, c := range p.colours {
		fmt.Fprintf(&b, ".c%d{fill:%s}", 30+i, c)
	}
	return b.String()
}

// A frame is a picture of the film.
type frame struct {
	at    time.Duration // time in the film
	after time.Duration // time since the command began
	lines []int         // the screen's lines, by their numbers in the film; -1 is an empty line
}

// A reel collects the pictures. Identical lines are drawn once.
type reel struct {
	numbers map[string]int
	drawn   []string
	frames  []frame
}

// add adds a picture.
func (r *reel) add(at, after time.Duration, screen [][]span) {
	f := frame{at: at, after: after}
	for _, line := range screen {
		f.lines = append(f.lines, r.line(line))
	}
	r.frames = append(r.frames, f)
}

// line returns the number of a line.
func (r *reel) line(line []span) int {
	if len(line) == 0 {
		return -1
	}
	var b bytes.Buffer
	for _, s := range line {
		class := s.class()
		fmt.Fprintf(&b, `<text x="%d" textLength="%d"%s>`, s.at*charWidth, utf8.RuneCountInString(s.text)*charWidth, class)
		// A buffer accepts everything.
		_ = xml.EscapeText(&b, []byte(s.text))
		b.WriteString("</text>")
	}
	drawn := b.String()
	if n, ok := r.numbers[drawn]; ok {
		return n
	}
	r.numbers[drawn] = len(r.drawn)
	r.drawn = append(r.drawn, drawn)
	return len(r.drawn) - 1
}

// class returns the attribute that says how a span is painted.
func (s span) class() string {
	var classes []string
	if s.style.colour != 0 {
		classes = append(classes, fmt.Sprintf("c%d", s.style.colour))
	} else if s.style.dim {
		classes = append(classes, "q")
	}
	if s.style.bold {
		classes = append(classes, "b")
	}
	if classes == nil {
		return ""
	}
	return ` class="` + strings.Join(classes, " ") + `"`
}

// film draws a take. It plays all of it in the given length, at one speed. The time that
// really passed is written above it.
func (t take) film(command string, columns, rows int, length time.Duration) []byte {
	screen := newTerminal(columns, rows)
	r := reel{numbers: map[string]int{}}
	_, _ = fmt.Fprintf(screen, "$ %s\r\n", command) // it accepts everything
	count := int(length.Seconds() * pictures)
	next := 0
	for i := range count + 1 {
		after := t.took * time.Duration(i) / time.Duration(count)
		for ; next < len(t.chunks) && (t.chunks[next].after <= after || i == count); next++ {
			_, _ = screen.Write(t.chunks[next].text) // as above
		}
		r.add(length*time.Duration(i)/time.Duration(count), after, screen.screen())
	}
	return r.draw(command, columns, rows, length, t.took)
}

// draw returns the film. Its pictures are side by side on a strip that moves, and only one of
// them is in the window. If nothing moves, the last picture is visible: in print, and for
// readers who prefer less motion.
func (r *reel) draw(command string, columns, rows int, length, took time.Duration) []byte {
	width, height := 2*margin+columns*charWidth, bar+margin+rows*lineHeight
	whole := length + still
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img" aria-labelledby="title">`+"\n", width, height)
	b.WriteString(`<title id="title">A terminal: `)
	_ = xml.EscapeText(&b, []byte(command)) // a buffer accepts everything
	fmt.Fprintf(&b, " in %s</title>\n<style>", minutes(took))
	b.WriteString("text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:13px;white-space:pre}.b{font-weight:bold}")
	b.WriteString(dark.css())
	fmt.Fprintf(&b, "@media(prefers-color-scheme:light){%s}", light.css())
	fmt.Fprintf(&b, ".s{transform:translateX(-%dpx);animation:s %.1fs step-end infinite}@keyframes s{", (len(r.frames)-1)*width, whole.Seconds())
	for i, f := range r.frames {
		fmt.Fprintf(&b, "%.2f%%{transform:translateX(-%dpx)}", 100*f.at.Seconds()/whole.Seconds(), i*width)
	}
	b.WriteString("}@media print,(prefers-reduced-motion:reduce){.s{animation:none}}</style>\n<defs>\n")
	for i, line := range r.drawn {
		fmt.Fprintf(&b, `<g id="l%d">%s</g>`+"\n", i, line)
	}
	fmt.Fprintf(&b, "</defs>\n"+`<rect class="g" width="%d" height="%d" rx="8"/>`+"\n", width, height)
	for i, c := range []int{31, 33, 32} {
		fmt.Fprintf(&b, `<circle class="c%d" cx="%d" cy="18" r="5"/>`, c, margin+6+i*18)
	}
	b.WriteString("\n" + `<g class="s">` + "\n")
	for i, f := range r.frames {
		fmt.Fprintf(&b, `<g transform="translate(%d)">`, i*width)
		fmt.Fprintf(&b, `<text class="q" x="%d" y="22" text-anchor="end">%s, %.0f times as fast</text>`, width-margin, minutes(f.after), max(1, took.Seconds()/length.Seconds()))
		for row, line := range f.lines {
			if line >= 0 {
				fmt.Fprintf(&b, `<use href="#l%d" x="%d" y="%d"/>`, line, margin, bar+(row+1)*lineHeight-5)
			}
		}
		b.WriteString("</g>\n")
	}
	b.WriteString("</g>\n</svg>\n")
	return b.Bytes()
}

// minutes formats a time like 2m04s.
func minutes(d time.Duration) string {
	d = d.Round(time.Second)
	return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
}
