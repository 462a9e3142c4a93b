// Package suggest finds the word that somebody may have meant.
package suggest

import (
	"fmt"
	"strings"
)

// DidYouMean returns "; did you mean ...?" with the known word that is nearest
// to got. It returns "" if none is near.
func DidYouMean(got string, known []string) string {
	if best := Nearest(got, known); best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return ""
}

// Nearest returns the known word that is nearest to got, and "" if none is near.
// Up to a third of a word may be mistyped. Two letters that have changed places
// are one mistake.
func Nearest(got string, known []string) string {
	best, least := "", 1+max(1, (len(got)+1)/3)
	for _, k := range known {
		if d := distance(normal(got), normal(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

func normal(word string) string { return strings.ToLower(strings.ReplaceAll(word, "_", "-")) }

// distance returns the optimal string alignment distance of two words: how many
// letters must be put in, left out, replaced, or swapped with the next one.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		// No key is that long, so save the time.
		return 64
	}
	// to[i][j] is the distance of a[:i] and b[:j].
	to := make([][]int, len(a)+1)
	for i := range to {
		to[i] = make([]int, len(b)+1)
		to[i][0] = i
	}
	for j := range to[0] {
		to[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replaced := to[i-1][j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			to[i][j] = min(replaced, to[i-1][j]+1, to[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				to[i][j] = min(to[i][j], to[i-2][j-2]+1)
			}
		}
	}
	return to[len(a)][len(b)]
}
