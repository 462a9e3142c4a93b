package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/clock"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/collect"
)

// What a drill leaves is what readiness collects.
func TestTheRecordIsCollected(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 8, 8, 12, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	cfg := project.Config{Evidence: t.TempDir(), Stdout: &out}
	want := readiness.Drill{Commit: strings.Repeat("c", 40), DrilledOn: now, DetectedSeconds: 41, RestoredSeconds: 42, Fingerprint: "f"}
	want.FinishedOn = now
	if err := conclude(cfg, &drill{}, want, nil); err != nil {
		t.Fatal(err)
	}
	got, err := collect.Drill(t.Context(), collect.Env{Project: cfg, Clock: clock.NewManual(now)})
	if d, ok := got.(readiness.Drill); err != nil || !ok || d.Commit != want.Commit || d.DetectedSeconds != 41 || d.RestoredSeconds != 42 || !d.DrilledOn.Equal(now) {
		t.Errorf("collected %+v, %v", got, err)
	}
	if !strings.Contains(out.String(), "detected in 41 s, restored in 42 s") {
		t.Errorf("it said %q", &out)
	}
}

// A failure is recorded and is an error; a drill that came to no end says
// nothing.
func TestConclude(t *testing.T) {
	t.Parallel()
	cfg := project.Config{Evidence: t.TempDir(), Stdout: &bytes.Buffer{}}
	file := filepath.Join(cfg.Evidence, "drill.json")
	if err := conclude(cfg, &drill{}, readiness.Drill{}, context.Canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted drill ends with %v", err)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an interrupted drill is recorded: %v", err)
	}
	err := conclude(cfg, &drill{deployment: "d-1"}, readiness.Drill{Failures: []string{"no alarm went off"}}, nil)
	if err == nil || !strings.Contains(err.Error(), "no alarm went off") || !strings.Contains(err.Error(), "--deployment-id d-1") {
		t.Errorf("a failure ends with %v", err)
	}
	if data, err := os.ReadFile(file); err != nil || !bytes.Contains(data, []byte("no alarm went off")) { // #nosec G304 -- of this test
		t.Errorf("the record is %s, %v", data, err)
	}
}
