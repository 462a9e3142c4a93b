// Package sigv4 verifies AWS Signature Version 4 in the header or the query of
// a request.
//
// It computes the signature itself. The SDK's signer would leave out headers that
// another client may have signed, and takes several times as long.
//
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html.
package sigv4

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/principal"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	timeFormat = "20060102T150405Z"

	// maxSkew is how far the time of a signature may differ from ours.
	// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html.
	maxSkew = 5 * time.Minute
	// maxSkewS3 is S3's own, see RequestTimeTooSkewed in
	// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
	maxSkewS3 = 15 * time.Minute
	// maxExpires is the longest validity of a presigned request.
	maxExpires = 7 * 24 * time.Hour
)

// Keys looks up access keys. STS implements it.
type Keys interface {
	// Principal returns the owner of an access key.
	Principal(ctx context.Context, accessKeyID string) (principal.Principal, error)
	// Credentials returns the secret and the session token of an access key.
	// The token is empty for a user's own key.
	Credentials(ctx context.Context, accessKeyID string) (aws.Credentials, error)
}

// A Verifier checks the signatures of requests to one region.
type Verifier struct {
	Region string
	Keys   Keys
	// Clock is the clock that clients sign with: the system's.
	Clock clock.Clock
}

// A claim is what a request says about its signature.
type claim struct {
	accessKeyID, date, region, service string
	headers                            []string // names of the signed headers, in lower case
	signature                          string
	at                                 time.Time
	token                              string
	presigned                          bool
}

// VerifyRequest returns the signer of r for a service. It reads the body in
// full, and the signature must be of the body that it reads: this is what
// function URLs require. If the request is not signed correctly, it returns a
// smithy.APIError with AWS's code and, if it is known, AWS's text.
func (v Verifier) VerifyRequest(r *http.Request, service string) (principal.Principal, error) {
	c, err := v.claim(r)
	if err != nil {
		return principal.Principal{}, err
	}
	switch {
	case c.region != v.Region:
		return principal.Principal{}, invalid("Credential should be scoped to a valid region.")
	case c.service != service:
		return principal.Principal{}, invalid("Credential should be scoped to correct service: '%s'.", service)
	}
	hash, err := payloadHash(r)
	if err != nil {
		return principal.Principal{}, err
	}
	return v.verify(r, c, hash)
}

// Verify returns the signer of r for the service and region that the request
// itself names. body is the request's body, which must already have been read;
// for S3 it is nil, because the signature covers the hash that the request's
// header claims, and S3 compares that hash with the body. If the header says that the
// chunks of the body are signed, Verify replaces the body by one that fails where a
// chunk's signature is wrong. The errors are those of VerifyRequest.
func (v Verifier) Verify(r *http.Request, body []byte) (principal.Principal, error) {
	c, err := v.claim(r)
	if err != nil {
		return principal.Principal{}, err
	}
	hash := r.Header.Get("X-Amz-Content-Sha256")
	switch {
	case c.service == "s3" && c.presigned:
		// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
		hash = cmp.Or(hash, "UNSIGNED-PAYLOAD")
	case c.service == "s3" && hash == "":
		return principal.Principal{}, refuse("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
	case c.service != "s3":
		hash = hexHash(body)
	}
	return v.verify(r, c, hash)
}

// verify checks that r has the signature that the owner of its access key makes
// for a payload with this hash.
func (v Verifier) verify(r *http.Request, c claim, hash string) (principal.Principal, error) {
	if day := c.at.Format("20060102"); c.date != day {
		return principal.Principal{}, invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.", c.date, day, c.at.Format(timeFormat))
	}
	credentials, err := v.Keys.Credentials(r.Context(), c.accessKeyID)
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "ExpiredToken" {
		return principal.Principal{}, refuse("ExpiredTokenException", "The security token included in the request is expired")
	}
	if err != nil || subtle.ConstantTimeCompare([]byte(c.token), []byte(credentials.SessionToken)) != 1 {
		return principal.Principal{}, refuse("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	want := signature(r, c, credentials.SecretAccessKey, hash)
	if subtle.ConstantTimeCompare([]byte(c.signature), []byte(want)) != 1 {
		return principal.Principal{}, mismatch()
	}
	if c.service == "s3" && !c.presigned && (hash == streaming || hash == streamingTrailer) {
		// The signature of the request covers the first chunk only by what follows from it.
		r.Body = newChunks(r.Body, signingKey(credentials.SecretAccessKey, c.date, c.region, c.service), c.at.Format(timeFormat), c.scope(), c.signature, hash == streamingTrailer)
	}
	return v.Keys.Principal(r.Context(), c.accessKeyID)
}

func refuse(code, format string, args ...any) error {
	return &smithy.GenericAPIError{Code: code, Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

func invalid(format string, args ...any) error {
	return refuse("InvalidSignatureException", format, args...)
}

func incomplete(format string, args ...any) error {
	return refuse("IncompleteSignatureException", format, args...)
}

func mismatch() error {
	return invalid("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
}

// claim reads what a request says about its signature, and checks the time.
func (v Verifier) claim(r *http.Request) (claim, error) {
	c := claim{token: r.Header.Get("X-Amz-Security-Token")}
	query := r.URL.Query()
	var scope, headers, date string
	switch authorization := r.Header.Get("Authorization"); {
	case authorization != "":
		parameters, ok := strings.CutPrefix(authorization, algorithm+" ")
		if !ok {
			return c, incomplete("The signature's algorithm must be %s.", algorithm)
		}
		for p := range strings.SplitSeq(parameters, ",") {
			switch name, value, _ := strings.Cut(strings.TrimSpace(p), "="); name {
			case "Credential":
				scope = value
			case "SignedHeaders":
				headers = value
			case "Signature":
				c.signature = value
			}
		}
		date = r.Header.Get("X-Amz-Date")
	case query.Get("X-Amz-Signature") != "":
		if query.Get("X-Amz-Algorithm") != algorithm {
			return c, incomplete("X-Amz-Algorithm must be %s.", algorithm)
		}
		c.presigned = true
		scope, headers, c.signature = query.Get("X-Amz-Credential"), query.Get("X-Amz-SignedHeaders"), query.Get("X-Amz-Signature")
		date, c.token = query.Get("X-Amz-Date"), query.Get("X-Amz-Security-Token")
	default:
		return c, refuse("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	// The format is KEY/DATE/REGION/SERVICE/aws4_request.
	parts := strings.Split(scope, "/")
	if len(parts) != 5 || parts[4] != "aws4_request" {
		return c, incomplete("Credential must have the form KEY/DATE/REGION/SERVICE/aws4_request.")
	}
	c.accessKeyID, c.date, c.region, c.service = parts[0], parts[1], parts[2], parts[3]
	c.headers = strings.Split(headers, ";")
	if !slices.Contains(c.headers, "host") {
		return c, invalid("'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	var err error
	if c.at, err = time.Parse(timeFormat, date); err != nil {
		return c, incomplete("X-Amz-Date must have the form %s.", timeFormat)
	}
	maxSkew := maxSkew
	if c.service == "s3" {
		maxSkew = maxSkewS3
	}
	until := c.at.Add(maxSkew)
	if c.presigned {
		seconds, err := strconv.ParseInt(query.Get("X-Amz-Expires"), 10, 32)
		if err != nil || seconds < 1 || seconds > int64(maxExpires/time.Second) {
			return c, incomplete("X-Amz-Expires must be between 1 and %d seconds.", int64(maxExpires/time.Second))
		}
		until = c.at.Add(time.Duration(seconds) * time.Second)
	}
	switch now := v.Clock.Now().UTC(); {
	case now.After(until):
		lasts := until.Sub(c.at)
		return c, invalid("Signature expired: %s is now earlier than %s (%s - %.0f min.)", date, now.Add(-lasts).Format(timeFormat), now.Format(timeFormat), lasts.Minutes())
	case now.Before(c.at.Add(-maxSkew)):
		return c, invalid("Signature not yet current: %s is still later than %s (%s + %.0f min.)", date, now.Add(maxSkew).Format(timeFormat), now.Format(timeFormat), maxSkew.Minutes())
	}
	return c, nil
}

// payloadHash returns the hash of the body. If the request claims a hash, the
// two must be equal. Lambda does not accept unsigned payloads.
// See https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-lambda.html.
func payloadHash(r *http.Request) (string, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", fmt.Errorf("reading the request: %w", err)
	}
	hash := hexHash(body)
	if claimed := r.Header.Get("X-Amz-Content-Sha256"); claimed != "" && claimed != hash {
		return "", mismatch()
	}
	return hash, nil
}

// signature returns the signature that a request must have. See
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
func signature(r *http.Request, c claim, secret, hash string) string {
	var canonical strings.Builder
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if path == "" || path[0] != '/' {
		path = r.URL.EscapedPath()
	}
	if path == "" {
		path = "/"
	}
	if c.service != "s3" {
		// S3 alone takes the path as the client has sent it.
		path = escape(path, true)
	}
	canonical.WriteString(r.Method + "\n" + path + "\n" + canonicalQuery(r.URL.RawQuery) + "\n")
	for _, name := range c.headers {
		canonical.WriteString(name + ":" + headerValue(r, name) + "\n")
	}
	canonical.WriteString("\n" + strings.Join(c.headers, ";") + "\n" + hash)
	text := algorithm + "\n" + c.at.Format(timeFormat) + "\n" + c.scope() + "\n" + hexHash([]byte(canonical.String()))
	return hex.EncodeToString(mac(signingKey(secret, c.date, c.region, c.service), text))
}

func (c claim) scope() string { return c.date + "/" + c.region + "/" + c.service + "/aws4_request" }

// headerValue returns the canonical value of a signed header.
func headerValue(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	case "transfer-encoding":
		return strings.Join(r.TransferEncoding, ",")
	}
	values := slices.Clone(r.Header.Values(name))
	for i, value := range values {
		values[i] = strings.Join(strings.Fields(value), " ")
	}
	return strings.Join(values, ",")
}

// canonicalQuery returns the parameters of a query, sorted and encoded as AWS
// wants them, without the signature.
func canonicalQuery(raw string) string {
	if raw == "" {
		return ""
	}
	var pairs [][2]string
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, value = unescape(name), unescape(value)
		if name != "X-Amz-Signature" {
			pairs = append(pairs, [2]string{escape(name, false), escape(value, false)})
		}
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return cmp.Or(strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1])) })
	var text strings.Builder
	for i, pair := range pairs {
		if i > 0 {
			text.WriteByte('&')
		}
		text.WriteString(pair[0] + "=" + pair[1])
	}
	return text.String()
}

// unescape decodes a part of a query. A part that is malformed stays as it is.
func unescape(part string) string {
	decoded, err := url.QueryUnescape(part)
	if err != nil {
		return part
	}
	return decoded
}

// escape encodes every byte but the unreserved characters of RFC 3986 and, in a
// path, the slash.
func escape(text string, path bool) string {
	const digits = "0123456789ABCDEF"
	var escaped strings.Builder
	for i := range len(text) {
		switch b := text[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '-', b == '.', b == '_', b == '~', path && b == '/':
			escaped.WriteByte(b)
		default:
			escaped.Write([]byte{'%', digits[b>>4], digits[b&15]})
		}
	}
	return escaped.String()
}

// keys has the newest signing keys: each is good for a day.
var keys struct {
	sync.Mutex
	derived map[[4]string][]byte
}

// signingKey derives the key for a day, a region and a service.
func signingKey(secret, date, region, service string) []byte {
	const most = 256
	id := [4]string{secret, date, region, service}
	keys.Lock()
	defer keys.Unlock()
	if key := keys.derived[id]; key != nil {
		return key
	}
	key := []byte("AWS4" + secret)
	for _, part := range []string{date, region, service, "aws4_request"} {
		key = mac(key, part)
	}
	if keys.derived == nil || len(keys.derived) >= most {
		keys.derived = map[[4]string][]byte{}
	}
	keys.derived[id] = key
	return key
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = io.WriteString(h, text) // never fails
	return h.Sum(nil)
}

func hexHash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
