package promote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/bucket"
	"github.com/magewright/magewright/tools/evidence/ledgerclient"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
)

// minReason is the smallest number of characters in a reason for breaking the glass. Fewer
// can't explain anything.
const minReason = 10

// breakFile is the file in the evidence directory with the signed record of a deployment
// against the evidence.
const breakFile = "break-glass.dsse.json"

// breakGlass writes a signed record that a refused release is deployed. It does so before the
// deployment: on this machine, and in the place where the delivery keeps evidence.
func breakGlass(ctx context.Context, cfg project.Config, awsConfig aws.Config, names manifest.Manifest, signer evidence.Signer, release cdk.Release, record evidence.Deployment, now time.Time) error {
	broken := record.BreakGlass
	rule := strings.Repeat("!", 72)
	fmt.Fprintf(cfg.Stdout, "%s\nBREAK GLASS: production is deployed against the evidence\n  refused   %s\n  reason    %s\n  by        %s\n%s\n",
		rule, broken.Refused, broken.Reason, broken.By, rule)
	record.Stage, record.FinishedOn = names.Last().Name, now.UTC()
	s, err := evidence.NewStatement(release.Commit, release.Package, record)
	if err != nil {
		return err
	}
	sealed, err := evidence.Seal(ctx, signer, s)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(sealed, "", "  ")
	if err != nil {
		return fmt.Errorf("recording that the glass was broken: %w", err)
	}
	file, err := cfg.Path(breakFile)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return fmt.Errorf("recording that the glass was broken: %w", err)
	}
	fmt.Fprintf(cfg.Stdout, "recorded in %s\n", file)
	if err := keep(ctx, awsConfig, names, signer, release, record); err != nil {
		// This is an emergency, so a record that can't be kept is no reason to wait.
		fmt.Fprintf(cfg.Stdout, "the record could not be kept with the other evidence: %v\n", err)
	}
	return nil
}

// keep keeps the record of a deployment in the place where the delivery keeps evidence: in
// the pipeline's bucket, or in staging's ledger, where the approver looks. A delivery without
// either keeps no records.
func keep(ctx context.Context, awsConfig aws.Config, names manifest.Manifest, signer evidence.Signer, release cdk.Release, record evidence.Deployment) error {
	kept, found, err := bucket.Find(ctx, awsConfig, names, signer)
	if err != nil {
		return err
	}
	if found {
		return kept.PutDeployment(ctx, release.Commit, release.Package, record)
	}
	outputs, err := stack.Main(ctx, awsConfig, names.First())
	if err != nil || !outputs.KeepsRecords() {
		return err
	}
	return ledgerclient.Client{URL: outputs.FunctionURL, Signer: signer}.PutDeployment(ctx, release.Commit, release.Package, record)
}

// refuse returns the error about a release that the evidence does not allow.
func refuse(err error) error {
	if missing, ok := errors.AsType[*exit.Error](err); ok && missing.Code == exit.Environment {
		return err
	}
	if errors.Is(err, errNotApproved) {
		return exit.Failed("go tool mage attest -approve, by somebody whom the policy names and who is no author", "production is untouched: %w", err)
	}
	return exit.Failed(`go tool mage check deploy-staging smoke readiness, or in an emergency go tool mage promote -breakGlass="REASON"`,
		"production is untouched, because the evidence does not allow this release: %w", err)
}
