package smoke

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/evidence/ledgerclient"
)

// ledger exercises a release ledger. It writes and reads the record of this very deployment.
// It also checks that the ledger refuses unsigned evidence, and anything that is not about a
// commit.
func (s *session) ledger(ctx context.Context) error {
	if err := s.token(ctx); err != nil {
		return err
	}
	s.Record.URL, s.Record.FinishedOn = s.Outputs.FunctionURL, s.Clock.Now().UTC()
	kept := ledgerclient.Client{URL: s.Outputs.FunctionURL, Signer: s.Signer}
	path, digest, record, err := kept.Record(ctx, s.Commit, s.Package, s.Record)
	if err != nil {
		return err
	}
	const unsigned = `{"verdict":"GO"}`
	of := func(mediaType string) map[string]string { return map[string]string{"Content-Type": mediaType} }
	lines := of("application/jsonl")
	for _, step := range []struct {
		probe.Step
		verify func(answer []byte) error
	}{
		{Step: probe.Step{Name: "the deployment is recorded", Method: "PUT", Path: path, Headers: of("application/json"), Body: string(record), Status: 201}},
		{Step: probe.Step{Name: "the record is read", Method: "GET", Path: "releases/" + s.Commit, Status: 200}, verify: holds(digest)},
		{Step: probe.Step{Name: "evidence nobody signed is refused", Method: "PUT", Path: "releases/" + s.Commit + "/evidence", Headers: lines, Body: unsigned, Status: 403}},
		{Step: probe.Step{Name: "a bad commit is refused", Method: "PUT", Path: "releases/not-a-commit/evidence", Headers: lines, Body: unsigned, Status: 400}},
	} {
		step.Token = true
		if err := s.do(ctx, step.Step, step.verify); err != nil {
			return err
		}
	}
	return nil
}

// holds checks that a release shows the deployment that was recorded.
func holds(digest string) func([]byte) error {
	return func(answer []byte) error {
		var release struct{ Deployments []struct{ Digest string } }
		if err := json.Unmarshal(answer, &release); err != nil {
			return fmt.Errorf("the release is not JSON: %w", err)
		}
		for _, d := range release.Deployments {
			if d.Digest == digest {
				return nil
			}
		}
		return fmt.Errorf("deployment %.12s was recorded, but it is not among the %d that the release shows", digest, len(release.Deployments))
	}
}
