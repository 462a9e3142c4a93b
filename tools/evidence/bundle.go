package evidence

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
)

// MaxBundle is the size limit of a bundle in bytes. It is the largest request
// body of a Lambda function URL.
const MaxBundle = 6 << 20

// MaxStatements is the maximum number of lines in a bundle.
const MaxStatements = 256

// The results of a [Summary].
const (
	SummaryPassed = "PASSED"
	SummaryFailed = "FAILED"
)

// The reasons for refusing a bundle, in addition to those for an envelope.
var (
	ErrNoSummary = errors.New("the bundle does not end with a summary")
	ErrRemoved   = errors.New("a statement that the summary names is missing from the bundle")
	ErrAdded     = errors.New("the bundle contains a statement that the summary does not name at this position")
)

// A Summary is a SLSA verification summary: the verdict and the statements that
// it is based on. A set of envelopes does not show what was removed from it,
// but the summary does. See https://slsa.dev/spec/v1.1/verification_summary.
type Summary struct {
	Verifier          Verifier   `json:"verifier"`
	TimeVerified      time.Time  `json:"timeVerified"`
	ResourceURI       string     `json:"resourceUri"`
	Policy            Resource   `json:"policy"`
	InputAttestations []Resource `json:"inputAttestations"`
	// VerificationResult is SummaryPassed or SummaryFailed.
	VerificationResult string   `json:"verificationResult"`
	VerifiedLevels     []string `json:"verifiedLevels"`
	SLSAVersion        string   `json:"slsaVersion,omitempty"`
}

// SLSAVersion is the version of SLSA that summaries follow.
const SLSAVersion = "1.0"

// A Verifier names who decided.
type Verifier struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version,omitempty"`
}

// A Resource is identified by its URI and its digest.
type Resource struct {
	URI    string            `json:"uri"`
	Digest map[string]string `json:"digest"`
}

// PredicateType implements [Predicate].
func (Summary) PredicateType() string { return "https://slsa.dev/verification_summary/v1" }

// WriteBundle signs statements and a summary that names them in order, and
// writes them as JSON lines.
func WriteBundle(ctx context.Context, w io.Writer, signer Signer, statements []Statement, summary Summary, commit, pkg string) error {
	encoder := json.NewEncoder(w)
	summary.InputAttestations = nil
	for _, s := range statements {
		sealed, err := Seal(ctx, signer, s)
		if err != nil {
			return err
		}
		payload, err := sealed.DecodeB64Payload()
		if err != nil {
			return fmt.Errorf("writing the bundle: %w", err)
		}
		summary.InputAttestations = append(summary.InputAttestations, Resource{URI: s.PredicateType, Digest: map[string]string{SHA256: Digest(payload)}})
		if err := encoder.Encode(sealed); err != nil {
			return fmt.Errorf("writing the bundle: %w", err)
		}
	}
	s, err := NewStatement(commit, pkg, summary)
	if err != nil {
		return err
	}
	sealed, err := Seal(ctx, signer, s)
	if err != nil {
		return err
	}
	if err := encoder.Encode(sealed); err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	return nil
}

// ReadBundle returns the statements of a bundle and their summary. It returns
// an error unless every line is signed with a key that counts at a time and signs more than
// records, nothing was changed and nothing is missing. It reads line by line and stops at the first
// that is not signed, so that it costs nothing what strangers write. The caller has
// to judge what the summary says.
func ReadBundle(ctx context.Context, r io.Reader, keys Keys, at time.Time) ([]Statement, Summary, error) {
	var summary Summary
	data, err := io.ReadAll(io.LimitReader(r, MaxBundle+1))
	if err != nil {
		return nil, summary, fmt.Errorf("reading the bundle: %w", err)
	}
	if len(data) > MaxBundle {
		return nil, summary, fmt.Errorf("reading the bundle: it is larger than %d bytes", MaxBundle)
	}
	var statements []Statement
	var digests []string
	deciding := keys.Deciding()
	for e, err := range envelopes(data) {
		if err != nil {
			return nil, summary, err
		}
		s, digest, err := e.OpenAt(ctx, deciding, at)
		if err != nil {
			return nil, summary, fmt.Errorf("reading the bundle: line %d: %w", len(statements)+1, err)
		}
		statements, digests = append(statements, s), append(digests, digest)
	}
	last := len(statements) - 1
	if statements[last].PredicateType != summary.PredicateType() {
		return nil, summary, fmt.Errorf("reading the bundle: %w", ErrNoSummary)
	}
	if err := statements[last].Decode(&summary); err != nil {
		return nil, summary, fmt.Errorf("reading the bundle: %w", err)
	}
	return statements[:last], summary, summary.names(statements[:last], digests[:last])
}

// Claimed returns when a bundle claims to have been made, and which key it claims to be
// signed with. Nothing of this is verified: ReadBundle verifies it, for that time.
func Claimed(data []byte) (at time.Time, keyID string, err error) {
	var last Envelope
	for e, err := range envelopes(data) {
		if err != nil {
			return at, "", err
		}
		last = e
	}
	payload, err := last.DecodeB64Payload()
	if err != nil {
		return at, "", fmt.Errorf("reading the bundle: %w", err)
	}
	var s Statement
	var summary Summary
	if err := json.Unmarshal(payload, &s); err != nil || s.PredicateType != summary.PredicateType() {
		return at, "", fmt.Errorf("reading the bundle: %w", ErrNoSummary)
	}
	if err := s.Decode(&summary); err != nil {
		return at, "", fmt.Errorf("reading the bundle: %w", err)
	}
	if len(last.Signatures) > 0 {
		keyID = last.Signatures[0].KeyID
	}
	return summary.TimeVerified, keyID, nil
}

// Envelopes reads the lines of a bundle without examining their content.
func Envelopes(data []byte) ([]Envelope, error) {
	var all []Envelope
	for e, err := range envelopes(data) {
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// ErrNoBundle says that not even the first line is one of a bundle.
var ErrNoBundle = errors.New("it is no bundle of evidence")

// envelopes yields the lines of a bundle, each when it is asked for. After an error
// it yields nothing more.
func envelopes(data []byte) iter.Seq2[Envelope, error] {
	return func(yield func(Envelope, error) bool) {
		n := 0
		for line := range bytes.SplitSeq(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")) {
			var e Envelope
			if n++; n > MaxStatements {
				yield(e, fmt.Errorf("reading the bundle: it has more than %d lines", MaxStatements))
				return
			}
			if err := json.Unmarshal(line, &e); err != nil && n == 1 {
				yield(e, fmt.Errorf("reading the bundle: %w: line 1 is not an envelope: %w", ErrNoBundle, err))
				return
			} else if err != nil {
				yield(e, fmt.Errorf("reading the bundle: line %d is not an envelope: %w", n, err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// names checks that the summary names exactly these statements, in order.
func (s Summary) names(statements []Statement, digests []string) error {
	there := map[string]bool{}
	for _, digest := range digests {
		there[digest] = true
	}
	for _, named := range s.InputAttestations {
		if !there[named.Digest[SHA256]] {
			return fmt.Errorf("reading the bundle: %w: %s", ErrRemoved, named.URI)
		}
	}
	for i, statement := range statements {
		if i >= len(s.InputAttestations) || s.InputAttestations[i].Digest[SHA256] != digests[i] {
			return fmt.Errorf("reading the bundle: %w: line %d, %s", ErrAdded, i+1, statement.PredicateType)
		}
	}
	return nil
}
