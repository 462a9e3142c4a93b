package codedeploy

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"pgregory.net/rapid"
)

// For every configuration and every sequence of events: the weights add up, and
// the new version's share only grows until it is rolled back. The alias ends at
// the new version if and only if the deployment succeeded. The record of the
// deployment matches what was done.
func TestAnyDeploymentEndsInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		routing := drawRouting(rt)
		events := slices.DeleteFunc(types.AutoRollbackEvent("").Values(), func(types.AutoRollbackEvent) bool { return rapid.Bool().Draw(rt, "event off") })
		b := newBench(t, func(in *awscodedeploy.CreateDeploymentGroupInput) {
			in.DeploymentConfigName = nil
			in.AutoRollbackConfiguration = &types.AutoRollbackConfiguration{Enabled: len(events) > 0, Events: events}
		})
		if _, err := b.CreateDeploymentConfig(context.Background(), &awscodedeploy.CreateDeploymentConfigInput{
			DeploymentConfigName: aws.String("mine"), ComputePlatform: types.ComputePlatformLambda, TrafficRoutingConfig: routing,
		}); err != nil {
			rt.Fatal(err)
		}
		if _, err := b.UpdateDeploymentGroup(context.Background(), &awscodedeploy.UpdateDeploymentGroupInput{
			ApplicationName: aws.String("app"), CurrentDeploymentGroupName: aws.String("group"), DeploymentConfigName: aws.String("mine"),
		}); err != nil {
			rt.Fatal(err)
		}
		for _, hook := range []string{"pre", "post"} {
			switch rapid.SampledFrom([]string{"Succeeded", "Succeeded", "Succeeded", "Failed", "silent", "broken"}).Draw(rt, hook) {
			case "Succeeded":
				b.lambda.hooks[hook] = b.report(types.LifecycleEventStatusSucceeded)
			case "Failed":
				b.lambda.hooks[hook] = b.report(types.LifecycleEventStatusFailed)
			case "silent":
				b.lambda.hooks[hook] = func(string, string) error { return nil }
			case "broken":
				b.lambda.hooks[hook] = func(string, string) error { return errors.New("throttled") }
			}
		}
		moment := func(label string) time.Time {
			if rapid.Bool().Draw(rt, label) {
				return noon.Add(100 * time.Hour)
			}
			return noon.Add(time.Duration(rapid.IntRange(1, 3600).Draw(rt, label+" at")) * time.Second)
		}
		alarmAt, stopAt := moment("alarm"), moment("stop")
		stopRollback := rapid.SampledFrom([]*bool{nil, aws.Bool(true), aws.Bool(false)}).Draw(rt, "stopRollback")
		var id string
		started := make(chan struct{}) // closed when id is known
		b.clock.passed = func(now time.Time) {
			<-started
			if !now.Before(alarmAt) {
				b.alarms.set(cloudwatchtypes.StateValueAlarm)
			}
			if !now.Before(stopAt) {
				if _, err := b.StopDeployment(context.Background(), &awscodedeploy.StopDeploymentInput{DeploymentId: &id, AutoRollbackEnabled: stopRollback}); err != nil && code(err) != "DeploymentAlreadyCompletedException" {
					rt.Error(err)
				}
			}
		}
		id, err := b.create(appspec("1", "2", "pre", "post"))
		if err != nil {
			rt.Fatal(err)
		}
		close(started)
		info, err := b.Wait(context.Background(), id)
		if err != nil {
			rt.Fatal(err)
		}
		checkRoutes(rt, b.lambda.routes)
		checkEnd(rt, b, info, events, stopRollback)
	})
}

func drawRouting(rt *rapid.T) *types.TrafficRoutingConfig {
	percent := rapid.Int32Range(1, 99).Draw(rt, "percent")
	interval := rapid.Int32Range(1, 10).Draw(rt, "interval")
	switch kind := rapid.SampledFrom(types.TrafficRoutingType("").Values()).Draw(rt, "type"); kind {
	case types.TrafficRoutingTypeTimeBasedCanary:
		return &types.TrafficRoutingConfig{Type: kind, TimeBasedCanary: &types.TimeBasedCanary{CanaryPercentage: percent, CanaryInterval: interval}}
	case types.TrafficRoutingTypeTimeBasedLinear:
		return &types.TrafficRoutingConfig{Type: kind, TimeBasedLinear: &types.TimeBasedLinear{LinearPercentage: percent, LinearInterval: interval}}
	default:
		return &types.TrafficRoutingConfig{Type: kind}
	}
}

func checkRoutes(rt *rapid.T, routes []route) {
	share, back := 0.0, false
	for _, r := range routes[1:] {
		weight, shifting := r.weights["2"]
		switch {
		case len(r.weights) > 1 || len(r.weights) == 1 && !shifting:
			rt.Fatalf("weights %v", r.weights)
		case back:
			rt.Fatalf("the alias moved after it was rolled back: %v", routes)
		case shifting && (r.version != "1" || weight <= share || weight >= 1):
			rt.Fatalf("%v after a share of %v", r, share)
		case shifting:
			share = weight
		case r.version == "2":
			share = 1
		default:
			back = true
		}
	}
}

func checkEnd(rt *rapid.T, b *bench, info *types.DeploymentInfo, events []types.AutoRollbackEvent, stopRollback *bool) {
	target := b.target(*info.DeploymentId)
	var statuses []types.LifecycleEventStatus
	for _, e := range target.LifecycleEvents {
		statuses = append(statuses, e.Status)
	}
	succeeded := info.Status == types.DeploymentStatusSucceeded
	last := b.lambda.now()
	if succeeded {
		if last.version != "2" || len(last.weights) != 0 || info.ErrorInformation != nil || info.RollbackInfo != nil {
			rt.Fatalf("it succeeded, but the alias is at %v: %+v", last, info)
		}
		if slices.ContainsFunc(statuses, func(s types.LifecycleEventStatus) bool { return s != types.LifecycleEventStatusSucceeded }) {
			rt.Fatalf("it succeeded with events %v", statuses)
		}
		if info.DeploymentOverview.Succeeded != 1 {
			rt.Fatalf("overview %+v", info.DeploymentOverview)
		}
		return
	}
	failedAt := slices.Index(statuses, types.LifecycleEventStatusFailed)
	if failedAt < 0 {
		rt.Fatalf("it is %s, but no event failed: %v", info.Status, statuses)
	}
	for i, s := range statuses {
		if i < failedAt && s != types.LifecycleEventStatusSucceeded || i > failedAt && s != types.LifecycleEventStatusSkipped {
			rt.Fatalf("events %v", statuses)
		}
	}
	var event types.AutoRollbackEvent
	switch c := info.ErrorInformation.Code; {
	case c == types.ErrorCodeAlarmActive && info.Status == types.DeploymentStatusStopped:
		event = types.AutoRollbackEventDeploymentStopOnAlarm
	case c == types.ErrorCodeManualStop && info.Status == types.DeploymentStatusStopped:
		event = types.AutoRollbackEventDeploymentStopOnRequest
	case c == types.ErrorCodeHookExecutionFailure && info.Status == types.DeploymentStatusFailed:
		event = types.AutoRollbackEventDeploymentFailure
	default:
		rt.Fatalf("%s with %s", info.Status, c)
	}
	rollsBack := slices.Contains(events, event)
	if event == types.AutoRollbackEventDeploymentStopOnRequest && stopRollback != nil {
		rollsBack = *stopRollback
	}
	if rollsBack != (info.RollbackInfo != nil) {
		rt.Fatalf("%s with %v (%v): rollback %+v", event, events, stopRollback, info.RollbackInfo)
	}
	if rollsBack && (last.version != "1" || len(last.weights) != 0) {
		rt.Fatalf("it was rolled back, but the alias is at %v", last)
	}
	if !rollsBack && failedAt < 2 && last.version != "1" {
		rt.Fatalf("it stopped before the shift was over, but the alias is at %v", last)
	}
}
