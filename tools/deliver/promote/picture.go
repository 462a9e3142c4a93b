package promote

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/deliver/canary"
)

//go:embed canary.svg
var pictureSVG string

var picture = template.Must(template.New("canary.svg").Parse(pictureSVG))

// Where the plots of the picture are, in its own units.
const (
	plotLeft, plotRight     = 64, 624
	weightTop, weightBottom = 90, 180
	rateTop, rateBottom     = 230, 360
)

// draw writes the record as an SVG: the new version's share of the traffic, and
// the rate of errors of both versions by minutes.
func (r *record) draw(w io.Writer) error {
	from, to := r.extent()
	x := func(t time.Time) float64 {
		share := float64(t.Sub(from)) / float64(to.Sub(from))
		return plotLeft + min(max(share, 0), 1)*(plotRight-plotLeft)
	}
	top := 2 * r.Limits.MaxErrorRate
	for _, minutes := range r.Minutes {
		for _, m := range minutes {
			top = max(top, m.Rate())
		}
	}
	y := func(rate float64) float64 { return rateBottom - rate/max(top, 0.01)*(rateBottom-rateTop) }
	rates := func(version string) string {
		var path strings.Builder
		for i, m := range r.Minutes[version] {
			_, _ = fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(i, 1)], x(m.Start.Add(30*time.Second)), y(m.Rate())) // never fails
			if len(r.Minutes[version]) == 1 {
				path.WriteString("h4") // a line of one point is not seen
			}
		}
		return path.String()
	}
	counts := func(version string) string {
		s := canary.Sum(r.Minutes[version])
		return fmt.Sprintf("%s failed, p90 %.0f ms", s.Count, s.P90)
	}
	headline, rest, _ := strings.Cut(r.verdict(), "; ")
	return picture.Execute(w, map[string]any{
		"Headline": headline, "Rest": rest,
		"Deployment": r.Deployment, "Status": r.Status, "Old": r.Old, "New": r.New, "Verdict": r.verdict(),
		"Weight": r.weightPath(x), "NewRate": rates(r.New), "OldRate": rates(r.Old), "NewCount": counts(r.New), "OldCount": counts(r.Old),
		"Sent": r.Sent, "Failed": r.Failed,
		"Top": fmt.Sprintf("%.0f", 100*top), "Limit": y(r.Limits.MaxErrorRate),
		"From": from.UTC().Format("15:04:05"), "To": to.UTC().Format("15:04:05"),
	})
}

// extent returns the time that the picture shows: all that is known.
func (r *record) extent() (from, to time.Time) {
	from = r.Start.Truncate(time.Minute)
	to = from.Add(max(r.Length, time.Minute))
	for _, t := range []time.Time{r.latest().Add(time.Minute), r.lastWeight().Add(time.Minute)} {
		if t.After(to) {
			to = t
		}
	}
	return from, to
}

func (r *record) lastWeight() time.Time {
	if len(r.Weights) == 0 {
		return r.Start
	}
	return r.Weights[len(r.Weights)-1].At
}

func (r *record) weightPath(x func(time.Time) float64) string {
	if len(r.Weights) == 0 {
		return ""
	}
	var path strings.Builder
	_, _ = fmt.Fprintf(&path, "M%.1f %d", x(r.Weights[0].At), weightBottom) // never fails
	for _, w := range r.Weights {
		_, _ = fmt.Fprintf(&path, "H%.1fV%.1f", x(w.At), weightBottom-w.New*(weightBottom-weightTop))
	}
	_, _ = fmt.Fprintf(&path, "H%dV%dZ", plotRight, weightBottom)
	return path.String()
}

// verdict says in a line what came of the canary.
func (r *record) verdict() string {
	if r.Judgement == nil {
		return "traffic moved at once: there was nothing to compare"
	}
	return r.Judgement.String()
}
