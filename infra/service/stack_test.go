package service_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"

	"github.com/magewright/magewright/infra/service"
	"github.com/magewright/magewright/infra/settings"
)

func TestMain(m *testing.M) {
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

const commit = "0123456789abcdef0123456789abcdef01234567"

// templates of both stages, by the stage's name. Starting the CDK's kernel
// takes seconds, so all tests look at one synthesis.
var templates = sync.OnceValues(func() (map[string]assertions.Template, error) {
	dir, err := os.MkdirTemp("", "service")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	zip := filepath.Join(dir, "app.zip")
	if err := os.WriteFile(zip, []byte("PK"), 0o600); err != nil {
		return nil, err
	}
	app := awscdk.NewApp(&awscdk.AppProps{
		Outdir:         jsii.String(filepath.Join(dir, "cdk.out")),
		PostCliContext: &map[string]any{"repository": "example/app", "package": zip, "architecture": "arm64", "evidenceKey": "MFkw", "evidenceLock": "compliance", "commit": commit},
	})
	s, err := settings.FromContext(app.Node())
	if err != nil {
		return nil, err
	}
	stacks := map[string]awscdk.Stack{}
	for _, stage := range s.Stages() {
		stacks[stage.Name] = service.NewStack(app, stage, s).Stack
	}
	templates := map[string]assertions.Template{}
	for name, stack := range stacks { // the first of these synthesizes the app
		templates[name] = assertions.Template_FromStack(stack, nil)
	}
	return templates, nil
})

func template(t *testing.T, stage string) assertions.Template {
	t.Helper()
	all, err := templates()
	if err != nil {
		t.Fatal(err)
	}
	return all[stage]
}

type m = map[string]any

// TestProduction holds every property that a reviewer of the stack would ask
// about.
func TestProduction(t *testing.T) {
	has := template(t, "production")
	for _, tt := range []struct {
		name, kind string
		properties m
	}{
		{"runs on the OS-only runtime, on arm64", "AWS::Lambda::Function", m{
			"Runtime": "provided.al2023", "Handler": "bootstrap", "Architectures": []any{"arm64"}, "Timeout": 10, "ReservedConcurrentExecutions": 20,
		}},
		{"names its commit, which its versions keep", "AWS::Lambda::Function", m{"Description": "Release ledger, production, commit " + commit}},
		{"publishes versions of its package only", "AWS::Lambda::Version", m{"CodeSha256": "/Kt/zCtM/9m7RQA7/C5GigTvb3fKggCnNB8CdjFYTSU="}},
		{"holds the public key that evidence must be signed by, and no secret", "AWS::Lambda::Function", m{
			"Environment": m{"Variables": assertions.Match_ObjectEquals(&m{
				"EVIDENCE_BUCKET": assertions.Match_AnyValue(), "EVIDENCE_KEY": "MFkw", "STAGE": "production",
			})},
		}},
		{"keeps its logs for three months", "AWS::Logs::LogGroup", m{"RetentionInDays": 90}},
		{"serves by the alias live", "AWS::Lambda::Alias", m{"Name": "live"}},
		{"answers on a public URL of the alias", "AWS::Lambda::Url", m{"AuthType": "NONE", "Qualifier": "live"}},
		{"locks versioned, encrypted evidence that nobody can make public", "AWS::S3::Bucket", m{
			"VersioningConfiguration": m{"Status": "Enabled"},
			"ObjectLockEnabled":       true,
			"ObjectLockConfiguration": m{"Rule": m{"DefaultRetention": m{"Mode": "COMPLIANCE", "Days": 365}}},
			"PublicAccessBlockConfiguration": m{
				"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
			},
			"BucketEncryption": m{"ServerSideEncryptionConfiguration": []any{
				m{"ServerSideEncryptionByDefault": m{"SSEAlgorithm": "aws:kms"}},
			}},
		}},
		{"lets alarms publish to the topic that refuses plain HTTP", "AWS::SNS::TopicPolicy", m{
			"PolicyDocument": m{"Statement": assertions.Match_ArrayWith(&[]any{assertions.Match_ObjectLike(&m{
				"Effect": "Allow", "Action": "sns:Publish", "Principal": m{"Service": "cloudwatch.amazonaws.com"},
				"Condition": m{"StringEquals": m{"aws:SourceAccount": m{"Ref": "AWS::AccountId"}}},
			})})},
		}},
		{"refuses plain HTTP to the bucket", "AWS::S3::BucketPolicy", m{
			"PolicyDocument": m{"Statement": assertions.Match_ArrayWith(&[]any{assertions.Match_ObjectLike(&m{
				"Effect": "Deny", "Action": "s3:*", "Condition": m{"Bool": m{"aws:SecureTransport": "false"}},
			})})},
		}},
		{"shifts by a canary and rolls back on failure, on stop and on alarm", "AWS::CodeDeploy::DeploymentGroup", m{
			"DeploymentConfigName":      "CodeDeployDefault.LambdaCanary10Percent5Minutes",
			"DeploymentStyle":           m{"DeploymentType": "BLUE_GREEN", "DeploymentOption": "WITH_TRAFFIC_CONTROL"},
			"AutoRollbackConfiguration": m{"Enabled": true, "Events": []any{"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST", "DEPLOYMENT_STOP_ON_ALARM"}},
			"AlarmConfiguration":        m{"Enabled": true},
		}},
		{"rotates its key", "AWS::KMS::Key", m{"EnableKeyRotation": true}},
		{"is shown on a dashboard", "AWS::CloudWatch::Dashboard", m{"DashboardName": "magewright-production"}},
		{"may write and read evidence, and nothing else of S3", "AWS::IAM::Policy", m{
			"PolicyDocument": m{"Statement": assertions.Match_ArrayWith(&[]any{
				assertions.Match_ObjectLike(&m{"Action": []any{"s3:GetObject", "s3:PutObject"}, "Effect": "Allow"}),
				assertions.Match_ObjectLike(&m{"Action": "s3:ListBucket", "Effect": "Allow"}),
			})},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if problem := missing(func() { has.HasResourceProperties(jsii.String(tt.kind), assertions.Match_ObjectLike(&tt.properties)) }); problem != "" {
				t.Error(problem)
			}
		})
	}
	for name, problem := range map[string]string{
		"the previous version is kept": missing(func() {
			has.HasResource(jsii.String("AWS::Lambda::Version"), m{"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"})
		}),
		"the alias is shifted by CodeDeploy": missing(func() {
			has.HasResource(jsii.String("AWS::Lambda::Alias"), m{"UpdatePolicy": m{"CodeDeployLambdaAliasUpdate": assertions.Match_AnyValue()}})
		}),
		"seven alarms, four on the alias and three on the version": missing(func() {
			has.ResourceCountIs(jsii.String("AWS::CloudWatch::Alarm"), jsii.Number(7))
		}),
	} {
		if problem != "" {
			t.Errorf("%s: %s", name, problem)
		}
	}
}

// TestGatesWatchTheExecutedVersion holds that a deployment is stopped by the
// version it brings, and never by the one it replaces.
func TestGatesWatchTheExecutedVersion(t *testing.T) {
	has := template(t, "production")
	groups := *has.FindResources(jsii.String("AWS::CodeDeploy::DeploymentGroup"), nil)
	alarms := *has.FindResources(jsii.String("AWS::CloudWatch::Alarm"), nil)
	watched := 0
	for _, group := range groups {
		configuration := dig(*group, "Properties", "AlarmConfiguration", "Alarms").([]any)
		for _, alarm := range configuration {
			id := dig(alarm, "Name", "Ref").(string)
			if !mentions(*alarms[id], "ExecutedVersion") {
				t.Errorf("the deployment group watches %s, which does not look at the executed version", id)
			}
			if !mentions(dig(*alarms[id], "Properties", "AlarmName"), "Version") {
				t.Errorf("%s is not replaced with the version: it would keep the state of the one before", id)
			}
			watched++
		}
	}
	if watched != 3 {
		t.Errorf("the deployment group watches %d alarms, want 3", watched)
	}
}

// TestStagingIsForTrying holds that staging shifts at once, and that what it keeps can be
// deleted.
func TestStagingIsForTrying(t *testing.T) {
	has := template(t, "staging")
	has.HasResourceProperties(jsii.String("AWS::S3::Bucket"), &m{
		"ObjectLockConfiguration": m{"Rule": m{"DefaultRetention": m{"Mode": "GOVERNANCE", "Days": 365}}},
	})
	has.HasResourceProperties(jsii.String("AWS::CodeDeploy::DeploymentGroup"), &m{
		"DeploymentConfigName": "CodeDeployDefault.LambdaAllAtOnce",
	})
}

// missing returns what an assertion panics with, or "".
func missing(assert func()) (problem string) {
	defer func() {
		if cause := recover(); cause != nil {
			problem, _ = cause.(string)
			if problem == "" {
				problem = "the assertion failed"
			}
		}
	}()
	assert()
	return ""
}

func dig(value any, path ...string) any {
	for _, key := range path {
		value = value.(map[string]any)[key]
	}
	return value
}

func mentions(value any, name string) bool {
	switch value := value.(type) {
	case map[string]any:
		for _, v := range value {
			if mentions(v, name) {
				return true
			}
		}
	case []any:
		for _, v := range value {
			if mentions(v, name) {
				return true
			}
		}
	case string:
		return value == name
	}
	return false
}
