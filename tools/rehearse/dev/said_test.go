package dev

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestTheDocument holds that infra/docs/dev.md shows what the loop says.
func TestTheDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../infra/docs/dev.md")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		saidSaved([]string{"app/ledger/read.go"}),
		timed(saidBuilt("app"), 520*time.Millisecond),
		timed(saidReplaced("magewright-staging-Function76856677-ESUT66TXB3K3", "2"), 310*time.Millisecond),
		timed(saidServed, 830*time.Millisecond),
		timed(saidSmoke(6), 210*time.Millisecond),
	}, "\n    ")
	if !strings.Contains(string(text), "\n\n    "+want+"\n\n") {
		t.Errorf("infra/docs/dev.md does not show\n    %s", want)
	}
	if got := saidSaved([]string{"a", "b", "c", "d", "e"}); got != "saved     a, b, c and 2 more" {
		t.Errorf("of five files it says %s", got)
	}
}
