package evidence_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/evidencetest"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	old, fresh, stranger := evidencetest.NewSigner(t), evidencetest.NewSigner(t), evidencetest.NewSigner(t)
	keys, err := evidence.ParseKeys(old.String() + "@..2026-12-01, " + fresh.String() + "@2026-11-30T12:00:00Z..")
	if err != nil || len(keys) != 2 {
		t.Fatalf("ParseKeys = %v, %v", keys, err)
	}
	at := func(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 0, 0, 0, time.UTC) }
	for _, tt := range []struct {
		by    evidencetest.Signer
		at    time.Time
		want  error
		count int // of the keys that count then
	}{
		{old, at(1, 0), nil, 1}, {old, at(30, 23), nil, 2}, {old, at(31, 0), evidence.ErrWrongTime, 1},
		{fresh, at(30, 11), evidence.ErrWrongTime, 1}, {fresh, at(30, 12), nil, 2}, {fresh, at(365, 0), nil, 1},
		{stranger, at(30, 12), evidence.ErrWrongKey, 2},
	} {
		if _, err := keys.Find(tt.by.ID(), tt.at); !errors.Is(err, tt.want) || len(keys.At(tt.at)) != tt.count {
			t.Errorf("on %s: %v, %d keys; want %v", tt.at, err, len(keys.At(tt.at)), tt.want)
		}
		sealed, err := evidence.Seal(t.Context(), tt.by, lint(t, 1))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := sealed.OpenAt(t.Context(), keys, tt.at); !errors.Is(err, tt.want) {
			t.Errorf("on %s the statement: %v, want %v", tt.at, err, tt.want)
		}
	}
	for text, says := range map[string]string{
		"": "reading a public key", old.String() + ",": "reading a public key", old.String() + "@": "is not FROM..UNTIL", old.String() + "@..": "is not FROM..UNTIL",
		old.String() + "@2026-01-01": "is not FROM..UNTIL", old.String() + "@..soon": "neither a day nor a time", old.String() + "@2026-02-01..2026-01-01": "ends before it begins",
	} {
		if keys, err := evidence.ParseKeys(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, %v", text, keys, err)
		}
	}
	if (evidence.Keys{}).IsZero() == keys.IsZero() {
		t.Error("no keys are as good as some")
	}
}

// TestAttackByARecordsKey signs evidence with the key that the builds which deploy have for
// their records: one of them runs the candidate's own code.
func TestAttackByARecordsKey(t *testing.T) {
	t.Parallel()
	judge, deployer := evidencetest.NewSigner(t), evidencetest.NewSigner(t)
	keys, err := evidence.ParseKeys(judge.String() + "," + evidence.RecordMark + deployer.String() + "@..2026-12-01")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	for _, by := range []evidencetest.Signer{judge, deployer} {
		text := strings.Join(bundle(t, by, lint(t, 1)), "\n")
		_, _, err := evidence.ReadBundle(t.Context(), strings.NewReader(text), keys, now)
		if by.ID() == judge.ID() && err != nil || by.ID() == deployer.ID() && !errors.Is(err, evidence.ErrWrongKey) {
			t.Errorf("evidence by key %.12s: %v", by.ID(), err)
		}
		record, err := evidence.Seal(t.Context(), by, lint(t, 1))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := record.OpenAt(t.Context(), keys, now); err != nil {
			t.Errorf("a record by key %.12s: %v", by.ID(), err)
		}
	}
}

// TestClaimed holds that a bundle can be verified as of the time that it claims,
// which its signature covers.
func TestClaimed(t *testing.T) {
	t.Parallel()
	by := evidencetest.NewSigner(t)
	lines := bundle(t, by, lint(t, 1))
	at, id, err := evidence.Claimed([]byte(strings.Join(lines, "\n") + "\n"))
	if err != nil || id != by.ID() || !at.IsZero() {
		t.Errorf("Claimed = %v, %q, %v", at, id, err)
	}
	for _, text := range []string{"", "{}", lines[0], lines[1] + "\n" + lines[0], "x"} {
		if _, _, err := evidence.Claimed([]byte(text)); err == nil {
			t.Errorf("%.30q claims a time", text)
		}
	}
}
