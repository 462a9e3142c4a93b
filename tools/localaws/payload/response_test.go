package payload_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/magewright/magewright/tools/localaws/payload"
)

func TestInferredAnswers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`"hello"`: "hello", `""`: "", `[ "hello", 3, true ]`: `["hello",3,true]`, "3.1": "3.1", "null": "null", `{"hello": "world"}`: `{"hello":"world"}`,
	} {
		if got, ok := inferred(text); !ok || got != want {
			t.Errorf("%s: %q, %v", text, got, ok)
		}
	}
	if got, ok := inferred("hello"); ok {
		t.Errorf("no JSON: %q", got)
	}
}

// inferred returns the body of the response to a function's answer that has no status.
func inferred(text string) (string, bool) {
	out, ok := payload.Parse([]byte(text))
	return string(out.Body), ok
}

func TestParseProxy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		answer string
		ok     bool
		status int
		body   string
		many   []string // of the header Many
	}{
		{`{"statusCode":201,"headers":{"Many":"a","Count":2},"multiValueHeaders":{"Many":["a","b"]},"body":"text"}`, true, 201, "text", []string{"a", "b"}},
		{`{"statusCode":"404","body":null}`, true, 404, "", nil},
		{`{"statusCode":200,"isBase64Encoded":true,"body":"AP8="}`, true, 200, "\x00\xff", nil},
		{`{"statusCode":200,"isBase64Encoded":true,"body":"?"}`, false, 0, "", nil},
		{`{"statusCode":200,"body":{"a":1}}`, false, 0, "", nil},
		{`{"statusCode":99}`, false, 0, "", nil},
		{`{"body":"text"}`, false, 0, "", nil},
		{`"text"`, false, 0, "", nil},
		{`{"statusCode":200,"headers":{"A":[1]}}`, false, 0, "", nil},
		{`{"statusCode":200,"multiValueHeaders":{"A":[{}]}}`, false, 0, "", nil},
	} {
		out, ok := payload.ParseProxy([]byte(tt.answer))
		if ok != tt.ok || out.Status != tt.status || string(out.Body) != tt.body || !slices.Equal(out.Header.Values("Many"), tt.many) {
			t.Errorf("%s: %+v, %t", tt.answer, out, ok)
		}
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	out := payload.Response{
		Status: http.StatusNoContent, Header: http.Header{"Connection": {"close"}, "X-Kept": {"1"}, "X-Dropped": {"1"}}, Cookies: []string{"a=1"}, Body: []byte("lost"),
	}
	w := httptest.NewRecorder()
	out.SetHeader(w.Header(), func(name string) bool { return name == "X-Dropped" })
	out.Send(w)
	h := w.Header()
	if w.Code != http.StatusNoContent || w.Body.Len() > 0 || h.Get("Connection") != "" || h.Get("X-Dropped") != "" || h.Get("X-Kept") != "1" || h.Get("Set-Cookie") != "a=1" {
		t.Errorf("%d %v %s", w.Code, h, w.Body)
	}
}

// Whatever a function answers is sent as HTTP, or refused.
func FuzzResponse(f *testing.F) {
	f.Add([]byte(`{"statusCode": 201, "headers": {"a": "b"}, "multiValueHeaders": {"c": ["d", "e"]}, "cookies": ["f=g"], "body": "aGk=", "isBase64Encoded": true}`))
	f.Add([]byte(`{"statusCode": "200", "headers": {"x": null, "y": 1}}`))
	f.Add([]byte(`"text"`))
	f.Add([]byte(`{"message": "no statusCode"}`))
	f.Add([]byte(`{"statusCode": 99}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, parse := range []func([]byte) (payload.Response, bool){payload.Parse, payload.ParseProxy} {
			out, ok := parse(text)
			if !ok {
				continue
			}
			w := httptest.NewRecorder()
			out.Send(w)
			if w.Code < 100 || w.Code > 599 {
				t.Errorf("status %d", w.Code)
			}
		}
	})
}
