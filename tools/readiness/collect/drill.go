package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project/exit"
	stacks "github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/readiness"
)

// Drill reads the record of the last rollback drill, which must be signed with
// the pinned key. The record may be for an earlier commit: the check judges it
// by its age and its fingerprint.
func Drill(ctx context.Context, e Env) (evidence.Predicate, error) {
	const next = "go tool mage drill"
	data, err := os.ReadFile(filepath.Join(e.Project.Evidence, readiness.DrillFile)) // #nosec G304 -- below the evidence directory
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit.Missing(next, "no drill was recorded")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the drill: %w", err)
	}
	keys, err := cdk.PinnedKeys(e.Project)
	if err != nil {
		return nil, fmt.Errorf("reading the drill: %w", err)
	}
	var sealed evidence.Envelope
	if err := json.Unmarshal(data, &sealed); err != nil {
		return nil, exit.Missing(next, "reading the drill: %s: %w", readiness.DrillFile, err)
	}
	statement, _, err := sealed.OpenAt(ctx, keys, e.Clock.Now())
	if err != nil {
		return nil, exit.Missing(next, "reading the drill: %s: %w", readiness.DrillFile, err)
	}
	var d readiness.Drill
	if err := statement.Decode(&d); err != nil {
		return nil, exit.Missing(next, "reading the drill: %s: %w", readiness.DrillFile, err)
	}
	d.FinishedOn = e.Clock.Now()
	return d, nil
}

// Rollbacks asks CodeDeploy about rollbacks on the first stage, because the record of a drill
// is what a build says that runs the change's own code.
func Rollbacks(ctx context.Context, e Env) (evidence.Predicate, error) {
	names, err := e.names(ctx)
	if err != nil {
		return nil, err
	}
	account, err := callerAccount(ctx, e)
	if err != nil {
		return nil, err
	}
	stage := names.First()
	there := stacks.In(*e.AWS, stage.Place)
	functions, err := stacks.DescribeAll(ctx, there, stage)
	if err != nil {
		return nil, err
	}
	r := readiness.Rollbacks{Made: evidence.Made{FinishedOn: e.Clock.Now()}, Account: account, Region: there.Region}
	if r.Functions, err = RolledBack(ctx, there, functions, r.FinishedOn); err != nil {
		return nil, err
	}
	return r, nil
}

// RolledBack asks CodeDeploy for the newest rollback of each function in the 30 days before now.
func RolledBack(ctx context.Context, cfg aws.Config, functions []stacks.Outputs, now time.Time) ([]readiness.RolledBack, error) {
	client := codedeploy.NewFromConfig(cfg)
	all := make([]readiness.RolledBack, len(functions))
	for i, o := range functions {
		all[i].Function = o.FunctionName
		if !o.Shifts() {
			continue
		}
		all[i].Group = o.DeploymentGroup
		if err := newestRollback(ctx, client, o, now.Add(-readiness.DrillAge), &all[i]); err != nil {
			return nil, exit.Missing("aws deploy list-deployments --application-name "+o.DeploymentApplication+" --deployment-group-name "+o.DeploymentGroup,
				"asking CodeDeploy what was rolled back in group %s: %w", o.DeploymentGroup, err)
		}
	}
	return all, nil
}

// batch is how many deployments BatchGetDeployments takes at most. See
// https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_BatchGetDeployments.html.
const batch = 25

// newestRollback looks for the newest deployment to the group of a function, created at a time
// or later, that an alarm stopped, and whose rollback has succeeded.
func newestRollback(ctx context.Context, client *codedeploy.Client, o stacks.Outputs, since time.Time, into *readiness.RolledBack) error {
	pages := codedeploy.NewListDeploymentsPaginator(client, &codedeploy.ListDeploymentsInput{
		ApplicationName: &o.DeploymentApplication, DeploymentGroupName: &o.DeploymentGroup,
		IncludeOnlyStatuses: []types.DeploymentStatus{types.DeploymentStatusStopped},
		CreateTimeRange:     &types.TimeRange{Start: &since},
	})
	var stopped []types.DeploymentInfo
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for ids := range slices.Chunk(page.Deployments, batch) {
			got, err := client.BatchGetDeployments(ctx, &codedeploy.BatchGetDeploymentsInput{DeploymentIds: ids})
			if err != nil {
				return err
			}
			stopped = append(stopped, got.DeploymentsInfo...)
		}
	}
	slices.SortFunc(stopped, func(a, b types.DeploymentInfo) int { return aws.ToTime(b.CreateTime).Compare(aws.ToTime(a.CreateTime)) })
	for _, d := range stopped {
		if d.ErrorInformation == nil || d.ErrorInformation.Code != types.ErrorCodeAlarmActive || d.RollbackInfo == nil || aws.ToString(d.RollbackInfo.RollbackDeploymentId) == "" {
			continue
		}
		back, err := client.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: d.RollbackInfo.RollbackDeploymentId})
		if err != nil {
			return err
		}
		if info := back.DeploymentInfo; info.Status == types.DeploymentStatusSucceeded && info.Creator == types.DeploymentCreatorCodeDeployRollback {
			into.Deployment, into.Config, into.Rollback = aws.ToString(d.DeploymentId), aws.ToString(d.DeploymentConfigName), aws.ToString(info.DeploymentId)
			return nil
		}
	}
	return nil
}
