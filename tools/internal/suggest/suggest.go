// Package suggest finds the word that somebody may have meant.
package suggest

import (
	"fmt"
	"strings"
)

// DidYouMean returns "; did you mean ...?" with the known word that is nearest
// to got. It returns "" if none is near.
func DidYouMean(got string, known []string) string {
	best, least := "", 1+max(1, (len(got)+1)/3)
	for _, k := range known {
		if d := distance(strings.ToLower(strings.ReplaceAll(got, "_", "-")), strings.ToLower(strings.ReplaceAll(k, "_", "-"))); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance returns the Levenshtein distance of two words.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		// No key is that long, so save the time.
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
