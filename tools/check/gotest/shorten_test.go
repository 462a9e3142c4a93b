package gotest

import (
	"strings"
	"testing"
)

// TestLongOutput holds that a test that says very much does not bury what it says at its end.
func TestLongOutput(t *testing.T) {
	t.Parallel()
	short := strings.Repeat("line\n", linesBefore+linesAfter)
	if got := shortened(short); got != short {
		t.Error("what is short enough is changed")
	}
	got := shortened("first\n" + strings.Repeat("noise\n", 1000) + strings.Repeat("x", 5000) + "\nthe reason\n")
	if !strings.HasPrefix(got, "first\n") || !strings.HasSuffix(got, "x ... 1001 bytes left out\nthe reason\n") || !strings.Contains(got, "\n... 783 lines left out; .magewright/test.json has them\n") {
		t.Errorf("it is\n%s", got)
	}
	if n := strings.Count(got, "\n"); n != linesBefore+linesAfter+1 {
		t.Errorf("%d lines are left", n)
	}
}
