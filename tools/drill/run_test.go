package drill

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/cdk"
	"github.com/magewright/magewright/tools/clock"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/evidencetest"
	"github.com/magewright/magewright/tools/ledger"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/collect"
)

// What a drill leaves is what readiness collects.
func TestTheRecordIsCollected(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 8, 8, 12, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	signer, dir := evidencetest.NewSigner(t), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "infra"), 0o750); err != nil {
		t.Fatal(err)
	}
	context := fmt.Sprintf(`{"context":{%q:%q}}`, cdk.EvidenceKey, signer.Key)
	if err := os.WriteFile(filepath.Join(dir, "infra", "cdk.json"), []byte(context), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := project.Config{Dir: dir, Evidence: t.TempDir(), Stdout: &out}
	want := readiness.Drill{Commit: strings.Repeat("c", 40), DrilledOn: now, DetectedSeconds: 41, RestoredSeconds: 42, Fingerprint: "f"}
	want.FinishedOn = now
	d := drill{ledger: ledger.Ledger{Signer: signer}}
	if err := d.conclude(t.Context(), cfg, "", want); err != nil {
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

// A failure is recorded and is an error.
func TestAFailureIsRecorded(t *testing.T) {
	t.Parallel()
	cfg, signer := project.Config{Evidence: t.TempDir(), Stdout: &bytes.Buffer{}}, evidencetest.NewSigner(t)
	d := drill{ledger: ledger.Ledger{Signer: signer}, out: io.Discard, deployment: "d-1"}
	d.failed("no alarm went off")
	d.deployment = "d-2" // restores
	err := d.conclude(t.Context(), cfg, "", readiness.Drill{Commit: "c", Failures: d.failures})
	if err == nil || !strings.Contains(err.Error(), "no alarm went off") || !strings.Contains(err.Error(), "--deployment-id d-1") {
		t.Errorf("a failure ends with %v", err)
	}
	data, err := os.ReadFile(filepath.Join(cfg.Evidence, readiness.DrillFile)) // #nosec G304 -- of this test
	var sealed evidence.Envelope
	if err == nil {
		err = json.Unmarshal(data, &sealed)
	}
	if err != nil {
		t.Fatal(err)
	}
	var record readiness.Drill
	statement, _, err := sealed.Open(t.Context(), signer.Key)
	if err == nil {
		err = statement.Decode(&record)
	}
	if err != nil || statement.Digest(evidence.GitCommit) != "c" || !slices.Equal(record.Failures, d.failures) {
		t.Errorf("recorded is %+v, %v", record, err)
	}
}
