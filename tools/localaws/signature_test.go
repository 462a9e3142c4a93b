package localaws_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"github.com/magewright/magewright/tools/localaws/sdktest"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
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
	theirs.HTTPClient = sdktest.HTTPClient(nil)
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

// s3Client returns a client of S3, and a bucket of its own.
func s3Client(t *testing.T, config aws.Config, bucket string) *s3.Client {
	t.Helper()
	client := s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	return client
}

// TestAttackByAChunk changes a chunk of an upload whose chunks are signed one by one.
func TestAttackByAChunk(t *testing.T) {
	t.Parallel()
	config := localawstest.Start(t)
	client := s3Client(t, config, "chunks")
	credentials, err := config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now := clock.System().Now().UTC()
	date, scope := now.Format("20060102T150405Z"), now.Format("20060102")+"/us-east-1/s3/aws4_request"
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		_, _ = io.WriteString(h, text)
		return h.Sum(nil)
	}
	key := []byte("AWS4" + credentials.SecretAccessKey)
	for _, part := range strings.Split(scope, "/") {
		key = mac(key, part)
	}
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	// put uploads two chunks, after change has changed the body.
	put := func(name string, change func(body string) string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, *config.BaseEndpoint+"/chunks/"+name, nil)
		if err != nil {
			t.Fatal(err)
		}
		const streaming = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
		r.Header.Set("X-Amz-Content-Sha256", streaming)
		r.Header.Set("X-Amz-Decoded-Content-Length", "10")
		r.Header.Set("Content-Encoding", "aws-chunked")
		if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, streaming, "s3", "us-east-1", now); err != nil {
			t.Fatal(err)
		}
		_, previous, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
		var body strings.Builder
		for _, chunk := range []string{"first", "again", ""} {
			previous = hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256-PAYLOAD\n"+date+"\n"+scope+"\n"+previous+"\n"+hash("")+"\n"+hash(chunk)))
			fmt.Fprintf(&body, "%x;chunk-signature=%s\r\n%s\r\n", len(chunk), previous, chunk)
		}
		text := change(body.String())
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		response, err := http.DefaultClient.Do(r) // #nosec G704 -- the test's own endpoint
		if err != nil {
			t.Fatal(err)
		}
		said, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		return response.StatusCode, string(said)
	}
	if status, said := put("as-signed", func(body string) string { return body }); status != http.StatusOK {
		t.Errorf("as it was signed: %d %s", status, said)
	}
	for name, change := range map[string]func(string) string{
		"changed": func(body string) string { return strings.Replace(body, "again", "other", 1) },
		"unsigned": func(body string) string {
			return regexp.MustCompile(`;chunk-signature=[0-9a-f]+`).ReplaceAllString(body, "")
		},
		"swapped": func(body string) string {
			return strings.NewReplacer("first", "again", "again", "first").Replace(body)
		},
		"cut": func(body string) string {
			return body[:strings.Index(body, "again")-72] + body[strings.LastIndex(body, "0;chunk"):]
		},
	} {
		if status, said := put(name, change); status != http.StatusForbidden || !strings.Contains(said, "<Code>SignatureDoesNotMatch</Code>") {
			t.Errorf("%s: %d %s", name, status, said)
		}
	}
	listed, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("chunks")})
	if err != nil || len(listed.Contents) != 1 || *listed.Contents[0].Key != "as-signed" {
		t.Errorf("the bucket has %+v, %v", listed.Contents, err)
	}
}

// TestAttackByAPresignedURL uses a link for something else than it was made for.
func TestAttackByAPresignedURL(t *testing.T) {
	t.Parallel()
	client := s3Client(t, localawstest.Start(t), "links")
	for _, key := range []string{"shared", "secret"} {
		if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("links"), Key: aws.String(key), Body: strings.NewReader(key)}); err != nil {
			t.Fatal(err)
		}
	}
	link, err := s3.NewPresignClient(client).PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("links"), Key: aws.String("shared")}, s3.WithPresignExpires(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	send := func(method, target string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, target, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r) // #nosec G704 -- the test's own endpoint
		if err != nil {
			t.Fatal(err)
		}
		said, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		return response.StatusCode, string(said)
	}
	if status, said := send(http.MethodGet, link.URL); status != http.StatusOK || said != "shared" {
		t.Fatalf("the link gives %d %s", status, said)
	}
	for name, tt := range map[string]struct{ method, old, new string }{
		"another object":   {http.MethodGet, "/shared?", "/secret?"},
		"all objects":      {http.MethodGet, "/shared?", "?list-type=2&"},
		"a write":          {http.MethodPut, "", ""},
		"a removal":        {http.MethodDelete, "", ""},
		"a longer life":    {http.MethodGet, "X-Amz-Expires=60", "X-Amz-Expires=600"},
		"another time":     {http.MethodGet, "X-Amz-Date=2", "X-Amz-Date=1"},
		"no signature":     {http.MethodGet, "X-Amz-Signature=", "X-Other="},
		"unsigned headers": {http.MethodGet, "X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=date"},
		"a version":        {http.MethodGet, "?", "?versionId=null&"},
	} {
		if status, said := send(tt.method, strings.Replace(link.URL, tt.old, tt.new, 1)); status < 400 || status > 403 || said == "secret" {
			t.Errorf("%s: %d %s", name, status, said)
		}
	}
	got, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("links"), Key: aws.String("shared")})
	if err != nil {
		t.Fatalf("the object was changed: %v", err)
	}
	_ = got.Body.Close()
}
