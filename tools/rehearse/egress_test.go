package rehearse

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
)

// throughProxy returns a client that uses the proxy in the environment.
func throughProxy(t *testing.T) *http.Client {
	t.Helper()
	proxy, err := url.Parse(os.Getenv("HTTPS_PROXY"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(nil)
	t.Cleanup(server.Close)
	// The client trusts test servers.
	transport := server.Client().Transport.(*http.Transport).Clone()
	transport.Proxy = http.ProxyURL(proxy)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// keepProxies restores the proxies in the environment after the test.
func keepProxies(t *testing.T) {
	t.Helper()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"} {
		t.Setenv(name, "")
	}
}

func TestEgressLetsPackagesThrough(t *testing.T) {
	keepProxies(t)
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "a package") })
	secure, plain := httptest.NewTLSServer(hello), httptest.NewServer(hello)
	t.Cleanup(secure.Close)
	t.Cleanup(plain.Close)
	e, err := newEgress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := throughProxy(t)
	for _, url := range []string{secure.URL, plain.URL} {
		response, err := client.Get(url)
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || string(body) != "a package" {
			t.Errorf("%s gave %q, %v", url, body, err)
		}
	}
	client.CloseIdleConnections()
	if err := e.close(); err != nil {
		t.Error(err)
	}
}

func TestEgressRefusesAWS(t *testing.T) {
	keepProxies(t)
	e, err := newEgress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := throughProxy(t)
	response, err := client.Get("https://sts.amazonaws.com/")
	if err == nil {
		_ = response.Body.Close()
		t.Error("a request to AWS was let through")
	}
	response, err = client.Get("http://s3.eu-central-1.amazonaws.com/bucket")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("a plain request to AWS answers %d", response.StatusCode)
	}
	if err := e.close(); err == nil || !strings.Contains(err.Error(), "sts.amazonaws.com:443, s3.eu-central-1.amazonaws.com") {
		t.Errorf("the rehearsal does not fail for it: %v", err)
	}
}

// TestAttackByMetadata asks for the credentials that a cloud gives its machines, by the
// address and by a name of it.
func TestAttackByMetadata(t *testing.T) {
	keepProxies(t)
	e, err := newEgress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := throughProxy(t)
	for _, url := range []string{"http://169.254.169.254/latest/meta-data/", "http://169.254.170.2/v2/credentials", "http://[fe80::1]/", "http://[fd00:ec2::254]/"} {
		response, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusForbidden {
			t.Errorf("%s answers %d", url, response.StatusCode)
		}
		if response, err = client.Get(strings.Replace(url, "http:", "https:", 1)); err == nil {
			_ = response.Body.Close()
			t.Errorf("a tunnel to %s was made", url)
		}
	}
	// As if a name led there.
	for _, address := range []string{"169.254.169.254:80", "[::ffff:169.254.169.254]:80", "[fe80::1%lo]:80"} {
		if conn, err := dialer().DialContext(t.Context(), "tcp", address); err == nil || !strings.Contains(err.Error(), "is a link-local address") {
			t.Errorf("%s is dialled: %v, %v", address, conn, err)
		}
	}
	if err := e.close(); err != nil {
		t.Errorf("what nobody has reached fails the rehearsal: %v", err)
	}
}

func TestOfAWS(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"lambda.us-east-1.amazonaws.com:443": true,
		"S3.AMAZONAWS.COM.":                  true,
		"abc.lambda-url.us-east-1.on.aws":    true,
		"notamazonaws.com:443":               false,
		"example.com":                        false,
	} {
		if got := ofAWS(host); got != want {
			t.Errorf("ofAWS(%s) = %v", host, got)
		}
	}
}
