package promote

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/verify"
)

// checkJudge returns an error unless the release was judged by the code that runs now, which
// is the last release's. Whoever may sign could have judged with other code. This matters
// only in the pipeline: elsewhere, the code that runs is what somebody has checked out.
func checkJudge(cfg project.Config, bundle verify.Bundle, approved *evidence.Approval) error {
	if !cfg.Judged() {
		return nil
	}
	var judge readiness.Judge
	if err := (readiness.Inputs{Statements: bundle.Statements}).Read(&judge); err != nil {
		return errors.New("the evidence does not say that the last release's code judged it: only the pipeline's own action may do that")
	}
	if judge.Outside || judge.Commit != cfg.Judge.Commit {
		return fmt.Errorf("the code of release %s judged it, but the last release is %s", orNone(judge.Commit), orNone(cfg.Judge.Commit))
	}
	if judge.Commit == "" && approved == nil {
		return errors.New("no release was promoted before, so only a person may allow this one, and nobody has approved it")
	}
	return nil
}

// pinJudge makes the code of the promoted release the judge of the next one.
func pinJudge(ctx context.Context, cfg project.Config, awsConfig aws.Config, commit string) error {
	name := cfg.Judge.Parameter
	if name == "" {
		return nil
	}
	_, err := ssm.NewFromConfig(awsConfig).PutParameter(ctx, &ssm.PutParameterInput{
		Name: &name, Value: &commit, Type: types.ParameterTypeString, Overwrite: aws.Bool(true),
	})
	if err != nil {
		return exit.Failed("aws ssm put-parameter --overwrite --name "+name+" --value "+commit,
			"production was deployed, but the next release would be judged by older code: pinning the judge: %w", err)
	}
	fmt.Fprintf(cfg.Stdout, "release %.12s judges the next one (%s)\n", commit, name)
	return nil
}
