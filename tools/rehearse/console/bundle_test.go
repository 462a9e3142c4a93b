package console_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
)

// TestTheBundleIsOfTheSources holds that dist was built after the last change of the
// sources. TestBrowser also holds that they give the same bytes.
func TestTheBundleIsOfTheSources(t *testing.T) {
	t.Parallel()
	sources, err := filepath.Glob("web/src/*")
	if err != nil || len(sources) < 10 {
		t.Fatalf("the sources are %v: %v", sources, err)
	}
	sum := sha256.New()
	for _, file := range append(sources, "web/package-lock.json", "web/build.mjs") {
		data, err := os.ReadFile(file) // #nosec G304 -- of this package
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel("web", file)
		if err != nil {
			t.Fatal(err)
		}
		sum.Write([]byte(filepath.ToSlash(name) + "\x00"))
		sum.Write(data)
		sum.Write([]byte{0})
	}
	recorded, err := os.ReadFile("dist/sources.sha256")
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got+"\n" != string(recorded) {
		t.Error("dist is of other sources: npm ci --prefix tools/rehearse/console/web && npm run build --prefix tools/rehearse/console/web")
	}
}

// TestTheBundleIsSmall holds that a browser loads less than 60 kB when they are
// compressed.
func TestTheBundleIsSmall(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	for _, name := range []string{"app.js", "app.css", "index.html"} {
		data, err := os.ReadFile(filepath.Join("dist", name)) // #nosec G304 -- of this package
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if packed.Len() > 60_000 {
		t.Errorf("the bundle has %d bytes", packed.Len())
	}
}
