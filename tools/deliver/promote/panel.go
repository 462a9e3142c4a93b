package promote

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/magewright/magewright/tools/deliver/canary"
	"github.com/magewright/magewright/tools/deliver/canary/picture"
)

// A panel lets several writers share an output, a write at a time. On a
// terminal, a chart stays below what they write.
type panel struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool // whether there is a chart at all
	colour   bool
	width    func() int
	chart    []string
	shown    int  // lines of the chart that are on the terminal
	midway   bool // the last write did not end its line
}

func newPanel(w io.Writer) *panel {
	p := &panel{w: w}
	// A dumb terminal can't move its cursor. See terminfo(5).
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" { // #nosec G115 -- a file descriptor is small
		p.terminal, p.colour = true, os.Getenv("NO_COLOR") == ""
		p.width = func() int {
			width, _, err := term.GetSize(int(f.Fd())) // #nosec G115 -- a file descriptor is small
			if err != nil || width <= 0 {              // 0 is that of a terminal without a window
				return 80
			}
			return width
		}
	}
	return p
}

// Write implements [io.Writer].
func (p *panel) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	n, err := p.w.Write(data)
	if len(data) > 0 {
		p.midway = data[len(data)-1] != '\n'
	}
	p.draw()
	return n, err
}

// show puts a chart in the place of the one before; without lines there is
// none.
func (p *panel) show(lines []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	p.chart = lines
	p.draw()
}

// erase takes the chart away: up to its first line, and all below it.
// See ECMA-48, CUU and ED.
func (p *panel) erase() {
	if p.shown > 0 {
		_, _ = fmt.Fprintf(p.w, "\x1b[%dA\x1b[J", p.shown) // as lost as the chart, if it fails
		p.shown = 0
	}
}

func (p *panel) draw() {
	if !p.terminal || p.midway { // a line that is not ended must not be broken
		return
	}
	for _, line := range p.chart {
		_, _ = fmt.Fprintln(p.w, clip(line, p.width()-1)) // as above
		p.shown++
	}
}

// clip shortens a line: one that wraps would take two lines to erase. Escape
// sequences take no place.
func clip(line string, width int) string {
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

// The colours of verdicts: green, red and yellow.
// See ECMA-48, SGR.
var colours = map[canary.Verdict]string{canary.Pass: "32", canary.Fail: "31", canary.Inconclusive: "33"}

// chart returns the chart of a record: weights and rates of errors as bars.
func chart(r *picture.Record, colour bool) []string {
	var shares []float64
	for _, w := range r.Weights {
		shares = append(shares, w.New)
	}
	lines := []string{fmt.Sprintf("canary %s  version %s over %s, %s  weight %s %.0f %%", r.Deployment, r.New, r.Old, r.Status, bars(shares, 1), 100*r.Share())}
	for _, version := range []string{r.Old, r.New} {
		s := canary.Sum(r.Minutes[version])
		top, rates := 2*r.Limits.MaxErrorRate, []float64{}
		for _, m := range r.Minutes[version] {
			rates = append(rates, m.Rate())
		}
		lines = append(lines, fmt.Sprintf("  version %-4s %9s failed %5.1f %%  p90 %5.0f ms  %s", version, s.Count, 100*s.Rate(), s.P90, bars(rates, top)))
	}
	if r.Judgement == nil {
		return lines
	}
	verdict := r.Judgement.String()
	if colour {
		verdict = "\x1b[" + colours[r.Judgement.Verdict] + "m" + verdict + "\x1b[0m"
	}
	return append(lines, "  "+verdict)
}

// bars draws values between 0 and top, a character each.
func bars(values []float64, top float64) string {
	const levels = "▁▂▃▄▅▆▇█"
	n := utf8.RuneCountInString(levels)
	var b strings.Builder
	for _, v := range values {
		i := 0
		if top > 0 && v > 0 {
			i = min(int(v/top*float64(n-1)+0.999), n-1) // what is not nothing is seen
		}
		b.WriteRune([]rune(levels)[i])
	}
	return b.String()
}
