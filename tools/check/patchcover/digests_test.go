package patchcover

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestDigestSources(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{
		"a.go", "b/b.go", "testdata/c.go", "a.txt",
		".hidden/d.go", "_attic/e.go", "node_modules/f.go", "cdk.out/g.go",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("package p\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before, err := DigestSources(dir, filepath.Join(dir, "cdk.out"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Sorted(maps.Keys(before)), []string{"a.go", "b/b.go", "testdata/c.go"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.go"), []byte("package q\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	after, err := DigestSources(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Sorted(maps.Keys(before.Unchanged(after))), []string{"b/b.go", "testdata/c.go"}; !slices.Equal(got, want) {
		t.Errorf("unchanged: got %v, want %v", got, want)
	}
}
