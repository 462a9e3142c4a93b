package template

import (
	"maps"
	"strings"

	"github.com/magewright/magewright/tools/localaws/executeapi/openapi"
)

// iamAuthorizer is the authorizer that every API may have.
const iamAuthorizer = "AWS_IAM"

// undecidedKey is the refusal of an ApiKeyRequired that would otherwise be taken for false.
const undecidedKey = "The embedded AWS supports only true and false as Auth.ApiKeyRequired, not %s"

// apiKeyScheme is the scheme of methods that need an API key.
const apiKeyScheme = "api_key"

// schemes adds the authorizers of an API to its document.
// See https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-controlling-access-to-apis.html.
func (s *serverless) schemes(id string, d *apiDescription) {
	authorizers, _ := d.auth["Authorizers"].(map[string]any)
	for _, name := range sortedKeys(authorizers) {
		a, ok := authorizers[name].(map[string]any)
		switch {
		case name == iamAuthorizer:
			continue
		case !ok:
			s.invalid(id, "Authorizer %s must be a dictionary", name)
			continue
		}
		var scheme map[string]any
		switch {
		case a["UserPoolArn"] != nil:
			scheme = s.userPool(a)
		case a["JwtConfiguration"] != nil:
			scheme = jwtScheme(a)
		case a["FunctionArn"] != nil:
			scheme = s.lambdaScheme(id, name, d, a)
		default:
			s.invalid(id, "The authorizer %s has no UserPoolArn, FunctionArn or JwtConfiguration", name)
			continue
		}
		d.component("securityDefinitions", "securitySchemes")[name] = scheme
	}
	s.authSettings(id, d)
}

// authSettings checks the other settings of an API's authorization.
func (s *serverless) authSettings(id string, d *apiDescription) {
	known := map[string]bool{
		"Authorizers": true, "DefaultAuthorizer": true, "ApiKeyRequired": true, "AddDefaultAuthorizerToCorsPreflight": true,
		"AddApiKeyRequiredToCorsPreflight": true, "InvokeRole": true, "UsagePlan": true, "EnableIamAuthorizer": true,
	}
	for _, name := range sortedKeys(d.auth) {
		if !known[name] {
			s.invalid(id, "The embedded AWS does not support Auth.%s of an API", name)
		}
	}
	if given := d.auth["DefaultAuthorizer"]; given != nil {
		if name, ok := given.(string); !ok {
			s.invalid(id, "Unable to set DefaultAuthorizer because intrinsic functions are not supported for this field: %s", render(given))
		} else if !d.has(name) {
			s.invalid(id, "Unable to set DefaultAuthorizer because '%s' was not defined in 'Authorizers'", name)
		}
	}
	if key := d.auth["ApiKeyRequired"]; !decided(key) {
		s.invalid(id, undecidedKey, render(key))
	}
	if d.needsIAM() {
		d.component("securityDefinitions", "securitySchemes")[iamAuthorizer] = map[string]any{
			"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4",
		}
	}
}

// has reports whether an API has an authorizer.
func (d *apiDescription) has(name string) bool {
	authorizers, _ := d.auth["Authorizers"].(map[string]any)
	return authorizers[name] != nil || name == iamAuthorizer && (d.rest || d.auth["EnableIamAuthorizer"] == true)
}

// needsIAM reports whether any method verifies signatures.
func (d *apiDescription) needsIAM() bool {
	if d.auth["DefaultAuthorizer"] == iamAuthorizer {
		return true
	}
	for _, route := range d.routes {
		auth, _ := route["Auth"].(map[string]any)
		if auth["Authorizer"] == iamAuthorizer {
			return true
		}
	}
	return false
}

func (s *serverless) userPool(a map[string]any) map[string]any {
	pools, isList := a["UserPoolArn"].([]any)
	if !isList {
		pools = []any{a["UserPoolArn"]}
	}
	authorizer := map[string]any{"type": "cognito_user_pools", "providerARNs": pools}
	return identified(a, authorizer, "cognito_user_pools")
}

// identified returns the scheme of an authorizer whose identity is one header.
func identified(a, authorizer map[string]any, kind string) map[string]any {
	identity, _ := a["Identity"].(map[string]any)
	header := any("Authorization")
	if v, ok := identity["Header"]; ok {
		header = v
	}
	if v, ok := identity["ValidationExpression"]; ok {
		authorizer["identityValidationExpression"] = v
	}
	if v, ok := identity["ReauthorizeEvery"]; ok {
		authorizer["authorizerResultTtlInSeconds"] = v
	}
	return map[string]any{"type": "apiKey", "name": header, "in": "header", "x-amazon-apigateway-authtype": kind, "x-amazon-apigateway-authorizer": authorizer}
}

func jwtScheme(a map[string]any) map[string]any {
	source := a["IdentitySource"]
	if source == nil {
		source = "$request.header.Authorization"
	}
	configuration, _ := a["JwtConfiguration"].(map[string]any)
	lower := map[string]any{}
	for name, v := range configuration {
		lower[strings.ToLower(name)] = v
	}
	return map[string]any{"type": "oauth2", "x-amazon-apigateway-authorizer": map[string]any{"type": "jwt", "identitySource": source, "jwtConfiguration": lower}}
}

// lambdaScheme returns the scheme of an authorizer that is a function, which API Gateway
// may call.
func (s *serverless) lambdaScheme(id, name string, d *apiDescription, a map[string]any) map[string]any {
	authorizer := map[string]any{"authorizerUri": sub1(
		"arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${__FunctionArn__}/invocations", map[string]any{"__FunctionArn__": a["FunctionArn"]})}
	if role, ok := a["FunctionInvokeRole"]; ok && role != "NONE" {
		authorizer["authorizerCredentials"] = role
	}
	permitted := a["DisableFunctionDefaultPermissions"] != true
	var scheme map[string]any
	switch {
	case !d.rest:
		permitted = a["EnableFunctionDefaultPermissions"] == true
		authorizer["type"] = "request"
		authorizer["authorizerPayloadFormatVersion"] = a["AuthorizerPayloadFormatVersion"]
		if simple, ok := a["EnableSimpleResponses"]; ok {
			authorizer["enableSimpleResponses"] = simple
		}
		scheme = requested(a, authorizer, map[string]string{
			"Headers": "$request.header.", "QueryStrings": "$request.querystring.", "StageVariables": "$stageVariables.", "Context": "$context.",
		})
		delete(scheme, "x-amazon-apigateway-authtype")
	case a["FunctionPayloadType"] == "REQUEST":
		authorizer["type"] = "request"
		scheme = requested(a, authorizer, map[string]string{
			"Headers": "method.request.header.", "QueryStrings": "method.request.querystring.", "StageVariables": "stageVariables.", "Context": "context.",
		})
	default:
		authorizer["type"] = "token"
		scheme = identified(a, authorizer, "custom")
	}
	if permitted {
		s.make(id+name+"AuthorizerPermission", "AWS::Lambda::Permission", d.from, map[string]any{
			"Action": "lambda:InvokeFunction", "FunctionName": a["FunctionArn"], "Principal": "apigateway.amazonaws.com",
			"SourceArn": sub1("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}/authorizers/*", map[string]any{"__ApiId__": ref1(id)}),
		}, false)
	}
	return scheme
}

// requested returns the scheme of an authorizer that gets the request. The places are
// those of its identity.
func requested(a, authorizer map[string]any, places map[string]string) map[string]any {
	identity, _ := a["Identity"].(map[string]any)
	var sources []string
	for _, kind := range []string{"Headers", "QueryStrings", "StageVariables", "Context"} {
		names, _ := identity[kind].([]any)
		for _, name := range names {
			text, _ := name.(string)
			sources = append(sources, places[kind]+text)
		}
	}
	if len(sources) > 0 {
		authorizer["identitySource"] = strings.Join(sources, ", ")
	}
	if v, ok := identity["ReauthorizeEvery"]; ok {
		authorizer["authorizerResultTtlInSeconds"] = v
	}
	return map[string]any{"type": "apiKey", "name": "Unused", "in": "header", "x-amazon-apigateway-authtype": "custom", "x-amazon-apigateway-authorizer": authorizer}
}

// secure says in an operation what the event of a route says about who may call it.
func (s *serverless) secure(d *apiDescription, route, operation map[string]any) {
	auth, _ := route["Auth"].(map[string]any)
	auth = maps.Clone(auth)
	given := auth["Authorizer"]
	name, isText := given.(string)
	if given == nil {
		// authSettings has refused what is not a name.
		name, _ = d.auth["DefaultAuthorizer"].(string)
	}
	wrong := func(format string, args ...any) {
		s.invalid(route["function"].(string), "Event with id [%s] is invalid. "+format, append([]any{route["event"]}, args...)...)
	}
	requirement := map[string]any{}
	switch {
	case given != nil && !isText:
		wrong("Unable to set Authorizer on API method [%s] for path [%s] because intrinsic functions are not supported for this field: %s", strings.ToLower(route["method"].(string)), route["path"], render(given))
	case name == "" || name == "NONE":
	case !d.has(name):
		wrong("Unable to set Authorizer [%s] on API method [%s] for path [%s] because it was not defined in the API's Authorizers", name, strings.ToLower(route["method"].(string)), route["path"])
	default:
		requirement[name] = d.scopes(name, auth)
	}
	if name == iamAuthorizer && d.rest {
		role := auth["InvokeRole"]
		if _, given := auth["InvokeRole"]; !given {
			if role = d.auth["InvokeRole"]; role == nil {
				role = "CALLER_CREDENTIALS"
			}
		}
		integration, _ := operation["x-amazon-apigateway-integration"].(map[string]any)
		switch role {
		case nil, "NONE":
		case "CALLER_CREDENTIALS":
			integration["credentials"] = openapi.AsCaller
		default:
			integration["credentials"] = role
		}
	}
	key, own := auth["ApiKeyRequired"]
	switch {
	case !own:
		key = d.auth["ApiKeyRequired"]
	case !decided(key):
		wrong(undecidedKey, render(key))
	}
	if key == true && d.rest {
		d.requireKey(requirement)
	}
	if len(requirement) > 0 || operation["security"] == nil {
		operation["security"] = []any{}
		if len(requirement) > 0 {
			operation["security"] = []any{requirement}
		}
	}
	for _, done := range []string{"Authorizer", "AuthorizationScopes", "ApiKeyRequired", "InvokeRole", "OverrideApiAuth"} {
		delete(auth, done)
	}
	for _, name := range sortedKeys(auth) {
		wrong("The embedded AWS does not support Auth.%s", name)
	}
}

// scopes returns the scopes that a route needs: its own, or those of the authorizer.
func (d *apiDescription) scopes(name string, auth map[string]any) []any {
	if own, ok := auth["AuthorizationScopes"].([]any); ok {
		return own
	}
	authorizers, _ := d.auth["Authorizers"].(map[string]any)
	a, _ := authorizers[name].(map[string]any)
	if all, ok := a["AuthorizationScopes"].([]any); ok {
		return all
	}
	return []any{}
}

// secureByDefault applies what the API says to an operation of which no event does.
func (s *serverless) secureByDefault(d *apiDescription, method string, operation map[string]any) {
	if operation["security"] != nil {
		return
	}
	requirement := map[string]any{}
	preflight := method == "options"
	if name, ok := d.auth["DefaultAuthorizer"].(string); ok && d.has(name) && (!preflight || d.auth["AddDefaultAuthorizerToCorsPreflight"] != false) {
		requirement[name] = d.scopes(name, nil)
	}
	if d.rest && d.auth["ApiKeyRequired"] == true && (!preflight || d.auth["AddApiKeyRequiredToCorsPreflight"] != false) {
		d.requireKey(requirement)
	}
	if len(requirement) > 0 {
		operation["security"] = []any{requirement}
	}
}

// requireKey adds to a requirement that a request needs an API key.
func (d *apiDescription) requireKey(requirement map[string]any) {
	requirement[apiKeyScheme] = []any{}
	d.component("securityDefinitions", "securitySchemes")[apiKeyScheme] = map[string]any{"type": "apiKey", "name": "x-api-key", "in": "header"}
}

// decided reports whether a setting that is true or false is one of these, or is missing.
func decided(setting any) bool {
	_, ok := setting.(bool)
	return ok || setting == nil
}

// The usage plan that several APIs share.
const sharedPlan = "Serverless"

// usagePlan makes the usage plan of an API with its key, or adds the API to the one that
// is shared.
func (s *serverless) usagePlan(id string, d *apiDescription) {
	plan, ok := d.auth["UsagePlan"].(map[string]any)
	if !ok || plan["CreateUsagePlan"] == "NONE" {
		return
	}
	prefix := id
	switch plan["CreateUsagePlan"] {
	case "PER_API":
	case "SHARED":
		prefix = sharedPlan
	default:
		s.invalid(id, "'CreateUsagePlan' is required for 'UsagePlan', with one of the values 'PER_API', 'SHARED' and 'NONE'")
		return
	}
	properties := map[string]any{}
	take(maps.Clone(plan), properties, "Description", "Quota", "Throttle", "UsagePlanName")
	if tags, ok := plan["Tags"]; ok {
		properties["Tags"] = tags
	}
	var stages, keys, needs []any
	if before, ok := s.made[prefix+"UsagePlan"].(map[string]any); ok {
		key, _ := s.made[prefix+"ApiKey"].(map[string]any)
		shared, _ := before["Properties"].(map[string]any)
		stages, _ = shared["ApiStages"].([]any)
		keys, _ = key["Properties"].(map[string]any)["StageKeys"].([]any)
		needs, _ = before["DependsOn"].([]any)
		for name, v := range shared {
			if properties[name] == nil {
				properties[name] = v
			}
		}
	}
	properties["ApiStages"] = append(stages, map[string]any{"ApiId": ref1(id), "Stage": ref1(d.stage)})
	from := d.from
	if prefix == sharedPlan {
		from = nil
	}
	s.make(prefix+"UsagePlan", "AWS::ApiGateway::UsagePlan", from, properties, false)["DependsOn"] = append(needs, id)
	s.make(prefix+"ApiKey", "AWS::ApiGateway::ApiKey", from, map[string]any{
		"Enabled": true, "StageKeys": append(keys, map[string]any{"RestApiId": ref1(id), "StageName": ref1(d.stage)}),
	}, false)["DependsOn"] = []any{prefix + "UsagePlan"}
	s.make(prefix+"UsagePlanKey", "AWS::ApiGateway::UsagePlanKey", from, map[string]any{
		"KeyId": ref1(prefix + "ApiKey"), "KeyType": "API_KEY", "UsagePlanId": ref1(prefix + "UsagePlan"),
	}, false)["DependsOn"] = []any{prefix + "ApiKey"}
	s.aliases[id+".UsagePlan"], s.aliases[id+".ApiKey"], s.aliases[id+".UsagePlanKey"] = prefix+"UsagePlan", prefix+"ApiKey", prefix+"UsagePlanKey"
}
