package suggest_test

import (
	"testing"

	"github.com/magewright/magewright/tools/internal/suggest"
)

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	known := []string{"tests-pass", "drift", "nag"}
	for got, want := range map[string]string{
		"test-pass":  `; did you mean "tests-pass"?`,
		"Tests_Pass": `; did you mean "tests-pass"?`,
		"drfit":      `; did you mean "drift"?`,
		"ang":        `; did you mean "nag"?`,
		"elsewhere":  "",
		"":           "",
	} {
		if said := suggest.DidYouMean(got, known); said != want {
			t.Errorf("DidYouMean(%q) = %q, want %q", got, said, want)
		}
	}
}
