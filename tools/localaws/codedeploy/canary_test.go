package codedeploy_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/cloudwatch"
	"github.com/magewright/magewright/tools/localaws/codedeploy"
)

// traffic is a Lambda with an alias that is called all the time. Its metrics go
// to CloudWatch. Version 2 fails.
type traffic struct {
	mu      sync.Mutex
	version string
	share   float64 // share of version 2; the rest goes to version
}

func (l *traffic) GetFunction(context.Context, *awslambda.GetFunctionInput) (*awslambda.GetFunctionOutput, error) {
	return &awslambda.GetFunctionOutput{}, nil
}

func (l *traffic) GetAlias(context.Context, *awslambda.GetAliasInput) (*awslambda.GetAliasOutput, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &awslambda.GetAliasOutput{FunctionVersion: aws.String(l.version)}, nil
}

func (l *traffic) UpdateAlias(_ context.Context, in *awslambda.UpdateAliasInput) (*awslambda.UpdateAliasOutput, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.version, l.share = *in.FunctionVersion, in.RoutingConfig.AdditionalVersionWeights["2"]
	return &awslambda.UpdateAliasOutput{}, nil
}

func (l *traffic) Invoke(context.Context, *awslambda.InvokeInput) (*awslambda.InvokeOutput, error) {
	return &awslambda.InvokeOutput{}, nil
}

// call reports the metrics of a hundred calls of the alias.
func (l *traffic) call(metrics *cloudwatch.Service) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for version, invocations := range map[string]float64{"1": 100 * (1 - l.share), "2": 100 * l.share} {
		if invocations == 0 {
			continue
		}
		failures := 0.0
		if version == "2" {
			failures = invocations / 5
		}
		dimensions := []cloudwatchtypes.Dimension{
			{Name: aws.String("FunctionName"), Value: aws.String("function")},
			{Name: aws.String("Resource"), Value: aws.String("function:live")},
			{Name: aws.String("ExecutedVersion"), Value: aws.String(version)},
		}
		_, err := metrics.PutMetricData(context.Background(), &awscloudwatch.PutMetricDataInput{Namespace: aws.String("AWS/Lambda"), MetricData: []cloudwatchtypes.MetricDatum{
			{MetricName: aws.String("Invocations"), Dimensions: dimensions, Values: []float64{1}, Counts: []float64{invocations}},
			{MetricName: aws.String("Errors"), Dimensions: dimensions, Values: []float64{0, 1}, Counts: []float64{invocations - failures, failures}},
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// A new version fails one request in five of its canary traffic. The alarm goes
// off, the deployment stops, and the alias returns to the old version.
func TestFailingCanaryIsRolledBack(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 8, 8, 12, 0, 20, 0, time.UTC)
	c := clock.NewManual(start)
	a := account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: c, Log: slog.New(slog.DiscardHandler)}
	metrics := cloudwatch.New(a, cloudwatch.Deps{})
	function := &traffic{version: "1"}
	deploy := codedeploy.New(a, codedeploy.Deps{Functions: function, Alarms: metrics})
	ctx := t.Context()

	stat := func(id, name string) cloudwatchtypes.MetricDataQuery {
		return cloudwatchtypes.MetricDataQuery{Id: aws.String(id), ReturnData: aws.Bool(false), MetricStat: &cloudwatchtypes.MetricStat{
			Metric: &cloudwatchtypes.Metric{Namespace: aws.String("AWS/Lambda"), MetricName: aws.String(name), Dimensions: []cloudwatchtypes.Dimension{
				{Name: aws.String("ExecutedVersion"), Value: aws.String("2")}, // in a different order than in the metric
				{Name: aws.String("FunctionName"), Value: aws.String("function")},
				{Name: aws.String("Resource"), Value: aws.String("function:live")},
			}},
			Period: aws.Int32(60), Stat: aws.String("Sum"),
		}}
	}
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(metrics.PutMetricAlarm(ctx, &awscloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String("errors"), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(5), TreatMissingData: aws.String("notBreaching"),
		ComparisonOperator: cloudwatchtypes.ComparisonOperatorGreaterThanThreshold,
		Metrics: []cloudwatchtypes.MetricDataQuery{stat("e", "Errors"), stat("i", "Invocations"),
			{Id: aws.String("rate"), Expression: aws.String("100 * e / i")}},
	}))
	must(deploy.CreateApplication(ctx, &awscodedeploy.CreateApplicationInput{ApplicationName: aws.String("app"), ComputePlatform: types.ComputePlatformLambda}))
	must(deploy.CreateDeploymentGroup(ctx, &awscodedeploy.CreateDeploymentGroupInput{
		ApplicationName: aws.String("app"), DeploymentGroupName: aws.String("group"), ServiceRoleArn: aws.String("arn:aws:iam::000000000000:role/r"),
		DeploymentConfigName:      aws.String("CodeDeployDefault.LambdaCanary10Percent5Minutes"),
		AlarmConfiguration:        &types.AlarmConfiguration{Enabled: true, Alarms: []types.Alarm{{Name: aws.String("errors")}}},
		AutoRollbackConfiguration: &types.AutoRollbackConfiguration{Enabled: true, Events: []types.AutoRollbackEvent{types.AutoRollbackEventDeploymentStopOnAlarm}},
	}))
	created, err := deploy.CreateDeployment(ctx, &awscodedeploy.CreateDeploymentInput{
		ApplicationName: aws.String("app"), DeploymentGroupName: aws.String("group"),
		Revision: &types.RevisionLocation{RevisionType: types.RevisionLocationTypeAppSpecContent, AppSpecContent: &types.AppSpecContent{
			Content: aws.String(`{"version":0.0,"Resources":[{"f":{"Type":"AWS::Lambda::Function","Properties":{"Name":"function","Alias":"live","CurrentVersion":"1","TargetVersion":"2"}}}]}`),
		}},
	})
	must(created, err)

	var over atomic.Bool
	var driving sync.WaitGroup
	// While both services wait, time passes and the alias is called.
	driving.Go(func() {
		for {
			c.BlockUntil(2)
			if over.Load() {
				return
			}
			if err := function.call(metrics); err != nil {
				t.Error(err)
			}
			c.Advance(5 * time.Second)
		}
	})
	info, err := deploy.Wait(ctx, *created.DeploymentId)
	over.Store(true)
	// The timer shows the driver that the deployment is over.
	c.NewTimer(time.Hour)
	c.NewTimer(time.Hour)
	driving.Wait()
	must(info, err)
	for _, service := range []interface{ Close() error }{deploy, metrics} {
		if err := service.Close(); err != nil {
			t.Error(err)
		}
	}

	if info.Status != types.DeploymentStatusStopped || info.ErrorInformation == nil || info.ErrorInformation.Code != types.ErrorCodeAlarmActive {
		t.Errorf("%s: %+v", info.Status, info.ErrorInformation)
	}
	if took := info.CompleteTime.Sub(start); took < 40*time.Second || took > 50*time.Second {
		t.Errorf("the errors of the first 40 seconds were found after %v, not at the full minute", took)
	}
	if function.version != "1" || function.share != 0 {
		t.Errorf("the alias is at %s, with %v for version 2", function.version, function.share)
	}
}
