// Package executeapi is the part of the embedded API Gateway that REST APIs and
// HTTP APIs share: the addresses at which APIs are called, the invocation of
// functions, the checks of signatures and authorizers, throttling, access logs and
// metrics.
//
// On AWS, an API has a host name, https://ID.execute-api.REGION.amazonaws.com, and
// its stages are the first segment of the path. Here an API has a port on loopback
// instead, http://127.0.0.1:PORT, below which the paths are the same. The endpoint
// of the embedded AWS also serves the API at the host names
// ID.execute-api.localhost, ID.execute-api.REGION.localhost and the one that it has
// on AWS, for clients that resolve these to this machine.
//
// Templates build an API's address from its id, the region and AWS::URLSuffix.
// Nobody can call that address from this machine, so [Gateway.Addresses] replaces
// it.
package executeapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/isolation"
	"github.com/magewright/magewright/tools/localaws/loopback"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// servicePrincipal is the principal that API Gateway acts as.
const servicePrincipal = "apigateway.amazonaws.com"

// Functions invokes the functions of integrations and authorizers.
type Functions interface {
	Invoke(ctx context.Context, in *awslambda.InvokeInput) (*awslambda.InvokeOutput, error)
	// Permits reports whether the policy of a function lets a service invoke it on
	// behalf of a resource.
	Permits(function, service, source string) bool
}

// Metrics receives the metrics of APIs.
type Metrics interface {
	PutMetricData(ctx context.Context, in *awscloudwatch.PutMetricDataInput) (*awscloudwatch.PutMetricDataOutput, error)
}

// Logs receives access logs and execution logs.
type Logs interface {
	CreateLogGroup(ctx context.Context, in *awslogs.CreateLogGroupInput) (*awslogs.CreateLogGroupOutput, error)
	CreateLogStream(ctx context.Context, in *awslogs.CreateLogStreamInput) (*awslogs.CreateLogStreamOutput, error)
	PutLogEvents(ctx context.Context, in *awslogs.PutLogEventsInput) (*awslogs.PutLogEventsOutput, error)
}

// Deps is what APIs need from the rest of an embedded AWS.
type Deps struct {
	Functions Functions
	Metrics   Metrics
	Logs      Logs
	// Wall is the clock for the limits on integrations and for latencies, which are
	// real. Nil means the system's clock.
	Wall clock.Clock
}

// A Gateway serves APIs. Create it with New.
type Gateway struct {
	Account account.Account
	Wall    clock.Clock

	deps       Deps
	life       context.Context // ends with Close
	end        context.CancelFunc
	background sync.WaitGroup
	wake       chan struct{}
	meter      meter
	access     access
	address    *regexp.Regexp

	mu     sync.RWMutex
	apis   map[string]*Endpoint
	closed bool
}

// New returns a gateway without APIs.
func New(a account.Account, d Deps) *Gateway {
	if d.Wall == nil {
		d.Wall = clock.System()
	}
	g := &Gateway{
		Account: a, Wall: d.Wall, deps: d, wake: make(chan struct{}, 1), apis: map[string]*Endpoint{},
		address: regexp.MustCompile(`https://([a-z0-9]+)\.execute-api\.` + regexp.QuoteMeta(a.Region) + `\.amazonaws\.com`),
	}
	g.life, g.end = context.WithCancel(principal.Service(context.Background(), servicePrincipal, a.ID))
	g.background.Go(g.flushOften)
	return g
}

// Close closes the ports of all APIs, which cuts off the requests in progress. It sends
// the metrics and log lines that are left.
func (g *Gateway) Close() error {
	g.mu.Lock()
	closed := g.closed
	g.closed = true
	apis := g.apis
	g.apis = map[string]*Endpoint{}
	g.mu.Unlock()
	if closed {
		return nil
	}
	var errs []error
	for _, e := range apis {
		errs = append(errs, e.server.Close())
	}
	g.end()
	g.background.Wait()
	g.Flush(context.WithoutCancel(g.life))
	return errors.Join(errs...)
}

// An Endpoint is where an API is called.
type Endpoint struct {
	ID  string // as in ID.execute-api.REGION.amazonaws.com
	URL string // without a slash at the end, for example http://127.0.0.1:40001

	gateway *Gateway
	handler http.Handler
	server  *http.Server
}

// Open serves an API with a new id at a port of its own.
func (g *Gateway) Open(handler func(id string) http.Handler) (*Endpoint, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, errors.New("opening an API: the embedded AWS is stopping")
	}
	l, err := isolation.Listen(context.Background(), g.Account.Isolation, "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening an API: %w", err)
	}
	e := &Endpoint{ID: NewID(), URL: "http://" + l.Addr().String(), gateway: g}
	e.handler = g.guard(handler(e.ID))
	e.server = &http.Server{Handler: e.handler, ReadHeaderTimeout: time.Minute}
	g.apis[e.ID] = e
	g.background.Go(func() {
		if err := e.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			g.Account.Log.Warn("serving an API", "api", e.ID, "error", err)
		}
	})
	return e, nil
}

// Close closes the API's port at once. Requests in progress are still answered.
func (e *Endpoint) Close() error {
	e.gateway.mu.Lock()
	delete(e.gateway.apis, e.ID)
	e.gateway.mu.Unlock()
	ended, end := context.WithCancel(context.Background())
	// Otherwise Shutdown would wait for them.
	end()
	if err := e.server.Shutdown(ended); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// NewID returns a new id of an API or of a part of one.
func NewID() string { return strings.ToLower(rand.Text())[:10] }

// hostName matches the host names of APIs.
var hostName = regexp.MustCompile(`^([a-z0-9]+)\.execute-api\.(?:localhost|[a-z0-9-]+\.localhost|[a-z0-9-]+\.amazonaws\.com)(?::\d+)?$`)

// guard refuses requests to a name that a web page has made for this machine. It
// answers pages of any origin: an API is meant for browsers, and its CORS settings
// decide what they may read.
func (g *Gateway) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopback.Is(r.Host) && !hostName.MatchString(r.Host) {
			Say(w, http.StatusForbidden, "The embedded AWS does not answer for the host "+r.Host+".")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Hosts returns a handler that serves the APIs at their host names, and leaves
// other requests to next.
func (g *Gateway) Hosts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := hostName.FindStringSubmatch(r.Host)
		if m == nil {
			next.ServeHTTP(w, r)
			return
		}
		g.mu.RLock()
		e := g.apis[m[1]]
		g.mu.RUnlock()
		if e == nil {
			Say(w, http.StatusForbidden, "Forbidden")
			return
		}
		e.handler.ServeHTTP(w, r)
	})
}

// Addresses replaces the addresses that APIs of this gateway would have on AWS by
// those at which they can be called here. Other text stays the same.
func (g *Gateway) Addresses(text string) string {
	if !strings.Contains(text, ".execute-api.") {
		return text
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.address.ReplaceAllStringFunc(text, func(found string) string {
		if e := g.apis[g.address.FindStringSubmatch(found)[1]]; e != nil {
			return e.URL
		}
		return found
	})
}

// Say answers on behalf of API Gateway itself.
func Say(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// An error means that the client has gone away.
	_, _ = w.Write([]byte(`{"message":` + Quote(message) + `}`)) // #nosec G705 -- what the function or the integration answers, as API Gateway hands it on
}
