package sigv4_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/principal"
	"github.com/magewright/magewright/tools/localaws/sigv4"
)

var now = time.Date(2026, 8, 8, 12, 0, 0, 0, time.UTC)

// keys has a user's key and a session's key.
type keys map[string]aws.Credentials

var known = keys{
	"AKIAUSER":    {AccessKeyID: "AKIAUSER", SecretAccessKey: "secret"},
	"ASIASESSION": {AccessKeyID: "ASIASESSION", SecretAccessKey: "session secret", SessionToken: "a+token/="},
}

func (k keys) Credentials(_ context.Context, id string) (aws.Credentials, error) {
	if c, ok := k[id]; ok {
		return c, nil
	}
	return aws.Credentials{}, errors.New("unknown key")
}

func (keys) Principal(_ context.Context, id string) (principal.Principal, error) {
	return principal.Principal{ARN: "arn of " + id}, nil
}

// request returns a request in the form that a server receives.
func request(method, target, body string, headers ...string) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), method, "http://127.0.0.1:1234"+target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func hash(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// signed signs r as the SDK's clients do.
func signed(t *testing.T, r *http.Request, key, service, region, body string, at time.Time) *http.Request {
	t.Helper()
	if err := v4.NewSigner().SignHTTP(t.Context(), known[key], r, hash(body), service, region, at); err != nil {
		t.Fatal(err)
	}
	return r
}

func presigned(t *testing.T, target, key, expires string, at time.Time) *http.Request {
	t.Helper()
	r := request(http.MethodGet, target, "")
	q := r.URL.Query()
	q.Set("X-Amz-Expires", expires)
	r.URL.RawQuery = q.Encode()
	to, _, err := v4.NewSigner().PresignHTTP(t.Context(), known[key], r, hash(""), "lambda", "us-east-1", at)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	return request(http.MethodGet, u.RequestURI(), "")
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	const body = `{"a":1}`
	post := func(key string) *http.Request {
		r := request(http.MethodPost, "/a%20b/c?x=2&x=1&y=%26+z", body, "Content-Type", "application/json")
		return signed(t, r, key, "lambda", "us-east-1", body, now)
	}
	changed := func(key string, change func(*http.Request)) *http.Request {
		r := post(key)
		change(r)
		return r
	}
	for name, test := range map[string]struct {
		r    *http.Request
		want string // an error
	}{
		"a user":                      {post("AKIAUSER"), ""},
		"a session":                   {post("ASIASESSION"), ""},
		"a header that isn't signed":  {changed("AKIAUSER", func(r *http.Request) { r.Header.Set("Accept", "*/*") }), ""},
		"a trailing slash":            {signed(t, request(http.MethodGet, "/", ""), "AKIAUSER", "lambda", "us-east-1", "", now), ""},
		"presigned":                   {presigned(t, "/p?q=1", "AKIAUSER", "60", now), ""},
		"presigned by a session":      {presigned(t, "/a%20b?x=2&x=1&y=%2F", "ASIASESSION", "60", now.Add(-59*time.Second)), ""},
		"not signed":                  {request(http.MethodGet, "/", ""), "MissingAuthenticationToken"},
		"another algorithm":           {request(http.MethodGet, "/", "", "Authorization", "Bearer x"), "IncompleteSignatureException: The signature's algorithm must be AWS4-HMAC-SHA256"},
		"no scope":                    {request(http.MethodGet, "/", "", "Authorization", "AWS4-HMAC-SHA256 Credential=AKIAUSER"), "must have the form"},
		"another service":             {signed(t, request(http.MethodGet, "/", ""), "AKIAUSER", "s3", "us-east-1", "", now), "InvalidSignatureException: Credential should be scoped to correct service: 'lambda'."},
		"another region":              {signed(t, request(http.MethodGet, "/", ""), "AKIAUSER", "lambda", "eu-west-1", "", now), "InvalidSignatureException: Credential should be scoped to a valid region."},
		"too old":                     {signed(t, request(http.MethodGet, "/", ""), "AKIAUSER", "lambda", "us-east-1", "", now.Add(-6*time.Minute)), "InvalidSignatureException: Signature expired: 20260808T115400Z is now earlier than 20260808T115500Z (20260808T120000Z - 5 min.)"},
		"from the future":             {signed(t, request(http.MethodGet, "/", ""), "AKIAUSER", "lambda", "us-east-1", "", now.Add(6*time.Minute)), "Signature not yet current: 20260808T120600Z is still later than 20260808T120500Z (20260808T120000Z + 5 min.)"},
		"another body":                {changed("AKIAUSER", func(r *http.Request) { r.Body = io.NopCloser(bytes.NewReader([]byte(`{"a":2}`))) }), "InvalidSignatureException: The request signature we calculated does not match"},
		"another path":                {changed("AKIAUSER", func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/other", "" }), "InvalidSignatureException: The request signature we calculated does not match"},
		"another query":               {changed("AKIAUSER", func(r *http.Request) { r.URL.RawQuery = "x=1" }), "InvalidSignatureException: The request signature we calculated does not match"},
		"another method":              {changed("AKIAUSER", func(r *http.Request) { r.Method = http.MethodPut }), "InvalidSignatureException: The request signature we calculated does not match"},
		"another host":                {changed("AKIAUSER", func(r *http.Request) { r.Host = "elsewhere" }), "InvalidSignatureException: The request signature we calculated does not match"},
		"another signed header":       {changed("AKIAUSER", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }), "InvalidSignatureException: The request signature we calculated does not match"},
		"a signature of nothing":      {changed("AKIAUSER", func(r *http.Request) { cut(r, "Signature=") }), "InvalidSignatureException: The request signature we calculated does not match"},
		"host is not signed":          {changed("AKIAUSER", func(r *http.Request) { swap(r, ";host", "") }), "'Host' must be a 'SignedHeader'"},
		"no token":                    {changed("ASIASESSION", func(r *http.Request) { r.Header.Del("X-Amz-Security-Token") }), "UnrecognizedClientException: The security token included in the request is invalid."},
		"another token":               {changed("ASIASESSION", func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "t") }), "UnrecognizedClientException: The security token included in the request is invalid."},
		"an unknown key":              {changed("AKIAUSER", func(r *http.Request) { swap(r, "AKIAUSER", "AKIAOTHER") }), "UnrecognizedClientException"},
		"another's key":               {changed("ASIASESSION", func(r *http.Request) { swap(r, "ASIASESSION", "AKIAUSER"); r.Header.Del("X-Amz-Security-Token") }), "InvalidSignatureException: The request signature we calculated does not match"},
		"an unsigned payload":         {request(http.MethodGet, "/", "", "Authorization", post("AKIAUSER").Header.Get("Authorization"), "X-Amz-Date", now.Format("20060102T150405Z"), "X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), "InvalidSignatureException: The request signature we calculated does not match"},
		"presigned and expired":       {presigned(t, "/p?q=1", "AKIAUSER", "60", now.Add(-61*time.Second)), "Signature expired"},
		"presigned for too long":      {presigned(t, "/p?q=1", "AKIAUSER", "604801", now), "X-Amz-Expires must be between"},
		"presigned for something":     {query(presigned(t, "/p?q=1", "AKIAUSER", "60", now), "q", "2"), "InvalidSignatureException: The request signature we calculated does not match"},
		"presigned, and then longer":  {query(presigned(t, "/p?q=1", "AKIAUSER", "60", now), "X-Amz-Expires", "600"), "InvalidSignatureException: The request signature we calculated does not match"},
		"presigned, another one's":    {query(presigned(t, "/p?q=1", "AKIAUSER", "60", now), "X-Amz-Signature", strings.Repeat("0", 64)), "InvalidSignatureException: The request signature we calculated does not match"},
		"presigned without algorithm": {query(presigned(t, "/p?q=1", "AKIAUSER", "60", now), "X-Amz-Algorithm", ""), "X-Amz-Algorithm must be"},
	} {
		v := sigv4.Verifier{Region: "us-east-1", Keys: known, Clock: clock.NewManual(now)}
		p, err := v.VerifyRequest(test.r, "lambda")
		switch {
		case test.want == "" && (err != nil || !strings.HasPrefix(p.ARN, "arn of ")):
			t.Errorf("%s: %v, %v", name, p, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || p != principal.Principal{}):
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

// cut removes the rest of the Authorization header after a text.
func cut(r *http.Request, after string) {
	before, _, _ := strings.Cut(r.Header.Get("Authorization"), after)
	r.Header.Set("Authorization", before+after)
}

func swap(r *http.Request, from, to string) {
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
}

func query(r *http.Request, name, value string) *http.Request {
	q := r.URL.Query()
	q.Set(name, value)
	r.URL.RawQuery = q.Encode()
	return r
}

// TestRequestsOfTheSDK holds that what the SDK signs is what is verified, whatever
// is in the path, the query and the headers.
func TestRequestsOfTheSDK(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	const alphabet = "abcXYZ019-._~ !*'();:@&=+$,/?#[]%äß\t\"<>"
	text := func(most int) string {
		var b strings.Builder
		runes := []rune(alphabet)
		for range random.IntN(most) {
			b.WriteRune(runes[random.IntN(len(runes))])
		}
		return b.String()
	}
	v := sigv4.Verifier{Region: "us-east-1", Keys: known, Clock: clock.NewManual(now)}
	for range 2000 {
		service, body := "lambda", text(20)
		if random.IntN(2) == 0 {
			service = "s3"
		}
		query := url.Values{}
		for range random.IntN(4) {
			query.Add(text(5), text(8))
		}
		target := (&url.URL{Scheme: "http", Host: "127.0.0.1:1234", Path: "/" + text(12), RawQuery: query.Encode()}).String()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Meta", "  two  words "+strings.Map(ascii, text(5)))
		r.Header.Set("X-Amz-Content-Sha256", hash(body))
		key := "AKIAUSER"
		if random.IntN(2) == 0 {
			key = "ASIASESSION"
		}
		err = v4.NewSigner().SignHTTP(t.Context(), known[key], r, hash(body), service, "us-east-1", now, func(o *v4.SignerOptions) {
			o.DisableURIPathEscaping = service == "s3"
		})
		if err != nil {
			t.Fatal(err)
		}
		// As a server receives it.
		received := httptest.NewRequestWithContext(t.Context(), r.Method, r.URL.RequestURI(), nil)
		received.Host, received.Header, received.ContentLength = r.Host, r.Header, r.ContentLength
		if _, err := v.Verify(received, []byte(body)); err != nil {
			t.Fatalf("%s to %s with %q: %v", service, r.URL.RequestURI(), r.Header, err)
		}
		received.Header.Set("X-Amz-Meta", "another")
		if _, err := v.Verify(received, []byte(body)); err == nil {
			t.Fatalf("%s: a signed header was another one", service)
		}
	}
}

func ascii(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}

func BenchmarkVerify(b *testing.B) {
	r := request(http.MethodPost, "/2015-03-31/functions/f/invocations?Qualifier=live", `{"a":1}`, "Content-Type", "application/json")
	if err := v4.NewSigner().SignHTTP(b.Context(), known["AKIAUSER"], r, hash(`{"a":1}`), "lambda", "us-east-1", now); err != nil {
		b.Fatal(err)
	}
	v := sigv4.Verifier{Region: "us-east-1", Keys: known, Clock: clock.NewManual(now)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(r, []byte(`{"a":1}`)); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzVerify changes the headers and the query of a signed request. Only a request with the
// signature of its owner is verified.
func FuzzVerify(f *testing.F) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Add("AWS4-HMAC-SHA256 Credential=AKIAUSER/20260102/us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=00", "20260102T030405Z", "/p?q=1")
	f.Add("AWS4-HMAC-SHA256 Credential=/////, SignedHeaders=;;, Signature=", "x", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2Fb&X-Amz-Date=d&X-Amz-Expires=-1&X-Amz-SignedHeaders=host&X-Amz-Signature=0")
	f.Add("", "", "/?X-Amz-Signature=%zz")
	f.Fuzz(func(t *testing.T, authorization, date, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		for _, service := range []string{"lambda", "s3"} {
			r := httptest.NewRequest(http.MethodGet, "http://h/", nil)
			r.URL.Path, r.URL.RawPath, r.URL.RawQuery = u.Path, u.RawPath, u.RawQuery
			r.Header.Set("Authorization", authorization)
			r.Header.Set("X-Amz-Date", date)
			v := sigv4.Verifier{Region: "us-east-1", Keys: known, Clock: clock.NewManual(now)}
			if p, err := v.VerifyRequest(r, service); err == nil {
				t.Errorf("verified as %v", p)
			}
			if p, err := v.Verify(r, nil); err == nil {
				t.Errorf("verified as %v", p)
			}
		}
	})
}
