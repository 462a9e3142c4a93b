package executeapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"

	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/magewright/magewright/tools/localaws/call"
	"github.com/magewright/magewright/tools/localaws/iam/policy"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// The reasons why a function has no answer.
var (
	ErrDenied   = errors.New("the function's policy does not allow API Gateway to invoke it")
	ErrTimeout  = errors.New("the function did not answer in time")
	ErrTooLarge = errors.New("the request is larger than Lambda accepts")
	ErrThrottle = errors.New("the function is throttled")
)

// A FunctionError is the error of a function.
type FunctionError struct{ Payload []byte }

func (e *FunctionError) Error() string { return "the function failed: " + string(e.Payload) }

// Kind returns the errorMessage of the function's error, or "".
func (e *FunctionError) Kind() string {
	var body struct{ ErrorMessage string }
	if json.Unmarshal(e.Payload, &body) != nil {
		return ""
	}
	return body.ErrorMessage
}

var invocation = regexp.MustCompile(`^arn:aws:apigateway:[a-z0-9-]+:lambda:path/2015-03-31/functions/(arn:aws:lambda:[^/]+)/invocations$`)

// Function returns the ARN of the function in the URI of an integration or of an
// authorizer. The URI is that ARN, or the ARN of its Invoke operation.
func Function(uri string) (string, bool) {
	if m := invocation.FindStringSubmatch(uri); m != nil {
		uri = m[1]
	}
	return uri, strings.HasPrefix(uri, "arn:aws:lambda:") && !strings.ContainsAny(uri, "/${}")
}

// Invoke calls a function with an event on behalf of the API's resource source,
// whose ARN the function's policy must allow. The function has limit to answer.
// trace is the X-Ray header of the request.
func (g *Gateway) Invoke(function, source, trace string, event any, limit time.Duration) ([]byte, error) {
	return g.InvokeAs(nil, function, source, trace, event, limit)
}

// InvokeAs is Invoke with the permissions of a caller, who must be allowed to invoke the
// function. If caller is nil, the function's policy must allow it instead.
func (g *Gateway) InvokeAs(caller *principal.Principal, function, source, trace string, event any, limit time.Duration) ([]byte, error) {
	if caller == nil && !g.deps.Functions.Permits(function, servicePrincipal, source) {
		return nil, ErrDenied
	}
	payload, err := json.Marshal(event)
	if err != nil {
		return nil, fmt.Errorf("encoding the event: %w", err)
	}
	type answer struct {
		out *awslambda.InvokeOutput
		err error
	}
	answered := make(chan answer, 1)
	// Like on AWS, the function runs to its end even if nobody waits for it.
	go func() {
		ctx := principal.ServiceFor(g.life, servicePrincipal, g.Account.ID, source)
		if caller != nil {
			ctx = principal.NewContext(g.life, *caller)
		}
		ctx = call.NewContext(ctx, call.Call{Trace: trace})
		out, err := g.deps.Functions.Invoke(ctx, &awslambda.InvokeInput{FunctionName: &function, Payload: payload})
		answered <- answer{out, err}
	}()
	timer := g.Wall.NewTimer(limit)
	defer timer.Stop()
	select {
	case a := <-answered:
		return result(a.out, a.err)
	case <-timer.C():
		return nil, ErrTimeout
	case <-g.life.Done():
		return nil, context.Canceled
	}
}

func result(out *awslambda.InvokeOutput, err error) ([]byte, error) {
	if _, throttled := errors.AsType[*lambdatypes.TooManyRequestsException](err); throttled {
		return nil, errors.Join(ErrThrottle, err)
	}
	if _, large := errors.AsType[*lambdatypes.RequestTooLargeException](err); large {
		return nil, errors.Join(ErrTooLarge, err)
	}
	if err != nil {
		return nil, fmt.Errorf("invoking the function: %w", err)
	}
	if out.FunctionError != nil {
		return nil, &FunctionError{out.Payload}
	}
	return out.Payload, nil
}

// Trace returns the X-Ray header of a request: the one that it came with, or a new
// one.
// See https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader.
func Trace(header string, now time.Time) string {
	if strings.Contains(header, "Root=") {
		return header
	}
	b := make([]byte, 12)
	// This never fails.
	_, _ = rand.Read(b)
	return fmt.Sprintf("Root=1-%08x-%s", uint32(now.Unix()&math.MaxUint32), hex.EncodeToString(b))
}

// ARN returns the ARN of a method, route or authorizer of an API. path begins with
// a slash.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-control-access-using-iam-policies-to-invoke-api.html.
func (g *Gateway) ARN(api, path string) string { return g.Account.ARN("execute-api", api+path) }

// Allows reports whether the policy that a Lambda authorizer has returned allows a
// request from an address for the method with an ARN.
func (g *Gateway) Allows(p *policy.Policy, method, address string) bool {
	policies := policy.Policies{Identity: []*policy.Policy{p}}
	return policies.Evaluate(&policy.Request{
		Principal: policy.Principal{ARN: g.Account.GlobalARN("iam", "user/authorized"), Account: g.Account.ID},
		Action:    "execute-api:Invoke", Resource: method,
		Context: policy.Context{"aws:sourceip": {address}},
	}).Result == policy.Allowed
}
