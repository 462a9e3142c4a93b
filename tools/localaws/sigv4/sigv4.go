// Package sigv4 verifies AWS Signature Version 4 in the header or the query of
// a request. It signs the received request again with the SDK's signer, and
// compares the two signatures.
//
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html.
package sigv4

import (
	"context"
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
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
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
// full. If the request is not signed correctly, it returns a smithy.APIError
// with AWS's code and, if it is known, AWS's text.
func (v Verifier) VerifyRequest(r *http.Request, service string) (principal.Principal, error) {
	c, err := v.claim(r)
	if err != nil {
		return principal.Principal{}, err
	}
	switch day := c.at.Format("20060102"); {
	case c.region != v.Region:
		return principal.Principal{}, invalid("Credential should be scoped to a valid region.")
	case c.service != service:
		return principal.Principal{}, invalid("Credential should be scoped to correct service: '%s'.", service)
	case c.date != day:
		return principal.Principal{}, invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.", c.date, day, c.at.Format(timeFormat))
	}
	credentials, err := v.Keys.Credentials(r.Context(), c.accessKeyID)
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "ExpiredToken" {
		return principal.Principal{}, refuse("ExpiredTokenException", "The security token included in the request is expired")
	}
	if err != nil || subtle.ConstantTimeCompare([]byte(c.token), []byte(credentials.SessionToken)) != 1 {
		return principal.Principal{}, refuse("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	hash, err := payloadHash(r)
	if err != nil {
		return principal.Principal{}, err
	}
	want, err := sign(r, c, credentials, hash)
	if err != nil {
		return principal.Principal{}, fmt.Errorf("signing the request again: %w", err)
	}
	if want == "" || subtle.ConstantTimeCompare([]byte(c.signature), []byte(want)) != 1 {
		return principal.Principal{}, mismatch()
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
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if claimed := r.Header.Get("X-Amz-Content-Sha256"); claimed != "" && claimed != hash {
		return "", mismatch()
	}
	return hash, nil
}

// sign returns the signature that a request must have.
func sign(r *http.Request, c claim, credentials aws.Credentials, hash string) (string, error) {
	again := &http.Request{
		Method: r.Method, Host: r.Host, Header: http.Header{},
		URL: &url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery},
	}
	for _, name := range c.headers {
		switch name {
		// The signer sets these itself.
		case "host", "x-amz-date":
		case "content-length":
			again.ContentLength = r.ContentLength
		default:
			again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}
	if !c.presigned && !slices.Contains(c.headers, "x-amz-security-token") {
		// The token has already been compared.
		credentials.SessionToken = ""
	}
	ctx := context.Background()
	signer := v4.NewSigner()
	if !c.presigned {
		if err := signer.SignHTTP(ctx, credentials, again, hash, c.service, c.region, c.at); err != nil {
			return "", err
		}
		_, signature, _ := strings.Cut(again.Header.Get("Authorization"), "Signature=")
		return signature, nil
	}
	query := r.URL.Query()
	for _, own := range []string{"Algorithm", "Credential", "Date", "SignedHeaders", "Signature", "Security-Token"} {
		query.Del("X-Amz-" + own)
	}
	again.URL.RawQuery = query.Encode()
	signed, _, err := signer.PresignHTTP(ctx, credentials, again, hash, c.service, c.region, c.at, func(o *v4.SignerOptions) {
		// Hoisted headers are already in the query.
		o.DisableHeaderHoisting = true
	})
	if err != nil {
		return "", err
	}
	u, err := url.Parse(signed)
	if err != nil {
		return "", err
	}
	return u.Query().Get("X-Amz-Signature"), nil
}
