// Package picture draws the course of a canary: the share of the traffic, the errors and the
// latency of both versions in each minute, and the moment of the decision. promote leaves the
// picture as a file, and the console shows it while the canary runs.
package picture

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/deliver/canary"
)

// A Record is everything that is known about a canary. It is kept as .magewright/canary.json.
// All times are AWS's.
type Record struct {
	Deployment string        `json:"deployment"`
	Status     string        `json:"status"` // of CodeDeploy's deployment
	Function   string        `json:"function"`
	Alias      string        `json:"alias"`
	Old        string        `json:"old"` // versions
	New        string        `json:"new"`
	Start      time.Time     `json:"start"`  // of the shift
	Length     time.Duration `json:"length"` // until all traffic moves
	Weights    []Weight      `json:"weights"`
	// Minutes has what each version did, by version.
	Minutes   map[string][]canary.Minute `json:"minutes"`
	Limits    canary.Limits              `json:"limits"`
	Judgement *canary.Judgement          `json:"judgement"` // the last one; null if all traffic moved at once
	Extended  bool                       `json:"extended"`
	Decision  string                     `json:"decision,omitempty"` // to stop the deployment, or a person's decision to go on
	Sent      int                        `json:"sent"`               // how many requests promote sent while traffic shifted
	Failed    int                        `json:"failed"`
	Before    canary.Count               `json:"before"` // the same of the requests before that
}

// A Weight is the share of the traffic that the new version has from a certain time on.
type Weight struct {
	At  time.Time `json:"at"`
	New float64   `json:"new"`
}

// Weigh notes a weight if it differs from the last one.
func (r *Record) Weigh(at time.Time, share float64) {
	if n := len(r.Weights); n > 0 && r.Weights[n-1].New == share {
		return
	}
	r.Weights = append(r.Weights, Weight{at, share})
}

// Latest returns the newest minute that has any data.
func (r *Record) Latest() time.Time {
	var latest time.Time
	for _, minutes := range r.Minutes {
		if n := len(minutes); n > 0 && minutes[n-1].Start.After(latest) {
			latest = minutes[n-1].Start
		}
	}
	return latest
}

// Share returns the share of the traffic that the new version has now.
func (r *Record) Share() float64 {
	if len(r.Weights) == 0 {
		return 0
	}
	return r.Weights[len(r.Weights)-1].New
}

// Verdict says in one line how the canary ended.
func (r *Record) Verdict() string {
	switch {
	case r.Judgement != nil:
		return r.Judgement.String()
	case r.going():
		return "there is nothing to compare yet"
	case r.Length == 0:
		return "all traffic moved at once, so there was nothing to compare"
	default:
		return "the versions were not compared"
	}
}

// Width is the usual width of a picture in pixels, and narrowest the smallest one.
const (
	Width     = 800
	narrowest = 320
)

//go:embed canary.svg
var source string

var picture = template.Must(template.New("canary.svg").Parse(source))

// Sizes in pixels.
const (
	left, right = 52, 20
	line        = 18 // height of a line of text
	letter      = 7  // approximate width of a letter
	gap         = 14 // between plots
)

// A plot is one of the diagrams, which are drawn below each other.
type plot struct {
	Title       string
	Top, Bottom float64
	Ticks       []tick
	// New and Old are the courses of the two versions. Each has points where something was
	// measured.
	New, Old             string
	NewPoints, OldPoints []point
	Area                 string
	Limit                *tick
}

type tick struct {
	At     float64
	Text   string
	Anchor string // of a label on the time axis
}

type point struct{ X, Y float64 }

// A mark is a moment at which something was decided.
type mark struct {
	X      float64
	Text   string
	Anchor string
	TextX  float64
	Bad    bool
}

// text returns where the text of a mark begins and ends.
func (m mark) text() (from, to float64) {
	width := float64(len(m.Text)) * letter
	if m.Anchor == "end" {
		return m.TextX - width, m.TextX
	}
	return m.TextX, m.TextX + width
}

// A scale maps a time to a position.
type scale struct {
	from, to time.Time
	width    float64
}

func (s scale) x(t time.Time) float64 {
	share := float64(t.Sub(s.from)) / float64(s.to.Sub(s.from))
	return left + min(max(share, 0), 1)*(s.width-left-right)
}

// Draw writes the record as an SVG with a width in pixels.
func (r *Record) Draw(w io.Writer, width int) error {
	s := scale{width: float64(max(width, narrowest))}
	s.from, s.to = r.extent()
	headline, rest, _ := strings.Cut(r.Verdict(), "; ")
	var texts []tick
	for i, text := range append(wrap(headline, s.width-32), wrap(rest, s.width-32)...) {
		texts = append(texts, tick{At: float64(46 + i*line), Text: text})
	}
	top := 40 + float64(len(texts))*line + 14
	legend := top
	top += 2*line + 4
	var plots []plot
	for _, drawn := range []func(scale, float64) plot{r.traffic, r.errors, r.latency} {
		p := drawn(s, top)
		plots = append(plots, p)
		top = p.Bottom + gap
	}
	bottom := plots[len(plots)-1].Bottom
	height := bottom + 40
	if r.Sent > 0 {
		height += line
	}
	return picture.Execute(w, map[string]any{
		"Width": s.width, "Height": height, "Left": left, "Right": s.width - right, "Top": plots[0].Top, "Bottom": bottom,
		"Record": r, "Title": fmt.Sprintf("Version %s over %s: %s", r.New, r.Old, r.Status), "Verdict": r.Verdict(), "Texts": texts,
		"Legend": legend, "NewCount": r.count(r.New), "OldCount": r.count(r.Old),
		"Plots": plots, "Times": s.times(), "Marks": r.marks(s),
	})
}

// extent returns the time that the picture shows. While a shift is running it is the whole
// shift, and afterwards it is the time that has data.
func (r *Record) extent() (from, to time.Time) {
	from = r.Start.Truncate(time.Minute)
	last := r.Start
	if n := len(r.Weights); n > 0 {
		last = r.Weights[n-1].At
	}
	to = last.Add(30 * time.Second)
	if r.going() {
		to = r.Start.Add(r.Length + 30*time.Second)
	}
	if latest := r.Latest(); !latest.IsZero() && latest.Add(time.Minute).After(to) {
		to = latest.Add(time.Minute)
	}
	if shortest := from.Add(time.Minute); to.Before(shortest) {
		to = shortest
	}
	return from, to
}

// going reports whether the versions still share the traffic.
func (r *Record) going() bool {
	return !slices.Contains([]string{"Succeeded", "Failed", "Stopped"}, r.Status)
}

func (r *Record) count(version string) string {
	s := canary.Sum(r.Minutes[version])
	return fmt.Sprintf("version %s: %s, p90 %.0f ms", version, s.Failures(), s.P90)
}

// traffic plots the new version's share of the traffic.
func (r *Record) traffic(s scale, top float64) plot {
	p := plot{Title: "Traffic of version " + r.New, Top: top + line, Bottom: top + line + 80}
	y := func(share float64) float64 { return p.Bottom - share*(p.Bottom-p.Top) }
	p.Ticks = []tick{{At: y(0), Text: "0"}, {At: y(0.5), Text: "50"}, {At: y(1), Text: "100 %"}}
	if len(r.Weights) == 0 {
		return p
	}
	var path strings.Builder
	_, _ = fmt.Fprintf(&path, "M%.1f %.1f", s.x(r.Weights[0].At), p.Bottom) // never fails
	for _, w := range r.Weights {
		_, _ = fmt.Fprintf(&path, "H%.1fV%.1f", s.x(w.At), y(w.New))
	}
	end := s.to
	if latest := r.Latest(); r.going() && !latest.IsZero() {
		end = latest.Add(time.Minute)
	}
	_, _ = fmt.Fprintf(&path, "H%.1fV%.1fZ", s.x(end), p.Bottom)
	p.Area = path.String()
	return p
}

// errors plots the error rates in percent.
func (r *Record) errors(s scale, top float64) plot {
	return r.measured(s, top, "Errors or HTTP 5xx", "%", 100*r.Limits.MaxErrorRate, 1, func(m canary.Minute) (float64, bool) {
		return 100 * m.Worst(), m.Invocations > 0 || m.HTTP.Invocations > 0
	})
}

// latency plots the p90 in milliseconds.
func (r *Record) latency(s scale, top float64) plot {
	return r.measured(s, top, "Latency, p90", "ms", r.Limits.MaxP90, 10, func(m canary.Minute) (float64, bool) {
		return m.P90, m.P90 > 0
	})
}

// measured plots a figure of both versions. It also draws the limit unless that is far above
// the figures.
func (r *Record) measured(s scale, top float64, title, unit string, limit, least float64, of func(canary.Minute) (float64, bool)) plot {
	p := plot{Title: title, Top: top + line, Bottom: top + line + 100}
	highest := least
	for _, version := range []string{r.Old, r.New} {
		for _, m := range r.Minutes[version] {
			if v, ok := of(m); ok {
				highest = max(highest, v)
			}
		}
	}
	// A limit that is a hundred times as high would flatten the courses.
	shown := limit > 0 && limit <= 8*highest
	if shown {
		highest = max(highest, limit*1.15)
	} else if limit > 0 {
		p.Title += fmt.Sprintf("; limit %s %s", number(limit), unit)
	}
	step := nice(highest / 3)
	highest = max(highest*1.05, step)
	y := func(v float64) float64 { return p.Bottom - v/highest*(p.Bottom-p.Top) }
	for v := 0.0; v <= highest; v += step {
		p.Ticks = append(p.Ticks, tick{At: y(v), Text: number(v)})
	}
	p.Ticks[len(p.Ticks)-1].Text += " " + unit
	if shown {
		p.Limit = &tick{At: y(limit), Text: fmt.Sprintf("limit %s %s", number(limit), unit)}
	}
	course := func(version string) (string, []point) {
		var path strings.Builder
		var points []point
		for _, m := range r.Minutes[version] {
			v, ok := of(m)
			if !ok {
				continue
			}
			at := point{s.x(m.Start.Add(30 * time.Second)), y(v)}
			_, _ = fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(len(points), 1)], at.X, at.Y)
			points = append(points, at)
		}
		return path.String(), points
	}
	p.New, p.NewPoints = course(r.New)
	p.Old, p.OldPoints = course(r.Old)
	return p
}

// marks returns when the shift began and when it was decided.
func (r *Record) marks(s scale) []mark {
	marks := []mark{{X: s.x(r.Start)}}
	if s.width >= 500 {
		marks[0].Text = "begins"
	}
	if n := len(r.Weights); n > 1 && !r.going() {
		end := mark{X: s.x(r.Weights[n-1].At), Text: "all traffic moved"}
		if r.Weights[n-1].New < 1 {
			end.Text, end.Bad = "stopped, rolled back", true
		}
		if end.X-marks[0].X < 2 {
			marks = nil // the deployment ended at once
		}
		marks = append(marks, end)
	}
	for i := range marks {
		m := &marks[i]
		m.Anchor, m.TextX = "start", m.X+4
		if m.X > s.width/2 {
			m.Anchor, m.TextX = "end", m.X-4
		}
	}
	// If two texts would overlap, the one at the end says more.
	if len(marks) == 2 {
		begin, end := marks[0].text()
		if from, to := marks[1].text(); from < end && begin < to {
			marks[0].Text = ""
		}
	}
	return marks
}

// times returns the ticks of the time axis: one for each minute, or for several minutes if
// there are many.
func (s scale) times() []tick {
	room := int((s.width - left - right) / 64)
	step := time.Minute
	for _, longer := range []time.Duration{2, 5, 10, 15, 30, 60, 120, 360} {
		if int(s.to.Sub(s.from)/step) <= room {
			break
		}
		step = longer * time.Minute
	}
	var ticks []tick
	for t := s.from.Truncate(step); !t.After(s.to); t = t.Add(step) {
		if t.Before(s.from) {
			continue
		}
		at := tick{At: s.x(t), Text: t.UTC().Format("15:04"), Anchor: "middle"}
		if at.At > s.width-right-20 {
			at.Anchor = "end"
		}
		ticks = append(ticks, at)
	}
	return ticks
}

// nice returns the next larger number that is 1, 2 or 5 times a power of ten.
func nice(v float64) float64 {
	power := 1.0
	for power*10 <= v {
		power *= 10
	}
	for power > v && power > 0.01 {
		power /= 10
	}
	for _, f := range []float64{1, 2, 5, 10} {
		if f*power >= v {
			return f * power
		}
	}
	return 10 * power
}

// number writes a number without trailing zeros.
func number(v float64) string {
	text := fmt.Sprintf("%.2f", v)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".")
}

// wrap breaks a text into lines that fit into a width in pixels.
func wrap(text string, width float64) []string {
	var lines []string
	current := ""
	for _, word := range strings.Fields(text) {
		if current != "" && float64(len(current)+1+len(word))*letter > width {
			lines, current = append(lines, current), ""
		}
		current = strings.TrimSpace(current + " " + word)
	}
	if current != "" {
		lines = append(lines, current)
	}
	return lines
}
