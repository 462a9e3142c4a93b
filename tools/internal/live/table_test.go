package live

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
)

// pipeline returns a table in which a build runs, for 2m04s.
func pipeline(size func() (int, int)) (*Table, *clock.Manual) {
	now := clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	t := NewTable(&Screen{out: &bytes.Buffer{}, size: size}, now)
	t.title, t.began = "release", now.Now()
	for _, action := range []string{"Source/Source", "Verify/Lint", "Verify/Sec", "Verify/Synth", "Verify/Test", "Staging/Deploy", "Staging/Smoke", "Staging/Drill", "Approval/Plan", "Approval/Readiness", "Approval/Approve", "Production/Promote"} {
		group, name, _ := strings.Cut(action, "/")
		t.rows = append(t.rows, Row{Group: group, Name: name})
	}
	for i := range t.rows[:4] {
		t.rows[i].State, t.rows[i].Began, t.rows[i].Ended = Succeeded, now.Now(), now.Now().Add(2500*time.Millisecond)
	}
	t.rows[4].State, t.rows[4].Began, t.rows[4].Note = Running, now.Now(), "pass example/ledger 1.2s"
	now.Advance(124*time.Second + 700*time.Millisecond)
	return t, now
}

// TestTheTableFitsItsWindow holds what is shown in windows of several sizes: a line is
// left for the cursor, and what runs is always there.
func TestTheTableFitsItsWindow(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		width, height int
		want          string
	}{
		{80, 24, `
Source       Source       ok            2.5s
Verify       Lint         ok            2.5s
             Sec          ok            2.5s
             Synth        ok            2.5s
           > Test         running      2m04s  pass example/ledger 1.2s
Staging      Deploy       -
             Smoke        -
             Drill        -
Approval     Plan         -
             Readiness    -
             Approve      -
Production   Promote      -
release  4 of 12  2m04s`},
		{36, 10, `
> Test         running      2m04s
  Deploy       -
  Smoke        -
  Drill        -
  Plan         -
  Readiness    -
  Approve      -
  Promote      -
release  4 of 12  2m04s`},
		{36, 20, `
  Source       ok            2.5s
  Lint         ok            2.5s
  Sec          ok            2.5s
  Synth        ok            2.5s
> Test         running      2m04s
  pass example/ledger 1.2s
  Deploy       -
  Smoke        -
  Drill        -
  Plan         -
  Readiness    -
  Approve      -
  Promote      -
release  4 of 12  2m04s`},
		{20, 4, `
> Test         runn
  Deploy       -
release  4 of 12  2`},
		{2, 2, "\n>"},
	} {
		size := func() (int, int) { return tt.width, tt.height }
		table, _ := pipeline(size)
		table.draw()
		lines := strings.Split(strings.TrimRight(table.Screen.out.(*bytes.Buffer).String(), "\n"), "\n")
		for i, line := range lines {
			if Width(line) >= tt.width {
				t.Errorf("%q does not fit into %d columns", line, tt.width)
			}
			lines[i] = strings.TrimRight(line, " ")
		}
		if got := "\n" + strings.Join(lines, "\n"); got != tt.want || len(lines) >= tt.height {
			t.Errorf("%d columns and %d lines show%s\nwant%s", tt.width, tt.height, got, tt.want)
		}
	}
}

// TestOnlyChangesAreDrawn holds that a second in which nothing changes writes nothing
// but the time.
func TestOnlyChangesAreDrawn(t *testing.T) {
	t.Parallel()
	table, now := pipeline(func() (int, int) { return 80, 24 })
	out := table.Screen.out.(*bytes.Buffer)
	table.draw()
	out.Reset()
	now.Advance(100 * time.Millisecond)
	table.draw()
	if out.Len() > 0 {
		t.Errorf("within the same second it draws %q", out.String())
	}
	now.Advance(time.Second)
	if table.draw(); out.Len() == 0 {
		t.Error("the time stands still")
	}
}

// TestColours holds that what waits is dim, and that NO_COLOR leaves colours out.
func TestColours(t *testing.T) {
	t.Parallel()
	table, _ := pipeline(func() (int, int) { return 80, 24 })
	table.Screen.colour = true
	lines := strings.Join(table.lines(80, 24), "\n")
	for _, want := range []string{"\x1b[32mok ", "\x1b[36mrunning", "\x1b[2m"} {
		if !strings.Contains(lines, want) {
			t.Errorf("it lacks %q:\n%q", want, lines)
		}
	}
	table.Screen.colour = false
	if lines := strings.Join(table.lines(80, 24), "\n"); strings.Contains(lines, "\x1b") {
		t.Errorf("without colours it has %q", lines)
	}
}

// TestWithoutATerminal holds that a line is printed when a row begins, when it ends, and
// each 30 seconds in between, with what the only one said.
func TestWithoutATerminal(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	var out bytes.Buffer
	table := NewTable(NewScreen(&out), now)
	table.Begin("release", []Row{{Group: "Verify", Name: "Test"}, {Group: "Verify", Name: "Lint"}, {Group: "Staging", Name: "Deploy"}})
	table.Update(func(rows []Row) { rows[0].State, rows[1].State = Running, Running })
	for range 350 { // 105 seconds, at the polling rate of a pipeline
		now.Advance(300 * time.Millisecond)
		table.Update(func([]Row) {})
	}
	table.Update(func(rows []Row) { rows[1].State, rows[0].Note = Succeeded, "pass example/ledger" })
	for range 110 {
		now.Advance(300 * time.Millisecond)
		table.Update(func([]Row) {})
	}
	table.Update(func(rows []Row) { rows[0].State, rows[2].State, rows[2].Note = Failed, Skipped, "Test failed" })
	table.End()
	want := `
Verify     Test         running       0.0s
Verify     Lint         running       0.0s
          Test 30s, Lint 30s
          Test 1m00s, Lint 1m00s
          Test 1m30s, Lint 1m30s
Verify     Lint         ok           1m45s
          Test 2m15s: pass example/ledger
Verify     Test         FAILED       2m18s
Staging    Deploy       not run      Test failed
`
	if got := "\n" + out.String(); got != want {
		t.Errorf("it prints%s\nwant%s", got, want)
	}
}
