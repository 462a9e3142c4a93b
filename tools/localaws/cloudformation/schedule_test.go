package cloudformation

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
)

func TestWalk(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, test := range []struct {
		name   string
		needs  map[string][]string
		mode   onError
		failed []string
		want   []string
	}{
		{"in order", map[string][]string{"a": nil, "b": {"a"}, "c": {"b"}, "d": {"c"}}, stopAll, nil, []string{"a", "b", "c", "d"}},
		{"needs outside of the graph", map[string][]string{"b": {"a"}}, stopAll, nil, []string{"b"}},
		{"stop", map[string][]string{"a": nil, "b": {"a"}, "c": {"b"}}, stopAll, []string{"b"}, []string{"a", "b"}},
		{"skip", map[string][]string{"a": nil, "b": {"a"}, "c": {"b"}, "d": {"c"}}, skipDependents, []string{"b"}, []string{"a", "b"}},
		{"a cycle", map[string][]string{"a": {"b"}, "b": {"a"}, "c": {"b"}}, skipDependents, nil, []string{"a", "b", "c"}},
		{"a cycle behind a failure", map[string][]string{"a": nil, "b": {"a", "c"}, "c": {"b"}}, skipDependents, []string{"a"}, []string{"a"}},
	} {
		var mu sync.Mutex
		var got []string
		failed := walk(t.Context(), keysOf(test.needs), func(n string) []string { return test.needs[n] }, test.mode, func(_ context.Context, n string) error {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, n)
			if slices.Contains(test.failed, n) {
				return broken
			}
			return nil
		})
		if !slices.Equal(got, test.want) || !slices.Equal(failed, test.failed) {
			t.Errorf("%s: did %v, failed %v", test.name, got, failed)
		}
	}
}

// Nodes that do not depend on each other run at the same time.
func TestWalkIsConcurrent(t *testing.T) {
	t.Parallel()
	var both sync.WaitGroup
	both.Add(2)
	walk(t.Context(), []int{1, 2}, func(int) []int { return nil }, stopAll, func(context.Context, int) error {
		both.Done()
		both.Wait()
		return nil
	})
}
