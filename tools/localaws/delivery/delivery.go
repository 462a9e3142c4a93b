// Package delivery brings what EventBridge and EventBridge Scheduler send to its
// targets, tries again where a target fails, and sends what could not be delivered to
// dead-letter queues.
package delivery

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// Functions invokes Lambda functions that are targets.
type Functions interface {
	Invoke(context.Context, *awslambda.InvokeInput) (*awslambda.InvokeOutput, error)
}

// Topics publishes to SNS topics that are targets.
type Topics interface {
	Publish(context.Context, *awssns.PublishInput) (*awssns.PublishOutput, error)
}

// Queues sends to SQS queues that are targets, or dead-letter queues of targets.
type Queues interface {
	SendMessage(context.Context, *awssqs.SendMessageInput) (*awssqs.SendMessageOutput, error)
}

// Buses puts events on event buses that are targets.
type Buses interface {
	PutEvents(context.Context, *awseventbridge.PutEventsInput) (*awseventbridge.PutEventsOutput, error)
}

// Pipelines starts pipelines that are targets.
type Pipelines interface {
	StartPipelineExecution(context.Context, *awscodepipeline.StartPipelineExecutionInput) (*awscodepipeline.StartPipelineExecutionOutput, error)
}

// Roles lets a service act with a role.
type Roles interface {
	As(ctx context.Context, role, session string) (context.Context, error)
}

// Deps are the services that targets belong to. If one is nil, its resources can't be
// targets.
type Deps struct {
	Functions Functions
	Topics    Topics
	Queues    Queues
	Buses     Buses
	Pipelines Pipelines
	// Roles may be nil. Then what is sent with a role is sent by the service itself.
	Roles Roles
}

// A Sender sends for one service.
type Sender struct {
	Account account.Account
	Deps    Deps
	// Service is the principal of the service, such as events.amazonaws.com.
	Service string
}

// A Message is what is sent to a target.
type Message struct {
	Target string // its ARN
	Source string // ARN of the rule or schedule
	Role   string // ARN of the role that it is sent with; may be empty
	Input  string
	Group  string // of the messages of a FIFO queue
	// Event has the source and the type of an event for a bus.
	Event eventbridgetypes.PutEventsRequestEntry
}

// Kind returns the service of a target in the account, such as "lambda", or "" if
// nothing can be sent to it.
func (s *Sender) Kind(arn string) string {
	a := s.Account
	switch {
	case strings.HasPrefix(arn, a.ARN("lambda", "function:")) && s.Deps.Functions != nil:
		return "lambda"
	case strings.HasPrefix(arn, a.ARN("sns", "")) && s.Deps.Topics != nil:
		return "sns"
	case strings.HasPrefix(arn, a.ARN("sqs", "")) && s.Deps.Queues != nil:
		return "sqs"
	case strings.HasPrefix(arn, a.ARN("events", "event-bus/")) && s.Deps.Buses != nil:
		return "events"
	case strings.HasPrefix(arn, a.ARN("codepipeline", "")) && s.Deps.Pipelines != nil:
		return "codepipeline"
	default:
		return ""
	}
}

// DeadLetters reports whether a queue can be a dead-letter queue.
func (s *Sender) DeadLetters(arn string) bool { return s.Kind(arn) == "sqs" && !fifo(arn) }

func fifo(arn string) bool { return strings.HasSuffix(arn, ".fifo") }

// Send sends a message once.
func (s *Sender) Send(ctx context.Context, m Message) error {
	ctx = principal.ServiceFor(ctx, s.Service, s.Account.ID, m.Source)
	if m.Role != "" && s.Deps.Roles != nil {
		var err error
		if ctx, err = s.Deps.Roles.As(ctx, m.Role, "EventBridge"); err != nil {
			return err
		}
	}
	switch s.Kind(m.Target) {
	case "lambda":
		_, err := s.Deps.Functions.Invoke(ctx, &awslambda.InvokeInput{FunctionName: &m.Target, InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(m.Input)})
		return err
	case "sns":
		_, err := s.Deps.Topics.Publish(ctx, &awssns.PublishInput{TopicArn: &m.Target, Message: &m.Input})
		return err
	case "sqs":
		in := &awssqs.SendMessageInput{QueueUrl: aws.String(s.Account.QueueURL(m.Target)), MessageBody: &m.Input}
		if m.Group != "" {
			in.MessageGroupId = &m.Group
		}
		_, err := s.Deps.Queues.SendMessage(ctx, in)
		return err
	case "events":
		entry := m.Event
		entry.EventBusName, entry.Detail = &m.Target, &m.Input
		out, err := s.Deps.Buses.PutEvents(ctx, &awseventbridge.PutEventsInput{Entries: []eventbridgetypes.PutEventsRequestEntry{entry}})
		if err == nil && out.FailedEntryCount > 0 {
			e := out.Entries[0]
			err = &smithy.GenericAPIError{Code: aws.ToString(e.ErrorCode), Message: aws.ToString(e.ErrorMessage), Fault: smithy.FaultClient}
		}
		return err
	case "codepipeline":
		_, err := s.Deps.Pipelines.StartPipelineExecution(ctx, &awscodepipeline.StartPipelineExecutionInput{
			Name: aws.String(m.Target[strings.LastIndexByte(m.Target, ':')+1:]),
		})
		return err
	default:
		return &smithy.GenericAPIError{Code: "NO_RESOURCE", Message: "nothing can be sent to " + m.Target, Fault: smithy.FaultClient}
	}
}

// A Policy limits how often and how long a message is tried.
type Policy struct {
	Retries int
	Age     time.Duration
}

// The policy of targets that have none, and the most that they may have.
// See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html.
const (
	MaxRetries = 185
	MaxAge     = 24 * time.Hour
)

// NewPolicy returns the policy of a target. Nil stands for AWS's default.
func NewPolicy(retries, seconds *int32) Policy {
	p := Policy{MaxRetries, MaxAge}
	if retries != nil {
		p.Retries = int(*retries)
	}
	if seconds != nil {
		p.Age = time.Duration(*seconds) * time.Second
	}
	return p
}

// The delays between tries: the first, and the one that they grow to. AWS documents
// only that they grow.
const (
	firstDelay = time.Second
	lastDelay  = 8 * time.Minute
)

// A Failure says why a message was not delivered.
type Failure struct {
	Err       error
	Tries     int
	Exhausted string // the condition that ended the tries; empty if the target refused the message
}

// Deliver sends a message until it is delivered, refused, or given up. A target that
// refuses a message is not asked again. It returns nil once the message is delivered,
// or when ctx ends.
func (s *Sender) Deliver(ctx context.Context, m Message, p Policy) *Failure {
	begun, delay := s.Account.Clock.Now(), firstDelay
	for tries := 1; ; tries++ {
		err := s.Send(ctx, m)
		switch {
		case err == nil || ctx.Err() != nil:
			return nil
		case Refused(err):
			return &Failure{Err: err, Tries: tries}
		case tries > p.Retries:
			return &Failure{Err: err, Tries: tries, Exhausted: "MaximumRetryAttempts"}
		case clock.Since(s.Account.Clock, begun)+delay > p.Age:
			return &Failure{Err: err, Tries: tries, Exhausted: "MaximumEventAgeInSeconds"}
		}
		if clock.Sleep(ctx, s.Account.Clock, delay) != nil {
			return nil
		}
		delay = min(2*delay, lastDelay)
	}
}

// Refused reports whether a target would give the same error every time. A throttled
// target would not.
func Refused(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && api.ErrorFault() == smithy.FaultClient && !strings.Contains(api.ErrorCode(), "Throttl") && !strings.Contains(api.ErrorCode(), "TooMany")
}

// Code returns the code of an error as dead letters have it.
func (f *Failure) Code() string {
	api, ok := errors.AsType[smithy.APIError](f.Err)
	switch {
	case !ok:
		return "SDK_CLIENT_ERROR"
	case strings.HasPrefix(api.ErrorCode(), "AccessDenied"):
		return "NO_PERMISSIONS"
	default:
		return api.ErrorCode()
	}
}

// Bury sends a message that could not be delivered to a dead-letter queue. The queue's
// policy must allow the service to send.
func (s *Sender) Bury(ctx context.Context, queue, source, body string, attributes map[string]string) error {
	return s.BuryAs(principal.ServiceFor(ctx, s.Service, s.Account.ID, source), queue, body, attributes)
}

// BuryAs is Bury by the principal of ctx.
func (s *Sender) BuryAs(ctx context.Context, queue, body string, attributes map[string]string) error {
	in := &awssqs.SendMessageInput{
		QueueUrl: aws.String(s.Account.QueueURL(queue)), MessageBody: &body, MessageAttributes: map[string]sqstypes.MessageAttributeValue{},
	}
	for name, value := range attributes {
		if value != "" {
			in.MessageAttributes[name] = sqstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
		}
	}
	_, err := s.Deps.Queues.SendMessage(ctx, in)
	return err
}
