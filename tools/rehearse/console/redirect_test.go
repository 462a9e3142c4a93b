package console

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestAttackByARedirect answers a request that is sent again with a redirect to what listens
// on this machine, and that the function itself can't reach.
func TestAttackByARedirect(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer other.Close()
	function := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer function.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, function.URL, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	response, err := sender.Do(request) // #nosec G704 -- of the test
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusTemporaryRedirect || response.Header.Get("Location") != other.URL {
		t.Errorf("the answer is %s", response.Status)
	}
}
