package apigateway

import (
	"maps"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"

	"github.com/magewright/magewright/tools/localaws/apigateway/mapping"
	"github.com/magewright/magewright/tools/localaws/apigateway/schema"
	"github.com/magewright/magewright/tools/localaws/executeapi"
)

// A router is what a stage serves.
type router struct {
	resources   []*served // the most specific first
	models      map[string]*schema.Schema
	responses   map[string]*types.GatewayResponse
	authorizers map[string]*authorizer
	binary      []string // media types
}

// A served is a resource with its methods.
type served struct {
	id      string
	path    executeapi.Path
	methods map[string]*method
}

// A method is a method with what it needs to answer.
type method struct {
	types.Method
	validator  *types.RequestValidator // nil if it has none
	authorizer *authorizer             // nil if it has none
	templates  map[string]*mapping.Template
	responses  []response
}

// A response is a response of an integration.
type response struct {
	types.IntegrationResponse
	pattern   *regexp.Regexp // nil for the default response
	templates map[string]*mapping.Template
}

// compile returns the API as it is now.
func (a *api) compile() (*router, error) {
	rt := &router{
		models: map[string]*schema.Schema{}, authorizers: map[string]*authorizer{}, responses: maps.Clone(a.responses), binary: a.BinaryMediaTypes,
	}
	for name, m := range a.models {
		parsed, err := schema.Parse(aws.ToString(m.Schema))
		if err != nil {
			return nil, invalid("The model %s is not supported: %s", name, err.Error())
		}
		rt.models[name] = parsed
	}
	for id, z := range a.authorizers {
		made, err := newAuthorizer(z)
		if err != nil {
			return nil, err
		}
		rt.authorizers[id] = made
	}
	for _, r := range a.resources {
		path, err := executeapi.ParsePath(*r.Path)
		if err != nil {
			return nil, invalid("Invalid resource path %s: %s", *r.Path, err.Error())
		}
		out := &served{id: *r.Id, path: path, methods: map[string]*method{}}
		for name, m := range r.methods {
			if out.methods[name], err = a.compileMethod(rt, m); err != nil {
				return nil, err
			}
		}
		rt.resources = append(rt.resources, out)
	}
	slices.SortFunc(rt.resources, func(a, b *served) int { return a.path.Compare(b.path) })
	return rt, nil
}

func (a *api) compileMethod(rt *router, m *types.Method) (*method, error) {
	out := &method{Method: *m, validator: a.validators[aws.ToString(m.RequestValidatorId)], authorizer: rt.authorizers[aws.ToString(m.AuthorizerId)]}
	var err error
	i := m.MethodIntegration
	if out.templates, err = parseTemplates(requestTemplates(i)); err != nil {
		return nil, err
	}
	for _, code := range slices.Sorted(maps.Keys(i.IntegrationResponses)) {
		r := response{IntegrationResponse: i.IntegrationResponses[code]}
		if r.templates, err = parseTemplates(r.ResponseTemplates); err != nil {
			return nil, err
		}
		if text := aws.ToString(r.SelectionPattern); text != "" {
			// The whole text must match.
			if r.pattern, err = regexp.Compile(`(?s)\A(?:` + text + `)\z`); err != nil {
				return nil, invalid("Invalid selection pattern specified: %s", text)
			}
		}
		out.responses = append(out.responses, r)
	}
	return out, nil
}

func parseTemplates(texts map[string]string) (map[string]*mapping.Template, error) {
	templates := map[string]*mapping.Template{}
	for contentType, text := range texts {
		t, err := mapping.Parse(text)
		if err != nil {
			return nil, invalid("The mapping template for %s is not supported by the embedded AWS: %s", contentType, err.Error())
		}
		templates[contentType] = t
	}
	return templates, nil
}

// find returns the method for a request, its resource, and the variables of its path.
func (rt *router) find(name string, path []string) (*served, *method, map[string]string) {
	for _, r := range rt.resources {
		m := r.methods[name]
		if m == nil {
			m = r.methods["ANY"]
		}
		if m == nil {
			continue
		}
		if variables, ok := r.path.Match(path); ok {
			return r, m, variables
		}
	}
	return nil, nil, nil
}

// choose returns the response for a text: a status code or an error message. The
// response without a pattern is for all that no other is for.
func (m *method) choose(text string) *response {
	var otherwise *response
	for i := range m.responses {
		switch r := &m.responses[i]; {
		case r.pattern == nil:
			otherwise = r
		case text != "" && r.pattern.MatchString(text):
			return r
		}
	}
	return otherwise
}
