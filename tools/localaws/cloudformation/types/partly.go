package types

import (
	"strings"

	"github.com/magewright/magewright/tools/localaws/executeapi/openapi"
)

const noCognito = "the embedded AWS does not run Cognito, so that calls which need one of its tokens fail"

// partly says, by type, what of a resource the embedded AWS does not run.
var partly = map[string]func(properties map[string]any) string{
	"AWS::ApiGateway::Authorizer": func(p map[string]any) string {
		if p["Type"] == "COGNITO_USER_POOLS" {
			return noCognito
		}
		return ""
	},
	"AWS::ApiGateway::RestApi": func(p map[string]any) string { return cognitoIn(p["Body"]) },
	"AWS::ApiGatewayV2::Api":   func(p map[string]any) string { return cognitoIn(p["Body"]) },
	"AWS::ApiGatewayV2::Authorizer": func(p map[string]any) string {
		return cognitoIn(p["JwtConfiguration"])
	},
}

// notRun returns the function that says which part of a resource is not run. If requests
// for its service go to another endpoint, that is all of it.
func notRun(d Deps, name string) func(map[string]any) string {
	namespace, _, _ := strings.Cut(strings.TrimPrefix(name, "AWS::"), "::")
	endpoint, ok := d.Forward[strings.ToLower(namespace)]
	if !ok {
		return partly[name]
	}
	return func(map[string]any) string {
		return "requests to " + strings.ToLower(namespace) + " go to " + endpoint + ", which is not the embedded AWS"
	}
}

// cognitoIn says whether a document has an authorizer that needs Cognito.
func cognitoIn(v any) string {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if why := cognitoIn(e); why != "" {
				return why
			}
		}
	case map[string]any:
		issuer, _ := v["issuer"].(string)
		if spelt, ok := v["Issuer"].(string); ok {
			issuer = spelt
		}
		kind, _ := v["type"].(string)
		if openapi.CognitoIssuer(issuer) || strings.EqualFold(kind, "cognito_user_pools") {
			return noCognito
		}
		for _, e := range v {
			if why := cognitoIn(e); why != "" {
				return why
			}
		}
	}
	return ""
}
