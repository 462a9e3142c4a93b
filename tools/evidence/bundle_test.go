package evidence_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/evidencetest"
)

// lint returns a statement that differs in files.
func lint(t testing.TB, files int) evidence.Statement {
	t.Helper()
	s, err := evidence.NewStatement("c0ffee", "abcd", evidence.Lint{Files: files})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func bundle(t testing.TB, by evidencetest.Signer, statements ...evidence.Statement) []string {
	t.Helper()
	var b bytes.Buffer
	if err := evidence.WriteBundle(t.Context(), &b, by, statements, evidence.Summary{VerificationResult: evidence.SummaryPassed}, "c0ffee", "abcd"); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(b.String()), "\n")
}

// edit changes the payload of an envelope, but not its signature.
func edit(t *testing.T, line, from, to string) string {
	t.Helper()
	var e map[string]any
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		t.Fatal(err)
	}
	payload, err := base64.StdEncoding.DecodeString(e["payload"].(string))
	if err != nil {
		t.Fatal(err)
	}
	e["payload"] = base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(payload), from, to, 1)))
	changed, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(changed)
}

// TestReadBundleRefusesTampering checks that each way to change a bundle is
// refused with its own error.
func TestReadBundleRefusesTampering(t *testing.T) {
	t.Parallel()
	by, other := evidencetest.NewSigner(t), evidencetest.NewSigner(t)
	good := bundle(t, by, lint(t, 1), lint(t, 2), lint(t, 3))
	more := bundle(t, by, lint(t, 4))
	for _, tt := range []struct {
		name  string
		lines []string
		want  error
		says  string
	}{
		{"as it was written", good, nil, ""},
		{"edited", slices.Concat(good[:1], []string{edit(t, good[1], `"files":2`, `"files":9`)}, good[2:]), evidence.ErrEdited, "line 2"},
		{"the summary edited", slices.Concat(good[:3], []string{edit(t, good[3], "PASSED", "FAILED")}), evidence.ErrEdited, "line 4"},
		{"another key", bundle(t, other, lint(t, 1)), evidence.ErrWrongKey, other.ID()[:12]},
		{"not signed", slices.Concat([]string{`{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[]}`}, good), evidence.ErrNotSigned, "line 1"},
		{"a statement removed", slices.Concat(good[:1], good[2:]), evidence.ErrRemoved, "lint"},
		{"a statement added", slices.Concat(more[:1], good), evidence.ErrAdded, "line 1"},
		{"a statement twice", slices.Concat(good[:1], good), evidence.ErrAdded, "line 2"},
		{"another order", []string{good[1], good[0], good[2], good[3]}, evidence.ErrAdded, "line 1"},
		{"the summary removed", good[:3], evidence.ErrNoSummary, ""},
		{"the summary first", slices.Concat(good[3:], good[:3]), evidence.ErrNoSummary, ""},
		{"two bundles", slices.Concat(good, more), evidence.ErrAdded, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			statements, summary, err := evidence.ReadBundle(t.Context(), strings.NewReader(strings.Join(tt.lines, "\n")+"\n"), evidence.Trust(by.Key), time.Time{})
			if !errors.Is(err, tt.want) || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("error is %v, want %v with %q", err, tt.want, tt.says)
			}
			if err == nil && (len(statements) != 3 || summary.VerificationResult != evidence.SummaryPassed) {
				t.Errorf("got %d statements, %+v", len(statements), summary)
			}
		})
	}
}

func FuzzReadBundle(f *testing.F) {
	by := evidencetest.NewSigner(f)
	lines := bundle(f, by, lint(f, 1))
	f.Add(strings.Join(lines, "\n"))
	f.Add(lines[1])
	f.Add("")
	f.Add("{}\n")
	f.Fuzz(func(t *testing.T, text string) {
		statements, _, err := evidence.ReadBundle(t.Context(), strings.NewReader(text), evidence.Trust(by.Key), time.Time{})
		if err == nil && len(statements) > 1 {
			t.Errorf("%d statements came out of a bundle of one", len(statements))
		}
	})
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	by := evidencetest.NewSigner(t)
	for name, text := range map[string][]byte{"PEM": by.PEM(), "base64": []byte(by.String() + "\n")} {
		if key, err := evidence.ParseKey(text); err != nil || key.ID() != by.ID() {
			t.Errorf("%s: %v", name, err)
		}
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(p384.Public())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"nothing": nil, "text": []byte("a key"), "another curve": der} {
		if _, err := evidence.ParseKey(text); err == nil {
			t.Errorf("%s was taken for a key", name)
		}
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	by, other := evidencetest.NewSigner(t), evidencetest.NewSigner(t)
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	token, err := evidence.Link{Commit: strings.Repeat("c", 40), Expires: now.Add(time.Hour)}.Token(t.Context(), by)
	if err != nil {
		t.Fatal(err)
	}
	payload, signature, _ := strings.Cut(token, ".")
	longer, err := json.Marshal(evidence.Link{Commit: strings.Repeat("c", 40), Expires: now.Add(1000 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	// A statement that is signed with the key is not a link, whatever it says.
	sealed, err := evidence.Seal(t.Context(), by, lint(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	statement, err := base64.StdEncoding.DecodeString(sealed.Payload)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := base64.StdEncoding.DecodeString(sealed.Signatures[0].Sig)
	if err != nil {
		t.Fatal(err)
	}
	in := base64.RawURLEncoding.EncodeToString
	link := func(l evidence.Link) string {
		token, err := l.Token(t.Context(), by)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	for _, tt := range []struct {
		name, token string
		key         evidence.Key
		now         time.Time
		want        error
	}{
		{"good", token, by.Key, now, nil},
		{"expired", token, by.Key, now.Add(time.Hour), evidence.ErrLinkExpired},
		{"another key", token, other.Key, now, evidence.ErrLinkForged},
		{"made longer", in(longer) + "." + signature, by.Key, now, evidence.ErrLinkForged},
		{"a signed statement", in(statement) + "." + in(foreign), by.Key, now, evidence.ErrLinkForged},
		{"for no commit", link(evidence.Link{Expires: now.Add(time.Hour)}), by.Key, now, evidence.ErrLinkCommit},
		{"for a part of a commit", link(evidence.Link{Commit: "cccccc", Expires: now.Add(time.Hour)}), by.Key, now, evidence.ErrLinkCommit},
		{"for ever", link(evidence.Link{Commit: strings.Repeat("c", 40), Expires: now.Add(evidence.MaxLinkLife + time.Hour)}), by.Key, now, evidence.ErrLinkLife},
		{"for a week", link(evidence.Link{Commit: strings.Repeat("c", 40), Expires: now.Add(evidence.MaxLinkLife)}), by.Key, now.Add(-time.Minute), nil},
		{"no signature", payload, by.Key, now, evidence.ErrNoLink},
		{"nothing", "", by.Key, now, evidence.ErrNoLink},
	} {
		got, err := evidence.OpenLink(t.Context(), evidence.Trust(tt.key), tt.token, tt.now)
		if !errors.Is(err, tt.want) || err == nil && got.Commit != strings.Repeat("c", 40) {
			t.Errorf("%s: %+v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
}
