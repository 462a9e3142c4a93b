package localaws_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/localawstest"
)

// TestAttackByAnotherUser holds that who has no secret of this endpoint can neither
// change nor read anything, in any protocol.
func TestAttackByAnotherUser(t *testing.T) {
	t.Parallel()
	ours := localawstest.Start(t)
	pathStyle := func(o *s3.Options) { o.UsePathStyle = true }
	if _, err := s3.NewFromConfig(ours, pathStyle).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("private")}); err != nil {
		t.Fatal(err)
	}
	if _, err := s3.NewFromConfig(ours, pathStyle).PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("private"), Key: aws.String("a b/ü+"), Body: strings.NewReader("text")}); err != nil {
		t.Fatal(err)
	}
	key, err := ours.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	theirs := ours.Copy()
	theirs.Credentials = credentials.NewStaticCredentialsProvider(key.AccessKeyID, "guessed", "")
	theirs.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	for name, attack := range map[string]struct {
		do   func(ctx context.Context) error
		code string
	}{
		"awsQuery": {func(ctx context.Context) error {
			_, err := iam.NewFromConfig(theirs).CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("eve")})
			return err
		}, "SignatureDoesNotMatch"},
		"awsJson": {func(ctx context.Context) error {
			_, err := ssm.NewFromConfig(theirs).PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/a"), Value: aws.String("b"), Type: ssmtypes.ParameterTypeString})
			return err
		}, "InvalidSignatureException"},
		"restJson": {func(ctx context.Context) error {
			_, err := lambda.NewFromConfig(theirs).Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("f")})
			return err
		}, "InvalidSignatureException"},
		"smithy-rpc-v2-cbor": {func(ctx context.Context) error {
			_, err := cloudwatch.NewFromConfig(theirs).DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{})
			return err
		}, "SignatureDoesNotMatch"},
		"S3, reading": {func(ctx context.Context) error {
			_, err := s3.NewFromConfig(theirs, pathStyle).GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("private"), Key: aws.String("a b/ü+")})
			return err
		}, "SignatureDoesNotMatch"},
		"S3, writing": {func(ctx context.Context) error {
			_, err := s3.NewFromConfig(theirs, pathStyle).PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("private"), Key: aws.String("a b/ü+"), Body: strings.NewReader("other")})
			return err
		}, "SignatureDoesNotMatch"},
		"S3, a presigned URL": {func(ctx context.Context) error {
			signed, err := s3.NewPresignClient(s3.NewFromConfig(theirs, pathStyle)).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("private"), Key: aws.String("a b/ü+")})
			if err != nil {
				return err
			}
			return fetched(ctx, signed.URL)
		}, "SignatureDoesNotMatch"},
		"S3, without a signature": {func(ctx context.Context) error {
			return fetched(ctx, *ours.BaseEndpoint+"/private/a%20b/%C3%BC%2B")
		}, "AccessDenied"},
	} {
		err := attack.do(t.Context())
		if api, ok := errors.AsType[smithy.APIError](err); !ok || api.ErrorCode() != attack.code {
			t.Errorf("%s: %v, want %s", name, err, attack.code)
		}
	}
	// Nothing has changed, and the owner can read it in each of these ways.
	got, err := s3.NewFromConfig(ours, pathStyle).GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("private"), Key: aws.String("a b/ü+")})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(got.Body); err != nil || string(text) != "text" {
		t.Errorf("the object is %q, %v", text, err)
	}
	signed, err := s3.NewPresignClient(s3.NewFromConfig(ours, pathStyle)).PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("private"), Key: aws.String("a b/ü+")})
	if err != nil {
		t.Fatal(err)
	}
	if err := fetched(t.Context(), signed.URL); err != nil {
		t.Errorf("presigned by the owner: %v", err)
	}
	if _, err := iam.NewFromConfig(ours).GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("eve")}); err == nil {
		t.Error("the user was made")
	}
}

// fetched gets a URL and returns S3's error.
func fetched(ctx context.Context, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r) // #nosec G704 -- the test's own endpoint
	if err != nil {
		return err
	}
	body, err := io.ReadAll(response.Body)
	err = errors.Join(err, response.Body.Close())
	if err != nil || response.StatusCode == http.StatusOK {
		return err
	}
	_, code, _ := strings.Cut(string(body), "<Code>")
	code, _, _ = strings.Cut(code, "</Code>")
	return &smithy.GenericAPIError{Code: code, Message: string(body)}
}

// TestAttackByReplay holds that a request that somebody has recorded is of no use
// a quarter of an hour later, and that its body can't be another one.
func TestAttackByReplay(t *testing.T) {
	t.Parallel()
	ours := localawstest.Start(t)
	recorded := &recorder{}
	client := ours.Copy()
	client.HTTPClient = recorded
	put := func(value string) {
		t.Helper()
		_, err := ssm.NewFromConfig(client).PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/a"), Value: aws.String(value), Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true)})
		if err != nil {
			t.Fatal(err)
		}
	}
	put("first")
	body := recorded.body
	for name, change := range map[string]func(r *http.Request){
		"another value": func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Replace(body, "first", "other", 1))), int64(len(body))
		},
		"another operation": func(r *http.Request) {
			r.Header.Set("X-Amz-Target", "AmazonSSM.DeleteParameter")
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		},
		"another time": func(r *http.Request) {
			r.Header.Set("X-Amz-Date", clock.System().Now().UTC().Add(-15*time.Minute).Format("20060102T150405Z"))
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		},
	} {
		r := recorded.last.Clone(t.Context())
		change(r)
		response, err := http.DefaultClient.Do(r) // #nosec G704 -- the test's own endpoint
		if err != nil {
			t.Fatal(err)
		}
		said, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusBadRequest || !strings.Contains(string(said), "InvalidSignatureException") {
			t.Errorf("%s: %s: %s", name, response.Status, said)
		}
	}
	got, err := ssm.NewFromConfig(ours).GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/a")})
	if err != nil || *got.Parameter.Value != "first" {
		t.Errorf("the parameter is %+v, %v", got, err)
	}
}

// A recorder is a client that keeps the last request.
type recorder struct {
	last *http.Request
	body string
}

func (c *recorder) Do(r *http.Request) (*http.Response, error) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	c.last, c.body = r.Clone(r.Context()), string(data)
	r.Body = io.NopCloser(strings.NewReader(c.body))
	return http.DefaultClient.Do(r) // #nosec G704 -- the test's own endpoint
}
