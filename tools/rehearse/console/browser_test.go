//go:build e2e

package console_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/testinput"
)

// web is the directory of the front end.
const web = "web"

// installed installs what the front end's tests and its bundle are made with, as the
// lock file pins it. It skips the test where there is no npm.
func installed(t *testing.T) {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there is no %s: %v", program, err)
		}
	}
	lock, err := os.Stat(filepath.Join(web, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	// npm writes this file when it is done.
	if done, err := os.Stat(filepath.Join(web, "node_modules", ".package-lock.json")); err == nil && !done.ModTime().Before(lock.ModTime()) {
		return
	}
	npm := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")
	npm.Dir = web
	if out, err := npm.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
}

// chromium returns the path of Chromium. It skips the test where there is none.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("there is no Chromium: install the package chromium")
	return ""
}

// TestTheBundleIsBuilt holds that the committed bundle is what the sources give.
func TestTheBundleIsBuilt(t *testing.T) {
	t.Parallel()
	installed(t)
	fresh := t.TempDir()
	for _, args := range [][]string{{"node_modules/typescript/bin/tsc", "--noEmit"}, {"build.mjs", fresh}} {
		node := exec.CommandContext(t.Context(), "node", args...) // #nosec G204 -- arguments of this file
		node.Dir = web
		if out, err := node.CombinedOutput(); err != nil {
			t.Fatalf("node %v: %v\n%s", args, err, out)
		}
	}
	for _, name := range []string{"app.js", "app.css", "index.html", "sources.sha256"} {
		want, err := os.ReadFile(filepath.Join(fresh, name)) // #nosec G304 -- just built
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("dist", name)) // #nosec G304 -- of this package
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("dist/%s is not what the sources give (%v): npm run build --prefix tools/rehearse/console/web", name, err)
		}
	}
}

// TestBrowser uses the console in Chromium. Its scenarios are in web/test. With
// SCREENSHOTS, it leaves pictures of each view in that directory.
func TestBrowser(t *testing.T) {
	installed(t)
	testinput.Read(t, "tools/rehearse/console/web/test", "tools/rehearse/console/web/package-lock.json")
	program := chromium(t)
	pipeline := newWorld(t)
	pipeline.pipeline()
	shop := worldOf(t, clock.NewManual(clock.System().Now().Truncate(time.Minute)))
	shop.shop()
	shop.ship("2", "fail")
	for range 3 {
		shop.invoke(200)
		shop.pass(30 * time.Second)
	}
	shop.trace()
	empty, lost := newWorld(t), newWorld(t)
	// Only that waits there, for a day of AWS's.
	waits := empty.time.NewTimer(24 * time.Hour)
	defer waits.Stop()
	type given struct {
		Link  string `json:"link"`
		Gates string `json:"gates"`
		Trace string `json:"trace"`
	}
	worlds := map[string]given{}
	for name, w := range map[string]*world{"pipeline": pipeline, "shop": shop, "empty": empty, "lost": lost} {
		worlds[name] = given{w.console.Link(), w.gates, traceOfShop}
	}
	encoded, err := json.Marshal(worlds)
	if err != nil {
		t.Fatal(err)
	}
	// The scenarios say when time passes, and when an endpoint ends.
	done := make(chan struct{})
	go func() {
		defer close(done)
		for t.Context().Err() == nil {
			if _, err := os.Stat(filepath.Join(shop.gates, "pass")); err == nil {
				shop.pass(time.Second)
			}
			if _, err := os.Stat(filepath.Join(lost.gates, "close")); err == nil {
				_ = lost.close() // the test's end says what went wrong
			}
			_ = clock.Sleep(t.Context(), clock.System(), 20*time.Millisecond) // the test may end
		}
	}()
	t.Cleanup(func() { <-done })

	releases, err := os.ReadFile("../../evidence/timeline/testdata/page.html")
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "test/browser.mjs")
	node.Dir, node.Env, node.Stderr = web, append(os.Environ(), "WORLDS="+string(encoded), "CHROMIUM="+program, "RELEASES="+string(releases)), os.Stderr
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	took := 0
	for lines := bufio.NewScanner(out); lines.Scan(); took++ {
		var result struct {
			Name, Error string
			Seconds     float64
		}
		if err := json.Unmarshal(lines.Bytes(), &result); err != nil {
			t.Fatalf("%s: %v", lines.Bytes(), err)
		}
		t.Run(result.Name, func(t *testing.T) {
			t.Logf("%.1f s", result.Seconds)
			if result.Error != "" {
				t.Error(result.Error)
			}
		})
	}
	if err := node.Wait(); err != nil {
		t.Errorf("the scenarios did not end: %v", err)
	}
	// The scenarios read these.
	only, pictures := os.Getenv("ONLY"), os.Getenv("SCREENSHOTS")
	if pictures != "" {
		t.Logf("pictures of the views are in %s", pictures)
	}
	if took < 25 && only == "" {
		t.Errorf("%d scenarios were taken", took)
	}
}
