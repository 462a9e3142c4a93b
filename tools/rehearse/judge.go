package rehearse

import (
	"cmp"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
)

// pinJudge makes the base's code the judge of HEAD. On AWS, the promotion of the base has
// done so. If the base is so old that its code can't judge other releases, HEAD has no judge.
func (r *rehearsal) pinJudge(ctx context.Context, s *subject, base project.Config) error {
	names, err := manifest.Read(base)
	if err != nil || names.Pipeline.Judge == "" || r.names.Pipeline.Judge == "" {
		fmt.Fprintf(r.cfg.Stdout, "judge     none: the code of %.12s can't judge another release, so HEAD's own does\n", s.base)
		return nil
	}
	_, err = ssm.NewFromConfig(r.aws).PutParameter(ctx, &ssm.PutParameterInput{
		Name: &r.names.Pipeline.Judge, Value: &s.base, Type: types.ParameterTypeString, Overwrite: aws.Bool(true),
	})
	if err != nil {
		return fmt.Errorf("making the base's code the judge: %w", err)
	}
	fmt.Fprintf(r.cfg.Stdout, "judge     %.12s: the base's code decides about HEAD\n", s.base)
	return nil
}

// onlyHere returns an error if a stack belongs to an account or region other than the only
// ones that the embedded AWS has. Nothing could deploy it.
func onlyHere(names manifest.Manifest, region string) error {
	places := []manifest.Place{names.Pipeline.Place}
	for _, stage := range names.Stages {
		places = append(places, stage.Place)
	}
	for _, place := range places {
		if place.Account != "" && place.Account != accountID || place.Region != "" && place.Region != region {
			next := "take the account of the stack's env from the variable CDK_DEFAULT_ACCOUNT in the CDK app, commit, and go tool mage rehearse again"
			if cmp.Or(place.Account, accountID) == accountID {
				next = "AWS_REGION=" + place.Region + " go tool mage rehearse, if all stacks belong there; else leave the region out of the stack's env in the CDK app"
			}
			return exit.Failed(next,
				"stack %s belongs to account %s and region %s, but a rehearsal only has account %s and region %s",
				place.Stack, cmp.Or(place.Account, accountID), cmp.Or(place.Region, region), accountID, region)
		}
	}
	return nil
}

// sameStages returns an error if HEAD has other stages than its base. On AWS, the base's
// pipeline would refuse HEAD. The rehearsal deploys HEAD's pipeline, which would not.
func sameStages(base project.Config, head manifest.Manifest) error {
	names, err := manifest.Read(base)
	if err != nil || names.Pipeline.Judge == "" {
		return nil //nolint:nilerr // such a base has no pipeline that would refuse it
	}
	if err := head.AsDeployed(names.StageList()); err != nil {
		return fmt.Errorf("%w; -base=none rehearses them as the first release", err)
	}
	return nil
}
