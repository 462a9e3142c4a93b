// Package where finds out where the time of a command goes: it watches the
// processes that the command starts, and tells what they were and how much
// processor time each of them took.
package where

import (
	"cmp"
	"math"
	"slices"
)

// A Process is one process that the command started, directly or not.
type Process struct {
	PID, Parent int
	Start, End  float64  // seconds since the Unix epoch
	CPU         float64  // seconds of user and system time, children not included
	Name        string   // of the executable, at most 15 bytes
	Args        []string // the command line, or nil where the process ended before it was seen
	Dir         string   // the working directory, or "" likewise
	ForkedOnly  bool     // it never called exec: it is a copy of its parent

	accounted bool // CPU and End are what the kernel counted, not what was last seen
}

// slack is how far apart, in seconds, two starting times of one process may
// be: accounting counts in whole seconds, and rounds twice.
const slack = 1.5

// Join returns the processes of both lists. Accounting knows the processor
// time, also of processes that lived for a moment only; looking at them while
// they run tells the exact start, the command line and the first parent.
func Join(accounted, seen []Process) []Process {
	byPID := map[int][]int{}
	for i, s := range seen {
		byPID[s.PID] = append(byPID[s.PID], i)
	}
	used := make([]bool, len(seen))
	joined := make([]Process, 0, len(accounted))
	for _, a := range accounted {
		best, least := -1, math.Inf(1)
		for _, i := range byPID[a.PID] {
			s := seen[i]
			if used[i] || s.Start < a.Start-slack || s.Start > a.End+slack {
				continue
			}
			if distance := math.Abs(s.Start - a.Start); distance < least {
				best, least = i, distance
			}
		}
		if best >= 0 {
			s := seen[best]
			used[best] = true
			a.Parent, a.Args, a.Dir = s.Parent, s.Args, s.Dir
			a.Start, a.End = s.Start, s.Start+(a.End-a.Start)
		}
		joined = append(joined, a)
	}
	for i, s := range seen {
		if !used[i] {
			joined = append(joined, s)
		}
	}
	return joined
}

// A tree is the processes below a root, each with its parent.
type tree struct {
	processes []Process
	parents   []int // indexes into processes; -1 is the root
}

// descendants returns the processes whose ancestry leads to the process root,
// which is not one of them, in the order of their start.
func descendants(all []Process, root int) tree {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Process) int { return cmp.Compare(a.Start, b.Start) })
	byPID := map[int][]int{}
	for i, p := range all {
		byPID[p.PID] = append(byPID[p.PID], i)
	}
	const stranger, unknown = -2, -3
	parents := make([]int, len(all))
	for i, p := range all {
		parents[i] = stranger
		if p.Parent == root {
			parents[i] = -1
			continue
		}
		for _, j := range byPID[p.Parent] {
			// PIDs are used again: the parent is the last to start before its child.
			// Where both are known to the second only, a child may seem older.
			q := all[j]
			if j != i && q.Start <= p.Start+slack && q.End >= p.Start-slack && (parents[i] < 0 || q.Start <= p.Start) {
				parents[i] = j
			}
		}
	}
	// ours is whether the ancestry of a process leads to the root.
	ours := make([]int, len(all))
	for i := range ours {
		ours[i] = unknown
	}
	var visit func(i int) int
	visit = func(i int) int {
		if i < 0 {
			return i
		}
		if ours[i] == unknown {
			// Two that seem to be each other's parents lead nowhere.
			ours[i] = stranger
			ours[i] = visit(parents[i])
		}
		return ours[i]
	}
	var t tree
	moved := map[int]int{}
	for i, p := range all {
		if visit(i) == -1 {
			moved[i] = len(t.processes)
			t.processes = append(t.processes, p)
			t.parents = append(t.parents, parents[i])
		}
	}
	for i, parent := range t.parents {
		if parent >= 0 {
			t.parents[i] = moved[parent]
		}
	}
	t.dropForeignArgs()
	for i, parent := range t.parents {
		if parent >= 0 {
			t.processes[i].notBefore(t.processes[parent].Start)
		}
	}
	return t
}

// notBefore moves a process whose start is known to the second only, to a time
// before which it cannot have started.
func (p *Process) notBefore(earliest float64) {
	if late := earliest - p.Start; late > 0 {
		p.Start += late
		p.End += late
	}
}

// dropForeignArgs removes command lines that were seen between fork and exec:
// they are those of the parent, and the process became something else.
func (t tree) dropForeignArgs() {
	foreign := make([]bool, len(t.processes))
	for i, p := range t.processes {
		if t.parents[i] < 0 || len(p.Args) == 0 || p.ForkedOnly {
			continue
		}
		parent := t.processes[t.parents[i]]
		foreign[i] = p.Name != parent.Name && slices.Equal(p.Args, parent.Args)
	}
	for i := range foreign {
		if foreign[i] {
			t.processes[i].Args = nil
		}
	}
}
