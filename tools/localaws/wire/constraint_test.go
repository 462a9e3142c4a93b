package wire

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files anew")

// checked returns an operation for an input, and the input without its pointer.
func checked(t testing.TB, service string, in any) (*operation, reflect.Value) {
	t.Helper()
	v := reflect.ValueOf(in).Elem()
	op := &operation{name: strings.TrimSuffix(v.Type().Name(), "Input"), in: v.Type(), out: reflect.TypeFor[struct{}]()}
	if _, err := compileService(service, []*operation{op}); err != nil {
		t.Fatal(err)
	}
	return op, v
}

func TestConstraintsInWords(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 65)
	tests := []struct {
		service string
		in      any
		want    string // empty if the input is valid
	}{
		{"lambda", &lambda.GetAliasInput{FunctionName: aws.String("f"), Name: aws.String("live")}, ""},
		{
			"lambda", &lambda.GetAliasInput{FunctionName: aws.String("f")},
			"ValidationException: 1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null",
		},
		{
			"lambda", &lambda.InvokeInput{FunctionName: aws.String("f"), InvocationType: "Later"},
			"ValidationException: 1 validation error detected: Value 'Later' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]",
		},
		{
			"lambda", &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("f"), MemorySize: aws.Int32(100), Timeout: aws.Int32(0)},
			"ValidationException: 2 validation errors detected: Value '100' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128; " +
				"Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1",
		},
		// The values of environment variables are secret.
		{
			"lambda", &lambda.UpdateFunctionConfigurationInput{
				FunctionName: aws.String("f"), Environment: &lambdatypes.Environment{Variables: map[string]string{"1a": "secret"}},
			},
			"ValidationException: 1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: " +
				"Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]",
		},
		{
			"iam", &iam.GetRoleInput{RoleName: &long},
			"ValidationError: 1 validation error detected: Value '" + long + "' at 'roleName' failed to satisfy constraint: Member must have length less than or equal to 64",
		},
		{
			"iam", &iam.TagRoleInput{RoleName: aws.String("r"), Tags: []iamtypes.Tag{{Key: aws.String("a"), Value: aws.String("")}, {Key: aws.String(strings.Repeat("k", 129)), Value: aws.String("")}}},
			"ValidationError: 1 validation error detected: Value '" + strings.Repeat("k", 129) + "' at 'tags.2.member.key' failed to satisfy constraint: Member must have length less than or equal to 128",
		},
		{
			"iam", &iam.TagRoleInput{RoleName: aws.String("r"), Tags: slices.Repeat([]iamtypes.Tag{{Key: aws.String("k"), Value: aws.String("v")}}, 51)},
			"ValidationError: 1 validation error detected: Value '[Tag(key=k, value=v), Tag(key=k,",
		},
		{
			"sts", &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::000000000000:role/r"), RoleSessionName: aws.String("a b"), DurationSeconds: aws.Int32(43201)},
			"ValidationError: 2 validation errors detected: Value '43201' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200; " +
				`Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`,
		},
		{
			"logs", &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("a b")},
			`InvalidParameterException: 1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+`,
		},
		{
			"ecr", &ecr.CreateRepositoryInput{RepositoryName: aws.String("A")},
			"InvalidParameterException: Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must have length greater than or equal to 2'",
		},
		{
			"ecr", &ecr.CreateRepositoryInput{RepositoryName: aws.String("Team/app")},
			"InvalidParameterException: Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*''",
		},
		{
			"codebuild", &codebuild.ListProjectsInput{SortBy: "SIZE"},
			"ValidationException: 1 validation error detected: Value 'SIZE' at 'sortBy' failed to satisfy constraint: Member must satisfy enum value set: [NAME, CREATED_TIME, LAST_MODIFIED_TIME]",
		},
		{
			"codebuild", &codebuild.CreateReportGroupInput{Name: aws.String("g"), Type: "TEST", ExportConfig: &cbtypes.ReportExportConfig{}, Tags: []cbtypes.Tag{{Key: aws.String("")}}},
			"ValidationException: 2 validation errors detected: Value 'g' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 2; " +
				"Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1",
		},
		{
			"codepipeline", &codepipeline.GetPipelineInput{Name: aws.String("p"), Version: aws.Int32(-1)},
			"ValidationException: 1 validation error detected: Value '-1' at 'version' failed to satisfy constraint: Member must have value greater than or equal to 1",
		},
		{
			"ssm", &ssm.GetParametersInput{Names: slices.Repeat([]string{"a"}, 11)},
			"ValidationException: 1 validation error detected: Value '[a, a, a, a, a, a, a, a, a, a, a]' at 'names' failed to satisfy constraint: Member must have length less than or equal to 10",
		},
		{
			"apigateway", &apigateway.PutMethodInput{RestApiId: aws.String("a"), ResourceId: aws.String("b"), HttpMethod: aws.String("GET"), AuthorizationType: aws.String("NONE")}, "",
		},
		{
			"apigateway", &apigateway.PutIntegrationInput{RestApiId: aws.String("a"), ResourceId: aws.String("b"), HttpMethod: aws.String("GET"), Type: "LAMBDA"},
			"ValidationException: 1 validation error detected: Value 'LAMBDA' at 'putIntegrationInput.type' failed to satisfy constraint: Member must satisfy enum value set: [HTTP, AWS, MOCK, HTTP_PROXY, AWS_PROXY]",
		},
		{"secretsmanager", &secretsmanager.CreateSecretInput{Name: aws.String("s"), SecretString: aws.String(strings.Repeat("x", 65537))}, "ValidationException: 1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less than or equal to 65536"},
		// Services with words of their own for a missing member check it themselves.
		{"sqs", &sqs.SendMessageInput{}, ""},
		{"dynamodb", &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{}}, ""},
		// Java counts an emoji as two characters.
		{"dynamodb", &dynamodb.DescribeTableInput{TableName: aws.String(strings.Repeat("😀", 513))}, "ValidationException: 1 validation error detected: Value '"},
	}
	for _, tt := range tests {
		op, in := checked(t, tt.service, tt.in)
		got := ""
		if api, ok := errors.AsType[smithy.APIError](op.validate(in, tt.service)); ok {
			got = api.ErrorCode() + ": " + api.ErrorMessage()
		}
		if got != tt.want && (tt.want == "" || !strings.HasPrefix(got, tt.want)) {
			t.Errorf("%s %s: %s\nwant %s", tt.service, op.name, got, tt.want)
		}
	}
}

// TestEmptyAnswers holds which lists and maps the answer of each operation has even
// if they are empty. The golden file has all operations of the embedded AWS.
func TestEmptyAnswers(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(clients)) {
		for _, op := range clientOperations(clients[name].client(aws.Config{})) {
			if models()[name].inputs[op.name] == "" {
				continue
			}
			if _, err := compileService(name, []*operation{op}); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%s %s:", name, op.name)
			empty, ok := encode(reflect.New(op.out).Elem(), op.output, "", jsonDialect{}).(map[string]any)
			if !ok {
				t.Fatalf("%s %s answers with no structure", name, op.name)
			}
			for _, member := range slices.Sorted(maps.Keys(empty)) {
				switch empty[member].(type) {
				case []any, map[string]any:
					fmt.Fprintf(&b, " %s", member)
				}
			}
			nested := map[string]bool{}
			for _, f := range op.output.fields {
				collectAlways(f.shape, nested, map[*shape]bool{})
			}
			for _, member := range slices.Sorted(maps.Keys(nested)) {
				fmt.Fprintf(&b, " %s", member)
			}
			b.WriteByte('\n')
		}
	}
	file := filepath.Join("testdata", "empty.txt")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("go test ./tools/localaws/wire -run TestEmptyAnswers -update would change %s:\n%s", file, diff)
	}
}

// collectAlways adds the members, as Type.Field, that a shape's structures always have.
func collectAlways(s *shape, all map[string]bool, seen map[*shape]bool) {
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	collectAlways(s.elem, all, seen)
	for _, f := range slices.Concat(s.fields, s.variants) {
		if f.always {
			all[s.typ.Name()+"."+s.typ.Field(f.index).Name] = true
		}
		collectAlways(f.shape, all, seen)
	}
}

// TestEmptyListsArrive encodes an answer without any value in each protocol.
func TestEmptyListsArrive(t *testing.T) {
	t.Parallel()
	server := serve(t,
		Service{Name: "logs", Impl: emptyLogs{}}, Service{Name: "iam", Impl: emptyIAM{}},
		Service{Name: "lambda", Impl: emptyLambda{}}, Service{Name: "monitoring", Impl: emptyMetrics{}},
	)
	c := testConfig(server)
	events, err := cloudwatchlogs.NewFromConfig(c).GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogStreamName: aws.String("s")})
	if err != nil || events.Events == nil {
		t.Errorf("JSON: %+v, %v", events, err)
	}
	policies, err := iam.NewFromConfig(c).ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: aws.String("r")})
	if err != nil || policies.PolicyNames == nil {
		t.Errorf("awsQuery: %+v, %v", policies, err)
	}
	tags, err := lambda.NewFromConfig(c).ListTags(t.Context(), &lambda.ListTagsInput{Resource: aws.String("arn:aws:lambda:us-east-1:000000000000:function:f")})
	if err != nil || tags.Tags == nil {
		t.Errorf("REST: %+v, %v", tags, err)
	}
	alarms, err := cloudwatch.NewFromConfig(c).DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{})
	if err != nil || alarms.CompositeAlarms == nil || alarms.MetricAlarms[0].OKActions == nil {
		t.Errorf("CBOR: %+v, %v", alarms, err)
	}
}

type (
	emptyLogs    struct{}
	emptyIAM     struct{}
	emptyLambda  struct{}
	emptyMetrics struct{}
)

func (emptyLogs) GetLogEvents(context.Context, *cloudwatchlogs.GetLogEventsInput) (*cloudwatchlogs.GetLogEventsOutput, error) {
	return &cloudwatchlogs.GetLogEventsOutput{}, nil
}

func (emptyIAM) ListRolePolicies(context.Context, *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
	return &iam.ListRolePoliciesOutput{}, nil
}

func (emptyLambda) ListTags(context.Context, *lambda.ListTagsInput) (*lambda.ListTagsOutput, error) {
	return &lambda.ListTagsOutput{}, nil
}

func (emptyMetrics) DescribeAlarms(context.Context, *cloudwatch.DescribeAlarmsInput) (*cloudwatch.DescribeAlarmsOutput, error) {
	return &cloudwatch.DescribeAlarmsOutput{MetricAlarms: []cwtypes.MetricAlarm{{}}}, nil
}

func BenchmarkValidate(b *testing.B) {
	for name, in := range map[string]any{
		"invoke": &lambda.InvokeInput{FunctionName: aws.String("function"), Qualifier: aws.String("live"), Payload: []byte("{}")},
		"put": &dynamodb.PutItemInput{TableName: aws.String("table"), Item: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "a"}, "n": &types.AttributeValueMemberN{Value: "1"},
		}},
	} {
		service := map[string]string{"invoke": "lambda", "put": "dynamodb"}[name]
		op, v := checked(b, service, in)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := op.validate(v, service); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
