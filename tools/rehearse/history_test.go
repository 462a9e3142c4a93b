package rehearse

import (
	"strings"
	"testing"
	"time"
)

// TestExpect checks that a rehearsal prints how long the last similar one took.
func TestExpect(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	const dir = "/project"
	first := &subject{dir: dir, commit: "b", base: "a"}
	says := func(s *subject, want string) {
		t.Helper()
		known, err := readHistory(dir)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		s.expect(&out, known[dir])
		if !strings.Contains(out.String(), want) {
			t.Errorf("it says %q, want %q", out.String(), want)
		}
	}
	says(first, "the first time on two cores")
	if err := first.remember(10 * time.Minute); err != nil {
		t.Fatal(err)
	}
	says(first, "about 10 min here, like the last one with a change")
	if err := first.remember(31 * time.Second); err != nil {
		t.Fatal(err)
	}
	says(first, "about 31 s here, like the last time: nothing has changed since")
	next := &subject{dir: dir, commit: "c", base: "b"}
	says(next, "about 10 min here, like the last one with a change")
	if err := next.remember(50 * time.Second); err != nil {
		t.Fatal(err)
	}
	says(next, "about 31 s here, like the last time: nothing has changed since")
	says(&subject{dir: dir, commit: "d", base: "c"}, "about 50 s here, like the last one with a change")
	other := &subject{dir: "/elsewhere", commit: "c", base: "b"}
	known, err := readHistory(other.dir)
	if err != nil || known[other.dir] != (history{}) {
		t.Errorf("another repository has the history %+v, %v", known[other.dir], err)
	}
}
