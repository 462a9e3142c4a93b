package traffic

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	deploytypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/internal/gocmd"
)

// alias is the alias that the function's URL and its deployments use.
const alias = "live"

// Build compiles the canaries' function for this machine and returns its
// deployment package. It must run in a directory of this module.
func Build(ctx context.Context) ([]byte, error) {
	return BuildPackage(ctx, "github.com/magewright/magewright/tools/localaws/traffic/function")
}

// BuildPackage is [Build] for another function, given by its import path.
func BuildPackage(ctx context.Context, path string) (_ []byte, err error) {
	dir, err := os.MkdirTemp("", "magewright-canary-")
	if err != nil {
		return nil, fmt.Errorf("building a canary's function: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary := filepath.Join(dir, "bootstrap")
	if _, err := gocmd.In("", "CGO_ENABLED=0").Output(ctx, "build", "-tags=lambda.norpc", "-ldflags=-s -w", "-o", binary, path); err != nil {
		return nil, fmt.Errorf("building a canary's function: %w", err)
	}
	data, err := os.ReadFile(binary) // #nosec G304 -- it was just made
	if err != nil {
		return nil, fmt.Errorf("building a canary's function: %w", err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	h := &zip.FileHeader{Name: "bootstrap", Method: zip.Store}
	h.SetMode(0o755)
	f, err := w.CreateHeader(h)
	if err == nil {
		_, err = f.Write(data)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("packing a canary's function: %w", err)
	}
	return out.Bytes(), nil
}

// Function creates only the function: version 1, without a fault.
func Function(ctx context.Context, c Config) error {
	if err := newRun(c).makeFunction(ctx); err != nil {
		return fmt.Errorf("making the function %s: %w", c.Name, err)
	}
	return nil
}

// prepare creates the function, its alias at version 1, its URL, version 2, the
// alarm and the deployment group.
func (r *run) prepare(ctx context.Context) error {
	for _, step := range []func(context.Context) error{r.makeFunction, r.makeAlias, r.makeURL, r.makeSecondVersion, r.makeAlarm, r.makeGroup} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// awaited is how long a function may take to become active.
const awaited = time.Minute

func (r *run) makeFunction(ctx context.Context) error {
	role, err := r.identities.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName:                 &r.Name,
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["lambda.amazonaws.com","codedeploy.amazonaws.com"]},"Action":"sts:AssumeRole"}]}`),
	})
	if err != nil {
		return err
	}
	// CodeDeploy also works as this role. A function that is a hook reports to it.
	if _, err := r.identities.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: &r.Name, PolicyName: aws.String("deploy"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["codedeploy:PutLifecycleEventHookExecutionStatus","cloudwatch:DescribeAlarms","lambda:GetAlias","lambda:UpdateAlias","lambda:InvokeFunction"],"Resource":"*"}]}`),
	}); err != nil {
		return err
	}
	// The CDK also uploads to S3. Writing and reading megabytes as JSON would
	// take longer than everything else.
	if _, err := r.objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &r.Name}); err != nil {
		return err
	}
	const key = "function.zip"
	if _, err := r.objects.PutObject(ctx, &s3.PutObjectInput{Bucket: &r.Name, Key: aws.String(key), Body: bytes.NewReader(r.Zip)}); err != nil {
		return err
	}
	if _, err := r.functions.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: &r.Name, Role: role.Role.Arn, Handler: aws.String("bootstrap"),
		Runtime: lambdatypes.RuntimeProvidedal2023, Architectures: []lambdatypes.Architecture{lambdatypes.Architecture(r.Architecture)},
		MemorySize: aws.Int32(128), Timeout: &r.Timeout, Publish: true,
		Code: &lambdatypes.FunctionCode{S3Bucket: &r.Name, S3Key: aws.String(key)},
	}); err != nil {
		return err
	}
	return lambda.NewFunctionActiveV2Waiter(r.functions).Wait(ctx, &lambda.GetFunctionInput{FunctionName: &r.Name}, awaited)
}

func (r *run) makeAlias(ctx context.Context) error {
	_, err := r.functions.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: &r.Name, Name: aws.String(alias), FunctionVersion: aws.String("1")})
	return err
}

func (r *run) makeURL(ctx context.Context) error {
	out, err := r.functions.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigInput{
		FunctionName: &r.Name, Qualifier: aws.String(alias), AuthType: lambdatypes.FunctionUrlAuthTypeNone,
	})
	if err != nil {
		return err
	}
	r.url = *out.FunctionUrl
	for _, permission := range []*lambda.AddPermissionInput{
		{StatementId: aws.String("url"), Action: aws.String("lambda:InvokeFunctionUrl"), FunctionUrlAuthType: lambdatypes.FunctionUrlAuthTypeNone},
		{StatementId: aws.String("function"), Action: aws.String("lambda:InvokeFunction"), InvokedViaFunctionUrl: aws.Bool(true)},
	} {
		permission.FunctionName, permission.Qualifier, permission.Principal = &r.Name, aws.String(alias), aws.String("*")
		if _, err := r.functions.AddPermission(ctx, permission); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) makeSecondVersion(ctx context.Context) error {
	if _, err := r.functions.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
		FunctionName: &r.Name, Environment: &lambdatypes.Environment{Variables: map[string]string{"FAULT": string(r.Fault), "RELEASE": "2"}},
	}); err != nil {
		return err
	}
	if err := lambda.NewFunctionUpdatedV2Waiter(r.functions).Wait(ctx, &lambda.GetFunctionInput{FunctionName: &r.Name}, awaited); err != nil {
		return err
	}
	out, err := r.functions.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: &r.Name})
	if err == nil && *out.Version != "2" {
		err = fmt.Errorf("the second version is %s", *out.Version)
	}
	return err
}

// makeAlarm creates the alarm that watches the second version. It resembles the
// alarm in the service's own stack.
func (r *run) makeAlarm(ctx context.Context) error {
	stat := func(id, name string) cloudwatchtypes.MetricDataQuery {
		var dimensions []cloudwatchtypes.Dimension
		for _, d := range [][2]string{{"FunctionName", r.Name}, {"Resource", r.Name + ":" + alias}, {"ExecutedVersion", "2"}} {
			dimensions = append(dimensions, cloudwatchtypes.Dimension{Name: aws.String(d[0]), Value: aws.String(d[1])})
		}
		return cloudwatchtypes.MetricDataQuery{Id: aws.String(id), ReturnData: aws.Bool(false), MetricStat: &cloudwatchtypes.MetricStat{
			Metric: &cloudwatchtypes.Metric{Namespace: aws.String("AWS/Lambda"), MetricName: aws.String(name), Dimensions: dimensions},
			Period: aws.Int32(60), Stat: aws.String("Sum"),
		}}
	}
	_, err := r.alarms.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: &r.Name, EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(r.MaxErrorPercent), TreatMissingData: aws.String("notBreaching"),
		ComparisonOperator: cloudwatchtypes.ComparisonOperatorGreaterThanThreshold,
		Metrics: []cloudwatchtypes.MetricDataQuery{
			stat("errors", "Errors"), stat("invocations", "Invocations"),
			{Id: aws.String("rate"), Expression: aws.String("100 * errors / invocations")},
		},
	})
	return err
}

func (r *run) makeGroup(ctx context.Context) error {
	if _, err := r.deployments.CreateApplication(ctx, &codedeploy.CreateApplicationInput{
		ApplicationName: &r.Name, ComputePlatform: deploytypes.ComputePlatformLambda,
	}); err != nil {
		return err
	}
	role, err := r.identities.GetRole(ctx, &iam.GetRoleInput{RoleName: &r.Name})
	if err != nil {
		return err
	}
	_, err = r.deployments.CreateDeploymentGroup(ctx, &codedeploy.CreateDeploymentGroupInput{
		ApplicationName: &r.Name, DeploymentGroupName: &r.Name, ServiceRoleArn: role.Role.Arn,
		DeploymentConfigName: aws.String("CodeDeployDefault.LambdaCanary10Percent5Minutes"),
		DeploymentStyle: &deploytypes.DeploymentStyle{
			DeploymentType: deploytypes.DeploymentTypeBlueGreen, DeploymentOption: deploytypes.DeploymentOptionWithTrafficControl,
		},
		AlarmConfiguration: &deploytypes.AlarmConfiguration{Enabled: true, Alarms: []deploytypes.Alarm{{Name: &r.Name}}},
		AutoRollbackConfiguration: &deploytypes.AutoRollbackConfiguration{Enabled: true, Events: []deploytypes.AutoRollbackEvent{
			deploytypes.AutoRollbackEventDeploymentFailure, deploytypes.AutoRollbackEventDeploymentStopOnAlarm, deploytypes.AutoRollbackEventDeploymentStopOnRequest,
		}},
	})
	return err
}
