package probe

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project/stack"
)

const (
	timeout = 15 * time.Second // for a request: longer than the function's own
	// answerLimit is larger than any answer of a function.
	answerLimit = 6 << 20
	// pause is the wait before a failed step is repeated.
	pause = time.Second
)

// An Invoker invokes a function of a stage, which is named as in the steps. It returns the
// function's answer, and the kind of its error if it failed.
type Invoker func(ctx context.Context, function string, event []byte) (payload []byte, failed string, err error)

// Function returns an Invoker for the functions of a stage, which it invokes through their
// aliases. Without a name it invokes the first one.
func Function(cfg aws.Config, all ...stack.Outputs) Invoker {
	client := lambda.NewFromConfig(cfg)
	return func(ctx context.Context, function string, event []byte) ([]byte, string, error) {
		o := all[0]
		if function != "" {
			i := slices.IndexFunc(all, func(o stack.Outputs) bool { return o.Is(function) })
			if i < 0 {
				return nil, "", noFunction(function, all)
			}
			o = all[i]
		}
		out, err := client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &o.FunctionName, Qualifier: o.Qualifier(), Payload: event})
		if err != nil {
			return nil, "", fmt.Errorf("invoking %s: %w", stack.Outputs{FunctionName: o.FunctionName, AliasName: o.AliasName}.Address(), err)
		}
		return out.Payload, aws.ToString(out.FunctionError), nil
	}
}

// noFunction returns an error that lists the functions.
func noFunction(function string, all []stack.Outputs) error {
	names := make([]string, len(all))
	for i, o := range all {
		names[i] = cmp.Or(o.LogicalID, o.FunctionName)
	}
	return fmt.Errorf("the stage delivers no function %q: it delivers %s", function, strings.Join(names, ", "))
}

// A sender sends requests and events to a stage.
type sender struct {
	url    string
	invoke Invoker
	client *http.Client
}

func newSender(url string, invoke Invoker, transport http.RoundTripper) sender {
	return sender{url, invoke, &http.Client{
		Timeout: timeout, Transport: transport,
		// A redirection is an answer, which may be the declared one.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// send sends what a step says, with values instead of its placeholders.
func (s sender) send(ctx context.Context, step Step, token string, values map[string]any) (answer, error) {
	if step.Invoke != nil {
		event, err := fillJSON(step.Invoke, values)
		if err != nil {
			return answer{}, err
		}
		payload, failed, err := s.invoke(ctx, step.Function, event)
		return answer{body: payload, failed: failed}, err
	}
	r, err := s.request(ctx, step, token, values)
	if err != nil {
		return answer{}, err
	}
	response, err := s.client.Do(r) // #nosec G704 -- the URL is the stack's own output
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return answer{}, fmt.Errorf("reading the response: %w", err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: body}, nil
}

func (s sender) request(ctx context.Context, step Step, token string, values map[string]any) (*http.Request, error) {
	if s.url == "" {
		return nil, fmt.Errorf("%s: the stage has no URL; invoke its function instead", step.subject())
	}
	path, err := fillText(step.Path, values)
	if err != nil {
		return nil, err
	}
	body, err := []byte(nil), error(nil)
	if step.JSON != nil {
		body, err = fillJSON(step.JSON, values)
	} else if step.Body != "" {
		var text string
		text, err = fillText(step.Body, values)
		body = []byte(text)
	}
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, step.Method, strings.TrimSuffix(s.url, "/")+"/"+strings.TrimPrefix(path, "/"), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	if step.JSON != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if step.Token {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for name, value := range step.Headers {
		if value, err = fillText(value, values); err != nil {
			return nil, err
		}
		if http.CanonicalHeaderKey(name) == "Host" {
			r.Host = value
			continue
		}
		r.Header.Set(name, value)
	}
	return r, nil
}

// A Session takes the steps of a smoke test one after the other.
type Session struct {
	URL    string // "" if the function has none
	Invoke Invoker
	AWS    aws.Config     // for messages and events
	Token  string         // for the steps that need one
	Values map[string]any // by name; captured values are added
	Clock  clock.Clock
}

// A Result is the outcome of a step that succeeded.
type Result struct {
	Method string // INVOKE for an invocation, SEND for a message, EVENT for an event
	Status int    // the status of the HTTP response; 200 for other steps, or 400 for an invocation that had to fail
	Body   []byte
	Took   time.Duration
}

// Do takes a step. If the step has a time within which it must succeed, Do repeats it until
// then.
func (s *Session) Do(ctx context.Context, step Step) (Result, error) {
	switch {
	case step.Message != nil:
		return s.message(ctx, step)
	case step.Event != nil:
		return s.event(ctx, step)
	}
	start := s.Clock.Now()
	for {
		result, err := s.try(ctx, step)
		switch {
		case err == nil:
			return result, nil
		case ctx.Err() != nil || step.Within == 0:
			return Result{}, err
		case clock.Since(s.Clock, start) > step.Within:
			return Result{}, fmt.Errorf("it did not succeed within %v: %w", step.Within, err)
		}
		if err := clock.Sleep(ctx, s.Clock, pause); err != nil {
			return Result{}, err
		}
	}
}

func (s *Session) try(ctx context.Context, step Step) (Result, error) {
	start := s.Clock.Now()
	a, err := newSender(s.URL, s.Invoke, nil).send(ctx, step, s.Token, s.Values)
	if err != nil {
		return Result{}, err
	}
	took := clock.Since(s.Clock, start)
	if err := step.answered(a); err != nil {
		return Result{}, err
	}
	if err := step.Expect.check(a, s.Values); err != nil {
		return Result{}, fmt.Errorf("%s: %w", step.subject(), err)
	}
	if err := s.capture(step, a); err != nil {
		return Result{}, fmt.Errorf("%s: %w", step.subject(), err)
	}
	if step.Invoke != nil {
		status := http.StatusOK
		if a.failed != "" { // the invocation had to fail
			status = http.StatusBadRequest
		}
		return Result{"INVOKE", status, a.body, took}, nil
	}
	return Result{step.Method, a.status, a.body, took}, nil
}

// A StatusError says that an answer has another status than its step declares. Either the
// stage is wrong, or the step is.
type StatusError struct {
	Subject      string // the request's method and path
	Status, Want int
	Body         string // its beginning
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s answered %s, want %d", e.Subject, strings.TrimSpace(fmt.Sprint(e.Status, " ", e.Body)), e.Want)
}

// answered returns an error unless the answer has the declared status.
func (s Step) answered(a answer) error {
	switch {
	case s.Invoke != nil && s.Expect.Error && a.failed == "":
		return fmt.Errorf("the invocation succeeded with %s, but it must fail", short(string(a.body)))
	case s.Invoke != nil && !s.Expect.Error && a.failed != "":
		return fmt.Errorf("the invocation failed (%s): %s", a.failed, short(string(a.body)))
	case s.Invoke == nil && a.status != s.Status:
		return &StatusError{Subject: s.subject(), Status: a.status, Want: s.Status, Body: short(string(a.body))}
	}
	return nil
}

func (s *Session) capture(step Step, a answer) error {
	if len(step.Capture) == 0 {
		return nil
	}
	document, err := decode(a.body)
	if err != nil {
		return fmt.Errorf("the answer %s is not JSON: %w", short(string(a.body)), err)
	}
	for name, pointer := range step.Capture {
		value, found := lookup(document, pointer)
		if !found {
			return fmt.Errorf("the answer has no %s to capture as %s", at(pointer), name)
		}
		s.Values[name] = value
	}
	return nil
}
