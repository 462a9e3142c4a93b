package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/project"
)

// A Report is .magewright/bench.json.
type Report struct {
	Machine Machine `json:"machine"`
	Commit  string  `json:"commit"`
	Dirty   bool    `json:"dirty"` // some files differed from the commit
	// Unit is how many seconds this machine takes for `go build std` with an empty build
	// cache, or 0 if that was not measured.
	Unit float64 `json:"unit"`
	Rows []Row   `json:"rows"`
}

// A Machine describes where the numbers were measured.
type Machine struct {
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory"` // bytes; 0 if the system does not say
	GOOS   string `json:"goos"`
	GOARCH string `json:"goarch"`
	Go     string `json:"go"` // version
	// Load is the load average of the minute before. If it is far above zero, other programs
	// used a part of the cores. It is 0 if the system does not say.
	Load float64 `json:"load,omitempty"`
}

// A Row is a number, or the reason why it could not be measured. In that case Unit is
// "failed" and Note has the reason.
type Row struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Note  string  `json:"note"`
	// Output is the last output of a command that failed.
	Output string `json:"output,omitempty"`
}

const failed = "failed"

// bareRate is the row of what functions could serve at most: a Runtime API with no AWS
// around it.
const bareRate = "Runtime API alone"

// ratios returns rows that compare what the embedded AWS serves with the bare Runtime API
// of the same run. Other numbers depend on the machine and its load.
func ratios(rows []Row) []Row {
	rates := map[string]float64{}
	for _, row := range rows {
		switch row.Unit {
		case "/s":
			rates[row.Name] = row.Value
		case "µs/op":
			rates[row.Name] = 1e6 / row.Value
		}
	}
	alone := rates[bareRate]
	if alone == 0 {
		return nil
	}
	var all []Row
	for _, of := range []struct{ name, row string }{
		{"Invoke to lambda", "trivial lambda Invoke"},
		{"HTTP API to lambda", "tools/localaws BenchmarkHTTPAPI"},
		{"SQS to lambda, in messages", "messages from SQS to lambda, ten in each invocation"},
	} {
		if rate, ok := rates[of.row]; ok {
			all = append(all, Row{Name: of.name, Value: 100 * rate / alone, Unit: "%", Note: "of the rate of the " + bareRate})
		}
	}
	return all
}

func (r Report) failures() int {
	n := 0
	for _, row := range r.Rows {
		if row.Unit == failed {
			n++
		}
	}
	return n
}

// table returns the report for a reader.
func (r Report) table() string {
	var b strings.Builder
	m := r.Machine
	_, _ = fmt.Fprintf(&b, "%d cores, %.1f GiB, %s/%s, %s, commit %.12s", m.Cores, float64(m.Memory)/(1<<30), m.GOOS, m.GOARCH, m.Go, r.Commit)
	if r.Dirty {
		_, _ = b.WriteString(" with uncommitted changes")
	}
	if m.Load > 0 {
		_, _ = fmt.Fprintf(&b, ", load %.1f before", m.Load)
	}
	_, _ = b.WriteString("\n\n")
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range r.Rows {
		value := number(row.Value)
		if row.Unit == failed {
			value = "-"
		}
		_, _ = fmt.Fprintf(w, "%s\t%9s\t%s\t%s\t%s\n", row.Name, value, row.Unit, r.multiple(row), row.Note)
	}
	_ = w.Flush() // a strings.Builder takes everything
	var lines strings.Builder
	for line := range strings.Lines(b.String()) {
		_, _ = lines.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return lines.String()
}

// multiple returns a time as a multiple of the machine's unit. It returns "" for other
// figures, or if there is no unit.
func (r Report) multiple(row Row) string {
	if row.Unit != "s" || r.Unit <= 0 {
		return ""
	}
	return number(row.Value/r.Unit) + " units"
}

// number prints a number with three significant digits.
func number(v float64) string {
	if v >= 100 || v == 0 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	decimals := 2 - int(math.Floor(math.Log10(v)))
	return strconv.FormatFloat(v, 'f', min(max(decimals, 0), 6), 64)
}

func (r Report) write(cfg project.Config) error {
	path, err := cfg.Path("bench.json")
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// percentile returns the smallest of the sorted values that p percent of them do not exceed
// (the nearest rank), or 0 if there are none.
func percentile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// median returns the middle value, and a note with the number of values and their range.
func median(values []float64) (value float64, note string) {
	sorted := slices.Sorted(slices.Values(values))
	value = percentile(sorted, 50)
	if len(sorted) < 2 {
		return value, "one run"
	}
	return value, fmt.Sprintf("median of %d, %s to %s", len(sorted), number(sorted[0]), number(sorted[len(sorted)-1]))
}

func thisMachine(ctx context.Context) Machine {
	return Machine{
		Cores:  runtime.NumCPU(),
		Memory: memory(ctx),
		GOOS:   runtime.GOOS,
		GOARCH: runtime.GOARCH,
		Go:     runtime.Version(),
		Load:   load(),
	}
}

func load() float64 {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	minute, _, _ := strings.Cut(string(data), " ")
	n, err := strconv.ParseFloat(minute, 64)
	if err != nil {
		return 0
	}
	return n
}

// memory returns the machine's memory in bytes, or 0 if the system does not say.
func memory(ctx context.Context) int64 {
	if data, err := os.ReadFile("/proc/meminfo"); err == nil {
		return kilobytes(string(data), "MemTotal:")
	}
	out, err := command.Cmd{}.Output(ctx, "sysctl", "-n", "hw.memsize") // macOS, BSD
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(out, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// resident returns the resident memory of this process in bytes.
func resident(ctx context.Context) (int64, error) {
	if data, err := os.ReadFile("/proc/self/status"); err == nil {
		if n := kilobytes(string(data), "VmRSS:"); n > 0 {
			return n, nil
		}
		return 0, errors.New("reading resident memory: /proc/self/status has no VmRSS")
	}
	out, err := command.Cmd{}.Output(ctx, "ps", "-o", "rss=", "-p", strconv.Itoa(os.Getpid()))
	if err != nil {
		return 0, fmt.Errorf("reading resident memory: %w", err)
	}
	n, err := strconv.ParseInt(out, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading resident memory: %w", err)
	}
	return n << 10, nil
}

// kilobytes returns, in bytes, a value that a file of /proc gives in kilobytes, or 0 if the
// file does not have the key.
func kilobytes(file, key string) int64 {
	for line := range strings.Lines(file) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != key {
			continue
		}
		if n, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
			return n << 10
		}
	}
	return 0
}
