package assess

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/evidencetest"
	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/manifest/manifesttest"
	"github.com/magewright/magewright/tools/project/stack/stacktest"
	"github.com/magewright/magewright/tools/readiness"
)

// TestTheBucketGetsTheEvidence holds that evidence is published in the bucket of the
// pipeline that keeps it, and that a pipeline which is not deployed is no failure.
func TestTheBucketGetsTheEvidence(t *testing.T) {
	t.Parallel()
	cfg := localawstest.Start(t)
	commit, assembly := strings.Repeat("c", 40), t.TempDir()
	text := `{"schemaVersion":1,"name":"shop","repository":"acme/shop","pipeline":{"stack":"shop-pipeline","template":"t.json","evidence":{"stack":"shop-pipeline","bucket":"B","key":"K","output":"Evidence"}},
		"stages":[{"name":"dev","stack":"dev","template":"t.json","functions":[{"function":"F","outputs":{}}]},{"name":"prod","stack":"prod","template":"t.json","functions":[{"function":"F","outputs":{}}]}]}`
	if err := os.WriteFile(filepath.Join(assembly, manifest.File), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, deployed := range []bool{false, true} {
		if deployed {
			localawstest.CreateStack(t, cfg, "shop-pipeline", `{"Resources":{"B":{"Type":"AWS::S3::Bucket"}},"Outputs":{"Evidence":{"Value":{"Ref":"B"}}}}`)
		}
		var out bytes.Buffer
		h := handover{assessment: readiness.Assessment{Commit: commit}, page: []byte("<p>GO</p>")}
		link, digest, err := h.publish(t.Context(), project.Config{Stdout: &out, Assembly: assembly}, cfg, evidencetest.NewSigner(t), []byte("bundle"))
		if err != nil || (link != "") != deployed || (digest == evidence.Digest([]byte("bundle"))) != deployed {
			t.Errorf("deployed %v: link %q, digest %q, %v", deployed, link, digest, err)
		}
		want := "not published: stack shop-pipeline"
		if deployed {
			want = "/releases/" + commit + "/evidence/" + digest + ".intoto.jsonl\nreport    " + link
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("it says %s, want %s", &out, want)
		}
	}
}

// TestOnlyALedgerGetsTheEvidence holds that evidence is published where a ledger
// keeps it, and that a staging of another kind is no failure.
func TestOnlyALedgerGetsTheEvidence(t *testing.T) {
	t.Parallel()
	commit := strings.Repeat("c", 40)
	for _, tt := range []struct {
		stage stacktest.Stage
		says  string
		puts  int
	}{
		{stacktest.Stage{}, "not published: stack magewright-staging", 0},
		{stacktest.Stage{Outputs: stacktest.Outputs("FunctionUrl", "")}, "not published: staging is not a release ledger", 0},
		{stacktest.Stage{Outputs: stacktest.Outputs("FunctionUrl", "", "EvidenceBucket", "b")}, "/assessment?token=", 1},
	} {
		puts := 0
		cfg := stacktest.Start(t, tt.stage, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if puts++; r.Method != http.MethodPut || r.URL.Path != "/releases/"+commit+"/evidence" {
				t.Errorf("%s %s", r.Method, r.URL)
			}
			w.WriteHeader(http.StatusCreated)
		}))
		var out bytes.Buffer
		assembly := t.TempDir()
		manifesttest.Write(t, assembly, commit, "")
		h := handover{assessment: readiness.Assessment{Commit: commit}}
		link, digest, err := h.publish(t.Context(), project.Config{Stdout: &out, Assembly: assembly}, cfg, evidencetest.NewSigner(t), []byte("bundle"))
		if err != nil || puts != tt.puts || (link != "") != (tt.puts > 0) || (digest != "") != (tt.puts > 0) || !strings.Contains(out.String(), tt.says) {
			t.Errorf("%s: %d puts, link %q, digest %q, %v", &out, puts, link, digest, err)
		}
	}
}
