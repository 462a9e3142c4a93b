package ledger

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// A FunctionURLHandler is a Lambda handler for events of a function URL.
type FunctionURLHandler func(context.Context, events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error)

// FunctionURL returns a Lambda handler that serves function URL events by h.
// See https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads.
func FunctionURL(h http.Handler) FunctionURLHandler {
	return func(ctx context.Context, event events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
		r, err := request(ctx, event)
		if err != nil {
			return events.LambdaFunctionURLResponse{StatusCode: http.StatusBadRequest, Body: err.Error()}, nil
		}
		w := &responseBuffer{header: http.Header{}, status: http.StatusOK}
		h.ServeHTTP(w, r)
		return w.response(), nil
	}
}

func request(ctx context.Context, event events.LambdaFunctionURLRequest) (*http.Request, error) {
	body := []byte(event.Body)
	if event.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(event.Body)
		if err != nil {
			return nil, fmt.Errorf("decoding the body: %w", err)
		}
		body = decoded
	}
	url := event.RawPath
	if event.RawQueryString != "" {
		url += "?" + event.RawQueryString
	}
	r, err := http.NewRequestWithContext(ctx, event.RequestContext.HTTP.Method, url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	for name, value := range event.Headers {
		r.Header.Set(name, value)
	}
	if len(event.Cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(event.Cookies, "; "))
	}
	r.Host = event.RequestContext.DomainName
	r.RemoteAddr = event.RequestContext.HTTP.SourceIP
	return r, nil
}

// A responseBuffer holds a response, as a function URL takes it whole.
type responseBuffer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *responseBuffer) Header() http.Header         { return w.header }
func (w *responseBuffer) WriteHeader(status int)      { w.status = status }
func (w *responseBuffer) Write(p []byte) (int, error) { return w.body.Write(p) }

func (w *responseBuffer) response() events.LambdaFunctionURLResponse {
	response := events.LambdaFunctionURLResponse{
		StatusCode: w.status,
		Headers:    map[string]string{},
		Cookies:    w.header.Values("Set-Cookie"),
	}
	for name, values := range w.header {
		if name != "Set-Cookie" {
			response.Headers[strings.ToLower(name)] = strings.Join(values, ", ")
		}
	}
	if body := w.body.Bytes(); utf8.Valid(body) {
		response.Body = string(body)
	} else {
		response.Body, response.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return response
}
