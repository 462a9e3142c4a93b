package kmssign_test

import (
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/kmssign"
	"github.com/magewright/magewright/tools/localaws/localawstest"
)

func TestSignByKMS(t *testing.T) {
	t.Parallel()
	cfg := localawstest.Start(t)
	if _, err := kmssign.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "evidence:key") {
		t.Fatalf("an account without a key gives %v, want the command that makes one", err)
	}
	keys, created, err := kmssign.Ensure(t.Context(), cfg)
	if err != nil || !created {
		t.Fatalf("Ensure = %v, %v", created, err)
	}
	again, created, err := kmssign.Ensure(t.Context(), cfg)
	if err != nil || created || again.String() != keys.String() {
		t.Fatalf("Ensure again = %s, %v, %v, want the keys that are there", again, created, err)
	}
	signer := keys.Evidence
	if record, err := kmssign.NewRecord(t.Context(), cfg); err != nil || record.Key.ID() != keys.Record.Key.ID() || record.Key.ID() == signer.Key.ID() {
		t.Errorf("records are signed by key %s, %v, and evidence by %s", record.Key.ID(), err, signer.Key.ID())
	}
	if pinned, err := evidence.ParseKeys(keys.String()); err != nil || len(pinned) != 2 || len(pinned.Deciding()) != 1 || pinned.Deciding()[0].ID() != signer.Key.ID() {
		t.Errorf("the context would pin %d keys, of which %d sign evidence, %v", len(pinned), len(pinned.Deciding()), err)
	}
	s, err := evidence.NewStatement("c0ffee", "", evidence.Lint{Files: 1})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := evidence.Seal(t.Context(), signer, s)
	if err != nil {
		t.Fatal(err)
	}
	pinned, err := evidence.ParseKey([]byte(signer.Key.String()))
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := sealed.Open(t.Context(), pinned); err != nil || got.Digest(evidence.GitCommit) != "c0ffee" {
		t.Errorf("Open = %+v, %v", got, err)
	}
}
