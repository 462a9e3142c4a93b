package apigatewayv2

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	_ "crypto/sha256" // for RS256
	_ "crypto/sha512" // for RS384 and RS512
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/localaws/executeapi/openapi"
	"github.com/magewright/magewright/tools/localaws/loopback"
	"github.com/magewright/magewright/tools/localaws/payload"
)

// Objects reads the documents of issuers that are in buckets.
type Objects interface {
	GetObject(ctx context.Context, in *awss3.GetObjectInput) (*awss3.GetObjectOutput, error)
}

// token decides about the token of a request.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html.
func (z *authorizer) token(x *exchange) (*payload.Authorizer, error) {
	token := strings.TrimSpace(z.sources[0].value(x))
	if scheme, rest, ok := strings.Cut(token, " "); ok && strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(rest)
	}
	if token == "" {
		return nil, unauthorized("there is no token")
	}
	claims, err := z.verify(token, x.at)
	if err != nil {
		return nil, &denial{
			http.StatusUnauthorized, "Unauthorized",
			`Bearer scope="" error="invalid_token" error_description="` + strings.ReplaceAll(err.Error(), `"`, "'") + `"`, err.Error(),
		}
	}
	jwt := &payload.JWT{Claims: map[string]string{}}
	for name, value := range claims {
		jwt.Claims[name] = text(value)
	}
	if wanted := x.route.AuthorizationScopes; len(wanted) > 0 {
		scopes := scopesOf(claims)
		if !slices.ContainsFunc(wanted, func(scope string) bool { return slices.Contains(scopes, scope) }) {
			return nil, &denial{
				http.StatusForbidden, "Forbidden",
				`Bearer scope="` + strings.Join(wanted, " ") + `" error="insufficient_scope" error_description="the token does not have any of the required scopes"`,
				"insufficient_scope",
			}
		}
		jwt.Scopes = scopes
	}
	return &payload.Authorizer{JWT: jwt}, nil
}

// scopesOf returns the scopes in a token's scope or scp: words, or a list.
func scopesOf(claims map[string]any) []string {
	for _, name := range []string{"scope", "scp"} {
		switch value := claims[name].(type) {
		case string:
			return strings.Fields(value)
		case []any:
			var scopes []string
			for _, v := range value {
				scopes = append(scopes, text(v))
			}
			return scopes
		}
	}
	return nil
}

var algorithms = map[string]crypto.Hash{"RS256": crypto.SHA256, "RS384": crypto.SHA384, "RS512": crypto.SHA512}

// verify returns the claims of a token that the issuer has signed and that holds now.
func (z *authorizer) verify(token string, now time.Time) (map[string]any, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("the token is not a JWT")
	}
	var header struct{ Alg, Kid string }
	if err := decodePart(parts[0], &header); err != nil {
		return nil, fmt.Errorf("the token's header is not valid: %w", err)
	}
	hash, ok := algorithms[header.Alg]
	if !ok {
		return nil, fmt.Errorf("signing method %s is invalid", header.Alg)
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, errors.New("the token's signature is not base64")
	}
	key, err := z.keys.find(z.api.service, *z.JwtConfiguration.Issuer, header.Kid, now)
	if err != nil {
		return nil, err
	}
	digest := hash.New()
	// This never fails.
	_, _ = io.WriteString(digest, parts[0]+"."+parts[1])
	if rsa.VerifyPKCS1v15(key, hash, digest.Sum(nil), signature) != nil {
		return nil, errors.New("the token's signature is not the issuer's")
	}
	var claims map[string]any
	if err := decodePart(parts[1], &claims); err != nil {
		return nil, fmt.Errorf("the token's claims are not valid: %w", err)
	}
	return claims, z.checkClaims(claims, now)
}

func decodePart(part string, into any) error {
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode(into)
}

func (z *authorizer) checkClaims(claims map[string]any, now time.Time) error {
	if text(claims["iss"]) != *z.JwtConfiguration.Issuer {
		return errors.New("the token has another issuer")
	}
	audience := []string{text(claims["aud"])}
	if many, ok := claims["aud"].([]any); ok {
		audience = nil
		for _, one := range many {
			audience = append(audience, text(one))
		}
	}
	if _, ok := claims["aud"]; !ok {
		audience = []string{text(claims["client_id"])}
	}
	if !slices.ContainsFunc(audience, func(one string) bool { return slices.Contains(z.JwtConfiguration.Audience, one) }) {
		return errors.New("the token is for another audience")
	}
	seconds := func(name string) (time.Time, bool) {
		number, ok := claims[name].(json.Number)
		if !ok {
			return time.Time{}, false
		}
		s, err := number.Float64()
		return time.Unix(int64(s), 0), err == nil
	}
	switch exp, ok := seconds("exp"); {
	case !ok:
		return errors.New("the token has no expiry")
	case !now.Before(exp):
		return errors.New("the token has expired")
	}
	if nbf, ok := seconds("nbf"); ok && now.Before(nbf) {
		return errors.New("the token is not valid yet")
	}
	if iat, ok := seconds("iat"); ok && now.Before(iat) {
		return errors.New("the token was issued in the future")
	}
	return nil
}

// keyTime is how long an issuer's keys are used before they are read again.
const keyTime = 2 * time.Hour

// A keySet holds the keys of an issuer.
type keySet struct {
	mu   sync.Mutex
	keys map[string]*rsa.PublicKey
	read time.Time
}

// find returns the issuer's key with an id.
func (k *keySet) find(s *Service, issuer, id string, now time.Time) (*rsa.PublicKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key := k.keys[id]; key != nil && now.Sub(k.read) < keyTime {
		return key, nil
	}
	keys, err := s.keysOf(issuer)
	if err != nil {
		s.account.Log.Warn("reading the keys of an issuer of tokens", "issuer", issuer, "error", err)
		return nil, errors.New("the issuer's keys can't be read")
	}
	k.keys, k.read = keys, now
	if key := keys[id]; key != nil {
		return key, nil
	}
	return nil, fmt.Errorf("the issuer has no key %q", id)
}

// keysOf reads the keys of an issuer as OpenID Connect Discovery says.
// See https://openid.net/specs/openid-connect-discovery-1_0.html and RFC 7517.
func (s *Service) keysOf(issuer string) (map[string]*rsa.PublicKey, error) {
	var configuration struct {
		Issuer  string
		JWKSURI string `json:"jwks_uri"`
	}
	if err := s.fetch(strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", &configuration); err != nil {
		return nil, err
	}
	if configuration.Issuer != issuer {
		return nil, fmt.Errorf("the configuration of %s is the one of another issuer, %q", issuer, configuration.Issuer)
	}
	var set struct {
		Keys []struct{ Kty, Kid, Use, N, E string }
	}
	if err := s.fetch(configuration.JWKSURI, &set); err != nil {
		return nil, err
	}
	keys := map[string]*rsa.PublicKey{}
	for _, k := range set.Keys {
		if k.Kty != "RSA" || k.Use != "" && k.Use != "sig" {
			continue
		}
		n, err := base64.RawURLEncoding.DecodeString(k.N)
		if err != nil {
			return nil, fmt.Errorf("reading the key %q of %s: %w", k.Kid, issuer, err)
		}
		e, err := base64.RawURLEncoding.DecodeString(k.E)
		if err != nil {
			return nil, fmt.Errorf("reading the exponent of the key %q of %s: %w", k.Kid, issuer, err)
		}
		if len(e) > 4 {
			return nil, fmt.Errorf("reading the exponent of the key %q of %s: it has %d bytes, and at most 4 are supported", k.Kid, issuer, len(e))
		}
		keys[k.Kid] = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	}
	return keys, nil
}

// A document is where a document of an issuer is: in a bucket, or on this machine.
type document struct{ bucket, key, url string }

// documentOf returns where the document at an address is. The embedded AWS sends no
// request to another machine.
func (s *Service) documentOf(address string) (document, error) {
	u, err := url.Parse(address)
	if err != nil {
		return document{}, fmt.Errorf("%s is not a URL", address)
	}
	if openapi.CognitoIssuer(address) {
		return document{}, errors.New("the embedded AWS does not run Cognito, so that it can't verify the token")
	}
	host, path := u.Host, strings.TrimPrefix(u.Path, "/")
	if endpoint, err := url.Parse(s.account.Endpoint); err == nil && host == endpoint.Host {
		bucket, key, _ := strings.Cut(path, "/")
		return document{bucket: bucket, key: key}, nil
	}
	if u.Scheme == "https" {
		for _, suffix := range []string{"s3.amazonaws.com", "s3." + s.account.Region + ".amazonaws.com"} {
			if host == suffix {
				bucket, key, _ := strings.Cut(path, "/")
				return document{bucket: bucket, key: key}, nil
			}
			if bucket, ok := strings.CutSuffix(host, "."+suffix); ok {
				return document{bucket: bucket, key: path}, nil
			}
		}
	}
	if (u.Scheme == "http" || u.Scheme == "https") && loopback.Is(host) {
		return document{url: address}, nil
	}
	return document{}, fmt.Errorf("%s is on another machine, and the embedded AWS sends no request there; use an issuer on loopback, or one whose openid-configuration and keys are objects in a bucket", address)
}

// documentTime and documentSize limit the reading of a document.
const (
	documentTime = 10 * time.Second
	documentSize = 1 << 20
)

// fetch reads a JSON document.
func (s *Service) fetch(address string, into any) error {
	d, err := s.documentOf(address)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), documentTime)
	defer cancel()
	var body io.ReadCloser
	if d.url == "" {
		if s.deps.Objects == nil {
			return fmt.Errorf("reading %s: there are no buckets", address)
		}
		out, err := s.deps.Objects.GetObject(ctx, &awss3.GetObjectInput{Bucket: aws.String(d.bucket), Key: aws.String(d.key)})
		if err != nil {
			return fmt.Errorf("reading %s: %w", address, err)
		}
		body = out.Body
	} else {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url, nil)
		if err != nil {
			return fmt.Errorf("reading %s: %w", address, err)
		}
		resp, err := direct.Do(r)
		if err != nil {
			return fmt.Errorf("reading %s: %w", address, err)
		}
		body = resp.Body
		if resp.StatusCode != http.StatusOK {
			return errors.Join(fmt.Errorf("reading %s: %s", address, resp.Status), body.Close())
		}
	}
	b, err := io.ReadAll(io.LimitReader(body, documentSize))
	if err := errors.Join(err, body.Close()); err != nil {
		return fmt.Errorf("reading %s: %w", address, err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("reading %s: %w", address, err)
	}
	return nil
}

// direct is a client that neither a proxy nor a redirection takes off this machine.
var direct = &http.Client{
	Transport:     &http.Transport{Proxy: nil},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}
