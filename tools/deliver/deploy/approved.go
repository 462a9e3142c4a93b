package deploy

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/kmssign"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/verify"
)

// approved returns an error unless the evidence of this execution of the pipeline allows the
// release and was made from the assembly as it is now. The pipeline updates itself after
// promote has compared the two, and somebody could have replaced the assembly in between. A
// person who deploys the pipeline by hand decides alone.
func approved(ctx context.Context, cfg project.Config) error {
	if os.Getenv("PIPELINE_EXECUTION_ID") == "" {
		return nil
	}
	awsConfig, err := stack.Connect(ctx)
	if err != nil {
		return err
	}
	if err := seen(ctx, cfg, awsConfig); err != nil {
		return exit.Failed("aws codepipeline list-action-executions, to see what wrote the artifact Assembly", "the pipeline was not changed: %w", err)
	}
	return nil
}

func seen(ctx context.Context, cfg project.Config, awsConfig aws.Config) error {
	signer, err := kmssign.New(ctx, awsConfig)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(cfg.Evidence, verify.BundleFile))
	if err != nil {
		return fmt.Errorf("there is no evidence: %w", err)
	}
	bundle, err := verify.Read(ctx, data, evidence.Trust(signer.Key), clock.System().Now())
	if err != nil {
		return err
	}
	if bundle.Recorded.Commit != cfg.Commit || bundle.Recorded.Verdict == readiness.NoGo {
		return fmt.Errorf("the evidence says %s about commit %.12s, but this is commit %.12s", bundle.Recorded.Verdict, bundle.Recorded.Commit, cfg.Commit)
	}
	files, err := cdk.Digests(cfg.Assembly)
	if err != nil {
		return err
	}
	return bundle.Seen(files)
}
