package wire_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/iam"
	"github.com/magewright/magewright/tools/localaws/sigv4"
	"github.com/magewright/magewright/tools/localaws/sts"
	"github.com/magewright/magewright/tools/localaws/wire"
)

type parameters struct{}

func (parameters) GetParameter(_ context.Context, in *ssm.GetParameterInput) (*ssm.GetParameterOutput, error) {
	if *in.Name != "/a" {
		return nil, &ssmtypes.ParameterNotFound{}
	}
	return &ssm.GetParameterOutput{Parameter: &ssmtypes.Parameter{Name: in.Name, Value: aws.String("<é>"), Version: 3}}, nil
}

type alarms struct{}

func (alarms) DescribeAlarms(_ context.Context, in *cloudwatch.DescribeAlarmsInput) (*cloudwatch.DescribeAlarmsOutput, error) {
	return &cloudwatch.DescribeAlarmsOutput{MetricAlarms: []cwtypes.MetricAlarm{{
		AlarmName: aws.String(in.AlarmNames[0]), Threshold: aws.Float64(0.5), Period: aws.Int32(60),
	}}}, nil
}

type functions struct{}

func (functions) Invoke(_ context.Context, in *lambda.InvokeInput) (*lambda.InvokeOutput, error) {
	return &lambda.InvokeOutput{StatusCode: 200, Payload: in.Payload, ExecutedVersion: in.Qualifier}, nil
}

// TestTheCommandLine calls each protocol with the aws command, whose client is
// not the Go SDK's.
func TestTheCommandLine(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("the aws command is not installed")
	}
	if testing.Short() {
		t.Skip("the aws command takes a second to start")
	}
	a := account.Account{
		ID: account.DefaultID, Region: "us-east-1", Clock: clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
	}
	s := sts.New(a, "secret")
	h, err := wire.NewHandler(a, sigv4.Verifier{Region: a.Region, Keys: s, Clock: clock.System()},
		wire.Service{Name: "sts", Impl: s}, wire.Service{Name: "iam", Impl: iam.New(a)},
		wire.Service{Name: "ssm", Impl: parameters{}}, wire.Service{Name: "monitoring", Impl: alarms{}},
		wire.Service{Name: "lambda", Impl: functions{}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	home := t.TempDir()
	payload := filepath.Join(home, "out")
	const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"lambda.amazonaws.com"}}]}`
	tests := []struct {
		args []string
		want string // JSON that the output must contain, or text on stderr
	}{
		{[]string{"sts", "get-caller-identity"}, `{"Account":"000000000000","Arn":"arn:aws:iam::000000000000:user/rehearsal"}`},
		{[]string{"iam", "create-role", "--role-name", "r", "--assume-role-policy-document", trust}, `{"Role":{"RoleName":"r","CreateDate":"2026-01-02T03:04:05Z","AssumeRolePolicyDocument":` + trust + `}}`},
		{[]string{"iam", "get-role", "--role-name", "x"}, "(NoSuchEntity) when calling the GetRole operation: The role with name x cannot be found."},
		{[]string{"ssm", "get-parameter", "--name", "/a"}, `{"Parameter":{"Value":"<é>","Version":3}}`},
		{[]string{"cloudwatch", "describe-alarms", "--alarm-names", "errors"}, `{"MetricAlarms":[{"AlarmName":"errors","Threshold":0.5,"Period":60}]}`},
		{[]string{"lambda", "invoke", "--function-name", "f", "--qualifier", "live", "--payload", "{}", payload}, `{"StatusCode":200,"ExecutedVersion":"live"}`},
		{[]string{"lambda", "list-functions"}, "(UnknownOperationException)"},
	}
	for _, tt := range tests {
		t.Run(tt.args[0]+" "+tt.args[1], func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), program, append(tt.args, "--output", "json")...)
			cmd.Env = []string{
				"PATH=" + os.Getenv("PATH"), "HOME=" + home, "PYENV_ROOT=" + os.Getenv("PYENV_ROOT"), "LANG=C.UTF-8",
				"AWS_ENDPOINT_URL=" + server.URL, "AWS_DEFAULT_REGION=us-east-1", "AWS_MAX_ATTEMPTS=1",
				"AWS_ACCESS_KEY_ID=AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_EC2_METADATA_DISABLED=true",
			}
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if !strings.HasPrefix(tt.want, "{") {
				if err == nil || !strings.Contains(stderr.String(), tt.want) {
					t.Errorf("%v %s\nwant %s", err, stderr.String(), tt.want)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v: %s", err, stderr.String())
			}
			var got, want any
			if err := errors.Join(json.Unmarshal(out, &got), json.Unmarshal([]byte(tt.want), &want)); err != nil {
				t.Fatalf("%v in %s", err, out)
			}
			if diff := cmp.Diff(want, only(got, want)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// only returns got without the object members that want doesn't have.
func only(got, want any) any {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return got
		}
		kept := map[string]any{}
		for k := range want {
			if v, ok := object[k]; ok {
				kept[k] = only(v, want[k])
			}
		}
		return kept
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return got
		}
		kept := make([]any, len(list))
		for i := range list {
			kept[i] = only(list[i], want[i])
		}
		return kept
	}
	return got
}
