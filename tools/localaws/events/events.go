// Package events is the embedded AWS's EventBridge: rules with event patterns
// on the default bus, whose targets are Lambda functions, SNS topics and SQS queues.
package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/eventpattern"
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

// Deps are the services that targets belong to. If one is nil, its resources
// can't be targets.
type Deps struct {
	Functions Functions
	Topics    Topics
	Queues    Queues
}

// Service is the event bus of one account and region.
type Service struct {
	account account.Account
	deps    Deps

	ctx        context.Context // context of deliveries; ends with the service
	cancel     context.CancelFunc
	deliveries sync.WaitGroup

	mu     sync.Mutex
	closed bool
	rules  map[string]*rule // by name
}

type rule struct {
	name, arn   string
	description *string
	pattern     *eventpattern.Pattern
	text        string // text of the pattern
	role        *string
	state       types.RuleState
	createdBy   string
	tags        []types.Tag
	targets     []types.Target
}

// New returns a bus without rules.
func New(a account.Account, d Deps) *Service {
	if a.Log == nil {
		a.Log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Service{account: a, deps: d, ctx: ctx, cancel: cancel, rules: map[string]*rule{}}
}

// Close ends the deliveries in progress and waits until they have ended.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.deliveries.Wait()
	return nil
}

func invalid(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ValidationException", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

func compile(text string) (*eventpattern.Pattern, error) {
	p, err := eventpattern.Compile(text)
	if err != nil {
		return nil, &types.InvalidEventPatternException{Message: aws.String(err.Error())}
	}
	return p, nil
}

// bus refuses every bus except the default one.
func (s *Service) bus(name *string) error {
	if n := aws.ToString(name); n != "" && n != "default" && n != s.account.ARN("events", "event-bus/default") {
		return &types.ResourceNotFoundException{Message: aws.String("Event bus " + n + " does not exist; the embedded EventBridge has only the default one.")}
	}
	return nil
}

// servicePrincipal is the principal that EventBridge acts as.
const servicePrincipal = "events.amazonaws.com"

var sourceName = regexp.MustCompile(`^[^\s]{1,256}$`)

// maxEntry is the size limit of one event in bytes.
const maxEntry = 1 << 20

// PutEvents puts up to ten events on the default bus. It reports an event that
// it can't accept in the event's entry, and delivers the others.
func (s *Service) PutEvents(ctx context.Context, in *awseventbridge.PutEventsInput) (*awseventbridge.PutEventsOutput, error) {
	if len(in.Entries) == 0 || len(in.Entries) > 10 {
		return nil, invalid("1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and 10")
	}
	if in.EndpointId != nil {
		return nil, invalid("the embedded EventBridge does not support EndpointId")
	}
	out := &awseventbridge.PutEventsOutput{}
	for _, entry := range in.Entries {
		event, reason := s.event(ctx, entry)
		if reason != nil {
			out.FailedEntryCount++
			out.Entries = append(out.Entries, *reason)
			continue
		}
		s.dispatch(event)
		out.Entries = append(out.Entries, types.PutEventsResultEntry{EventId: aws.String(event["id"].(string))})
	}
	return out, nil
}

// event makes the event for an entry, or returns the reason why it can't.
// See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html.
func (s *Service) event(ctx context.Context, entry types.PutEventsRequestEntry) (map[string]any, *types.PutEventsResultEntry) {
	refuse := func(code, format string, args ...any) (map[string]any, *types.PutEventsResultEntry) {
		return nil, &types.PutEventsResultEntry{ErrorCode: aws.String(code), ErrorMessage: aws.String(fmt.Sprintf(format, args...))}
	}
	source := aws.ToString(entry.Source)
	switch {
	case !sourceName.MatchString(source):
		return refuse("InvalidArgument", "Parameter Source is not valid. Reason: Source is a required argument.")
	case aws.ToString(entry.DetailType) == "":
		return refuse("InvalidArgument", "Parameter DetailType is not valid. Reason: DetailType is a required argument.")
	case entry.Detail == nil:
		return refuse("InvalidArgument", "Parameter Detail is not valid. Reason: Detail is a required argument.")
	case strings.HasPrefix(source, "aws.") && !strings.HasSuffix(principal.FromContext(ctx).ARN, ".amazonaws.com"):
		return refuse("NotAuthorizedForSourceException", "Not authorized for the source.")
	case len(*entry.Detail) > maxEntry:
		return refuse("InvalidArgument", "Total size of the entry is over %d bytes.", maxEntry)
	}
	if err := s.bus(entry.EventBusName); err != nil {
		return refuse("ResourceNotFoundException", "%v", err)
	}
	parsed, err := eventpattern.ParseJSON(*entry.Detail)
	detail, ok := parsed.(map[string]any)
	if err != nil || !ok {
		return refuse("MalformedDetail", "Detail is malformed.")
	}
	at := s.account.Clock.Now()
	if entry.Time != nil {
		at = *entry.Time
	}
	resources := []any{}
	for _, resource := range entry.Resources {
		resources = append(resources, resource)
	}
	return map[string]any{
		"version": "0", "id": uuid.NewString(), "detail-type": *entry.DetailType, "source": source, "account": s.account.ID,
		"time": at.UTC().Format(time.RFC3339), "region": s.account.Region, "resources": resources, "detail": detail,
	}, nil
}

// dispatch delivers an event to the targets of each enabled rule that matches
// it. Nothing modifies an event after this.
func (s *Service) dispatch(event map[string]any) {
	ingested := s.account.Clock.Now().UTC().Format(time.RFC3339)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rules {
		if s.closed || r.state == types.RuleStateDisabled || !r.pattern.Matches(event) {
			continue
		}
		for _, target := range r.targets {
			input, err := r.input(target, event, ingested)
			if err != nil {
				s.account.Log.Warn("an event was not delivered", "rule", r.name, "target", aws.ToString(target.Arn), "error", err)
				continue
			}
			rule := r.arn
			s.deliveries.Go(func() {
				tries, err := s.deliver(rule, target, input)
				if err == nil || s.ctx.Err() != nil {
					return
				}
				s.account.Log.Warn("an event was not delivered", "rule", r.name, "target", *target.Arn, "error", err)
				if err := s.bury(r.arn, target, event, tries, err); err != nil {
					s.account.Log.Warn("an event was not sent to a dead-letter queue", "rule", r.name, "target", *target.Arn, "error", err)
				}
			})
		}
	}
}

// Retries follow EventBridge's rule. A target that refuses an event is not
// asked again. A target that fails is asked again, with growing delays, by
// default for a day. There are fewer retries here than on AWS.
// See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html.
const (
	usualRetries = 4
	firstDelay   = time.Second
)

// deliver sends an event to a target of a rule, which has an ARN. It returns how often it has tried.
func (s *Service) deliver(rule string, target types.Target, input string) (tries int, err error) {
	retries := usualRetries
	if p := target.RetryPolicy; p != nil && p.MaximumRetryAttempts != nil {
		retries = int(*p.MaximumRetryAttempts)
	}
	delay := firstDelay
	for try := 0; ; try++ {
		err := s.send(rule, target, input)
		if err == nil || try >= retries || refused(err) {
			return try + 1, err
		}
		if err := clock.Sleep(s.ctx, s.account.Clock, delay); err != nil {
			return try + 1, err
		}
		delay *= 2
	}
}

// bury sends an event that could not be delivered to the dead-letter queue of its
// target, if it has one. The message is the event itself.
// See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html.
func (s *Service) bury(rule string, target types.Target, event map[string]any, tries int, reason error) error {
	if target.DeadLetterConfig == nil || aws.ToString(target.DeadLetterConfig.Arn) == "" {
		return nil
	}
	text, err := compact(event)
	if err != nil {
		return err
	}
	code := "SDK_CLIENT_ERROR"
	if api, ok := errors.AsType[smithy.APIError](reason); ok {
		code = api.ErrorCode()
	}
	attributes := map[string]string{
		"RULE_ARN": rule, "TARGET_ARN": *target.Arn, "ERROR_CODE": code, "ERROR_MESSAGE": reason.Error(), "RETRY_ATTEMPTS": strconv.Itoa(tries - 1),
	}
	if !refused(reason) {
		attributes["EXHAUSTED_RETRY_CONDITION"] = "MaximumRetryAttempts"
	}
	in := &awssqs.SendMessageInput{
		QueueUrl: aws.String(s.account.QueueURL(*target.DeadLetterConfig.Arn)), MessageBody: &text, MessageAttributes: map[string]sqstypes.MessageAttributeValue{},
	}
	for name, value := range attributes {
		in.MessageAttributes[name] = sqstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
	}
	_, err = s.deps.Queues.SendMessage(principal.ServiceFor(s.ctx, servicePrincipal, s.account.ID, rule), in)
	return err
}

// refused reports whether the target would give the same error every time. A
// throttled target would not.
func refused(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && api.ErrorFault() == smithy.FaultClient && !strings.Contains(api.ErrorCode(), "Throttl") && !strings.Contains(api.ErrorCode(), "TooMany")
}

func (s *Service) send(rule string, target types.Target, input string) error {
	ctx := principal.ServiceFor(s.ctx, servicePrincipal, s.account.ID, rule)
	if s.isTopic(*target.Arn) {
		_, err := s.deps.Topics.Publish(ctx, &awssns.PublishInput{TopicArn: target.Arn, Message: aws.String(input)})
		return err
	}
	if s.isQueue(*target.Arn) {
		in := &awssqs.SendMessageInput{QueueUrl: aws.String(s.account.QueueURL(*target.Arn)), MessageBody: &input}
		if target.SqsParameters != nil {
			in.MessageGroupId = target.SqsParameters.MessageGroupId
		}
		_, err := s.deps.Queues.SendMessage(ctx, in)
		return err
	}
	_, err := s.deps.Functions.Invoke(ctx, &awslambda.InvokeInput{
		FunctionName: target.Arn, InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(input),
	})
	return err
}

func (s *Service) isTopic(arn string) bool {
	return strings.HasPrefix(arn, s.account.ARN("sns", ""))
}

func (s *Service) isQueue(arn string) bool {
	return strings.HasPrefix(arn, s.account.ARN("sqs", ""))
}

// checkTarget refuses a target with settings that can't be honoured in a delivery.
func (s *Service) checkTarget(t types.Target) error {
	arn := aws.ToString(t.Arn)
	switch {
	case aws.ToString(t.Id) == "":
		return invalid("a target needs an Id")
	case s.isTopic(arn):
		if s.deps.Topics == nil {
			return invalid("this embedded AWS has no SNS topics to deliver to: %s", arn)
		}
	case s.isQueue(arn):
		if s.deps.Queues == nil {
			return invalid("this embedded AWS has no SQS queues to deliver to: %s", arn)
		}
		if strings.HasSuffix(arn, ".fifo") && (t.SqsParameters == nil || aws.ToString(t.SqsParameters.MessageGroupId) == "") {
			return invalid("Parameter(s) SqsParameters must be specified for target: %s.", *t.Id)
		}
	case strings.HasPrefix(arn, s.account.ARN("lambda", "function:")):
		if s.deps.Functions == nil {
			return invalid("this embedded AWS has no Lambda functions to deliver to: %s", arn)
		}
	default:
		return invalid("the embedded EventBridge delivers to SQS queues, SNS topics and Lambda functions only, not to target %s: %s", *t.Id, arn)
	}
	if d := t.DeadLetterConfig; d != nil && (!s.isQueue(aws.ToString(d.Arn)) || s.deps.Queues == nil || strings.HasSuffix(*d.Arn, ".fifo")) {
		return invalid("the dead-letter queue of target %s must be a standard queue of this account", *t.Id)
	}
	if t.SqsParameters != nil && !s.isQueue(arn) {
		return invalid("Parameter SqsParameters not supported for target: %s.", *t.Id)
	}
	if t.AppSyncParameters != nil || t.BatchParameters != nil || t.EcsParameters != nil || t.HttpParameters != nil ||
		t.KinesisParameters != nil || t.RedshiftDataParameters != nil || t.RunCommandParameters != nil || t.SageMakerPipelineParameters != nil {
		return invalid("the embedded EventBridge supports of a target only Arn, DeadLetterConfig, Id, Input, InputPath, InputTransformer, RetryPolicy, RoleArn and SqsParameters: target %s", *t.Id)
	}
	return checkInput(t)
}

// TestEventPattern reports whether an event matches a pattern.
func (s *Service) TestEventPattern(_ context.Context, in *awseventbridge.TestEventPatternInput) (*awseventbridge.TestEventPatternOutput, error) {
	p, err := compile(aws.ToString(in.EventPattern))
	if err != nil {
		return nil, err
	}
	v, err := eventpattern.ParseJSON(aws.ToString(in.Event))
	event, ok := v.(map[string]any)
	if err != nil || !ok {
		return nil, invalid("Parameter Event is not valid.")
	}
	for _, key := range []string{"id", "account", "source", "time", "region", "resources", "detail-type"} {
		if _, ok := event[key]; !ok {
			return nil, invalid("Parameter Event is not valid: %s is missing", key)
		}
	}
	return &awseventbridge.TestEventPatternOutput{Result: p.Matches(event)}, nil
}

// find returns a rule; s is locked.
func (s *Service) find(name, bus *string) (*rule, error) {
	if err := s.bus(bus); err != nil {
		return nil, err
	}
	r, ok := s.rules[aws.ToString(name)]
	if !ok {
		return nil, &types.ResourceNotFoundException{Message: aws.String("Rule " + aws.ToString(name) + " does not exist on EventBus default.")}
	}
	return r, nil
}

// copyTargets returns copies that the caller may modify.
func copyTargets(targets []types.Target) []types.Target {
	targets = slices.Clone(targets)
	for i, t := range targets {
		if t.InputTransformer != nil {
			c := *t.InputTransformer
			targets[i].InputTransformer = &c
		}
	}
	return targets
}
