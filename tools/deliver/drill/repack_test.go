package drill

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/deliver/drill/fault"
	"github.com/magewright/magewright/tools/project/exit"
)

// A file of a zip.
type file struct {
	name    string
	mode    fs.FileMode
	content string
}

func zipOf(t *testing.T, files ...file) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range files {
		header := &zip.FileHeader{Name: f.name, Method: zip.Deflate}
		header.SetMode(f.mode)
		entry, err := w.CreateHeader(header)
		if err == nil {
			_, err = io.WriteString(entry, f.content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestWrap holds that the function's own bootstrap and what else it came with are
// kept, beside the drill's.
func TestWrap(t *testing.T) {
	t.Parallel()
	own := zipOf(t, file{"./bootstrap", 0o755, "own"}, file{"data/", fs.ModeDir | 0o755, ""}, file{"data/text", 0o644, strings.Repeat("text", 1000)})
	w, err := openWrapper(own)
	if err != nil || w.goos != "linux" {
		t.Fatalf("it is for %+v, %v", w, err)
	}
	bad, err := w.wrap([]byte("drill's"), "crash")
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(bad), int64(len(bad)))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]file{}
	for _, f := range []file{
		{fault.Original, 0o755, "own"}, {"data/", fs.ModeDir | 0o755, ""}, {"data/text", 0o644, strings.Repeat("text", 1000)},
		{"bootstrap", 0o755, "drill's"}, {fault.File, 0o755, "crash"},
	} {
		want[f.name] = f
	}
	for _, f := range archive.File {
		content, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		read, err := io.ReadAll(content)
		if got := (file{f.Name, f.Mode(), string(read)}); err != nil || got != want[f.Name] {
			t.Errorf("%s is %v, %v", f.Name, f.Mode(), err)
		}
		delete(want, f.Name)
	}
	if len(want) > 0 {
		t.Errorf("there is no %v", want)
	}
	for name, tt := range map[string]struct {
		zipped []byte
		ours   bool
	}{"the function's": {own, false}, "the drill's": {bad, true}} {
		if ours, err := wrapped(tt.zipped); err != nil || ours != tt.ours {
			t.Errorf("%s is a drill's: %t, %v", name, ours, err)
		}
	}
	if _, err := wrapped([]byte("no zip")); err == nil {
		t.Error("what is no zip is read")
	}
}

// TestWhatCannotBeWrapped holds that a package is refused by what is wrong with it.
func TestWhatCannotBeWrapped(t *testing.T) {
	t.Parallel()
	for says, zipped := range map[string][]byte{
		"has no bootstrap": zipOf(t, file{"main", 0o755, ""}, file{"bin/bootstrap", 0o755, ""}),
		"its bootstrap can't be executed: the mode is -rw-r--r--": zipOf(t, file{"bootstrap", 0o644, "x"}),
		"its bootstrap can't be executed: the mode is drwxr-xr-x": zipOf(t, file{"bootstrap/", fs.ModeDir | 0o755, ""}),
		"reading the deployment package":                          []byte("no zip"),
	} {
		if w, err := openWrapper(zipped); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v, %v; want an error that says %q", w, err, says)
		}
	}
	mac, err := openWrapper(zipOf(t, file{"bootstrap", 0o755, "\xcf\xfa\xed\xfe and more"}))
	if err != nil || mac.goos != "darwin" {
		t.Errorf("a Mac's executable is for %+v, %v", mac, err)
	}
	for says, size := range map[string]struct {
		zipped   int64
		unzipped uint64
	}{
		"": {maxZip, maxUnzipped},
		"has 50.5 MB: Lambda accepts at most 50 MB in a request":   {maxZip + 1<<19, maxUnzipped},
		"has 250.5 MB unzipped, but Lambda accepts at most 250 MB": {maxZip, maxUnzipped + 1<<19},
	} {
		if err := checkSize(size.zipped, size.unzipped); (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want %q", size, err, says)
		}
	}
}

// TestCompile holds that the bootstrap is compiled for the platform that is asked
// for, and that one which can't be is told from a function that is wrong. What
// the compiled one does, TestFaults shows.
func TestCompile(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	if _, err := compile(t.Context(), "linux", "abacus", &said); exit.Status(err) != exit.Environment || !strings.Contains(said.String(), "linux/abacus") {
		t.Errorf("for an abacus: %v, %s", err, &said)
	}
}
