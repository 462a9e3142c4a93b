package console

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
)

// Clock is the state of AWS's time.
type Clock struct {
	Now    time.Time  `json:"now"`
	Rate   float64    `json:"rate"`             // how many times as fast as real time it passes now
	Factor float64    `json:"factor,omitempty"` // while AWS only waits; 0 if the clock can't be controlled
	Paused bool       `json:"paused,omitempty"`
	Held   bool       `json:"held,omitempty"` // whether something on AWS only waits
	Busy   int        `json:"busy,omitempty"` // how many things run in real time
	Next   *time.Time `json:"next,omitempty"` // the next event
}

// A timeline is a clock that can be controlled.
type timeline interface {
	State() clock.ElasticState
	Pause(paused bool)
	SetFactor(factor float64)
	Step() bool
}

func (c *Console) readClock(context.Context) (any, error) {
	t, ok := c.time.(timeline)
	if !ok {
		return Clock{Now: c.time.Now(), Rate: 1}, nil
	}
	s := t.State()
	out := Clock{Now: s.Now, Rate: s.Rate, Factor: s.Factor, Paused: s.Paused, Held: s.Held, Busy: s.Busy}
	if !s.Next.IsZero() {
		out.Next = &s.Next
	}
	return out, nil
}

// fastest is the largest factor that makes sense: a day passes in a second.
const fastest = 86400

// setClock pauses AWS's time, moves it to the next event or changes its speed.
func (c *Console) setClock(_ *http.Request, in struct {
	Pause  *bool
	Step   bool
	Factor float64
}) error {
	t, ok := c.time.(timeline)
	if !ok {
		return &failure{http.StatusConflict, "This endpoint's clock can't be controlled."}
	}
	if in.Factor != 0 && (in.Factor < 1 || in.Factor > fastest) {
		return &failure{http.StatusBadRequest, fmt.Sprintf("The speed is from 1 to %d times.", fastest)}
	}
	if in.Pause != nil {
		t.Pause(*in.Pause)
	}
	if in.Factor != 0 {
		t.SetFactor(in.Factor)
	}
	if in.Step && !t.Step() {
		return &failure{http.StatusConflict, "Nothing waits for AWS's time."}
	}
	return nil
}
