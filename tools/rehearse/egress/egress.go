// Package egress is the proxy for what the children of a rehearsal request from other
// machines.
package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/magewright/magewright/tools/localaws/isolation"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/rehearse/enclose"
)

// awsDomains are AWS's domains.
var awsDomains = []string{"amazonaws.com", "amazonaws.com.cn", "aws.amazon.com", "api.aws", "on.aws", "aws.dev", "amazonwebservices.com"}

// A Guard is a proxy that lets through modules and packages, but no traffic to AWS: if a
// child bypasses the endpoint, for whatever reason, the proxy refuses the request, and Close
// returns an error. Nor does it let through what is for the network that this machine is in,
// unless the user has named it.
type Guard struct {
	server   *http.Server
	served   chan error
	upstream func(*http.Request) (*url.URL, error) // the user's own proxies
	open     open
	resolve  func(ctx context.Context, network, host string) ([]netip.Addr, error)

	mu      sync.Mutex
	refused []string // AWS hosts that somebody tried to reach
}

// Rehearsals is the preferred address of a rehearsal's proxy. Its value is an input
// of tests that read HTTP_PROXY. With another value, the go command would run those
// tests again in every rehearsal.
const Rehearsals = "127.0.0.1:24566"

// Free is any address that nobody uses.
const Free = "127.0.0.1:0"

// Start starts the proxy and makes it the proxy of this process's children. If somebody uses
// the address, it takes another one. What is in the network, which may be nil, reaches the
// proxy too.
func Start(ctx context.Context, network *enclose.Network, address string) (*Guard, error) {
	open, err := parse(os.Getenv("MAGEWRIGHT_EGRESS"))
	if err != nil {
		return nil, err
	}
	listener, err := isolation.Listen(ctx, network.Isolation(), address)
	if err != nil {
		// Another rehearsal uses the address.
		listener, err = isolation.Listen(ctx, network.Isolation(), Free)
	}
	if err != nil {
		return nil, fmt.Errorf("starting the proxy for outgoing requests: %w", err)
	}
	if network != nil {
		for _, port := range open.ports {
			if err := network.Share(ctx, port); err != nil {
				return nil, errors.Join(err, listener.Close())
			}
		}
	}
	e := &Guard{served: make(chan error, 1), upstream: userProxies(), open: open, resolve: net.DefaultResolver.LookupNetIP}
	e.server = &http.Server{Handler: e, ReadHeaderTimeout: 10 * time.Second}
	go func() { e.served <- e.server.Serve(listener) }()
	proxy := "http://" + listener.Addr().String()
	for name, value := range map[string]string{
		"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "NO_PROXY": "127.0.0.1,localhost,::1", "ALL_PROXY": "",
	} {
		for _, spelling := range []string{name, strings.ToLower(name)} {
			if err := os.Setenv(spelling, value); err != nil {
				return nil, errors.Join(fmt.Errorf("starting the proxy for outgoing requests: %w", err), e.Close())
			}
		}
	}
	return e, nil
}

// userProxies returns the proxies in the environment before we set our own.
func userProxies() func(*http.Request) (*url.URL, error) {
	named := os.Getenv("HTTPS_PROXY")
	if named == "" {
		named = os.Getenv("https_proxy")
	}
	if named == "" {
		return func(*http.Request) (*url.URL, error) { return nil, nil }
	}
	proxy, err := url.Parse(named)
	return func(*http.Request) (*url.URL, error) { return proxy, err }
}

// ServeHTTP tunnels CONNECT and forwards plain HTTP, except to AWS.
func (e *Guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if r.URL.Host != "" {
		host = r.URL.Host
	}
	if ofAWS(host) {
		e.mu.Lock()
		if !slices.Contains(e.refused, host) {
			e.refused = append(e.refused, host)
		}
		e.mu.Unlock()
		http.Error(w, "a rehearsal must not reach AWS, but this request is for "+host, http.StatusForbidden)
		return
	}
	if err := e.check(r, host); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	if r.Method != http.MethodConnect {
		e.forward(w, r)
		return
	}
	err := e.tunnel(w, r, host)
	if private, ok := errors.AsType[*privateError](err); ok {
		http.Error(w, private.Error(), http.StatusForbidden)
	} else if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
}

func ofAWS(host string) bool {
	name := strings.ToLower(strings.TrimSuffix(hostname(host), "."))
	return slices.ContainsFunc(awsDomains, func(domain string) bool {
		return name == domain || strings.HasSuffix(name, "."+domain)
	})
}

func (e *Guard) forward(w http.ResponseWriter, r *http.Request) {
	out := r.Clone(r.Context())
	out.RequestURI = ""
	out.Header.Del("Proxy-Connection")
	response, err := (&http.Transport{Proxy: e.upstream, DialContext: e.connect(r), DisableKeepAlives: true}).RoundTrip(out)
	if private, ok := errors.AsType[*privateError](err); ok {
		http.Error(w, private.Error(), http.StatusForbidden)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = response.Body.Close() }()
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.StatusCode)
	// The client notices where the response breaks off.
	_, _ = io.Copy(w, response.Body)
}

// tunnel connects the client and host until one of them ends.
func (e *Guard) tunnel(w http.ResponseWriter, r *http.Request, host string) error {
	far, err := e.dial(r, host)
	if err != nil {
		return err
	}
	near, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return errors.Join(err, far.Close())
	}
	if _, err := io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return errors.Join(near.Close(), far.Close())
	}
	go func() {
		// Each end notices when the other ends.
		_, _ = io.Copy(far, buffered)
		_ = far.Close()
	}()
	_, _ = io.Copy(near, far)
	_ = near.Close()
	return nil
}

// dial connects to host, through the user's proxy if there is one.
func (e *Guard) dial(r *http.Request, host string) (net.Conn, error) {
	proxy, err := e.upstream(r)
	if err != nil {
		return nil, fmt.Errorf("reading HTTPS_PROXY: %w", err)
	}
	to := host
	if proxy != nil {
		to = proxy.Host
	}
	far, err := e.connect(r)(r.Context(), "tcp", to)
	if proxy == nil || err != nil {
		return far, err
	}
	authorization := ""
	if user := proxy.User; user != nil {
		helper := http.Request{Header: http.Header{}}
		password, _ := user.Password()
		helper.SetBasicAuth(user.Username(), password)
		authorization = "Proxy-Authorization: " + helper.Header.Get("Authorization") + "\r\n"
	}
	if _, err := fmt.Fprintf(far, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", host, host, authorization); err != nil {
		return nil, errors.Join(err, far.Close())
	}
	status := make([]byte, 0, 1024)
	for one := make([]byte, 1); !strings.HasSuffix(string(status), "\r\n\r\n"); {
		if _, err := far.Read(one); err != nil || len(status) == cap(status) {
			return nil, errors.Join(fmt.Errorf("the proxy %s did not answer", proxy.Host), err, far.Close())
		}
		status = append(status, one[0])
	}
	if fields := strings.Fields(string(status)); len(fields) < 2 || fields[1] != "200" {
		return nil, errors.Join(fmt.Errorf("the proxy %s refused %s", proxy.Host, host), far.Close())
	}
	return far, nil
}

// Close stops the proxy. Its error names the AWS hosts that were refused.
func (e *Guard) Close() error {
	err := e.server.Close()
	if served := <-e.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.refused) > 0 {
		err = errors.Join(err, exit.Failed("look in .magewright/rehearsal.log and in the builds' logs for what ignores AWS_ENDPOINT_URL",
			"something tried to reach %s outside this machine, and was refused", strings.Join(e.refused, ", ")))
	}
	return err
}
