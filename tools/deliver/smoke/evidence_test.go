package smoke_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/deliver/smoke"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/kmssign"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/manifest/manifesttest"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/project/stack/stacktest"
)

// stage makes a project whose staging stack is served by a ledger.
func stage(t *testing.T, broken map[string]http.HandlerFunc) project.Config {
	t.Helper()
	function := httptest.NewServer(ledger(broken))
	t.Cleanup(function.Close)
	keys := kms(t)
	stacks := stacktest.Start(t, stacktest.Stage{
		Outputs: stacktest.Outputs("FunctionUrl", function.URL+"/"), Served: stack.Served{Version: "3", Package: pkg},
	}, keys)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": *stacks.BaseEndpoint, "AWS_REGION": localaws.DefaultRegion, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	dir := t.TempDir()
	cfg := project.Config{Dir: dir, Evidence: filepath.Join(dir, ".magewright"), Assembly: dir, Commit: commit, Stdout: io.Discard, Stderr: io.Discard}
	manifesttest.Write(t, cfg.Assembly, "", "")
	if err := cdk.WriteRelease(cfg, cdk.Release{Commit: commit, Package: pkg}); err != nil {
		t.Fatal(err)
	}
	steps, err := os.ReadFile(filepath.Join("../../..", probe.File))
	if err == nil {
		err = errors.Join(os.Mkdir(filepath.Join(dir, "infra"), 0o750), os.WriteFile(filepath.Join(dir, probe.File), steps, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// kms is a KMS that has the key which signs evidence.
func kms(t *testing.T) http.Handler {
	t.Helper()
	config := localawstest.Start(t)
	if _, _, err := kmssign.Ensure(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	endpoint, err := url.Parse(*config.BaseEndpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(endpoint)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The request was signed for the server that passes it on.
		body, err := io.ReadAll(r.Body)
		key, keyErr := config.Credentials.Retrieve(r.Context())
		if err = errors.Join(err, keyErr); err == nil {
			r.Host, r.Body = endpoint.Host, io.NopCloser(bytes.NewReader(body))
			r.URL.Scheme, r.URL.Host = endpoint.Scheme, endpoint.Host
			hash := sha256.Sum256(body)
			err = v4.NewSigner().SignHTTP(r.Context(), key, r, hex.EncodeToString(hash[:]), "kms", localaws.DefaultRegion, clock.System().Now())
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

func TestRunLeavesEvidence(t *testing.T) {
	for _, tt := range []struct {
		name            string
		broken          map[string]http.HandlerFunc
		result, problem string
		checks          int
	}{
		{name: "a stage that works", result: evidence.TestsPassed, checks: 6},
		{
			name:   "a stage that does not write",
			broken: map[string]http.HandlerFunc{"PUT /releases/" + commit + "/deployments/{digest}": answer(500, "{}")},
			result: evidence.TestsFailed, problem: "answered 500", checks: 2,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := stage(t, tt.broken)
			if err := smoke.Run(t.Context(), cfg, "staging"); (err == nil) != (tt.problem == "") {
				t.Errorf("Run = %v", err)
			}
			statements, err := evidence.ReadDir(cfg.Evidence)
			if err != nil || len(statements) != 1 {
				t.Fatalf("statements %v, %v", statements, err)
			}
			var got evidence.Smoke
			if err := statements[0].Decode(&got); err != nil {
				t.Fatal(err)
			}
			if got.Result != tt.result || !strings.Contains(got.Problem, tt.problem) || got.Commit != commit || got.Version != "3" || got.Stage != "staging" || len(got.Checks) != tt.checks || got.FinishedOn.IsZero() {
				t.Errorf("the evidence is %+v", got)
			}
			if first := got.Checks[0]; first.Method != http.MethodGet || first.Status != 200 {
				t.Errorf("the first request is %+v", first)
			}
			if got.Package != pkg || statements[0].Digest(evidence.SHA256) != pkg || statements[0].Digest(evidence.GitCommit) != commit {
				t.Errorf("the evidence is of %+v", statements[0].Subject)
			}
		})
	}
}

// TestEvidenceOfOtherStages holds that the smoke test of a stage that is not the first does
// not pass for that of the first.
func TestEvidenceOfOtherStages(t *testing.T) {
	cfg := stage(t, nil)
	// The stage is the same; what it is called decides.
	names := manifest.Old()
	names.Repository = "magewright/magewright"
	names.Stages[0].Name, names.Stages[1].Name = "trial", "pilot"
	names.Stages[1].Place = names.Stages[0].Place
	names.Stages[0].Place = manifest.Place{Stack: "other", Template: "other.json"}
	text, err := json.Marshal(struct {
		SchemaVersion   int
		Commit, Package string
		manifest.Manifest
	}{1, commit, pkg, names})
	if err == nil {
		err = os.WriteFile(filepath.Join(cfg.Assembly, manifest.File), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := smoke.Run(t.Context(), cfg, "pilot"); err != nil {
		t.Fatal(err)
	}
	statements, err := evidence.ReadDir(cfg.Evidence)
	if err != nil || len(statements) != 1 || statements[0].PredicateType != (evidence.StageSmoke{}).PredicateType() {
		t.Fatalf("statements %+v, %v", statements, err)
	}
	var got evidence.StageSmoke
	if err := statements[0].Decode(&got); err != nil || got.Stage != "pilot" || got.Result != evidence.TestsPassed {
		t.Errorf("the evidence is %+v, %v", got, err)
	}
}
