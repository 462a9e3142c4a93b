package verify

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/evidencetest"
	"github.com/magewright/magewright/tools/project/agreed"
	"github.com/magewright/magewright/tools/readiness"
)

var assessed = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// A built is a release that a build of the pipeline has made.
type built struct {
	commit, zip, account string
	builds               readiness.Builds
}

func newBuilt() built {
	return built{
		commit: strings.Repeat("c", 40), zip: strings.Repeat("a", 64), account: "111122223333",
		builds: readiness.Builds{Made: evidence.Made{FinishedOn: assessed}, Pipeline: "p", Execution: "e-1", Builds: []readiness.Build{{
			Action: "Verify/Synth", ID: "Synth:1", ARN: "arn:aws:codebuild:us-east-1:111122223333:build/Synth:1", Commit: strings.Repeat("c", 40),
			Project: "Synth", Image: "aws/codebuild/amazonlinux-aarch64-standard:3.0", StartedOn: assessed.Add(-time.Hour), EndedOn: assessed.Add(-time.Minute),
		}}},
	}
}

// statements returns what the release is decided from, without what is made of that.
func (b built) statements(t *testing.T) []evidence.Statement {
	t.Helper()
	made := evidence.Made{FinishedOn: assessed}
	before := strings.Repeat("b", 40)
	var all []evidence.Statement
	for _, p := range []evidence.Predicate{
		readiness.Candidate{Made: made, Commit: b.commit, Base: before, BaseIs: "the latest tag", Package: b.zip, Account: b.account, Commits: []string{b.commit}},
		readiness.PolicyUsed{Made: made, From: before, Policy: readiness.Policy{Required: []string{"coding-standards"}, MaxAge: readiness.Duration(24 * time.Hour)}},
		evidence.Lint{Made: made, Files: 3}, readiness.Recheck{Made: made, Base: before, Lint: evidence.Lint{Files: 3}},
		readiness.Assembly{Made: made, Files: map[string]string{"asset.zip": b.zip}, Functions: []readiness.FunctionPackage{
			{Stack: "staging", LogicalID: "F", File: "asset.zip", SHA256: b.zip}, {Stack: "production", LogicalID: "F", File: "asset.zip", SHA256: b.zip},
		}},
		readiness.Shipped{Made: made, Package: b.zip, ShippedProgram: readiness.ShippedProgram{Modules: []readiness.ShippedModule{
			{Path: "example.com/m", Version: "v1.2.3+incompatible", Sum: "h1:" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xab}, 32))},
			{Path: readiness.StandardLibrary, Version: "1.26"},
		}}},
		b.builds,
	} {
		s, err := evidence.NewStatement(b.commit, b.zip, p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// TestProvenance holds that the provenance has the fields of SLSA v1, and that there is
// none where nobody knows who has built.
func TestProvenance(t *testing.T) {
	t.Parallel()
	s, ok, err := readiness.Provenance(newBuilt().statements(t))
	if err != nil || !ok || s.PredicateType != "https://slsa.dev/provenance/v1" {
		t.Fatalf("%+v, %v, %v", s, ok, err)
	}
	want := []evidence.Subject{
		{Name: "commit", Digest: map[string]string{"gitCommit": strings.Repeat("c", 40)}},
		{Name: "asset.zip", Digest: map[string]string{"sha256": strings.Repeat("a", 64)}},
	}
	if diff := cmp.Diff(want, s.Subject); diff != "" {
		t.Error(diff)
	}
	var got, predicate any
	if err := json.Unmarshal(s.Predicate, &got); err != nil {
		t.Fatal(err)
	}
	const text = `{
		"buildDefinition": {
			"buildType": "https://github.com/magewright/magewright/buildtypes/pipeline/v1",
			"externalParameters": {"commit": "cccccccccccccccccccccccccccccccccccccccc"},
			"internalParameters": {"action": "Verify/Synth", "execution": "e-1", "image": "aws/codebuild/amazonlinux-aarch64-standard:3.0", "pipeline": "p", "project": "Synth"},
			"resolvedDependencies": [
				{"uri": "git+commit:cccccccccccccccccccccccccccccccccccccccc", "digest": {"gitCommit": "cccccccccccccccccccccccccccccccccccccccc"}},
				{"uri": "pkg:golang/example.com/m@v1.2.3%2Bincompatible", "digest": {"dirHash": "abababababababababababababababababababababababababababababababab"}},
				{"uri": "pkg:golang/std@1.26", "digest": {}}
			]
		},
		"runDetails": {
			"builder": {"id": "https://github.com/magewright/magewright/builders/codebuild/v1"},
			"metadata": {"invocationId": "arn:aws:codebuild:us-east-1:111122223333:build/Synth:1", "startedOn": "2026-11-24T11:00:00Z", "finishedOn": "2026-11-24T11:59:00Z"}
		}
	}`
	if err := json.Unmarshal([]byte(text), &predicate); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(predicate, got); diff != "" {
		t.Error(diff)
	}
	elsewhere := newBuilt()
	elsewhere.builds.Builds = nil
	if s, ok, err := readiness.Provenance(elsewhere.statements(t)); ok || err != nil {
		t.Errorf("outside of the pipeline: %+v, %v", s, err)
	}
}

func TestLevels(t *testing.T) {
	t.Parallel()
	rehearsed, elsewhere := newBuilt(), newBuilt()
	rehearsed.account = agreed.RehearsalAccount
	elsewhere.builds.Builds = nil
	for _, tt := range []struct {
		name, verdict string
		of            built
		want          string
	}{
		{"on AWS", readiness.Go, newBuilt(), "SLSA_BUILD_LEVEL_2"},
		{"in a rehearsal", readiness.GoRehearsal, rehearsed, "SLSA_BUILD_LEVEL_1"},
		{"on a desk", readiness.Go, elsewhere, "SLSA_BUILD_LEVEL_UNEVALUATED"},
		{"refused", readiness.NoGo, newBuilt(), "FAILED"},
	} {
		if got, err := readiness.Levels(tt.verdict, tt.of.statements(t)); err != nil || !slices.Equal(got, []string{tt.want}) {
			t.Errorf("%s: %q, %v, want %s", tt.name, got, err, tt.want)
		}
	}
}

// TestAttackForgedProvenance has a bundle whose signatures are right say that the package
// was made by another build, or by none.
func TestAttackForgedProvenance(t *testing.T) {
	t.Parallel()
	signer := evidencetest.NewSigner(t)
	for _, tt := range []struct {
		name     string
		forge    func(*evidence.Statement) bool // whether the bundle has it
		levels   string
		packages []string
		says     string
	}{
		{name: "as it is"},
		{name: "removed", forge: func(*evidence.Statement) bool { return false }, says: "the provenance in the bundle is not the one that CodeBuild's answers give"},
		{name: "another build", forge: func(s *evidence.Statement) bool {
			s.Predicate = bytes.Replace(s.Predicate, []byte("build/Synth:1"), []byte("build/Synth:2"), 1)
			return true
		}, says: "the provenance in the bundle is not the one that CodeBuild's answers give"},
		{name: "another file", forge: func(s *evidence.Statement) bool {
			s.Subject[1].Digest[evidence.SHA256] = strings.Repeat("e", 64)
			return true
		}, says: "the provenance in the bundle is not the one that CodeBuild's answers give"},
		{name: "a level that it has not", levels: "SLSA_BUILD_LEVEL_3", says: `the summary names the levels ["SLSA_BUILD_LEVEL_3"], but the statements give ["SLSA_BUILD_LEVEL_2"]`},
		{name: "another package is deployed", packages: []string{strings.Repeat("e", 64)}, says: "the provenance names no file with the SHA-256 eeeeeeeeeeee"},
	} {
		b := newBuilt()
		statements := b.statements(t)
		made, _, err := readiness.Provenance(statements)
		if err != nil {
			t.Fatal(err)
		}
		levels, err := readiness.Levels(readiness.Go, statements)
		if err != nil {
			t.Fatal(err)
		}
		if tt.levels != "" {
			levels = []string{tt.levels}
		}
		a, err := readiness.Evaluate(statements, assessed)
		if err != nil || a.Verdict != readiness.Go {
			t.Fatalf("%s, %v", a.Verdict, err)
		}
		if tt.forge == nil || tt.forge(&made) {
			statements = append(statements, made)
		}
		verdict, err := evidence.NewStatement(b.commit, b.zip, a)
		if err != nil {
			t.Fatal(err)
		}
		var signed bytes.Buffer
		err = evidence.WriteBundle(t.Context(), &signed, signer, append(statements, verdict), evidence.Summary{
			TimeVerified: assessed, VerificationResult: evidence.SummaryPassed, VerifiedLevels: levels, SLSAVersion: evidence.SLSAVersion,
		}, b.commit, b.zip)
		if err != nil {
			t.Fatal(err)
		}
		bundle, err := Read(t.Context(), signed.Bytes(), evidence.Trust(signer.Key), assessed)
		if err != nil {
			t.Fatal(err)
		}
		packages := tt.packages
		if packages == nil {
			packages = []string{b.zip}
		}
		err = bundle.Allows(Release{Commit: b.commit, Package: b.zip, Account: b.account, Packages: packages, Files: map[string]string{"asset.zip": b.zip}}, assessed)
		if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		}
	}
}
