package codedeploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
)

var noon = time.Date(2026, 8, 8, 12, 0, 0, 0, time.UTC)

// A leap clock lets a waiting goroutine continue at once, and jumps to the time
// that it waits for. It suits tests in which only one goroutine waits.
type leap struct {
	mu     sync.Mutex
	now    time.Time
	passed func(now time.Time) // called after each leap
	holds  int                 // calls of Accelerate that are not released
	slow   time.Duration       // time that passed without acceleration
}

func (l *leap) Now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *leap) Accelerate() func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holds++
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.holds--
	})
}

func (l *leap) Busy() func() { return func() {} }

func (l *leap) NewTimer(d time.Duration) clock.Timer {
	l.mu.Lock()
	l.now = l.now.Add(d)
	if l.holds == 0 {
		l.slow += d
	}
	now, passed := l.now, l.passed
	l.mu.Unlock()
	if passed != nil {
		passed(now)
	}
	c := make(chan time.Time, 1)
	c <- now
	return firedTimer(c)
}

type firedTimer chan time.Time

func (t firedTimer) C() <-chan time.Time { return t }
func (t firedTimer) Stop() bool          { return false }

// A route says where an alias sends its traffic.
type route struct {
	after   time.Duration // since the test began
	version string
	weights map[string]float64
}

// lambda is a Lambda with one function. Its alias is live.
type lambda struct {
	clock clock.Clock
	begun time.Time

	mu     sync.Mutex
	routes []route // the last one is the current one
	hooks  map[string]func(deploymentID, executionID string) error
	got    []string // invoked hooks, and the members of their events
	broken error    // the error that UpdateAlias returns
}

func (l *lambda) now() route { return l.routes[len(l.routes)-1] }

func (l *lambda) GetFunction(_ context.Context, in *awslambda.GetFunctionInput) (*awslambda.GetFunctionOutput, error) {
	if *in.FunctionName != "function" || *in.Qualifier > "9" {
		return nil, &lambdatypes.ResourceNotFoundException{Message: aws.String("Function not found: " + *in.FunctionName + ":" + *in.Qualifier)}
	}
	return &awslambda.GetFunctionOutput{}, nil
}

func (l *lambda) GetAlias(_ context.Context, in *awslambda.GetAliasInput) (*awslambda.GetAliasOutput, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if *in.Name != "live" {
		return nil, &lambdatypes.ResourceNotFoundException{Message: aws.String("Cannot find alias " + *in.Name)}
	}
	return &awslambda.GetAliasOutput{
		FunctionVersion: aws.String(l.now().version),
		RoutingConfig:   &lambdatypes.AliasRoutingConfiguration{AdditionalVersionWeights: l.now().weights},
	}, nil
}

func (l *lambda) UpdateAlias(_ context.Context, in *awslambda.UpdateAliasInput) (*awslambda.UpdateAliasOutput, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return nil, l.broken
	}
	l.routes = append(l.routes, route{l.clock.Now().Sub(l.begun), *in.FunctionVersion, maps.Clone(in.RoutingConfig.AdditionalVersionWeights)})
	return &awslambda.UpdateAliasOutput{}, nil
}

func (l *lambda) Invoke(_ context.Context, in *awslambda.InvokeInput) (*awslambda.InvokeOutput, error) {
	var payload map[string]string
	if err := json.Unmarshal(in.Payload, &payload); err != nil {
		return nil, err
	}
	l.mu.Lock()
	hook := l.hooks[*in.FunctionName]
	line := *in.FunctionName + " got"
	for i, k := range sortedKeys(payload) {
		if i > 0 {
			line += ","
		}
		line += " " + k
	}
	l.got = append(l.got, line)
	l.mu.Unlock()
	if in.InvocationType != lambdatypes.InvocationTypeEvent {
		return nil, fmt.Errorf("a hook was invoked by %s", in.InvocationType)
	}
	if hook == nil {
		return nil, &lambdatypes.ResourceNotFoundException{Message: aws.String("Function not found: " + *in.FunctionName)}
	}
	if err := hook(payload["DeploymentId"], payload["LifecycleEventHookExecutionId"]); err != nil {
		return nil, err
	}
	return &awslambda.InvokeOutput{StatusCode: 202}, nil
}

// alarms is a CloudWatch with alarms that tests set.
type alarms struct {
	mu     sync.Mutex
	states map[string]cloudwatchtypes.StateValue
	broken error
}

// set sets the state of the deployment group's alarm.
func (a *alarms) set(state cloudwatchtypes.StateValue) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.states[alarmName] = state
}

func (a *alarms) DescribeAlarms(_ context.Context, in *awscloudwatch.DescribeAlarmsInput) (*awscloudwatch.DescribeAlarmsOutput, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.broken != nil {
		return nil, a.broken
	}
	out := &awscloudwatch.DescribeAlarmsOutput{}
	for _, name := range in.AlarmNames {
		if state, ok := a.states[name]; ok {
			out.MetricAlarms = append(out.MetricAlarms, cloudwatchtypes.MetricAlarm{AlarmName: aws.String(name), StateValue: state})
		}
	}
	return out, nil
}

const alarmName = "CanaryErrorAlarm"

// A bench is a CodeDeploy with an application, a deployment group and the
// resources that they use.
type bench struct {
	*Service
	t      testing.TB
	clock  *leap
	lambda *lambda
	alarms *alarms
}

func newBench(t testing.TB, configure func(*awscodedeploy.CreateDeploymentGroupInput)) *bench {
	t.Helper()
	c := &leap{now: noon}
	b := &bench{
		t: t, clock: c,
		lambda: &lambda{clock: c, begun: noon, routes: []route{{version: "1"}}, hooks: map[string]func(string, string) error{}},
		alarms: &alarms{states: map[string]cloudwatchtypes.StateValue{alarmName: cloudwatchtypes.StateValueOk}},
	}
	b.Service = New(testAccount(c), Deps{Functions: b.lambda, Alarms: b.alarms})
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	makeGroup(t, b.Service, configure)
	return b
}

func testAccount(c clock.Clock) account.Account {
	return account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: c, Log: slog.New(slog.DiscardHandler)}
}

func makeGroup(t testing.TB, s *Service, configure func(*awscodedeploy.CreateDeploymentGroupInput)) {
	t.Helper()
	ctx := context.Background()
	if _, err := s.CreateApplication(ctx, &awscodedeploy.CreateApplicationInput{ApplicationName: aws.String("app"), ComputePlatform: types.ComputePlatformLambda}); err != nil {
		t.Fatal(err)
	}
	in := &awscodedeploy.CreateDeploymentGroupInput{
		ApplicationName:      aws.String("app"),
		DeploymentGroupName:  aws.String("group"),
		DeploymentConfigName: aws.String("CodeDeployDefault.LambdaCanary10Percent5Minutes"),
		ServiceRoleArn:       aws.String("arn:aws:iam::000000000000:role/deploy"),
		AlarmConfiguration:   &types.AlarmConfiguration{Enabled: true, Alarms: []types.Alarm{{Name: aws.String(alarmName)}}},
		AutoRollbackConfiguration: &types.AutoRollbackConfiguration{Enabled: true, Events: []types.AutoRollbackEvent{
			types.AutoRollbackEventDeploymentFailure, types.AutoRollbackEventDeploymentStopOnAlarm, types.AutoRollbackEventDeploymentStopOnRequest,
		}},
	}
	if configure != nil {
		configure(in)
	}
	if _, err := s.CreateDeploymentGroup(ctx, in); err != nil {
		t.Fatal(err)
	}
}

// appspec returns an AppSpec file in YAML.
func appspec(from, to string, hooks ...string) string {
	text := fmt.Sprintf("version: 0.0\nResources:\n  - fn:\n      Type: AWS::Lambda::Function\n      Properties: {Name: function, Alias: live, CurrentVersion: %q, TargetVersion: %q}\n", from, to)
	for i, hook := range hooks {
		if i == 0 {
			text += "Hooks:\n"
		}
		text += "  - " + []string{beforeAllowTraffic, afterAllowTraffic}[i] + ": " + hook + "\n"
	}
	return text
}

func (b *bench) create(spec string) (string, error) {
	return create(b.Service, spec)
}

func create(s *Service, spec string) (string, error) {
	out, err := s.CreateDeployment(context.Background(), &awscodedeploy.CreateDeploymentInput{
		ApplicationName: aws.String("app"), DeploymentGroupName: aws.String("group"),
		Revision: &types.RevisionLocation{RevisionType: types.RevisionLocationTypeAppSpecContent, AppSpecContent: &types.AppSpecContent{Content: aws.String(spec)}},
	})
	if err != nil {
		return "", err
	}
	return *out.DeploymentId, nil
}

// deploy runs a deployment to its end.
func (b *bench) deploy(spec string) *types.DeploymentInfo {
	b.t.Helper()
	id, err := b.create(spec)
	if err != nil {
		b.t.Fatal(err)
	}
	info, err := b.Wait(context.Background(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return info
}

// report returns a hook that reports the given status.
func (b *bench) report(status types.LifecycleEventStatus) func(string, string) error {
	return func(deployment, execution string) error {
		_, err := b.PutLifecycleEventHookExecutionStatus(context.Background(), &awscodedeploy.PutLifecycleEventHookExecutionStatusInput{
			DeploymentId: &deployment, LifecycleEventHookExecutionId: &execution, Status: status,
		})
		return err
	}
}

func (b *bench) target(id string) *types.LambdaTarget {
	b.t.Helper()
	out, err := b.GetDeploymentTarget(context.Background(), &awscodedeploy.GetDeploymentTargetInput{DeploymentId: &id, TargetId: aws.String("function:live")})
	if err != nil {
		b.t.Fatal(err)
	}
	return out.DeploymentTarget.LambdaTarget
}

// code returns the code of an AWS error.
func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}
