package rehearse

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/heartbeat"
	"github.com/magewright/magewright/tools/internal/live"
)

// A view shows an execution.
type view struct {
	out    io.Writer
	clock  clock.Clock
	screen *live.Screen
	table  *live.Table
	// says returns the last output of an action; nil if that is not shown. It is called now
	// and then for actions in progress.
	says func(ctx context.Context, action types.ActionExecutionDetail) string

	mu    sync.Mutex
	asked time.Time // when says was asked last
}

// askAfter is the interval after which the log of an action in progress is read for its last
// line.
const askAfter = time.Second

func newView(out io.Writer, c clock.Clock) *view {
	screen := live.NewScreen(out)
	return &view{out: screen, clock: c, screen: screen, table: live.NewTable(screen, c)}
}

// during shows that a step of the preparation is in progress, and how long it took.
func (v *view) during(name string, f func() error) error {
	start := v.clock.Now()
	var err error
	if v.screen.Live() {
		v.table.Begin("", []live.Row{{Name: name, State: live.Running, Began: start}})
		err = f()
		v.table.Close()
	} else {
		fmt.Fprintf(v.out, "          %s ...\n", name)
		err = heartbeat.During(v.clock, v.out, v.out, "          "+name, func(io.Writer, io.Writer) error { return f() })
	}
	mark := "ok"
	if err != nil {
		mark = "failed"
	}
	fmt.Fprintf(v.out, "          %-32s %s  %s\n", name, live.Took(v.clock.Now().Sub(start), 0), mark)
	return err
}

// begin starts to show an execution of a pipeline. The title says which pass it is.
func (v *view) begin(title string, p *types.PipelineDeclaration) {
	var rows []live.Row
	for _, stage := range p.Stages {
		for _, action := range stage.Actions {
			rows = append(rows, live.Row{Group: aws.ToString(stage.Name), Name: aws.ToString(action.Name)})
		}
	}
	v.table.Begin(title, rows)
}

// end stops redrawing and leaves the table on the terminal.
func (v *view) end() { v.table.End() }

// update sets the present state of the actions.
func (v *view) update(ctx context.Context, actions []types.ActionExecutionDetail) {
	notes := v.notes(ctx, actions)
	v.table.Update(func(rows []live.Row) {
		// The newest action comes first.
		for i, action := range slices.Backward(actions) {
			for j := range rows {
				r := &rows[j]
				if r.Group != aws.ToString(action.StageName) || r.Name != aws.ToString(action.ActionName) {
					continue
				}
				r.State, r.Word = stateOf(action.Status), string(action.Status)
				if note, ok := notes[i]; ok {
					r.Note = note
				}
			}
		}
	})
}

// stateOf returns how far an action is with a status.
func stateOf(status types.ActionExecutionStatus) live.State {
	switch status {
	case types.ActionExecutionStatusInProgress:
		return live.Running
	case types.ActionExecutionStatusSucceeded:
		return live.Succeeded
	case types.ActionExecutionStatusAbandoned:
		return live.Stopped
	default:
		return live.Failed
	}
}

// notes returns the last output of the actions in progress, by their index, if it is time to
// ask.
func (v *view) notes(ctx context.Context, actions []types.ActionExecutionDetail) map[int]string {
	v.mu.Lock()
	defer v.mu.Unlock()
	wait := askAfter
	if !v.screen.Live() {
		wait = live.Silence
	}
	now := v.clock.Now()
	if v.says == nil || now.Sub(v.asked) < wait {
		return nil
	}
	v.asked = now
	notes := map[int]string{}
	for i, action := range actions {
		if action.Status == types.ActionExecutionStatusInProgress {
			if said := live.Plain(v.says(ctx, action)); said != "" {
				notes[i] = said
			}
		}
	}
	return notes
}

// pause leaves the terminal to others.
func (v *view) pause() { v.screen.Pause() }

func (v *view) resume() { v.screen.Resume() }

// stages returns what was shown.
func (v *view) stages() []Stage {
	var stages []Stage
	for _, r := range v.table.Rows() {
		if len(stages) == 0 || stages[len(stages)-1].Name != r.Group {
			stages = append(stages, Stage{Name: r.Group})
		}
		last := &stages[len(stages)-1]
		status := r.Word
		if status == "" {
			status = "NotStarted"
		}
		last.Actions = append(last.Actions, Action{Name: r.Name, Status: status, Seconds: r.Ended.Sub(r.Began).Round(time.Millisecond).Seconds()})
	}
	return stages
}
