package lambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/call"
	"github.com/magewright/magewright/tools/localaws/trail"
)

// initLimit is how long the first initialization of an environment may take.
// See https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html.
const initLimit = 10 * time.Second

// A target is the destination of an invocation, as it was when the invocation arrived.
type target struct {
	function *function
	version  *version
	alias    string // the alias that the caller named, if any
	arn      string // as the caller named it
	resource string // the Resource dimension of the target's metrics

	reserved        *int32
	unreservedLimit int32
}

// An invocation is one event on its way to a function's process and back.
type invocation struct {
	id            string
	payload       []byte
	arn           string
	trace         string
	clientContext string    // JSON
	deadline      time.Time // by the system clock, which processes see

	taken atomic.Bool // a process has taken it
	done  chan answer // receives the process's answer, at most one

	answer   *answer // set once it is known
	late     bool    // it exceeded its deadline
	reusable bool    // the process has asked for the next one
}

// An answer is what a function returned, or why it didn't.
type answer struct {
	payload []byte
	failure *failure
}

// body returns what the caller receives.
func (a *answer) body() []byte {
	if a.failure != nil {
		return a.failure.payload
	}
	return a.payload
}

// A result is the outcome of an invocation.
type result struct {
	answer
	version   string // the version that ran
	requestID string
	log       []byte // its last 4 KB, if requested
}

// aim finds the target of an invocation. If the target is an alias with
// weights, aim also chooses the version.
func (s *Service) aim(ref reference) (target, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return target{}, ended()
	}
	// The error of Invoke names what it looked for.
	if s.functions[ref.name] == nil && ref.qualifier == "" {
		return target{}, notFound("Function not found: %s", s.arn(ref.name, latest))
	}
	f, v, err := s.resolve(ref)
	if err != nil {
		return target{}, err
	}
	t := s.targetOf(f, v, ref)
	if a := f.aliases[ref.qualifier]; a != nil {
		t.alias = a.name
		if t.version = f.version(a.choose(s.deps.Rand)); t.version == nil {
			return target{}, notFound("Function not found: %s", t.arn)
		}
	}
	t.reserved, t.unreservedLimit = f.reserved, accountConcurrency-s.reserved
	return t, nil
}

// place returns the target for metrics that belong to no single version. It
// returns false if the target no longer exists.
func (s *Service) place(ref reference) (target, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f, v, err := s.resolve(ref)
	if err != nil {
		return target{}, false
	}
	return s.targetOf(f, v, ref), true
}

func (s *Service) targetOf(f *function, v *version, ref reference) target {
	t := target{function: f, version: v, arn: s.arn(ref.name, ref.qualifier), resource: f.name}
	if ref.qualifier != "" {
		t.resource += ":" + ref.qualifier
	}
	return t
}

// Invoke runs a function with an event.
//
// An error of the function is not an error of Invoke: FunctionError and the
// payload report it. FunctionError is always Unhandled, even for errors that
// the function returned. AWS documents this for Go. It is also in every answer
// that LocalStack recorded from AWS, for all runtimes (error, exit, timeout,
// size, failed initialization, and the records of destinations). Handled was
// for errors that runtimes caught before the Runtime API existed.
// See https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html,
// https://docs.aws.amazon.com/lambda/latest/dg/golang-exceptions.html and
// tests/aws/services/lambda_/*.snapshot.json in
// https://github.com/localstack/localstack.
func (s *Service) Invoke(ctx context.Context, in *awslambda.InvokeInput) (*awslambda.InvokeOutput, error) {
	ref, err := s.parse(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	switch {
	case in.DurableExecutionName != nil:
		return nil, unsupported("DurableExecutionName")
	case in.TenantId != nil:
		return nil, unsupported("TenantId")
	case in.LogType != "" && !slices.Contains(in.LogType.Values(), in.LogType):
		return nil, validation("Value '%s' at 'logType' failed to satisfy constraint: Member must satisfy enum value set: [None, Tail]", in.LogType)
	}
	clientContext, err := base64.StdEncoding.DecodeString(aws.ToString(in.ClientContext))
	if err != nil || len(clientContext) > 0 && !json.Valid(clientContext) {
		return nil, badContent("Client context must be a valid Base64-encoded JSON object.")
	}
	limit := maxRequest
	if in.InvocationType == lambdatypes.InvocationTypeEvent {
		limit = maxAsyncRequest
	}
	if len(in.Payload) > limit {
		return nil, &lambdatypes.RequestTooLargeException{
			Message: aws.String(fmt.Sprintf("Request must be smaller than %d bytes for the InvokeFunction operation", limit)), Type: user,
		}
	}
	payload := in.Payload
	if len(payload) == 0 {
		payload = []byte("{}")
	} else if !json.Valid(payload) {
		// The error says where the JSON is wrong.
		err := json.Unmarshal(payload, new(any))
		return nil, badContent(fmt.Sprintf("Could not parse request body into json: Could not parse payload into json: %v", err))
	}

	caller := call.FromContext(ctx)
	ev := event{id: caller.ID, trace: traceOf(caller.Trace, s.account.Clock.Now()), payload: payload}
	trail.FromContext(ctx).Follow(ev.trace)
	switch in.InvocationType {
	case "", lambdatypes.InvocationTypeRequestResponse:
		ev.clientContext, ev.tail = string(clientContext), in.LogType == lambdatypes.LogTypeTail
		res, err := s.invoke(ref, ev)
		if err != nil {
			return nil, err
		}
		out := &awslambda.InvokeOutput{StatusCode: http.StatusOK, ExecutedVersion: aws.String(res.version), Payload: res.body()}
		if res.failure != nil {
			out.FunctionError = aws.String("Unhandled")
		}
		if in.LogType == lambdatypes.LogTypeTail {
			out.LogResult = aws.String(base64.StdEncoding.EncodeToString(res.log))
		}
		return out, nil
	case lambdatypes.InvocationTypeEvent:
		if err := s.enqueue(ref, ev); err != nil {
			return nil, err
		}
		return &awslambda.InvokeOutput{StatusCode: http.StatusAccepted}, nil
	case lambdatypes.InvocationTypeDryRun:
		if _, err := s.aim(ref); err != nil {
			return nil, err
		}
		return &awslambda.InvokeOutput{StatusCode: http.StatusNoContent}, nil
	}
	return nil, validation("Value '%s' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]", in.InvocationType)
}

func badContent(message string) error {
	return &lambdatypes.InvalidRequestContentException{Message: aws.String(message), Type: user}
}

// An event is the input of an invocation.
type event struct {
	// id is the id of the caller's request, or empty for a new one. Retries keep it.
	id            string
	payload       []byte // JSON
	clientContext string // JSON
	trace         string // X-Ray trace header
	tail          bool   // the caller wants the end of the log
}

// invoke runs an event to its end. Like Lambda, it continues even if the caller
// goes away.
func (s *Service) invoke(ref reference, ev event) (result, error) {
	t, err := s.aim(ref)
	if err != nil {
		return result{}, err
	}
	now := s.account.Clock.Now()
	concurrent, leave, err := s.admit(t.function, t.reserved, t.unreservedLimit)
	if err != nil {
		s.metrics.throttle(t, now)
		return result{}, err
	}
	defer leave()
	defer s.account.Clock.Busy()()
	inv := &invocation{
		id: ev.id, payload: ev.payload, arn: t.arn, trace: ev.trace, clientContext: ev.clientContext,
		done: make(chan answer, 1),
	}
	if inv.id == "" {
		inv.id = uuid.NewString()
	}
	res := result{version: t.version.number, requestID: inv.id}
	duration, log, err := s.run(t.version, inv, ev.tail)
	if err != nil {
		return result{}, err
	}
	res.answer, res.log = *inv.answer, log
	s.metrics.invocation(t, now, duration, concurrent, res.failure != nil)
	return res, nil
}

// run gives an invocation to an environment, and starts one if necessary. It
// returns the duration of the function and, with tail, the end of its log.
func (s *Service) run(v *version, inv *invocation, tail bool) (time.Duration, []byte, error) {
	r := &report{invocation: inv, timeout: time.Duration(v.settings.Timeout) * time.Second, tail: tail}
	for {
		e, err := s.host.acquire(v)
		if err != nil {
			return 0, nil, err
		}
		if e != nil && e.stale() {
			e.kill()
			<-e.gone
			continue
		}
		var box *sandbox
		warm := e != nil
		if warm {
			box = e.sandbox
			box.begin(r)
		} else {
			box = s.newSandbox(v)
			if e, err = s.cold(box, r); err != nil {
				s.host.forfeit()
				return 0, nil, err
			}
		}
		// The environment can't be initialized.
		if e == nil {
			s.host.forfeit()
		} else if !e.dispatch(inv, r.deadline().Sub(s.wall.Now())) {
			// It died while it was idle. Its next invocation need not notice.
			if warm {
				box.abandon()
				continue
			}
			inv.answer = &answer{failure: new(e.exited(inv.id))}
		}
		duration := min(s.wall.Now().Sub(r.started), r.timeout)
		if e != nil {
			e.output.drain()
		}
		log := box.finish(r, duration, e)
		if inv.reusable {
			s.host.release(e, s.wall.Now())
		}
		return duration, log, nil
	}
}

// cold starts the first process of a sandbox. If its initialization fails,
// Lambda tries once more within the invocation's own time. If that fails too,
// cold returns no environment, and the invocation has its answer.
// See https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html.
func (s *Service) cold(box *sandbox, r *report) (*environment, error) {
	inv := r.invocation
	box.initStart()
	began := s.wall.Now()
	e, f, err := s.boot(box, inv.id, s.initLimit)
	if err != nil {
		return nil, err
	}
	took := s.wall.Now().Sub(began)
	if f == nil {
		r.init = took
		box.begin(r)
		return e, nil
	}
	box.initReport("init", took, f)
	box.begin(r)
	e, f, err = s.boot(box, inv.id, r.timeout)
	if err != nil {
		return nil, err
	}
	box.initReport("invoke", s.wall.Now().Sub(r.started), f)
	switch {
	case f == nil:
		return e, nil
	case f.kind == timedOut:
		box.timeout(inv)
	default:
		inv.answer = &answer{failure: f}
	}
	return nil, nil
}

// boot starts a process and waits for its initialization. The failure is the
// function's; the error is not.
func (s *Service) boot(box *sandbox, requestID string, limit time.Duration) (*environment, *failure, error) {
	e, err := s.start(box)
	if bad, ok := errors.AsType[*entrypointError](err); ok {
		message := bad.Error()
		if errors.Is(bad.err, fs.ErrNotExist) {
			message = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
		}
		box.crashed(requestID, message, "Runtime.InvalidEntrypoint")
		return nil, new(newFailure("Runtime.InvalidEntrypoint", "RequestId: %s Error: %s", requestID, message)), nil
	}
	if err != nil {
		return nil, nil, err
	}
	if f := e.initialize(requestID, limit); f != nil {
		return nil, f, nil
	}
	s.host.adopt(e)
	return e, nil, nil
}
