package assess

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/evidence/evidencetest"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/manifest/manifesttest"
	"github.com/magewright/magewright/tools/project/stack/stacktest"
	"github.com/magewright/magewright/tools/readiness"
)

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
		{stacktest.Stage{Outputs: stacktest.Outputs("FunctionUrl", "")}, "not published: staging is no release ledger", 0},
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
