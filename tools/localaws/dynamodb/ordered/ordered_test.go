package ordered_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/magewright/magewright/tools/localaws/dynamodb/ordered"
)

// A map and a sorted slice of the same keys are always the same.
func TestAgainstModel(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for _, keys := range []int{10, 300, 20000} {
		var m ordered.Map[int]
		model := map[string]int{}
		check := func() {
			t.Helper()
			want := slices.Sorted(maps.Keys(model))
			from := fmt.Sprint(r.IntN(keys))
			at, _ := slices.BinarySearch(want, from)
			var up, down []string
			m.Ascend(from, func(k string, v int) bool {
				if v != model[k] {
					t.Fatalf("%s is %d, want %d", k, v, model[k])
				}
				up = append(up, k)
				return len(up) < 100
			})
			m.Descend(from, func(k string, _ int) bool {
				down = append(down, k)
				return len(down) < 100
			})
			if above := want[at:]; !slices.Equal(up, above[:min(100, len(above))]) {
				t.Fatalf("from %s up: %v", from, up)
			}
			below := slices.Clone(want[:at])
			slices.Reverse(below)
			if !slices.Equal(down, below[:min(100, len(below))]) {
				t.Fatalf("from %s down: %v", from, down)
			}
			if m.Len() != len(model) {
				t.Fatalf("%d keys, want %d", m.Len(), len(model))
			}
		}
		for round := range 60000 {
			// It grows first, and then shrinks.
			key := fmt.Sprint(r.IntN(keys))
			want, had := model[key]
			var got int
			var found bool
			if grow := round < 40000; r.IntN(10) < 7 == grow {
				got, found = m.Set(key, round)
				model[key] = round
			} else {
				got, found = m.Delete(key)
				delete(model, key)
			}
			if found != had || got != want {
				t.Fatalf("%s was %d %t, want %d %t", key, got, found, want, had)
			}
			if v, ok := m.Get(key); ok != (model[key] != 0 || func() bool { _, ok := model[key]; return ok }()) || v != model[key] {
				t.Fatalf("%s is %d %t", key, v, ok)
			}
			if round%500 == 0 {
				check()
			}
		}
		for key := range model {
			m.Delete(key)
			delete(model, key)
		}
		check()
	}
}
