// Package events is the embedded AWS's EventBridge: event buses, and rules with event
// patterns and schedules, whose targets are Lambda functions, SNS topics, SQS queues,
// pipelines and other buses.
package events

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/delivery"
	"github.com/magewright/magewright/tools/localaws/eventpattern"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// Metrics receives the metrics of rules.
type Metrics interface {
	PutMetricData(context.Context, *awscloudwatch.PutMetricDataInput) (*awscloudwatch.PutMetricDataOutput, error)
}

// Deps are the services that targets belong to, and CloudWatch, which may be nil.
type Deps struct {
	delivery.Deps
	Metrics Metrics
}

// Service is EventBridge of one account and region.
type Service struct {
	account account.Account
	deps    Deps
	sender  *delivery.Sender

	ctx        context.Context // context of deliveries; ends with the service
	cancel     context.CancelFunc
	deliveries sync.WaitGroup

	mu     sync.Mutex
	closed bool
	buses  map[string]*bus // by name
	rules  map[ruleKey]*rule
}

// A ruleKey is the name of a rule on a bus.
type ruleKey struct{ bus, name string }

type rule struct {
	bus         string
	name, arn   string
	description *string
	pattern     *eventpattern.Pattern
	text        string // text of the pattern
	schedule    string // its expression; empty if there is none
	stop        func() // ends the schedule; nil if there is none
	role        *string
	state       types.RuleState
	createdBy   string
	tags        []types.Tag
	targets     []types.Target
}

// New returns EventBridge with the default bus, which has no rules.
func New(a account.Account, d Deps) *Service {
	if a.Log == nil {
		a.Log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Service{account: a, deps: d, ctx: ctx, cancel: cancel, buses: map[string]*bus{}, rules: map[ruleKey]*rule{}}
	s.deps.Buses = forwards{s}
	s.sender = &delivery.Sender{Account: a, Deps: s.deps.Deps, Service: servicePrincipal}
	s.buses[defaultBus] = &bus{name: defaultBus, arn: a.ARN("events", "event-bus/"+defaultBus), made: a.Clock.Now()}
	return s
}

// SetPipelines makes pipelines targets. CodePipeline needs EventBridge itself, so that
// it exists later.
func (s *Service) SetPipelines(p delivery.Pipelines) { s.sender.Deps.Pipelines = p }

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

// servicePrincipal is the principal that EventBridge acts as.
const servicePrincipal = "events.amazonaws.com"

var sourceName = regexp.MustCompile(`^[^\s]{1,256}$`)

// maxEntry is the size limit of one event in bytes.
const maxEntry = 1 << 20

// PutEvents puts up to ten events on buses. It reports an event that
// it can't accept in the event's entry, and delivers the others.
func (s *Service) PutEvents(ctx context.Context, in *awseventbridge.PutEventsInput) (*awseventbridge.PutEventsOutput, error) {
	return s.put(in, principal.FromContext(ctx).IsService())
}

// forwards puts the events that rules send to other buses. They keep their source there,
// also if it is a service of AWS. Whose role the rule has does not matter: a session can
// have any name, so that its principal says nothing about who made the event.
type forwards struct{ *Service }

func (f forwards) PutEvents(_ context.Context, in *awseventbridge.PutEventsInput) (*awseventbridge.PutEventsOutput, error) {
	return f.put(in, true)
}

// put is PutEvents. ofAWS says that the events may be those of AWS's services.
func (s *Service) put(in *awseventbridge.PutEventsInput, ofAWS bool) (*awseventbridge.PutEventsOutput, error) {
	if len(in.Entries) == 0 || len(in.Entries) > 10 {
		return nil, invalid("1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and 10")
	}
	if in.EndpointId != nil {
		return nil, invalid("the embedded EventBridge does not support EndpointId")
	}
	out := &awseventbridge.PutEventsOutput{}
	for _, entry := range in.Entries {
		event, bus, reason := s.event(entry, ofAWS)
		if reason != nil {
			out.FailedEntryCount++
			out.Entries = append(out.Entries, *reason)
			continue
		}
		s.dispatch(bus, event)
		out.Entries = append(out.Entries, types.PutEventsResultEntry{EventId: aws.String(event["id"].(string))})
	}
	return out, nil
}

// event makes the event for an entry, or returns the reason why it can't.
// See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html.
func (s *Service) event(entry types.PutEventsRequestEntry, ofAWS bool) (_ map[string]any, bus string, _ *types.PutEventsResultEntry) {
	refuse := func(code, format string, args ...any) (map[string]any, string, *types.PutEventsResultEntry) {
		return nil, "", &types.PutEventsResultEntry{ErrorCode: aws.String(code), ErrorMessage: aws.String(fmt.Sprintf(format, args...))}
	}
	source := aws.ToString(entry.Source)
	switch {
	case !sourceName.MatchString(source):
		return refuse("InvalidArgument", "Parameter Source is not valid. Reason: Source is a required argument.")
	case aws.ToString(entry.DetailType) == "":
		return refuse("InvalidArgument", "Parameter DetailType is not valid. Reason: DetailType is a required argument.")
	case entry.Detail == nil:
		return refuse("InvalidArgument", "Parameter Detail is not valid. Reason: Detail is a required argument.")
	case strings.HasPrefix(source, "aws.") && !ofAWS:
		return refuse("NotAuthorizedForSourceException", "Not authorized for the source.")
	case len(*entry.Detail) > maxEntry:
		return refuse("InvalidArgument", "Total size of the entry is over %d bytes.", maxEntry)
	}
	bus, err := s.known(entry.EventBusName)
	if err != nil {
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
	}, bus, nil
}

// dispatch delivers an event to the targets of each enabled rule of a bus that matches
// it. Nothing modifies an event after this.
func (s *Service) dispatch(bus string, event map[string]any) {
	var m measures
	s.mu.Lock()
	for _, r := range s.rules {
		if s.closed || r.bus != bus || r.state == types.RuleStateDisabled || r.pattern == nil || !r.pattern.Matches(event) {
			continue
		}
		s.trigger(r, event, &m)
	}
	s.mu.Unlock()
	s.measure(m)
}

// trigger delivers an event to the targets of a rule. s is locked.
func (s *Service) trigger(r *rule, event map[string]any, m *measures) {
	now := s.account.Clock.Now()
	m.count("MatchedEvents", r)
	m.count("TriggeredRules", r)
	for _, target := range r.targets {
		m.count("Invocations", r)
		input, err := r.input(target, event, now.UTC().Format(time.RFC3339))
		if err != nil {
			m.count("FailedInvocations", r)
			s.account.Log.Warn("an event was not delivered", "rule", r.name, "target", aws.ToString(target.Arn), "error", err)
			continue
		}
		message := s.message(r, target, event, input)
		rule := rule{bus: r.bus, name: r.name, arn: r.arn}
		s.deliveries.Go(func() { s.deliver(&rule, target, message, event) })
	}
}

// message returns what is sent to a target.
func (s *Service) message(r *rule, target types.Target, event map[string]any, input string) delivery.Message {
	m := delivery.Message{Target: *target.Arn, Source: r.arn, Role: aws.ToString(target.RoleArn), Input: input}
	if target.SqsParameters != nil {
		m.Group = aws.ToString(target.SqsParameters.MessageGroupId)
	}
	if s.sender.Kind(m.Target) != "events" {
		return m
	}
	// The other bus gets the event itself.
	source, _ := event["source"].(string)
	kind, _ := event["detail-type"].(string)
	m.Event = types.PutEventsRequestEntry{Source: &source, DetailType: &kind}
	if detail, err := compact(event["detail"]); err == nil {
		m.Input = detail
	}
	resources, _ := event["resources"].([]any)
	for _, resource := range resources {
		if text, ok := resource.(string); ok {
			m.Event.Resources = append(m.Event.Resources, text)
		}
	}
	return m
}

// deliver delivers a message to a target of a rule, or sends the event to the target's
// dead-letter queue, if it has one.
// See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html.
func (s *Service) deliver(r *rule, target types.Target, message delivery.Message, event map[string]any) {
	var retries, age *int32
	if p := target.RetryPolicy; p != nil {
		retries, age = p.MaximumRetryAttempts, p.MaximumEventAgeInSeconds
	}
	failed := s.sender.Deliver(s.ctx, message, delivery.NewPolicy(retries, age))
	if failed == nil {
		return
	}
	var m measures
	m.count("FailedInvocations", r)
	s.account.Log.Warn("an event was not delivered", "rule", r.name, "target", *target.Arn, "error", failed.Err)
	if d := target.DeadLetterConfig; d != nil && aws.ToString(d.Arn) != "" {
		text, err := compact(event)
		if err == nil {
			err = s.sender.Bury(s.ctx, *d.Arn, r.arn, text, map[string]string{
				"RULE_ARN": r.arn, "TARGET_ARN": *target.Arn, "ERROR_CODE": failed.Code(), "ERROR_MESSAGE": failed.Err.Error(),
				"RETRY_ATTEMPTS": strconv.Itoa(failed.Tries - 1), "EXHAUSTED_RETRY_CONDITION": failed.Exhausted,
			})
		}
		if err != nil {
			m.count("InvocationsFailedToBeSentToDlq", r)
			s.account.Log.Warn("an event was not sent to a dead-letter queue", "rule", r.name, "target", *target.Arn, "error", err)
		} else {
			m.count("InvocationsSentToDlq", r)
		}
	}
	s.measure(m)
}

// measures are the metrics of a moment.
// See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html.
type measures []cloudwatchtypes.MetricDatum

func (m *measures) count(name string, r *rule) {
	dimensions := []cloudwatchtypes.Dimension{{Name: aws.String("RuleName"), Value: aws.String(r.name)}}
	if r.bus != defaultBus {
		dimensions = append(dimensions, cloudwatchtypes.Dimension{Name: aws.String("EventBusName"), Value: aws.String(r.bus)})
	}
	for _, d := range [][]cloudwatchtypes.Dimension{nil, dimensions} {
		*m = append(*m, cloudwatchtypes.MetricDatum{MetricName: &name, Value: aws.Float64(1), Unit: cloudwatchtypes.StandardUnitCount, Dimensions: d})
	}
}

// measure sends metrics. s must not be locked, because an alarm may follow.
func (s *Service) measure(m measures) {
	if s.deps.Metrics == nil || len(m) == 0 {
		return
	}
	now := s.account.Clock.Now()
	for i := range m {
		m[i].Timestamp = &now
	}
	ctx := principal.Service(context.WithoutCancel(s.ctx), servicePrincipal, s.account.ID)
	if _, err := s.deps.Metrics.PutMetricData(ctx, &awscloudwatch.PutMetricDataInput{Namespace: aws.String("AWS/Events"), MetricData: m}); err != nil {
		s.account.Log.Warn("sending the metrics of rules", "error", err)
	}
}

// checkTarget refuses a target with settings that can't be honoured in a delivery.
func (s *Service) checkTarget(t types.Target) error {
	arn := aws.ToString(t.Arn)
	kind := s.sender.Kind(arn)
	fifo := kind == "sqs" && strings.HasSuffix(arn, ".fifo")
	d := t.DeadLetterConfig
	switch {
	case aws.ToString(t.Id) == "":
		return invalid("a target needs an Id")
	case kind == "":
		return invalid("the embedded EventBridge delivers to SQS queues, SNS topics, Lambda functions, pipelines and event buses of this account only, not to target %s: %s", *t.Id, arn)
	case kind == "codepipeline" && aws.ToString(t.RoleArn) == "":
		return invalid("RoleArn is required for target %s.", arn)
	case fifo && (t.SqsParameters == nil || aws.ToString(t.SqsParameters.MessageGroupId) == ""):
		return invalid("Parameter(s) SqsParameters must be specified for target: %s.", *t.Id)
	case d != nil && !s.sender.DeadLetters(aws.ToString(d.Arn)):
		return invalid("the dead-letter queue of target %s must be a standard queue of this account", *t.Id)
	case t.SqsParameters != nil && kind != "sqs":
		return invalid("Parameter SqsParameters not supported for target: %s.", *t.Id)
	case kind == "events" && (t.Input != nil || t.InputPath != nil || t.InputTransformer != nil):
		return invalid("Input, InputPath and InputTransformer are not supported for target: %s.", *t.Id)
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
func (s *Service) find(name, busName *string) (*rule, error) {
	b, err := s.lookup(busName)
	if err != nil {
		return nil, err
	}
	r, ok := s.rules[ruleKey{b.name, aws.ToString(name)}]
	if !ok {
		return nil, &types.ResourceNotFoundException{Message: aws.String("Rule " + aws.ToString(name) + " does not exist on EventBus " + b.name + ".")}
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
