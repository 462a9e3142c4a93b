package rehearse

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/localaws/access"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/readiness"
)

func TestWriteAccess(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	dir := t.TempDir()
	cfg := project.Config{Dir: dir, Evidence: filepath.Join(dir, ".magewright"), Stdout: &out}
	use := access.StatementUse{Policy: "p", Statement: json.RawMessage(`{}`), Calls: 2}
	s := access.Summary{Mode: "enforce", Roles: []access.RoleSummary{
		{Principal: "arn:aws:iam::000000000000:role/builder", Used: []access.StatementUse{use, use}, Unused: []access.StatementUse{use}, Refused: []access.RefusalSummary{
			{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/x", Reason: "no identity-based policy allows it", Calls: 3, Allow: json.RawMessage(`{"Effect":"Allow"}`)},
			{Action: "s3:PutObject", Resource: "*", Reason: "a resource-based policy denies it", Calls: 1},
		}},
		{Principal: "lambda.amazonaws.com"},
	}}
	if err := writeAccess(cfg, s, true); err != nil {
		t.Fatal(err)
	}
	const want = `permissions 2 principals used 2 statements and never used 1; 4 calls were refused: .magewright/access.txt
refused     builder: s3:GetObject on arn:aws:s3:::b/x, 3 times: no identity-based policy allows it
            {"Effect":"Allow"}
refused     builder: s3:PutObject on *, 1 times: a resource-based policy denies it
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	out.Reset()
	if err := writeAccess(cfg, s, false); err != nil {
		t.Fatal(err)
	}
	if first, _, _ := strings.Cut(want, "\n"); out.String() != first+"\n" {
		t.Errorf("after a success it prints %q", out.String())
	}
	const table = `  used  unused  refused  permissions of (statements in .magewright/access.json)
     2       1        4  builder
     0       0        0  lambda.amazonaws.com
refused   builder: s3:GetObject on arn:aws:s3:::b/x, 3 times: no identity-based policy allows it
          {"Effect":"Allow"}
refused   builder: s3:PutObject on *, 1 times: a resource-based policy denies it
`
	written, err := os.ReadFile(filepath.Join(cfg.Evidence, "access.txt"))
	if diff := cmp.Diff(table, string(written)); diff != "" || err != nil {
		t.Errorf("%s, %v", diff, err)
	}
	data, err := os.ReadFile(filepath.Join(cfg.Evidence, "access.json"))
	var read access.Summary
	if err := json.Unmarshal(data, &read); err != nil || len(read.Roles) != 2 {
		t.Errorf("the file is %s, %v", data, err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestNeededBy holds that only the stacks' own roles are judged, and only what allows
// something.
func TestNeededBy(t *testing.T) {
	t.Parallel()
	statement := func(effect string, calls int) access.StatementUse {
		return access.StatementUse{Policy: "p", Statement: json.RawMessage(`{"Effect":"` + effect + `"}`), Calls: calls, Own: true}
	}
	keys := statement("Allow", 1)
	keys.Own = false
	got := neededBy(access.Summary{Roles: []access.RoleSummary{
		{Principal: "arn:aws:iam::000000000000:role/cdk-deploy-role", Unused: []access.StatementUse{statement("Allow", 0)}},
		{Principal: "arn:aws:iam::000000000000:role/path/p-Role-X", Used: []access.StatementUse{statement("Allow", 1), statement("Deny", 1), keys}, Unused: []access.StatementUse{statement("Allow", 0), statement("Deny", 0)}},
	}}, map[string]string{"p-Role-X": "p/Role"})
	allow := json.RawMessage(`{"Effect":"Allow"}`)
	want := []readiness.AccessRole{{Role: "p/Role", Statements: []readiness.AccessStatement{{Policy: "p", Statement: allow, Calls: 1}, {Policy: "p", Statement: allow}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
