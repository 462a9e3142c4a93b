// Package paging cuts the lists that operations return into pages. A service keeps
// its own limits, and its own error for a token that it never gave.
package paging

import (
	"slices"
	"strconv"
)

// Of returns a page of a list, and the token of the next page, or nil if there is
// none. A token is the number of the page's first item; nil stands for the first
// page. ok is false if no page has the token.
func Of[T any](all []T, token *string, size int) (items []T, next *string, ok bool) {
	from := 0
	if token != nil {
		var err error
		if from, err = strconv.Atoi(*token); err != nil || from < 0 || from > len(all) {
			return nil, nil, false
		}
	}
	if to := from + size; to < len(all) {
		text := strconv.Itoa(to)
		return all[from:to], &text, true
	}
	return all[from:], nil, true
}

// After returns a page of a sorted list of names, and the token of the next page,
// or nil if there is none. A token is the last name of the page before, so that a
// page neither repeats nor leaves out a name when others come and go.
func After(names []string, token *string, size int) (items []string, next *string) {
	if token != nil {
		i, found := slices.BinarySearch(names, *token)
		if found {
			i++
		}
		names = names[i:]
	}
	if len(names) <= size {
		return names, nil
	}
	return names[:size], &names[size-1]
}
