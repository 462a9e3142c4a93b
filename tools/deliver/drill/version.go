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

// configuration describes a version or an alias. The qualifier "" means $LATEST.
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

// lookAround finds the versions. It refuses a staging in a state in which a drill would prove
// nothing.
func (d *drill) lookAround(ctx context.Context) error {
	redeploy := "go tool mage deploy-" + stage
	active, err := d.active(ctx)
	if err != nil {
		return err
	}
	if len(active) > 0 {
		return exit.Failed("aws deploy wait deployment-successful --deployment-id "+active[0], "deployment %s of %s is in progress", active[0], stage)
	}
	number, weights, err := d.alias(ctx)
	if err != nil {
		return err
	}
	if len(weights) > 0 {
		return exit.Failed(d.repoint(number), "alias %s shares its traffic between version %s and %d others, although no deployment is in progress", d.outputs.AliasName, number, len(weights))
	}
	served, err := d.configuration(ctx, number)
	if err != nil {
		return err
	}
	if isBad(served.Description) {
		// CloudFormation would not notice, because the stack has not changed.
		next := redeploy
		d.good.number = number
		if from, err := d.cameAfter(ctx); err == nil && from.number != "" {
			next = d.repoint(from.number)
		}
		return exit.Failed(next, "version %s serves, and it is the bad version of a drill", number)
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
		// A killed drill may have left its own code.
		ours, err := d.isOurs(ctx, latest.CodeSize)
		if err != nil {
			return err
		}
		if !ours {
			return exit.Failed(redeploy, "the function's code differs from version %s, which serves", number)
		}
		d.spoilt = sha
	}
	if d.before, err = d.previous(ctx); err != nil {
		return err
	}
	d.say("staging serves version %s; the version before it is %s", number, cmp.Or(d.before.number, "none"))
	return nil
}

// repoint returns the command that gives a version all traffic.
func (d *drill) repoint(number string) string {
	return readiness.Repoint(d.outputs.FunctionName, d.outputs.AliasName, number)
}

// previous returns the version of the release before. That is staging's version of what
// production serves now. A version that merely came before the good one may never have been
// released, and may be just as bad as whatever kept it back. If production is not deployed,
// or staging never had its release, it is the version that the good one replaced.
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

// newestOf returns the newest version that is made from a package.
func (d *drill) newestOf(ctx context.Context, sha string) (version, error) {
	var found version
	pages := lambda.NewListVersionsByFunctionPaginator(d.functions, &lambda.ListVersionsByFunctionInput{FunctionName: &d.outputs.FunctionName})
	for pages.HasMorePages() { // the oldest comes first
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

// cameAfter returns the version that served before the deployment of the good version. The
// first version of a stage was not deployed by CodeDeploy.
func (d *drill) cameAfter(ctx context.Context) (version, error) {
	pages := codedeploy.NewListDeploymentsPaginator(d.deployments, &codedeploy.ListDeploymentsInput{
		ApplicationName: &d.outputs.DeploymentApplication, DeploymentGroupName: &d.outputs.DeploymentGroup,
		IncludeOnlyStatuses: []types.DeploymentStatus{types.DeploymentStatusSucceeded},
	})
	for pages.HasMorePages() { // the newest comes first
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
				continue // it was deleted, or it belongs to a drill
			}
			return version{move.From, aws.ToString(c.CodeSha256)}, nil
		}
	}
	return version{}, nil
}

// pollInterval is how often AWS is asked.
const pollInterval = 500 * time.Millisecond

// until waits until done returns true.
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

// alias returns the version that the alias names, and the other versions that share its
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

// holds checks that the alias gives a version all traffic, and that this version has the
// right code.
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
		d.failed("%s alias %s names version %s and %d other versions share its traffic; want all of it at version %s", when, d.outputs.AliasName, number, len(weights), v.number)
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

// ended are the final states of a deployment.
var ended = []types.DeploymentStatus{types.DeploymentStatusSucceeded, types.DeploymentStatusFailed, types.DeploymentStatusStopped}

// await waits until a deployment has ended. Each time that it looks, it calls meanwhile.
func (d *drill) await(ctx context.Context, id string, meanwhile ...func() error) (info *types.DeploymentInfo, err error) {
	return info, d.until(ctx, "deployment "+id, func() (bool, error) {
		for _, do := range meanwhile {
			if err := do(); err != nil {
				return false, err
			}
		}
		got, err := d.deployments.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
		if err != nil {
			return false, err
		}
		info = got.DeploymentInfo
		return slices.Contains(ended, info.Status) && info.CompleteTime != nil, nil
	})
}
