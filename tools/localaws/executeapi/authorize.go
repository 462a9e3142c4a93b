package executeapi

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/magewright/magewright/tools/localaws/principal"
)

// A Verifier checks the SigV4 signature of a request and returns the caller. The
// request's body can still be read in full afterwards.
type Verifier interface {
	VerifyRequest(r *http.Request, service string) (principal.Principal, error)
}

// ErrUnsigned is the error for a request without a signature.
var ErrUnsigned = errors.New("the request is not signed")

// Caller returns the caller of a method or route with AWS_IAM. body is the request's
// body, which has been read. Without a verifier, no request counts as signed.
func Caller(v Verifier, r *http.Request, body []byte) (principal.Principal, error) {
	if v == nil || r.Header.Get("Authorization") == "" && !r.URL.Query().Has("X-Amz-Signature") {
		return principal.Principal{}, ErrUnsigned
	}
	signed := r.Clone(r.Context())
	signed.Body = io.NopCloser(bytes.NewReader(body))
	return v.VerifyRequest(signed, "execute-api")
}

// Decisions keeps the answers of a Lambda authorizer by the identities that they are
// about. The zero value has none.
type Decisions[T any] struct {
	mu   sync.Mutex
	kept map[string]decision[T]
}

type decision[T any] struct {
	answer T
	until  time.Time // when the authorizer is asked again
}

// Of returns the answer about an identity: a kept one, or else that of ask, which is
// kept for ttl. An error is not kept.
func (d *Decisions[T]) Of(identity string, now time.Time, ttl time.Duration, ask func() (T, error)) (T, error) {
	d.mu.Lock()
	known, ok := d.kept[identity]
	d.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.answer, nil
	}
	answer, err := ask()
	if err != nil || ttl <= 0 {
		return answer, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept == nil {
		d.kept = map[string]decision[T]{}
	}
	maps.DeleteFunc(d.kept, func(_ string, old decision[T]) bool { return !now.Before(old.until) })
	d.kept[identity] = decision[T]{answer, now.Add(ttl)}
	return answer, nil
}

// Forget drops all answers.
func (d *Decisions[T]) Forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.kept)
}
