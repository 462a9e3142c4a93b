package apigatewayv2

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/magewright/magewright/tools/localaws/executeapi"
)

// defaultKey is the key of the route for requests that no other route matches, and
// the name of the stage without a path.
const defaultKey = "$default"

// A routeKey selects requests by method and path.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html.
type routeKey struct {
	text   string
	method string // or ANY; the default route has the key's text
	path   executeapi.Path
}

func parseKey(text string) (routeKey, error) {
	if text == defaultKey {
		return routeKey{text: text, method: text, path: executeapi.Path{Text: text}}, nil
	}
	method, path, ok := strings.Cut(text, " ")
	if !ok || !slices.Contains(executeapi.Methods, method) || !strings.HasPrefix(path, "/") {
		return routeKey{}, invalid("The provided route key is not formatted properly for HTTP protocol. Format should be \"<HTTP METHOD> /<RESOURCE PATH>\" or \"$default\": %s", text)
	}
	parsed, err := executeapi.ParsePath(path)
	if err != nil {
		return routeKey{}, invalid("Invalid route key %s: %s", text, err.Error())
	}
	return routeKey{text: text, method: method, path: parsed}, nil
}

// same reports whether two keys select the same requests.
func (k routeKey) same(other routeKey) bool {
	return k.method == other.method && k.path.Same(other.path)
}

// match returns the variables of a path, which is in segments without escapes.
func (k routeKey) match(method string, path []string) (map[string]string, bool) {
	if k.text == defaultKey {
		return nil, true
	}
	if k.method != "ANY" && k.method != method {
		return nil, false
	}
	return k.path.Match(path)
}

// compare orders keys, the most specific first: by their paths, a method before ANY,
// and the default last.
func (k routeKey) compare(other routeKey) int {
	if c := cmp.Compare(k.last(), other.last()); c != 0 {
		return c
	}
	if c := k.path.Compare(other.path); c != 0 {
		return c
	}
	if k.method != other.method && (k.method == "ANY" || other.method == "ANY") {
		if k.method == "ANY" {
			return 1
		}
		return -1
	}
	return cmp.Compare(k.text, other.text)
}

func (k routeKey) last() int {
	if k.text == defaultKey {
		return 1
	}
	return 0
}

// A router is what a stage serves.
type router struct {
	routes []*route // the most specific first
	cors   *types.Cors
}

// A route is a route with what it needs to answer.
type route struct {
	routeKey
	types.Route
	integration *types.Integration // nil if it has none
	authorizer  *authorizer        // nil if it has none
}

// compile returns the API's routes as they are now.
func (a *api) compile() *router {
	rt := &router{cors: a.CorsConfiguration}
	authorizers := map[string]*authorizer{}
	for id, z := range a.authorizers {
		authorizers[id] = newAuthorizer(a, z)
	}
	for _, r := range a.routes {
		key, err := parseKey(*r.RouteKey)
		if err != nil {
			// It was checked when the route was made.
			panic(err)
		}
		rt.routes = append(rt.routes, &route{
			routeKey: key, Route: *r, integration: a.integrations[strings.TrimPrefix(aws.ToString(r.Target), "integrations/")],
			authorizer: authorizers[aws.ToString(r.AuthorizerId)],
		})
	}
	slices.SortFunc(rt.routes, func(a, b *route) int { return a.compare(b.routeKey) })
	return rt
}

// find returns the route for a request, and the variables of its path.
func (rt *router) find(method string, path []string) (*route, map[string]string) {
	for _, r := range rt.routes {
		if variables, ok := r.match(method, path); ok {
			return r, variables
		}
	}
	return nil, nil
}
