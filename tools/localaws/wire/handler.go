package wire

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/smithy-go"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/call"
	"github.com/magewright/magewright/tools/localaws/principal"
	"github.com/magewright/magewright/tools/localaws/trail"
)

type handler struct {
	account    account.Account
	auth       Authenticator
	authorizer Authorizer // may be nil
	log        *slog.Logger
	services   map[string]*service
	requests   *trail.Ring // may be nil
}

// A request is an HTTP request for an operation.
type request struct {
	*http.Request
	id      string // returned as x-amzn-RequestId
	service *service
	body    []byte
	route   *route            // for the REST protocol, once the operation is known
	labels  map[string]string // the labels in its path
}

// A response is the encoded form of an output or an error.
type response struct {
	status int
	header http.Header
	body   []byte
	stream io.Reader // instead of body
}

// A protocol decodes requests and encodes answers.
type protocol interface {
	// operation returns the name of the operation that r requests. The
	// operation may be unknown.
	operation(r *request) (string, error)
	decode(r *request, op *operation, in reflect.Value) error
	encode(r *request, op *operation, out reflect.Value) (response, error)
	fail(r *request, e failure) response
}

// ServeHTTP implements [http.Handler]. It leaves the Date header to net/http.
// The account's clock may be hours ahead. If a client finds its own clock so
// far off, it repeats each request that fails, with growing pauses (the SDK for
// JavaScript does so above four minutes).
func (h *handler) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	start := h.account.Clock.Now()
	id := uuid.NewString()
	w.Header().Set("x-amzn-RequestId", id)

	cred, err := parseCredential(hr)
	r := &request{Request: hr, id: id, service: h.find(hr, cred)}
	entry := trail.New(trail.Request{ID: id, At: start, Service: r.service.name, Agent: hr.UserAgent(), Trace: trail.Root(hr.Header.Get("X-Amzn-Trace-Id"))})
	status := 0
	defer func() {
		entry.End(status, clock.Since(h.account.Clock, start), err)
		h.requests.Add(entry)
	}()
	p := protocolOf(r)
	var ctx context.Context
	if err == nil {
		if s, action := h.anonymous(hr, cred); s != nil {
			r.service, p, err = s, queryProtocol{}, unsupported(s.name, action)
		}
	}
	if err == nil {
		err = h.expects(hr, cred, r.service)
	}
	if err == nil && r.service.handler == nil {
		r.body, err = readLimited(hr.Body, hr.ContentLength, cmp.Or(r.service.bodyLimit, defaultBodyLimit))
	}
	if err == nil {
		ctx, err = h.authenticate(hr, cred, r.body)
	}
	if err != nil && r.service.refuse != nil {
		noted := &noting{w, http.StatusOK}
		r.service.refuse(noted, hr, err)
		status = noted.status
		return
	}
	if err == nil {
		entry.Call(principal.FromContext(ctx).ARN)
		if r.service.handler == nil || hr.Method == http.MethodGet || hr.Method == http.MethodHead {
			entry.Keep(sentOf(hr, cred, r.body))
		}
		ctx = trail.NewContext(call.NewContext(ctx, newCall(id, hr)), entry)
	}
	if err == nil && r.service.handler != nil {
		w.Header().Set("x-amz-request-id", id)
		noted := &noting{w, http.StatusOK}
		r.service.handler.ServeHTTP(noted, hr.WithContext(ctx))
		status = noted.status
		return
	}
	if err == nil && r.service.elsewhere != nil {
		if err = h.admit(ctx, r, p); err == nil {
			hr.Body, hr.ContentLength = io.NopCloser(bytes.NewReader(r.body)), int64(len(r.body))
			noted := &noting{w, http.StatusOK}
			r.service.elsewhere.ServeHTTP(noted, hr.WithContext(ctx))
			status = noted.status
			return
		}
	}
	name := ""
	var answer response
	if err == nil {
		name, answer, err = h.serve(ctx, r, p)
	}
	if err != nil {
		answer = p.fail(r, newFailure(err))
	}
	entry.Name(name)
	status = answer.status
	h.log.Debug("served an AWS request", "service", r.service.name, "operation", name,
		"status", answer.status, "took", clock.Since(h.account.Clock, start), "error", err)
	write(w, answer)
}

// A noting response writer notes the status.
type noting struct {
	http.ResponseWriter

	status int
}

func (n *noting) WriteHeader(status int) {
	n.status = status
	n.ResponseWriter.WriteHeader(status)
}

// Unwrap is for [http.ResponseController].
func (n *noting) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// sentOf returns what was sent. It leaves out what belongs to one signature or to one
// connection.
func sentOf(r *http.Request, cred credential, body []byte) trail.Sent {
	s := trail.Sent{Method: r.Method, Host: r.Host, URI: r.URL.RequestURI(), Service: cred.service, Header: map[string]string{}, Body: slices.Clone(body)}
	for name := range r.Header {
		switch {
		case name == "Authorization", name == "Content-Length", name == "Connection", name == "User-Agent", name == "Accept-Encoding",
			name == "X-Amz-Date", name == "X-Amz-Security-Token", name == "X-Amz-Content-Sha256", strings.HasPrefix(name, "Amz-Sdk-"):
		default:
			s.Header[name] = r.Header.Get(name)
		}
	}
	return s
}

// newCall returns the parts of a request that are not in an operation's input.
func newCall(id string, r *http.Request) call.Call {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return call.Call{ID: id, Trace: r.Header.Get("X-Amzn-Trace-Id"), SourceIP: host, UserAgent: r.UserAgent(), Referer: r.Referer()}
}

// serve carries out an operation.
func (h *handler) serve(ctx context.Context, r *request, p protocol) (name string, answer response, err error) {
	if r.body, err = uncompressed(r); err != nil {
		return "", response{}, err
	}
	if name, err = p.operation(r); err != nil {
		return "", response{}, err
	}
	op := r.service.operations[name]
	if op == nil {
		return name, response{}, unsupported(r.service.name, name)
	}
	in := reflect.New(op.in)
	if err := p.decode(r, op, in.Elem()); err != nil {
		return name, response{}, &smithy.GenericAPIError{
			Code: "SerializationException", Message: "reading the request: " + err.Error(), Fault: smithy.FaultClient,
		}
	}
	if err := op.validate(in.Elem(), r.service.name); err != nil {
		return name, response{}, err
	}
	if h.authorizer != nil {
		if err := h.authorizer.Authorize(ctx, r.service.name, name, in.Interface()); err != nil {
			return name, response{}, err //nolint:wrapcheck // it is AWS's error
		}
	}
	out, err := h.run(ctx, r.service, op, in)
	if err != nil {
		return name, response{}, err
	}
	answer, err = p.encode(r, op, out.Elem())
	return name, answer, err
}

// admit asks whether a request may go elsewhere. What is not known of the service, such as
// another operation, may.
func (h *handler) admit(ctx context.Context, r *request, p protocol) error {
	name, err := p.operation(r)
	op := r.service.operations[name]
	if err != nil || op == nil || h.authorizer == nil {
		return nil
	}
	in := reflect.New(op.in)
	if err := p.decode(r, op, in.Elem()); err != nil {
		return nil // the other endpoint says what is wrong with it
	}
	return h.authorizer.Authorize(ctx, r.service.name, name, in.Interface()) //nolint:wrapcheck // it is AWS's error
}

// find returns the service that a request is for. If none is configured, it
// returns a service without operations.
func (h *handler) find(r *http.Request, c credential) *service {
	name := c.service
	target, _ := targetOf(r)
	// The request is unsigned. The service it means decides the protocol of the
	// refusal.
	if name == "" {
		for _, s := range h.services {
			if target != "" && s.target == target || s.linked(r) {
				return s
			}
		}
		if target == "" && contentType(r) != formType {
			name = "s3"
		}
	}
	for _, s := range h.services {
		if s.signs == name && s.signs != "" && s.target == target && strings.HasPrefix(r.URL.Path, s.below) {
			return s
		}
	}
	if s := h.services[name]; s != nil {
		return s
	}
	return &service{name: cmp.Or(name, "this service")}
}

// anonymous returns the service and the operation of an unsigned request, if nobody
// signs the operation.
func (h *handler) anonymous(r *http.Request, c credential) (*service, string) {
	if c != (credential{}) {
		return nil, ""
	}
	action := r.URL.Query().Get("Action")
	if contentType(r) == formType {
		body, err := readLimited(r.Body, r.ContentLength, defaultBodyLimit)
		if form, formErr := url.ParseQuery(string(body)); errors.Join(err, formErr) == nil {
			action = cmp.Or(form.Get("Action"), action)
		}
	}
	for _, s := range h.services {
		if s.anonymous[action] {
			return s, action
		}
	}
	return nil, ""
}

// linked reports whether a request uses a URL that the service sends.
func (s *service) linked(r *http.Request) bool {
	return len(s.links) > 0 && r.Method == http.MethodGet && r.URL.Path == "/" && s.links[r.URL.Query().Get("Action")]
}

// protocolOf returns the protocol of a request. If the service doesn't support
// it, protocolOf returns the service's own protocol, so that its clients
// understand the refusal.
func protocolOf(r *request) protocol {
	m := r.service.metadata
	unknown := r.service.operations == nil
	switch {
	case m.rest != nil || m.operations != "":
		return restProtocol{}
	case r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor" && (m.cbor || unknown):
		return cborProtocol{}
	case r.Header.Get("X-Amz-Target") != "" && (m.json != "" || unknown):
		version, ok := strings.CutPrefix(contentType(r.Request), jsonType)
		if !ok {
			version = cmp.Or(m.json, "1.1")
		}
		return jsonProtocol{version: version}
	case m.namespace != "" || unknown && contentType(r.Request) == formType || r.service.name == "s3":
		return queryProtocol{}
	case m.json != "":
		return jsonProtocol{version: m.json}
	default:
		return restProtocol{}
	}
}

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/x-amz-json-"
)

func contentType(r *http.Request) string {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

// uncompressed returns the body of a request. SDKs compress large bodies.
func uncompressed(r *request) ([]byte, error) {
	if r.Header.Get("Content-Encoding") == "" {
		return r.body, nil
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "gzip" {
		return nil, &smithy.GenericAPIError{
			Code: "InvalidRequest", Message: "Content-Encoding " + abbreviate(encoding) + " is not supported by the embedded AWS",
			Fault: smithy.FaultClient,
		}
	}
	z, err := gzip.NewReader(bytes.NewReader(r.body))
	if err != nil {
		return nil, fmt.Errorf("reading the compressed request: %w", err)
	}
	return readLimited(z, -1, cmp.Or(r.service.bodyLimit, defaultBodyLimit))
}

// readLimited reads at most limit bytes. size is the expected number of bytes,
// or -1 if it is unknown.
func readLimited(r io.Reader, size, limit int64) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 0, min(max(size, 0), limit)+bytes.MinRead))
	if _, err := b.ReadFrom(io.LimitReader(r, limit+1)); err != nil {
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	if int64(b.Len()) > limit {
		return nil, &smithy.GenericAPIError{
			Code:    "RequestEntityTooLargeException",
			Message: fmt.Sprintf("Request must be smaller than %d bytes", limit),
			Fault:   smithy.FaultClient,
		}
	}
	return b.Bytes(), nil
}

// write sends a response. It ignores clients that have gone away.
func write(w http.ResponseWriter, a response) {
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.WriteHeader(a.status)
	if a.stream != nil {
		_, err := io.Copy(w, a.stream)
		if c, ok := a.stream.(io.Closer); ok {
			err = errors.Join(err, c.Close())
		}
		if err != nil {
			// The client must see that the response is incomplete.
			panic(http.ErrAbortHandler)
		}
		return
	}
	_, _ = w.Write(a.body)
}
