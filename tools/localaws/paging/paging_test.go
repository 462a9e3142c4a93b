package paging_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/magewright/magewright/tools/localaws/paging"
)

// The pages of a list together are the list, whatever their size.
func TestPagesAreTheList(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfDistinct(rapid.StringN(1, 5, -1), rapid.ID[string]).Draw(t, "names")
		slices.Sort(names)
		size := rapid.IntRange(1, 7).Draw(t, "size")
		for way, get := range map[string]func(*string) ([]string, *string, bool){
			"by number": func(token *string) ([]string, *string, bool) { return paging.Of(names, token, size) },
			"by name": func(token *string) ([]string, *string, bool) {
				items, next := paging.After(names, token, size)
				return items, next, true
			},
		} {
			var got []string
			var token *string
			for {
				items, next, ok := get(token)
				if !ok || len(items) > size || next != nil && len(items) < size {
					t.Fatalf("%s: a page of %d items, %t", way, len(items), ok)
				}
				got = append(got, items...)
				if token = next; token == nil {
					break
				}
			}
			if !slices.Equal(got, names) {
				t.Fatalf("%s: %q, want %q", way, got, names)
			}
		}
	})
}

func TestUnknownTokens(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"", "x", "-1", "4"} {
		if _, _, ok := paging.Of([]int{1, 2, 3}, &token, 1); ok {
			t.Errorf("the token %q is accepted", token)
		}
	}
	// A name that is gone still has names after it.
	gone := "b"
	if items, next := paging.After([]string{"a", "c", "d"}, &gone, 1); !slices.Equal(items, []string{"c"}) || *next != "c" {
		t.Errorf("after a name that is gone: %v, %v", items, next)
	}
}
