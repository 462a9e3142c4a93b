package codedeploy

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/internal/clock"
)

func TestLinearShift(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(in *awscodedeploy.CreateDeploymentGroupInput) {
		in.DeploymentConfigName = aws.String("CodeDeployDefault.LambdaLinear10PercentEvery1Minute")
	})
	info := b.deploy(appspec("1", "2"))
	if info.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", info)
	}
	var got []string
	for _, r := range b.lambda.routes[1:] {
		got = append(got, r.after.String()+" "+r.String())
	}
	want := []string{
		`0s ["1",{"2":0.1}]`, `1m0s ["1",{"2":0.2}]`, `2m0s ["1",{"2":0.3}]`, `3m0s ["1",{"2":0.4}]`, `4m0s ["1",{"2":0.5}]`,
		`5m0s ["1",{"2":0.6}]`, `6m0s ["1",{"2":0.7}]`, `7m0s ["1",{"2":0.8}]`, `8m0s ["1",{"2":0.9}]`, `9m0s ["2",null]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if b.clock.slow != 0 || b.clock.holds != 0 {
		t.Errorf("%v passed without acceleration; %d holds are left", b.clock.slow, b.clock.holds)
	}
	if d := info.CompleteTime.Sub(*info.StartTime); d != 9*time.Minute {
		t.Errorf("it took %v", d)
	}
}

func TestActiveAlarmStopsADeploymentAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.alarms.set(cloudwatchtypes.StateValueAlarm)
	b.lambda.hooks["pre"] = b.report(types.LifecycleEventStatusSucceeded)
	info := b.deploy(appspec("1", "2", "pre"))
	if info.Status != types.DeploymentStatusStopped || info.ErrorInformation.Code != types.ErrorCodeAlarmActive || !info.CompleteTime.Equal(noon) {
		t.Errorf("%s at %v: %+v", info.Status, info.CompleteTime, info.ErrorInformation)
	}
	if len(b.lambda.got) != 0 {
		t.Errorf("hooks ran: %v", b.lambda.got)
	}
	for _, r := range b.lambda.routes {
		if r.version != "1" || len(r.weights) != 0 {
			t.Errorf("traffic went to %v", r)
		}
	}
}

func TestAlarmsThatCannotBePolled(t *testing.T) {
	t.Parallel()
	for _, ignore := range []bool{false, true} {
		b := newBench(t, func(in *awscodedeploy.CreateDeploymentGroupInput) {
			in.AlarmConfiguration.IgnorePollAlarmFailure = ignore
			in.AlarmConfiguration.Alarms = append(in.AlarmConfiguration.Alarms, types.Alarm{Name: aws.String("deleted")})
		})
		info := b.deploy(appspec("1", "2"))
		if ignore != (info.Status == types.DeploymentStatusSucceeded) {
			t.Errorf("ignorePollAlarmFailure %v: %s", ignore, info.Status)
		}
		if !ignore && !strings.Contains(*info.ErrorInformation.Message, "alarms deleted could not be retrieved") {
			t.Errorf("%s", *info.ErrorInformation.Message)
		}
	}
}

func TestHooks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		hook   func(*bench) func(string, string) error
		detail string
		after  time.Duration
	}{
		"unknown function": {func(*bench) func(string, string) error { return nil }, "could not be invoked: ResourceNotFoundException", 0},
		"failed":           {func(b *bench) func(string, string) error { return b.report(types.LifecycleEventStatusFailed) }, "reported Failed", 0},
		"silent": {func(*bench) func(string, string) error {
			return func(string, string) error { return nil }
		}, "did not report within one hour", time.Hour},
	} {
		b := newBench(t, nil)
		b.lambda.hooks["pre"] = test.hook(b)
		if b.lambda.hooks["pre"] == nil {
			delete(b.lambda.hooks, "pre")
		}
		info := b.deploy(appspec("1", "2", "pre"))
		if info.Status != types.DeploymentStatusFailed || info.ErrorInformation.Code != types.ErrorCodeHookExecutionFailure || *info.ErrorInformation.Message != hookFailed {
			t.Errorf("%s: %s, %+v", name, info.Status, info.ErrorInformation)
		}
		if d := info.CompleteTime.Sub(noon); d != test.after || b.clock.slow != 0 || b.clock.holds != 0 {
			t.Errorf("%s: after %v, %v of it at normal speed; %d holds are left", name, d, b.clock.slow, b.clock.holds)
		}
		e := b.target(*info.DeploymentId).LifecycleEvents[0]
		if e.Diagnostics == nil || !strings.Contains(*e.Diagnostics.Message, test.detail) {
			t.Errorf("%s: %+v", name, e.Diagnostics)
		}
	}
}

func TestHookReports(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	var codes []string
	b.lambda.hooks["pre"] = func(d, execution string) error {
		for _, try := range []struct {
			deployment, execution string
			status                types.LifecycleEventStatus
		}{
			{"d-000000000", execution, "Succeeded"}, {d, "other", "Succeeded"}, {d, execution, "Skipped"}, {d, execution, "Succeeded"}, {d, execution, "Failed"},
		} {
			_, err := b.PutLifecycleEventHookExecutionStatus(context.Background(), &awscodedeploy.PutLifecycleEventHookExecutionStatusInput{
				DeploymentId: &try.deployment, LifecycleEventHookExecutionId: &try.execution, Status: try.status,
			})
			codes = append(codes, code(err))
		}
		return nil
	}
	if info := b.deploy(appspec("1", "2", "pre")); info.Status != types.DeploymentStatusSucceeded {
		t.Errorf("%+v", info.ErrorInformation)
	}
	want := []string{"DeploymentDoesNotExistException", "InvalidLifecycleEventHookExecutionIdException", "InvalidLifecycleEventHookExecutionStatusException", "", "LifecycleEventAlreadyCompletedException"}
	if diff := cmp.Diff(want, codes); diff != "" {
		t.Error(diff)
	}
}

// A deployment that is wrong from the start is not rolled back. A rollback
// would move an alias that nobody has touched.
func TestDeploymentOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	const invalid = "The deployment failed because the AppSpec file that specifies the AWS Lambda deployment configuration is missing or has an invalid configuration."
	for spec, want := range map[string]struct{ message, alias, detail string }{
		appspec("7", "8"): {invalid + " The Lambda function alias version does not match the current version in AppSpec file.", "live",
			"points to version 1, but the CurrentVersion in the AppSpec file is 7"},
		appspec("1", "99"): {"Version 99 of the Lambda function function could not be read: ResourceNotFoundException: Function not found: function:99", "live", "Version 99"},
		appspec("1", "1"):  {invalid, "live", "are both 1"},
		strings.Replace(appspec("1", "2"), "live", "gone", 1): {invalid, "gone", "The alias gone"},
	} {
		b := newBench(t, nil)
		info := b.deploy(spec)
		if info.Status != types.DeploymentStatusFailed || *info.ErrorInformation.Message != want.message || info.RollbackInfo != nil {
			t.Errorf("%s, %v, rollback %v; want %q", info.Status, *info.ErrorInformation.Message, info.RollbackInfo, want.message)
		}
		out, err := b.GetDeploymentTarget(t.Context(), &awscodedeploy.GetDeploymentTargetInput{DeploymentId: info.DeploymentId, TargetId: aws.String("function:" + want.alias)})
		if err != nil {
			t.Fatal(err)
		}
		if d := out.DeploymentTarget.LambdaTarget.LifecycleEvents[0].Diagnostics; d == nil || !strings.Contains(*d.Message, want.detail) {
			t.Errorf("diagnostics %+v, want %q", d, want.detail)
		}
		if len(b.lambda.routes) != 1 {
			t.Errorf("the alias was moved: %v", b.lambda.routes)
		}
	}
}

func TestRollbackThatFails(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.lambda.broken = errors.New("out of order")
	info := b.deploy(appspec("1", "2"))
	back, err := b.Wait(t.Context(), *info.RollbackInfo.RollbackDeploymentId)
	if err != nil {
		t.Fatal(err)
	}
	if info.Status != types.DeploymentStatusFailed || back.Status != types.DeploymentStatusFailed || back.RollbackInfo.RollbackDeploymentId != nil {
		t.Errorf("%s, its rollback %s, and that one's %+v", info.Status, back.Status, back.RollbackInfo)
	}
}

// Groups and deployments in progress both count as users of a configuration.
func TestConfigInUse(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	ctx, name := t.Context(), aws.String("custom")
	if _, err := b.CreateDeploymentConfig(ctx, &awscodedeploy.CreateDeploymentConfigInput{DeploymentConfigName: name, ComputePlatform: types.ComputePlatformLambda,
		TrafficRoutingConfig: &types.TrafficRoutingConfig{Type: types.TrafficRoutingTypeTimeBasedCanary, TimeBasedCanary: &types.TimeBasedCanary{CanaryPercentage: 5, CanaryInterval: 1}}}); err != nil {
		t.Fatal(err)
	}
	remove := func() string {
		_, err := b.DeleteDeploymentConfig(ctx, &awscodedeploy.DeleteDeploymentConfigInput{DeploymentConfigName: name})
		return code(err)
	}
	var during string
	b.lambda.hooks["pre"] = func(d, execution string) error {
		during = remove()
		return b.report(types.LifecycleEventStatusSucceeded)(d, execution)
	}
	out, err := b.CreateDeployment(ctx, &awscodedeploy.CreateDeploymentInput{
		ApplicationName: aws.String("app"), DeploymentGroupName: aws.String("group"), DeploymentConfigName: name,
		Revision: &types.RevisionLocation{RevisionType: types.RevisionLocationTypeAppSpecContent, AppSpecContent: &types.AppSpecContent{Content: aws.String(appspec("1", "2", "pre"))}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := b.Wait(ctx, *out.DeploymentId); err != nil || info.Status != types.DeploymentStatusSucceeded || during != "DeploymentConfigInUseException" {
		t.Errorf("%+v, %v; deleting it meanwhile: %q", info, err, during)
	}
	group := func(config *string) {
		t.Helper()
		if _, err := b.UpdateDeploymentGroup(ctx, &awscodedeploy.UpdateDeploymentGroupInput{ApplicationName: aws.String("app"), CurrentDeploymentGroupName: aws.String("group"), DeploymentConfigName: config}); err != nil {
			t.Fatal(err)
		}
	}
	group(name)
	if got := remove(); got != "DeploymentConfigInUseException" {
		t.Errorf("deleting a group's configuration: %q", got)
	}
	group(aws.String(allAtOnce))
	if got := remove(); got != "" {
		t.Errorf("deleting what nobody uses: %q", got)
	}
}

// A group is taken while its deployment runs, and free once it has ended.
func TestConflictAndStop(t *testing.T) {
	t.Parallel()
	c := clock.NewManual(noon)
	l := &lambda{clock: c, begun: noon, routes: []route{{version: "1"}}}
	a := &alarms{states: map[string]cloudwatchtypes.StateValue{alarmName: cloudwatchtypes.StateValueOk}}
	s := New(testAccount(c), Deps{Functions: l, Alarms: a})
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	makeGroup(t, s, nil)
	id, err := create(s, appspec("1", "2"))
	if err != nil {
		t.Fatal(err)
	}
	// The deployment waits for the second step.
	c.BlockUntil(1)
	_, err = create(s, appspec("1", "3"))
	if code(err) != "DeploymentLimitExceededException" || !strings.Contains(err.Error(), "The Deployment Group 'group' already has an active Deployment '"+id+"'") {
		t.Errorf("a second deployment: %v", err)
	}
	got, err := s.GetDeployment(t.Context(), &awscodedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil || got.DeploymentInfo.Status != types.DeploymentStatusInProgress || got.DeploymentInfo.DeploymentOverview.InProgress != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if r := l.now(); r.String() != `["1",{"2":0.1}]` {
		t.Errorf("during the canary: %v", r)
	}
	stop := &awscodedeploy.StopDeploymentInput{DeploymentId: &id}
	if out, err := s.StopDeployment(t.Context(), stop); err != nil || out.Status != types.StopStatusPending {
		t.Fatalf("%+v, %v", out, err)
	}
	info, err := s.Wait(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if info.Status != types.DeploymentStatusStopped || info.ErrorInformation.Code != types.ErrorCodeManualStop || l.now().String() != `["1",null]` {
		t.Errorf("%s, %+v, %v", info.Status, info.ErrorInformation, l.now())
	}
	if _, err := s.StopDeployment(t.Context(), stop); code(err) != "DeploymentAlreadyCompletedException" {
		t.Errorf("stopping it again: %v", err)
	}
	list, err := s.ListDeployments(t.Context(), &awscodedeploy.ListDeploymentsInput{ApplicationName: aws.String("app"), DeploymentGroupName: aws.String("group")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{*info.RollbackInfo.RollbackDeploymentId, id}, list.Deployments); diff != "" {
		t.Error(diff)
	}
	if id, err = create(s, appspec("1", "3")); err != nil {
		t.Fatalf("the group is still taken: %v", err)
	}
	c.BlockUntil(1)
	// Close in the middle of the deployment.
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Wait(t.Context(), id); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting after Close: %v", err)
	}
}

// A deployment that is stopped without a rollback leaves the alias at two
// versions. AWS documents that the next deployment then fails.
func TestStopWithoutRollback(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.lambda.hooks["pre"] = b.report(types.LifecycleEventStatusSucceeded)
	// This is in the middle of the canary.
	b.clock.passed = func(time.Time) {
		list, err := b.ListDeployments(t.Context(), &awscodedeploy.ListDeploymentsInput{IncludeOnlyStatuses: []types.DeploymentStatus{types.DeploymentStatusInProgress}})
		if err != nil || len(list.Deployments) != 1 {
			t.Errorf("%+v, %v", list, err)
			return
		}
		if _, err := b.StopDeployment(t.Context(), &awscodedeploy.StopDeploymentInput{DeploymentId: &list.Deployments[0], AutoRollbackEnabled: aws.Bool(false)}); err != nil {
			t.Error(err)
		}
	}
	info := b.deploy(appspec("1", "2"))
	if info.Status != types.DeploymentStatusStopped || info.RollbackInfo != nil || b.lambda.now().String() != `["1",{"2":0.1}]` {
		t.Errorf("%s, %+v, alias at %v", info.Status, info.RollbackInfo, b.lambda.now())
	}
	info = b.deploy(appspec("1", "2", "pre"))
	d := b.target(*info.DeploymentId).LifecycleEvents[0].Diagnostics
	if info.Status != types.DeploymentStatusFailed || info.ErrorInformation.Code != types.ErrorCodeInvalidLambdaConfiguration || info.RollbackInfo != nil ||
		!strings.HasSuffix(*d.Message, "aws lambda update-alias --function-name function --name live --routing-config AdditionalVersionWeights={}") {
		t.Errorf("%s, %+v, %+v", info.Status, info.ErrorInformation, d)
	}
	if len(b.lambda.got) > 0 {
		t.Errorf("hooks ran: %v", b.lambda.got)
	}
	b.clock.passed = nil
	b.lambda.routes = append(b.lambda.routes, route{version: "1"})
	if info := b.deploy(appspec("1", "2", "pre")); info.Status != types.DeploymentStatusSucceeded {
		t.Errorf("with the alias put right: %+v", info.ErrorInformation)
	}
}

func TestAppSpec(t *testing.T) {
	t.Parallel()
	want := &appSpec{resource: "fn", function: "function", alias: "live", current: "1", target: "2", hooks: map[string]string{"BeforeAllowTraffic": "pre", "AfterAllowTraffic": "post"}}
	for _, text := range []string{
		appspec("1", "2", "pre", "post"),
		`{"version":0.0,"Resources":[{"fn":{"Type":"AWS::Lambda::Function","Properties":{"Name":"function","Alias":"live","CurrentVersion":1,"TargetVersion":"2"}}}],"Hooks":[{"BeforeAllowTraffic":"pre"},{"AfterAllowTraffic":"post"}]}`,
	} {
		got, err := parseAppSpec(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(appSpec{})); diff != "" {
			t.Error(diff)
		}
	}
	good := appspec("1", "2", "pre")
	for text, want := range map[string]string{
		"":  "it is empty",
		"{": "neither YAML nor JSON",
		"a": "the file must be a mapping",
		strings.Replace(good, "version: 0.0", "version: 1.0", 1):               "must be 0.0",
		strings.Replace(good, "Resources", "resources", 1):                     `unknown member "resources"`,
		strings.Replace(good, "AWS::Lambda::Function", "AWS::ECS::Service", 1): "only AWS::Lambda::Function is supported",
		strings.Replace(good, "Alias: live, ", "", 1):                          "fn.Properties.Alias is missing",
		strings.Replace(good, "BeforeAllowTraffic", "BeforeInstall", 1):        `line 7: Hooks has an unknown member "BeforeInstall"`,
		good + "  - BeforeAllowTraffic: again\n":                               "more than one hook",
		good + "version: 0.0\n":                                                `has "version" twice`,
	} {
		if _, err := parseAppSpec(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParseAppSpec(f *testing.F) {
	f.Add(appspec("1", "2", "pre", "post"))
	f.Fuzz(func(t *testing.T, text string) {
		spec, err := parseAppSpec(text)
		if err == nil && (spec.function == "" || spec.alias == "" || spec.current == "" || spec.target == "") {
			t.Errorf("%q: %+v", text, spec)
		}
	})
}

type object string

func (o object) GetObject(context.Context, *awss3.GetObjectInput) (*awss3.GetObjectOutput, error) {
	return &awss3.GetObjectOutput{Body: io.NopCloser(strings.NewReader(string(o))), ETag: aws.String("tag")}, nil
}

func TestRevisions(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.deps.Objects = object(appspec("1", "2"))
	for want, r := range map[string]*types.RevisionLocation{
		"": {RevisionType: types.RevisionLocationTypeS3, S3Location: &types.S3Location{
			Bucket: aws.String("b"), Key: aws.String("k"), BundleType: types.BundleTypeYaml}},
		"RevisionRequiredException": nil,
		"InvalidRevisionException": {RevisionType: types.RevisionLocationTypeAppSpecContent, AppSpecContent: &types.AppSpecContent{
			Content: aws.String(appspec("1", "2")), Sha256: aws.String("0123")}},
		"InvalidInputException": {RevisionType: types.RevisionLocationTypeGitHub, GitHubLocation: &types.GitHubLocation{}},
	} {
		out, err := b.CreateDeployment(t.Context(), &awscodedeploy.CreateDeploymentInput{ApplicationName: aws.String("app"), DeploymentGroupName: aws.String("group"), Revision: r})
		if code(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
		if err != nil {
			continue
		}
		info, err := b.Wait(t.Context(), *out.DeploymentId)
		if err != nil || info.Status != types.DeploymentStatusSucceeded || *info.Revision.S3Location.ETag != "tag" {
			t.Errorf("%+v, %v", info, err)
		}
	}
}

// The type String is deprecated, but AWS and its clients still support it.
func TestStringRevision(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	deploy := func(sum *string) (*awscodedeploy.CreateDeploymentOutput, error) {
		//nolint:staticcheck // what is deprecated is tested
		return b.CreateDeployment(t.Context(), &awscodedeploy.CreateDeploymentInput{
			ApplicationName: aws.String("app"), DeploymentGroupName: aws.String("group"),
			Revision: &types.RevisionLocation{RevisionType: types.RevisionLocationTypeString, String_: &types.RawString{Content: aws.String(appspec("1", "2")), Sha256: sum}},
		})
	}
	if _, err := deploy(aws.String("0123")); code(err) != "InvalidRevisionException" {
		t.Errorf("a digest that is not the content's: %v", err)
	}
	out, err := deploy(nil)
	if err != nil {
		t.Fatal(err)
	}
	info, err := b.Wait(t.Context(), *out.DeploymentId)
	//nolint:staticcheck // what is deprecated is tested
	if err != nil || info.Status != types.DeploymentStatusSucceeded || len(aws.ToString(info.Revision.String_.Sha256)) != 64 {
		t.Errorf("%+v, %v", info, err)
	}
}

type topic struct{ messages chan *awssns.PublishInput }

func (p topic) Publish(_ context.Context, in *awssns.PublishInput) (*awssns.PublishOutput, error) {
	p.messages <- in
	return &awssns.PublishOutput{}, nil
}

func TestTriggers(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	p := topic{make(chan *awssns.PublishInput, 10)}
	b.deps.Notifier = p
	if _, err := b.UpdateDeploymentGroup(t.Context(), &awscodedeploy.UpdateDeploymentGroupInput{
		ApplicationName: aws.String("app"), CurrentDeploymentGroupName: aws.String("group"),
		TriggerConfigurations: []types.TriggerConfig{{
			TriggerName: aws.String("ops"), TriggerTargetArn: aws.String("arn:aws:sns:us-east-1:000000000000:ops"),
			TriggerEvents: []types.TriggerEventType{types.TriggerEventTypeDeploymentStop, types.TriggerEventTypeDeploymentRollback},
		}},
	}); err != nil {
		t.Fatal(err)
	}
	b.alarms.set(cloudwatchtypes.StateValueAlarm)
	info := b.deploy(appspec("1", "2"))
	for _, want := range []string{"STOPPED", "ROLLBACK"} {
		m := <-p.messages
		var message struct{ Status, DeploymentID, EventTriggerName, ErrorInformation string }
		if err := json.Unmarshal([]byte(*m.Message), &message); err != nil {
			t.Fatal(err)
		}
		if message.Status != want || message.DeploymentID != *info.DeploymentId || message.EventTriggerName != "ops" || !strings.Contains(message.ErrorInformation, "ALARM_ACTIVE") {
			t.Errorf("%+v, want %s", message, want)
		}
		if !strings.HasPrefix(*m.Subject, want) {
			t.Errorf("subject %s", *m.Subject)
		}
	}
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	ctx := t.Context()
	list, err := b.ListDeploymentConfigs(ctx, &awscodedeploy.ListDeploymentConfigsInput{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{
		"CodeDeployDefault.LambdaAllAtOnce", "CodeDeployDefault.LambdaCanary10Percent10Minutes", "CodeDeployDefault.LambdaCanary10Percent15Minutes",
		"CodeDeployDefault.LambdaCanary10Percent30Minutes", "CodeDeployDefault.LambdaCanary10Percent5Minutes", "CodeDeployDefault.LambdaLinear10PercentEvery10Minutes",
		"CodeDeployDefault.LambdaLinear10PercentEvery1Minute", "CodeDeployDefault.LambdaLinear10PercentEvery2Minutes", "CodeDeployDefault.LambdaLinear10PercentEvery3Minutes",
	}, list.DeploymentConfigsList); diff != "" {
		t.Error(diff)
	}
	var apiErrors []error
	try := func(_ any, err error) { apiErrors = append(apiErrors, err) }
	try(b.CreateApplication(ctx, &awscodedeploy.CreateApplicationInput{ApplicationName: aws.String("ec2")}))
	try(b.CreateApplication(ctx, &awscodedeploy.CreateApplicationInput{ApplicationName: aws.String("app"), ComputePlatform: types.ComputePlatformLambda}))
	try(b.GetApplication(ctx, &awscodedeploy.GetApplicationInput{ApplicationName: aws.String("other")}))
	try(b.GetDeploymentGroup(ctx, &awscodedeploy.GetDeploymentGroupInput{ApplicationName: aws.String("app"), DeploymentGroupName: aws.String("other")}))
	try(b.GetDeployment(ctx, &awscodedeploy.GetDeploymentInput{DeploymentId: aws.String("d-000000000")}))
	try(b.GetDeployment(ctx, &awscodedeploy.GetDeploymentInput{DeploymentId: aws.String("d-1")}))
	try(b.ListDeployments(ctx, &awscodedeploy.ListDeploymentsInput{CreateTimeRange: &types.TimeRange{Start: aws.Time(noon), End: aws.Time(noon.Add(-1))}}))
	try(b.DeleteDeploymentConfig(ctx, &awscodedeploy.DeleteDeploymentConfigInput{DeploymentConfigName: aws.String(allAtOnce)}))
	try(b.CreateDeploymentConfig(ctx, &awscodedeploy.CreateDeploymentConfigInput{DeploymentConfigName: aws.String("c"), ComputePlatform: types.ComputePlatformLambda,
		TrafficRoutingConfig: &types.TrafficRoutingConfig{Type: types.TrafficRoutingTypeTimeBasedLinear, TimeBasedLinear: &types.TimeBasedLinear{LinearPercentage: 1, LinearInterval: 60}}}))
	try(b.CreateDeploymentConfig(ctx, &awscodedeploy.CreateDeploymentConfigInput{DeploymentConfigName: aws.String("c"), ComputePlatform: types.ComputePlatformLambda,
		TrafficRoutingConfig: &types.TrafficRoutingConfig{Type: types.TrafficRoutingTypeTimeBasedCanary, TimeBasedCanary: &types.TimeBasedCanary{CanaryPercentage: 1, CanaryInterval: math.MaxInt32}}}))
	update := &awscodedeploy.UpdateDeploymentGroupInput{ApplicationName: aws.String("app"), CurrentDeploymentGroupName: aws.String("group")}
	with := func(change func(*awscodedeploy.UpdateDeploymentGroupInput)) {
		in := *update
		change(&in)
		try(b.UpdateDeploymentGroup(ctx, &in))
	}
	with(func(in *awscodedeploy.UpdateDeploymentGroupInput) {
		in.DeploymentStyle = &types.DeploymentStyle{DeploymentType: types.DeploymentTypeInPlace}
	})
	with(func(in *awscodedeploy.UpdateDeploymentGroupInput) { in.DeploymentConfigName = aws.String("none") })
	with(func(in *awscodedeploy.UpdateDeploymentGroupInput) { in.AutoScalingGroups = []string{"asg"} })
	with(func(in *awscodedeploy.UpdateDeploymentGroupInput) {
		in.AlarmConfiguration = &types.AlarmConfiguration{Enabled: true}
	})
	with(func(in *awscodedeploy.UpdateDeploymentGroupInput) {
		in.AutoRollbackConfiguration = &types.AutoRollbackConfiguration{Enabled: true, Events: []types.AutoRollbackEvent{"DEPLOYMENT_WHIM"}}
	})
	var codes []string
	for _, err := range apiErrors {
		codes = append(codes, strings.TrimSuffix(code(err), "Exception"))
	}
	if diff := cmp.Diff([]string{
		"InvalidComputePlatform", "ApplicationAlreadyExists", "ApplicationDoesNotExist", "DeploymentGroupDoesNotExist", "DeploymentDoesNotExist",
		"InvalidDeploymentId", "InvalidTimeRange", "InvalidOperation", "InvalidTrafficRoutingConfiguration", "InvalidTrafficRoutingConfiguration", "InvalidDeploymentStyle", "DeploymentConfigDoesNotExist", "InvalidInput",
		"InvalidAlarmConfig", "InvalidAutoRollbackConfig",
	}, codes); diff != "" {
		t.Error(diff)
	}
	group, err := b.GetDeploymentGroup(ctx, &awscodedeploy.GetDeploymentGroupInput{ApplicationName: aws.String("app"), DeploymentGroupName: aws.String("group")})
	if err != nil || *group.DeploymentGroupInfo.DeploymentConfigName != "CodeDeployDefault.LambdaCanary10Percent5Minutes" || !group.DeploymentGroupInfo.AlarmConfiguration.Enabled {
		t.Errorf("a refused update changed the group: %+v, %v", group, err)
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	arn := aws.String("arn:aws:codedeploy:us-east-1:000000000000:deploymentgroup:app/group")
	if _, err := b.TagResource(t.Context(), &awscodedeploy.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}); err != nil {
		t.Fatal(err)
	}
	if out, err := b.ListTagsForResource(t.Context(), &awscodedeploy.ListTagsForResourceInput{ResourceArn: arn}); err != nil || len(out.Tags) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := b.UntagResource(t.Context(), &awscodedeploy.UntagResourceInput{ResourceArn: aws.String("arn:aws:codedeploy:us-east-1:000000000000:application:none")}); code(err) != "ApplicationDoesNotExistException" {
		t.Errorf("%v", err)
	}
}
