package promote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/notes"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/verify"
)

// notesOf returns what people have signed about the commits with a tree, unverified.
type notesOf func(ctx context.Context, tree string) ([]string, error)

// notesIn reads the git notes of a project, and those of its origin if it has none.
func notesIn(cfg project.Config) notesOf {
	return func(ctx context.Context, tree string) ([]string, error) {
		repository := notes.Repository(cfg.Dir)
		if err := repository.Fetch(ctx); err != nil {
			fmt.Fprintln(cfg.Stderr, err)
		}
		return repository.Lines(ctx, tree)
	}
}

// signedApproval returns the approval that a person has signed with `attest -approve` on
// exactly this evidence. It stands in for the pipeline's approval where there is no pipeline:
// otherwise whoever may deploy would decide alone. The person must be named by the policy of
// the base, and be no author of the release.
func signedApproval(ctx context.Context, bundle verify.Bundle, signed notesOf, now time.Time) (*evidence.Approval, error) {
	var candidate readiness.Candidate
	var used readiness.PolicyUsed
	in := readiness.Inputs{Statements: bundle.Statements}
	if err := errors.Join(in.Read(&candidate), in.Read(&used)); err != nil {
		return nil, err
	}
	lines, err := signed(ctx, candidate.Tree)
	if err != nil {
		return nil, fmt.Errorf("looking for a signed approval: %w", err)
	}
	why := errors.New("there is none")
	for _, line := range lines {
		approval, err := approvalOn(ctx, line, bundle.Digest, candidate, used, now)
		if approval != nil {
			return approval, nil
		}
		if err != nil {
			why = err
		}
	}
	return nil, fmt.Errorf("%w on this evidence (%.12s): %w", errNotApproved, bundle.Digest, why)
}

var errNotApproved = errors.New("outside of the pipeline, somebody who is not an author must sign an approval of the release")

// approvalOn returns the approval on a line, the reason why it does not count, or neither if
// the line is something else.
func approvalOn(ctx context.Context, line, bundle string, candidate readiness.Candidate, used readiness.PolicyUsed, now time.Time) (*evidence.Approval, error) {
	var envelope evidence.Envelope
	var claimed evidence.Statement
	var attestation evidence.Attestation
	if json.Unmarshal([]byte(line), &envelope) != nil {
		return nil, nil
	}
	payload, err := envelope.DecodeB64Payload()
	if err != nil || json.Unmarshal(payload, &claimed) != nil || claimed.PredicateType != attestation.PredicateType() ||
		claimed.Decode(&attestation) != nil || attestation.Kind != evidence.Approve {
		return nil, nil
	}
	if used.From == candidate.Commit {
		return nil, errors.New("the policy that would name who approves is the release's own")
	}
	err = evidence.ErrNotSigned
	for _, signature := range envelope.Signatures {
		person, key, signerErr := used.Policy.Signer(signature.KeyID)
		if signerErr != nil {
			err = signerErr
			continue
		}
		statement, _, openErr := envelope.Open(ctx, key)
		if openErr == nil {
			openErr = statement.Decode(&attestation)
		}
		switch {
		case openErr != nil:
			err = fmt.Errorf("in the name of %s: %w", person.Name, openErr)
		case person.Wrote(candidate) != "":
			err = fmt.Errorf("%s has signed it, but is an author of the release (%s)", person.Name, person.Wrote(candidate))
		case attestation.Bundle != bundle:
			err = fmt.Errorf("that of %s is on other evidence (%.12s)", person.Name, attestation.Bundle)
		case attestation.Tree != candidate.Tree || statement.Digest(evidence.GitCommit) != candidate.Commit:
			err = fmt.Errorf("that of %s is of another commit", person.Name)
		case attestation.FinishedOn.IsZero() || attestation.FinishedOn.After(now):
			err = fmt.Errorf("that of %s does not say when it was signed, or a time in the future", person.Name)
		default:
			return &evidence.Approval{By: person.Name, Summary: attestation.What, Action: "attest -approve"}, nil
		}
	}
	return nil, err
}
