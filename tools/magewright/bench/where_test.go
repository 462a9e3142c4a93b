package bench

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/magewright/bench/where"
	"github.com/magewright/magewright/tools/project/exit"
)

func TestWhere(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		fresh     bool
		processes []where.Process
		fails     error  // of the command
		want      string // of the error, or ""
		note      string // of the row
	}{
		{
			name:      "warm",
			processes: []where.Process{{PID: 1, Parent: os.Getpid(), Start: 10, End: 12.5, CPU: 2, Name: "go", Args: []string{"go", "tool", "mage", "lint"}}},
			note:      "watched; 2.00 s of processor time, compilations of awscdk/v2: 0",
		},
		{
			name:      "fresh",
			fresh:     true,
			processes: []where.Process{{PID: 1, Parent: os.Getpid(), Start: 10, End: 12.5, Name: "go"}},
			note:      "watched; 0 s of processor time, compilations of awscdk/v2: 0",
		},
		{
			name:      "the command failed",
			processes: []where.Process{{PID: 1, Parent: os.Getpid(), Start: 10, End: 12.5, Name: "go"}},
			fails:     errors.New("exit status 1"),
			want:      "exit status 1",
		},
		{name: "nothing was seen", want: "watching go tool mage lint: no process was seen"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			stdout := &bytes.Buffer{}
			w.cfg.Stdout, w.fresh, w.looked = stdout, tt.fresh, []string{"go", "tool", "mage", "lint"}
			watched := 0
			w.watch = func(ctx context.Context, _ clock.Clock, run func(context.Context) error) ([]where.Process, string, error) {
				watched++
				w.fails = func(string) error { return tt.fails }
				return tt.processes, "made up", run(ctx)
			}
			err := w.where(t.Context())
			if got := errorText(err); (tt.want == "") != (err == nil) || !strings.Contains(got, tt.want) || watched != 1 {
				t.Fatalf("where = %v, watched %d times", err, watched)
			}
			if len(tt.processes) > 0 {
				if _, err := os.Stat(filepath.Join(w.cfg.Evidence, "where.json")); err != nil || !strings.Contains(stdout.String(), "not everything is here: made up") {
					t.Errorf("%v, printed\n%s", err, stdout)
				}
			}
			if tt.note == "" {
				if len(w.report.Rows) > 0 {
					t.Errorf("rows are %+v", w.report.Rows)
				}
				return
			}
			if row := w.report.Rows[0]; row.Value != 2.5 || row.Note != tt.note {
				t.Errorf("row is %+v", row)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-runs=0":        "-runs=0 is less than one",
		"-invocations=0": "-invocations=0 is less than one",
		"-command=":      "-command names no command",
		"more":           "unexpected arguments: [more]",
	} {
		if err := Main(t.Context(), []string{args}); exit.Status(err) != exit.Usage || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want exit code %d and %q", args, err, exit.Usage, want)
		}
	}
}
