package patchcover

import (
	"reflect"
	"strings"
	"testing"
)

const coloured = "\x1b[1mdiff --git a/a.go b/b c.go\x1b[m\n" +
	"\x1b[1msimilarity index 90%\x1b[m\n" +
	"\x1b[1mrename from a.go\x1b[m\n" +
	"\x1b[1mrename to b c.go\x1b[m\n" +
	"\x1b[1mindex 1..2 100644\x1b[m\n" +
	"\x1b[1m--- a/a.go\x1b[m\n" +
	"\x1b[1m+++ b/b c.go\x1b[m\t\n" +
	"\x1b[36m@@ -2 +2,2 @@ \x1b[m\x1b[36mfunc F\x1b[m\n" +
	"\x1b[31m-moved\x1b[m\n" +
	"\x1b[32m+\x1b[m\x1b[32m++ b/x.go\x1b[m\n" +
	"\x1b[34m+\x1b[m\x1b[34mmoved\x1b[m\n" +
	"\x1b[36m@@ -5,3 +6,3 @@\x1b[m\n" +
	" same\n" +
	"\x1b[31m-old\x1b[m\n" +
	"\x1b[32m+\x1b[m\x1b[32mnew\x1b[m\n" +
	" \n" +
	"\\ No newline at end of file\n" +
	"\x1b[1mdiff --git \"a/\\303\\251\\\".go\" \"b/\\303\\251\\\".go\"\x1b[m\n" +
	"\x1b[1mnew file mode 100644\x1b[m\n" +
	"\x1b[1m--- /dev/null\x1b[m\n" +
	"\x1b[1m+++ \"b/\\303\\251\\\".go\"\x1b[m\n" +
	"\x1b[36m@@ -0,0 +1 @@\x1b[m\n" +
	"\x1b[34m+\x1b[m\x1b[34mmoved\x1b[m\n"

func TestParseDiff(t *testing.T) {
	t.Parallel()
	got, err := ParseDiff(strings.NewReader(coloured))
	if err != nil {
		t.Fatal(err)
	}
	want := []Change{
		{Path: "b c.go", Old: "a.go",
			Added:   []Line{{2, "++ b/x.go", false}, {3, "moved", true}, {7, "new", false}},
			Removed: []Line{{2, "moved", false}, {6, "old", false}}},
		{Path: `é".go`, Added: []Line{{1, "moved", false}}}, // the one that was removed was claimed above
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParseDiffRefuses(t *testing.T) {
	t.Parallel()
	const file = "diff --git a/a.go b/a.go\n--- a/a.go\n+++ b/a.go\n"
	for _, tt := range []struct{ text, want string }{
		{"+new\n", "expected diff --git"},
		{"diff --git a/a.go b/a.go\nBinary files a/a.go and b/a.go differ\n", "binary"},
		{"diff --git a/a.go b/a.go\n--- a.go\n", "begin with a/"},
		{"diff --git a/a.go b/a.go\n+++ \"b/a.go\n", "invalid syntax"},
		{file + "@@ -1 +1,2 @@\n-a\n+b\n", "ends within a hunk"},
		{file + "@@ -1 +99999999999999999999 @@\n", "out of range"},
		{file + "@@ -1 +1 @@\n-a\n-b\n", "longer than it says"},
		{file + "@@ -1 +1 @@\n\n", "a line of a hunk"},
		{file + "@@ -1 +1 @@\n?\n", "a line of a hunk"},
	} {
		if _, err := ParseDiff(strings.NewReader(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("ParseDiff(%q) = %v, want %q", tt.text, err, tt.want)
		}
	}
}

func FuzzParseDiff(f *testing.F) {
	f.Add(coloured)
	f.Fuzz(func(t *testing.T, text string) {
		changes, err := ParseDiff(strings.NewReader(text))
		if err != nil {
			return
		}
		lines := strings.Count(text, "\n") + 1
		for _, c := range changes {
			if len(c.Added)+len(c.Removed) > lines {
				t.Errorf("%d lines of %d", len(c.Added)+len(c.Removed), lines)
			}
		}
	})
}

func TestReadPatchRefuses(t *testing.T) {
	t.Parallel()
	if _, err := ReadPatch(t.Context(), t.TempDir(), "HEAD", "HEAD"); err == nil || !strings.Contains(err.Error(), "comparing Go files") {
		t.Errorf("where there is no repository, ReadPatch = %v", err)
	}
	if _, err := readFiles(t.Context(), "../../..", "HEAD", []string{"no/such/file.go"}); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("a file that is not there gives %v", err)
	}
	if _, err := readFiles(t.Context(), "../../..", "HEAD", []string{"a\nb.go"}); err == nil {
		t.Error("a name of two lines is asked for")
	}
}

// TestCoverNeedsDigests holds that a file of the profile whose source was not
// recorded is not taken for the one that was measured.
func TestCoverNeedsDigests(t *testing.T) {
	t.Parallel()
	patch := Patch{
		Changes: []Change{{Path: "a.go", Added: []Line{{Number: 4}}}},
		Sources: map[string][]byte{"a.go": []byte("package m\n\nfunc F() {\n\tprintln()\n}\n")},
		Modules: []Module{{".", "m"}},
	}
	profile := Profile{"m/a.go": {span{position{3, 10}, position{5, 2}}: {1, true}}}
	if _, err := patch.Cover(profile, Digests{}); err == nil || !strings.Contains(err.Error(), "its source was not recorded") {
		t.Errorf("Cover = %v", err)
	}
	patch.Sources = nil
	if _, err := patch.Cover(profile, Digests{}); err == nil || !strings.Contains(err.Error(), "its source is not there") {
		t.Errorf("Cover = %v", err)
	}
}
