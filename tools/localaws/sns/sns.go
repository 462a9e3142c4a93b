// Package sns is the embedded AWS's Simple Notification Service. Messages go
// to Lambda functions, to SQS queues and to HTTP endpoints on loopback; nothing
// leaves the machine. Messages are not signed.
package sns

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/iam/policy"
)

// Functions invokes Lambda functions that subscribe to a topic.
type Functions interface {
	Invoke(context.Context, *awslambda.InvokeInput) (*awslambda.InvokeOutput, error)
}

// Queues sends to SQS queues that subscribe to a topic.
type Queues interface {
	SendMessage(context.Context, *awssqs.SendMessageInput) (*awssqs.SendMessageOutput, error)
}

// Deps are the services that messages are delivered to.
type Deps struct {
	Functions Functions
	Queues    Queues
}

// Service is the notification service of one account and region.
type Service struct {
	account account.Account
	deps    Deps
	client  *http.Client

	ctx        context.Context // context of deliveries; ends with the service
	cancel     context.CancelFunc
	deliveries sync.WaitGroup

	mu            sync.Mutex
	closed        bool
	topics        map[string]*topic // by ARN
	subscriptions map[string]*subscription
}

type topic struct {
	name, arn  string
	attributes map[string]string // those that a request has set
	tags       []types.Tag
	messages   []Message

	fifo     bool
	sequence int64
	recent   map[string]sent // messages of a FIFO topic, by what identifies their duplicates
}

// New returns a service without topics.
func New(a account.Account, d Deps) *Service {
	if a.Log == nil {
		a.Log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Service{
		account: a, deps: d, client: loopbackClient(), ctx: ctx, cancel: cancel,
		topics: map[string]*topic{}, subscriptions: map[string]*subscription{},
	}
}

// Close ends the deliveries in progress and waits until they have ended.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.deliveries.Wait()
	s.client.CloseIdleConnections()
	return nil
}

// topic finds a topic; s is locked.
func (s *Service) topic(arn *string) (*topic, error) {
	t, ok := s.topics[aws.ToString(arn)]
	if !ok {
		return nil, &types.NotFoundException{Message: aws.String("Topic does not exist")}
	}
	return t, nil
}

func invalid(format string, args ...any) error {
	return &types.InvalidParameterException{Message: aws.String("Invalid parameter: " + fmt.Sprintf(format, args...))}
}

var topicName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

// settable lists the topic attributes that are supported, and those that only
// configure the logging or tracing of deliveries and so have no effect here.
var settable = []string{"DisplayName", "KmsMasterKeyId", "Policy", "SignatureVersion", "TracingConfig"}

func checkAttribute(name, value string, fifo bool) error {
	if values, ok := fifoAttributes[name]; ok && fifo {
		if value != "" && !slices.Contains(values, value) {
			return invalid("Attributes Reason: %s must be one of %s", name, strings.Join(values, ", "))
		}
		return nil
	}
	if !slices.Contains(settable, name) {
		return invalid("AttributeName: the embedded SNS does not support %s", name)
	}
	if name == "Policy" && value != "" {
		if _, err := policy.Parse(value, policy.Resource); err != nil {
			return invalid("Policy: %v", err)
		}
	}
	return nil
}

// CreateTopic creates a topic, or returns the existing topic with that name.
func (s *Service) CreateTopic(_ context.Context, in *awssns.CreateTopicInput) (*awssns.CreateTopicOutput, error) {
	name := aws.ToString(in.Name)
	fifo := in.Attributes["FifoTopic"] == "true"
	switch {
	case fifo && !fifoName.MatchString(name):
		return nil, invalid("Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII letters, numbers, underscores, and hyphens, and must be between 1 and 256 characters long.")
	case !fifo && !topicName.MatchString(name):
		return nil, invalid("Topic Name: %q", name)
	}
	if in.DataProtectionPolicy != nil {
		return nil, invalid("the embedded SNS does not support DataProtectionPolicy")
	}
	attributes := maps.Clone(in.Attributes)
	delete(attributes, "FifoTopic")
	for key, value := range attributes {
		if err := checkAttribute(key, value, fifo); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	arn := s.account.ARN("sns", name)
	if t, ok := s.topics[arn]; ok {
		for key, value := range attributes {
			if t.attributes[key] != value {
				return nil, invalid("Attributes Reason: Topic already exists with different attributes")
			}
		}
		return &awssns.CreateTopicOutput{TopicArn: aws.String(arn)}, nil
	}
	t := &topic{name: name, arn: arn, attributes: map[string]string{}, tags: slices.Clone(in.Tags), fifo: fifo, recent: map[string]sent{}}
	maps.Copy(t.attributes, attributes)
	s.topics[arn] = t
	return &awssns.CreateTopicOutput{TopicArn: aws.String(arn)}, nil
}

// DeleteTopic deletes a topic and its subscriptions. Deleting a topic that is
// already gone is no error.
func (s *Service) DeleteTopic(_ context.Context, in *awssns.DeleteTopicInput) (*awssns.DeleteTopicOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	arn := aws.ToString(in.TopicArn)
	delete(s.topics, arn)
	maps.DeleteFunc(s.subscriptions, func(_ string, sub *subscription) bool { return sub.topic == arn })
	return &awssns.DeleteTopicOutput{}, nil
}

// ListTopics lists all topics by ARN on one page.
func (s *Service) ListTopics(_ context.Context, in *awssns.ListTopicsInput) (*awssns.ListTopicsOutput, error) {
	if in.NextToken != nil {
		return nil, invalid("NextToken")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awssns.ListTopicsOutput{}
	for _, arn := range slices.Sorted(maps.Keys(s.topics)) {
		out.Topics = append(out.Topics, types.Topic{TopicArn: aws.String(arn)})
	}
	return out, nil
}

// SetTopicAttributes sets one attribute of a topic.
func (s *Service) SetTopicAttributes(_ context.Context, in *awssns.SetTopicAttributesInput) (*awssns.SetTopicAttributesOutput, error) {
	name, value := aws.ToString(in.AttributeName), aws.ToString(in.AttributeValue)
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.topic(in.TopicArn)
	if err != nil {
		return nil, err
	}
	if err := checkAttribute(name, value, t.fifo); err != nil {
		return nil, err
	}
	if value == "" {
		delete(t.attributes, name)
	} else {
		t.attributes[name] = value
	}
	return &awssns.SetTopicAttributesOutput{}, nil
}

// defaultPolicy returns the policy of a topic that has none set. It allows the
// account to use the topic.
func (s *Service) defaultPolicy(arn string) (string, error) {
	text, err := json.Marshal(map[string]any{
		"Version": "2008-10-17",
		"Id":      "__default_policy_ID",
		"Statement": []any{map[string]any{
			"Sid": "__default_statement_ID", "Effect": "Allow", "Principal": map[string]any{"AWS": "*"}, "Resource": arn,
			"Action": []string{
				"SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission", "SNS:RemovePermission", "SNS:DeleteTopic",
				"SNS:Subscribe", "SNS:ListSubscriptionsByTopic", "SNS:Publish",
			},
			"Condition": map[string]any{"StringEquals": map[string]any{"AWS:SourceOwner": s.account.ID}},
		}},
	})
	return string(text), err
}

// GetTopicAttributes returns the attributes of a topic and the number of its
// subscriptions.
func (s *Service) GetTopicAttributes(_ context.Context, in *awssns.GetTopicAttributesInput) (*awssns.GetTopicAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.topic(in.TopicArn)
	if err != nil {
		return nil, err
	}
	policy, err := s.defaultPolicy(t.arn)
	if err != nil {
		return nil, fmt.Errorf("writing the default policy of %s: %w", t.arn, err)
	}
	confirmed, pending := 0, 0
	for _, sub := range s.subscriptions {
		switch {
		case sub.topic != t.arn:
		case sub.confirmed:
			confirmed++
		default:
			pending++
		}
	}
	attributes := map[string]string{
		"TopicArn": t.arn, "Owner": s.account.ID, "DisplayName": "", "Policy": policy, "SubscriptionsDeleted": "0",
		"SubscriptionsConfirmed": strconv.Itoa(confirmed), "SubscriptionsPending": strconv.Itoa(pending),
	}
	if t.fifo {
		maps.Copy(attributes, map[string]string{"FifoTopic": "true", "ContentBasedDeduplication": "false", "FifoThroughputScope": "Topic"})
	}
	maps.Copy(attributes, t.attributes)
	return &awssns.GetTopicAttributesOutput{Attributes: attributes}, nil
}

// TagResource adds tags to a topic.
func (s *Service) TagResource(_ context.Context, in *awssns.TagResourceInput) (*awssns.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.topics[aws.ToString(in.ResourceArn)]
	if !ok {
		return nil, &types.ResourceNotFoundException{Message: aws.String("Resource does not exist")}
	}
	for _, tag := range in.Tags {
		t.tags = append(slices.DeleteFunc(t.tags, func(old types.Tag) bool { return aws.ToString(old.Key) == aws.ToString(tag.Key) }), tag)
	}
	return &awssns.TagResourceOutput{}, nil
}

// UntagResource removes tags from a topic.
func (s *Service) UntagResource(_ context.Context, in *awssns.UntagResourceInput) (*awssns.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.topics[aws.ToString(in.ResourceArn)]
	if !ok {
		return nil, &types.ResourceNotFoundException{Message: aws.String("Resource does not exist")}
	}
	t.tags = slices.DeleteFunc(t.tags, func(tag types.Tag) bool { return slices.Contains(in.TagKeys, aws.ToString(tag.Key)) })
	return &awssns.UntagResourceOutput{}, nil
}

// ListTagsForResource lists a topic's tags by key.
func (s *Service) ListTagsForResource(_ context.Context, in *awssns.ListTagsForResourceInput) (*awssns.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.topics[aws.ToString(in.ResourceArn)]
	if !ok {
		return nil, &types.ResourceNotFoundException{Message: aws.String("Resource does not exist")}
	}
	return &awssns.ListTagsForResourceOutput{Tags: slices.SortedFunc(slices.Values(t.tags), func(x, y types.Tag) int {
		return cmp.Compare(aws.ToString(x.Key), aws.ToString(y.Key))
	})}, nil
}

// A Message is a message that was published to a topic.
type Message struct {
	ID         string
	TopicARN   string
	Subject    string // empty if there is none
	Body       string
	Attributes map[string]types.MessageAttributeValue
	Published  time.Time

	// Group, Deduplication and Sequence are those of a message of a FIFO topic.
	Group, Deduplication, Sequence string
}

// keep is the number of messages that a topic remembers.
const keep = 1000

// Messages returns the messages that were published to a topic, oldest first.
// It returns at most the last 1000.
func (s *Service) Messages(topicARN string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.topics[topicARN]
	if !ok {
		return nil
	}
	return slices.Clone(t.messages)
}
