package executeapi

import (
	"strconv"
	"time"
)

// A Monitor has the metrics and the access log of a stage.
type Monitor struct {
	Series   []*Series            // of all requests
	Detailed map[string][]*Series // more of them, by the key of a method or route

	Group  string // of the access log, or ""
	Stream string // in the group
	Format string // of a line
}

// Record measures a request, and adds a line to the access log if the stage has one.
// key is that of the request's method or route, or "". variable returns the values of
// the format's variables, except for that of responseLatency.
func (m *Monitor) Record(g *Gateway, at time.Time, key string, sample Sample, variable func(name string) string) {
	series := m.Series
	if more := m.Detailed[key]; more != nil {
		series = append(series[:len(series):len(series)], more...)
	}
	g.Measure(at, sample, series...)
	if m.Group == "" {
		return
	}
	line := Format(m.Format, func(name string) string {
		if name == "responseLatency" {
			return strconv.FormatInt(sample.Latency.Milliseconds(), 10)
		}
		return variable(name)
	})
	g.Log(m.Group, m.Stream, at, line)
}
