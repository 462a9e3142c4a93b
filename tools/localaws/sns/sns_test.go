package sns_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/principal"
	"github.com/magewright/magewright/tools/localaws/sns"
)

type invocation struct {
	in     *awslambda.InvokeInput
	caller string
}

type functions chan invocation

func (f functions) Invoke(ctx context.Context, in *awslambda.InvokeInput) (*awslambda.InvokeOutput, error) {
	f <- invocation{in, principal.FromContext(ctx).ARN}
	return &awslambda.InvokeOutput{StatusCode: 202}, nil
}

func start(t *testing.T, f sns.Functions) (*sns.Service, *clock.Manual, string) {
	t.Helper()
	now := clock.NewManual(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))
	s := sns.New(account.Account{ID: account.DefaultID, Region: "us-east-1", Endpoint: "http://127.0.0.1:4566", Clock: now}, sns.Deps{Functions: f})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	out, err := s.CreateTopic(t.Context(), &awssns.CreateTopicInput{Name: aws.String("alarms")})
	if err != nil {
		t.Fatal(err)
	}
	return s, now, *out.TopicArn
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

func TestFunctionsReceiveMessages(t *testing.T) {
	t.Parallel()
	calls := make(functions, 1)
	s, _, topic := start(t, calls)
	sub, err := s.Subscribe(t.Context(), &awssns.SubscribeInput{TopicArn: &topic, Protocol: aws.String("lambda"), Endpoint: aws.String("arn:aws:lambda:us-east-1:000000000000:function:f")})
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Publish(t.Context(), &awssns.PublishInput{
		TopicArn: &topic, Subject: aws.String("ALARM"), MessageStructure: aws.String("json"), Message: aws.String(`{"default":"d","lambda":"l"}`),
		MessageAttributes: map[string]types.MessageAttributeValue{"stage": {DataType: aws.String("String"), StringValue: aws.String("production")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	call := <-calls
	var event struct {
		Records []struct {
			EventSource, EventSubscriptionArn string
			Sns                               struct {
				MessageID, Subject, Message, TopicArn, Timestamp string
				MessageAttributes                                map[string]struct{ Type, Value string }
			}
		}
	}
	if err := json.Unmarshal(call.in.Payload, &event); err != nil {
		t.Fatal(err)
	}
	r := event.Records[0]
	if r.EventSource != "aws:sns" || r.EventSubscriptionArn != *sub.SubscriptionArn || r.Sns.MessageID != *out.MessageId || r.Sns.Subject != "ALARM" ||
		r.Sns.Message != "l" || r.Sns.TopicArn != topic || r.Sns.Timestamp != "2026-07-01T12:00:00.000Z" || r.Sns.MessageAttributes["stage"].Value != "production" {
		t.Errorf("event %s", call.in.Payload)
	}
	if call.in.InvocationType != lambdatypes.InvocationTypeEvent || call.caller != "sns.amazonaws.com" {
		t.Errorf("invoked as %s by %s", call.in.InvocationType, call.caller)
	}
	if kept := s.Messages(topic); len(kept) != 1 || kept[0].Body != "d" || kept[0].ID != *out.MessageId {
		t.Errorf("messages %+v", kept)
	}
}

func TestEndpointsConfirmAndAreRetried(t *testing.T) {
	t.Parallel()
	type request struct{ kind, body string }
	requests := make(chan request)
	status := make(chan int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		requests <- request{r.Header.Get("X-Amz-Sns-Message-Type"), string(body)}
		w.WriteHeader(<-status)
	}))
	defer server.Close()
	s, now, topic := start(t, nil)
	sub, err := s.Subscribe(t.Context(), &awssns.SubscribeInput{TopicArn: &topic, Protocol: aws.String("http"), Endpoint: &server.URL})
	if err != nil || *sub.SubscriptionArn != "pending confirmation" {
		t.Fatalf("%+v, %v", sub, err)
	}
	first := <-requests
	status <- http.StatusOK
	var confirmation struct{ Type, Token, SubscribeURL string }
	if err := json.Unmarshal([]byte(first.body), &confirmation); err != nil || confirmation.Type != "SubscriptionConfirmation" || !strings.HasPrefix(confirmation.SubscribeURL, "http://127.0.0.1:4566/?Action=ConfirmSubscription") {
		t.Fatalf("%s, %v", first.body, err)
	}
	publish := func(text string) {
		if _, err := s.Publish(t.Context(), &awssns.PublishInput{TopicArn: &topic, Message: &text}); err != nil {
			t.Error(err)
		}
	}
	publish("nobody hears this")
	if _, err := s.ConfirmSubscription(t.Context(), &awssns.ConfirmSubscriptionInput{TopicArn: &topic, Token: aws.String("guess")}); code(err) != "InvalidParameter" {
		t.Errorf("a wrong token: %v", err)
	}
	confirmed, err := s.ConfirmSubscription(t.Context(), &awssns.ConfirmSubscriptionInput{TopicArn: &topic, Token: &confirmation.Token})
	if err != nil {
		t.Fatal(err)
	}
	publish("heard")
	if got := <-requests; got.kind != "Notification" || !strings.Contains(got.body, `"Message":"heard"`) {
		t.Errorf("first try: %+v", got)
	}
	status <- http.StatusServiceUnavailable
	now.BlockUntil(1)
	now.Advance(20 * time.Second)
	if got := <-requests; !strings.Contains(got.body, `"Message":"heard"`) {
		t.Errorf("second try: %+v", got)
	}
	status <- http.StatusOK
	if _, err := s.SetSubscriptionAttributes(t.Context(), &awssns.SetSubscriptionAttributesInput{SubscriptionArn: confirmed.SubscriptionArn, AttributeName: aws.String("RawMessageDelivery"), AttributeValue: aws.String("true")}); err != nil {
		t.Error(err)
	}
	publish("raw")
	if got := <-requests; got.body != "raw" {
		t.Errorf("raw: %+v", got)
	}
	status <- http.StatusOK
}

func TestCloseEndsDeliveries(t *testing.T) {
	t.Parallel()
	s, now, topic := start(t, nil)
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	if _, err := s.Subscribe(t.Context(), &awssns.SubscribeInput{TopicArn: &topic, Protocol: aws.String("http"), Endpoint: &server.URL}); err != nil {
		t.Fatal(err)
	}
	// It waits for the next retry. The cleanup closes the service.
	now.BlockUntil(1)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s, _, topic := start(t, nil)
	for name, tt := range map[string]struct {
		in   *awssns.SubscribeInput
		want string
	}{
		"another host":     {&awssns.SubscribeInput{TopicArn: &topic, Protocol: aws.String("https"), Endpoint: aws.String("https://example.com/")}, "InvalidParameter"},
		"a host that lies": {&awssns.SubscribeInput{TopicArn: &topic, Protocol: aws.String("http"), Endpoint: aws.String("http://localhost.example.com/")}, "InvalidParameter"},
		"redrive":          {&awssns.SubscribeInput{TopicArn: &topic, Protocol: aws.String("email"), Endpoint: aws.String("a@example.com"), Attributes: map[string]string{"RedrivePolicy": "x"}}, "InvalidParameter"},
		"no queues":        {&awssns.SubscribeInput{TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: aws.String("arn:aws:sqs:us-east-1:000000000000:q")}, "InvalidParameter"},
		"no topic":         {&awssns.SubscribeInput{TopicArn: aws.String("arn:x"), Protocol: aws.String("email"), Endpoint: aws.String("a@example.com")}, "NotFound"},
		"no functions":     {&awssns.SubscribeInput{TopicArn: &topic, Protocol: aws.String("lambda"), Endpoint: aws.String("arn:aws:lambda:us-east-1:000000000000:function:f")}, "InvalidParameter"},
	} {
		if _, err := s.Subscribe(t.Context(), tt.in); code(err) != tt.want {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	if _, err := s.CreateTopic(t.Context(), &awssns.CreateTopicInput{Name: aws.String("q.fifo")}); code(err) != "InvalidParameter" {
		t.Errorf("FIFO: %v", err)
	}
	if _, err := s.Publish(t.Context(), &awssns.PublishInput{TopicArn: aws.String("arn:none"), Message: aws.String("x")}); code(err) != "NotFound" {
		t.Errorf("publishing to no topic: %v", err)
	}
}

func TestTopicAttributes(t *testing.T) {
	t.Parallel()
	s, _, topic := start(t, nil)
	ctx := t.Context()
	if _, err := s.Subscribe(ctx, &awssns.SubscribeInput{TopicArn: &topic, Protocol: aws.String("email"), Endpoint: aws.String("a@example.com")}); err != nil {
		t.Fatal(err)
	}
	const policy = `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sns:Publish","Resource":"*"}]}`
	if _, err := s.SetTopicAttributes(ctx, &awssns.SetTopicAttributesInput{TopicArn: &topic, AttributeName: aws.String("Policy"), AttributeValue: aws.String(policy)}); err != nil {
		t.Error(err)
	}
	got, err := s.GetTopicAttributes(ctx, &awssns.GetTopicAttributesInput{TopicArn: &topic})
	if err != nil || got.Attributes["Policy"] != policy || got.Attributes["SubscriptionsPending"] != "1" || got.Attributes["Owner"] != account.DefaultID {
		t.Errorf("attributes %v, %v", got, err)
	}
	listed, err := s.ListSubscriptionsByTopic(ctx, &awssns.ListSubscriptionsByTopicInput{TopicArn: &topic})
	if err != nil || len(listed.Subscriptions) != 1 || *listed.Subscriptions[0].SubscriptionArn != "PendingConfirmation" {
		t.Errorf("subscriptions %+v, %v", listed, err)
	}
	if _, err := s.TagResource(ctx, &awssns.TagResourceInput{ResourceArn: &topic, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("a"), Value: aws.String("2")}}}); err != nil {
		t.Error(err)
	}
	if tags, err := s.ListTagsForResource(ctx, &awssns.ListTagsForResourceInput{ResourceArn: &topic}); err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Value != "2" {
		t.Errorf("tags %+v, %v", tags, err)
	}
	if again, err := s.CreateTopic(ctx, &awssns.CreateTopicInput{Name: aws.String("alarms")}); err != nil || *again.TopicArn != topic {
		t.Errorf("creating again: %v", err)
	}
	if _, err := s.DeleteTopic(ctx, &awssns.DeleteTopicInput{TopicArn: &topic}); err != nil {
		t.Error(err)
	}
	if all, err := s.ListSubscriptions(ctx, &awssns.ListSubscriptionsInput{}); err != nil || len(all.Subscriptions) != 0 {
		t.Errorf("subscriptions of a deleted topic: %+v, %v", all, err)
	}
}
