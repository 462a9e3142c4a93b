package collect

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/notes"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/baseline"
)

var signedOn = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func newKey(t testing.TB) evidence.PrivateKey {
	t.Helper()
	key, err := evidence.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sealed returns a signed predicate as a line of a note.
func sealed(t testing.TB, by evidence.Signer, pkg string, p evidence.Predicate) string {
	t.Helper()
	s, err := evidence.NewStatement("c0ffee", pkg, p)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := evidence.Seal(t.Context(), by, s)
	if err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(envelope)
	if err != nil {
		t.Fatal(err)
	}
	return string(line)
}

// changed returns a line after a replacement in its payload or in a field of
// its signature.
func changed(t testing.TB, line, from, to string) string {
	t.Helper()
	var e evidence.Envelope
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		t.Fatal(err)
	}
	payload, err := e.DecodeB64Payload()
	if err != nil {
		t.Fatal(err)
	}
	e.Payload = base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(payload), from, to, 1)))
	for i := range e.Signatures {
		e.Signatures[i].KeyID = strings.Replace(e.Signatures[i].KeyID, from, to, 1)
	}
	out, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestAttestations checks that a record that was tampered with is refused with
// a reason, and that the other records are kept.
func TestAttestations(t *testing.T) {
	t.Parallel()
	ada, bo, eve := newKey(t), newKey(t), newKey(t)
	person := func(name string, key evidence.PrivateKey) readiness.Person {
		return readiness.Person{Name: name, Emails: []string{strings.ToLower(name) + "@example.com"}, Key: key.String()}
	}
	r := newRepository(t)
	commit := r.commit(map[string]string{"a": "a"})
	tree, pkg := r.git("rev-parse", commit+"^{tree}"), strings.Repeat("a", 64)
	tested := evidence.Attestation{Made: evidence.Made{FinishedOn: signedOn}, Kind: evidence.ManualTest, Tree: tree, What: "paid with a card"}
	with := func(change func(*evidence.Attestation)) evidence.Attestation {
		a := tested
		change(&a)
		return a
	}
	waiver := evidence.Waiver{Made: evidence.Made{FinishedOn: signedOn}, Check: "drift", Reason: "r", Owner: "o", Expires: signedOn.Add(time.Hour), Scope: evidence.Scope{Tree: tree}}
	good, waived := sealed(t, bo, pkg, tested), sealed(t, bo, "", waiver)
	for _, tt := range []struct {
		name, line string
		refused    string // part of the reason; "" if it is accepted
		waiver     bool
	}{
		{name: "a manual test", line: good},
		{name: "a manual test of no package", line: sealed(t, bo, "", tested)},
		{name: "a review by an author, which the check judges", line: sealed(t, ada, "", with(func(a *evidence.Attestation) { a.Kind = evidence.Review }))},
		{name: "a waiver", line: waived, waiver: true},
		{name: "edited", line: changed(t, good, "card", "cash"), refused: "in the name of Bo: " + evidence.ErrEdited.Error()},
		{name: "another key", line: sealed(t, eve, pkg, tested), refused: readiness.ErrStranger.Error() + ": " + eve.ID()[:12]},
		{name: "another key under his id", line: changed(t, sealed(t, eve, pkg, tested), eve.ID(), bo.ID()), refused: evidence.ErrEdited.Error()},
		{name: "not signed", line: strings.Replace(good, `"signatures":[`, `"signatures":[],"was":[`, 1), refused: evidence.ErrNotSigned.Error()},
		{name: "another tree", line: sealed(t, bo, pkg, with(func(a *evidence.Attestation) { a.Tree = strings.Repeat("8", 40) })), refused: "for tree 888888888888"},
		{name: "another package", line: sealed(t, bo, strings.Repeat("e", 64), tested), refused: "for deployment package eeeeeeeeeeee"},
		{name: "another kind", line: sealed(t, bo, pkg, with(func(a *evidence.Attestation) { a.Kind = "guess" })), refused: `"guess"`},
		{name: "nothing said", line: sealed(t, bo, pkg, with(func(a *evidence.Attestation) { a.What = "" })), refused: "it says nothing"},
		{name: "time in the future", line: sealed(t, bo, pkg, with(func(a *evidence.Attestation) { a.FinishedOn = signedOn.Add(time.Hour) })), refused: "time in the future"},
		{name: "of no time", line: sealed(t, bo, pkg, with(func(a *evidence.Attestation) { a.FinishedOn = time.Time{} })), refused: "when it was signed"},
		{name: "another predicate", line: sealed(t, bo, pkg, evidence.Lint{Files: 1}), refused: "lint"},
		{name: "not an envelope", line: "LGTM", refused: "not an envelope"},
		{name: "a waiver that was edited", line: changed(t, waived, "drift", "nag"), refused: evidence.ErrEdited.Error(), waiver: true},
		{name: "a waiver by another key", line: sealed(t, eve, "", waiver), refused: readiness.ErrStranger.Error(), waiver: true},
		{name: "a waiver that can't be read whole", line: sealed(t, bo, "", odd{waiver, true}), refused: "odd", waiver: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRepository(t)
			commit := r.commit(map[string]string{"a": "a"})
			if err := notes.Repository(r.dir).Append(t.Context(), commit, tt.line, notes.Author{Name: "x", Email: "x@example.com"}); err != nil {
				t.Fatal(err)
			}
			got, err := Attestations(t.Context(), Env{
				Project: project.Config{Dir: r.dir}, Clock: clock.NewManual(signedOn.Add(time.Minute)),
				Candidate: readiness.Candidate{Commit: commit, Tree: tree, Package: pkg},
				Policy:    readiness.Policy{People: []readiness.Person{person("Ada", ada), person("Bo", bo)}},
			})
			if err != nil {
				t.Fatal(err)
			}
			a := got.(readiness.Attestations)
			counts := [4]int{len(a.Attestations), len(a.Refused), len(a.Waivers), len(a.RefusedWaivers)}
			var want [4]int
			index := 0
			if tt.waiver {
				index = 2
			}
			if tt.refused != "" {
				index++
			}
			want[index] = 1
			if counts != want {
				t.Fatalf("attestations, refused, waivers, refused = %v, want %v: %+v", counts, want, a)
			}
			if said := strings.Join(slices.Concat(a.Refused, a.RefusedWaivers), "; "); !strings.Contains(said, tt.refused) {
				t.Errorf("refused because %q, want %q", said, tt.refused)
			}
		})
	}
}

// An odd waiver has a field that waivers do not have.
type odd struct {
	evidence.Waiver
	Odd bool `json:"odd"`
}

// TestNoByteMayChange checks that changing any byte of a signed line's payload
// or signature makes the line invalid.
func TestNoByteMayChange(t *testing.T) {
	t.Parallel()
	bo := newKey(t)
	env := Env{Policy: readiness.Policy{People: []readiness.Person{{Name: "Bo", Key: bo.String()}}}, Candidate: readiness.Candidate{Commit: "c"}, PolicyFrom: "b"}
	line := sealed(t, bo, "", evidence.Attestation{Kind: evidence.Review, What: "read"})
	if by, _, err := open(t.Context(), env, line); err != nil || by != "Bo" {
		t.Fatalf("as it was signed: %s, %v", by, err)
	}
	own := env
	own.PolicyFrom = own.Candidate.Commit
	if _, _, err := open(t.Context(), own, line); !errors.Is(err, ErrOwnPolicy) {
		t.Errorf("by the policy of the release itself: %v", err)
	}
	var e evidence.Envelope
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		payload, err := base64.StdEncoding.DecodeString(e.Payload)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := base64.StdEncoding.DecodeString(e.Signatures[0].Sig)
		if err != nil {
			t.Fatal(err)
		}
		in := payload
		if rapid.Bool().Draw(t, "signature") {
			in = signature
		}
		in[rapid.IntRange(0, len(in)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "by"))
		other := e
		other.Payload = base64.StdEncoding.EncodeToString(payload)
		other.Signatures = slices.Clone(e.Signatures)
		other.Signatures[0].Sig = base64.StdEncoding.EncodeToString(signature)
		data, err := json.Marshal(other)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := open(t.Context(), env, string(data)); err == nil {
			t.Errorf("it was believed: %s", data)
		}
	})
}

func TestAttestationsAreFetched(t *testing.T) {
	t.Parallel()
	bo := newKey(t)
	r := newRepository(t)
	commit := r.commit(map[string]string{"a": "a"})
	clone := filepath.Join(t.TempDir(), "clone")
	r.git("clone", "--quiet", "file://"+r.dir, clone)
	env := Env{
		Project: project.Config{Dir: clone}, Clock: clock.NewManual(signedOn),
		Candidate: readiness.Candidate{Commit: commit, Tree: r.git("rev-parse", commit+"^{tree}")},
		Policy:    readiness.Policy{People: []readiness.Person{{Name: "Bo", Key: bo.String()}}},
	}
	collected := func() readiness.Attestations {
		t.Helper()
		got, err := Attestations(t.Context(), env)
		if err != nil {
			t.Fatal(err)
		}
		return got.(readiness.Attestations)
	}
	r.git("-C", clone, "remote", "set-url", "origin", "file:///nowhere")
	if a := collected(); !strings.Contains(a.Problem, "nowhere") || len(a.Attestations) > 0 {
		t.Errorf("out of reach: %+v", a)
	}
	r.git("-C", clone, "remote", "set-url", "origin", "file://"+r.dir)
	if a := collected(); a.Problem != "" || len(a.Attestations) > 0 {
		t.Errorf("before anybody has signed: %+v", a)
	}
	line := sealed(t, bo, "", evidence.Attestation{Made: evidence.Made{FinishedOn: signedOn}, Kind: evidence.Review, Tree: env.Candidate.Tree, What: "read"})
	if err := notes.Repository(r.dir).Append(t.Context(), commit, line, notes.Author{Name: "x", Email: "x@example.com"}); err != nil {
		t.Fatal(err)
	}
	if a := collected(); a.Problem != "" || len(a.Attestations) != 1 || a.Attestations[0].By != "Bo" {
		t.Errorf("after somebody has signed: %+v", a)
	}
}

func TestAuthors(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	before := r.commit(map[string]string{"a": "a"})
	for i, message := range []string{"one", "two\n\nCo-authored-by: Cy <CY@example.com>\nReviewed-by: Di <di@example.com>"} {
		r.git("commit", "--quiet", "--allow-empty", fmt.Sprintf("--author=B <B%d@Example.com>", i), "-m", message)
	}
	got, err := Candidate(t.Context(), r.at(r.git("rev-parse", "HEAD")), baseline.Base{Commit: before, Is: "as the test says"}, clock.System())
	if want := []string{"a@example.com", "b0@example.com", "b1@example.com", "cy@example.com"}; err != nil || !slices.Equal(got.Authors, want) {
		t.Errorf("authors %q, %v; want %q", got.Authors, err, want)
	}
}
