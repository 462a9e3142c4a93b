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

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/deliver/stagetest"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/evidencetest"
	"github.com/magewright/magewright/tools/evidence/ledgerclient"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/collect"
)

// shifting is production's template where its traffic shifts by a configuration.
func shifting(config string) string {
	return `{"Resources": {
		"Alias": {"Type": "AWS::Lambda::Alias", "Properties": {"Name": "live"}},
		"Shift": {"Type": "AWS::CodeDeploy::DeploymentGroup", "Properties": {"DeploymentConfigName": ` + config + `}}}}`
}

func assembly(t *testing.T, template string) project.Config {
	t.Helper()
	cfg := project.Config{Assembly: t.TempDir()}
	if err := os.WriteFile(filepath.Join(cfg.Assembly, manifest.Old().Last().Template), []byte(template), 0o600); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestProduction holds that what is drilled is what production's template says,
// and that the fingerprint tells one configuration from another.
func TestProduction(t *testing.T) {
	t.Parallel()
	fingerprints := map[string]bool{}
	for _, want := range []string{stagetest.Canary, stagetest.AllAtOnce, "Team.Linear5PercentEvery1Minute"} {
		fingerprint, config, err := production(assembly(t, shifting(`"`+want+`"`)), manifest.Old())
		if err != nil || config != want {
			t.Errorf("%s is %s, %v", want, config, err)
		}
		fingerprints[fingerprint] = true
	}
	if len(fingerprints) != 3 {
		t.Errorf("three configurations have %d fingerprints", len(fingerprints))
	}
	for template, says := range map[string]string{
		shifting(`{"Ref": "Own"}`):                                 "Shift (AWS::CodeDeploy::DeploymentGroup) does not name its DeploymentConfigName",
		`{"Resources": {"Alias": {"Type": "AWS::Lambda::Alias"}}}`: "want one deployment configuration",
		"{}": "it has no resources",
	} {
		if _, _, err := production(assembly(t, template), manifest.Old()); exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want an error that says %q", template, err, says)
		}
	}
	if _, _, err := production(project.Config{Assembly: t.TempDir()}, manifest.Old()); exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), "next: go tool mage synth") {
		t.Errorf("without an assembly: %v", err)
	}
}

// TestTheDrillIsOfProductionsConfiguration holds that the bad version gets its
// traffic as production's versions do.
func TestTheDrillIsOfProductionsConfiguration(t *testing.T) {
	t.Parallel()
	const linear = "CodeDeployDefault.LambdaLinear10PercentEvery1Minute"
	_, config, err := production(assembly(t, shifting(`"`+linear+`"`)), manifest.Old())
	if err != nil {
		t.Fatal(err)
	}
	s := newStaging(t)
	s.config = config
	record, err := s.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(record.Failures) > 0 || record.DeploymentConfig != linear {
		t.Errorf("the record is %+v", record)
	}
	if said := "moves traffic from version 1 to 2 by LambdaLinear10PercentEvery1Minute"; !strings.Contains(s.out.String(), said) {
		t.Errorf("it did not say %q", said)
	}
	s.untouched(t, "1")
}

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
	d := drill{ledger: ledgerclient.Client{Signer: signer}}
	if err := d.conclude(t.Context(), cfg, "", want); err != nil {
		t.Fatal(err)
	}
	got, err := collect.Drill(t.Context(), collect.Env{Project: cfg, Clock: clock.NewManual(now)})
	if d, ok := got.(readiness.Drill); err != nil || !ok || d.Commit != want.Commit || d.DetectedSeconds != 41 || d.RestoredSeconds != 42 || !d.DrilledOn.Equal(now) {
		t.Errorf("collected %+v, %v", got, err)
	}
	if !strings.Contains(out.String(), "detected after 41 s and restored after 42 s") {
		t.Errorf("it said %q", &out)
	}
}

// The record is what a build says that runs the change's own code. It counts as far as
// CodeDeploy knows what it says.
func TestAttackByAForgedDrill(t *testing.T) {
	t.Parallel()
	s := newStaging(t)
	s.release(t)
	known := func() []readiness.RolledBack {
		all, err := collect.RolledBack(t.Context(), s.AWS, []stack.Outputs{s.outputs}, s.clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	// Nothing was drilled. A version that was deployed without a fault, or that a person has
	// stopped, was not taken back by an alarm.
	want := []readiness.RolledBack{{Function: s.outputs.FunctionName, Group: s.outputs.DeploymentGroup}}
	if got := known(); !slices.Equal(got, want) {
		t.Errorf("before the drill CodeDeploy knows %+v, want %+v", got, want)
	}
	if record, err := s.run(t.Context()); err != nil || len(record.Failures) > 0 {
		t.Fatalf("the drill ends with %+v, %v", record, err)
	}
	got := known()[0]
	if got.Deployment == "" || got.Rollback == "" || got.Config != stagetest.Canary {
		t.Errorf("after the drill CodeDeploy knows %+v", got)
	}
	later, err := collect.RolledBack(t.Context(), s.AWS, []stack.Outputs{s.outputs}, s.clock.Now().Add(readiness.DrillAge+time.Hour))
	if err != nil || !slices.Equal(later, want) {
		t.Errorf("after more than 30 days it counts as %+v, %v", later, err)
	}
}

// A failure is recorded and is an error.
func TestAFailureIsRecorded(t *testing.T) {
	t.Parallel()
	cfg, signer := project.Config{Evidence: t.TempDir(), Stdout: &bytes.Buffer{}}, evidencetest.NewSigner(t)
	d := drill{ledger: ledgerclient.Client{Signer: signer}, out: io.Discard, deployment: "d-1"}
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
