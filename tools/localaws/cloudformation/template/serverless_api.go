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

// apiEvent adds a function to an API.
func (s *serverless) apiEvent(e source, p map[string]any) {
	property, api := "RestApiId", implicitREST
	if e.typ == "HttpApi" {
		property, api = "ApiId", implicitHTTP
	}
	if reference, ok := p[property].(map[string]any); ok {
		named, _ := reference["Ref"].(string)
		target, _ := s.given[named].(map[string]any)
		if target["Type"] != serverlessType+e.typ {
			s.invalid(e.id, "%s of the event %s must be the Ref of an %s%s in the same template", property, e.name, serverlessType, e.typ)
		}
		api = named
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
	route := map[string]any{"method": method, "path": path, "arn": e.arn, "from": e.from, "key": e.resource()}
	take(p, route, "TimeoutInMillis")
	if e.typ == "HttpApi" {
		take(p, route, "PayloadFormatVersion")
	}
	if s.apis[api] == nil {
		s.implicit(api)
	}
	s.apis[api][method+" "+path] = route
	asked := "/" + strings.TrimPrefix(pathParameter.ReplaceAllString(path, "*"), "/")
	if path == "$default" {
		asked = "/*"
	}
	text, permission := "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${api}/*/"+strings.Replace(method, "ANY", "*", 1)+asked, e.resource()+"Permission"
	if e.typ == "HttpApi" {
		text = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${api}/*" + asked
		if path != "$default" {
			text = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${api}/*/" + strings.Replace(method, "ANY", "*", 1) + asked
		}
	} else {
		permission += s.stage(api)
	}
	s.make(permission, "AWS::Lambda::Permission", e.from, map[string]any{
		"Action": "lambda:InvokeFunction", "FunctionName": e.target, "Principal": "apigateway.amazonaws.com",
		"SourceArn": sub1(text, map[string]any{"api": ref1(api)}),
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

// implicit makes an API that the template does not have, or has not made yet.
func (s *serverless) implicit(api string) {
	s.apis[api] = map[string]any{}
	switch {
	case s.given[api] != nil:
	case api == implicitREST:
		global, _ := s.globals["Api"].(map[string]any)
		s.restAPI(api, map[string]any{}, maps.Clone(merged(global, map[string]any{"StageName": "Prod"}).(map[string]any)))
	default:
		global, _ := s.globals["HttpApi"].(map[string]any)
		s.httpAPI(api, map[string]any{}, maps.Clone(merged(global, map[string]any{}).(map[string]any)))
	}
}

func (s *serverless) restAPI(id string, r, properties map[string]any) {
	if s.apis[id] == nil {
		s.apis[id] = map[string]any{}
	}
	p := maps.Clone(properties)
	api := map[string]any{"Name": ref1("AWS::StackName")}
	take(p, api, "Name", "Description", "BinaryMediaTypes", "DisableExecuteApiEndpoint", "MinimumCompressionSize", "ApiKeySourceType", "FailOnWarnings")
	switch endpoint := p["EndpointConfiguration"].(type) {
	case string:
		api["EndpointConfiguration"] = map[string]any{"Types": []any{endpoint}}
	case map[string]any:
		api["EndpointConfiguration"] = map[string]any{"Types": []any{endpoint["Type"]}}
	}
	delete(p, "EndpointConfiguration")
	take(p, api, "Mode")
	s.definition(p, api)
	// SAM itself has these; they only change the document that it writes.
	delete(p, "OpenApiVersion")
	delete(p, "AlwaysDeploy")
	if p["Tags"] != nil {
		api["Tags"] = tags(p)[1:]
	}
	s.make(id, "AWS::ApiGateway::RestApi", r, api, true)
	name := p["StageName"]
	if name == nil {
		s.invalid(id, "Missing required property 'StageName'")
	}
	delete(p, "StageName")
	stage := map[string]any{"RestApiId": ref1(id), "StageName": name}
	take(p, stage, "Variables", "TracingEnabled", "MethodSettings", "AccessLogSetting", "CacheClusterEnabled", "CacheClusterSize")
	stageID := id + s.stage(id) + "Stage"
	s.make(stageID, "AWS::ApiGateway::Stage", r, stage, false)
	s.aliases[id+".Stage"] = stageID
	s.left(id, serverlessType+"Api", p)
}

// definition makes an API of the OpenAPI document in the template. Its title names the
// API, unless the template does.
func (s *serverless) definition(p, api map[string]any) {
	body, ok := p["DefinitionBody"].(map[string]any)
	if _, _, call := function(body); !ok || call {
		return
	}
	delete(p, "DefinitionBody")
	api["Body"] = body
	info, _ := body["info"].(map[string]any)
	if _, named := p["Name"]; !named && info["title"] != nil {
		delete(api, "Name")
	}
}

// describe adds to the document of an API the routes that only events of functions have.
func describe(api, routes map[string]any, rest bool) (body map[string]any) {
	p, _ := api["Properties"].(map[string]any)
	given, ok := p["Body"].(map[string]any)
	if !ok {
		return nil
	}
	body = maps.Clone(given)
	paths, _ := body["paths"].(map[string]any)
	paths = orEmpty(maps.Clone(paths))
	for _, key := range sortedKeys(routes) {
		route, _ := routes[key].(map[string]any)
		path, _ := route["path"].(string)
		method, _ := route["method"].(string)
		method = strings.ToLower(method)
		if method == "any" {
			method = "x-amazon-apigateway-any-method"
		}
		if path == "$default" {
			path = "/$default"
		}
		item, _ := paths[path].(map[string]any)
		operation, _ := item[method].(map[string]any)
		if operation["x-amazon-apigateway-integration"] != nil {
			continue
		}
		integration := map[string]any{"type": "aws_proxy", "httpMethod": "POST", "uri": invocations(route)}
		if timeout, ok := route["TimeoutInMillis"]; ok {
			integration["timeoutInMillis"] = timeout
		}
		if !rest {
			integration["payloadFormatVersion"] = "2.0"
			if version, ok := route["PayloadFormatVersion"]; ok {
				integration["payloadFormatVersion"] = version
			}
		}
		operation, item = orEmpty(maps.Clone(operation)), orEmpty(maps.Clone(item))
		operation["x-amazon-apigateway-integration"] = integration
		item[method], paths[path] = operation, item
	}
	body["paths"] = paths
	p["Body"] = body
	return body
}

// invocations is the URI by which an API calls the function of a route.
func invocations(route map[string]any) any {
	return sub1("arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${function}/invocations", map[string]any{"function": route["arn"]})
}

func (s *serverless) httpAPI(id string, r, properties map[string]any) {
	if s.apis[id] == nil {
		s.apis[id] = map[string]any{}
	}
	p := maps.Clone(properties)
	api := map[string]any{"ProtocolType": "HTTP", "Name": ref1("AWS::StackName")}
	take(p, api, "Name", "Description", "DisableExecuteApiEndpoint", "FailOnWarnings")
	s.definition(p, api)
	switch cors := p["CorsConfiguration"].(type) {
	case bool:
		if cors {
			api["CorsConfiguration"] = map[string]any{"AllowOrigins": []any{"*"}}
		}
	case map[string]any:
		api["CorsConfiguration"] = cors
	}
	delete(p, "CorsConfiguration")
	if p["Tags"] != nil {
		own, _ := p["Tags"].(map[string]any)
		api["Tags"] = own
		delete(p, "Tags")
	}
	s.make(id, "AWS::ApiGatewayV2::Api", r, api, true)
	stage := map[string]any{"ApiId": ref1(id), "StageName": "$default", "AutoDeploy": true}
	stageID := id + "ApiGatewayDefaultStage"
	if name, ok := p["StageName"]; ok {
		stage["StageName"] = name
		text, _ := name.(string)
		stageID = id + noAlphanumeric.ReplaceAllString(text, "") + "Stage"
		if text == "" {
			stageID = id + "Stage"
		}
		delete(p, "StageName")
	}
	if settings, ok := p["AccessLogSettings"]; ok {
		stage["AccessLogSettings"] = settings
		delete(p, "AccessLogSettings")
	}
	take(p, stage, "DefaultRouteSettings", "RouteSettings", "StageVariables")
	s.make(stageID, "AWS::ApiGatewayV2::Stage", r, stage, false)
	s.aliases[id+".Stage"] = stageID
	s.left(id, serverlessType+"HttpApi", p)
}

// routes makes the routes of an API.
func (s *serverless) routes(api string) {
	routes := s.apis[api]
	made, _ := s.made[api].(map[string]any)
	body := describe(made, routes, made["Type"] != "AWS::ApiGatewayV2::Api")
	if made["Type"] == "AWS::ApiGatewayV2::Api" {
		if body != nil {
			return
		}
		for _, key := range sortedKeys(routes) {
			s.httpRoute(api, key, routes[key].(map[string]any))
		}
		return
	}
	if body != nil {
		s.deploy(api, body)
		return
	}
	if len(routes) == 0 {
		s.invalid(api, "The embedded AWS does not support an %sApi without events of functions", serverlessType)
		return
	}
	var needs []any
	var all []any
	for _, key := range sortedKeys(routes) {
		route := routes[key].(map[string]any)
		path, _ := route["path"].(string)
		id := api + "Method" + route["key"].(string)
		integration := map[string]any{"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": invocations(route)}
		take(route, integration, "TimeoutInMillis")
		s.make(id, "AWS::ApiGateway::Method", route["from"].(map[string]any), map[string]any{
			"RestApiId": ref1(api), "ResourceId": s.pathResource(api, path), "HttpMethod": route["method"], "AuthorizationType": "NONE",
			"Integration": integration,
		}, false)
		needs, all = append(needs, id), append(all, []any{key, integration})
	}
	s.deploy(api, all)["DependsOn"] = needs
}

// deploy makes the deployment of an API, a new one if the API's contents change.
func (s *serverless) deploy(api string, contents any) map[string]any {
	deployment := api + "Deployment" + short(contents)
	d := s.make(deployment, "AWS::ApiGateway::Deployment", map[string]any{}, map[string]any{"RestApiId": ref1(api)}, false)
	s.aliases[api+".Deployment"] = deployment
	stage, _ := s.made[api+s.stage(api)+"Stage"].(map[string]any)
	if p, ok := stage["Properties"].(map[string]any); ok {
		p["DeploymentId"] = ref1(deployment)
	}
	return d
}

// pathResource returns the id of a path's resource, which it makes with its parents.
func (s *serverless) pathResource(api, path string) any {
	parent := any(getAtt(api, "RootResourceId"))
	id := api + "Resource"
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if part == "" {
			continue
		}
		id += strings.NewReplacer("{", "Var", "}", "", "+", "Proxy").Replace(part)
		id = noAlphanumeric.ReplaceAllString(id, "")
		if s.made[id] == nil {
			s.make(id, "AWS::ApiGateway::Resource", map[string]any{}, map[string]any{"RestApiId": ref1(api), "ParentId": parent, "PathPart": part}, false)
		}
		parent = ref1(id)
	}
	return parent
}

func (s *serverless) httpRoute(api, key string, route map[string]any) {
	version := route["PayloadFormatVersion"]
	if version == nil {
		version = "2.0"
	}
	integration := map[string]any{"ApiId": ref1(api), "IntegrationType": "AWS_PROXY", "PayloadFormatVersion": version, "IntegrationUri": invocations(route)}
	take(route, integration, "TimeoutInMillis")
	if path, _ := route["path"].(string); path == "$default" {
		key = "$default"
	}
	name := route["key"].(string)
	from, _ := route["from"].(map[string]any)
	s.make(api+"Integration"+name, "AWS::ApiGatewayV2::Integration", from, integration, false)
	s.make(api+"Route"+name, "AWS::ApiGatewayV2::Route", from, map[string]any{
		"ApiId": ref1(api), "RouteKey": key, "Target": map[string]any{"Fn::Join": []any{"/", []any{"integrations", ref1(api + "Integration" + name)}}},
	}, false)
}

// isServerless reports whether a template uses the transform of SAM.
func (t *Template) isServerless() bool { return slices.Contains(t.Transforms, Serverless) }
