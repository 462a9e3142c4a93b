package apigatewayv2_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapi "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/magewright/magewright/tools/localaws/executeapi/executeapitest"
)

// signer is a key of an issuer, made once because that takes long.
var signer = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// documents returns an issuer's configuration and its keys.
func documents(t *testing.T, issuer string) (configuration, keys string) {
	t.Helper()
	key := must[*rsa.PrivateKey](t)(signer())
	encode := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, issuer, strings.TrimSuffix(issuer, "/")+"/keys.json"),
		fmt.Sprintf(`{"keys":[{"kty":"EC","kid":"ec"},{"kty":"RSA","use":"sig","alg":"RS256","kid":"k1","n":%q,"e":%q}]}`,
			encode(key.N.Bytes()), encode(big.NewInt(int64(key.E)).Bytes()))
}

// token returns a signed token.
func token(t *testing.T, header string, claims map[string]any) string {
	t.Helper()
	key := must[*rsa.PrivateKey](t)(signer())
	body := must[[]byte](t)(json.Marshal(claims))
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(header)) + "." + encode(body)
	sum := sha256.Sum256([]byte(text))
	return text + "." + encode(must[[]byte](t)(rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])))
}

const header = `{"alg":"RS256","kid":"k1"}`

func (f *fixture) authorizer(t *testing.T, in *awsapi.CreateAuthorizerInput) *string {
	t.Helper()
	in.ApiId = &f.api
	return must[*awsapi.CreateAuthorizerOutput](t)(f.CreateAuthorizer(t.Context(), in)).AuthorizerId
}

// jwt gives the API a route that a token of an issuer opens.
func (f *fixture) jwt(t *testing.T, issuer string) {
	t.Helper()
	id := f.authorizer(t, &awsapi.CreateAuthorizerInput{
		Name: aws.String("jwt"), AuthorizerType: types.AuthorizerTypeJwt, IdentitySource: []string{"$request.header.Authorization"},
		JwtConfiguration: &types.JWTConfiguration{Issuer: &issuer, Audience: []string{"shop", "cart"}},
	})
	with := func(scopes ...string) func(*awsapi.CreateRouteInput) {
		return func(in *awsapi.CreateRouteInput) {
			in.AuthorizationType, in.AuthorizerId, in.AuthorizationScopes = types.AuthorizationTypeJwt, id, scopes
		}
	}
	f.simple(t, "GET /", with())
	f.route(t, "GET /scoped", f.integration(t, functionARN, "1.0"), with("write", "admin"))
}

func TestTokens(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const issuer = "https://issuers.s3.us-east-1.amazonaws.com/shop"
	f.Objects["issuers/shop/.well-known/openid-configuration"], f.Objects["issuers/shop/keys.json"] = documents(t, issuer)
	f.jwt(t, issuer)
	f.Answer(functionARN, `{"statusCode":200,"body":"in"}`)
	now := executeapitest.Begin.Unix()
	claims := func(change map[string]any) map[string]any {
		all := map[string]any{"iss": issuer, "aud": "shop", "exp": now + 60, "iat": now, "sub": "me", "groups": []string{"a", "b"}, "admin": true}
		for name, value := range change {
			if all[name] = value; value == nil {
				delete(all, name)
			}
		}
		return all
	}
	good := token(t, header, claims(nil))
	for _, tt := range []struct {
		name, path, token string
		status            int
		says              string // in WWW-Authenticate
	}{
		{"a good token", "/", "Bearer " + good, 200, ""},
		{"without a scheme", "/", good, 200, ""},
		{"no token", "/", "", 401, "Bearer"},
		{"no JWT", "/", "Bearer x", 401, "is not a JWT"},
		{"another signature", "/", good[:len(good)-8] + "AAAAAAAA", 401, "signature is not the issuer's"},
		{"an algorithm without a key", "/", token(t, `{"alg":"none","kid":"k1"}`, claims(nil)), 401, "signing method none is invalid"},
		{"a symmetric algorithm", "/", token(t, `{"alg":"HS256","kid":"k1"}`, claims(nil)), 401, "signing method HS256 is invalid"},
		{"an unknown key", "/", token(t, `{"alg":"RS256","kid":"k2"}`, claims(nil)), 401, "has no key 'k2'"},
		{"another issuer", "/", token(t, header, claims(map[string]any{"iss": "https://evil.example"})), 401, "another issuer"},
		{"another audience", "/", token(t, header, claims(map[string]any{"aud": "bank"})), 401, "another audience"},
		{"one of many audiences", "/", token(t, header, claims(map[string]any{"aud": []string{"bank", "cart"}})), 200, ""},
		{"a client instead of an audience", "/", token(t, header, claims(map[string]any{"aud": nil, "client_id": "shop"})), 200, ""},
		{"a client beside another audience", "/", token(t, header, claims(map[string]any{"aud": "bank", "client_id": "shop"})), 401, "another audience"},
		{"expired", "/", token(t, header, claims(map[string]any{"exp": now})), 401, "has expired"},
		{"no expiry", "/", token(t, header, claims(map[string]any{"exp": nil})), 401, "has no expiry"},
		{"not yet", "/", token(t, header, claims(map[string]any{"nbf": now + 1})), 401, "not valid yet"},
		{"from the future", "/", token(t, header, claims(map[string]any{"iat": now + 1})), 401, "issued in the future"},
		{"no scope", "/scoped", good, 403, "insufficient_scope"},
		{"one of the scopes", "/scoped", token(t, header, claims(map[string]any{"scope": "read admin"})), 200, ""},
		{"scopes as a list", "/scoped", token(t, header, claims(map[string]any{"scp": []string{"read", "write"}})), 200, ""},
	} {
		got := f.fetch(t, http.MethodGet, tt.path, "", "Authorization", tt.token)
		text := map[int]string{200: "in", 401: `{"message":"Unauthorized"}`, 403: `{"message":"Forbidden"}`}[tt.status]
		if got.Status != tt.status || got.Text != text || !strings.Contains(got.Header.Get("Www-Authenticate"), tt.says) || tt.says == "" && got.Header.Get("Www-Authenticate") != "" {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
	f.fetch(t, http.MethodGet, "/", "", "Authorization", good)
	if want := `"authorizer":{"jwt":{"claims":{"admin":"true","aud":"shop","exp":"1772366490","groups":"[a b]","iat":"1772366430","iss":"` + issuer + `","sub":"me"},"scopes":null}}`; !strings.Contains(f.Last(t), want) {
		t.Errorf("event %s, want %s", f.Last(t), want)
	}
	f.fetch(t, http.MethodGet, "/scoped", "", "Authorization", token(t, header, claims(map[string]any{"scope": "write"})))
	if want := `"scopes":["write"]}`; !strings.Contains(f.Last(t), want) {
		t.Errorf("event %s, want %s", f.Last(t), want)
	}
}

// An issuer on this machine is asked over HTTP, at most once in two hours.
func TestIssuerOnLoopback(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	asked := 0
	var mux http.ServeMux
	server := httptest.NewServer(&mux)
	defer server.Close()
	configuration, keys := documents(t, server.URL+"/")
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(configuration)) })
	mux.HandleFunc("/keys.json", func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = w.Write([]byte(keys))
	})
	f.jwt(t, server.URL+"/")
	for range 3 {
		text := token(t, header, map[string]any{"iss": server.URL + "/", "aud": "shop", "exp": f.Clock.Now().Unix() + 60})
		if got := f.fetch(t, http.MethodGet, "/", "", "Authorization", text); got.Status != http.StatusOK {
			t.Errorf("%+v", got)
		}
		f.Clock.Advance(time.Hour)
	}
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
	server.Close()
	text := token(t, header, map[string]any{"iss": server.URL + "/", "aud": "shop", "exp": f.Clock.Now().Unix() + 7260})
	f.Clock.Advance(2 * time.Hour)
	if got := f.fetch(t, http.MethodGet, "/", "", "Authorization", text); got.Status != http.StatusUnauthorized {
		t.Errorf("without the issuer: %+v", got)
	}
}

func TestLambdaAuthorizer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	policy := f.authorizer(t, &awsapi.CreateAuthorizerInput{
		Name: aws.String("policy"), AuthorizerType: types.AuthorizerTypeRequest, AuthorizerUri: aws.String(otherARN),
		AuthorizerPayloadFormatVersion: aws.String("1.0"), IdentitySource: []string{"$request.header.Authorization", "$request.querystring.who"},
		AuthorizerResultTtlInSeconds: aws.Int32(300),
	})
	simple := f.authorizer(t, &awsapi.CreateAuthorizerInput{
		Name: aws.String("simple"), AuthorizerType: types.AuthorizerTypeRequest, AuthorizerPayloadFormatVersion: aws.String("2.0"), EnableSimpleResponses: aws.Bool(true),
		AuthorizerUri: aws.String("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/" + otherARN + "/invocations"),
	})
	with := func(id *string) func(*awsapi.CreateRouteInput) {
		return func(in *awsapi.CreateRouteInput) {
			in.AuthorizationType, in.AuthorizerId = types.AuthorizationTypeCustom, id
		}
	}
	f.simple(t, "GET /policy/{id}", with(policy))
	f.route(t, "POST /simple", f.integration(t, functionARN, "2.0"), with(simple))
	asked := 0
	decide := func(text string, failed bool) {
		f.Mu.Lock()
		defer f.Mu.Unlock()
		f.Answers[otherARN] = func([]byte) (*awslambda.InvokeOutput, error) {
			asked++
			out := &awslambda.InvokeOutput{Payload: []byte(text)}
			if failed {
				out.FunctionError = aws.String("Unhandled")
			}
			return out, nil
		}
	}
	status := func(method, path string, headers ...string) int {
		return f.fetch(t, method, path, "body", headers...).Status
	}

	decide(`{"isAuthorized":true,"context":{"user":"me","level":3}}`, false)
	if got := status(http.MethodPost, "/simple"); got != 200 || !strings.Contains(f.Last(t), `"authorizer":{"lambda":{"level":3,"user":"me"}}`) {
		t.Errorf("allowed: %d %s", got, f.Last(t))
	}
	if ev := string(f.Events[len(f.Events)-2]); !strings.Contains(ev, `"type":"REQUEST"`) || strings.Contains(ev, `"body"`) ||
		!strings.Contains(ev, `"routeArn":"arn:aws:execute-api:us-east-1:000000000000:`+f.api+`/$default/POST/simple"`) {
		t.Errorf("event of the authorizer: %s", ev)
	}
	if source := f.Asked[len(f.Asked)-2]; source != "arn:aws:execute-api:us-east-1:000000000000:"+f.api+"/authorizers/"+*simple {
		t.Errorf("invoked on behalf of %s", source)
	}
	for _, tt := range []struct {
		text   string
		failed bool
		want   int
	}{
		{`{"isAuthorized":false}`, false, 403}, {`{"errorMessage":"Unauthorized"}`, true, 401}, {`{"errorMessage":"no"}`, true, 500},
		{`{}`, false, 500}, {`"yes"`, false, 500},
	} {
		decide(tt.text, tt.failed)
		if got := status(http.MethodPost, "/simple"); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.text, got, tt.want)
		}
	}

	asked = 0
	me := []string{"Authorization", "me"}
	decide(`{"principalId":"me","policyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"arn:aws:execute-api:*:*:*/*/GET/policy/1*"}]}}`, false)
	for _, tt := range []struct {
		path    string
		headers []string
		want    int
	}{
		{"/policy/1?who=me", me, 200}, {"/policy/12?who=me", me, 200}, {"/policy/2?who=me", me, 403},
		{"/policy/1?who=me", nil, 401}, {"/policy/1", me, 401},
	} {
		if got := status(http.MethodGet, tt.path, tt.headers...); got != tt.want {
			t.Errorf("%s %v: %d, want %d", tt.path, tt.headers, got, tt.want)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times for one identity", asked)
	}
	if ev := f.Events; !strings.Contains(string(ev[len(ev)-1]), `"routeKey":"GET /policy/{id}"`) {
		t.Errorf("last event %s", ev[len(ev)-1])
	}
	status(http.MethodGet, "/policy/1?who=you", me...)
	f.Clock.Advance(5 * time.Minute)
	status(http.MethodGet, "/policy/1?who=me", me...)
	if asked != 3 {
		t.Errorf("asked %d times for another identity and after the time", asked)
	}
	must[*awsapi.ResetAuthorizersCacheOutput](t)(f.ResetAuthorizersCache(t.Context(), &awsapi.ResetAuthorizersCacheInput{ApiId: &f.api, StageName: aws.String("$default")}))
	decide(`{"principalId":"me","policyDocument":{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}}`, false)
	if got := status(http.MethodGet, "/policy/1?who=me", me...); got != 403 {
		t.Errorf("denied: %d", got)
	}
}

func TestSignedRequests(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.simple(t, "GET /", func(in *awsapi.CreateRouteInput) { in.AuthorizationType = types.AuthorizationTypeAwsIam })
	if got := f.fetch(t, http.MethodGet, "/", ""); got.Status != http.StatusForbidden || got.Text != `{"message":"Forbidden"}` {
		t.Errorf("unsigned: %+v", got)
	}
	if got := f.fetch(t, http.MethodGet, "/", "", "Authorization", "AWS4-HMAC-SHA256 Credential=AKIAOTHER/"); got.Status != http.StatusForbidden {
		t.Errorf("signed by another: %+v", got)
	}
	if got := f.fetch(t, http.MethodGet, "/", "", "Authorization", "AWS4-HMAC-SHA256 Credential=AKIAKNOWN/"); got.Status != http.StatusOK ||
		!strings.Contains(f.Last(t), `"authorizer":{"iam":{"accessKey":"AKIAKNOWN","accountId":"000000000000","callerId":"AIDA1","userArn":"arn:aws:iam::000000000000:user/me","userId":"AIDA1"}}`) {
		t.Errorf("signed: %+v %s", got, f.Last(t))
	}
}
