package secretsmanager_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssecretsmanager "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/secretsmanager"
)

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestStagesMove(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC))
	s := secretsmanager.New(account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: now})
	ctx := t.Context()
	name := aws.String("app/token")
	created, err := s.CreateSecret(ctx, &awssecretsmanager.CreateSecretInput{Name: name, SecretString: aws.String("one"), ClientRequestToken: aws.String("v1")})
	if err != nil {
		t.Fatal(err)
	}
	get := func(id, stage string) string {
		in := &awssecretsmanager.GetSecretValueInput{SecretId: &id}
		if stage != "" {
			in.VersionStage = &stage
		}
		out, err := s.GetSecretValue(ctx, in)
		if err != nil {
			return code(err)
		}
		return *out.SecretString
	}
	put := func(token, value string) string {
		_, err := s.PutSecretValue(ctx, &awssecretsmanager.PutSecretValueInput{SecretId: name, ClientRequestToken: &token, SecretString: &value})
		return code(err)
	}
	if got := get(*name, "AWSPREVIOUS"); got != "ResourceNotFoundException" {
		t.Errorf("previous of the first: %q", got)
	}
	for _, step := range []struct{ token, value, want string }{
		{"v2", "two", ""}, {"v2", "two", ""}, {"v2", "other", "ResourceExistsException"}, {"v3", "three", ""},
	} {
		if got := put(step.token, step.value); got != step.want {
			t.Errorf("putting %s as %s: %q", step.value, step.token, got)
		}
	}
	partial := (*created.ARN)[:len(*created.ARN)-7]
	for _, id := range []string{*name, *created.ARN, partial} {
		if got := get(id, ""); got != "three" {
			t.Errorf("%s = %q", id, got)
		}
	}
	if got := get(*name, "AWSPREVIOUS"); got != "two" {
		t.Errorf("previous = %q", got)
	}
	for _, tt := range []struct {
		in   awssecretsmanager.GetSecretValueInput
		want string
	}{
		{awssecretsmanager.GetSecretValueInput{VersionId: aws.String("v9")}, "can't find the specified secret value for VersionId: v9"},
		{awssecretsmanager.GetSecretValueInput{VersionStage: aws.String("AWSPENDING")}, "can't find the specified secret value for staging label: AWSPENDING"},
		{awssecretsmanager.GetSecretValueInput{VersionId: aws.String("v2"), VersionStage: aws.String("AWSCURRENT")}, "a VersionStage that is not associated to the provided VersionId"},
	} {
		tt.in.SecretId = name
		if _, err := s.GetSecretValue(ctx, &tt.in); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
	described, err := s.DescribeSecret(ctx, &awssecretsmanager.DescribeSecretInput{SecretId: name})
	if err != nil || len(described.VersionIdsToStages) != 2 {
		t.Errorf("versions %v, %v", described, err)
	}
	if _, err := s.CreateSecret(ctx, &awssecretsmanager.CreateSecretInput{Name: name}); code(err) != "ResourceExistsException" {
		t.Errorf("creating again: %v", err)
	}
	if _, err := s.DeleteSecret(ctx, &awssecretsmanager.DeleteSecretInput{SecretId: name, RecoveryWindowInDays: aws.Int64(7)}); err != nil {
		t.Error(err)
	}
	if got := get(*name, ""); got != "InvalidRequestException" {
		t.Errorf("while the deletion is pending: %q", got)
	}
	if _, err := s.RestoreSecret(ctx, &awssecretsmanager.RestoreSecretInput{SecretId: name}); err != nil || get(*name, "") != "three" {
		t.Errorf("restored: %v", err)
	}
	if _, err := s.DeleteSecret(ctx, &awssecretsmanager.DeleteSecretInput{SecretId: name}); err != nil {
		t.Error(err)
	}
	now.Advance(30 * 24 * time.Hour)
	if got := get(*name, ""); got != "ResourceNotFoundException" {
		t.Errorf("deleted: %q", got)
	}
}

func TestRandomPassword(t *testing.T) {
	t.Parallel()
	s := secretsmanager.New(account.Account{})
	for range 50 {
		out, err := s.GetRandomPassword(t.Context(), &awssecretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(4), ExcludePunctuation: aws.Bool(true), ExcludeCharacters: aws.String("abc")})
		if err != nil {
			t.Fatal(err)
		}
		p := *out.RandomPassword
		if len(p) != 4 || strings.ContainsAny(p, "abc!\"#$") || !strings.ContainsAny(p, "0123456789") || !strings.ContainsAny(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			t.Errorf("password %q", p)
		}
	}
	if _, err := s.GetRandomPassword(t.Context(), &awssecretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(2)}); code(err) != "InvalidParameterException" {
		t.Errorf("too short: %v", err)
	}
}

func TestListing(t *testing.T) {
	t.Parallel()
	s := secretsmanager.New(account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: clock.System()})
	for name, description := range map[string]string{"shop/db": "Main database", "shop/key": "", "blog/db": "Old Database"} {
		in := &awssecretsmanager.CreateSecretInput{Name: &name, Description: &description, Tags: []types.Tag{{Key: aws.String("App"), Value: aws.String(name[:4])}}}
		if _, err := s.CreateSecret(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ key, values, want string }{
		{"name", "shop", "shop/db shop/key"},
		{"name", "Shop", ""},
		{"name", "shop/k,blog", "blog/db shop/key"},
		{"name", "!shop", "blog/db"},
		{"description", "DATA", "blog/db shop/db"},
		{"tag-key", "App", "blog/db shop/db shop/key"},
		{"tag-value", "blog", "blog/db"},
		{"all", "old", "blog/db"},
		{"owning-service", "x", "InvalidRequestException"},
	} {
		out, err := s.ListSecrets(t.Context(), &awssecretsmanager.ListSecretsInput{Filters: []types.Filter{{Key: types.FilterNameStringType(tt.key), Values: strings.Split(tt.values, ",")}}})
		got := code(err)
		if err == nil {
			var names []string
			for _, e := range out.SecretList {
				names = append(names, *e.Name)
			}
			got = strings.Join(names, " ")
		}
		if got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.key, tt.values, got, tt.want)
		}
	}
	page, err := s.ListSecrets(t.Context(), &awssecretsmanager.ListSecretsInput{MaxResults: aws.Int32(2)})
	if err != nil || len(page.SecretList) != 2 || page.NextToken == nil {
		t.Fatalf("%+v, %v", page, err)
	}
	if rest, err := s.ListSecrets(t.Context(), &awssecretsmanager.ListSecretsInput{NextToken: page.NextToken}); err != nil || len(rest.SecretList) != 1 || rest.NextToken != nil {
		t.Errorf("%+v, %v", rest, err)
	}
}

func TestTheSameRequestAgain(t *testing.T) {
	t.Parallel()
	s := secretsmanager.New(account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: clock.System()})
	in := &awssecretsmanager.CreateSecretInput{Name: aws.String("a"), SecretString: aws.String("x"), ClientRequestToken: aws.String("token")}
	first, err := s.CreateSecret(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.CreateSecret(t.Context(), in); err != nil || *again.ARN != *first.ARN || *again.VersionId != *first.VersionId {
		t.Errorf("%+v, %v", again, err)
	}
	in.SecretString = aws.String("y")
	if _, err := s.CreateSecret(t.Context(), in); code(err) != "ResourceExistsException" {
		t.Errorf("another value: %v", err)
	}
	gone := &awssecretsmanager.DeleteSecretInput{SecretId: aws.String("none")}
	if _, err := s.DeleteSecret(t.Context(), gone); code(err) != "ResourceNotFoundException" {
		t.Errorf("deleting what is not there: %v", err)
	}
	gone.ForceDeleteWithoutRecovery = aws.Bool(true)
	if out, err := s.DeleteSecret(t.Context(), gone); err != nil || *out.Name != "none" || out.DeletionDate == nil {
		t.Errorf("%+v, %v", out, err)
	}
}
