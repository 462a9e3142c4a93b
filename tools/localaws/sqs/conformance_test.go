package sqs_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/testinput"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/sdktest"
	"github.com/magewright/magewright/tools/localaws/sigv4"
	"github.com/magewright/magewright/tools/localaws/sqs"
	"github.com/magewright/magewright/tools/localaws/sts"
	"github.com/magewright/magewright/tools/localaws/wire"
)

const keyID, secret = "AKIAEXAMPLE", "secret"

// serve starts an endpoint that has only queues.
func serve(t *testing.T) (endpoint string, cfg aws.Config) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	a := account.Account{ID: account.DefaultID, Region: "us-east-1", Endpoint: "http://" + server.Listener.Addr().String(), Clock: clock.System()}
	queues := sqs.New(a, sqs.Deps{})
	sessions := sts.New(a, secret)
	h, err := wire.NewHandler(a, sigv4.Verifier{Region: a.Region, Keys: sessions, Clock: a.Clock}, wire.Service{Name: "sqs", Impl: queues})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = h
	server.Start()
	t.Cleanup(func() {
		server.Close()
		if err := queues.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.URL, aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider(keyID, secret, ""),
		HTTPClient: sdktest.HTTPClient(nil), Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// The Go SDK's client speaks JSON and checks the digests of messages.
func TestTheGoClient(t *testing.T) {
	t.Parallel()
	_, cfg := serve(t)
	client, ctx := awssqs.NewFromConfig(cfg), t.Context()
	made, err := client.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: aws.String("orders"), Attributes: map[string]string{"VisibilityTimeout": "7"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.SendMessageBatch(ctx, &awssqs.SendMessageBatchInput{QueueUrl: made.QueueUrl, Entries: []types.SendMessageBatchRequestEntry{
		{Id: aws.String("1"), MessageBody: aws.String("<é>"), MessageAttributes: map[string]types.MessageAttributeValue{"k": {DataType: aws.String("Binary"), BinaryValue: []byte{0, 255}}}},
	}}); err != nil {
		t.Fatal(err)
	}
	got, err := client.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{QueueUrl: made.QueueUrl, WaitTimeSeconds: 20, MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"SenderId"}})
	if err != nil || len(got.Messages) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	m := got.Messages[0]
	if *m.Body != "<é>" || !bytes.Equal(m.MessageAttributes["k"].BinaryValue, []byte{0, 255}) || m.Attributes["SenderId"] == "" {
		t.Errorf("%+v", m)
	}
	_, err = client.GetQueueUrl(ctx, &awssqs.GetQueueUrlInput{QueueName: aws.String("none")})
	if _, ok := errors.AsType[*types.QueueDoesNotExist](err); !ok {
		t.Errorf("a queue that does not exist: %v", err)
	}
}

// post sends a signed form to a path, as the clients of the query protocol do.
func post(t *testing.T, endpoint, path string, form url.Values) (status int, body string) {
	t.Helper()
	form.Set("Version", "2012-11-05")
	text := form.Encode()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint+path, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	digest := sha256.Sum256([]byte(text))
	if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}, r, hex.EncodeToString(digest[:]), "sqs", "us-east-1", clock.System().Now()); err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(out)
}

// The parameters are those of AWS's examples of the query protocol.
func TestTheQueryProtocol(t *testing.T) {
	t.Parallel()
	endpoint, _ := serve(t)
	status, body := post(t, endpoint, "/", url.Values{
		"Action": {"CreateQueue"}, "QueueName": {"orders"}, "Attribute.1.Name": {"VisibilityTimeout"}, "Attribute.1.Value": {"40"},
		"Tag.1.Key": {"team"}, "Tag.1.Value": {"ledger"},
	})
	const path = "/000000000000/orders"
	if want := "<CreateQueueResult><QueueUrl>" + endpoint + path + "</QueueUrl></CreateQueueResult>"; status != 200 || !strings.Contains(body, want) {
		t.Fatalf("%d %s", status, body)
	}
	// The queue is in the path.
	if status, body := post(t, endpoint, path, url.Values{
		"Action": {"SendMessageBatch"}, "SendMessageBatchRequestEntry.1.Id": {"m1"}, "SendMessageBatchRequestEntry.1.MessageBody": {"a<b"},
		"SendMessageBatchRequestEntry.1.MessageAttribute.1.Name":              {"kind"},
		"SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue": {"new"},
		"SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType":    {"String"},
		"SendMessageBatchRequestEntry.2.Id":                                   {"m2"}, "SendMessageBatchRequestEntry.2.MessageBody": {""},
	}); status != 200 || !strings.Contains(body, "<SendMessageBatchResultEntry><Id>m1</Id>") || !strings.Contains(body, "<BatchResultErrorEntry><Code>MissingParameter</Code><Id>m2</Id>") {
		t.Fatalf("%d %s", status, body)
	}
	_, body = post(t, endpoint, path, url.Values{"Action": {"ReceiveMessage"}, "MaxNumberOfMessages": {"5"}, "AttributeName.1": {"SentTimestamp"}, "AttributeName.2": {"ApproximateReceiveCount"}, "MessageAttributeName.1": {"All"}})
	var received struct {
		Messages []struct {
			Body, ReceiptHandle string
			Attribute           []struct{ Name, Value string }
			MessageAttribute    []struct {
				Name  string
				Value struct{ StringValue, DataType string }
			}
		} `xml:"ReceiveMessageResult>Message"`
	}
	if err := xml.Unmarshal([]byte(body), &received); err != nil {
		t.Fatal(err)
	}
	if len(received.Messages) != 1 || received.Messages[0].Body != "a<b" || len(received.Messages[0].Attribute) != 2 ||
		received.Messages[0].MessageAttribute[0].Value.StringValue != "new" {
		t.Fatalf("%+v in %s", received, body)
	}
	if status, body := post(t, endpoint, "/", url.Values{
		"Action": {"DeleteMessageBatch"}, "QueueUrl": {endpoint + path}, "DeleteMessageBatchRequestEntry.1.Id": {"1"},
		"DeleteMessageBatchRequestEntry.1.ReceiptHandle": {received.Messages[0].ReceiptHandle},
	}); status != 200 || !strings.Contains(body, "<DeleteMessageBatchResultEntry><Id>1</Id>") {
		t.Errorf("%d %s", status, body)
	}
	for form, want := range map[string]string{
		"Action=GetQueueAttributes&AttributeName.1=VisibilityTimeout": "<Attribute><Name>VisibilityTimeout</Name><Value>40</Value></Attribute>",
		"Action=ListQueueTags": "<Tag><Key>team</Key><Value>ledger</Value></Tag>",
		"Action=ListQueues":    "<QueueUrl>" + endpoint + path + "</QueueUrl>",
		"Action=AddPermission&Label=l&AWSAccountId.1=111122223333&ActionName.1=SendMessage": "AddPermissionResponse",
		"Action=DeleteQueue&QueueUrl=" + url.QueryEscape(endpoint+"/000000000000/none"):     "<Code>AWS.SimpleQueueService.NonExistentQueue</Code>",
		"Action=Nothing": "<Code>UnknownOperationException</Code>",
	} {
		values, err := url.ParseQuery(form)
		if err != nil {
			t.Fatal(err)
		}
		if _, body := post(t, endpoint, path, values); !strings.Contains(body, want) {
			t.Errorf("%s: %s, want %s", form, body, want)
		}
	}
}

// TestBoto3 runs the same script with boto3 over JSON, which its client speaks,
// and over the query protocol, which its earlier versions spoke. The script
// gives the client the description of that protocol.
func TestBoto3(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("boto3 takes a second to start")
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	if exec.CommandContext(t.Context(), python, "-c", "import boto3").Run() != nil {
		t.Skip("boto3 is not installed")
	}
	if err := testinput.Files("tools/localaws/sqs/testdata"); err != nil {
		t.Fatal(err)
	}
	for _, protocol := range []string{"json", "query"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			endpoint, _ := serve(t)
			run(t, endpoint, python, "testdata/client.py", protocol)
		})
	}
}

func TestTheCommandLine(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("the aws command takes a second to start")
	}
	program, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("the aws command is not installed")
	}
	endpoint, _ := serve(t)
	// Version 1 of the command ignores AWS_ENDPOINT_URL for SQS.
	command := func(args ...string) []byte {
		return run(t, endpoint, program, append([]string{"--endpoint-url", endpoint, "--output", "json", "sqs"}, args...)...)
	}
	var made struct{ QueueURL string }
	if err := json.Unmarshal(command("create-queue", "--queue-name", "orders"), &made); err != nil {
		t.Fatal(err)
	}
	command("send-message", "--queue-url", made.QueueURL, "--message-body", "hello", "--delay-seconds", "0")
	var got struct {
		Messages []struct{ Body, MD5OfBody string }
	}
	if err := json.Unmarshal(command("receive-message", "--queue-url", made.QueueURL, "--wait-time-seconds", "20"), &got); err != nil || len(got.Messages) != 1 || got.Messages[0].Body != "hello" {
		t.Errorf("%+v, %v", got, err)
	}
}

// run runs a client against an endpoint and returns its standard output.
func run(t *testing.T, endpoint, program string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "PYENV_ROOT=" + os.Getenv("PYENV_ROOT"), "LANG=C.UTF-8", "AWS_ENDPOINT_URL=" + endpoint,
		"AWS_DEFAULT_REGION=us-east-1", "AWS_MAX_ATTEMPTS=1", "AWS_ACCESS_KEY_ID=" + keyID, "AWS_SECRET_ACCESS_KEY=" + secret,
		"AWS_EC2_METADATA_DISABLED=true", "PYTHONDONTWRITEBYTECODE=1",
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v: %s%s", program, strings.Join(args, " "), err, out, stderr.String())
	}
	return out
}
