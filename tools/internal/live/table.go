package live

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
)

// A State is how far a row has come.
type State int

// The states of rows. A row that is Stopped had begun; one that is Skipped had not.
const (
	Waiting State = iota
	Running
	Succeeded
	Failed
	Stopped
	Skipped
)

// colours of states, by ECMA-48's SGR: what waits is dim.
var colours = map[State]string{Waiting: "2", Running: "36", Succeeded: "32", Failed: "31", Stopped: "33", Skipped: "2"}

// A Row is one thing that is in progress.
type Row struct {
	Group string // a stage, for example; may be empty
	Name  string
	State State
	Word  string // how the state is called; "" for that of [State]
	Note  string // what it last said, or why it was skipped

	Began, Ended time.Time
}

// words are what states are called where rows do not say it.
var words = map[State]string{Waiting: "-", Running: "running", Succeeded: "ok", Failed: "FAILED", Stopped: "stopped", Skipped: "not run"}

// String returns what a state is called.
func (s State) String() string { return words[s] }

func (r Row) word() string {
	if r.Word != "" {
		return r.Word
	}
	return r.State.String()
}

// Silence is how long nothing is printed of rows that run, where nothing is redrawn. The
// log of a build that is silent for longer looks as if it hung.
const Silence = 30 * time.Second

// A Table shows rows. It may be used by several goroutines.
type Table struct {
	Screen *Screen
	clock  clock.Clock
	title  string // what is in progress, before the count; may be empty

	mu    sync.Mutex
	rows  []Row
	said  time.Time // when a line was last printed, if nothing is redrawn
	began time.Time
	stop  chan struct{}
	wait  sync.WaitGroup
}

// NewTable returns a table without rows.
func NewTable(screen *Screen, c clock.Clock) *Table { return &Table{Screen: screen, clock: c} }

// Begin starts to show rows. The title is shown with how many of them have ended.
func (t *Table) Begin(title string, rows []Row) {
	t.mu.Lock()
	t.title, t.rows, t.began = title, slices.Clone(rows), t.clock.Now()
	t.said = t.began
	t.mu.Unlock()
	if !t.Screen.Live() {
		return
	}
	t.stop = make(chan struct{})
	t.wait.Go(func() {
		for {
			t.draw()
			timer := t.clock.NewTimer(100 * time.Millisecond)
			select {
			case <-t.stop:
				timer.Stop()
				return
			case <-timer.C():
			}
		}
	})
}

// End stops redrawing, and leaves the table on the terminal.
func (t *Table) End() {
	if t.halt() {
		t.draw()
		t.Screen.Leave()
	}
}

// Close stops redrawing, and takes the table away.
func (t *Table) Close() {
	if t.halt() {
		t.Screen.Show(nil)
	}
}

// halt stops redrawing, and reports whether it has been going on.
func (t *Table) halt() bool {
	if t.stop == nil {
		return false
	}
	close(t.stop)
	t.wait.Wait()
	t.stop = nil
	return true
}

// Rows returns the rows as they are.
func (t *Table) Rows() []Row {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.rows)
}

// Update changes rows. It sets when one of them begins and ends. Where nothing is
// redrawn, it prints a line for each of these, and names what runs after [Silence].
func (t *Table) Update(change func(rows []Row)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := slices.Clone(t.rows)
	change(t.rows)
	now := t.clock.Now()
	for i := range t.rows {
		r := &t.rows[i]
		if r.State == before[i].State {
			continue
		}
		if r.Began.IsZero() && r.State != Skipped {
			r.Began = now
		}
		if r.State > Running && r.Ended.IsZero() {
			r.Ended = now
		}
		if !t.Screen.Live() {
			t.said = now
			_, _ = fmt.Fprintln(t.Screen, strings.TrimRight(t.line(*r), " ")) // best effort
		}
	}
	if !t.Screen.Live() && now.Sub(t.said) >= Silence {
		if running := t.running(); running != "" {
			t.said = now
			_, _ = fmt.Fprintln(t.Screen, running)
		}
	}
}

// line is what is printed of a row where nothing is redrawn.
func (t *Table) line(r Row) string {
	line := fmt.Sprintf("%-10s %-12s %-10s %s", r.Group, r.Name, r.word(), t.took(r, 0))
	if r.Group == "" {
		line = fmt.Sprintf("%-12s %-10s %s", r.Name, r.word(), t.took(r, 0))
	}
	if r.State == Skipped && r.Note != "" {
		line += "  " + r.Note
	}
	return line
}

// running names the rows that run, how long they have been running, and what the only
// one has said last.
func (t *Table) running() string {
	var names []string
	note := ""
	for _, r := range t.rows {
		if r.State == Running {
			names = append(names, r.Name+" "+strings.TrimSpace(t.took(r, time.Second)))
			note = r.Note
		}
	}
	if len(names) == 1 && note != "" {
		names[0] += ": " + note
	}
	if len(names) == 0 {
		return ""
	}
	return "          " + strings.Join(names, ", ")
}

func (t *Table) draw() {
	t.mu.Lock()
	lines := t.lines(t.Screen.Size())
	t.mu.Unlock()
	t.Screen.Show(lines)
}

// The widths from which on a line has the group, and what the row last said.
const (
	full  = 45
	roomy = 64
)

// lines returns the table for a window. If there are too few lines, it has the rows
// around those that run. The last line says how many have ended.
func (t *Table) lines(width, height int) []string {
	// The cursor has a line, and the count.
	room := max(1, height-2)
	rows := t.rows
	if len(rows) > room {
		first := slices.IndexFunc(rows, func(r Row) bool { return r.State == Running })
		if first < 0 {
			first = max(0, t.ended()-1) // the latest to end
		}
		first = max(0, min(first, len(rows)-room))
		rows = rows[first : first+room]
	}
	spare := room - len(rows)
	var lines []string
	group := ""
	for _, r := range rows {
		lines = append(lines, t.fitted(r, width, r.Group != group))
		group = r.Group
		if r.State == Running && r.Note != "" && width < roomy && spare > 0 {
			spare--
			lines = append(lines, t.Screen.Paint("2", "  "+r.Note))
		}
	}
	count := fmt.Sprintf("%d of %d  %s", t.ended(), len(t.rows), strings.TrimSpace(Took(t.clock.Now().Sub(t.began).Truncate(time.Second), time.Second)))
	if t.title != "" {
		count = t.title + "  " + count
	}
	if height < 3 || len(t.rows) == 1 {
		return lines
	}
	return append(lines, count)
}

func (t *Table) ended() int {
	n := 0
	for _, r := range t.rows {
		if r.State > Running {
			n++
		}
	}
	return n
}

// fitted returns the line of a row for a window of a width. The group is written once.
func (t *Table) fitted(r Row, width int, first bool) string {
	marker := " "
	if r.State == Running {
		marker = ">"
	}
	line := fmt.Sprintf("%s %-12s ", marker, r.Name)
	if width >= full && slices.ContainsFunc(t.rows, func(r Row) bool { return r.Group != "" }) {
		group := r.Group
		if !first {
			group = ""
		}
		line = fmt.Sprintf("%-10s %s", group, line)
	}
	if r.State == Waiting {
		line = t.Screen.Paint(colours[Waiting], line)
	}
	line += t.Screen.Paint(colours[r.State], fmt.Sprintf("%-10s %7s", r.word(), t.took(r, time.Second)))
	if r.Note != "" && width >= roomy && (r.State == Running || r.State == Skipped) {
		line += t.Screen.Paint("2", "  "+r.Note)
	}
	return line
}

// took returns how long a row has been running, or had been when it ended. The time of
// one that runs is cut to a precision, so that it changes less often.
func (t *Table) took(r Row, precision time.Duration) string {
	switch {
	case r.Began.IsZero():
		return ""
	case r.Ended.IsZero():
		return Took(t.clock.Now().Sub(r.Began).Truncate(precision), precision)
	default:
		return Took(r.Ended.Sub(r.Began), 0)
	}
}

// Took returns a time in a column of seven characters, such as 2.5s or 2m04s.
func Took(d, precision time.Duration) string {
	switch {
	case d >= time.Minute:
		return fmt.Sprintf("%7s", fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60))
	case precision >= time.Second:
		return fmt.Sprintf("%6.0fs", d.Seconds())
	default:
		return fmt.Sprintf("%6.1fs", d.Seconds())
	}
}
