package drill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/magewright/magewright/tools/project/exit"
)

// restoreLimit is the longest time that restoring may take. A rollback by CodeDeploy gives
// back all traffic at once.
const restoreLimit = 5 * time.Minute

// restore leaves staging as the drill found it. What AWS does by itself once it is told comes
// first, because somebody who interrupts a drill may not wait for the rest.
func (d *drill) restore(ctx context.Context) error {
	err := errors.Join(
		d.stopShifts(ctx),
		d.cleanLatest(ctx),
		d.returnAlias(ctx),
		d.cleanUp(ctx),
	)
	if err != nil {
		return exit.Failed("go tool mage deploy-"+stage, "%w", err)
	}
	return nil
}

// cleanUp deletes what this drill has made, and what killed drills have left.
func (d *drill) cleanUp(ctx context.Context) error {
	return errors.Join(d.deleteAlarms(ctx), d.deleteFaults(ctx))
}

// stopShifts stops deployments that still move the alias. CodeDeploy then rolls them back.
func (d *drill) stopShifts(ctx context.Context) error {
	active, err := d.active(ctx)
	if err != nil {
		return err
	}
	for _, id := range active {
		got, err := d.deployments.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
		if err != nil {
			return fmt.Errorf("reading deployment %s: %w", id, err)
		}
		if got.DeploymentInfo.Creator == types.DeploymentCreatorCodeDeployRollback {
			continue // it ends by itself
		}
		_, err = d.deployments.StopDeployment(ctx, &codedeploy.StopDeploymentInput{DeploymentId: &id, AutoRollbackEnabled: aws.Bool(true)})
		if _, over := errors.AsType[*types.DeploymentAlreadyCompletedException](err); err != nil && !over {
			return fmt.Errorf("stopping deployment %s: %w", id, err)
		}
	}
	return nil
}

// cleanLatest gives $LATEST the good version's code if it has a drill's code.
func (d *drill) cleanLatest(ctx context.Context) error {
	latest, err := d.configuration(ctx, "")
	if err != nil {
		return err
	}
	if d.spoilt == "" || aws.ToString(latest.CodeSha256) != d.spoilt {
		return nil
	}
	return d.upload(ctx, d.code)
}

// returnAlias waits until nothing moves the alias. Then it gives all traffic to the good
// version, unless that has it already.
func (d *drill) returnAlias(ctx context.Context) error {
	err := d.until(ctx, "the deployments of "+d.outputs.DeploymentGroup, func() (bool, error) {
		active, err := d.active(ctx)
		return len(active) == 0, err
	})
	if err != nil {
		return err
	}
	number, weights, err := d.alias(ctx)
	if err != nil || number == d.good.number && len(weights) == 0 {
		return err
	}
	d.say("restoring version %s", d.good.number)
	if number == d.good.number { // the good version still has a part of the traffic
		return d.point(ctx)
	}
	// Alarms about what is wrong now must not stop this.
	id, err := d.shift(ctx, version{number: number}, d.good, allAtOnce, &types.AlarmConfiguration{})
	if err != nil {
		return errors.Join(err, d.point(ctx))
	}
	info, err := d.await(ctx, id)
	if err != nil {
		return err
	}
	if info.Status != types.DeploymentStatusSucceeded {
		return d.point(ctx)
	}
	return nil
}

// point moves the alias without CodeDeploy.
func (d *drill) point(ctx context.Context) error {
	_, err := d.functions.UpdateAlias(ctx, &lambda.UpdateAliasInput{
		FunctionName: &d.outputs.FunctionName, Name: &d.outputs.AliasName, FunctionVersion: &d.good.number,
		RoutingConfig: &lambdatypes.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}},
	})
	if err != nil {
		return fmt.Errorf("pointing alias %s to version %s: %w", d.outputs.AliasName, d.good.number, err)
	}
	return nil
}

// deleteAlarms deletes the alarms of this drill and of earlier ones.
func (d *drill) deleteAlarms(ctx context.Context) error {
	var names []string
	pages := cloudwatch.NewDescribeAlarmsPaginator(d.alarms, &cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: aws.String(d.prefix())})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("listing the alarms of drills: %w", err)
		}
		for _, a := range page.MetricAlarms {
			names = append(names, aws.ToString(a.AlarmName))
		}
	}
	if len(names) == 0 {
		return nil
	}
	if _, err := d.alarms.DeleteAlarms(ctx, &cloudwatch.DeleteAlarmsInput{AlarmNames: names}); err != nil {
		return fmt.Errorf("deleting the alarms of drills: %w", err)
	}
	return nil
}

// deleteFaults deletes the bad versions of this drill and of earlier ones.
func (d *drill) deleteFaults(ctx context.Context) error {
	pages := lambda.NewListVersionsByFunctionPaginator(d.functions, &lambda.ListVersionsByFunctionInput{FunctionName: &d.outputs.FunctionName})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("listing the versions of %s: %w", d.outputs.FunctionName, err)
		}
		for _, v := range page.Versions {
			if aws.ToString(v.Version) == "$LATEST" || !isBad(v.Description) {
				continue
			}
			if _, err := d.functions.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &d.outputs.FunctionName, Qualifier: v.Version}); err != nil {
				return fmt.Errorf("deleting the bad version %s: %w", aws.ToString(v.Version), err)
			}
		}
	}
	return nil
}
