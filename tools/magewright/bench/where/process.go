// Package where finds out where the time of a command goes. It watches the processes that the
// command starts, and says which programs they were and how much processor time each took.
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
	CPU         float64  // seconds of user and system time, without those of children
	Name        string   // name of the executable, at most 15 bytes
	Args        []string // the command line, or nil if the process ended before it was seen
	Dir         string   // the working directory, or "" in the same case
	ForkedOnly  bool     // it never called exec, so it is a copy of its parent

	accounted bool // CPU and End come from the kernel's accounting, and not from the last look
}

// slack is how many seconds two starting times of one process may differ. Accounting has
// whole seconds, and rounds twice.
const slack = 1.5

// Join returns the processes of both lists. Accounting has the processor time, also of very
// short processes. Watching running processes gives the exact start, the command line and the
// first parent.
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

// A tree has the processes below a root, each with its parent.
type tree struct {
	processes []Process
	parents   []int // indexes into processes; -1 is the root
}

// descendants returns the processes that descend from the process root, which is not
// included, in the order of their start.
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
			// PIDs are reused, so the parent is the last process with that PID that started
			// before the child. If both times are only accurate to the second, a child may
			// seem older than its parent.
			q := all[j]
			if j != i && q.Start <= p.Start+slack && q.End >= p.Start-slack && (parents[i] < 0 || q.Start <= p.Start) {
				parents[i] = j
			}
		}
	}
	// ours says whether a process descends from the root.
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
			// Two processes that seem to be each other's parents have no ancestry.
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

// notBefore corrects the start of a process that is only known to the second, so that it is
// not before a time at which it can't have started.
func (p *Process) notBefore(earliest float64) {
	if late := earliest - p.Start; late > 0 {
		p.Start += late
		p.End += late
	}
}

// dropForeignArgs removes command lines that were seen between fork and exec. They belong to
// the parent, and the process became another program.
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
