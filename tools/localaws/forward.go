package localaws

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/magewright/magewright/tools/localaws/access"
	"github.com/magewright/magewright/tools/localaws/loopback"
	"github.com/magewright/magewright/tools/localaws/wire"
)

// clientOf makes the SDK's client of each service that another endpoint can have, although
// the embedded AWS has it, too. The other services of the embedded AWS, such as
// CloudFormation, call each of these by its client.
var clientOf = map[string]func(aws.Config) any{
	"dynamodb":        func(c aws.Config) any { return dynamodb.NewFromConfig(c) },
	"dynamodbstreams": func(c aws.Config) any { return dynamodbstreams.NewFromConfig(c) },
	"kms":             func(c aws.Config) any { return kms.NewFromConfig(c) },
	"secretsmanager":  func(c aws.Config) any { return secretsmanager.NewFromConfig(c) },
	"sns":             func(c aws.Config) any { return sns.NewFromConfig(c) },
	"sqs":             func(c aws.Config) any { return sqs.NewFromConfig(c) },
	"ssm":             func(c aws.Config) any { return ssm.NewFromConfig(c) },
}

// checkForward refuses a service that the embedded AWS needs itself, and an endpoint on
// another machine: no request of a rehearsal leaves this one.
func checkForward(forward map[string]string, own []wire.Service) error {
	for _, service := range slices.Sorted(maps.Keys(forward)) {
		u, err := url.Parse(forward[service])
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
			return fmt.Errorf("forwarding %s to %q: it has to be a URL, such as http://127.0.0.1:8000", service, forward[service])
		case !loopback.Is(u.Host):
			return fmt.Errorf("forwarding %s to %s: no request may leave this machine; use an address on loopback, such as the end of a tunnel", service, forward[service])
		case slices.ContainsFunc(own, func(s wire.Service) bool { return s.Name == service }) && clientOf[service] == nil:
			return fmt.Errorf("forwarding %s: the embedded AWS needs it itself; what can be forwarded are services that it does not have, and %s",
				service, strings.Join(slices.Sorted(maps.Keys(clientOf)), ", "))
		}
	}
	return nil
}

// forwarded returns the services with those that another endpoint has.
func forwarded(own []wire.Service, forward map[string]string) []wire.Service {
	all := slices.Clone(own)
	for _, service := range slices.Sorted(maps.Keys(forward)) {
		// checkForward has read it.
		u, _ := url.Parse(forward[service])
		proxy := &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(u)
				r.Out.Host = u.Host
			},
			ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
				// A fault of the server would be tried again for minutes.
				refuse(w, fmt.Sprintf("%s is forwarded to %s, which does not answer: %v", service, u, err))
			},
		}
		i := slices.IndexFunc(all, func(s wire.Service) bool { return s.Name == service })
		if i < 0 {
			all = append(all, wire.Service{Name: service, Elsewhere: proxy})
			continue
		}
		all[i].Elsewhere = proxy
	}
	return all
}

// A gatekeeper authorizes what the services of the embedded AWS do to each other, and
// hands it to the endpoints that have a service instead.
type gatekeeper struct {
	*access.Guard

	clients map[string]any // the SDK's, by service
}

func (s *Server) gatekeeper(forward map[string]string) *gatekeeper {
	g := &gatekeeper{s.guard, map[string]any{}}
	for service, endpoint := range forward {
		if client := clientOf[service]; client != nil {
			cfg := s.Client()
			cfg.BaseEndpoint = aws.String(endpoint)
			g.clients[service] = client(cfg)
		}
	}
	return g
}

// guarded calls an operation for another service, if the principal of ctx may call it.
func guarded[I, O any](ctx context.Context, g *gatekeeper, service, operation string, in *I, call func(context.Context, *I) (*O, error)) (*O, error) {
	if err := g.Internal(ctx, service, operation, in); err != nil {
		return nil, err //nolint:wrapcheck // it is AWS's error
	}
	client := g.clients[service]
	if client == nil {
		return call(ctx, in)
	}
	method := reflect.ValueOf(client).MethodByName(operation)
	if !method.IsValid() {
		return nil, errors.New(service + " is forwarded, and has no operation " + operation)
	}
	results := method.Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(in)})
	out, _ := results[0].Interface().(*O)
	err, _ := results[1].Interface().(error)
	return out, err //nolint:wrapcheck // it is the service's error
}
