package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// How Lambda treats asynchronous events by default.
// See https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html.
const (
	defaultRetries  = 2
	defaultEventAge = 6 * time.Hour
	retryDelay      = time.Minute // doubled for the second retry
	firstBackoff    = time.Second // after a throttle; doubled each time up to lastBackoff
	lastBackoff     = 5 * time.Minute
)

// maxQueued limits the number of events that wait to be processed.
const maxQueued = 10000

// enqueue accepts an event and runs it in the background.
func (s *Service) enqueue(ref reference, ev event) error {
	t, err := s.aim(ref)
	if err != nil {
		return err
	}
	if ev.id == "" {
		ev.id = uuid.NewString()
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return ended()
	}
	if s.events.Add(1) > maxQueued {
		s.events.Add(-1)
		return throttled(lambdatypes.ThrottleReasonCallerRateLimitExceeded)
	}
	s.metrics.count(t, asyncReceived)
	// From here on, and not only once the goroutine runs: whoever waits for what the
	// function does must not see minutes pass before it has begun.
	idle := s.account.Clock.Busy()
	s.background.Go(func() {
		defer s.events.Add(-1)
		s.process(ref, ev, idle)
	})
	return nil
}

// process runs an event until it succeeds, its retries are exhausted, or it is
// too old. It does not try a function whose reserved concurrency is zero. It
// waits on the account's clock, which the caller has made busy.
func (s *Service) process(ref reference, ev event, idle func()) {
	defer func() { idle() }()
	accepted, backoff := s.account.Clock.Now(), firstBackoff
	for invoked := 0; ; {
		policy, ok := s.asyncPolicy(ref)
		if !ok {
			return // the function was deleted
		}
		if policy.stopped {
			s.conclude(ref, ev, policy, policy.onFailure, zeroConcurrency, invoked, nil)
			return
		}
		age := clock.Since(s.account.Clock, accepted)
		res, err := s.invoke(ref, ev)
		if policy, ok = s.asyncPolicy(ref); !ok {
			return
		}
		var wait time.Duration
		if err == nil {
			invoked++
			s.metrics.eventAge(policy.target, age)
			if res.failure == nil {
				s.conclude(ref, ev, policy, policy.onSuccess, "Success", invoked, &res)
				return
			}
			if invoked > policy.retries {
				s.conclude(ref, ev, policy, policy.onFailure, "RetriesExhausted", invoked, &res)
				return
			}
			wait = retryDelay * time.Duration(invoked)
		} else if _, throttled := errors.AsType[*lambdatypes.TooManyRequestsException](err); throttled {
			wait, backoff = backoff, min(2*backoff, lastBackoff)
		} else {
			s.account.Log.Warn("invoking a function asynchronously", "function", ref.name, "error", err)
			return
		}
		if clock.Since(s.account.Clock, accepted)+wait > policy.age {
			var last *result
			if err == nil {
				last = &res
			}
			s.conclude(ref, ev, policy, policy.onFailure, "EventAgeExceeded", invoked, last)
			return
		}
		idle()
		err = clock.Sleep(s.life, s.account.Clock, wait)
		idle = s.account.Clock.Busy()
		if err != nil {
			return
		}
	}
}

// asyncPolicy says how to treat the events of a function, version or alias.
type asyncPolicy struct {
	retries              int
	age                  time.Duration
	stopped              bool   // the function's reserved concurrency is zero
	onSuccess, onFailure string // ARNs; may be empty
	deadLetter           string // ARN; may be empty
	target               target
}

// zeroConcurrency is the reason why an event is not tried.
const zeroConcurrency = "ZeroReservedConcurrency"

func (s *Service) asyncPolicy(ref reference) (asyncPolicy, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	p := asyncPolicy{retries: defaultRetries, age: defaultEventAge}
	f, v, err := s.resolve(ref)
	if err != nil {
		return p, false
	}
	p.deadLetter = v.settings.DeadLetter
	p.stopped = f.reserved != nil && *f.reserved == 0
	p.target = s.targetOf(f, v, ref)
	c := f.async[asyncKey(ref.qualifier)]
	if c == nil {
		return p, true
	}
	if c.retries != nil {
		p.retries = int(*c.retries)
	}
	if c.age != nil {
		p.age = time.Duration(*c.age) * time.Second
	}
	p.onSuccess, p.onFailure = c.onSuccess, c.onFailure
	return p, true
}

// conclude sends the outcome of an event to its destination, if it has one, and
// a failed event to its dead-letter queue or topic. A failed event counts as dropped, no
// matter where it is sent.
// See https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html.
func (s *Service) conclude(ref reference, ev event, p asyncPolicy, destination, condition string, invoked int, res *result) {
	failed := condition != "Success"
	if failed {
		s.metrics.count(p.target, asyncDropped)
	}
	if destination != "" {
		if err := s.deliver(ref, destination, s.record(ref, ev, condition, invoked, res)); err != nil {
			s.metrics.count(p.target, destinationFailures)
			s.account.Log.Warn("sending to a function's destination", "function", ref.name, "destination", destination, "error", err)
		}
	}
	if failed && p.deadLetter != "" {
		if err := s.bury(ref, p.deadLetter, ev, condition, res); err != nil {
			s.metrics.count(p.target, deadLetterErrors)
			s.account.Log.Warn("sending to a function's dead-letter queue or topic", "function", ref.name, "target", p.deadLetter, "error", err)
		}
	}
}

// An eventRecord is the message that a destination receives.
// See https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html.
type eventRecord struct {
	Version        string `json:"version"`
	Timestamp      string `json:"timestamp"`
	RequestContext struct {
		RequestID              string `json:"requestId"`
		FunctionARN            string `json:"functionArn"`
		Condition              string `json:"condition"`
		ApproximateInvokeCount int    `json:"approximateInvokeCount"`
	} `json:"requestContext"`
	RequestPayload  json.RawMessage       `json:"requestPayload"`
	ResponseContext *eventResponseContext `json:"responseContext,omitempty"`
	ResponsePayload json.RawMessage       `json:"responsePayload,omitempty"`
}

type eventResponseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError,omitempty"`
}

func (s *Service) record(ref reference, ev event, condition string, invoked int, res *result) eventRecord {
	r := eventRecord{
		Version:        "1.0",
		Timestamp:      s.account.Clock.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		RequestPayload: ev.payload,
	}
	qualifier := ref.qualifier
	if qualifier == "" {
		qualifier = latest
	}
	r.RequestContext.RequestID = ev.id
	r.RequestContext.FunctionARN = s.arn(ref.name, qualifier)
	r.RequestContext.Condition = condition
	r.RequestContext.ApproximateInvokeCount = invoked
	if res == nil {
		return r
	}
	r.ResponseContext = &eventResponseContext{StatusCode: 200, ExecutedVersion: res.version}
	if res.failure != nil {
		r.ResponseContext.FunctionError = "Unhandled"
	}
	if body := res.body(); json.Valid(body) {
		r.ResponsePayload = body
	} else if text, err := json.Marshal(string(body)); err == nil {
		r.ResponsePayload = text
	}
	return r
}

// deliver sends a record about what a function was invoked with to a destination, with
// the function's role.
func (s *Service) deliver(from reference, destination string, record any) error {
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	ctx := s.asRole(context.WithoutCancel(s.life), from)
	if topicARN.MatchString(destination) {
		_, err := s.deps.Topics.Publish(ctx, &awssns.PublishInput{TopicArn: &destination, Message: aws.String(string(text))})
		return err
	}
	if queueARN.MatchString(destination) {
		_, err := s.deps.Queues.SendMessage(ctx, &awssqs.SendMessageInput{
			QueueUrl: aws.String(s.account.QueueURL(destination)), MessageBody: aws.String(string(text)),
		})
		return err
	}
	ref, err := s.parse(&destination, nil)
	if err != nil {
		return err
	}
	if s.deps.Access != nil {
		if err := s.deps.Access.Authorize(ctx, "lambda", "Invoke", &awslambda.InvokeInput{FunctionName: &destination}); err != nil {
			return err
		}
	}
	return s.enqueue(ref, event{payload: text, trace: traceOf("", s.account.Clock.Now())})
}

// asRole returns a context whose principal is the execution role of a function. What
// Lambda does for a function with other services, it does with this role.
// See https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html.
func (s *Service) asRole(ctx context.Context, ref reference) context.Context {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, v, err := s.resolve(ref)
	if err != nil {
		return ctx
	}
	_, name, _ := strings.Cut(v.settings.Role, ":role/")
	name = name[strings.LastIndexByte(name, '/')+1:]
	return principal.NewContext(ctx, principal.Principal{
		ARN: s.account.GlobalARN("sts", "assumed-role/"+name+"/"+ref.name), Account: s.account.ID, Role: v.settings.Role, AccessKeyID: "ASIA",
	})
}

// bury sends a failed event to its dead-letter queue or topic. The message is the
// event itself; its attributes say what happened.
// See https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html.
func (s *Service) bury(from reference, target string, ev event, condition string, res *result) error {
	ctx := s.asRole(context.WithoutCancel(s.life), from)
	code, message := buried(condition, res)
	attributes := map[string][2]string{"RequestID": {"String", ev.id}, "ErrorMessage": {"String", message}}
	if code != 0 {
		attributes["ErrorCode"] = [2]string{"Number", strconv.Itoa(code)}
	}
	if queueARN.MatchString(target) {
		in := &awssqs.SendMessageInput{
			QueueUrl: aws.String(s.account.QueueURL(target)), MessageBody: aws.String(string(ev.payload)),
			MessageAttributes: map[string]sqstypes.MessageAttributeValue{},
		}
		for name, a := range attributes {
			in.MessageAttributes[name] = sqstypes.MessageAttributeValue{DataType: &a[0], StringValue: &a[1]}
		}
		_, err := s.deps.Queues.SendMessage(ctx, in)
		return err
	}
	in := &awssns.PublishInput{
		TopicArn: aws.String(target), Message: aws.String(string(ev.payload)), MessageAttributes: map[string]snstypes.MessageAttributeValue{},
	}
	for name, a := range attributes {
		in.MessageAttributes[name] = snstypes.MessageAttributeValue{DataType: &a[0], StringValue: &a[1]}
	}
	_, err := s.deps.Topics.Publish(ctx, in)
	return err
}

// buried returns the HTTP status and the first KB of the error of an event's
// last invocation. The status is 0 if there was no invocation.
func buried(condition string, res *result) (code int, message string) {
	switch {
	case condition == zeroConcurrency:
		// The missing space is in AWS's recorded answer.
		return 0, "Function not invoked. Function isconfigured with zero reserved concurrent executions"
	case res == nil:
		return http.StatusTooManyRequests, throttledMessage
	}
	var said struct{ ErrorMessage string }
	if json.Unmarshal(res.body(), &said) != nil || said.ErrorMessage == "" {
		said.ErrorMessage = string(res.body())
	}
	return http.StatusOK, strings.ToValidUTF8(said.ErrorMessage[:min(len(said.ErrorMessage), 1024)], "")
}
