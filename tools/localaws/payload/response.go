package payload

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
)

// A Response is a function's answer as an HTTP response.
type Response struct {
	Status  int
	Header  http.Header
	Cookies []string
	Body    []byte
}

// Parse reads a function's answer to an event in format 2.0. The answer is an
// object with a statusCode, or any other JSON, which becomes the body of a 200
// response: the text of a string, or compact JSON. It returns false for an answer
// that can't become a response.
func Parse(payload []byte) (Response, bool) {
	var body bytes.Buffer
	if json.Compact(&body, payload) != nil {
		return Response{}, false
	}
	inferred := Response{Status: http.StatusOK, Header: http.Header{}, Body: body.Bytes()}
	var text *string
	if json.Unmarshal(payload, &text) == nil && text != nil {
		inferred.Body = []byte(*text)
		return inferred, true
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(payload, &fields) != nil {
		return inferred, true
	}
	if _, ok := fields["statusCode"]; !ok {
		return inferred, true
	}
	var given answer
	if json.Unmarshal(payload, &given) != nil {
		return inferred, false
	}
	return given.response()
}

// An answer is a function's answer in the form of both formats. Cookies are only
// known in format 2.0, and MultiValueHeaders only in format 1.0.
type answer struct {
	StatusCode        json.Number      `json:"statusCode"`
	Headers           map[string]any   `json:"headers"`
	MultiValueHeaders map[string][]any `json:"multiValueHeaders"`
	Cookies           []string         `json:"cookies"`
	Body              any              `json:"body"`
	IsBase64Encoded   bool             `json:"isBase64Encoded"`
}

func (given answer) response() (Response, bool) {
	status, err := strconv.Atoi(given.StatusCode.String())
	if err != nil || status < 100 || status > 599 {
		return Response{}, false
	}
	out := Response{Status: status, Header: http.Header{}, Cookies: given.Cookies}
	for name, value := range given.Headers {
		text, ok := headerText(value)
		if !ok {
			return Response{}, false
		}
		if value != nil {
			out.Header.Set(name, text)
		}
	}
	switch body := given.Body.(type) {
	case nil:
	case string:
		out.Body = []byte(body)
	default:
		if out.Body, err = json.Marshal(body); err != nil {
			return Response{}, false
		}
	}
	if given.IsBase64Encoded {
		if out.Body, err = base64.StdEncoding.DecodeString(string(out.Body)); err != nil {
			return Response{}, false
		}
	}
	return out, true
}

// headerText returns the value of a header, which may be a scalar.
func headerText(value any) (string, bool) {
	switch value := value.(type) {
	case nil:
		return "", true
	case string:
		return value, true
	case float64, bool:
		text, err := json.Marshal(value)
		return string(text), err == nil
	}
	return "", false
}

// ParseProxy reads a function's answer to an event in format 1.0: an object with a
// statusCode. If a header has both one value and many, it gets all of them. It
// returns false for any other answer.
func ParseProxy(payload []byte) (Response, bool) {
	var given answer
	if json.Unmarshal(payload, &given) != nil {
		return Response{}, false
	}
	if given.Body != nil {
		if _, text := given.Body.(string); !text {
			return Response{}, false
		}
	}
	given.Cookies = nil
	out, ok := given.response()
	if !ok {
		return Response{}, false
	}
	for name, values := range given.MultiValueHeaders {
		for _, value := range values {
			text, ok := headerText(value)
			if !ok {
				return Response{}, false
			}
			if !slices.Contains(out.Header.Values(name), text) {
				out.Header.Add(name, text)
			}
		}
	}
	return out, true
}

// hopHeaders lists headers that a function can't set.
var hopHeaders = []string{"Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Trailer", "Te", "Content-Length", "Proxy-Connection"}

// SetHeader sets the headers of the response, without those for which drop returns
// true. Headers that h already has stay, unless the response sets them.
func (out Response) SetHeader(h http.Header, drop func(name string) bool) {
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	for name, values := range out.Header {
		if !slices.Contains(hopHeaders, name) && !drop(name) {
			h[name] = values
		}
	}
	for _, cookie := range out.Cookies {
		h.Add("Set-Cookie", cookie)
	}
}

// Send sends the status and the body of the response, after SetHeader.
func (out Response) Send(w http.ResponseWriter) {
	if out.Status < 200 || out.Status == http.StatusNoContent || out.Status == http.StatusNotModified {
		w.WriteHeader(max(out.Status, 200))
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(out.Body)))
	w.WriteHeader(out.Status)
	// An error means that the client has gone away.
	_, _ = w.Write(out.Body)
}
