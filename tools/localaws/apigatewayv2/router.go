package apigatewayv2

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
)

// defaultKey is the key of the route for requests that no other route matches, and
// the name of the stage without a path.
const defaultKey = "$default"

// A routeKey selects requests by method and path.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html.
type routeKey struct {
	text     string
	method   string // or ANY; the default route has the key's text
	path     string
	segments []segment
}

// A segment is a part of a path between slashes. It is a literal, or a variable for
// one segment or, if it is greedy, for all that follow.
type segment struct {
	text     string // or the name of the variable
	variable bool
	greedy   bool
}

var methods = []string{"ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}

var variableName = regexp.MustCompile(`^\{([a-zA-Z0-9._:-]+)(\+?)\}$`)

func parseKey(text string) (routeKey, error) {
	if text == defaultKey {
		return routeKey{text: text, method: text, path: text}, nil
	}
	method, path, ok := strings.Cut(text, " ")
	if !ok || !slices.Contains(methods, method) || !strings.HasPrefix(path, "/") {
		return routeKey{}, invalid("The provided route key is not formatted properly for HTTP protocol. Format should be \"<HTTP METHOD> /<RESOURCE PATH>\" or \"$default\": %s", text)
	}
	key := routeKey{text: text, method: method, path: path}
	parts := strings.Split(path[1:], "/")
	seen := map[string]bool{}
	for i, part := range parts {
		s := segment{text: part}
		if m := variableName.FindStringSubmatch(part); m != nil {
			s = segment{text: m[1], variable: true, greedy: m[2] != ""}
			if seen[s.text] || s.greedy && i < len(parts)-1 {
				return routeKey{}, invalid("Invalid route key %s: a variable has a name of its own, and a greedy one is the last", text)
			}
			seen[s.text] = true
		} else if strings.ContainsAny(part, "{}") {
			return routeKey{}, invalid("Invalid route key %s: a variable is a whole segment of the path", text)
		}
		key.segments = append(key.segments, s)
	}
	return key, nil
}

// same reports whether two keys select the same requests.
func (k routeKey) same(other routeKey) bool {
	return k.method == other.method && slices.EqualFunc(k.segments, other.segments, func(a, b segment) bool {
		return a.variable == b.variable && a.greedy == b.greedy && (a.variable || a.text == b.text)
	})
}

// match returns the variables of a path, which is in segments without escapes.
func (k routeKey) match(method string, path []string) (map[string]string, bool) {
	if k.text == defaultKey {
		return nil, true
	}
	if k.method != "ANY" && k.method != method {
		return nil, false
	}
	var variables map[string]string
	for i, s := range k.segments {
		if i >= len(path) || !s.variable && s.text != path[i] {
			return nil, false
		}
		if !s.variable {
			continue
		}
		value := path[i]
		if s.greedy {
			value = strings.Join(path[i:], "/")
		}
		// A variable does not match nothing.
		if value == "" {
			return nil, false
		}
		if variables == nil {
			variables = map[string]string{}
		}
		variables[s.text] = value
		if s.greedy {
			return variables, true
		}
	}
	return variables, len(path) == len(k.segments)
}

// rank says how early a segment is tried.
func (s segment) rank() int {
	switch {
	case s.greedy:
		return 2
	case s.variable:
		return 1
	default:
		return 0
	}
}

// compare orders keys, the most specific first: full matches before those with a
// greedy variable, literals before variables, a method before ANY, and the default
// last.
func (k routeKey) compare(other routeKey) int {
	if c := cmp.Compare(k.class(), other.class()); c != 0 {
		return c
	}
	for i := range min(len(k.segments), len(other.segments)) {
		if c := cmp.Compare(k.segments[i].rank(), other.segments[i].rank()); c != 0 {
			return c
		}
	}
	if c := cmp.Compare(len(other.segments), len(k.segments)); c != 0 {
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

func (k routeKey) class() int {
	switch {
	case k.text == defaultKey:
		return 2
	case slices.ContainsFunc(k.segments, func(s segment) bool { return s.greedy }):
		return 1
	default:
		return 0
	}
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

// split returns the segments of a path without their escapes.
func split(escaped string) []string {
	parts := strings.Split(strings.TrimPrefix(escaped, "/"), "/")
	for i, part := range parts {
		// url.URL.EscapedPath only returns what can be unescaped.
		if text, err := url.PathUnescape(part); err == nil {
			parts[i] = text
		}
	}
	return parts
}
