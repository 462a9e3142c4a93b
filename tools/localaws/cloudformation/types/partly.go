package types

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapigateway "github.com/aws/aws-sdk-go-v2/service/apigateway"

	"github.com/magewright/magewright/tools/localaws/executeapi/openapi"
	"github.com/magewright/magewright/tools/localaws/lambda"
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
	"AWS::ApiGateway::UsagePlan": func(p map[string]any) string {
		stages, _ := p["ApiStages"].([]any)
		for _, v := range stages {
			stage, _ := v.(map[string]any)
			if _, throttles := stage["Throttle"]; throttles {
				return "in the embedded AWS, throttles of single methods in a usage plan have no effect"
			}
		}
		return ""
	},
	"AWS::DynamoDB::Table": func(p map[string]any) string {
		if _, insights := withoutInsights(p); insights {
			return "in the embedded AWS, ContributorInsightsSpecification of its indexes has no effect"
		}
		return ""
	},
	"AWS::Lambda::Function": func(p map[string]any) string {
		declared, _ := p["Architectures"].([]any)
		runtime, _ := p["Runtime"].(string)
		architecture := any("x86_64")
		if len(declared) == 1 {
			architecture = declared[0]
		}
		// Functions in JavaScript are the same for every machine.
		if host := string(lambda.HostArchitecture()); architecture != host && !strings.HasPrefix(runtime, "nodejs") {
			return "in the embedded AWS, the function runs as " + host + ", like this machine"
		}
		return ""
	},
	"AWS::ApiGatewayV2::Authorizer": func(p map[string]any) string {
		return cognitoIn(p["JwtConfiguration"])
	},
}

// notRun returns the function that says which part of a resource is not run. If requests
// for its service go to another endpoint, that is all of it.
func notRun(d Deps, name string) func(map[string]any) string {
	namespace, _, _ := strings.Cut(strings.TrimPrefix(name, "AWS::"), "::")
	endpoint, ok := d.Forward[strings.ToLower(namespace)]
	if !ok && name == "AWS::ApiGateway::Stage" {
		return func(p map[string]any) string { return notRunOfStage(d, p) }
	}
	if !ok {
		return partly[name]
	}
	return func(map[string]any) string {
		return "requests to " + strings.ToLower(namespace) + " go to " + endpoint + ", which is not the embedded AWS"
	}
}

// notRunOfStage says what is not run of a stage of a REST API.
func notRunOfStage(d Deps, properties map[string]any) string {
	var methods []methodSetting
	if err := decodeProperty(properties, "MethodSettings", &methods); err != nil {
		return ""
	}
	var said []string
	_, logs := properties["AccessLogSetting"]
	var traces, caches bool
	for _, m := range methods {
		logs = logs || m.LoggingLevel != nil && *m.LoggingLevel != "OFF"
		traces = traces || aws.ToBool(m.DataTraceEnabled)
		caches = caches || aws.ToBool(m.CachingEnabled)
	}
	if caches {
		said = append(said, "the embedded AWS has no cache of answers")
	}
	if traces {
		said = append(said, "the execution logs don't have the data of requests")
	}
	settings, err := d.RestAPIs.GetAccount(context.Background(), &awsapigateway.GetAccountInput{})
	if logs && err == nil && aws.ToString(settings.CloudwatchRoleArn) == d.Account.AssumedLogRole() {
		said = append(said, "the embedded AWS assumes that the account lets API Gateway write logs, because no AWS::ApiGateway::Account sets the role. See whether yours does: aws apigateway get-account")
	}
	return strings.Join(said, "; ")
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
