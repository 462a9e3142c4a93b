package cloudformation

import (
	"context"
	"slices"
)

// onError selects what a walk does when a node fails.
type onError int

const (
	// stopAll cancels the nodes in progress and starts no others.
	stopAll onError = iota
	// skipDependents continues with the nodes that do not need a failed one.
	skipDependents
)

// walk calls do for each node as soon as the nodes that it needs are done. All
// nodes that are ready run concurrently. walk returns when no call is in
// progress any more. It returns the failed nodes in the order in which they failed.
//
// Only deletions can meet a cycle. Where the graph has one, walk treats the
// cycle's first node in the given order as if it needed nothing.
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
	waiting    map[T]int // nodes not started yet, and the number of nodes that each waits for
	dependents map[T][]T
}

// next returns the first waiting node of which no need has failed, for use when
// nothing is running.
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
