package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/notes"
	"github.com/magewright/magewright/tools/readiness"
)

// Attestations reads what people have signed about the candidate: the notes on
// commits with the candidate's tree. A note that can't be trusted is refused
// with a reason. That is not an error, because the note adds nothing.
func Attestations(ctx context.Context, e Env) (evidence.Predicate, error) {
	repository := notes.Repository(e.Project.Dir)
	var a readiness.Attestations
	if err := repository.Fetch(ctx); err != nil {
		a.Problem = err.Error()
	}
	lines, err := repository.Lines(ctx, e.Candidate.Tree)
	if err != nil {
		return nil, err
	}
	a.FinishedOn = e.Clock.Now()
	for _, line := range lines {
		by, s, err := open(ctx, e, line)
		if s.PredicateType == (evidence.Waiver{}).PredicateType() {
			w := readiness.SignedWaiver{By: by}
			if err == nil {
				err = s.Decode(&w.Waiver)
			}
			if err != nil {
				a.RefusedWaivers = append(a.RefusedWaivers, err.Error())
				continue
			}
			a.Waivers = append(a.Waivers, w)
			continue
		}
		attested := readiness.Attested{By: by, Package: s.Digest(evidence.SHA256)}
		if err == nil {
			err = s.Decode(&attested.Attestation)
		}
		if err == nil && attested.Kind == evidence.Approve {
			// It is given on evidence that exists already, and is for promote.
			continue
		}
		if err == nil {
			err = believable(attested, e.Candidate, a.FinishedOn)
		}
		if err != nil {
			a.Refused = append(a.Refused, err.Error())
			continue
		}
		a.Attestations = append(a.Attestations, attested)
	}
	return a, nil
}

// ErrOwnPolicy says that no key is pinned: the author of the release could have
// named anybody.
var ErrOwnPolicy = errors.New("the policy that would name the signer is the release's own: the base has none")

// open returns the statement on a line and the name of its signer. If there is
// an error, the statement is only a claim.
func open(ctx context.Context, e Env, line string) (by string, s evidence.Statement, err error) {
	var envelope evidence.Envelope
	if err := json.Unmarshal([]byte(line), &envelope); err != nil {
		return "", s, fmt.Errorf("a note is not an envelope: %w", err)
	}
	if payload, err := envelope.DecodeB64Payload(); err == nil {
		// An unreadable payload claims nothing.
		_ = json.Unmarshal(payload, &s)
	}
	if len(envelope.Signatures) == 0 {
		return "", s, evidence.ErrNotSigned
	}
	if e.PolicyFrom == e.Candidate.Commit {
		return "", s, ErrOwnPolicy
	}
	var stranger error
	for _, signature := range envelope.Signatures {
		person, key, err := e.Policy.Signer(signature.KeyID)
		if err != nil {
			stranger = err
			continue
		}
		signed, _, err := envelope.Open(ctx, key)
		if err != nil {
			return person.Name, s, fmt.Errorf("in the name of %s: %w", person.Name, err)
		}
		return person.Name, signed, nil
	}
	return "", s, stranger
}

// believable returns an error if an attestation is not about the candidate.
func believable(a readiness.Attested, c readiness.Candidate, now time.Time) error {
	var reason error
	switch {
	case a.Tree != c.Tree:
		reason = fmt.Errorf("it is for tree %.12s, not for %.12s", a.Tree, c.Tree)
	case a.Package != "" && a.Package != c.Package:
		reason = fmt.Errorf("it is for deployment package %.12s, not for %s", a.Package, short(c.Package))
	case a.Kind != evidence.Review && a.Kind != evidence.ManualTest:
		reason = fmt.Errorf("its kind, %q, is neither %s nor %s", a.Kind, evidence.Review, evidence.ManualTest)
	case a.What == "":
		reason = errors.New("it says nothing")
	case a.FinishedOn.IsZero():
		reason = errors.New("it does not say when it was signed")
	case a.FinishedOn.After(now):
		reason = fmt.Errorf("it has a time in the future: %s", a.FinishedOn.Format(time.RFC3339))
	default:
		return nil
	}
	return fmt.Errorf("%s by %s: %w", a.Kind, a.By, reason)
}

func short(digest string) string {
	if digest == "" {
		return "any, because none was built here"
	}
	return fmt.Sprintf("%.12s", digest)
}
