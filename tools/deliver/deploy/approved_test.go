package deploy

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/kmssign"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/verify"
)

// TestAttackByAnotherPipeline replaces the assembly, or the evidence, after production was
// deployed and before the pipeline updates itself.
func TestAttackByAnotherPipeline(t *testing.T) {
	server := localawstest.StartServer(t)
	for name, value := range server.Environment() {
		t.Setenv(name, value)
	}
	t.Setenv("PIPELINE_EXECUTION_ID", "e-1")
	keys, _, err := kmssign.Ensure(t.Context(), server.Client())
	if err != nil {
		t.Fatal(err)
	}
	now := clock.System().Now().Add(-time.Minute)
	commit, other := strings.Repeat("c", 40), strings.Repeat("d", 40)
	for _, tt := range []struct {
		name   string
		signer evidence.Signer
		of     string // the commit of the evidence
		state  string // of the check that the policy requires
		change func(cfg project.Config) error
		says   string
	}{
		{"as it was promoted", keys.Evidence, commit, "PASS", nil, ""},
		{"another pipeline", keys.Evidence, commit, "PASS", func(cfg project.Config) error {
			return os.WriteFile(filepath.Join(cfg.Assembly, "p.template.json"), []byte("{}"), 0o600)
		}, "the assembly's file p.template.json is not the one that the evidence has seen"},
		{"one more file", keys.Evidence, commit, "PASS", func(cfg project.Config) error {
			return os.WriteFile(filepath.Join(cfg.Assembly, "x.json"), []byte("{}"), 0o600)
		}, "the assembly has the file x.json, which the evidence has not seen"},
		{"no evidence", keys.Evidence, commit, "PASS", func(cfg project.Config) error { return os.Remove(filepath.Join(cfg.Evidence, verify.BundleFile)) }, "there is no evidence"},
		{"evidence of another commit", keys.Evidence, other, "PASS", nil, "about commit dddddddddddd, but this is commit cccccccccccc"},
		{"evidence that refuses it", keys.Evidence, commit, "FAIL", nil, "the evidence says NO-GO"},
		{"evidence that staging has signed", keys.Record, commit, "PASS", nil, "key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			cfg := project.Config{Dir: dir, Evidence: filepath.Join(dir, ".magewright"), Assembly: filepath.Join(dir, "cdk.out"), Commit: commit}
			err := errors.Join(os.MkdirAll(cfg.Evidence, 0o750), os.MkdirAll(cfg.Assembly, 0o750), os.WriteFile(filepath.Join(cfg.Assembly, "p.template.json"), []byte(`{"Resources":{}}`), 0o600))
			if err != nil {
				t.Fatal(err)
			}
			files, err := cdk.Digests(cfg.Assembly)
			if err != nil {
				t.Fatal(err)
			}
			made := evidence.Made{FinishedOn: now}
			lint := evidence.Lint{Made: made, Files: 1}
			if tt.state == "FAIL" {
				lint.Broken = []string{"gofmt"}
			}
			var statements []evidence.Statement
			add := func(p evidence.Predicate) {
				s, err := evidence.NewStatement(tt.of, "", p)
				if err != nil {
					t.Fatal(err)
				}
				statements = append(statements, s)
			}
			add(readiness.Candidate{Made: made, Commit: tt.of, BaseIs: "none"})
			add(readiness.PolicyUsed{Made: made, Policy: readiness.Policy{Required: []string{"coding-standards"}, MaxAge: readiness.Duration(time.Hour)}})
			add(readiness.Assembly{Made: made, Commit: tt.of, Files: files})
			add(lint)
			add(readiness.Recheck{Made: made, Lint: lint})
			assessed, err := readiness.Evaluate(statements, now)
			if err != nil {
				t.Fatal(err)
			}
			add(assessed)
			var bundle bytes.Buffer
			err = evidence.WriteBundle(t.Context(), &bundle, tt.signer, statements, evidence.Summary{TimeVerified: now, VerificationResult: evidence.SummaryPassed, VerifiedLevels: []string{}}, tt.of, "")
			if err == nil {
				err = os.WriteFile(filepath.Join(cfg.Evidence, verify.BundleFile), bundle.Bytes(), 0o600)
			}
			if err == nil && tt.change != nil {
				err = tt.change(cfg)
			}
			if err != nil {
				t.Fatal(err)
			}
			err = approved(t.Context(), cfg)
			if (err == nil) != (tt.says == "") || err != nil && (!strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "the pipeline was not changed") || exit.Status(err) != exit.Gate) {
				t.Errorf("it says %v, want %q", err, tt.says)
			}
		})
	}
	t.Setenv("PIPELINE_EXECUTION_ID", "")
	if err := approved(t.Context(), project.Config{}); err != nil {
		t.Errorf("by hand: %v", err)
	}
}
