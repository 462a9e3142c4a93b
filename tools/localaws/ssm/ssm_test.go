package ssm_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/ssm"
)

func start() *ssm.Service {
	return ssm.New(account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: clock.NewManual(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC))})
}

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func put(t *testing.T, s *ssm.Service, name, value string) {
	t.Helper()
	if _, err := s.PutParameter(t.Context(), &awsssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString}); err != nil {
		t.Fatal(err)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	s := start()
	ctx := t.Context()
	name := "/cdk-bootstrap/hnb659fds/version"
	get := func(id string) (string, string) {
		out, err := s.GetParameter(ctx, &awsssm.GetParameterInput{Name: &id, WithDecryption: aws.Bool(true)})
		if err != nil {
			return "", code(err)
		}
		return fmt.Sprintf("%s v%d", *out.Parameter.Value, out.Parameter.Version), ""
	}
	if _, got := get(name); got != "ParameterNotFound" {
		t.Errorf("missing: %q", got)
	}
	put(t, s, name, "31")
	if _, err := s.PutParameter(ctx, &awsssm.PutParameterInput{Name: &name, Value: aws.String("32"), Type: types.ParameterTypeString}); code(err) != "ParameterAlreadyExists" {
		t.Errorf("without overwrite: %v", err)
	}
	if out, err := s.PutParameter(ctx, &awsssm.PutParameterInput{Name: &name, Value: aws.String("32"), Overwrite: aws.Bool(true)}); err != nil || out.Version != 2 {
		t.Errorf("overwrite: %+v, %v", out, err)
	}
	for id, want := range map[string]string{
		name: "32 v2", name + ":1": "31 v1", "arn:aws:ssm:us-east-1:000000000000:parameter" + name: "32 v2", "arn:aws:ssm:us-east-1:000000000000:parameter" + name + ":1": "31 v1",
	} {
		if got, err := get(id); got != want {
			t.Errorf("%s = %q %s, want %q", id, got, err, want)
		}
	}
	if _, got := get(name + ":9"); got != "ParameterVersionNotFound" {
		t.Errorf("version 9: %q", got)
	}
	if out, err := s.GetParameterHistory(ctx, &awsssm.GetParameterHistoryInput{Name: &name}); err != nil || len(out.Parameters) != 2 {
		t.Errorf("history: %+v, %v", out, err)
	}
	if _, err := s.DeleteParameter(ctx, &awsssm.DeleteParameterInput{Name: &name}); err != nil {
		t.Error(err)
	}
	if _, err := s.DeleteParameter(ctx, &awsssm.DeleteParameterInput{Name: &name}); code(err) != "ParameterNotFound" {
		t.Errorf("deleting twice: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := start()
	put(t, s, "taken", "x")
	for name, tt := range map[string]struct {
		in   *awsssm.PutParameterInput
		want string
	}{
		"no type":        {&awsssm.PutParameterInput{Name: aws.String("n"), Value: aws.String("v")}, "ValidationException"},
		"unknown type":   {&awsssm.PutParameterInput{Name: aws.String("n"), Value: aws.String("v"), Type: "Number"}, "ValidationException"},
		"bad name":       {&awsssm.PutParameterInput{Name: aws.String("a b"), Value: aws.String("v"), Type: "String"}, "ValidationException"},
		"no first slash": {&awsssm.PutParameterInput{Name: aws.String("a/b"), Value: aws.String("v"), Type: "String"}, "ValidationException"},
		"reserved":       {&awsssm.PutParameterInput{Name: aws.String("/aws/x"), Value: aws.String("v"), Type: "String"}, "AccessDeniedException"},
		"empty":          {&awsssm.PutParameterInput{Name: aws.String("n"), Type: "String"}, "ValidationException"},
		"too long":       {&awsssm.PutParameterInput{Name: aws.String("n"), Value: aws.String(strings.Repeat("v", 4097)), Type: "String"}, "ValidationException"},
		"pattern":        {&awsssm.PutParameterInput{Name: aws.String("n"), Value: aws.String("v"), Type: "String", AllowedPattern: aws.String(`^\d+$`)}, "ParameterPatternMismatchException"},
		"type change":    {&awsssm.PutParameterInput{Name: aws.String("taken"), Value: aws.String("v"), Type: "SecureString", Overwrite: aws.Bool(true)}, "HierarchyTypeMismatchException"},
	} {
		if _, err := s.PutParameter(t.Context(), tt.in); code(err) != tt.want {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
}

func TestSecureStringNeedsDecryption(t *testing.T) {
	t.Parallel()
	s := start()
	if _, err := s.PutParameter(t.Context(), &awsssm.PutParameterInput{Name: aws.String("/s"), Value: aws.String("hunter2"), Type: types.ParameterTypeSecureString}); err != nil {
		t.Fatal(err)
	}
	for decrypt, plain := range map[bool]bool{true: true, false: false} {
		out, err := s.GetParameters(t.Context(), &awsssm.GetParametersInput{Names: []string{"/s", "/none"}, WithDecryption: &decrypt})
		if err != nil {
			t.Fatal(err)
		}
		if got := *out.Parameters[0].Value; (got == "hunter2") != plain || strings.Contains(got, "hunter2") != plain {
			t.Errorf("decryption %t: %q", decrypt, got)
		}
		if len(out.InvalidParameters) != 1 || out.InvalidParameters[0] != "/none" {
			t.Errorf("invalid: %v", out.InvalidParameters)
		}
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	s := start()
	for i := range 12 {
		put(t, s, fmt.Sprintf("/app/p%02d", i), "v")
	}
	put(t, s, "/app/deep/x", "v")
	put(t, s, "/apple", "v")
	count := func(recursive bool) int {
		n := 0
		pages := awsssm.NewGetParametersByPathPaginator(direct{s}, &awsssm.GetParametersByPathInput{Path: aws.String("/app"), Recursive: &recursive})
		for pages.HasMorePages() {
			out, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			n += len(out.Parameters)
		}
		return n
	}
	if got := count(false); got != 12 {
		t.Errorf("one level: %d", got)
	}
	if got := count(true); got != 13 {
		t.Errorf("recursive: %d", got)
	}
}

// The ids of machine images are recorded. AWS's other parameters are refused by name.
func TestPublicParameters(t *testing.T) {
	t.Parallel()
	s := start()
	const image = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
	out, err := s.GetParameters(t.Context(), &awsssm.GetParametersInput{Names: []string{image, "/aws/service/global-infrastructure/regions"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Parameters) != 1 || !strings.HasPrefix(*out.Parameters[0].Value, "ami-") || *out.Parameters[0].DataType != "aws:ec2:image" ||
		*out.Parameters[0].ARN != "arn:aws:ssm:us-east-1::parameter"+image {
		t.Errorf("%+v", out.Parameters)
	}
	_, err = s.GetParameter(t.Context(), &awsssm.GetParameterInput{Name: aws.String("/aws/service/global-infrastructure/regions")})
	if code(err) != "ParameterNotFound" || !strings.Contains(err.Error(), "does not have AWS's public parameter /aws/service/global-infrastructure/regions") {
		t.Errorf("another parameter: %v", err)
	}
	if _, err := s.GetParametersByPath(t.Context(), &awsssm.GetParametersByPathInput{Path: aws.String("/aws/service/ami-amazon-linux-latest")}); code(err) != "ValidationException" {
		t.Errorf("a path: %v", err)
	}
}
