package executable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestTrim(t *testing.T) {
	t.Parallel()
	dir, now := t.TempDir(), time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	add := func(name string, age time.Duration) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(path, 0o750), os.WriteFile(filepath.Join(path, "tool"), nil, 0o600), os.Chtimes(path, now.Add(-age), now.Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range kept + 2 {
		add(fmt.Sprint("tool-", i), time.Duration(i)*time.Hour)
	}
	add("other-0", 100*time.Hour)
	add("building-now", time.Minute)
	add("building-crashed", 25*time.Hour)
	if err := trim(dir, "tool", now); err != nil {
		t.Fatal(err)
	}
	var left []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		left = append(left, entry.Name())
	}
	if want := []string{"building-now", "other-0", "tool-0", "tool-1", "tool-2", "tool-3", "tool-4", "tool-5"}; !slices.Equal(left, want) {
		t.Errorf("%q are left, want %q", left, want)
	}
	if err := trim(filepath.Join(dir, "missing"), "tool", now); err == nil {
		t.Error("a directory that is not there was trimmed")
	}
}
