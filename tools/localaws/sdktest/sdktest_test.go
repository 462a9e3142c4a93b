package sdktest_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/localaws/sdktest"
)

// A closed body is one of the SDK's that was closed: it ends when it is read, and fails
// when it writes itself.
type closed struct{ io.Reader }

func (closed) Close() error                     { return nil }
func (closed) WriteTo(io.Writer) (int64, error) { return 0, errors.New("the body wrote itself") }

func TestBodiesAreRead(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, closed{strings.NewReader("text")})
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 4
	response, err := sdktest.HTTPClient(nil).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil || string(got) != "text" {
		t.Errorf("%q, %v", got, err)
	}
}
