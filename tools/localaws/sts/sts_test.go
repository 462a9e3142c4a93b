package sts_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/iam/policy"
	"github.com/magewright/magewright/tools/localaws/principal"
	"github.com/magewright/magewright/tools/localaws/sdktest"
	"github.com/magewright/magewright/tools/localaws/sts"
	"github.com/magewright/magewright/tools/localaws/wire"
)

const role = "arn:aws:iam::000000000000:role/path/builder"

// start serves STS. It returns a function that makes a client with an access key.
func start(t *testing.T) (*sts.Service, *clock.Manual, func(id string) *awssts.Client) {
	t.Helper()
	now := clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC))
	a := account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: now}
	s := sts.New(a, "secret")
	h, err := wire.NewHandler(a, unverified{s}, wire.Service{Name: "sts", Impl: s})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return s, now, func(id string) *awssts.Client {
		return awssts.New(awssts.Options{
			Region: "us-east-1", BaseEndpoint: aws.String(server.URL), HTTPClient: sdktest.HTTPClient(nil), Retryer: aws.NopRetryer{},
			Credentials: credentials.NewStaticCredentialsProvider(id, "secret", ""),
		})
	}
}

// unverified believes that a request is signed with the key that it names: the
// tests use keys whose secrets they do not have.
type unverified struct{ *sts.Service }

func (u unverified) Verify(r *http.Request, _ []byte) (principal.Principal, error) {
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	id, _, _ := strings.Cut(scope, "/")
	return u.Principal(r.Context(), id)
}

func whoami(t *testing.T, c *awssts.Client) string {
	t.Helper()
	out, err := c.GetCallerIdentity(t.Context(), &awssts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	if *out.Account != account.DefaultID {
		t.Errorf("account %s", *out.Account)
	}
	return *out.Arn + " " + *out.UserId
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if api, ok := errors.AsType[smithy.APIError](err); !ok || api.ErrorCode() != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestAssumedRole(t *testing.T) {
	t.Parallel()
	_, now, client := start(t)
	user := whoami(t, client("AKIAANYBODY"))
	if !regexp.MustCompile(`^arn:aws:iam::000000000000:user/rehearsal AIDA[A-Z2-7]{17}$`).MatchString(user) {
		t.Errorf("any key belongs to %s", user)
	}
	if user != whoami(t, client("AKIASOMEBODYELSE")) {
		t.Error("two keys of the same user have two identities")
	}

	in := &awssts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("build-1")}
	out, err := client("AKIAANYBODY").AssumeRole(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	again, err := client("AKIAANYBODY").AssumeRole(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	id := *out.Credentials.AccessKeyId
	if id == *again.Credentials.AccessKeyId || !regexp.MustCompile(`^ASIA[A-Z2-7]{16}$`).MatchString(id) {
		t.Errorf("the access keys are %s and %s", id, *again.Credentials.AccessKeyId)
	}
	if want := time.Date(2026, 1, 2, 4, 4, 5, 0, time.UTC); !out.Credentials.Expiration.Equal(want) {
		t.Errorf("they expire at %v, want %v", out.Credentials.Expiration, want)
	}
	const arn = "arn:aws:sts::000000000000:assumed-role/builder/build-1"
	if got, want := whoami(t, client(id)), arn+" "+*out.AssumedRoleUser.AssumedRoleId; got != want || *out.AssumedRoleUser.Arn != arn {
		t.Errorf("the session is %s, want %s", got, want)
	}
	_, err = client(id).GetSessionToken(t.Context(), &awssts.GetSessionTokenInput{})
	wantCode(t, err, "AccessDenied")

	now.Advance(time.Hour)
	_, err = client(id).GetCallerIdentity(t.Context(), &awssts.GetCallerIdentityInput{})
	wantCode(t, err, "ExpiredToken")
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	s, now, client := start(t)
	user, err := s.Credentials(t.Context(), "AKIAANYBODY")
	if err != nil || user.SecretAccessKey != "secret" || user.SessionToken != "" {
		t.Errorf("a user's key: %+v, %v", user, err)
	}
	out, err := client("AKIAANYBODY").GetSessionToken(t.Context(), &awssts.GetSessionTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	session, err := s.Credentials(t.Context(), *out.Credentials.AccessKeyId)
	if err != nil || session.SecretAccessKey != *out.Credentials.SecretAccessKey || session.SessionToken != *out.Credentials.SessionToken {
		t.Errorf("a session's key: %+v, %v", session, err)
	}
	now.Advance(12 * time.Hour)
	_, err = s.Credentials(t.Context(), *out.Credentials.AccessKeyId)
	wantCode(t, err, "ExpiredToken")
}

func TestGetSessionToken(t *testing.T) {
	t.Parallel()
	_, now, client := start(t)
	out, err := client("AKIAANYBODY").GetSessionToken(t.Context(), &awssts.GetSessionTokenInput{DurationSeconds: aws.Int32(900)})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := whoami(t, client(*out.Credentials.AccessKeyId)), whoami(t, client("AKIAANYBODY")); got != want {
		t.Errorf("the session is %s, want %s", got, want)
	}
	now.Advance(15 * time.Minute)
	_, err = client(*out.Credentials.AccessKeyId).GetCallerIdentity(t.Context(), &awssts.GetCallerIdentityInput{})
	wantCode(t, err, "ExpiredToken")
}

func TestGetAccessKeyInfo(t *testing.T) {
	t.Parallel()
	_, _, client := start(t)
	out, err := client("AKIAANYBODY").GetAccessKeyInfo(t.Context(), &awssts.GetAccessKeyInfoInput{AccessKeyId: aws.String("AKIAIOSFODNN7EXAMPLE")})
	if err != nil || *out.Account != account.DefaultID {
		t.Errorf("got %+v, %v", out, err)
	}
	_, err = client("AKIAANYBODY").GetAccessKeyInfo(t.Context(), &awssts.GetAccessKeyInfoInput{AccessKeyId: aws.String("short")})
	wantCode(t, err, "ValidationError")
}

// roles is an IAM with one role.
type roles struct{}

func (roles) GetRole(_ context.Context, in *awsiam.GetRoleInput) (*awsiam.GetRoleOutput, error) {
	if *in.RoleName != "builder" {
		return nil, &iamtypes.NoSuchEntityException{}
	}
	return &awsiam.GetRoleOutput{Role: &iamtypes.Role{
		Arn: aws.String(role), RoleId: aws.String("AROAEXAMPLE"), MaxSessionDuration: aws.Int32(3600),
	}}, nil
}

func (roles) ManagedPolicy(string) (*policy.Policy, bool) { return nil, false }

func TestAssumeRoleRefuses(t *testing.T) {
	t.Parallel()
	s, _, _ := start(t)
	s.Roles = roles{}
	tests := map[string]struct {
		arn, session string
		seconds      int32
		code         string
	}{
		"no ARN":                    {"builder", "s1", 3600, "ValidationError"},
		"another account":           {"arn:aws:iam::111111111111:role/builder", "s1", 3600, "AccessDenied"},
		"no such role":              {"arn:aws:iam::000000000000:role/other", "s1", 3600, "AccessDenied"},
		"another path":              {"arn:aws:iam::000000000000:role/builder", "s1", 3600, "AccessDenied"},
		"a session without a name":  {role, "", 3600, "ValidationError"},
		"too short":                 {role, "s1", 899, "ValidationError"},
		"too long":                  {role, "s1", 43201, "ValidationError"},
		"longer than the role's is": {role, "s1", 3601, "ValidationError"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := s.AssumeRole(t.Context(), &awssts.AssumeRoleInput{
				RoleArn: &tt.arn, RoleSessionName: &tt.session, DurationSeconds: &tt.seconds,
			})
			wantCode(t, err, tt.code)
		})
	}
	in := &awssts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("s1"), DurationSeconds: aws.Int32(43200)}
	out, err := s.AssumeRole(principal.Service(t.Context(), "codebuild.amazonaws.com", account.DefaultID), in)
	if err != nil || *out.AssumedRoleUser.AssumedRoleId != "AROAEXAMPLE:s1" {
		t.Errorf("a service got %+v, %v", out, err)
	}
}
