package sns_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/sns"
)

// queues records what is sent to queues.
type queues chan *awssqs.SendMessageInput

func (q queues) SendMessage(_ context.Context, in *awssqs.SendMessageInput) (*awssqs.SendMessageOutput, error) {
	q <- in
	return &awssqs.SendMessageOutput{}, nil
}

// startQueues returns a topic with a subscription of the queue "orders".
func startQueues(t *testing.T, attributes map[string]string) (s *sns.Service, sent queues, topic, subscription string) {
	t.Helper()
	sent = make(queues, 1)
	s = sns.New(account.Account{ID: account.DefaultID, Region: "us-east-1", Endpoint: "http://127.0.0.1:4566", Clock: clock.System()}, sns.Deps{Queues: sent})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	made, err := s.CreateTopic(t.Context(), &awssns.CreateTopicInput{Name: aws.String("orders")})
	if err != nil {
		t.Fatal(err)
	}
	sub, err := s.Subscribe(t.Context(), &awssns.SubscribeInput{
		TopicArn: made.TopicArn, Protocol: aws.String("sqs"), Endpoint: aws.String("arn:aws:sqs:us-east-1:000000000000:orders"), Attributes: attributes,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, sent, *made.TopicArn, *sub.SubscriptionArn
}

func attribute(kind, value string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: &kind, StringValue: &value}
}

func TestQueuesReceiveMessages(t *testing.T) {
	t.Parallel()
	s, sent, topic, subscription := startQueues(t, nil)
	publish := func() *awssqs.SendMessageInput {
		if _, err := s.Publish(t.Context(), &awssns.PublishInput{
			TopicArn: &topic, Message: aws.String("hello"), MessageAttributes: map[string]types.MessageAttributeValue{"kind": attribute("String", "new")},
		}); err != nil {
			t.Fatal(err)
		}
		return <-sent
	}
	in := publish()
	var n struct {
		Type, Message, TopicARN string
		MessageAttributes       map[string]struct{ Type, Value string }
	}
	if err := json.Unmarshal([]byte(*in.MessageBody), &n); err != nil || *in.QueueUrl != "http://127.0.0.1:4566/000000000000/orders" ||
		n.Type != "Notification" || n.Message != "hello" || n.TopicARN != topic || n.MessageAttributes["kind"].Value != "new" || in.MessageAttributes != nil {
		t.Errorf("sent %+v: %s, %v", in, *in.MessageBody, err)
	}
	if _, err := s.SetSubscriptionAttributes(t.Context(), &awssns.SetSubscriptionAttributesInput{
		SubscriptionArn: &subscription, AttributeName: aws.String("RawMessageDelivery"), AttributeValue: aws.String("true"),
	}); err != nil {
		t.Fatal(err)
	}
	if in := publish(); *in.MessageBody != "hello" || *in.MessageAttributes["kind"].StringValue != "new" {
		t.Errorf("raw: %+v", in)
	}
	for _, endpoint := range []string{"arn:aws:sqs:us-east-1:000000000000:q.fifo", "arn:aws:sqs:us-east-1:111122223333:q", "https://sqs"} {
		if _, err := s.Subscribe(t.Context(), &awssns.SubscribeInput{TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: &endpoint}); code(err) != "InvalidParameter" {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

func TestFilterPolicies(t *testing.T) {
	t.Parallel()
	attributes := map[string]types.MessageAttributeValue{
		"kind": attribute("String", "new"), "size": attribute("Number", "12"), "tags": attribute("String.Array", `["a","b"]`),
	}
	for _, tt := range []struct {
		policy, scope string
		want          bool
	}{
		{`{}`, "", true},
		{`{"kind":["new","old"]}`, "", true},
		{`{"kind":["old"]}`, "", false},
		{`{"kind":[{"prefix":"n"}],"size":[{"numeric":[">",10]}]}`, "", true},
		{`{"size":[{"numeric":["<",10]}]}`, "MessageAttributes", false},
		{`{"tags":["b"]}`, "", true},
		{`{"none":[{"exists":false}]}`, "", true},
		{`{"none":[{"anything-but":"x"}]}`, "", false},
		{`{"order":{"state":["paid"]}}`, "MessageBody", true},
		{`{"order":{"state":["open"]}}`, "MessageBody", false},
	} {
		set := map[string]string{"FilterPolicy": tt.policy}
		if tt.scope != "" {
			set["FilterPolicyScope"] = tt.scope
		}
		s, sent, topic, subscription := startQueues(t, set)
		if _, err := s.Publish(t.Context(), &awssns.PublishInput{TopicArn: &topic, Message: aws.String(`{"order":{"state":"paid"}}`), MessageAttributes: attributes}); err != nil {
			t.Fatal(err)
		}
		// Close waits for the deliveries.
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if got := len(sent) == 1; got != tt.want {
			t.Errorf("%s: passed %t", tt.policy, got)
		}
		out, err := s.GetSubscriptionAttributes(t.Context(), &awssns.GetSubscriptionAttributesInput{SubscriptionArn: &subscription})
		if err != nil || tt.policy != "{}" && out.Attributes["FilterPolicy"] != tt.policy {
			t.Errorf("attributes %v, %v", out, err)
		}
		for name, value := range map[string]string{"FilterPolicy": `{"a":"b"}`, "FilterPolicyScope": "Body"} {
			if _, err := s.SetSubscriptionAttributes(t.Context(), &awssns.SetSubscriptionAttributesInput{
				SubscriptionArn: &subscription, AttributeName: &name, AttributeValue: &value,
			}); code(err) != "InvalidParameter" {
				t.Errorf("%s: %v", value, err)
			}
		}
	}
}

func TestPublishBatch(t *testing.T) {
	t.Parallel()
	s, sent, topic, _ := startQueues(t, map[string]string{"RawMessageDelivery": "true"})
	entry := func(id, body string) types.PublishBatchRequestEntry {
		return types.PublishBatchRequestEntry{Id: &id, Message: &body}
	}
	out, err := s.PublishBatch(t.Context(), &awssns.PublishBatchInput{TopicArn: &topic, PublishBatchRequestEntries: []types.PublishBatchRequestEntry{entry("a", "hello"), entry("b", "")}})
	if err != nil || len(out.Successful) != 1 || *out.Successful[0].Id != "a" || len(out.Failed) != 1 || *out.Failed[0].Code != "InvalidParameter" || !out.Failed[0].SenderFault {
		t.Errorf("%+v, %v", out, err)
	}
	if in := <-sent; *in.MessageBody != "hello" {
		t.Errorf("sent %+v", in)
	}
	var many []types.PublishBatchRequestEntry
	for i := range 11 {
		many = append(many, entry(string(rune('a'+i)), "x"))
	}
	large := strings.Repeat("x", 200<<10)
	for want, entries := range map[string][]types.PublishBatchRequestEntry{
		"EmptyBatchRequest": nil, "TooManyEntriesInBatchRequest": many, "BatchEntryIdsNotDistinct": {entry("a", "x"), entry("a", "y")},
		"InvalidBatchEntryId": {entry("a b", "x")}, "BatchRequestTooLong": {entry("a", large), entry("b", large)},
	} {
		if _, err := s.PublishBatch(t.Context(), &awssns.PublishBatchInput{TopicArn: &topic, PublishBatchRequestEntries: entries}); code(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	topic += "2"
	if _, err := s.PublishBatch(t.Context(), &awssns.PublishBatchInput{TopicArn: &topic, PublishBatchRequestEntries: many[:1]}); code(err) != "NotFound" {
		t.Errorf("another topic: %v", err)
	}
}

// closed refuses every queue but "dead".
type closed struct{ queues }

func (q closed) SendMessage(ctx context.Context, in *awssqs.SendMessageInput) (*awssqs.SendMessageOutput, error) {
	if !strings.HasSuffix(*in.QueueUrl, "/dead") {
		return nil, &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "no", Fault: smithy.FaultClient}
	}
	return q.queues.SendMessage(ctx, in)
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	sent := make(queues, 1)
	s := sns.New(account.Account{ID: account.DefaultID, Region: "us-east-1", Endpoint: "http://127.0.0.1:4566", Clock: clock.System()}, sns.Deps{Queues: closed{sent}})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	topic, err := s.CreateTopic(t.Context(), &awssns.CreateTopicInput{Name: aws.String("orders")})
	if err != nil {
		t.Fatal(err)
	}
	in := &awssns.SubscribeInput{
		TopicArn: topic.TopicArn, Protocol: aws.String("sqs"), Endpoint: aws.String("arn:aws:sqs:us-east-1:000000000000:orders"), ReturnSubscriptionArn: true,
		Attributes: map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead"}`},
	}
	sub, err := s.Subscribe(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Publish(t.Context(), &awssns.PublishInput{TopicArn: topic.TopicArn, Message: aws.String("hello")}); err != nil {
		t.Fatal(err)
	}
	if got := <-sent; !strings.Contains(*got.MessageBody, `"Message":"hello"`) || *got.MessageAttributes["ErrorCode"].StringValue != "AccessDeniedException" {
		t.Errorf("dead letter %+v", got)
	}
	attributes, err := s.GetSubscriptionAttributes(t.Context(), &awssns.GetSubscriptionAttributesInput{SubscriptionArn: sub.SubscriptionArn})
	if err != nil || attributes.Attributes["RedrivePolicy"] != in.Attributes["RedrivePolicy"] {
		t.Errorf("%+v, %v", attributes, err)
	}
	for name, values := range map[string][]string{
		"RedrivePolicy": {`{`, `{"deadLetterTargetArn":"arn:aws:sns:us-east-1:000000000000:t"}`, `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:q.fifo"}`},
		// Attributes have no members, and there may be 150 combinations.
		"FilterPolicy": {`{"a":{"b":["c"]}}`, `{"a":[1,2,3,4,5,6],"b":[1,2,3,4,5,6],"c":[1,2,3,4,5,6]}`},
	} {
		for _, value := range values {
			if _, err := s.SetSubscriptionAttributes(t.Context(), &awssns.SetSubscriptionAttributesInput{SubscriptionArn: sub.SubscriptionArn, AttributeName: &name, AttributeValue: &value}); code(err) != "InvalidParameter" {
				t.Errorf("%s: %v", value, err)
			}
		}
	}
}
