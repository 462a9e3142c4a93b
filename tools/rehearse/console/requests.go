package console

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/magewright/magewright/tools/localaws/trail"
)

// Requests are the next requests to AWS.
type Requests struct {
	Requests []trail.Request `json:"requests"`
}

// requests returns the source of the requests after the one with a number.
func (c *Console) requests(from int) source {
	return func(context.Context) (any, error) {
		got := c.aws.Requests.Since(from)
		if len(got) == 0 {
			return nil, nil //nolint:nilnil // nothing is new
		}
		from = got[len(got)-1].Number
		return Requests{got}, nil
	}
}

// Sent is what a request contained.
type Sent struct {
	Method string            `json:"method"`
	URI    string            `json:"uri"`
	Header map[string]string `json:"header"`
	Body   string            `json:"body"`
}

// sent answers with what the request with a number contained.
func (c *Console) sent(w http.ResponseWriter, r *http.Request) error {
	number, err := strconv.Atoi(r.URL.Query().Get("number"))
	if err != nil {
		return &failure{http.StatusBadRequest, "The request's number is missing."}
	}
	s, err := c.kept(number)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, Sent{s.Method, s.URI, s.Header, readable(s.Body)})
	return nil
}

func (c *Console) kept(number int) (trail.Sent, error) {
	s, ok := c.aws.Requests.Sent(number)
	if !ok {
		return s, &failure{http.StatusNotFound, fmt.Sprintf("What was sent as this request is not kept: it is not among the newest %d, has more than %d bytes, was refused before it was read, or writes an object of S3.", trail.Size, trail.MostSent)}
	}
	if s.Service == "" {
		return s, &failure{http.StatusNotFound, "Nobody has signed this request, so it can't be sent again as you."}
	}
	return s, nil
}

// Replayed is the answer to a request that was sent again.
type Replayed struct {
	Status int    `json:"status"`
	Body   string `json:"body"`
}

// sender sends requests again. A function may answer with a redirect to anywhere, such as
// what else listens on this machine: it is shown, and not followed.
var sender = http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// mostAnswered is how many bytes of an answer are shown.
const mostAnswered = 64 << 10

// replay sends a request again as the account's user, because the original caller's signing
// key is not kept.
func (c *Console) replay(w http.ResponseWriter, r *http.Request) error {
	var in struct{ Number int }
	if err := decode(w, r, &in); err != nil {
		return err
	}
	s, err := c.kept(in.Number)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(r.Context(), s.Method, c.server.URL+s.URI, bytes.NewReader(s.Body))
	if err != nil {
		return err
	}
	request.Host = s.Host
	for name, value := range s.Header {
		request.Header.Set(name, value)
	}
	request.Header.Set("User-Agent", "magewright-console")
	sum := sha256.Sum256(s.Body)
	digest := hex.EncodeToString(sum[:])
	request.Header.Set("X-Amz-Content-Sha256", digest)
	if err := v4.NewSigner().SignHTTP(r.Context(), c.server.Credentials(), request, digest, s.Service, c.server.Region, c.pace.Now()); err != nil {
		return err
	}
	response, err := sender.Do(request)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, mostAnswered))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	answer(w, http.StatusOK, Replayed{response.StatusCode, readable(body)})
	return nil
}

// readable returns a text, or says that it is not a text.
func readable(body []byte) string {
	if utf8.Valid(body) {
		return string(body)
	}
	return fmt.Sprintf("(%d bytes that are not text)", len(body))
}
