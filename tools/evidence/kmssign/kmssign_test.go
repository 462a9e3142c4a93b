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
	signer, created, err := kmssign.EnsureKey(t.Context(), cfg)
	if err != nil || !created {
		t.Fatalf("EnsureKey = %v, %v", created, err)
	}
	again, created, err := kmssign.EnsureKey(t.Context(), cfg)
	if err != nil || created || again.Key.ID() != signer.Key.ID() {
		t.Fatalf("EnsureKey again = %s, %v, %v, want the key that is there", again.Key.ID(), created, err)
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
