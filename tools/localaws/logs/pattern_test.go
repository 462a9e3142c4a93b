package logs

import (
	"strings"
	"testing"
)

// Any pattern is refused, or matches messages by what it says: a message that is the text
// of a single plain term matches.
func FuzzCompile(f *testing.F) {
	for _, pattern := range []string{"", "ERROR", `"two words" -not`, "?a ?b", "{ $.level = 1 }", `"open`, "- ?", "[a, b]"} {
		f.Add(pattern, "an ERROR with two words")
	}
	f.Fuzz(func(t *testing.T, pattern, message string) {
		matches, err := compile(pattern)
		if err != nil {
			return
		}
		matches(message)
		if term := strings.TrimSpace(pattern); term != "" && !strings.ContainsAny(term, " \t\n\v\f\r\u0085\u00a0\"?-") && len(strings.Fields(term)) == 1 && !matches(term) {
			t.Errorf("%q does not match itself", term)
		}
	})
}
