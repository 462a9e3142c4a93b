package cloudformation

import (
	"context"
	"slices"
)

// onError says what a walk does when a node fails.
type onError int

const (
	// stopAll cancels the nodes in progress and starts no other.
	stopAll onError = iota
	// skipDependents goes on with the nodes that do not need a failed one.
	skipDependents
)

// walk calls do for each node as soon as those that it needs are done, and
// for as many at a time as there are. It returns, once no call is in
// progress any more, the nodes that failed, in the order of their failing.
//
// Where the graph has a cycle, which only deletions can meet, its first node
// in the given order is taken as if it needed nothing.
func walk[T comparable](ctx context.Context, nodes []T, needs func(T) []T, mode onError, do func(context.Context, T) error) []T {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := walker[T]{waiting: map[T]int{}, dependents: map[T][]T{}}
	for _, n := range nodes {
		w.waiting[n] = 0
	}
	for _, n := range nodes {
		for _, need := range needs(n) {
			if _, inGraph := w.waiting[need]; inGraph && need != n {
				w.waiting[n]++
				w.dependents[need] = append(w.dependents[need], n)
			}
		}
	}
	type result struct {
		node T
		err  error
	}
	results := make(chan result)
	running := 0
	start := func(n T) {
		delete(w.waiting, n)
		running++
		go func() { results <- result{n, do(ctx, n)} }()
	}
	for _, n := range nodes {
		if w.waiting[n] == 0 {
			start(n)
		}
	}
	var failed []T
	for {
		if running == 0 {
			n, ok := w.next(nodes, failed)
			if !ok || len(failed) > 0 && mode == stopAll {
				return failed
			}
			start(n)
		}
		r := <-results
		running--
		if r.err != nil {
			failed = append(failed, r.node)
			if mode == stopAll {
				cancel()
			}
			continue
		}
		for _, d := range w.dependents[r.node] {
			if _, pending := w.waiting[d]; !pending {
				continue
			}
			w.waiting[d]--
			if w.waiting[d] == 0 && (mode == skipDependents || len(failed) == 0) {
				start(d)
			}
		}
	}
}

type walker[T comparable] struct {
	waiting    map[T]int // nodes not started yet, with how many they wait for
	dependents map[T][]T
}

// next returns the first node that waits although nothing runs and nothing it
// needs has failed.
func (w walker[T]) next(nodes, failed []T) (T, bool) {
	blocked := map[T]bool{}
	for queue := slices.Clone(failed); len(queue) > 0; queue = queue[1:] {
		for _, d := range w.dependents[queue[0]] {
			if !blocked[d] {
				blocked[d] = true
				queue = append(queue, d)
			}
		}
	}
	for _, n := range nodes {
		if _, pending := w.waiting[n]; pending && !blocked[n] {
			return n, true
		}
	}
	var none T
	return none, false
}
