package lambda

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/principal"
)

// forbidden is the answer to an unauthorized caller of a function URL.
const forbidden = "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"

// ServeHTTP answers a request to the function URL.
func (u *functionURL) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s, c := u.service, u.config.Load()
	began := s.wall.Now()
	recorder := &statusWriter{ResponseWriter: w}
	u.answer(recorder, r, c)
	u.measure(recorder.status, s.wall.Now().Sub(began))
}

func (u *functionURL) answer(w http.ResponseWriter, r *http.Request, c *urlConfig) {
	s := u.service
	id, now := uuid.NewString(), s.account.Clock.Now()
	trace := traceOf(r.Header.Get("X-Amzn-Trace-Id"), now)
	w.Header().Set("X-Amzn-Requestid", id)
	w.Header().Set("X-Amzn-Trace-Id", trace)
	origin := c.crossOrigin(r)
	if c.cors != nil && r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		c.preflight(w, r, origin)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			say(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		}
		// The client may have gone away.
		return
	}
	caller, err := u.authorize(r, c, body)
	if err != nil {
		refuseCaller(w, err)
		return
	}
	payload, err := json.Marshal(u.event(r, body, caller, id, trace, now))
	if err != nil {
		say(w, http.StatusBadRequest, "Bad Request")
		return
	}
	if len(payload) > maxRequest {
		say(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		return
	}
	res, err := s.invoke(u.ref, event{id: id, payload: payload, trace: trace})
	if throttle, ok := errors.AsType[*lambdatypes.TooManyRequestsException](err); ok {
		w.Header().Set("X-Amzn-Errortype", throttle.ErrorCode())
		reply(w, http.StatusTooManyRequests, `{"Reason":"`+string(throttle.Reason)+`","Type":"User","message":"`+throttledMessage+`"}`)
		return
	}
	var out urlResponse
	answered := err == nil && res.failure == nil
	if answered {
		out, answered = parseResponse(res.payload)
	}
	if !answered {
		reply(w, http.StatusBadGateway, "Internal Server Error")
		return
	}
	out.write(w, c, origin)
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
		if f == nil || !f.policies[u.ref.qualifier].public() {
			return principal.Principal{}, errors.New("the resource-based policy doesn't allow everyone")
		}
		return principal.Principal{}, nil
	}
	if s.deps.Verifier == nil || r.Header.Get("Authorization") == "" && !r.URL.Query().Has("X-Amz-Signature") {
		return principal.Principal{}, errors.New("the request is not signed")
	}
	signed := r.Clone(r.Context())
	signed.Body = io.NopCloser(bytes.NewReader(body))
	return s.deps.Verifier.VerifyRequest(signed, "lambda")
}

// urlEvent is an event in payload format 2.0.
// See https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html.
type urlEvent struct {
	Version               string            `json:"version"`
	RouteKey              string            `json:"routeKey"`
	RawPath               string            `json:"rawPath"`
	RawQueryString        string            `json:"rawQueryString"`
	Cookies               []string          `json:"cookies,omitempty"`
	Headers               map[string]string `json:"headers"`
	QueryStringParameters map[string]string `json:"queryStringParameters,omitempty"`
	RequestContext        urlContext        `json:"requestContext"`
	Body                  string            `json:"body,omitempty"`
	IsBase64Encoded       bool              `json:"isBase64Encoded"`
}

type urlContext struct {
	AccountID    string         `json:"accountId"`
	APIID        string         `json:"apiId"`
	Authorizer   *urlAuthorizer `json:"authorizer,omitempty"`
	DomainName   string         `json:"domainName"`
	DomainPrefix string         `json:"domainPrefix"`
	HTTP         struct {
		Method    string `json:"method"`
		Path      string `json:"path"`
		Protocol  string `json:"protocol"`
		SourceIP  string `json:"sourceIp"`
		UserAgent string `json:"userAgent"`
	} `json:"http"`
	RequestID string `json:"requestId"`
	RouteKey  string `json:"routeKey"`
	Stage     string `json:"stage"`
	Time      string `json:"time"`
	TimeEpoch int64  `json:"timeEpoch"`
}

type urlAuthorizer struct {
	IAM struct {
		AccessKey string `json:"accessKey"`
		AccountID string `json:"accountId"`
		CallerID  string `json:"callerId"`
		UserARN   string `json:"userArn"`
		UserID    string `json:"userId"`
	} `json:"iam"`
}

func (u *functionURL) event(r *http.Request, body []byte, caller principal.Principal, id, trace string, now time.Time) urlEvent {
	host, port, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host, port = r.RemoteAddr, ""
	}
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	ev := urlEvent{
		Version: "2.0", RouteKey: "$default", RawPath: path, RawQueryString: r.URL.RawQuery,
		Headers: map[string]string{
			"host": r.Host, "x-forwarded-for": host, "x-forwarded-proto": "http", "x-forwarded-port": port, "x-amzn-trace-id": trace,
		},
	}
	if _, ours, err := net.SplitHostPort(r.Host); err == nil {
		ev.Headers["x-forwarded-port"] = ours
	}
	for name, values := range r.Header {
		switch name {
		case "Cookie":
			for _, line := range values {
				for cookie := range strings.SplitSeq(line, ";") {
					ev.Cookies = append(ev.Cookies, strings.TrimSpace(cookie))
				}
			}
		case "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Amzn-Trace-Id":
		default:
			ev.Headers[strings.ToLower(name)] = strings.Join(values, ",")
		}
	}
	if r.ContentLength > 0 {
		ev.Headers["content-length"] = strconv.FormatInt(r.ContentLength, 10)
	}
	for name, values := range r.URL.Query() {
		if ev.QueryStringParameters == nil {
			ev.QueryStringParameters = map[string]string{}
		}
		ev.QueryStringParameters[name] = strings.Join(values, ",")
	}
	ev.Body, ev.IsBase64Encoded = encodeBody(body, r.Header.Get("Content-Type"))
	c := &ev.RequestContext
	c.AccountID, c.APIID, c.DomainName, c.DomainPrefix = "anonymous", u.id, r.Host, u.id
	c.RequestID, c.RouteKey, c.Stage = id, "$default", "$default"
	c.Time, c.TimeEpoch = now.UTC().Format("02/Jan/2006:15:04:05 -0700"), now.UnixMilli()
	c.HTTP.Method, c.HTTP.Path, c.HTTP.Protocol = r.Method, path, r.Proto
	c.HTTP.SourceIP, c.HTTP.UserAgent = host, r.UserAgent()
	if caller.ARN != "" {
		c.AccountID = caller.Account
		c.Authorizer = &urlAuthorizer{}
		iam := &c.Authorizer.IAM
		iam.AccessKey, iam.AccountID, iam.CallerID = caller.AccessKeyID, caller.Account, caller.UserID
		iam.UserARN, iam.UserID = caller.ARN, caller.UserID
	}
	return ev
}

// encodeBody returns a body as a string. It leaves a body of a text type unchanged.
func encodeBody(body []byte, contentType string) (text string, encoded bool) {
	if len(body) == 0 {
		return "", false
	}
	kind, _, err := mime.ParseMediaType(contentType)
	isText := err == nil && (strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml") ||
		slices.Contains([]string{"application/json", "application/xml", "application/javascript"}, kind))
	if isText && utf8.Valid(body) {
		return string(body), false
	}
	return base64.StdEncoding.EncodeToString(body), true
}

// A urlResponse is a function's answer as a function URL understands it.
type urlResponse struct {
	status  int
	headers map[string]string
	cookies []string
	body    []byte
}

// parseResponse reads a function's answer. The answer is an object with a
// statusCode, or any other JSON, which becomes the body of a 200 response: the
// text of a string, or compact JSON. It returns false for an answer that can't
// become a response.
func parseResponse(payload []byte) (urlResponse, bool) {
	var body bytes.Buffer
	if json.Compact(&body, payload) != nil {
		return urlResponse{}, false
	}
	inferred := urlResponse{status: http.StatusOK, body: body.Bytes()}
	var text *string
	if json.Unmarshal(payload, &text) == nil && text != nil {
		inferred.body = []byte(*text)
		return inferred, true
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(payload, &fields) != nil {
		return inferred, true
	}
	if _, ok := fields["statusCode"]; !ok {
		return inferred, true
	}
	var given struct {
		StatusCode      json.Number    `json:"statusCode"`
		Headers         map[string]any `json:"headers"`
		Cookies         []string       `json:"cookies"`
		Body            any            `json:"body"`
		IsBase64Encoded bool           `json:"isBase64Encoded"`
	}
	if json.Unmarshal(payload, &given) != nil {
		return inferred, false
	}
	status, err := strconv.Atoi(given.StatusCode.String())
	if err != nil || status < 100 || status > 599 {
		return inferred, false
	}
	out := urlResponse{status: status, headers: map[string]string{}, cookies: given.Cookies}
	for name, value := range given.Headers {
		switch value := value.(type) {
		case string:
			out.headers[name] = value
		case float64, bool:
			text, err := json.Marshal(value)
			if err != nil {
				return inferred, false
			}
			out.headers[name] = string(text)
		case nil:
		default:
			return inferred, false
		}
	}
	switch body := given.Body.(type) {
	case nil:
	case string:
		out.body = []byte(body)
	default:
		if out.body, err = json.Marshal(body); err != nil {
			return inferred, false
		}
	}
	if given.IsBase64Encoded {
		if out.body, err = base64.StdEncoding.DecodeString(string(out.body)); err != nil {
			return inferred, false
		}
	}
	return out, true
}

// hopHeaders lists headers that a function can't set.
var hopHeaders = []string{"Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Trailer", "Te", "Content-Length", "Proxy-Connection"}

func (out urlResponse) write(w http.ResponseWriter, c *urlConfig, origin string) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	for name, value := range out.headers {
		key := http.CanonicalHeaderKey(name)
		if slices.Contains(hopHeaders, key) || c.cors != nil && strings.HasPrefix(key, "Access-Control-") {
			continue
		}
		h.Set(key, value)
	}
	for _, cookie := range out.cookies {
		h.Add("Set-Cookie", cookie)
	}
	c.allow(h, origin)
	if out.status < 200 || out.status == http.StatusNoContent || out.status == http.StatusNotModified {
		w.WriteHeader(max(out.status, 200))
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(out.body)))
	w.WriteHeader(out.status)
	// An error means that the client has gone away.
	_, _ = w.Write(out.body)
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

// measure records the metrics of a request.
func (u *functionURL) measure(status int, took time.Duration) {
	s := u.service
	t, ok := s.place(u.ref)
	if !ok {
		return
	}
	class := func(low int) float64 {
		if status >= low && status < low+100 {
			return 1
		}
		return 0
	}
	s.metrics.each(t, "", s.account.Clock.Now(), func(m *samples) {
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
