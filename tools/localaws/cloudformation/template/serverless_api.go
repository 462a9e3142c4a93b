package template

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The APIs that functions get without naming one.
const (
	implicitREST = "ServerlessRestApi"
	implicitHTTP = "ServerlessHttpApi"
)

// An apiDescription is what one API of the template is made of.
type apiDescription struct {
	rest   bool
	from   map[string]any // the resource of the template
	body   map[string]any // the OpenAPI document
	auth   map[string]any
	cors   any
	stage  string                    // the logical id of the stage
	routes map[string]map[string]any // of events, by "METHOD /path"
}

// apiEvent adds a function to an API.
func (s *serverless) apiEvent(e source, p map[string]any) {
	property, id := "RestApiId", implicitREST
	if e.typ == "HttpApi" {
		property, id = "ApiId", implicitHTTP
	}
	if reference, ok := p[property].(map[string]any); ok {
		named, _ := reference["Ref"].(string)
		target, _ := s.given[named].(map[string]any)
		if target["Type"] != serverlessType+e.typ {
			s.invalid(e.id, "%s of the event %s must be the Ref of an %s%s in the same template", property, e.name, serverlessType, e.typ)
			clear(p)
			return
		}
		id = named
	} else if p[property] != nil {
		s.invalid(e.id, "%s of the event %s must be the Ref of an API in the same template", property, e.name)
	}
	delete(p, property)
	method, _ := p["Method"].(string)
	path, _ := p["Path"].(string)
	delete(p, "Method")
	delete(p, "Path")
	method = strings.ToUpper(method)
	if e.typ == "HttpApi" && path == "" {
		method, path = "ANY", "$default"
	}
	if method == "*" || method == "X-AMAZON-APIGATEWAY-ANY-METHOD" || method == "" {
		method = "ANY"
	}
	if path == "" {
		s.invalid(e.id, "Event with id [%s] is invalid. Event is missing property 'Path'", e.name)
	}
	route := map[string]any{"method": method, "path": path, "arn": e.arn, "condition": e.from["Condition"], "function": e.id, "event": e.name}
	take(p, route, "TimeoutInMillis", "Auth")
	route["Auth"] = s.resolved(route["Auth"])
	if e.typ == "HttpApi" {
		take(p, route, "PayloadFormatVersion", "RouteSettings")
	} else {
		take(p, route, "RequestModel", "RequestParameters")
	}
	s.api(id).routes[method+" "+path] = route
	asked := "/" + strings.TrimPrefix(pathParameter.ReplaceAllString(path, "*"), "/")
	if path == "$default" {
		asked = "/*"
	}
	text, permission := "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${api}/*/"+strings.Replace(method, "ANY", "*", 1)+asked, e.resource()+"Permission"
	switch {
	case e.typ != "HttpApi":
		permission += s.stage(id)
	case path == "$default":
		text = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${api}/*" + asked
	}
	route["permission"] = permission
	s.make(permission, "AWS::Lambda::Permission", e.from, map[string]any{
		"Action": "lambda:InvokeFunction", "FunctionName": e.target, "Principal": "apigateway.amazonaws.com",
		"SourceArn": sub1(text, map[string]any{"api": ref1(id)}),
	}, false)
}

var pathParameter = regexp.MustCompile(`\{[^}]*\}`)

// stage returns the name of a REST API's stage as part of a logical id.
func (s *serverless) stage(api string) string {
	if api == implicitREST {
		return "Prod"
	}
	r, _ := s.given[api].(map[string]any)
	properties, _ := merged(s.globals["Api"], r["Properties"]).(map[string]any)
	name, ok := properties["StageName"].(string)
	if !ok {
		return "Stage"
	}
	return noAlphanumeric.ReplaceAllString(name, "")
}

// api returns the description of an API, which it makes if the template does not have it,
// or has not made it yet.
func (s *serverless) api(id string) *apiDescription {
	if d := s.apis[id]; d != nil {
		return d
	}
	r, _ := s.given[id].(map[string]any)
	own, _ := r["Properties"].(map[string]any)
	if id == implicitREST || r["Type"] == serverlessType+"Api" {
		if r == nil {
			own = map[string]any{"StageName": "Prod"}
		}
		properties, _ := merged(s.globals["Api"], orEmpty(own)).(map[string]any)
		s.restAPI(id, r, maps.Clone(properties))
	} else {
		properties, _ := merged(s.globals["HttpApi"], orEmpty(own)).(map[string]any)
		s.httpAPI(id, r, maps.Clone(properties))
	}
	return s.apis[id]
}

// document returns the OpenAPI document of an API: the one in the template, or one that
// only events fill.
func (s *serverless) document(p map[string]any, empty map[string]any) map[string]any {
	body, ok := p["DefinitionBody"].(map[string]any)
	if _, _, call := function(body); ok && !call {
		delete(p, "DefinitionBody")
		body = maps.Clone(body)
		if title, ok := p["Name"]; ok {
			info, _ := body["info"].(map[string]any)
			info = orEmpty(maps.Clone(info))
			info["title"] = title
			body["info"] = info
		}
		return body
	}
	title := p["Name"]
	if title == nil {
		title = ref1("AWS::StackName")
	}
	empty["info"], empty["paths"] = map[string]any{"version": "1.0", "title": title}, map[string]any{}
	return empty
}

func (s *serverless) restAPI(id string, r, p map[string]any) {
	api := map[string]any{}
	empty := map[string]any{"swagger": "2.0"}
	if version, ok := p["OpenApiVersion"].(string); ok && strings.HasPrefix(version, "3") {
		empty = map[string]any{"openapi": version}
	}
	d := &apiDescription{rest: true, from: r, body: s.document(p, empty), cors: s.resolved(p["Cors"]), routes: map[string]map[string]any{}}
	s.apis[id] = d
	d.auth, _ = s.resolved(p["Auth"]).(map[string]any)
	take(p, api, "Name", "Description", "BinaryMediaTypes", "DisableExecuteApiEndpoint", "MinimumCompressionSize", "ApiKeySourceType", "FailOnWarnings", "Mode")
	switch endpoint := p["EndpointConfiguration"].(type) {
	case string:
		api["EndpointConfiguration"] = map[string]any{"Types": []any{endpoint}}
	case map[string]any:
		api["EndpointConfiguration"] = map[string]any{"Types": []any{endpoint["Type"]}}
	}
	if p["Tags"] != nil {
		api["Tags"] = tags(p)[1:]
	}
	api["Body"] = d.body
	s.make(id, "AWS::ApiGateway::RestApi", r, api, true)
	if p["StageName"] == nil {
		s.invalid(id, "Missing required property 'StageName'")
	}
	stage := map[string]any{"RestApiId": ref1(id)}
	take(p, stage, "StageName", "Variables", "TracingEnabled", "MethodSettings", "AccessLogSetting", "CacheClusterEnabled", "CacheClusterSize", "CanarySetting")
	d.stage = id + s.stage(id) + "Stage"
	s.make(d.stage, "AWS::ApiGateway::Stage", r, stage, false)
	s.aliases[id+".Stage"] = d.stage
	s.gatewayResponses(d, p)
	if models, ok := p["Models"].(map[string]any); ok {
		for _, name := range sortedKeys(models) {
			d.component("definitions", "schemas")[strings.ToLower(name)] = models[name]
		}
	}
	s.restDomain(id, d, p)
	// SAM itself has the first two; they only change the document that it writes.
	for _, done := range []string{"OpenApiVersion", "AlwaysDeploy", "Auth", "Cors", "EndpointConfiguration", "GatewayResponses", "Models"} {
		delete(p, done)
	}
	s.left(id, serverlessType+"Api", p)
}

// component returns the objects of one kind in the document, which OpenAPI 3 has
// elsewhere than version 2.
func (d *apiDescription) component(old, new string) map[string]any {
	in, name := d.body, old
	if d.body["openapi"] != nil {
		components, _ := d.body["components"].(map[string]any)
		in, name = orEmpty(maps.Clone(components)), new
		d.body["components"] = in
	}
	all, _ := in[name].(map[string]any)
	all = orEmpty(maps.Clone(all))
	in[name] = all
	return all
}

// gatewayResponses adds the answers that API Gateway gives itself.
func (s *serverless) gatewayResponses(d *apiDescription, p map[string]any) {
	given, _ := p["GatewayResponses"].(map[string]any)
	if len(given) == 0 {
		return
	}
	all := map[string]any{}
	for _, kind := range sortedKeys(given) {
		from, _ := given[kind].(map[string]any)
		response := map[string]any{}
		for to, name := range map[string]string{"statusCode": "StatusCode", "responseTemplates": "ResponseTemplates"} {
			if v, ok := from[name]; ok {
				response[to] = v
			}
		}
		parameters := map[string]any{}
		places, _ := from["ResponseParameters"].(map[string]any)
		for place, name := range map[string]string{"header": "Headers", "path": "Paths", "querystring": "QueryStrings"} {
			values, _ := places[name].(map[string]any)
			for key, v := range values {
				parameters["gatewayresponse."+place+"."+key] = v
			}
		}
		if len(parameters) > 0 {
			response["responseParameters"] = parameters
		}
		all[kind] = response
	}
	d.body["x-amazon-apigateway-gateway-responses"] = all
}

func (s *serverless) httpAPI(id string, r, p map[string]any) {
	d := &apiDescription{from: r, body: s.document(p, map[string]any{"openapi": "3.0.1"}), routes: map[string]map[string]any{}}
	s.apis[id] = d
	d.auth, _ = s.resolved(p["Auth"]).(map[string]any)
	api := map[string]any{"Body": d.body}
	take(p, api, "Name", "Description", "DisableExecuteApiEndpoint", "FailOnWarnings")
	switch cors := s.resolved(p["CorsConfiguration"]).(type) {
	case bool:
		if cors {
			d.body["x-amazon-apigateway-cors"] = map[string]any{"allowOrigins": []any{"*"}}
		}
	case map[string]any:
		document := map[string]any{}
		for name, v := range cors {
			document[strings.ToLower(name[:1])+name[1:]] = v
		}
		d.body["x-amazon-apigateway-cors"] = document
	}
	own, _ := p["Tags"].(map[string]any)
	if own != nil {
		api["Tags"] = own
	}
	s.make(id, "AWS::ApiGatewayV2::Api", r, api, true)
	stage := map[string]any{"ApiId": ref1(id), "StageName": "$default", "AutoDeploy": true}
	d.stage = id + "ApiGatewayDefaultStage"
	if name, ok := p["StageName"]; ok {
		stage["StageName"] = name
		if text, _ := name.(string); text != "$default" {
			d.stage = id + noAlphanumeric.ReplaceAllString(text, "") + "Stage"
		}
	}
	take(p, stage, "AccessLogSettings", "DefaultRouteSettings", "RouteSettings", "StageVariables")
	s.make(d.stage, "AWS::ApiGatewayV2::Stage", r, stage, false)
	s.aliases[id+".Stage"] = d.stage
	s.httpDomain(id, d, p)
	for _, done := range []string{"Auth", "CorsConfiguration", "PropagateTags", "StageName", "Tags"} {
		delete(p, done)
	}
	s.left(id, serverlessType+"HttpApi", p)
}

// anyMethod stands for all methods in a document.
const anyMethod = "x-amazon-apigateway-any-method"

// describe completes the document of an API with what events say.
func (s *serverless) describe(id string) {
	d := s.apis[id]
	given, _ := d.body["paths"].(map[string]any)
	paths, conditions := orEmpty(maps.Clone(given)), map[string]map[string]any{}
	for _, path := range sortedKeys(paths) {
		if item, ok := paths[path].(map[string]any); ok {
			paths[path] = maps.Clone(item)
		}
	}
	s.schemes(id, d)
	for _, key := range sortedKeys(d.routes) {
		route := d.routes[key]
		path, method := route["path"].(string), strings.ToLower(route["method"].(string))
		if method == "any" {
			method = anyMethod
		}
		if path == "$default" {
			path = "/$default"
		}
		item, _ := paths[path].(map[string]any)
		item = orEmpty(item)
		operation, _ := item[method].(map[string]any)
		operation = orEmpty(maps.Clone(operation))
		if operation["x-amazon-apigateway-integration"] == nil {
			operation["x-amazon-apigateway-integration"] = d.integration(route)
		}
		s.secure(d, route, operation)
		s.requestOf(d, route, operation)
		item[method], paths[path] = operation, item
		if c, ok := route["condition"].(string); ok {
			if conditions[path] == nil {
				conditions[path] = map[string]any{}
			}
			conditions[path][method] = c
		}
		if settings, ok := route["RouteSettings"]; ok {
			stage, _ := s.made[d.stage].(map[string]any)["Properties"].(map[string]any)
			all, _ := stage["RouteSettings"].(map[string]any)
			all = orEmpty(maps.Clone(all))
			all[key], stage["RouteSettings"] = settings, all
		}
	}
	for _, path := range sortedKeys(paths) {
		item, ok := paths[path].(map[string]any)
		if _, _, call := function(item); !ok || call {
			continue
		}
		if d.rest && d.cors != nil && item["options"] == nil {
			item["options"] = s.preflight(d, item)
		}
		for method, v := range item {
			if operation, ok := v.(map[string]any); ok && (slices.Contains(apiMethods, method) || method == anyMethod) {
				s.secureByDefault(d, method, operation)
			}
		}
		s.conditional(paths, path, conditions[path])
	}
	d.body["paths"] = paths
	if !d.rest {
		s.permittedByDefault(d)
		return
	}
	if len(paths) == 0 {
		s.invalid(id, "The REST API doesn't contain any methods: it needs a DefinitionBody or events of functions")
	}
	s.conditionally(id, d)
	s.deploy(id, d)
	s.usagePlan(id, d)
}

// permittedByDefault leaves out the permissions of a function that has the default route:
// that one permits everything.
func (s *serverless) permittedByDefault(d *apiDescription) {
	all := map[any]bool{}
	for _, route := range d.routes {
		all[route["function"]] = all[route["function"]] || route["path"] == "$default"
	}
	for _, route := range d.routes {
		if all[route["function"]] && route["path"] != "$default" {
			delete(s.made, route["permission"].(string))
		}
	}
}

// apiMethods are the methods of a path, in a document.
var apiMethods = []string{"delete", "get", "head", "options", "patch", "post", "put"}

// integration is the integration of a route with its function.
func (d *apiDescription) integration(route map[string]any) map[string]any {
	uri := sub1("arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${function}/invocations", map[string]any{"function": route["arn"]})
	integration := map[string]any{"type": "aws_proxy", "httpMethod": "POST", "uri": uri}
	if timeout, ok := route["TimeoutInMillis"]; ok {
		integration["timeoutInMillis"] = timeout
	}
	if !d.rest {
		integration["payloadFormatVersion"] = "2.0"
		if version, ok := route["PayloadFormatVersion"]; ok {
			integration["payloadFormatVersion"] = version
		}
	}
	return integration
}

// conditional makes the methods of a path depend on the conditions of their functions.
func (s *serverless) conditional(paths map[string]any, path string, conditions map[string]any) {
	item, _ := paths[path].(map[string]any)
	names := map[string]bool{}
	unconditional := false
	for method := range item {
		name, ok := conditions[method].(string)
		unconditional = unconditional || !ok && method != "options"
		if ok {
			names[name] = true
		}
	}
	when := func(name string, v any) any { return map[string]any{"Fn::If": []any{name, v, ref1("AWS::NoValue")}} }
	if len(names) == 1 && !unconditional {
		paths[path] = when(sortedKeys(names)[0], item)
		return
	}
	for method, name := range conditions {
		item[method] = when(name.(string), item[method])
	}
}

// conditionally makes an API that the template does not have depend on the conditions of
// its functions, if all of them have one.
func (s *serverless) conditionally(id string, d *apiDescription) {
	if s.given[id] != nil || len(d.routes) == 0 {
		return
	}
	names := map[string]bool{}
	for _, route := range d.routes {
		name, ok := route["condition"].(string)
		if !ok {
			return
		}
		names[name] = true
	}
	all := sortedKeys(names)
	condition := all[0]
	if len(all) > 1 {
		condition = id + "Condition"
		var alternatives []any
		for _, name := range all {
			alternatives = append(alternatives, map[string]any{"Condition": name})
		}
		s.conditions[condition] = map[string]any{"Fn::Or": alternatives}
	}
	d.from = map[string]any{"Condition": condition}
	for _, made := range []string{id, d.stage} {
		s.made[made].(map[string]any)["Condition"] = condition
	}
}

// preflight answers the requests that browsers send before others.
func (s *serverless) preflight(d *apiDescription, item map[string]any) map[string]any {
	cors, ok := d.cors.(map[string]any)
	if _, _, call := function(cors); !ok || call {
		cors = map[string]any{"AllowOrigin": d.cors}
	}
	methods := []string{"OPTIONS"}
	for _, method := range apiMethods {
		if method != "options" && (item[method] != nil || item[anyMethod] != nil) {
			methods = append(methods, strings.ToUpper(method))
		}
	}
	slices.Sort(methods)
	sent, declared := map[string]any{}, map[string]any{}
	set := func(header string, value any) {
		sent["method.response.header.Access-Control-"+header] = value
		declared["Access-Control-"+header] = map[string]any{"type": "string"}
		if d.body["openapi"] != nil {
			declared["Access-Control-"+header] = map[string]any{"schema": map[string]any{"type": "string"}}
		}
	}
	set("Allow-Methods", "'"+strings.Join(methods, ",")+"'")
	for property, header := range map[string]string{
		"AllowOrigin": "Allow-Origin", "AllowHeaders": "Allow-Headers", "AllowMethods": "Allow-Methods", "MaxAge": "Max-Age", "ExposeHeaders": "Expose-Headers",
	} {
		if v, ok := cors[property]; ok {
			set(header, v)
		}
	}
	if cors["AllowCredentials"] == true {
		set("Allow-Credentials", "'true'")
	}
	if sent["method.response.header.Access-Control-Allow-Origin"] == nil {
		set("Allow-Origin", "'*'")
	}
	return map[string]any{
		"responses": map[string]any{"200": map[string]any{"description": "the answer to a preflight request", "headers": declared}},
		"x-amazon-apigateway-integration": map[string]any{
			"type":             "mock",
			"requestTemplates": map[string]any{"application/json": `{"statusCode": 200}`},
			"responses": map[string]any{"default": map[string]any{
				"statusCode": "200", "responseParameters": sent, "responseTemplates": map[string]any{"application/json": "{}"},
			}},
		},
	}
}

// requestOf adds the parameters and the model of a request to an operation.
func (s *serverless) requestOf(d *apiDescription, route, operation map[string]any) {
	list, _ := operation["parameters"].([]any)
	list = slices.Clone(list)
	body, parameters := false, false
	model, _ := route["RequestModel"].(map[string]any)
	if name, ok := model["Model"].(string); ok {
		name = strings.ToLower(name)
		if d.body["openapi"] != nil {
			operation["requestBody"] = map[string]any{
				"content":  map[string]any{"application/json": map[string]any{"schema": map[string]any{"$ref": "#/components/schemas/" + name}}},
				"required": model["Required"] == true,
			}
		} else {
			list = append(list, map[string]any{"in": "body", "name": name, "required": model["Required"] == true, "schema": map[string]any{"$ref": "#/definitions/" + name}})
		}
		body, parameters = model["ValidateBody"] == true, model["ValidateParameters"] == true
	}
	given, _ := route["RequestParameters"].([]any)
	for _, v := range given {
		settings, ok := v.(map[string]any)
		if name, isText := v.(string); isText {
			settings, ok = map[string]any{name: map[string]any{}}, true
		}
		if !ok || len(settings) != 1 {
			s.invalid(route["function"].(string), "Event with id [%s] is invalid. Invalid value for 'RequestParameters' property", route["event"])
			continue
		}
		name := sortedKeys(settings)[0]
		parts := strings.SplitN(name, ".", 4)
		if len(parts) != 4 || parts[0] != "method" || parts[1] != "request" {
			s.invalid(route["function"].(string), "Event with id [%s] is invalid. Invalid value for 'RequestParameters' property: %s", route["event"], name)
			continue
		}
		of, _ := settings[name].(map[string]any)
		parameter := map[string]any{"in": strings.Replace(parts[2], "querystring", "query", 1), "name": parts[3], "required": of["Required"] == true || parts[2] == "path"}
		if d.body["openapi"] != nil {
			parameter["schema"] = map[string]any{"type": "string"}
		} else {
			parameter["type"] = "string"
		}
		list = append(list, parameter)
	}
	if len(list) > 0 {
		operation["parameters"] = list
	}
	if body || parameters {
		name := map[[2]bool]string{{true, false}: "body-only", {false, true}: "params-only", {true, true}: "body-and-params"}[[2]bool{body, parameters}]
		all, _ := d.body["x-amazon-apigateway-request-validators"].(map[string]any)
		all = orEmpty(maps.Clone(all))
		all[name] = map[string]any{"validateRequestBody": body, "validateRequestParameters": parameters}
		d.body["x-amazon-apigateway-request-validators"], operation["x-amazon-apigateway-request-validator"] = all, name
	}
}

// deploy makes the deployment of an API, a new one if the API's document changes.
func (s *serverless) deploy(api string, d *apiDescription) {
	deployment := api + "Deployment" + short(d.body)
	s.make(deployment, "AWS::ApiGateway::Deployment", d.from, map[string]any{"RestApiId": ref1(api)}, false)
	s.aliases[api+".Deployment"] = deployment
	stage, _ := s.made[d.stage].(map[string]any)
	stage["Properties"].(map[string]any)["DeploymentId"] = ref1(deployment)
}

// isServerless reports whether a template uses the transform of SAM.
func (t *Template) isServerless() bool { return slices.Contains(t.Transforms, Serverless) }
