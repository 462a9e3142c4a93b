// Package stagetest serves a small service for tests. It has everything that infra/service
// has for moving traffic: function, alias, URL, alarm and deployment group, on an embedded
// AWS of its own. The app itself is exercised by package smoke's tests and by each rehearsal.
// So a change of the app does not repeat the tests of moving traffic.
package stagetest

import (
	"archive/zip"
	"bytes"
	"context"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/deliver/appspec"
	"github.com/magewright/magewright/tools/evidence/evidencetest"
	"github.com/magewright/magewright/tools/evidence/ledgerclient"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/internal/testinput"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
)

// Older and Newer are the commits of two releases of the same code.
var (
	Older = "0a1b2c3d4e5f60718293a4b5c6d7e8f901122334"
	Newer = "f9e8d7c6b5a4f3e2d1c0b9a8978685746352413f"
)

// packageBucket is the bucket in which a stage's AWS has the deployment packages, by commit.
const packageBucket = "packages"

// service is the directory of the service's source.
const service = "tools/deliver/stagetest/testdata/service"

// packages has the deployment package of the service for each commit. Both come from one
// build, in which one commit's hash replaces the other, because linking takes seconds.
var packages = sync.OnceValues(func() (map[string][]byte, error) {
	if err := testinput.Files(service, "go.mod", "go.sum"); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "stagetest")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	executable := filepath.Join(dir, "bootstrap")
	_, err = gocmd.In("", "CGO_ENABLED=0").Output(context.Background(), "build",
		"-ldflags=-s -w -X main.commit="+Older, "-o", executable, "github.com/magewright/magewright/"+service)
	if err != nil {
		return nil, err
	}
	program, err := os.ReadFile(executable) // #nosec G304 -- built above
	if err != nil {
		return nil, err
	}
	made := map[string][]byte{}
	for _, commit := range []string{Older, Newer} {
		var packed bytes.Buffer
		w := zip.NewWriter(&packed)
		header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
		header.SetMode(0o755)
		file, err := w.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		if _, err := file.Write(bytes.ReplaceAll(program, []byte(Older), []byte(commit))); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		made[commit] = packed.Bytes()
	}
	return made, nil
})

// A Stage is the deployed service.
type Stage struct {
	AWS         aws.Config
	Outputs     stack.Outputs
	Functions   *lambda.Client
	Deployments *codedeploy.Client
	Alarms      *cloudwatch.Client
	Signer      evidencetest.Signer // signs tokens
	Close       func() error        // ends its AWS; the end of the test does so too

	server *localaws.Server
	clock  *clock.Manual
	own    map[string]string // the function's environment
}

// Must returns a function that ends the test on an error.
func Must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// New serves the Older release as version 1. Its AWS's time stands still unless somebody
// waits with [Stage.Clock].
func New(t *testing.T) *Stage {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds a function and runs it")
	}
	zips, err := packages()
	if err != nil {
		t.Fatalf("building the service: %v", err)
	}
	stands := clock.NewManual(clock.System().Now())
	server, err := localaws.Start(t.Context(), localaws.Config{Addr: "127.0.0.1:0", Clock: stands, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	closed := sync.OnceValue(server.Close)
	t.Cleanup(func() {
		if err := closed(); err != nil {
			t.Error(err)
		}
	})
	cfg := server.Client()
	functions, deployments := lambda.NewFromConfig(cfg), codedeploy.NewFromConfig(cfg)
	ctx, s := t.Context(), &Stage{AWS: cfg, Functions: functions, Deployments: deployments, Alarms: cloudwatch.NewFromConfig(cfg), Signer: evidencetest.NewSigner(t), Close: closed, server: server, clock: stands,
		own: map[string]string{"RECORDS": t.TempDir(), "STAGE": "staging"}}
	role := Must[*iam.CreateRoleOutput](t)(iam.NewFromConfig(cfg).CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: aws.String("role"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",` +
			`"Principal":{"Service":["lambda.amazonaws.com","codedeploy.amazonaws.com"]}}]}`),
	}))
	// CodeDeploy also uses this role, and a worker reads its queue with it.
	Must[*iam.PutRolePolicyOutput](t)(iam.NewFromConfig(cfg).PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: aws.String("role"), PolicyName: aws.String("deploy"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudwatch:DescribeAlarms","lambda:GetAlias","lambda:UpdateAlias","sqs:ReceiveMessage","sqs:DeleteMessage","sqs:GetQueueAttributes"],"Resource":"*"}]}`),
	}))
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	Must[*s3.CreateBucketOutput](t)(objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(packageBucket)}))
	// The packages are uploaded, as the CDK does it. Writing megabytes as JSON and reading
	// them takes seconds under the race detector.
	for commit, zip := range zips {
		Must[*s3.PutObjectOutput](t)(objects.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(packageBucket), Key: &commit, Body: bytes.NewReader(zip)}))
	}
	architecture := lambdatypes.ArchitectureX8664
	if runtime.GOARCH == "arm64" {
		architecture = lambdatypes.ArchitectureArm64
	}
	Must[*lambda.CreateFunctionOutput](t)(functions.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: aws.String("service"), Role: role.Role.Arn, Handler: aws.String("bootstrap"), Runtime: lambdatypes.RuntimeProvidedal2023,
		Architectures: []lambdatypes.Architecture{architecture}, Timeout: aws.Int32(600), MemorySize: aws.Int32(256), Publish: true,
		Code:        &lambdatypes.FunctionCode{S3Bucket: aws.String(packageBucket), S3Key: &Older},
		Environment: &lambdatypes.Environment{Variables: s.own},
	}))
	Must[*lambda.CreateAliasOutput](t)(functions.CreateAlias(ctx, &lambda.CreateAliasInput{
		FunctionName: aws.String("service"), Name: aws.String("live"), FunctionVersion: aws.String("1"),
	}))
	Must[*lambda.AddPermissionOutput](t)(functions.AddPermission(ctx, &lambda.AddPermissionInput{
		FunctionName: aws.String("service"), Qualifier: aws.String("live"), StatementId: aws.String("public"), Principal: aws.String("*"),
		Action: aws.String("lambda:InvokeFunctionUrl"), FunctionUrlAuthType: lambdatypes.FunctionUrlAuthTypeNone,
	}))
	Must[*lambda.AddPermissionOutput](t)(functions.AddPermission(ctx, &lambda.AddPermissionInput{
		FunctionName: aws.String("service"), Qualifier: aws.String("live"), StatementId: aws.String("invoked"), Principal: aws.String("*"),
		Action: aws.String("lambda:InvokeFunction"), InvokedViaFunctionUrl: aws.Bool(true),
	}))
	url := Must[*lambda.CreateFunctionUrlConfigOutput](t)(functions.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigInput{
		FunctionName: aws.String("service"), Qualifier: aws.String("live"), AuthType: lambdatypes.FunctionUrlAuthTypeNone,
	}))
	Must[*codedeploy.CreateApplicationOutput](t)(deployments.CreateApplication(ctx, &codedeploy.CreateApplicationInput{
		ApplicationName: aws.String("app"), ComputePlatform: types.ComputePlatformLambda,
	}))
	Must[*codedeploy.CreateDeploymentGroupOutput](t)(deployments.CreateDeploymentGroup(ctx, &codedeploy.CreateDeploymentGroupInput{
		ApplicationName: aws.String("app"), DeploymentGroupName: aws.String("group"), ServiceRoleArn: role.Role.Arn,
		DeploymentConfigName: aws.String(AllAtOnce),
		AutoRollbackConfiguration: &types.AutoRollbackConfiguration{Enabled: true, Events: []types.AutoRollbackEvent{
			types.AutoRollbackEventDeploymentFailure, types.AutoRollbackEventDeploymentStopOnAlarm, types.AutoRollbackEventDeploymentStopOnRequest,
		}},
	}))
	s.Outputs = stack.Outputs{
		Stack:       manifest.Old().Last().Stack,
		FunctionURL: aws.ToString(url.FunctionUrl), FunctionName: "service", AliasName: "live", DeploymentApplication: "app", DeploymentGroup: "group",
	}
	s.Gate(t, "1", 5)
	return s
}

// The deployment configurations of the tests.
const (
	AllAtOnce = "CodeDeployDefault.LambdaAllAtOnce"
	Canary    = "CodeDeployDefault.LambdaCanary10Percent5Minutes"
)

// Gate creates the alarm on the error rate, in percent, that the group watches. The version
// "" means the errors of all versions of the alias.
func (s *Stage) Gate(t *testing.T, number string, threshold float64) {
	t.Helper()
	metric := func(name string) cloudwatchtypes.MetricDataQuery {
		dimensions := []cloudwatchtypes.Dimension{
			{Name: aws.String("FunctionName"), Value: aws.String("service")},
			{Name: aws.String("Resource"), Value: aws.String("service:live")},
		}
		if number != "" {
			dimensions = append(dimensions, cloudwatchtypes.Dimension{Name: aws.String("ExecutedVersion"), Value: &number})
		}
		return cloudwatchtypes.MetricDataQuery{Id: aws.String(strings.ToLower(name)), ReturnData: aws.Bool(false), MetricStat: &cloudwatchtypes.MetricStat{
			Period: aws.Int32(60), Stat: aws.String("Sum"),
			Metric: &cloudwatchtypes.Metric{Namespace: aws.String("AWS/Lambda"), MetricName: &name, Dimensions: dimensions},
		}}
	}
	name := "VersionErrors-" + number
	Must[*cloudwatch.PutMetricAlarmOutput](t)(s.Alarms.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, EvaluationPeriods: aws.Int32(1), DatapointsToAlarm: aws.Int32(1), Threshold: &threshold, TreatMissingData: aws.String("notBreaching"),
		ComparisonOperator: cloudwatchtypes.ComparisonOperatorGreaterThanThreshold,
		Metrics: []cloudwatchtypes.MetricDataQuery{metric("Errors"), metric("Invocations"),
			{Id: aws.String("percent"), Expression: aws.String("100 * errors / invocations")}},
	}))
	Must[*codedeploy.UpdateDeploymentGroupOutput](t)(s.Deployments.UpdateDeploymentGroup(t.Context(), &codedeploy.UpdateDeploymentGroupInput{
		ApplicationName: aws.String("app"), CurrentDeploymentGroupName: aws.String("group"),
		AlarmConfiguration: &types.AlarmConfiguration{Enabled: true, Alarms: []types.Alarm{{Name: &name}}},
	}))
}

// Publish publishes the code of a commit as a new version and creates its alarm. The
// variables are added to the service's own environment.
func (s *Stage) Publish(t *testing.T, commit string, more map[string]string) (version string) {
	t.Helper()
	environment := maps.Clone(s.own)
	maps.Copy(environment, more)
	Must[*lambda.UpdateFunctionConfigurationOutput](t)(s.Functions.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{
		FunctionName: aws.String("service"), Environment: &lambdatypes.Environment{Variables: environment},
	}))
	published := Must[*lambda.UpdateFunctionCodeOutput](t)(s.Functions.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{
		FunctionName: aws.String("service"), S3Bucket: aws.String(packageBucket), S3Key: &commit, Publish: true,
	}))
	s.Gate(t, *published.Version, 5)
	return *published.Version
}

// Point gives a version all traffic at once.
func (s *Stage) Point(t *testing.T, version string) {
	t.Helper()
	Must[*lambda.UpdateAliasOutput](t)(s.Functions.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{
		FunctionName: &s.Outputs.FunctionName, Name: &s.Outputs.AliasName, FunctionVersion: &version,
	}))
}

// Services returns the services of the embedded AWS in the way its console uses them.
func (s *Stage) Services() localaws.Services { return s.server.Services() }

// Flush waits until what the function has logged can be read.
func (s *Stage) Flush(ctx context.Context) { s.server.Flush(ctx) }

// Shift starts a deployment.
func (s *Stage) Shift(t *testing.T, from, to, config string) (id string) {
	t.Helper()
	created := Must[*codedeploy.CreateDeploymentOutput](t)(s.Deployments.CreateDeployment(t.Context(), &codedeploy.CreateDeploymentInput{
		ApplicationName: aws.String("app"), DeploymentGroupName: aws.String("group"), DeploymentConfigName: &config,
		Revision: appspec.Move{Function: "service", Alias: "live", From: from, To: to}.Revision(),
	}))
	return *created.DeploymentId
}

// Token lets probes read what the ledger keeps.
func (s *Stage) Token(t *testing.T) string {
	t.Helper()
	return Must[string](t)(ledgerclient.Client{Signer: s.Signer}.Token(t.Context(), Newer, clock.System().Now().Add(time.Hour)))
}
