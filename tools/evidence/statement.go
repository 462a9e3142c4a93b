// Package evidence is the vocabulary of what is known of a release: in-toto
// statements, the envelopes they are signed in, and the bundle of them that a
// verdict is decided from.
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
// deployment package, both hexadecimal.
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

// Made is what every predicate says of its own making. A predicate embeds it.
type Made struct {
	FinishedOn time.Time `json:"finishedOn"`
	// Dirty says that files differed from the commit, so that the predicate is
	// of no commit.
	Dirty bool `json:"dirty,omitempty"`
	// Tools are what made it, as name and version.
	Tools map[string]string `json:"tools,omitempty"`
	// Reports are the files it was read from, as name and SHA-256.
	Reports map[string]string `json:"reports,omitempty"`
	// Reused says that nothing was run for this commit: a run for the same
	// inputs had this result.
	Reused *Reused `json:"reused,omitempty"`
}

// Reused says where a result comes from that was not computed again.
type Reused struct {
	Key        string    `json:"key"`             // SHA-256 of everything that the result depends on
	Commit     string    `json:"commit"`          // for which it was computed
	FinishedOn time.Time `json:"finishedOn"`      // when that ended
	Build      string    `json:"build,omitempty"` // id of the CodeBuild build that did it
}

// A Predicate knows the type that its statement bears.
type Predicate interface{ PredicateType() string }

// NewStatement returns a statement of a predicate about a commit and, where
// there is one, about a deployment package.
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

// Digest returns the subject's digest by an algorithm, or "".
func (s Statement) Digest(algorithm string) string {
	for _, subject := range s.Subject {
		if digest := subject.Digest[algorithm]; digest != "" {
			return digest
		}
	}
	return ""
}

// Decode decodes the predicate. A field that the predicate does not have is an
// error: what can't be read whole is not understood.
func (s Statement) Decode(into Predicate) error {
	if s.PredicateType != into.PredicateType() {
		return fmt.Errorf("reading a statement: it is of %s, not of %s", s.PredicateType, into.PredicateType())
	}
	decoder := json.NewDecoder(bytes.NewReader(s.Predicate))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("reading a statement of %s: %w", s.PredicateType, err)
	}
	return nil
}
