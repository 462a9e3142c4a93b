package types_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	awscodeconnections "github.com/aws/aws-sdk-go-v2/service/codeconnections"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awsscheduler "github.com/aws/aws-sdk-go-v2/service/scheduler"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
	"github.com/magewright/magewright/tools/localaws/cloudformation/types"
	"github.com/magewright/magewright/tools/localaws/cloudwatch"
	"github.com/magewright/magewright/tools/localaws/codebuild"
	"github.com/magewright/magewright/tools/localaws/codeconnections"
	"github.com/magewright/magewright/tools/localaws/delivery"
	"github.com/magewright/magewright/tools/localaws/dynamodb"
	"github.com/magewright/magewright/tools/localaws/ecr"
	"github.com/magewright/magewright/tools/localaws/events"
	"github.com/magewright/magewright/tools/localaws/iam"
	"github.com/magewright/magewright/tools/localaws/kms"
	"github.com/magewright/magewright/tools/localaws/logs"
	"github.com/magewright/magewright/tools/localaws/s3"
	"github.com/magewright/magewright/tools/localaws/scheduler"
	"github.com/magewright/magewright/tools/localaws/secretsmanager"
	"github.com/magewright/magewright/tools/localaws/sns"
	"github.com/magewright/magewright/tools/localaws/sqs"
	"github.com/magewright/magewright/tools/localaws/ssm"
)

// TestRealServices creates, updates and deletes resources on the services
// themselves, which refuse inputs that the fakes accept.
func TestRealServices(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::ECR::Repository", "AWS::IAM::Role", "AWS::IAM::Policy",
		"AWS::IAM::ManagedPolicy", "AWS::KMS::Key", "AWS::KMS::Alias", "AWS::SSM::Parameter", "AWS::SecretsManager::Secret", "AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable",
		"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm", "AWS::CloudWatch::Dashboard", "AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "AWS::Logs::LogGroup",
		"AWS::Events::Rule", "AWS::CodeBuild::Project", "AWS::CodeBuild::ReportGroup", "AWS::CodeConnections::Connection",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deps := realDeps(t)
			script, err := os.ReadFile("testdata/" + strings.ReplaceAll(strings.TrimPrefix(name, "AWS::"), "::", "-") + ".json")
			if err != nil {
				t.Fatal(err)
			}
			text := string(script)
			switch name {
			case "AWS::KMS::Alias":
				for _, placeholder := range []string{`"1234"`, `"5678"`} {
					made, err := deps.Keys.CreateKey(t.Context(), &awskms.CreateKeyInput{})
					if err != nil {
						t.Fatal(err)
					}
					text = strings.ReplaceAll(text, placeholder, `"`+*made.KeyMetadata.KeyId+`"`)
				}
			case "AWS::CloudWatch::CompositeAlarm":
				for _, alarm := range []string{"errors", "other"} {
					if _, err := deps.Alarms.PutMetricAlarm(t.Context(), &awscloudwatch.PutMetricAlarmInput{
						AlarmName: &alarm, ComparisonOperator: "GreaterThanThreshold", EvaluationPeriods: aws.Int32(1), Period: aws.Int32(60),
						Namespace: aws.String("AWS/Lambda"), MetricName: aws.String("Errors"), Statistic: "Sum", Threshold: aws.Float64(1),
					}); err != nil {
						t.Fatal(err)
					}
				}
			case "AWS::CodeConnections::Connection":
				made, err := connections(t, deps).CreateHost(t.Context(), &awscodeconnections.CreateHostInput{
					Name: aws.String("git"), ProviderType: "GitLabSelfManaged", ProviderEndpoint: aws.String("file:///srv/git"),
				})
				if err != nil {
					t.Fatal(err)
				}
				text = strings.ReplaceAll(text, "arn:h", *made.HostArn)
			case "AWS::SQS::Queue", "AWS::SQS::QueuePolicy":
				for _, name := range []string{"a.fifo", "b.fifo"} {
					if _, err := deps.Queues.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{"FifoQueue": "true"}}); err != nil {
						t.Fatal(err)
					}
				}
			case "AWS::Events::Rule", "AWS::Events::EventBusPolicy":
				if _, err := deps.Events.CreateEventBus(t.Context(), &awseventbridge.CreateEventBusInput{Name: aws.String("orders")}); err != nil {
					t.Fatal(err)
				}
			case "AWS::Scheduler::Schedule":
				if _, err := deps.Schedules.CreateScheduleGroup(t.Context(), &awsscheduler.CreateScheduleGroupInput{Name: aws.String("jobs")}); err != nil {
					t.Fatal(err)
				}
			case "AWS::S3::Bucket":
				if _, err := deps.Queues.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: aws.String("a")}); err != nil {
					t.Fatal(err)
				}
				if _, err := deps.Topics.CreateTopic(t.Context(), &awssns.CreateTopicInput{Name: aws.String("t")}); err != nil {
					t.Fatal(err)
				}
			case "AWS::S3::BucketPolicy":
				if _, err := deps.Buckets.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: aws.String("ledger-bucket")}); err != nil {
					t.Fatal(err)
				}
			}
			var steps []step
			if err := json.Unmarshal([]byte(text), &steps); err != nil {
				t.Fatal(err)
			}
			typ := inSync(t, types.Registry(deps)[name])
			life(t, newRecorder(), typ, steps)
			// It is gone, so it can be created again.
			life(t, newRecorder(), typ, steps)
		})
	}
}

// inSync returns a type that reads each resource after it was made or changed, and
// compares it with the properties.
func inSync(t *testing.T, typ resource.Type) resource.Type {
	t.Helper()
	if typ.Read == nil {
		return typ
	}
	read := func(ctx context.Context, r *resource.Request, made *resource.Result) {
		t.Helper()
		asked := *r
		asked.PhysicalID = made.PhysicalID
		live, err := typ.Read(ctx, &asked)
		if err != nil {
			t.Errorf("reading %s: %v", made.PhysicalID, err)
		}
		for _, d := range resource.Compare("", r.Properties, merged(r.Properties, live)) {
			t.Errorf("%s: %s %v, want %v", d.Path, d.Kind, d.Actual, d.Expected)
		}
	}
	create, update, remove := typ.Create, typ.Update, typ.Delete
	typ.Create = func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
		made, err := create(ctx, r)
		if err == nil {
			read(ctx, r, made)
		}
		return made, err
	}
	typ.Update = func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
		made, err := update(ctx, r)
		if err == nil {
			read(ctx, r, made)
		}
		return made, err
	}
	typ.Delete = func(ctx context.Context, r *resource.Request) error {
		err := remove(ctx, r)
		if _, readErr := typ.Read(ctx, r); err == nil && !errors.Is(readErr, resource.ErrGone) && !strings.HasSuffix(typ.Name, "QueuePolicy") {
			t.Errorf("reading what was deleted: %v", readErr)
		}
		return err
	}
	return typ
}

// merged returns properties with those that were read.
func merged(properties, live map[string]any) map[string]any {
	all := maps.Clone(properties)
	maps.Copy(all, live)
	return all
}

func TestBucketWithObjectsStays(t *testing.T) {
	t.Parallel()
	deps := realDeps(t)
	objects, ok := deps.Buckets.(*s3.Service)
	if !ok {
		t.Fatal("the buckets are not real")
	}
	typ := types.Registry(deps)["AWS::S3::Bucket"]
	r := request(map[string]any{"BucketName": "full"})
	made, err := typ.Create(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := objects.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("full"), Key: aws.String("k"), Body: strings.NewReader("x")}); err != nil {
		t.Fatal(err)
	}
	r.PhysicalID = made.PhysicalID
	err = typ.Delete(t.Context(), r)
	const want = `Resource handler returned message: "The bucket you tried to delete is not empty" (RequestToken: token-1, HandlerErrorCode: GeneralServiceException)`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	again := &resource.Request{StackName: "s", LogicalID: "Other", Properties: r.Properties, Token: "token-1"}
	if _, err := typ.Create(t.Context(), again); err == nil || !strings.Contains(err.Error(), "HandlerErrorCode: AlreadyExists") {
		t.Errorf("creating a bucket twice: %v", err)
	}
}

func connections(t *testing.T, deps types.Deps) *codeconnections.Service {
	t.Helper()
	s, ok := deps.Connections.(*codeconnections.Service)
	if !ok {
		t.Fatal("the connections are not real")
	}
	return s
}

// realDeps returns services with the resources that the test cases need. The
// other services are fakes.
func realDeps(t *testing.T) types.Deps {
	t.Helper()
	rec := newRecorder()
	rec.account.Dir = t.TempDir()
	rec.account.Endpoint = "http://127.0.0.1:4566"
	identities := iam.New(rec.account)
	for _, name := range []string{"r1", "r2", "r3"} {
		if _, err := identities.CreateRole(t.Context(), &awsiam.CreateRoleInput{
			RoleName: &name, AssumeRolePolicyDocument: aws.String(trustPolicy),
		}); err != nil {
			t.Fatal(err)
		}
	}
	topics := sns.New(rec.account, sns.Deps{})
	queues := sqs.New(rec.account, sqs.Deps{})
	alarms := cloudwatch.New(rec.account, cloudwatch.Deps{Notifier: topics})
	targets := delivery.Deps{Topics: topics, Queues: queues}
	bus := events.New(rec.account, events.Deps{Deps: targets})
	schedules := scheduler.New(rec.account, scheduler.Deps{Deps: targets})
	builds := codebuild.New(rec.account, codebuild.Deps{})
	t.Cleanup(func() {
		if err := errors.Join(builds.Close(), schedules.Close(), bus.Close(), alarms.Close(), topics.Close(), queues.Close()); err != nil {
			t.Errorf("closing the services: %v", err)
		}
	})
	deps := rec.deps()
	deps.Queues = queues
	deps.Alarms, deps.Topics, deps.Logs, deps.Events, deps.Schedules = alarms, topics, logs.New(rec.account), bus, schedules
	deps.Builds, deps.Connections = builds, codeconnections.New(rec.account)
	objects := s3.New(rec.account)
	objects.Sender = &delivery.Sender{Account: rec.account, Deps: targets, Service: s3.ServicePrincipal}
	deps.Buckets, deps.Repositories, deps.Identities, deps.Keys = objects, ecr.New(rec.account), identities, kms.New(rec.account)
	waiting := rec.account
	// CloudFormation waits for tables.
	waiting.Clock = clock.System()
	tables := dynamodb.New(waiting, dynamodb.Deps{})
	t.Cleanup(func() {
		if err := tables.Close(); err != nil {
			t.Errorf("closing DynamoDB: %v", err)
		}
	})
	deps.Tables = tables
	deps.Parameters, deps.Secrets = ssm.New(rec.account), secretsmanager.New(rec.account)
	return deps
}

const trustPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"codebuild.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// A slowBus lets others run between reading a policy and writing it.
type slowBus struct{ *events.Service }

func (b slowBus) DescribeEventBus(ctx context.Context, in *awseventbridge.DescribeEventBusInput) (*awseventbridge.DescribeEventBusOutput, error) {
	out, err := b.Service.DescribeEventBus(ctx, in)
	for range 100 {
		runtime.Gosched()
	}
	return out, err
}

// Statements that are added to a bus at the same time are all kept.
func TestEventBusPolicies(t *testing.T) {
	t.Parallel()
	rec := newRecorder()
	buses := events.New(rec.account, events.Deps{})
	policy := types.Registry(types.Deps{Account: rec.account, Events: slowBus{buses}})["AWS::Events::EventBusPolicy"]
	const most = 20
	var all sync.WaitGroup
	for i := range most {
		all.Go(func() {
			_, err := policy.Create(t.Context(), &resource.Request{LogicalID: "P", Type: policy.Name, Properties: map[string]any{
				"StatementId": "s" + strconv.Itoa(i),
				"Statement":   map[string]any{"Effect": "Allow", "Principal": "*", "Action": "events:PutEvents", "Resource": "*"},
			}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	out, err := buses.DescribeEventBus(t.Context(), &awseventbridge.DescribeEventBusInput{})
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(aws.ToString(out.Policy), "Sid"); n != most {
		t.Errorf("%d statements are left of %d", n, most)
	}
}
