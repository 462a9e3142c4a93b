package where

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// CDK is the package whose compilations are counted separately, because they take longest.
const CDK = "github.com/aws/aws-cdk-go/awscdk/v2"

// A Report says where the time of a command went. It is .magewright/where.json.
type Report struct {
	Command string `json:"command"`
	// Missing says which processes are not in the report, and why. It is "" if none are
	// missing.
	Missing         string    `json:"missing,omitempty"`
	Seconds         float64   `json:"seconds"`    // from the first start to the last end
	CPUSeconds      float64   `json:"cpuSeconds"` // of all processes, each rounded down to 0.01
	Processes       int       `json:"processes"`
	Kinds           []Group   `json:"kinds"`
	Targets         []Group   `json:"targets"`
	Tests           []Group   `json:"tests"`    // test binaries, by package, with everything that they started
	Packages        []Package `json:"packages"` // all packages that were compiled
	Compilations    int       `json:"compilations"`
	CDKCompilations int       `json:"cdkCompilations"`
	// Unread is the number of long compilations of an unknown package, each of which may be
	// another one of the CDK.
	Unread int       `json:"unread,omitempty"`
	Steps  []Step    `json:"steps"` // the timeline
	Busy   []float64 `json:"busy"`  // number of busy cores, for equal parts of the time
}

// A Group is a number of processes that belong together.
type Group struct {
	Name       string  `json:"name"`
	Count      int     `json:"count"` // of processes
	CPUSeconds float64 `json:"cpuSeconds"`
	First      float64 `json:"first"` // the start of the first, in seconds since the start of the command
	Last       float64 `json:"last"`  // the end of the last
}

// A Package says how a package was compiled.
type Package struct {
	Name       string         `json:"name"`
	Count      int            `json:"count"`
	CPUSeconds float64        `json:"cpuSeconds"`
	Variants   map[string]int `json:"variants"` // how often it was compiled with which flags
	Targets    map[string]int `json:"targets"`  // how often it was compiled for which target
}

// A Step is a line of the timeline: a run of a target, or one of the longer programs that the
// target ran.
type Step struct {
	Group
	Target bool   `json:"target"`
	Bar    string `json:"bar"` // when it ran, with as many columns as Busy has
}

// columns is the width of the timeline's bars.
const columns = 60

// outside is the target of processes that no mage target started.
const outside = "(outside any target)"

// Analyse says where the time of the processes went that descend from root.
func Analyse(all []Process, root int) Report {
	a := analysis{tree: descendants(all, root)}
	if len(a.processes) == 0 {
		return Report{}
	}
	a.begin, a.end = math.Inf(1), 0
	for _, p := range a.processes {
		a.begin, a.end = min(a.begin, p.Start), max(a.end, p.End)
	}
	a.findTargets()
	r := Report{Seconds: a.end - a.begin, Processes: len(a.processes)}
	kinds, targets, tests := groups{}, groups{}, groups{}
	packages := map[string]*Package{}
	for i, p := range a.processes {
		r.CPUSeconds += p.CPU
		kind := kind(p)
		a.count(kinds, kind, p)
		a.count(targets, a.targetName(i), p)
		if test := a.test(i); test >= 0 {
			a.count(tests, testName(a.processes[test]), p)
		}
		if kind == "go: compile" {
			c := compiled(p.Args)
			if packages[c.pkg] == nil {
				packages[c.pkg] = &Package{Name: c.pkg, Variants: map[string]int{}, Targets: map[string]int{}}
			}
			packages[c.pkg].Targets[a.targetName(i)]++
			packages[c.pkg].Count++
			packages[c.pkg].CPUSeconds += p.CPU
			packages[c.pkg].Variants[c.variant]++
			r.Compilations++
		}
	}
	r.Kinds, r.Targets, r.Tests = kinds.byCPU(), targets.byCPU(), tests.byCPU()
	for _, p := range packages {
		r.Packages = append(r.Packages, *p)
	}
	slices.SortFunc(r.Packages, func(a, b Package) int {
		return cmp.Or(-cmp.Compare(a.CPUSeconds, b.CPUSeconds), strings.Compare(a.Name, b.Name))
	})
	if cdk := packages[CDK]; cdk != nil {
		r.CDKCompilations = cdk.Count
	}
	if not := packages[unread]; not != nil {
		r.Unread = not.Count
	}
	r.Steps, r.Busy = a.steps(), a.busy()
	return r
}

// test returns the outermost test binary that a process is, or descends from, or -1 if there
// is none.
func (a *analysis) test(i int) int {
	outermost := -1
	for ; i >= 0; i = a.parents[i] {
		if kind(a.processes[i]) == testBinary {
			outermost = i
		}
	}
	return outermost
}

// testName returns the directory in which a test binary ran, which is that of its package. If
// the directory is unknown, it returns the binary's name.
func testName(p Process) string { return cmp.Or(place(p.Dir), executable(p)) }

// An analysis has the processes, and the target to which each belongs.
type analysis struct {
	tree
	begin, end float64
	targets    []int // for each process, the process that is its target, or -1
}

// groups has groups by name.
type groups map[string]*Group

func (g groups) byCPU() []Group {
	var sorted []Group
	for _, group := range g {
		sorted = append(sorted, *group)
	}
	slices.SortFunc(sorted, func(a, b Group) int {
		return cmp.Or(-cmp.Compare(a.CPUSeconds, b.CPUSeconds), strings.Compare(a.Name, b.Name))
	})
	return sorted
}

// count adds a process to the group of a name.
func (a *analysis) count(g groups, name string, p Process) {
	if g[name] == nil {
		g[name] = &Group{Name: name, First: math.Inf(1)}
	}
	g[name].Count++
	g[name].CPUSeconds += p.CPU
	g[name].First = min(g[name].First, p.Start-a.begin)
	g[name].Last = max(g[name].Last, p.End-a.begin)
}

// findTargets finds the target to which each process belongs. The go command, mage and the
// magefile that run one target run inside each other. They count as one run, and the
// outermost of them stands for it. Parents start before their children, but if times are only
// accurate to the second, the order may be different.
func (a *analysis) findTargets() {
	const unknown = -2
	a.targets = make([]int, len(a.processes))
	for i := range a.targets {
		a.targets[i] = unknown
	}
	var visit func(i int) int
	visit = func(i int) int {
		if i < 0 {
			return -1
		}
		if a.targets[i] != unknown {
			return a.targets[i]
		}
		a.targets[i] = visit(a.parents[i])
		if name, ok := target(a.processes[i].Args); ok {
			parent, same := "", false
			if a.parents[i] >= 0 {
				parent, same = target(a.processes[a.parents[i]].Args)
			}
			if !same || parent != name {
				a.targets[i] = i
			}
		}
		return a.targets[i]
	}
	for i := range a.processes {
		visit(i)
	}
}

// targetName returns the name of the target to which a process belongs.
func (a *analysis) targetName(i int) string {
	t := a.targets[i]
	if t < 0 {
		return outside
	}
	name, _ := target(a.processes[t].Args)
	return name
}

// steps returns the timeline: the runs of targets in the order of their start, and below each
// run the programs that took at least a hundredth of the time.
func (a *analysis) steps() []Step {
	members := map[int][]int{}
	for i, t := range a.targets {
		members[t] = append(members[t], i)
	}
	runs := map[string]int{}
	var steps []Step
	for _, t := range slices.SortedFunc(maps.Keys(members), func(x, y int) int {
		return cmp.Compare(a.processes[members[x][0]].Start, a.processes[members[y][0]].Start)
	}) {
		name := a.targetName(members[t][0])
		if runs[name]++; runs[name] > 1 {
			name = fmt.Sprintf("%s (%d)", name, runs[name])
		}
		whole, programs := groups{}, groups{}
		running, lasted := map[string]*bar{name: a.newBar('#')}, map[string]float64{}
		for _, i := range members[t] {
			p := a.processes[i]
			a.count(whole, name, p)
			running[name].add(p)
			label, outermost := a.program(i)
			if label == "" {
				continue
			}
			a.count(programs, label, p)
			if outermost {
				if running[label] == nil {
					running[label] = a.newBar('-')
				}
				running[label].add(p)
				lasted[label] += p.End - p.Start
			}
		}
		steps = append(steps, Step{Group: *whole[name], Target: true, Bar: running[name].String()})
		below := programs.byCPU()
		slices.SortStableFunc(below, func(a, b Group) int { return cmp.Compare(a.First, b.First) })
		for _, program := range below {
			if least := (a.end - a.begin) / 100; max(lasted[program.Name], program.CPUSeconds) >= least {
				steps = append(steps, Step{Group: program, Bar: running[program.Name].String()})
			}
		}
	}
	return steps
}

// A bar shows when processes ran.
type bar struct {
	begin, width float64 // width of a column, in seconds
	mark         byte
	columns      []byte
}

func (a *analysis) newBar(mark byte) *bar {
	return &bar{begin: a.begin, width: (a.end - a.begin) / columns, mark: mark, columns: bytes.Repeat([]byte{' '}, columns)}
}

func (b *bar) add(p Process) {
	column := func(at float64) int {
		if b.width <= 0 {
			return 0
		}
		return min(int((at-b.begin)/b.width), columns-1)
	}
	for i := column(p.Start); i <= column(p.End); i++ {
		b.columns[i] = b.mark
	}
}

func (b *bar) String() string { return string(b.columns) }

// program returns the name of a target's program to which a process belongs, and reports
// whether the process is that program itself. The program is the outermost process that is
// not mage's own and not a shell that only starts others. Runs of one program with the same
// arguments have one name.
func (a *analysis) program(i int) (label string, outermost bool) {
	for j := i; j >= 0 && a.targets[j] == a.targets[i]; j = a.parents[j] {
		p := a.processes[j]
		name := ""
		switch k := kind(p); {
		case k == "shell", k == "mage", k == "magefile", k == "go tool mage":
			continue
		case strings.HasPrefix(k, "program: ") && label != "":
			// If a program of this project starts another program, that is a step of its own.
			continue
		case strings.HasPrefix(k, "go ") && len(p.Args) > 2:
			name = strings.Join(append([]string{k}, packagesOf(p.Args[2:])...), " ")
		default:
			name = k
		}
		label, outermost = name, j == i
	}
	return label, outermost
}

// packagesOf returns a short description of the packages that a go command works on.
func packagesOf(args []string) []string {
	var names []string
	for _, arg := range args {
		if strings.HasPrefix(arg, "./") || strings.HasPrefix(arg, "std") {
			names = append(names, arg)
		}
	}
	const most = 2
	if len(names) > most {
		names = append(names[:most:most], fmt.Sprintf("and %d more", len(names)-most))
	}
	return names
}

// busy returns how many cores were busy in each column of the timeline. The processor time of
// a process is spread evenly over its life.
func (a *analysis) busy() []float64 {
	cores := make([]float64, columns)
	width := (a.end - a.begin) / columns
	if width <= 0 {
		return cores
	}
	for _, p := range a.processes {
		// A process that is shorter than a tick has no length.
		end := max(p.End, p.Start+1.0/ticksPerSecond)
		rate := p.CPU / (end - p.Start)
		for i := range cores {
			from := a.begin + float64(i)*width
			if overlap := min(end, from+width) - max(p.Start, from); overlap > 0 {
				cores[i] += rate * overlap / width
			}
		}
	}
	return cores
}

// WriteText writes the report for a reader.
func (r Report) WriteText(w io.Writer) error {
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "%s\n%.1f s, %.1f s of processor time (%.2f cores busy), %d processes, the time of each rounded down to 0.01 s\n", r.Command, r.Seconds, r.CPUSeconds, r.CPUSeconds/max(r.Seconds, 1e-9), r.Processes)
	if r.Missing != "" {
		_, _ = fmt.Fprintf(&b, "not everything is here: %s\n", r.Missing)
	}
	_, _ = fmt.Fprintf(&b, "compilations: %d, of %s: %s\n", r.Compilations, CDK, r.CountOfCDK())
	for _, table := range []struct {
		title string
		rows  []Group
		most  int
	}{
		{"processes by kind", r.Kinds, len(r.Kinds)},
		{"processes by target", r.Targets, len(r.Targets)},
		{"test binaries, with all that they started", r.Tests, rows},
	} {
		writeGroups(&b, table.title, table.rows, table.most)
	}
	r.writePackages(&b)
	r.writeTimeline(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// CountOfCDK says how often the CDK was compiled, and how certain that is.
func (r Report) CountOfCDK() string {
	if r.Unread == 0 {
		return strconv.Itoa(r.CDKCompilations)
	}
	return fmt.Sprintf("at least %d, at most %d (of %d the arguments were not read)", r.CDKCompilations, r.CDKCompilations+r.Unread, r.Unread)
}

// rows is how many rows of a long table are printed; where.json has all of them.
const rows = 15

func writeGroups(b *strings.Builder, title string, all []Group, most int) {
	if len(all) == 0 {
		return
	}
	_, _ = b.WriteString("\n")
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "%s\t%6s\t%8s\t%8s\t%8s\n", title, "count", "CPU s", "first s", "last s")
	for i, g := range all {
		if i == most {
			_, _ = fmt.Fprintf(w, "and %d more\n", len(all)-most)
			break
		}
		_, _ = fmt.Fprintf(w, "%s\t%6d\t%8.1f\t%8.1f\t%8.1f\n", g.Name, g.Count, g.CPUSeconds, g.First, g.Last)
	}
	_ = w.Flush() // a strings.Builder takes everything
}

func (r Report) writePackages(b *strings.Builder) {
	if len(r.Packages) == 0 {
		return
	}
	_, _ = b.WriteString("\n")
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "packages compiled\t%6s\t%8s\tflags that differ\tcompiled for\n", "count", "CPU s")
	for i, p := range r.Packages {
		if i == rows {
			_, _ = fmt.Fprintf(w, "and %d more\n", len(r.Packages)-rows)
			break
		}
		_, _ = fmt.Fprintf(w, "%s\t%6d\t%8.1f\t%s\t%s\n", p.Name, p.Count, p.CPUSeconds, counts(p.Variants), counts(p.Targets))
	}
	_ = w.Flush() // a strings.Builder takes everything
}

// counts prints how often each name occurs.
func counts(of map[string]int) string {
	var each []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		each = append(each, fmt.Sprintf("%d %s", of[name], name))
	}
	return strings.Join(each, ", ")
}

// writeTimeline writes a bar for each step.
func (r Report) writeTimeline(b *strings.Builder) {
	if len(r.Steps) == 0 {
		return
	}
	_, _ = b.WriteString("\n")
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "timeline\t%8s\t%8s\t%8s\t|0%*s|\n", "from s", "to s", "CPU s", columns-1, fmt.Sprintf("%.0f s", r.Seconds))
	digits := ""
	for _, cores := range r.Busy {
		digits += digit(cores)
	}
	_, _ = fmt.Fprintf(w, "cores busy\t\t\t\t|%s|\n", digits)
	for _, step := range r.Steps {
		name := step.Name
		if !step.Target {
			name = "  " + name
		}
		_, _ = fmt.Fprintf(w, "%s\t%8.1f\t%8.1f\t%8.1f\t|%s|\n", name, step.First, step.Last, step.CPUSeconds, step.Bar)
	}
	_ = w.Flush() // a strings.Builder takes everything
}

// digit prints a number of cores as one character.
func digit(cores float64) string {
	const digits = "0123456789+"
	n := min(int(math.Round(cores)), len(digits)-1)
	return digits[n : n+1]
}
