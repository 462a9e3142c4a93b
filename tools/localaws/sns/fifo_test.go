package sns_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/sns"
)

// startFIFO returns a FIFO topic with a subscription of the queue "q.fifo".
func startFIFO(t *testing.T, attributes map[string]string) (s *sns.Service, c *clock.Manual, sent queues, topic *string) {
	t.Helper()
	sent, c = make(queues, 100), clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	s = sns.New(account.Account{ID: account.DefaultID, Region: "us-east-1", Endpoint: "http://127.0.0.1:4566", Clock: c}, sns.Deps{Queues: sent})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	made, err := s.CreateTopic(t.Context(), &awssns.CreateTopicInput{Name: aws.String("t.fifo"), Attributes: attributes})
	if err != nil {
		t.Fatal(err)
	}
	for _, queue := range []string{"q.fifo", "standard"} {
		if _, err := s.Subscribe(t.Context(), &awssns.SubscribeInput{
			TopicArn: made.TopicArn, Protocol: aws.String("sqs"), Endpoint: aws.String("arn:aws:sqs:us-east-1:000000000000:" + queue), Attributes: map[string]string{"RawMessageDelivery": "true"},
		}); err != nil {
			t.Fatal(err)
		}
	}
	return s, c, sent, made.TopicArn
}

// The messages of a FIFO topic arrive in their order, with their groups. Duplicates do not
// arrive within five minutes.
func TestFIFOTopics(t *testing.T) {
	t.Parallel()
	s, c, sent, topic := startFIFO(t, map[string]string{"FifoTopic": "true"})
	publish := func(body, group, id string) *awssns.PublishOutput {
		t.Helper()
		out, err := s.Publish(t.Context(), &awssns.PublishInput{TopicArn: topic, Message: &body, MessageGroupId: &group, MessageDeduplicationId: &id})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	received := func(n int) map[string][]*awssqs.SendMessageInput {
		got := map[string][]*awssqs.SendMessageInput{}
		for range n {
			in := <-sent
			queue := (*in.QueueUrl)[strings.LastIndex(*in.QueueUrl, "/")+1:]
			got[queue] = append(got[queue], in)
		}
		return got
	}
	for i := range 20 {
		publish(fmt.Sprint("m", i), "g", fmt.Sprint(i))
	}
	got := received(40)
	for i, in := range got["q.fifo"] {
		if *in.MessageBody != fmt.Sprint("m", i) || *in.MessageGroupId != "g" || *in.MessageDeduplicationId != fmt.Sprint(i) {
			t.Errorf("message %d: %s of %s, %s", i, *in.MessageBody, *in.MessageGroupId, *in.MessageDeduplicationId)
		}
	}
	if first := got["standard"][0]; first.MessageGroupId != nil {
		t.Errorf("a standard queue gets the group %s", *first.MessageGroupId)
	}
	one := publish("one", "g", "d")
	received(2)
	c.Advance(299 * time.Second)
	again := publish("another", "h", "d")
	if *again.MessageId != *one.MessageId || *again.SequenceNumber != *one.SequenceNumber || *one.SequenceNumber != "10000000000000000021" {
		t.Errorf("%s %s, then %s %s", *one.MessageId, *one.SequenceNumber, *again.MessageId, *again.SequenceNumber)
	}
	c.Advance(time.Second)
	if later := publish("another", "h", "d"); *later.MessageId == *one.MessageId {
		t.Error("a message was a duplicate after five minutes")
	}
	received(2)
	if len(sent) != 0 {
		t.Errorf("a duplicate was delivered: %s", *(<-sent).MessageBody)
	}
	if n := len(s.Messages(*topic)); n != 22 {
		t.Errorf("%d messages", n)
	}
}

func TestFIFODeduplication(t *testing.T) {
	t.Parallel()
	s, _, sent, topic := startFIFO(t, map[string]string{"FifoTopic": "true", "ContentBasedDeduplication": "true", "FifoThroughputScope": "MessageGroup"})
	for _, group := range []string{"a", "a", "b"} {
		if _, err := s.Publish(t.Context(), &awssns.PublishInput{TopicArn: topic, Message: aws.String("same"), MessageGroupId: &group}); err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		if in := <-sent; in.MessageDeduplicationId != nil && len(*in.MessageDeduplicationId) != 64 {
			t.Errorf("%s", *in.MessageDeduplicationId)
		}
	}
	if len(sent) != 0 {
		t.Error("a duplicate was delivered")
	}
	out, err := s.GetTopicAttributes(t.Context(), &awssns.GetTopicAttributesInput{TopicArn: topic})
	if err != nil || out.Attributes["FifoTopic"] != "true" || out.Attributes["ContentBasedDeduplication"] != "true" {
		t.Errorf("%v %v", out, err)
	}
	// Without raw delivery, the document has the number.
	subscriptions, err := s.ListSubscriptionsByTopic(t.Context(), &awssns.ListSubscriptionsByTopicInput{TopicArn: topic})
	if err != nil {
		t.Fatal(err)
	}
	for _, sub := range subscriptions.Subscriptions {
		if _, err := s.SetSubscriptionAttributes(t.Context(), &awssns.SetSubscriptionAttributesInput{SubscriptionArn: sub.SubscriptionArn, AttributeName: aws.String("RawMessageDelivery"), AttributeValue: aws.String("false")}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Publish(t.Context(), &awssns.PublishInput{TopicArn: topic, Message: aws.String("next"), MessageGroupId: aws.String("a")}); err != nil {
		t.Fatal(err)
	}
	var n struct{ SequenceNumber string }
	if in := <-sent; json.Unmarshal([]byte(*in.MessageBody), &n) != nil || n.SequenceNumber != "10000000000000000003" {
		t.Errorf("%s", *in.MessageBody)
	}
}

func TestFIFORefusals(t *testing.T) {
	t.Parallel()
	s, _, _, topic := startFIFO(t, map[string]string{"FifoTopic": "true"})
	standard, err := s.CreateTopic(t.Context(), &awssns.CreateTopicInput{Name: aws.String("standard")})
	if err != nil {
		t.Fatal(err)
	}
	create := func(name string, attributes map[string]string) error {
		_, err := s.CreateTopic(t.Context(), &awssns.CreateTopicInput{Name: &name, Attributes: attributes})
		return err
	}
	publish := func(in *awssns.PublishInput) error {
		in.Message = aws.String("m")
		_, err := s.Publish(t.Context(), in)
		return err
	}
	subscribe := func(protocol, endpoint string, attributes map[string]string) error {
		_, err := s.Subscribe(t.Context(), &awssns.SubscribeInput{TopicArn: topic, Protocol: &protocol, Endpoint: &endpoint, Attributes: attributes})
		return err
	}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"a name without .fifo":        {create("t", map[string]string{"FifoTopic": "true"}), "Fifo Topic names must end with .fifo"},
		"a name of a FIFO topic":      {create("x.fifo", nil), "Topic Name"},
		"an attribute":                {create("x", map[string]string{"ContentBasedDeduplication": "true"}), "does not support ContentBasedDeduplication"},
		"a value":                     {create("x.fifo", map[string]string{"FifoTopic": "true", "FifoThroughputScope": "Queue"}), "FifoThroughputScope must be one of Topic, MessageGroup"},
		"no group":                    {publish(&awssns.PublishInput{TopicArn: topic}), "The MessageGroupId parameter is required for FIFO topics"},
		"no id":                       {publish(&awssns.PublishInput{TopicArn: topic, MessageGroupId: aws.String("g")}), "ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"},
		"an invalid id":               {publish(&awssns.PublishInput{TopicArn: topic, MessageGroupId: aws.String("g"), MessageDeduplicationId: aws.String("a b")}), "MessageDeduplicationId Reason"},
		"a group of a standard topic": {publish(&awssns.PublishInput{TopicArn: standard.TopicArn, MessageGroupId: aws.String("g")}), "MessageGroupId parameter that is not valid for this topic type"},
		"a function":                  {subscribe("lambda", "arn:aws:lambda:us-east-1:000000000000:function:f", nil), "FIFO topics deliver to SQS queues only"},
		"a standard dead-letter queue": {
			subscribe("sqs", "arn:aws:sqs:us-east-1:000000000000:r.fifo", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:d"}`}),
			"must use a FIFO queue as the dead-letter queue of a FIFO topic",
		},
	} {
		if code(c.err) != "InvalidParameter" || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, c.err, c.want)
		}
	}
}
