package rehearse

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"golang.org/x/term"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/heartbeat"
)

// A view shows an execution. On a terminal, it redraws a table in place.
// Elsewhere, it prints a line for each action that begins or ends.
type view struct {
	out   io.Writer
	clock clock.Clock
	live  bool
	color bool

	mu     sync.Mutex
	rows   []*row
	drawn  int // number of the table's lines on the terminal
	paused bool
	stop   ticking
	said   time.Time // when a line was last printed, if nothing is redrawn
}

// ticking stops the redrawing of a live table.
type ticking struct {
	done chan struct{}
	wait sync.WaitGroup
}

// A row is an action.
type row struct {
	stage, action string
	status        types.ActionExecutionStatus // "" until it begins
	began, ended  time.Time
}

func newView(out io.Writer, c clock.Clock) *view {
	live := false
	if file, ok := out.(*os.File); ok {
		live = term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb" // #nosec G115 -- a file descriptor is small
	}
	return &view{out: out, clock: c, live: live, color: live && os.Getenv("NO_COLOR") == ""}
}

// during shows that a step of the preparation is in progress, and how long it took.
func (v *view) during(name string, f func() error) error {
	start := v.clock.Now()
	var err error
	if v.live {
		v.redraw(func() { fmt.Fprintf(v.out, "\r\x1b[K          %-32s %s", name, v.since(start, time.Time{})) })
		err = f()
		v.halt()
	} else {
		fmt.Fprintf(v.out, "          %s ...\n", name)
		err = heartbeat.During(v.clock, v.out, v.out, "          "+name, func(io.Writer, io.Writer) error { return f() })
	}
	mark := "ok"
	if err != nil {
		mark = "failed"
	}
	if v.live {
		fmt.Fprint(v.out, "\r\x1b[K")
	}
	fmt.Fprintf(v.out, "          %-32s %s  %s\n", name, v.since(start, time.Time{}), mark)
	return err
}

// begin starts to show an execution of a pipeline.
func (v *view) begin(p *types.PipelineDeclaration) {
	v.mu.Lock()
	v.rows = nil
	for _, stage := range p.Stages {
		for _, action := range stage.Actions {
			v.rows = append(v.rows, &row{stage: aws.ToString(stage.Name), action: aws.ToString(action.Name)})
		}
	}
	v.drawn, v.said = 0, v.clock.Now()
	v.mu.Unlock()
	v.redraw(v.draw)
}

// end stops redrawing and leaves the table on the terminal.
func (v *view) end() {
	v.halt()
	if v.live {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.draw()
	}
}

// update sets the present state of the actions.
func (v *view) update(actions []types.ActionExecutionDetail) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.clock.Now()
	// The newest action comes first.
	for _, action := range slices.Backward(actions) {
		for _, r := range v.rows {
			if r.stage != aws.ToString(action.StageName) || r.action != aws.ToString(action.ActionName) || r.status == action.Status {
				continue
			}
			if r.began.IsZero() {
				r.began = now
			}
			r.status = action.Status
			if r.status != types.ActionExecutionStatusInProgress {
				r.ended = now
			}
			if !v.live {
				fmt.Fprintln(v.out, v.line(r))
				v.said = now
			}
		}
	}
	if !v.live && !v.paused && now.Sub(v.said) >= heartbeat.Silence {
		v.said = now
		fmt.Fprintln(v.out, v.running())
	}
}

// running names the actions in progress, and how long they have been running.
func (v *view) running() string {
	var names []string
	for _, r := range v.rows {
		if r.status == types.ActionExecutionStatusInProgress {
			names = append(names, fmt.Sprintf("%s %s", r.action, strings.TrimSpace(v.since(r.began, time.Time{}))))
		}
	}
	return "          " + strings.Join(names, ", ")
}

// pause leaves the terminal to somebody else.
func (v *view) pause() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.live {
		v.draw()
	}
	v.paused, v.drawn = true, 0
}

func (v *view) resume() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.paused = false
}

// stages returns what was shown.
func (v *view) stages() []Stage {
	v.mu.Lock()
	defer v.mu.Unlock()
	var stages []Stage
	for _, r := range v.rows {
		if len(stages) == 0 || stages[len(stages)-1].Name != r.stage {
			stages = append(stages, Stage{Name: r.stage})
		}
		last := &stages[len(stages)-1]
		status := string(r.status)
		if status == "" {
			status = "NotStarted"
		}
		last.Actions = append(last.Actions, Action{Name: r.action, Status: status, Seconds: r.ended.Sub(r.began).Round(time.Millisecond).Seconds()})
	}
	return stages
}

// redraw calls draw ten times a second on a terminal until halt is called.
func (v *view) redraw(draw func()) {
	if !v.live {
		return
	}
	v.stop.done = make(chan struct{})
	v.stop.wait.Go(func() {
		for {
			v.mu.Lock()
			if !v.paused {
				draw()
			}
			v.mu.Unlock()
			timer := v.clock.NewTimer(100 * time.Millisecond)
			select {
			case <-v.stop.done:
				timer.Stop()
				return
			case <-timer.C():
			}
		}
	})
}

func (v *view) halt() {
	if v.live {
		close(v.stop.done)
		v.stop.wait.Wait()
	}
}

// draw draws the table over the previous one.
func (v *view) draw() {
	var table strings.Builder
	if v.drawn > 0 {
		fmt.Fprintf(&table, "\x1b[%dA", v.drawn)
	}
	for _, r := range v.rows {
		fmt.Fprintf(&table, "\x1b[K%s\n", v.line(r))
	}
	v.drawn = len(v.rows)
	fmt.Fprint(v.out, table.String())
}

func (v *view) line(r *row) string {
	status, paint := string(r.status), ""
	switch r.status {
	case "":
		status = "-"
	case types.ActionExecutionStatusSucceeded:
		paint = "32"
	case types.ActionExecutionStatusInProgress:
		paint = "36"
	default:
		paint = "31"
	}
	seconds := ""
	if !r.began.IsZero() {
		seconds = v.since(r.began, r.ended)
	}
	padded := fmt.Sprintf("%-10s", status)
	if v.color && paint != "" {
		padded = "\x1b[" + paint + "m" + padded + "\x1b[0m"
	}
	return fmt.Sprintf("%-10s %-10s %s %s", r.stage, r.action, padded, seconds)
}

// since returns the time from start to end, or until now if end is zero.
func (v *view) since(start, end time.Time) string {
	if end.IsZero() {
		end = v.clock.Now()
	}
	return fmt.Sprintf("%6.1fs", end.Sub(start).Seconds())
}
