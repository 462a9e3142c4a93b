package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

func TestPercentile(t *testing.T) {
	t.Parallel()
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	for _, tt := range []struct {
		name   string
		sorted []float64
		p      float64
		want   float64
	}{
		{"none", nil, 50, 0},
		{"one", []float64{7}, 99, 7},
		{"the lower of two", []float64{1, 2}, 50, 1},
		{"the middle of three", []float64{1, 2, 30}, 50, 2},
		{"p50 of a hundred", hundred, 50, 50},
		{"p99 of a hundred", hundred, 99, 99},
		{"p100", hundred, 100, 100},
		{"p0", hundred, 0, 1},
	} {
		if got := percentile(tt.sorted, tt.p); got != tt.want {
			t.Errorf("%s: percentile(%v) = %v, want %v", tt.name, tt.p, got, tt.want)
		}
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	values := []float64{0.5, 12.34, 0.25}
	value, note := median(values)
	if value != 0.5 || note != "median of 3, 0.250 to 12.3" {
		t.Errorf("median = %v, %q", value, note)
	}
	if values[0] != 0.5 {
		t.Error("median sorted its argument")
	}
	if value, note := median([]float64{3}); value != 3 || note != "one run" {
		t.Errorf("median of one = %v, %q", value, note)
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{
		0: "0", 0.0000004: "0.000000", 0.012345: "0.0123", 0.5: "0.500", 1: "1.00", 12.34: "12.3", 99.94: "99.9", 4321.6: "4322",
	} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
}

var sample = Report{
	Machine: Machine{Cores: 2, Memory: 8 << 30, GOOS: "linux", GOARCH: "amd64", Go: "go1.26.0", Load: 0.25},
	Commit:  "0123456789abcdef0123456789abcdef01234567",
	Dirty:   true,
	Unit:    0.05,
	Rows: []Row{
		{Name: "mage -l", Value: 0.1234, Unit: "s", Note: "median of 5, 0.120 to 0.130"},
		{Name: "lambda Invoke", Value: 1234.5, Unit: "/s"},
		{Name: "synth", Unit: failed, Note: "running go: exit status 1", Output: "main.go:1: no"},
	},
}

func TestTable(t *testing.T) {
	t.Parallel()
	const want = `2 cores, 8.0 GiB, linux/amd64, go1.26.0, commit 0123456789ab with uncommitted changes, load 0.2 before

mage -l            0.123  s       2.47 units  median of 5, 0.120 to 0.130
lambda Invoke       1234  /s
synth                  -  failed              running go: exit status 1
`
	if diff := cmp.Diff(want, sample.table()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	cfg := project.Config{Evidence: filepath.Join(t.TempDir(), ".magewright")}
	if err := sample.write(cfg); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(cfg.Evidence, "bench.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"machine": map[string]any{"cores": 2.0, "memory": float64(8 << 30), "goos": "linux", "goarch": "amd64", "go": "go1.26.0", "load": 0.25},
		"commit":  sample.Commit,
		"dirty":   true,
		"unit":    0.05,
		"rows": []any{
			map[string]any{"name": "mage -l", "value": 0.1234, "unit": "s", "note": "median of 5, 0.120 to 0.130"},
			map[string]any{"name": "lambda Invoke", "value": 1234.5, "unit": "/s", "note": ""},
			map[string]any{"name": "synth", "value": 0.0, "unit": "failed", "note": "running go: exit status 1", "output": "main.go:1: no"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bench.json (-want +got):\n%s", diff)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		only string
		want []string
	}{
		{"", []string{"list", "lint", "compile", "ci", "cold", "warm", "check", "test", "first-output", "dev", "synth", "readiness", "go", "local", "invoke", "canary", "where"}},
		{"^(cold|warm|check|test|first-output)$", []string{"cold", "warm", "check", "test", "first-output"}},
		{"where", []string{"where"}},
		{"nothing", nil},
		{"(", nil},
	} {
		chosen, err := choose(tt.only)
		var names []string
		for _, m := range chosen {
			names = append(names, m.name)
		}
		if !slices.Equal(names, tt.want) || (err == nil) != (tt.want != nil) {
			t.Errorf("choose(%q) = %v, %v; want %v", tt.only, names, err, tt.want)
		}
		if err != nil && exit.Status(err) != exit.Usage {
			t.Errorf("choose(%q): exit code %d", tt.only, exit.Status(err))
		}
	}
}

// newBench returns a bench that measures with a clock that stands, and what it
// prints.
func newBench(t *testing.T) (_ *bench, stdout *bytes.Buffer) {
	t.Helper()
	stdout = &bytes.Buffer{}
	return &bench{
		cfg:   project.Config{Dir: t.TempDir(), Evidence: t.TempDir(), Stdout: stdout, Stderr: &bytes.Buffer{}},
		clock: clock.NewManual(time.Unix(0, 0)), execute: execute, runs: 3,
	}, stdout
}

func TestAFailureDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	b, stdout := newBench(t)
	err := b.measure(t.Context(), []measurement{
		{name: "half", run: func(b *bench, _ context.Context) error {
			b.add("first", 1, "s", "")
			return errors.New("broken\nwith its output")
		}},
		{name: "whole", run: func(b *bench, _ context.Context) error {
			b.add("second", 2, "s", "")
			return nil
		}},
	})
	if exit.Status(err) != exit.Gate {
		t.Errorf("measure = %v, exit code %d", err, exit.Status(err))
	}
	want := []Row{{Name: "first", Value: 1, Unit: "s"}, {Name: "half", Unit: failed, Note: "broken", Output: "with its output"}, {Name: "second", Value: 2, Unit: "s"}}
	if diff := cmp.Diff(want, b.report.Rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if !strings.Contains(stdout.String(), "second") {
		t.Errorf("printed\n%s", stdout)
	}
	if _, err := os.Stat(filepath.Join(b.cfg.Evidence, "bench.json")); err != nil {
		t.Error(err)
	}
}

func TestAnInterruptStopsTheOthers(t *testing.T) {
	t.Parallel()
	b, _ := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := b.measure(ctx, []measurement{
		{name: "interrupted", run: func(*bench, context.Context) error { cancel(); return nil }},
		{name: "next", run: func(*bench, context.Context) error { t.Error("the next was measured"); return nil }},
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("measure = %v", err)
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	b, _ := newBench(t)
	var sent atomic.Int64
	_, each, err := b.requests(t.Context(), 100, func(context.Context) error { sent.Add(1); return nil })
	if err != nil || len(each) != 100 || sent.Load() != 100 {
		t.Errorf("%d requests, %d latencies, %v", sent.Load(), len(each), err)
	}
	broken := errors.New("broken")
	_, _, err = b.requests(t.Context(), 100, func(context.Context) error {
		if sent.Add(1) == 150 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) {
		t.Errorf("a failed request gives %v", err)
	}
	b.load(t.Context(), "load", func(context.Context) error { return broken })
	if b.report.failures() != 1 {
		t.Errorf("rows are %v", b.report.Rows)
	}
}

func TestBenchmarks(t *testing.T) {
	t.Parallel()
	const out = `goos: linux
pkg: github.com/magewright/magewright/tools/localaws/lambda
BenchmarkInvoke-2   	    3211	    362500 ns/op	    2048 B/op
BenchmarkBroken-2
PASS
pkg: github.com/magewright/magewright/app
BenchmarkSmall/case 	 1000	 12.5 ns/op
ok  	github.com/magewright/magewright/app	1.2s
`
	want := []Row{
		{Name: "tools/localaws/lambda BenchmarkInvoke", Value: 362.5, Unit: "µs/op", Note: "3211 iterations 2048 B/op"},
		{Name: "app BenchmarkSmall/case", Value: 0.0125, Unit: "µs/op", Note: "1000 iterations"},
	}
	if diff := cmp.Diff(want, benchmarks(out)); diff != "" {
		t.Errorf("benchmarks (-want +got):\n%s", diff)
	}
}

func TestKilobytes(t *testing.T) {
	t.Parallel()
	const file = "VmPeak:\t  900 kB\nVmRSS:\t    12 kB\nVmRSSx: 1 kB\nOdd:\n"
	for key, want := range map[string]int64{"VmRSS:": 12 << 10, "VmPeak:": 900 << 10, "Odd:": 0, "None:": 0} {
		if got := kilobytes(file, key); got != want {
			t.Errorf("kilobytes(%s) = %d, want %d", key, got, want)
		}
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	if got := tail(strings.Repeat("a\n", outputLines) + "b\nc\n"); got != strings.Repeat("a\n", outputLines-2)+"b\nc" {
		t.Errorf("tail = %q", got)
	}
	if got := tail("a\n"); got != "a" {
		t.Errorf("tail = %q", got)
	}
}

func TestAFailedCommandSaysWhatItPrinted(t *testing.T) {
	t.Parallel()
	b, _ := newBench(t)
	b.env = os.Environ()
	out, err := b.command(t.Context(), []string{"SAID=nothing"}, "sh", "-c", "echo found; echo $SAID >&2; exit 3")
	if out != "found\n" || err == nil || !strings.HasSuffix(err.Error(), "exit status 3\nfound\nnothing") {
		t.Errorf("command = %q, %v", out, err)
	}
}

func TestReadinessOfAChange(t *testing.T) {
	t.Parallel()
	b := &bench{clock: clock.System()}
	if err := b.readinessOf(t.Context(), large{files: 30, changed: 4, functions: 3}); err != nil {
		t.Fatal(err)
	}
	if len(b.report.Rows) != 1 || b.report.Rows[0].Value <= 0 || !strings.Contains(b.report.Rows[0].Note, "30 Go files, 4 of them changed, 90 blocks") {
		t.Errorf("rows %+v", b.report.Rows)
	}
}

// What the embedded AWS serves is compared with the bare Runtime API of the same run only.
func TestRatios(t *testing.T) {
	t.Parallel()
	rows := []Row{
		{Name: "Runtime API alone", Value: 2000, Unit: "/s"}, {Name: "trivial lambda Invoke", Value: 1500, Unit: "/s"},
		{Name: "tools/localaws BenchmarkHTTPAPI", Value: 1000, Unit: "µs/op"}, {Name: "messages from SQS to lambda, ten in each invocation", Unit: failed},
	}
	note := "of the rate of the Runtime API alone"
	want := []Row{{Name: "Invoke to lambda", Value: 75, Unit: "%", Note: note}, {Name: "HTTP API to lambda", Value: 50, Unit: "%", Note: note}}
	if got := ratios(rows); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := ratios(rows[1:]); got != nil {
		t.Errorf("without the Runtime API: %+v", got)
	}
}
