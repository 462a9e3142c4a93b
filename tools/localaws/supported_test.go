package localaws

import (
	"context"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codestarconnections"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/internal/cfnschema"
	"github.com/magewright/magewright/tools/localaws/account"
	stacks "github.com/magewright/magewright/tools/localaws/cloudformation"
	"github.com/magewright/magewright/tools/localaws/cloudformation/types"
	"github.com/magewright/magewright/tools/localaws/s3"
)

// clients has the SDK's client of each service, which has all of its operations.
var clients = map[string]reflect.Type{
	"apigateway":           reflect.TypeFor[*apigateway.Client](),
	"apigatewayv2":         reflect.TypeFor[*apigatewayv2.Client](),
	"cloudformation":       reflect.TypeFor[*cloudformation.Client](),
	"codebuild":            reflect.TypeFor[*codebuild.Client](),
	"codeconnections":      reflect.TypeFor[*codeconnections.Client](),
	"codedeploy":           reflect.TypeFor[*codedeploy.Client](),
	"codepipeline":         reflect.TypeFor[*codepipeline.Client](),
	"codestar-connections": reflect.TypeFor[*codestarconnections.Client](),
	"dynamodb":             reflect.TypeFor[*dynamodb.Client](),
	"dynamodbstreams":      reflect.TypeFor[*dynamodbstreams.Client](),
	"ecr":                  reflect.TypeFor[*ecr.Client](),
	"events":               reflect.TypeFor[*eventbridge.Client](),
	"iam":                  reflect.TypeFor[*iam.Client](),
	"kms":                  reflect.TypeFor[*kms.Client](),
	"lambda":               reflect.TypeFor[*lambda.Client](),
	"logs":                 reflect.TypeFor[*cloudwatchlogs.Client](),
	"monitoring":           reflect.TypeFor[*cloudwatch.Client](),
	"s3":                   reflect.TypeFor[*awss3.Client](),
	"scheduler":            reflect.TypeFor[*scheduler.Client](),
	"secretsmanager":       reflect.TypeFor[*secretsmanager.Client](),
	"sns":                  reflect.TypeFor[*sns.Client](),
	"sqs":                  reflect.TypeFor[*sqs.Client](),
	"ssm":                  reflect.TypeFor[*ssm.Client](),
	"sts":                  reflect.TypeFor[*sts.Client](),
}

// TestSupported holds supported.md, from which the reference says what the embedded AWS
// has, to the registries: go test ./tools/localaws -run TestSupported -update writes it.
func TestSupported(t *testing.T) {
	t.Parallel()
	const file = "supported.md"
	text := supported(t)
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), text); d != "" {
		t.Errorf("go test ./tools/localaws -run TestSupported -update, and go tool mage synth docs, would change (-now +then):\n%s", d)
	}
}

func supported(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	executed := operations(t)
	executed["s3"] = slices.Sorted(maps.Keys(inputs(&s3.Service{})))
	fmt.Fprintf(&b, "| service | executed | refused by name |\n|---|---|---|\n")
	for _, service := range slices.Sorted(maps.Keys(executed)) {
		client, ok := clients[service]
		if !ok {
			t.Errorf("TestSupported has no client of %s", service)
			continue
		}
		known := operationsOf(client)
		for _, name := range executed[service] {
			if !slices.Contains(known, name) {
				t.Errorf("%s has no operation %s", service, name)
			}
		}
		refused := slices.DeleteFunc(slices.Clone(known), func(name string) bool { return slices.Contains(executed[service], name) })
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", service, strings.Join(executed[service], ", "), strings.Join(refused, ", "))
	}
	made, recorded, refused := map[string][]string{}, map[string][]string{}, map[string][]string{}
	a := account.Account{ID: account.DefaultID, Region: DefaultRegion}
	split := func(name string) (namespace, short string) {
		i := strings.LastIndex(name, "::")
		return name[:i], name[i+2:]
	}
	registry := stacks.New(a, stacks.Deps{Types: types.Registry(types.Deps{Account: a})}).Types()
	for _, name := range cfnschema.Names() {
		if _, has := registry[name]; !has {
			namespace, short := split(name)
			refused[namespace] = append(refused[namespace], short)
		}
	}
	for name, typ := range registry {
		namespace, short := split(name)
		into := made
		if typ.Recorded {
			into = recorded
		}
		into[namespace] = append(into[namespace], short)
	}
	fmt.Fprintf(&b, "\n| resource types | executed | recorded, `NOT REHEARSED` | refused |\n|---|---|---|---|\n")
	all := maps.Clone(refused)
	maps.Copy(all, made)
	maps.Copy(all, recorded)
	for _, namespace := range slices.Sorted(maps.Keys(all)) {
		slices.Sort(made[namespace])
		slices.Sort(recorded[namespace])
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", namespace, strings.Join(made[namespace], ", "), strings.Join(recorded[namespace], ", "), strings.Join(refused[namespace], ", "))
	}
	return b.String()
}

// operationsOf returns the operations of one of the SDK's clients.
func operationsOf(client reflect.Type) []string {
	var names []string
	for i := range client.NumMethod() {
		m := client.Method(i)
		if m.Type.NumIn() == 4 && m.Type.In(1) == reflect.TypeFor[context.Context]() && m.Type.In(2).Kind() == reflect.Pointer && m.Type.In(2).Elem().Name() == m.Name+"Input" {
			names = append(names, m.Name)
		}
	}
	return names
}
