// Package evidence is the vocabulary for what is known about a release: in-toto statements,
// the envelopes in which they are signed, and the bundle of statements that decides the
// verdict.
package evidence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// StatementType is the type of every [Statement].
// See https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md.
const StatementType = "https://in-toto.io/Statement/v1"

// The digest algorithms of subjects: a commit's hash, and the SHA-256 of the
// deployment package, both in hexadecimal.
const (
	GitCommit = "gitCommit"
	SHA256    = "sha256"
)

// A Subject is what a statement is about.
type Subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// A Statement is an in-toto Statement v1.
type Statement struct {
	Type          string          `json:"_type"`
	Subject       []Subject       `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

// Made is what every predicate says about its own creation. Predicates embed it.
type Made struct {
	FinishedOn time.Time `json:"finishedOn"`
	// Dirty says that files differed from the commit, so the predicate is not
	// about any commit.
	Dirty bool `json:"dirty,omitempty"`
	// Tools lists the tools that made it, by name, with their versions.
	Tools map[string]string `json:"tools,omitempty"`
	// Reports lists the files that it was read from, by name, with their SHA-256.
	Reports map[string]string `json:"reports,omitempty"`
	// Reused says that nothing was run for this commit, because a run with the
	// same inputs had this result.
	Reused *Reused `json:"reused,omitempty"`
}

// Reused says where a result comes from that was not computed again.
type Reused struct {
	Key        string    `json:"key"`             // SHA-256 of everything that the result depends on
	Commit     string    `json:"commit"`          // the commit for which it was computed
	FinishedOn time.Time `json:"finishedOn"`      // when that computation ended
	Build      string    `json:"build,omitempty"` // id of the CodeBuild build that computed it
}

// A Predicate knows the type of its statement.
type Predicate interface{ PredicateType() string }

// NewStatement returns a statement with a predicate about a commit and, if pkg
// is not "", about a deployment package.
func NewStatement(commit, pkg string, p Predicate) (Statement, error) {
	encoded, err := json.Marshal(p)
	if err != nil {
		return Statement{}, fmt.Errorf("encoding a statement of %s: %w", p.PredicateType(), err)
	}
	s := Statement{
		Type:          StatementType,
		Subject:       []Subject{{Name: "commit", Digest: map[string]string{GitCommit: commit}}},
		PredicateType: p.PredicateType(),
		Predicate:     encoded,
	}
	if pkg != "" {
		s.Subject = append(s.Subject, Subject{Name: "app.zip", Digest: map[string]string{SHA256: pkg}})
	}
	return s, nil
}

// Digest returns the subject's digest for an algorithm, or "".
func (s Statement) Digest(algorithm string) string {
	for _, subject := range s.Subject {
		if digest := subject.Digest[algorithm]; digest != "" {
			return digest
		}
	}
	return ""
}

// Decode decodes the predicate. An unknown field is an error, because a
// statement that can't be read completely is not understood.
func (s Statement) Decode(into Predicate) error {
	if s.PredicateType != into.PredicateType() {
		return fmt.Errorf("reading a statement: it has type %s, not %s", s.PredicateType, into.PredicateType())
	}
	decoder := json.NewDecoder(bytes.NewReader(s.Predicate))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("reading a statement of %s: %w", s.PredicateType, err)
	}
	return nil
}
