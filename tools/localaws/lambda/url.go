package lambda

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/payload"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// forbidden is the answer to an unauthorized caller of a function URL.
const forbidden = "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"

// ServeHTTP answers a request to the function URL.
func (u *functionURL) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s, c := u.service, u.config.Load()
	began := s.wall.Now()
	recorder := &statusWriter{ResponseWriter: w}
	version := u.answer(recorder, r, c)
	u.measure(version, recorder.status, s.wall.Now().Sub(began))
}

// answer returns the version that ran; "" if none did.
func (u *functionURL) answer(w http.ResponseWriter, r *http.Request, c *urlConfig) (version string) {
	s := u.service
	id, now := uuid.NewString(), s.account.Clock.Now()
	trace := traceOf(r.Header.Get("X-Amzn-Trace-Id"), now)
	w.Header().Set("X-Amzn-Requestid", id)
	w.Header().Set("X-Amzn-Trace-Id", trace)
	origin := c.crossOrigin(r)
	if c.cors != nil && r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		c.preflight(w, r, origin)
		return ""
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			say(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		}
		// The client may have gone away.
		return ""
	}
	caller, err := u.authorize(r, c, body)
	if err != nil {
		refuseCaller(w, err)
		return ""
	}
	text, err := json.Marshal(u.event(r, body, caller, id, trace, now))
	if err != nil {
		say(w, http.StatusBadRequest, "Bad Request")
		return ""
	}
	if len(text) > maxRequest {
		say(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		return ""
	}
	res, err := s.invoke(u.ref, event{id: id, payload: text, trace: trace})
	if throttle, ok := errors.AsType[*lambdatypes.TooManyRequestsException](err); ok {
		w.Header().Set("X-Amzn-Errortype", throttle.ErrorCode())
		reply(w, http.StatusTooManyRequests, `{"Reason":"`+string(throttle.Reason)+`","Type":"User","message":"`+throttledMessage+`"}`)
		return ""
	}
	var out payload.Response
	answered := err == nil && res.failure == nil
	if answered {
		out, answered = payload.Parse(res.payload)
	}
	if !answered {
		reply(w, http.StatusBadGateway, "Internal Server Error")
		return res.version
	}
	u.write(w, out, c, origin)
	return res.version
}

// refuseCaller answers a caller that is not allowed. If the request was signed,
// the answer says what is wrong with the signature.
func refuseCaller(w http.ResponseWriter, err error) {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		w.Header().Set("X-Amzn-Errortype", api.ErrorCode())
		reply(w, http.StatusForbidden, `{"message":`+strconv.Quote(api.ErrorMessage())+`}`)
		return
	}
	w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
	say(w, http.StatusForbidden, forbidden)
}

// say answers on behalf of the service itself.
func say(w http.ResponseWriter, status int, message string) {
	reply(w, status, `{"Message":`+strconv.Quote(message)+`}`)
}

// authorize returns the caller. With AuthType NONE, it accepts everyone whom
// the resource-based policy allows.
func (u *functionURL) authorize(r *http.Request, c *urlConfig, body []byte) (principal.Principal, error) {
	s := u.service
	if c.auth == lambdatypes.FunctionUrlAuthTypeNone {
		s.mu.RLock()
		defer s.mu.RUnlock()
		f := s.functions[u.ref.name]
		if f == nil || !f.policies[u.ref.qualifier].public(s.arn(u.ref.name, u.ref.qualifier)) {
			return principal.Principal{}, errors.New("the resource-based policy doesn't allow everyone")
		}
		return principal.Principal{}, nil
	}
	if s.deps.Verifier == nil || r.Header.Get("Authorization") == "" && !r.URL.Query().Has("X-Amz-Signature") {
		return principal.Principal{}, errors.New("the request is not signed")
	}
	signed := r.Clone(r.Context())
	signed.Body = io.NopCloser(bytes.NewReader(body))
	caller, err := s.deps.Verifier.VerifyRequest(signed, "lambda")
	if err != nil || s.deps.Access == nil {
		return caller, err //nolint:wrapcheck // it is AWS's error
	}
	// The caller needs both.
	ctx := principal.NewContext(r.Context(), caller)
	in := urlCall{FunctionName: u.ref.name, Qualifier: u.ref.qualifier, FunctionURLAuthType: string(c.auth), InvokedViaFunctionURL: true}
	for _, operation := range []string{"InvokeFunctionUrl", "InvokeFunction"} {
		if err := s.deps.Access.Authorize(ctx, "lambda", operation, in); err != nil {
			return principal.Principal{}, errors.New("the caller's policies don't allow it: " + err.Error())
		}
	}
	return caller, nil
}

// urlCall stands for the input of an operation.
type urlCall struct {
	FunctionName, Qualifier, FunctionURLAuthType string
	InvokedViaFunctionURL                        bool
}

// event returns the event for a request, in payload format 2.0.
func (u *functionURL) event(r *http.Request, body []byte, caller principal.Principal, id, trace string, now time.Time) payload.Event {
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	request := payload.Request{
		Request: r, Body: body, Path: path, ID: id, Trace: trace, Time: now,
		API: u.id, Route: "$default", Stage: "$default", Account: "anonymous",
	}
	if caller.ARN != "" {
		request.Account, request.Authorizer = caller.Account, payload.Signed(caller)
	}
	return request.Event()
}

// write sends a function's answer. A function URL with CORS settings sets the
// headers of CORS itself.
func (u *functionURL) write(w http.ResponseWriter, out payload.Response, c *urlConfig, origin string) {
	out.SetHeader(w.Header(), func(name string) bool { return c.cors != nil && strings.HasPrefix(name, "Access-Control-") })
	c.allow(w.Header(), origin)
	out.Send(w)
}

// crossOrigin returns the request's origin if it may use the URL from a
// browser, or "".
func (c *urlConfig) crossOrigin(r *http.Request) string {
	origin := r.Header.Get("Origin")
	if c.cors == nil || origin == "" {
		return ""
	}
	if slices.Contains(c.cors.AllowOrigins, "*") {
		if c.cors.AllowCredentials != nil && *c.cors.AllowCredentials {
			return origin
		}
		return "*"
	}
	if slices.Contains(c.cors.AllowOrigins, origin) {
		return origin
	}
	return ""
}

// allow sets the headers that make a browser show the answer to a page.
func (c *urlConfig) allow(h http.Header, origin string) {
	if origin == "" {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if origin != "*" {
		h.Add("Vary", "Origin")
	}
	if c.cors.AllowCredentials != nil && *c.cors.AllowCredentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if len(c.cors.ExposeHeaders) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(c.cors.ExposeHeaders, ","))
	}
}

// preflight answers a browser's preflight request without calling the function.
func (c *urlConfig) preflight(w http.ResponseWriter, r *http.Request, origin string) {
	h := w.Header()
	method := r.Header.Get("Access-Control-Request-Method")
	if origin != "" && (slices.Contains(c.cors.AllowMethods, "*") || slices.Contains(c.cors.AllowMethods, method)) {
		c.allow(h, origin)
		h.Set("Access-Control-Allow-Methods", strings.Join(c.cors.AllowMethods, ","))
		if len(c.cors.AllowHeaders) > 0 {
			h.Set("Access-Control-Allow-Headers", strings.Join(c.cors.AllowHeaders, ","))
		}
		if c.cors.MaxAge != nil {
			h.Set("Access-Control-Max-Age", strconv.Itoa(int(*c.cors.MaxAge)))
		}
	}
	w.WriteHeader(http.StatusOK)
}

// measure records the metrics of a request. They have the version that ran, too. See
// https://docs.aws.amazon.com/lambda/latest/dg/urls-monitoring.html.
func (u *functionURL) measure(version string, status int, took time.Duration) {
	s := u.service
	t, ok := s.place(u.ref)
	if !ok {
		return
	}
	if u.ref.qualifier != "" {
		t.alias = u.ref.qualifier
	}
	class := func(low int) float64 {
		if status >= low && status < low+100 {
			return 1
		}
		return 0
	}
	s.metrics.each(t, version, s.account.Clock.Now(), func(m *samples) {
		m.add(urlRequests, 1)
		m.add(url4xx, class(400))
		m.add(url5xx, class(500))
		m.add(urlLatency, round(float64(took)/float64(time.Millisecond)))
	})
}

// A statusWriter remembers the status of the response.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
