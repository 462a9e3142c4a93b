package localaws_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws"
)

// A function with reserved concurrency zero answers 429. Its URL with AWS_IAM
// accepts callers who sign with a key from STS and whose role may call it, and
// refuses those who sign with another secret.
func TestPrivateFunction(t *testing.T) {
	t.Parallel()
	zip, err := function()
	if err != nil {
		t.Fatal(err)
	}
	cfg := start(t)
	ctx := t.Context()
	identities, functions := iam.NewFromConfig(cfg), lambda.NewFromConfig(cfg)
	role, err := identities.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("caller"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com","AWS":"000000000000"},"Action":"sts:AssumeRole"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := identities.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("caller"), PolicyName: aws.String("call"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["lambda:InvokeFunction*"],"Resource":"arn:aws:lambda:*:*:function:private"}]}`)}); err != nil {
		t.Fatal(err)
	}
	name := aws.String("private")
	if _, err := functions.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: name, Role: role.Role.Arn, Handler: name, Timeout: aws.Int32(patient), Runtime: lambdatypes.RuntimeProvidedal2023, Code: &lambdatypes.FunctionCode{ZipFile: zip},
		Architectures: []lambdatypes.Architecture{lambdatypes.Architecture(localaws.HostContext()["architecture"].(string))},
	}); err != nil {
		t.Fatal(err)
	}
	made, err := functions.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigInput{FunctionName: name, AuthType: lambdatypes.FunctionUrlAuthTypeAwsIam})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := functions.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{FunctionName: name, ReservedConcurrentExecutions: aws.Int32(0)}); err != nil {
		t.Fatal(err)
	}
	_, err = functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: name})
	throttle, ok := errors.AsType[*lambdatypes.TooManyRequestsException](err)
	answer, answered := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || !answered || answer.HTTPStatusCode() != http.StatusTooManyRequests || throttle.Reason != lambdatypes.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded {
		t.Errorf("with no concurrency: %v", err)
	}
	if _, err := functions.DeleteFunctionConcurrency(ctx, &lambda.DeleteFunctionConcurrencyInput{FunctionName: name}); err != nil {
		t.Fatal(err)
	}
	session, err := awssts.NewFromConfig(cfg).AssumeRole(ctx, &awssts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("test")})
	if err != nil {
		t.Fatal(err)
	}
	c := session.Credentials
	// A session policy limits what the role may do.
	limited, err := awssts.NewFromConfig(cfg).AssumeRole(ctx, &awssts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("limited"), Policy: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"*"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	l := limited.Credentials
	user, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for who, test := range map[string]struct {
		credentials aws.Credentials
		sent        string // sent instead of the signed body
		want        int
		kind, text  string // of the expected error
	}{
		"a session":              {aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken}, "", http.StatusOK, "", ""},
		"a limited session":      {aws.Credentials{AccessKeyID: *l.AccessKeyId, SecretAccessKey: *l.SecretAccessKey, SessionToken: *l.SessionToken}, "", http.StatusForbidden, "AccessDeniedException", `"Forbidden. For troubleshooting`},
		"the user":               {user, "", http.StatusOK, "", ""},
		"another body":           {user, `{"b":2}`, http.StatusForbidden, "InvalidSignatureException", `"The request signature we calculated does not match`},
		"another secret":         {aws.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "guessed"}, "", http.StatusForbidden, "InvalidSignatureException", `"The request signature we calculated does not match`},
		"a session's key alone":  {aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: user.SecretAccessKey}, "", http.StatusForbidden, "UnrecognizedClientException", `"The security token included in the request is invalid.`},
		"a session, no token":    {aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey}, "", http.StatusForbidden, "UnrecognizedClientException", `"The security token included`},
		"nobody":                 {aws.Credentials{}, "", http.StatusForbidden, "AccessDeniedException", `"Forbidden. For troubleshooting`},
		"a session, wrong token": {aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: "t"}, "", http.StatusForbidden, "UnrecognizedClientException", `"The security token included`},
	} {
		body := `{"a":1}`
		sum := sha256.Sum256([]byte(body))
		if test.sent == "" {
			test.sent = body
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, *made.FunctionUrl+"a%20b?x=1&y=%2F", strings.NewReader(test.sent))
		if err != nil {
			t.Fatal(err)
		}
		if test.credentials.AccessKeyID != "" {
			if err := v4.NewSigner().SignHTTP(ctx, test.credentials, r, hex.EncodeToString(sum[:]), "lambda", localaws.DefaultRegion, clock.System().Now()); err != nil {
				t.Fatal(err)
			}
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.Header.Get("X-Amzn-Errortype") != test.kind || !strings.Contains(string(text), test.text) {
			t.Errorf("%s: %v %s, want %s %s", who, resp.Header, text, test.kind, test.text)
		}
		if err != nil || resp.StatusCode != test.want || test.want == http.StatusOK && string(text) != "$LATEST" {
			t.Errorf("%s: %s %s, %v; want %d", who, resp.Status, text, err, test.want)
		}
	}
}
