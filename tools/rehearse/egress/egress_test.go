package egress

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"slices"
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

// keepProxies restores the proxies in the environment after the test, and opens addresses.
func keepProxies(t *testing.T, open string) {
	t.Helper()
	t.Setenv("MAGEWRIGHT_EGRESS", open)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"} {
		t.Setenv(name, "")
	}
}

func TestEgressLetsPackagesThrough(t *testing.T) {
	keepProxies(t, "127.0.0.1")
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "a package") })
	secure, plain := httptest.NewTLSServer(hello), httptest.NewServer(hello)
	t.Cleanup(secure.Close)
	t.Cleanup(plain.Close)
	e, err := Start(t.Context(), nil, Free)
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
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

func TestEgressRefusesAWS(t *testing.T) {
	keepProxies(t, "")
	e, err := Start(t.Context(), nil, Free)
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
	if err := e.Close(); err == nil || !strings.Contains(err.Error(), "sts.amazonaws.com:443, s3.eu-central-1.amazonaws.com") {
		t.Errorf("the rehearsal does not fail for it: %v", err)
	}
}

// TestAttackByMetadata asks for the credentials that a cloud gives its machines, by the
// address and by a name of it.
func TestAttackByMetadata(t *testing.T) {
	keepProxies(t, "")
	e, err := Start(t.Context(), nil, Free)
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
	if err := e.Close(); err != nil {
		t.Errorf("what nobody has reached fails the rehearsal: %v", err)
	}
}

// TestAttackByThePrivateNetwork reaches for what is in the network of whoever rehearses, or
// listens on their machine: by addresses in every spelling, by names, and through the user's
// own proxy, which resolves names itself.
func TestAttackByThePrivateNetwork(t *testing.T) {
	reached := 0
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	t.Cleanup(inside.Close)
	port := inside.URL[strings.LastIndex(inside.URL, ":"):]
	keepProxies(t, "")
	e, err := Start(t.Context(), nil, Free)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(client *http.Client, host, why string) {
		t.Helper()
		response, err := client.Get("http://" + host)
		if err != nil {
			t.Errorf("%s: %v", host, err)
			return
		}
		text, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusForbidden || !strings.Contains(string(text), why) {
			t.Errorf("%s answers %d: %s", host, response.StatusCode, text)
		}
		if response, err = client.Get("https://" + host); err == nil {
			_ = response.Body.Close()
			t.Errorf("a tunnel to %s was made", host)
		} else if !strings.Contains(err.Error(), "Forbidden") {
			t.Errorf("the tunnel to %s: %v", host, err)
		}
	}
	client := throughProxy(t)
	const why = "a rehearsal reaches no private address"
	for _, host := range []string{
		"127.0.0.1" + port, "[::1]" + port, "[::ffff:127.0.0.1]" + port, "0.0.0.0" + port, "[::]" + port, "localhost" + port,
		"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "[::ffff:10.0.0.1]", "[fd12:3456::1]", "[64:ff9b::a00:1]", "[2002:a00:1::]",
		"100.100.100.200", "192.0.0.192", "224.0.0.1", "255.255.255.255",
	} {
		refused(client, host, why)
	}
	e.open = open{all: true}
	refused(client, "169.254.169.254", "no link-local address")
	client.CloseIdleConnections()
	if err := e.Close(); err != nil {
		t.Errorf("what nobody has reached fails the rehearsal: %v", err)
	}
	// The user's proxy would ask for anything.
	users := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	t.Cleanup(users.Close)
	t.Setenv("HTTPS_PROXY", users.URL)
	if e, err = Start(t.Context(), nil, Free); err != nil {
		t.Fatal(err)
	}
	e.resolve = func(context.Context, string, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("93.184.215.14"), netip.MustParseAddr("10.0.0.1")}, nil
	}
	client = throughProxy(t)
	for _, host := range []string{"10.0.0.1", "intranet.example", "127.0.0.1" + port} {
		refused(client, host, why)
	}
	client.CloseIdleConnections()
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if reached != 0 {
		t.Errorf("something inside was reached %d times", reached)
	}
}

// What the user opens can be reached, and nothing else.
func TestOpened(t *testing.T) {
	t.Parallel()
	o, err := parse("npm.corp.example, 10.1.0.0/16,192.168.1.5 ,FD12::1")
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{
		"npm.corp.example 10.9.9.9": true, "a.npm.corp.example:443 10.9.9.9": true, "corp.example 10.9.9.9": false, "evilnpm.corp.example 10.9.9.9": false,
		"x 10.1.2.3": true, "x 10.2.0.1": false, "x 192.168.1.5": true, "x ::ffff:192.168.1.5": true, "x 192.168.1.6": false, "x fd12::1": true, "x 127.0.0.1": false,
		"x 93.184.215.14": true, "x 2606:4700::1111": true,
	} {
		name, address, _ := strings.Cut(host, " ")
		if err := o.allowed(name, netip.MustParseAddr(address)); (err == nil) != want {
			t.Errorf("%s: %v", host, err)
		}
	}
	all, err := parse("private")
	if err != nil || all.allowed("x", netip.MustParseAddr("10.0.0.1")) != nil || all.allowed("x", netip.MustParseAddr("169.254.169.254")) == nil {
		t.Errorf("private opens the wrong addresses: %v", err)
	}
	if ports, err := parse("localhost:5432,npm.example,127.0.0.1:6379"); err != nil || !slices.Equal(ports.ports, []string{"5432", "6379"}) || ports.allowed("localhost", netip.MustParseAddr("127.0.0.1")) == nil {
		t.Errorf("ports of this machine are %v, %v", ports, err)
	}
	for _, wrong := range []string{"http://npm.example", "npm.example:8080", "localhost:0", "localhost:70000", "localhost:", "10.0.0.0/99", "*.example"} {
		if _, err := parse(wrong); err == nil {
			t.Errorf("%s is accepted", wrong)
		}
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
