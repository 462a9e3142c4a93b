package promote

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/magewright/magewright/tools/clock"
	"github.com/magewright/magewright/tools/stack"
)

// pollInterval is how often a deployment is looked at.
const pollInterval = 500 * time.Millisecond

// A follower prints what becomes of a deployment while it goes on.
type follower struct {
	deployments *codedeploy.Client
	functions   *lambda.Client
	alarms      *cloudwatch.Client
	outputs     stack.Outputs
	clock       clock.Clock
	out         *lines
}

func newAlarms(cfg aws.Config) *cloudwatch.Client { return cloudwatch.NewFromConfig(cfg) }

// ids returns the ids of the group's deployments.
func (f *follower) ids(ctx context.Context) ([]string, error) {
	listed, err := f.deployments.ListDeployments(ctx, &codedeploy.ListDeploymentsInput{
		ApplicationName:     &f.outputs.DeploymentApplication,
		DeploymentGroupName: &f.outputs.DeploymentGroup,
	})
	if err != nil {
		return nil, fmt.Errorf("listing deployments of %s: %w", f.outputs.DeploymentGroup, err)
	}
	return listed.Deployments, nil
}

// follow waits for a deployment that is not known, prints its course, and
// sends requests while traffic shifts. It returns when ctx ends.
func (f *follower) follow(ctx context.Context, known []string) error {
	probes := &prober{url: f.outputs.FunctionURL, clock: f.clock}
	shifting, stop := context.WithCancel(ctx)
	defer stop()
	var probing chan struct{}
	last := map[string]string{} // what was printed of each deployment
	for {
		ids, err := f.ids(ctx)
		if err != nil {
			return err
		}
		for _, id := range slices.Backward(ids) { // the newest comes first
			if slices.Contains(known, id) {
				continue
			}
			if probing == nil {
				probing = make(chan struct{})
				go func() {
					defer close(probing)
					probes.run(shifting)
				}()
			}
			line, ended, err := f.describe(ctx, id)
			if err != nil {
				return err
			}
			if line != last[id] {
				fmt.Fprintf(f.out, "%s  %s; %s\n", id, line, probes)
				last[id] = line
			}
			if ended {
				stop()
				<-probing
				known = append(known, id)
			}
		}
		if err := clock.Sleep(ctx, f.clock, pollInterval); err != nil {
			return err
		}
	}
}

// describe returns one line on a deployment, and whether it has ended.
func (f *follower) describe(ctx context.Context, id string) (line string, ended bool, err error) {
	got, err := f.deployments.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		return "", false, fmt.Errorf("reading deployment %s: %w", id, err)
	}
	alias, err := f.functions.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &f.outputs.FunctionName, Name: &f.outputs.AliasName})
	if err != nil {
		return "", false, fmt.Errorf("reading alias %s: %w", f.outputs.AliasName, err)
	}
	info := got.DeploymentInfo
	parts := []string{string(info.Status), "version " + weights(aws.ToString(alias.FunctionVersion), alias.RoutingConfig)}
	alarms, err := f.ringing(ctx)
	if err != nil {
		return "", false, err
	}
	if alarms != "" {
		parts = append(parts, alarms)
	}
	switch info.Status {
	case types.DeploymentStatusSucceeded, types.DeploymentStatusFailed, types.DeploymentStatusStopped:
		ended = true
	}
	return strings.Join(parts, ", "), ended, nil
}

// ringing names the alarms of the deployment group that are in alarm.
func (f *follower) ringing(ctx context.Context) (string, error) {
	group, err := f.deployments.GetDeploymentGroup(ctx, &codedeploy.GetDeploymentGroupInput{
		ApplicationName:     &f.outputs.DeploymentApplication,
		DeploymentGroupName: &f.outputs.DeploymentGroup,
	})
	if err != nil {
		return "", fmt.Errorf("reading deployment group %s: %w", f.outputs.DeploymentGroup, err)
	}
	watched := group.DeploymentGroupInfo.AlarmConfiguration
	if watched == nil || len(watched.Alarms) == 0 {
		return "", nil
	}
	names := make([]string, len(watched.Alarms))
	for i, alarm := range watched.Alarms {
		names[i] = aws.ToString(alarm.Name)
	}
	described, err := f.alarms.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: names})
	if err != nil {
		return "", fmt.Errorf("reading alarms: %w", err)
	}
	var ringing []string
	for _, alarm := range described.MetricAlarms {
		if alarm.StateValue == cloudwatchtypes.StateValueAlarm {
			ringing = append(ringing, aws.ToString(alarm.AlarmName))
		}
	}
	if len(ringing) == 0 {
		return fmt.Sprintf("%d alarms quiet", len(described.MetricAlarms)), nil
	}
	return "in alarm: " + strings.Join(ringing, " "), nil
}

// weights describes an alias: "3", or "3 (90 %) 4 (10 %)".
func weights(version string, routing *lambdatypes.AliasRoutingConfiguration) string {
	if routing == nil || len(routing.AdditionalVersionWeights) == 0 {
		return version
	}
	rest, others := 1.0, ""
	for other, weight := range routing.AdditionalVersionWeights {
		rest -= weight
		others += fmt.Sprintf(" %s (%.0f %%)", other, 100*weight)
	}
	return fmt.Sprintf("%s (%.0f %%)%s", version, 100*rest, others)
}

// latest returns the group's newest deployment that is not a rollback.
func latest(ctx context.Context, client *codedeploy.Client, o stack.Outputs) (*types.DeploymentInfo, error) {
	f := follower{deployments: client, outputs: o}
	ids, err := f.ids(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		got, err := client.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
		if err != nil {
			return nil, fmt.Errorf("reading deployment %s: %w", id, err)
		}
		if got.DeploymentInfo.Creator != types.DeploymentCreatorCodeDeployRollback {
			return got.DeploymentInfo, nil
		}
	}
	return nil, nil
}
