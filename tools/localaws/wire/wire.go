// Package wire speaks the protocols of the AWS APIs: awsJson, awsQuery,
// REST-JSON and rpc-v2-CBOR.
//
// A service implements operations as methods on aws-sdk-go-v2's own types. This
// package finds the methods by reflection. It decodes a request into the input
// struct, and encodes the output struct or the error. Responses therefore have,
// by construction, the shape that AWS documents. Names and bindings come from
// the SDK's Smithy schemas if it has them. Otherwise they are the names of the
// struct fields, with one table of exceptions.
//
// See https://smithy.io/2.0/aws/protocols/index.html.
package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"runtime/debug"

	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/principal"
	"github.com/magewright/magewright/tools/localaws/trail"
)

// A Service is one AWS service that a handler serves.
type Service struct {
	// Name is the signing name in a credential's scope, for example
	// "codedeploy", "monitoring", "logs" or "events". It is "dynamodbstreams" for
	// DynamoDB Streams, which shares its signing name with DynamoDB.
	Name string
	// Impl has a method for each operation: func(context.Context, *XInput)
	// (*XOutput, error) with the name X.
	Impl any
	// Handler serves the service instead of Impl. S3 uses it, because it has
	// its own protocol. The request's context contains the principal.
	Handler http.Handler
	// Refuse answers a request that Handler does not get to see, in Handler's
	// protocol.
	Refuse func(w http.ResponseWriter, r *http.Request, err error)
	// Elsewhere, if it is set, answers the requests for the service. The handler only
	// verifies their signatures, and asks whether the operations of Impl are allowed.
	Elsewhere http.Handler
}

// An Authenticator verifies who has signed a request.
type Authenticator interface {
	// Verify returns the identity whose key has signed a request. body is the
	// request's body, or nil for a service with a Handler. The client receives the
	// error: Verify returns a smithy.APIError with the code of AWS's JSON
	// protocols, such as InvalidSignatureException.
	Verify(r *http.Request, body []byte) (principal.Principal, error)
}

// An Authorizer decides who may do what. An Authenticator that is an Authorizer
// is asked before each operation.
type Authorizer interface {
	// Authorize reports whether the principal of ctx may call an operation of a
	// service, which is known by its signing name, with an input. The client
	// receives the error, a smithy.APIError with the code of AWS's JSON protocols.
	Authorize(ctx context.Context, service, operation string, in any) error
}

// A Recorder is an Authenticator that also remembers the requests.
type Recorder interface {
	Requests() *trail.Ring
}

// NewHandler returns the endpoint of an embedded AWS with the given services.
// It returns an error if a service's protocol is unknown, if a service is given
// twice, or if the types of an operation can't be mapped.
func NewHandler(a account.Account, auth Authenticator, services ...Service) (http.Handler, error) {
	h := &handler{account: a, auth: auth, log: a.Log, services: map[string]*service{}}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	h.authorizer, _ = auth.(Authorizer)
	if r, ok := auth.(Recorder); ok {
		h.requests = r.Requests()
	}
	for _, s := range services {
		compiled, err := newService(s)
		if err != nil {
			return nil, fmt.Errorf("serving %s: %w", s.Name, err)
		}
		if _, dup := h.services[s.Name]; dup {
			return nil, fmt.Errorf("serving %s: it is configured twice", s.Name)
		}
		h.services[s.Name] = compiled
	}
	return h, nil
}

// A service is a Service with its operations and the protocols that it speaks.
type service struct {
	metadata
	name       string
	handler    http.Handler
	refuse     func(http.ResponseWriter, *http.Request, error)
	elsewhere  http.Handler
	operations map[string]*operation
	routes     []route
}

func newService(s Service) (*service, error) {
	if s.Elsewhere != nil && s.Impl == nil {
		return &service{name: s.Name, elsewhere: s.Elsewhere}, nil
	}
	if s.Handler != nil {
		if s.Impl != nil {
			return nil, errors.New("both Impl and Handler are set")
		}
		return &service{metadata: metadata{global: s.Name == "s3"}, name: s.Name, handler: s.Handler, refuse: s.Refuse}, nil
	}
	if s.Impl == nil {
		return nil, errors.New("neither Impl nor Handler is set")
	}
	ops := methods(s.Impl)
	if len(ops) == 0 {
		return nil, fmt.Errorf("%T has no method with the signature of an operation", s.Impl)
	}
	compiled, err := compileService(s.Name, ops)
	if err != nil {
		return nil, err
	}
	compiled.elsewhere = s.Elsewhere
	return compiled, nil
}

// compileService maps the types of operations to their names on the wire.
func compileService(name string, ops []*operation) (*service, error) {
	m, ok := services[name]
	if !ok {
		return nil, errors.New("its protocol is unknown")
	}
	s := &service{metadata: m, name: name, operations: map[string]*operation{}}
	c := newCompiler(m)
	c.answers = answersOf[name]
	c.checker = &checker{model: models()[name], refusal: refusals[name], made: map[string]*check{}}
	for _, op := range ops {
		if err := op.compile(c); err != nil {
			return nil, fmt.Errorf("operation %s: %w", op.name, err)
		}
		s.operations[op.name] = op
	}
	for _, schema := range m.rest {
		rt, err := newRoute(schema)
		if err != nil {
			return nil, err
		}
		s.routes = append(s.routes, rt)
	}
	listed, err := m.operations.routes()
	if err != nil {
		return nil, err
	}
	for _, rt := range listed {
		if op := s.operations[rt.operation]; op != nil {
			rt.bind(op)
		}
		s.routes = append(s.routes, rt)
	}
	return s, nil
}

// An operation is one method of a service.
type operation struct {
	name    string
	in, out reflect.Type // the struct types
	call    func(context.Context, reflect.Value) (reflect.Value, error)

	input, output *shape
	check         *check
}

func (op *operation) compile(c *compiler) (err error) {
	if op.input, err = c.top(op.in); err != nil {
		return err
	}
	if op.output, err = c.top(op.out); err != nil {
		return err
	}
	for i, f := range op.output.fields {
		op.output.fields[i].always = f.always || c.answers.has(op, f)
	}
	op.check = c.checker.input(op.name, op.input)
	return nil
}

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
)

// methods returns the operations among the exported methods of impl.
func methods(impl any) []*operation {
	var ops []*operation
	v := reflect.ValueOf(impl)
	for i := range v.NumMethod() {
		m := v.Type().Method(i)
		t := v.Method(i).Type()
		if t.NumIn() != 2 || t.NumOut() != 2 || t.IsVariadic() || t.In(0) != contextType || t.Out(1) != errorType {
			continue
		}
		in, out := t.In(1), t.Out(0)
		if in.Kind() != reflect.Pointer || out.Kind() != reflect.Pointer ||
			in.Elem().Name() != m.Name+"Input" || out.Elem().Name() != m.Name+"Output" {
			continue
		}
		call := v.Method(i)
		ops = append(ops, &operation{
			name: m.Name, in: in.Elem(), out: out.Elem(),
			call: func(ctx context.Context, in reflect.Value) (reflect.Value, error) {
				results := call.Call([]reflect.Value{reflect.ValueOf(ctx), in})
				err, _ := reflect.TypeAssert[error](results[1])
				return results[0], err
			},
		})
	}
	return ops
}

// run calls the operation. It logs a panic and turns it into the only error
// that clients should retry.
func (h *handler) run(ctx context.Context, s *service, op *operation, in reflect.Value) (out reflect.Value, err error) {
	defer func() {
		if p := recover(); p != nil {
			h.log.Error("an operation of the embedded AWS panicked",
				"service", s.name, "operation", op.name, "panic", p, "stack", string(debug.Stack()))
			err = &panicError{fmt.Sprintf("%s %s panicked: %v", s.name, op.name, p)}
		}
	}()
	out, err = op.call(ctx, in)
	if err == nil && out.IsNil() {
		out = reflect.New(op.out)
	}
	return out, err
}

type panicError struct{ text string }

func (e *panicError) Error() string { return e.text }

// unsupported returns the error for an operation that is not implemented. It is
// a client fault, so that no client retries it.
func unsupported(service, operation string) error {
	return &smithy.GenericAPIError{
		Code:    "UnknownOperationException",
		Message: service + " " + cmp.Or(operation, "(no operation named)") + " is not supported by the embedded AWS",
		Fault:   smithy.FaultClient,
	}
}
