package s3_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/delivery"
	"github.com/magewright/magewright/tools/localaws/principal"
	"github.com/magewright/magewright/tools/localaws/s3"
)

// targets records what is sent, and refuses the queue "closed".
type targets chan string

func (f targets) Invoke(ctx context.Context, in *awslambda.InvokeInput) (*awslambda.InvokeOutput, error) {
	if in.InvocationType == lambdatypes.InvocationTypeEvent {
		f <- principal.FromContext(ctx).Source + " " + string(in.Payload)
	}
	return &awslambda.InvokeOutput{}, nil
}

func (f targets) SendMessage(_ context.Context, in *awssqs.SendMessageInput) (*awssqs.SendMessageOutput, error) {
	if strings.HasSuffix(*in.QueueUrl, "/closed") {
		return nil, errors.New("no permission")
	}
	f <- *in.MessageBody
	return &awssqs.SendMessageOutput{}, nil
}

func (f targets) PutEvents(_ context.Context, in *awseventbridge.PutEventsInput) (*awseventbridge.PutEventsOutput, error) {
	e := in.Entries[0]
	f <- *e.Source + " " + *e.DetailType + " " + *e.Detail
	return &awseventbridge.PutEventsOutput{}, nil
}

func notifying(t *testing.T) (*s3.Service, targets) {
	t.Helper()
	a := account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: clock.NewManual(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))}
	s, f := s3.New(a), make(targets, 20)
	s.Sender = &delivery.Sender{Account: a, Deps: delivery.Deps{Functions: f, Queues: f, Buses: f}, Service: s3.ServicePrincipal}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := s.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: aws.String("inbox")}); err != nil {
		t.Fatal(err)
	}
	return s, f
}

func configure(t *testing.T, s *s3.Service, c types.NotificationConfiguration) error {
	t.Helper()
	_, err := s.PutBucketNotificationConfiguration(t.Context(), &awss3.PutBucketNotificationConfigurationInput{Bucket: aws.String("inbox"), NotificationConfiguration: &c})
	return err
}

const (
	queueARN    = "arn:aws:sqs:us-east-1:000000000000:q"
	functionARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
)

func TestNotifications(t *testing.T) {
	t.Parallel()
	s, f := notifying(t)
	filter := &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: []types.FilterRule{
		{Name: "Prefix", Value: aws.String("in/")}, {Name: "suffix", Value: aws.String(".csv")},
	}}}
	if err := configure(t, s, types.NotificationConfiguration{
		QueueConfigurations:          []types.QueueConfiguration{{Id: aws.String("created"), QueueArn: aws.String(queueARN), Events: []types.Event{"s3:ObjectCreated:*"}, Filter: filter}},
		LambdaFunctionConfigurations: []types.LambdaFunctionConfiguration{{LambdaFunctionArn: aws.String(functionARN), Events: []types.Event{"s3:ObjectRemoved:Delete", "s3:ObjectTagging:Put"}}},
	}); err != nil {
		t.Fatal(err)
	}
	if got := <-f; !strings.Contains(got, `"Event":"s3:TestEvent"`) || !strings.Contains(got, `"Bucket":"inbox"`) {
		t.Errorf("test event %s", got)
	}
	put := func(key string) {
		if _, err := s.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("inbox"), Key: &key, Body: strings.NewReader("abc")}); err != nil {
			t.Fatal(err)
		}
	}
	put("in/skip.txt")
	put("in/a b.csv")
	var event struct {
		Records []struct {
			EventVersion, EventSource, EventName, EventTime string
			S3                                              struct {
				ConfigurationID string
				Bucket          struct{ Name, ARN string }
				Object          struct {
					Key, ETag, Sequencer string
					Size                 int
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(<-f), &event); err != nil {
		t.Fatal(err)
	}
	r := event.Records[0]
	if r.EventName != "ObjectCreated:Put" || r.EventTime != "2026-07-01T12:00:00.000Z" || r.S3.ConfigurationID != "created" || r.S3.Bucket.ARN != "arn:aws:s3:::inbox" ||
		r.S3.Object.Key != "in/a+b.csv" || r.S3.Object.Size != 3 || r.S3.Object.ETag != "900150983cd24fb0d6963f7d28e17f72" || r.S3.Object.Sequencer == "" {
		t.Errorf("record %+v", r)
	}
	if _, err := s.PutObjectTagging(t.Context(), &awss3.PutObjectTaggingInput{Bucket: aws.String("inbox"), Key: aws.String("in/skip.txt"), Tagging: &types.Tagging{}}); err != nil {
		t.Fatal(err)
	}
	if got := <-f; !strings.HasPrefix(got, "arn:aws:s3:::inbox ") || !strings.Contains(got, `"eventName":"ObjectTagging:Put"`) {
		t.Errorf("tagging %s", got)
	}
	if _, err := s.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: aws.String("inbox"), Key: aws.String("in/skip.txt")}); err != nil {
		t.Fatal(err)
	}
	if got := <-f; !strings.Contains(got, `"eventName":"ObjectRemoved:Delete"`) {
		t.Errorf("deletion %s", got)
	}
	// What is not there is not removed.
	if _, err := s.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: aws.String("inbox"), Key: aws.String("in/skip.txt")}); err != nil {
		t.Fatal(err)
	}
	if err := configure(t, s, types.NotificationConfiguration{EventBridgeConfiguration: &types.EventBridgeConfiguration{}}); err != nil {
		t.Fatal(err)
	}
	put("x")
	if got := <-f; !strings.HasPrefix(got, `aws.s3 Object Created {"bucket":{"name":"inbox"},"object":{"etag":`) || !strings.Contains(got, `"reason":"PutObject"`) {
		t.Errorf("event %s", got)
	}
	if err := s.Close(); err != nil || len(f) > 0 {
		t.Errorf("%d more, %v", len(f), err)
	}
}

func TestNotificationsThatAreRefused(t *testing.T) {
	t.Parallel()
	s, _ := notifying(t)
	queue := func(arn string, event types.Event) types.NotificationConfiguration {
		return types.NotificationConfiguration{QueueConfigurations: []types.QueueConfiguration{{QueueArn: &arn, Events: []types.Event{event}}}}
	}
	for want, c := range map[string]types.NotificationConfiguration{
		"Unable to validate the following destination configurations: arn:aws:sqs:us-east-1:000000000000:closed (no permission)": queue("arn:aws:sqs:us-east-1:000000000000:closed", "s3:ObjectCreated:*"),
		"Unable to validate the following destination configurations: arn:aws:sqs:eu-west-1:000000000000:q":                      queue("arn:aws:sqs:eu-west-1:000000000000:q", "s3:ObjectCreated:*"),
		"no notifications about the event s3:ReducedRedundancyLostObject":                                                        queue(queueARN, "s3:ReducedRedundancyLostObject"),
	} {
		if err := configure(t, s, c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestAnswersHaveTheirDetails sends requests over the wire.
func TestAnswersHaveTheirDetails(t *testing.T) {
	t.Parallel()
	s, _ := notifying(t)
	server := httptest.NewServer(s)
	defer server.Close()
	send := func(method, path, body string, header ...string) string {
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil {
			t.Fatal(err)
		}
		summary := fmt.Sprint(response.StatusCode)
		for _, name := range []string{"ETag", "Last-Modified", "Content-Range", "X-Amz-Delete-Marker", "Allow"} {
			if v := response.Header.Get(name); v != "" {
				summary += " " + name + "=" + v
			}
		}
		return summary + " " + string(text)
	}
	const configuration = `<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><CloudFunctionConfiguration><Id>x</Id><CloudFunction>` + functionARN +
		`</CloudFunction><Event>s3:ObjectCreated:*</Event><Filter><S3Key><FilterRule><Name>prefix</Name><Value>in/</Value></FilterRule></S3Key></Filter></CloudFunctionConfiguration></NotificationConfiguration>`
	send("PUT", "/inbox/k", "abc")
	send("PUT", "/inbox?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
	send("PUT", "/inbox/gone", "abc")
	send("DELETE", "/inbox/gone", "")
	for _, tt := range []struct {
		method, path, body string
		header             []string
		want               string
	}{
		{"PUT", "/inbox?notification", configuration, nil, "200"},
		{"GET", "/inbox?notification", "", nil, `<CloudFunctionConfiguration><Event>s3:ObjectCreated:*</Event><CloudFunction>`},
		{"GET", "/inbox/none", "", nil, "<Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>none</Key>"},
		{"GET", "/nowhere/k", "", nil, "<Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message><BucketName>nowhere</BucketName>"},
		{"GET", "/inbox/gone", "", nil, "404 X-Amz-Delete-Marker=true"},
		{"HEAD", "/inbox/gone", "", nil, "404 X-Amz-Delete-Marker=true"},
		{"GET", "/inbox/k", "", []string{"If-None-Match", `"900150983cd24fb0d6963f7d28e17f72"`}, `304 ETag="900150983cd24fb0d6963f7d28e17f72" Last-Modified=Wed, 01 Jul 2026 12:00:00 GMT`},
		{"GET", "/inbox/k", "", []string{"If-Match", `"x"`}, "<Code>PreconditionFailed</Code><Message>At least one of the pre-conditions you specified did not hold</Message><Condition>If-Match</Condition>"},
		{"GET", "/inbox/k?partNumber=1", "", nil, `206 ETag="900150983cd24fb0d6963f7d28e17f72" Last-Modified=Wed, 01 Jul 2026 12:00:00 GMT Content-Range=bytes 0-2/3 abc`},
		{"DELETE", "/inbox/k?tagging", "", nil, "204"},
	} {
		if got := send(tt.method, tt.path, tt.body, tt.header...); !strings.Contains(got, tt.want) {
			t.Errorf("%s %s: %s\nwant %s", tt.method, tt.path, got, tt.want)
		}
	}
}
