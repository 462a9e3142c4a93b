package sns_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

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
