package rehearse

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

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
	drawn  int    // number of the table's lines on the terminal
	shown  string // the table on the terminal
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

// draw draws the table over the previous one, as much of it as the window has
// room for. It writes nothing if nothing has changed.
func (v *view) draw() {
	width, height := v.window()
	lines := v.table(width, height)
	text := strings.Join(lines, "\n") + "\n"
	if v.drawn > 0 && text == v.shown {
		return
	}
	up := ""
	if v.drawn > 0 {
		up = fmt.Sprintf("\x1b[%dA\r", v.drawn)
	}
	// What is below belongs to the previous table, which may have been larger.
	fmt.Fprint(v.out, up+"\x1b[J"+text)
	v.drawn, v.shown = len(lines), text
}

// window returns the columns and lines of the terminal. It is asked each time,
// because a user resizes it.
func (v *view) window() (width, height int) {
	if file, ok := v.out.(*os.File); ok {
		if w, h, err := term.GetSize(int(file.Fd())); err == nil && w > 0 && h > 0 { // #nosec G115 -- a file descriptor is small
			return w, h
		}
	}
	return 80, 24
}

// table returns the lines of the table for a window. Where there are too few, the
// actions around those in progress are shown, and how many have ended.
func (v *view) table(width, height int) []string {
	rows, room := v.rows, max(1, height-1) // the cursor has the last line
	var lines []string
	if len(rows) > room {
		room = max(1, room-1)
		first := slices.IndexFunc(rows, func(r *row) bool { return r.status == types.ActionExecutionStatusInProgress })
		if first < 0 {
			first = max(0, v.ended()-1) // the latest to end
		}
		first = max(0, min(first, len(rows)-room))
		rows = rows[first:min(len(rows), first+room)]
		lines = append(lines, clip(fmt.Sprintf("%d of %d actions have ended", v.ended(), len(v.rows)), width))
	}
	for _, r := range rows {
		lines = append(lines, v.fitted(r, width))
	}
	return lines
}

func (v *view) ended() int {
	n := 0
	for _, r := range v.rows {
		if !r.ended.IsZero() {
			n++
		}
	}
	return n
}

// full is how wide a line is that names stage, action, status and time.
const full = 44

// fitted returns the line of an action for a terminal of a width. In a narrow one
// the stage is left out.
func (v *view) fitted(r *row, width int) string {
	status, paint := r.mark()
	line := fmt.Sprintf("%-10s %-12s ", r.stage, r.action)
	if width < full {
		line = fmt.Sprintf("%-12s ", r.action)
	}
	before := clip(line, width)
	after := clip(fmt.Sprintf("%-10s %s", status, v.took(r, time.Second)), width-utf8.RuneCountInString(before))
	if v.color && paint != "" {
		after = "\x1b[" + paint + "m" + after + "\x1b[0m"
	}
	return before + after
}

// clip cuts a text at a width in columns.
func clip(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:max(0, width)])
}

// mark returns the status that is shown of an action, and its colour.
func (r *row) mark() (status, paint string) {
	switch r.status {
	case "":
		return "-", "2"
	case types.ActionExecutionStatusSucceeded:
		return string(r.status), "32"
	case types.ActionExecutionStatusInProgress:
		return string(r.status), "36"
	default:
		return string(r.status), "31"
	}
}

// line returns the line that is printed of an action where nothing is redrawn.
func (v *view) line(r *row) string {
	status, _ := r.mark()
	return fmt.Sprintf("%-10s %-10s %-10s %s", r.stage, r.action, status, v.took(r, 0))
}

// took returns how long an action has been running, or had been when it ended. The
// time of one that is running is cut to a precision, so that it changes less often.
func (v *view) took(r *row, precision time.Duration) string {
	switch {
	case r.began.IsZero():
		return ""
	case r.ended.IsZero():
		return padded(v.clock.Now().Sub(r.began).Truncate(precision), precision)
	default:
		return padded(r.ended.Sub(r.began), 0)
	}
}

// since returns the time from start to end, or until now if end is zero.
func (v *view) since(start, end time.Time) string {
	if end.IsZero() {
		end = v.clock.Now()
	}
	return padded(end.Sub(start), 0)
}

// padded returns a time in a column of seven characters.
func padded(d, precision time.Duration) string {
	switch {
	case d >= time.Minute:
		return fmt.Sprintf("%7s", fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60))
	case precision >= time.Second:
		return fmt.Sprintf("%6.0fs", d.Seconds())
	default:
		return fmt.Sprintf("%6.1fs", d.Seconds())
	}
}
