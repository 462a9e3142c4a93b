package cdk

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/inputs/inputstest"
	"github.com/magewright/magewright/tools/project"
)

// TestNagIsAppliedOnce checks that a judge takes reports only of the same templates, from the
// same code, and only if a judge has left them.
func TestNagIsAppliedOnce(t *testing.T) {
	r := inputstest.New(t, map[string]string{"go.mod": "module example\n\ngo 1.26\n", "infra/nag/main.go": "package main\n", "infra/package-lock.json": "{}", "README.md": ""})
	cfg := r.Config
	cfg.Judge = project.Judge{Dir: cfg.Dir}
	// The candidate is elsewhere, and nothing in it matters.
	cfg.Dir = t.TempDir()
	runs := 0
	var fails error
	shop := map[string]json.RawMessage{"shop": json.RawMessage(`{"a":1}`)}
	work := func(templates map[string]json.RawMessage) error {
		out := t.TempDir()
		err := nagged(templates, func(_ context.Context, in project.Config) error {
			runs++
			for name := range templates {
				if err := os.WriteFile(filepath.Join(in.Assembly, NagReport(name)), []byte(strings.Repeat("x", runs)), 0o600); err != nil {
					return err
				}
			}
			return fails
		}).Do(t.Context(), reportsIn(cfg, out))
		if err != nil {
			return err
		}
		for name := range templates {
			if _, err := os.Stat(filepath.Join(out, NagReport(name))); err != nil {
				return err
			}
		}
		return nil
	}
	for _, tt := range []struct {
		name      string
		change    func()
		templates map[string]json.RawMessage
		want      int
	}{
		{"the first time", func() {}, shop, 1},
		{"again", func() {}, shop, 1},
		{"a file of the candidate", func() {
			if err := os.WriteFile(filepath.Join(cfg.Dir, "go.mod"), []byte("module other\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, shop, 1},
		{"another template", func() {}, map[string]json.RawMessage{"shop": json.RawMessage(`{"a":2}`)}, 2},
		{"one more stack", func() {}, map[string]json.RawMessage{"shop": shop["shop"], "more": json.RawMessage(`{}`)}, 3},
		{"other code judges", func() { r.Write("infra/nag/main.go", "package main // other rules\n") }, shop, 4},
		{"another CDK", func() { r.Write("infra/package-lock.json", "{ }") }, shop, 5},
		{"a document", func() { r.Write("README.md", "read by nobody") }, shop, 5},
		{"another toolchain", func() { r.Toolchain("go1.99.0") }, shop, 6},
		{"what a build has left under the name that it chose", func() {
			t.Setenv("XDG_CACHE_HOME", t.TempDir())
			build := nagged(shop, func(_ context.Context, in project.Config) error {
				return os.WriteFile(filepath.Join(in.Assembly, NagReport("shop")), []byte("all is well"), 0o600)
			})
			build.Judges = false
			if err := build.Do(t.Context(), reportsIn(cfg, t.TempDir())); err != nil {
				t.Fatal(err)
			}
		}, shop, 7},
	} {
		tt.change()
		if err := work(tt.templates); err != nil || runs != tt.want {
			t.Errorf("%s: applied %d times, want %d, %v", tt.name, runs, tt.want, err)
		}
	}
	fails = errors.New("no Node")
	other := map[string]json.RawMessage{"shop": json.RawMessage(`{"a":3}`)}
	for range 2 {
		if err := work(other); !errors.Is(err, fails) {
			t.Errorf("a failure is kept: %v", err)
		}
	}
}
