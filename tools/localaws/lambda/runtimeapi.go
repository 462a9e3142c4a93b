package lambda

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxResponse is the size limit of a function's answer in bytes: a little more
// than six megabytes. maxRequest is the size limit of an event.
// See https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
const (
	maxRequest      = 6 << 20
	maxAsyncRequest = 1 << 20
	maxResponse     = maxRequest + 100
)

// runtimeState is the state of a process in the protocol of the Runtime API.
type runtimeState struct {
	mu       sync.Mutex
	asked    bool        // it has called /next once, so its initialization is complete
	current  *invocation // taken and not yet answered
	answered string      // the id of the invocation that it has answered since /next
}

type environmentKey struct{}

// runtimeListener tells the shared server which environment's Runtime API it serves.
type runtimeListener struct {
	net.Listener
	environment *environment
}

// newRuntimeServer returns the server for the Runtime APIs of all environments.
func newRuntimeServer() *http.Server {
	return &http.Server{
		ReadHeaderTimeout: time.Minute,
		BaseContext: func(l net.Listener) context.Context {
			ctx := context.Background()
			if l, ok := l.(runtimeListener); ok {
				ctx = context.WithValue(ctx, environmentKey{}, l.environment)
			}
			return ctx
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if e, ok := r.Context().Value(environmentKey{}).(*environment); ok {
				e.serve(w, r)
			}
		}),
	}
}

func (s *Service) serveRuntime(e *environment) {
	err := s.runtime.Serve(runtimeListener{e.listener, e})
	if !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
		s.account.Log.Warn("serving the Runtime API", "function", e.version.name, "error", err)
	}
}

// serve answers a process's request to the Runtime API.
// See https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
func (e *environment) serve(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/2018-06-01/")
	if !ok {
		http.NotFound(w, r)
		return
	}
	switch {
	case path == "runtime/invocation/next" && r.Method == http.MethodGet:
		e.next(w, r)
	case path == "runtime/init/error" && r.Method == http.MethodPost:
		e.reportInitError(w, r)
	case path == "ping" && r.Method == http.MethodGet:
		// An error means that the client has gone away.
		_, _ = io.WriteString(w, "pong")
	case strings.HasPrefix(path, "runtime/invocation/") && r.Method == http.MethodPost:
		id, what, _ := strings.Cut(strings.TrimPrefix(path, "runtime/invocation/"), "/")
		switch what {
		case "response":
			e.respond(w, r, id, false)
		case "error":
			e.respond(w, r, id, true)
		default:
			http.NotFound(w, r)
		}
	default:
		http.NotFound(w, r)
	}
}

// next returns the next invocation as soon as there is one. A process that asks
// again before it has answered gets the same invocation.
func (e *environment) next(w http.ResponseWriter, r *http.Request) {
	e.api.mu.Lock()
	current := e.api.current
	if current == nil {
		e.api.asked, e.api.answered = true, ""
	}
	e.api.mu.Unlock()
	if current != nil {
		current.hand(w)
		return
	}
	select {
	case e.ready <- struct{}{}:
	default:
	}

	var inv *invocation
	select {
	case inv = <-e.work:
	case <-e.gone:
		return
	case <-r.Context().Done():
		return
	}
	// The process gave up this request and will make another one.
	if r.Context().Err() != nil {
		e.work <- inv
		return
	}
	e.api.mu.Lock()
	e.api.current = inv
	e.api.mu.Unlock()
	inv.taken.Store(true)
	inv.hand(w)
}

// hand writes an invocation in the form that a process receives.
func (inv *invocation) hand(w http.ResponseWriter) {
	h := w.Header()
	h["Lambda-Runtime-Aws-Request-Id"] = []string{inv.id}
	h["Lambda-Runtime-Deadline-Ms"] = []string{strconv.FormatInt(inv.deadline.UnixMilli(), 10)}
	h["Lambda-Runtime-Invoked-Function-Arn"] = []string{inv.arn}
	h["Lambda-Runtime-Trace-Id"] = []string{inv.trace}
	if inv.clientContext != "" {
		h["Lambda-Runtime-Client-Context"] = []string{inv.clientContext}
	}
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(inv.payload))}
	// If the process has ended, that is noticed elsewhere.
	_, _ = w.Write(inv.payload) // #nosec G705 -- the Runtime API answers the function, no browser
}

// respond receives the answer or the error of the present invocation.
func (e *environment) respond(w http.ResponseWriter, r *http.Request, id string, failed bool) {
	e.api.mu.Lock()
	inv, again := e.api.current, e.api.answered == id
	known := inv != nil && inv.id == id
	if known {
		e.api.current, e.api.answered = nil, id
	}
	e.api.mu.Unlock()
	switch {
	case again:
		refuse(w, responseSent, map[bool]string{false: "InvocationResponse", true: "InvocationErrorResponse"}[failed])
		return
	case !known:
		reply(w, http.StatusBadRequest, `{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxResponse+1))
	if err != nil {
		// The connection broke, most likely because the process died in the
		// middle of its answer. The end of the process is then the end of the
		// invocation. A process that is still alive can answer again.
		e.api.mu.Lock()
		e.api.current, e.api.answered = inv, ""
		e.api.mu.Unlock()
		reply(w, http.StatusBadRequest, `{"errorMessage":"The request body could not be read","errorType":"TruncatedResponse"}`)
		return
	}
	if len(body) > maxResponse {
		// The connection is closed, and the rest of the body stays unread.
		reply(w, http.StatusRequestEntityTooLarge, fmt.Sprintf(`{"errorMessage":"Exceeded maximum allowed payload size (%d bytes).","errorType":"RequestEntityTooLarge"}`, maxResponse))
		inv.done <- answer{failure: new(newFailure("Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (%d bytes).", maxResponse))}
		return
	}
	a := answer{payload: body}
	kind := r.Header.Get("Lambda-Runtime-Function-Error-Type")
	switch {
	case failed:
		a.failure = &failure{kind: errorType(kind), payload: body}
	// The function failed in the middle of its response.
	case r.Trailer.Get("Lambda-Runtime-Function-Error-Type") != "":
		text, err := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
		if err != nil {
			text = body
		}
		a.failure = &failure{kind: errorType(r.Trailer.Get("Lambda-Runtime-Function-Error-Type")), payload: text}
	}
	reply(w, http.StatusAccepted, accepted)
	inv.done <- a
}

const accepted = `{"status":"OK"}` + "\n"

// knownType matches the error types that may appear in logs.
var knownType = regexp.MustCompile(`^(Runtime|Function)\.[A-Z][a-zA-Z]+$`)

// errorType returns the type that logs show for an error. It replaces a type
// that is missing or that the process invented. See
// GetValidRuntimeOrFunctionErrorType in
// https://github.com/aws/aws-lambda-runtime-interface-emulator.
func errorType(header string) string {
	switch {
	case knownType.MatchString(header):
		return header
	case strings.HasPrefix(header, "Function."):
		return "Function.Unknown"
	}
	return "Runtime.Unknown"
}

// reportInitError receives the reason why the process can't start.
func (e *environment) reportInitError(w http.ResponseWriter, r *http.Request) {
	e.api.mu.Lock()
	asked, from := e.api.asked, "Ready"
	if e.api.answered != "" {
		from = responseSent
	}
	e.api.mu.Unlock()
	if asked {
		refuse(w, from, "InitError")
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxResponse))
	if err != nil {
		return
	}
	kind := errorType(r.Header.Get("Lambda-Runtime-Function-Error-Type"))
	select {
	case e.initError <- failure{kind: kind, payload: body}:
	// The process has already reported a reason.
	default:
	}
	reply(w, http.StatusAccepted, accepted)
}

// responseSent is the state of a process that has answered and not yet called
// /next. The name is the one that AWS's runtime emulator uses.
const responseSent = "RuntimeResponseSentState"

func refuse(w http.ResponseWriter, from, to string) {
	reply(w, http.StatusForbidden, fmt.Sprintf(`{"errorMessage":"State transition from %s to %s failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}`, from, to))
}

func reply(w http.ResponseWriter, status int, body string) {
	w.Header()["Content-Type"] = []string{"application/json"}
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	// An error means that the client has gone away.
	_, _ = io.WriteString(w, body) // #nosec G705 -- the Runtime API answers the function, no browser
}
