package drill

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/magewright/magewright/tools/deliver/appspec"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
)

// A version is a published version of the function.
type version struct {
	number string
	sha    string // CodeSha256, in base64
}

// configuration describes a version, an alias or, as "", $LATEST.
func (d *drill) configuration(ctx context.Context, qualifier string) (*lambda.GetFunctionConfigurationOutput, error) {
	in := &lambda.GetFunctionConfigurationInput{FunctionName: &d.outputs.FunctionName}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	got, err := d.functions.GetFunctionConfiguration(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("reading %s:%s: %w", d.outputs.FunctionName, qualifier, err)
	}
	return got, nil
}

// lookAround finds the versions, and refuses a staging that a drill would say
// nothing of.
func (d *drill) lookAround(ctx context.Context) error {
	redeploy := "go tool mage deploy-" + stage
	active, err := d.active(ctx)
	if err != nil {
		return err
	}
	if len(active) > 0 {
		return exit.Failed("aws deploy wait deployment-successful --deployment-id "+active[0], "deployment %s of %s is under way", active[0], stage)
	}
	number, weights, err := d.alias(ctx)
	if err != nil {
		return err
	}
	if len(weights) > 0 {
		return exit.Failed(d.repoint(number), "alias %s shares its traffic between version %s and %d others, and nothing moves it", d.outputs.AliasName, number, len(weights))
	}
	served, err := d.configuration(ctx, number)
	if err != nil {
		return err
	}
	if isBad(served.Description) {
		// CloudFormation would not see it: the stack has not changed.
		next := redeploy
		d.good.number = number
		if from, err := d.cameAfter(ctx); err == nil && from.number != "" {
			next = d.repoint(from.number)
		}
		return exit.Failed(next, "version %s, which serves, is the bad version of a drill", number)
	}
	d.good = version{number, aws.ToString(served.CodeSha256)}
	if err := d.fit(served); err != nil {
		return err
	}
	latest, err := d.configuration(ctx, "")
	if err != nil {
		return err
	}
	if sha := aws.ToString(latest.CodeSha256); sha != d.good.sha {
		// A drill that was killed may have left its own.
		ours, err := d.isOurs(ctx, latest.CodeSize)
		if err != nil {
			return err
		}
		if !ours {
			return exit.Failed(redeploy, "the function's code is not that of version %s, which serves", number)
		}
		d.spoilt = sha
	}
	if d.before, err = d.previous(ctx); err != nil {
		return err
	}
	d.say("staging serves version %s; before it came %s", number, cmp.Or(d.before.number, "none"))
	return nil
}

// repoint is the command that gives a version all traffic.
func (d *drill) repoint(number string) string {
	return readiness.Repoint(d.outputs.FunctionName, d.outputs.AliasName, number)
}

// previous returns the version of the release before: staging's own of what
// production serves, for a version that came before the good one may never have
// been released, and be as bad as whatever kept it back. Before there is
// production, or where staging never had its release, it is the version that the
// good one came after.
func (d *drill) previous(ctx context.Context) (version, error) {
	if d.released == d.good.sha {
		d.noBefore = "production serves the very same package"
		return version{}, nil
	}
	if d.released != "" {
		v, err := d.newestOf(ctx, d.released)
		if err != nil || v.number != "" {
			return v, err
		}
	}
	d.noBefore = "it is the first of staging"
	return d.cameAfter(ctx)
}

// newestOf returns the newest version that is made of a package.
func (d *drill) newestOf(ctx context.Context, sha string) (version, error) {
	var found version
	pages := lambda.NewListVersionsByFunctionPaginator(d.functions, &lambda.ListVersionsByFunctionInput{FunctionName: &d.outputs.FunctionName})
	for pages.HasMorePages() { // the oldest first
		page, err := pages.NextPage(ctx)
		if err != nil {
			return version{}, fmt.Errorf("listing the versions of %s: %w", d.outputs.FunctionName, err)
		}
		for _, v := range page.Versions {
			if aws.ToString(v.Version) != "$LATEST" && aws.ToString(v.CodeSha256) == sha {
				found = version{*v.Version, sha}
			}
		}
	}
	return found, nil
}

// cameAfter returns what the deployment that brought the good version moved the
// alias from. The first version of a stage was brought by none.
func (d *drill) cameAfter(ctx context.Context) (version, error) {
	pages := codedeploy.NewListDeploymentsPaginator(d.deployments, &codedeploy.ListDeploymentsInput{
		ApplicationName: &d.outputs.DeploymentApplication, DeploymentGroupName: &d.outputs.DeploymentGroup,
		IncludeOnlyStatuses: []types.DeploymentStatus{types.DeploymentStatusSucceeded},
	})
	for pages.HasMorePages() { // the newest first
		page, err := pages.NextPage(ctx)
		if err != nil {
			return version{}, fmt.Errorf("listing deployments of %s: %w", d.outputs.DeploymentGroup, err)
		}
		for _, id := range page.Deployments {
			got, err := d.deployments.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
			if err != nil {
				return version{}, fmt.Errorf("reading deployment %s: %w", id, err)
			}
			move, ok := appspec.Read(got.DeploymentInfo.Revision)
			if !ok || move.To != d.good.number {
				continue
			}
			c, err := d.configuration(ctx, move.From)
			if err != nil || isBad(c.Description) {
				continue // deleted, or a drill's
			}
			return version{move.From, aws.ToString(c.CodeSha256)}, nil
		}
	}
	return version{}, nil
}

// pollInterval is how often AWS is asked.
const pollInterval = 500 * time.Millisecond

// until waits until done is true.
func (d *drill) until(ctx context.Context, what string, done func() (bool, error)) error {
	for {
		ok, err := done()
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
		if ok {
			return nil
		}
		if err := clock.Sleep(ctx, d.clock, pollInterval); err != nil {
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
	}
}

// alias returns the version that the alias names, and what others share its
// traffic.
func (d *drill) alias(ctx context.Context) (number string, weights map[string]float64, err error) {
	a, err := d.functions.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &d.outputs.FunctionName, Name: &d.outputs.AliasName})
	if err != nil {
		return "", nil, fmt.Errorf("reading alias %s: %w", d.outputs.AliasName, err)
	}
	if a.RoutingConfig != nil {
		weights = a.RoutingConfig.AdditionalVersionWeights
	}
	return aws.ToString(a.FunctionVersion), weights, nil
}

func (d *drill) holdsGood(ctx context.Context, when string) error { return d.holds(ctx, d.good, when) }

// holds sees that the alias gives a version all traffic, and that it is that
// version's code.
func (d *drill) holds(ctx context.Context, v version, when string) error {
	number, weights, err := d.alias(ctx)
	if err != nil {
		return err
	}
	c, err := d.configuration(ctx, d.outputs.AliasName)
	if err != nil {
		return err
	}
	switch sha := aws.ToString(c.CodeSha256); {
	case number != v.number || len(weights) > 0:
		d.failed("%s alias %s names version %s, %d others share its traffic; want all at version %s", when, d.outputs.AliasName, number, len(weights), v.number)
	case sha != v.sha:
		d.failed("%s alias %s has CodeSha256 %s; want %s of version %s", when, d.outputs.AliasName, sha, v.sha, v.number)
	default:
		d.say("%s alias %s is at version %s, CodeSha256 %s", when, d.outputs.AliasName, v.number, v.sha)
	}
	return nil
}

// active returns the ids of the group's deployments that have not ended.
func (d *drill) active(ctx context.Context) ([]string, error) {
	listed, err := d.deployments.ListDeployments(ctx, &codedeploy.ListDeploymentsInput{
		ApplicationName: &d.outputs.DeploymentApplication, DeploymentGroupName: &d.outputs.DeploymentGroup,
		IncludeOnlyStatuses: []types.DeploymentStatus{
			types.DeploymentStatusCreated, types.DeploymentStatusQueued, types.DeploymentStatusInProgress, types.DeploymentStatusReady,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("listing deployments of %s: %w", d.outputs.DeploymentGroup, err)
	}
	return listed.Deployments, nil
}

// ended are the states that a deployment stays in.
var ended = []types.DeploymentStatus{types.DeploymentStatusSucceeded, types.DeploymentStatusFailed, types.DeploymentStatusStopped}

// await waits for the end of a deployment.
func (d *drill) await(ctx context.Context, id string) (info *types.DeploymentInfo, err error) {
	return info, d.until(ctx, "deployment "+id, func() (bool, error) {
		got, err := d.deployments.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
		if err != nil {
			return false, err
		}
		info = got.DeploymentInfo
		return slices.Contains(ended, info.Status) && info.CompleteTime != nil, nil
	})
}
