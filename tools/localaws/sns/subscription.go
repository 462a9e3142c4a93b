package sns

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/account"
)

type subscription struct {
	arn, topic, protocol, endpoint string
	confirmed                      bool
	token                          string // token that confirms it
	raw                            bool   // RawMessageDelivery
	deadLetters                    string // ARN of the dead-letter queue; may be empty
	filter                         filter
	last                           chan struct{} // closed when the last message of a FIFO topic was delivered
}

const pendingARN = "PendingConfirmation"

// checkEndpoint refuses an endpoint that messages can't or must not be
// delivered to.
func (s *Service) checkEndpoint(protocol, endpoint string, fifo bool) error {
	if fifo && protocol != "sqs" {
		return invalid("Protocol: FIFO topics deliver to SQS queues only, not to %q", protocol)
	}
	switch protocol {
	case "email":
		if !strings.Contains(endpoint, "@") {
			return invalid("Email address")
		}
	case "lambda":
		if !strings.HasPrefix(endpoint, s.account.ARN("lambda", "function:")) {
			return invalid("Lambda endpoint ARN: %s", endpoint)
		}
		if s.deps.Functions == nil {
			return invalid("this embedded AWS has no Lambda functions to deliver to")
		}
	case "sqs":
		switch {
		case !strings.HasPrefix(endpoint, s.account.ARN("sqs", "")):
			return invalid("SQS endpoint ARN: %s", endpoint)
		case strings.HasSuffix(endpoint, fifoSuffix) && !fifo:
			return invalid("Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics")
		case s.deps.Queues == nil:
			return invalid("this embedded AWS has no SQS queues to deliver to")
		}
	case "http", "https":
		u, err := url.Parse(endpoint)
		if err != nil || u.Scheme != protocol || !loopback(u.Hostname()) {
			return invalid("Endpoint: the embedded SNS delivers only to %s://localhost and loopback addresses, not to %s", protocol, endpoint)
		}
	default:
		return invalid("Protocol: the embedded SNS does not support %q", protocol)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// setAttribute sets one attribute of a subscription.
func (sub *subscription) setAttribute(name, value string) error {
	switch {
	case name == "RawMessageDelivery" && (sub.protocol == "http" || sub.protocol == "https" || sub.protocol == "sqs"):
		raw, err := strconv.ParseBool(value)
		if err != nil {
			return invalid("RawMessageDelivery: %v", err)
		}
		sub.raw = raw
		return nil
	case name == "RedrivePolicy" && (value == "" || value == "{}"):
		sub.deadLetters = ""
		return nil
	case name == "RedrivePolicy":
		var redrive struct {
			Target string `json:"deadLetterTargetArn"`
		}
		if err := json.Unmarshal([]byte(value), &redrive); err != nil || !strings.HasPrefix(redrive.Target, "arn:"+account.Partition+":sqs:") {
			return invalid("RedrivePolicy: must be JSON with the ARN of a queue as deadLetterTargetArn: %s", value)
		}
		if fifo := strings.HasSuffix(sub.topic, fifoSuffix); strings.HasSuffix(redrive.Target, fifoSuffix) != fifo {
			return invalid("RedrivePolicy: must use a %s queue as the dead-letter queue of a %[1]s topic: %s", map[bool]string{true: "FIFO", false: "standard"}[fifo], redrive.Target)
		}
		sub.deadLetters = redrive.Target
		return nil
	case name == "FilterPolicy":
		return sub.filter.setPolicy(value)
	case name == "FilterPolicyScope":
		return sub.filter.setScope(value)
	}
	return invalid("Attributes: the embedded SNS does not support %s of the protocol %s", name, sub.protocol)
}

// Subscribe subscribes an endpoint to a topic. A function or queue is confirmed at once.
// An HTTP endpoint is confirmed when it answers its confirmation message. An
// e-mail address stays pending, because no mail is sent.
func (s *Service) Subscribe(_ context.Context, in *awssns.SubscribeInput) (*awssns.SubscribeOutput, error) {
	protocol, endpoint := aws.ToString(in.Protocol), aws.ToString(in.Endpoint)
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.topic(in.TopicArn)
	if err != nil {
		return nil, err
	}
	if err := s.checkEndpoint(protocol, endpoint, t.fifo); err != nil {
		return nil, err
	}
	var sub *subscription
	for _, old := range s.subscriptions {
		if old.topic == t.arn && old.protocol == protocol && old.endpoint == endpoint {
			sub = old
		}
	}
	fresh := sub == nil
	if fresh {
		sub = &subscription{arn: t.arn + ":" + uuid.NewString(), topic: t.arn, protocol: protocol, endpoint: endpoint, token: rand.Text(), confirmed: protocol == "lambda" || protocol == "sqs"}
	}
	changed := *sub
	for name, value := range in.Attributes {
		if err := changed.setAttribute(name, value); err != nil {
			return nil, err
		}
	}
	if err := changed.filter.check(); err != nil {
		return nil, err
	}
	*sub = changed
	s.subscriptions[sub.arn] = sub
	if fresh && (protocol == "http" || protocol == "https") {
		s.deliver(sub, s.confirmation(sub), Message{})
	}
	out := &awssns.SubscribeOutput{SubscriptionArn: aws.String("pending confirmation")}
	if sub.confirmed || in.ReturnSubscriptionArn {
		out.SubscriptionArn = aws.String(sub.arn)
	}
	return out, nil
}

// ConfirmSubscription confirms a subscription with the token that was sent to
// its endpoint.
func (s *Service) ConfirmSubscription(_ context.Context, in *awssns.ConfirmSubscriptionInput) (*awssns.ConfirmSubscriptionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.topic(in.TopicArn)
	if err != nil {
		return nil, err
	}
	for _, sub := range s.subscriptions {
		if sub.topic == t.arn && sub.token == aws.ToString(in.Token) {
			sub.confirmed = true
			return &awssns.ConfirmSubscriptionOutput{SubscriptionArn: aws.String(sub.arn)}, nil
		}
	}
	return nil, invalid("Token")
}

// Unsubscribe removes a subscription. Removing one that is already gone is no error.
func (s *Service) Unsubscribe(_ context.Context, in *awssns.UnsubscribeInput) (*awssns.UnsubscribeOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.subscriptions, aws.ToString(in.SubscriptionArn))
	return &awssns.UnsubscribeOutput{}, nil
}

// subscription finds a subscription; s is locked.
func (s *Service) subscription(arn *string) (*subscription, error) {
	sub, ok := s.subscriptions[aws.ToString(arn)]
	if !ok {
		return nil, &types.NotFoundException{Message: aws.String("Subscription does not exist")}
	}
	return sub, nil
}

// GetSubscriptionAttributes returns a subscription's attributes.
func (s *Service) GetSubscriptionAttributes(_ context.Context, in *awssns.GetSubscriptionAttributesInput) (*awssns.GetSubscriptionAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, err := s.subscription(in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	attributes := map[string]string{
		"SubscriptionArn": sub.arn, "TopicArn": sub.topic, "Owner": s.account.ID, "Protocol": sub.protocol, "Endpoint": sub.endpoint,
		"PendingConfirmation": strconv.FormatBool(!sub.confirmed), "RawMessageDelivery": strconv.FormatBool(sub.raw),
		"ConfirmationWasAuthenticated": strconv.FormatBool(sub.protocol == "lambda" || sub.protocol == "sqs"),
	}
	sub.filter.describe(attributes)
	if sub.deadLetters != "" {
		attributes["RedrivePolicy"] = `{"deadLetterTargetArn":"` + sub.deadLetters + `"}`
	}
	return &awssns.GetSubscriptionAttributesOutput{Attributes: attributes}, nil
}

// SetSubscriptionAttributes sets one attribute of a subscription.
func (s *Service) SetSubscriptionAttributes(_ context.Context, in *awssns.SetSubscriptionAttributesInput) (*awssns.SetSubscriptionAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, err := s.subscription(in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	changed := *sub
	if err := changed.setAttribute(aws.ToString(in.AttributeName), aws.ToString(in.AttributeValue)); err != nil {
		return nil, err
	}
	if err := changed.filter.check(); err != nil {
		return nil, err
	}
	*sub = changed
	return &awssns.SetSubscriptionAttributesOutput{}, nil
}

// list returns the subscriptions of a topic, or all subscriptions if topicARN
// is empty. s is locked.
func (s *Service) list(topicARN string) []types.Subscription {
	var all []types.Subscription
	for _, sub := range slices.SortedFunc(maps.Values(s.subscriptions), func(x, y *subscription) int { return cmp.Compare(x.arn, y.arn) }) {
		if topicARN != "" && sub.topic != topicARN {
			continue
		}
		arn := sub.arn
		if !sub.confirmed {
			arn = pendingARN
		}
		all = append(all, types.Subscription{
			SubscriptionArn: aws.String(arn), TopicArn: aws.String(sub.topic), Protocol: aws.String(sub.protocol),
			Endpoint: aws.String(sub.endpoint), Owner: aws.String(s.account.ID),
		})
	}
	return all
}

// ListSubscriptions lists all subscriptions on one page.
func (s *Service) ListSubscriptions(_ context.Context, in *awssns.ListSubscriptionsInput) (*awssns.ListSubscriptionsOutput, error) {
	if in.NextToken != nil {
		return nil, invalid("NextToken")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &awssns.ListSubscriptionsOutput{Subscriptions: s.list("")}, nil
}

// ListSubscriptionsByTopic lists the subscriptions of a topic on one page.
func (s *Service) ListSubscriptionsByTopic(_ context.Context, in *awssns.ListSubscriptionsByTopicInput) (*awssns.ListSubscriptionsByTopicOutput, error) {
	if in.NextToken != nil {
		return nil, invalid("NextToken")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.topic(in.TopicArn)
	if err != nil {
		return nil, err
	}
	return &awssns.ListSubscriptionsByTopicOutput{Subscriptions: s.list(t.arn)}, nil
}
