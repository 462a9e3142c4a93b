package template_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/localaws/cloudformation/template"
)

const serverlessHeader = "Transform: AWS::Serverless-2016-10-31\nResources:\n"

// expandServerless returns the resources that a template of SAM stands for.
func expandServerless(t *testing.T, text string) (map[string]template.Resource, error) {
	t.Helper()
	parsed, err := template.Parse(text)
	if err != nil {
		return nil, err
	}
	expanded, err := parsed.Expand(&template.Scope{Template: parsed, Parameters: map[string]any{}})
	if err != nil {
		return nil, err
	}
	return expanded.Resources, nil
}

// A resource of SAM stands for resources with the logical ids that AWS documents.
func TestServerlessResources(t *testing.T) {
	t.Parallel()
	const code = "Runtime: provided.al2023, Handler: bootstrap, CodeUri: s3://b/k"
	for _, tt := range []struct{ name, resources, want string }{
		{"function", "  F: {Type: AWS::Serverless::Function, Properties: {" + code + "}}", "F AWS::Lambda::Function, FRole AWS::IAM::Role"},
		{"its own role", "  F: {Type: AWS::Serverless::Function, Properties: {" + code + ", Role: arn}}", "F AWS::Lambda::Function"},
		{
			"alias", "  F: {Type: AWS::Serverless::Function, Properties: {" + code + ", Role: arn, AutoPublishAlias: live, DeploymentPreference: {Type: Canary10Percent5Minutes}}}",
			"CodeDeployServiceRole AWS::IAM::Role, F AWS::Lambda::Function, FAliaslive AWS::Lambda::Alias, FDeploymentGroup AWS::CodeDeploy::DeploymentGroup, FVersion AWS::Lambda::Version, ServerlessDeploymentApplication AWS::CodeDeploy::Application",
		},
		{
			"URL", "  F: {Type: AWS::Serverless::Function, Properties: {" + code + ", Role: arn, FunctionUrlConfig: {AuthType: NONE}}}",
			"F AWS::Lambda::Function, FUrl AWS::Lambda::Url, FUrlPublicPermissions AWS::Lambda::Permission",
		},
		{
			"events", "  Q: {Type: AWS::SQS::Queue}\n  T: {Type: AWS::SNS::Topic}\n  F: {Type: AWS::Serverless::Function, Properties: {" + code + ", Role: arn, Events: {A: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn}}, B: {Type: SNS, Properties: {Topic: !Ref T}}, C: {Type: Schedule, Properties: {Schedule: rate(1 hour)}}}}}",
			"F AWS::Lambda::Function, FA AWS::Lambda::EventSourceMapping, FB AWS::SNS::Subscription, FBPermission AWS::Lambda::Permission, FC AWS::Events::Rule, FCPermission AWS::Lambda::Permission, Q AWS::SQS::Queue, T AWS::SNS::Topic",
		},
		{
			"API", "  F: {Type: AWS::Serverless::Function, Properties: {" + code + ", Role: arn, Events: {A: {Type: Api, Properties: {Path: '/a/{id}', Method: get}}}}}",
			"F AWS::Lambda::Function, FAPermissionProd AWS::Lambda::Permission, ServerlessRestApi AWS::ApiGateway::RestApi, ServerlessRestApiDeployment AWS::ApiGateway::Deployment, ServerlessRestApiMethodFA AWS::ApiGateway::Method, ServerlessRestApiProdStage AWS::ApiGateway::Stage, ServerlessRestApiResourcea AWS::ApiGateway::Resource, ServerlessRestApiResourceaVarid AWS::ApiGateway::Resource",
		},
		{
			"HTTP API", "  F: {Type: AWS::Serverless::Function, Properties: {" + code + ", Role: arn, Events: {A: {Type: HttpApi}}}}",
			"F AWS::Lambda::Function, FAPermission AWS::Lambda::Permission, ServerlessHttpApi AWS::ApiGatewayV2::Api, ServerlessHttpApiApiGatewayDefaultStage AWS::ApiGatewayV2::Stage, ServerlessHttpApiIntegrationFA AWS::ApiGatewayV2::Integration, ServerlessHttpApiRouteFA AWS::ApiGatewayV2::Route",
		},
		{"table", "  T: {Type: AWS::Serverless::SimpleTable}", "T AWS::DynamoDB::Table"},
	} {
		resources, err := expandServerless(t, serverlessHeader+tt.resources)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var got []string
		for _, id := range slices.Sorted(maps.Keys(resources)) {
			typ := resources[id].Type
			// What follows is a digest.
			for _, hashed := range []string{"FVersion", "ServerlessRestApiDeployment"} {
				if rest, ok := strings.CutPrefix(id, hashed); ok && len(rest) == 10 {
					id = hashed
				}
			}
			got = append(got, id+" "+typ)
		}
		slices.Sort(got)
		if text := strings.Join(got, ", "); text != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.name, text, tt.want)
		}
	}
}

// Globals are the defaults of all functions: objects are merged, lists are joined.
func TestServerlessGlobals(t *testing.T) {
	t.Parallel()
	resources, err := expandServerless(t, `
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: nodejs22.x, Handler: index.handler, Timeout: 5, Environment: {Variables: {A: 1, B: 1}}, Layers: [a], Tags: {team: x}}
Resources:
  F: {Type: AWS::Serverless::Function, Properties: {InlineCode: x, Timeout: 7, Environment: {Variables: {B: 2}}, Layers: [b], AutoPublishAlias: live, Policies: [AWSLambdaBasicExecutionRole, {SQSPollerPolicy: {QueueName: q}}]}}
  P: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref F.Alias}}
`)
	if err != nil {
		t.Fatal(err)
	}
	p := resources["F"].Properties
	variables := p["Environment"].(map[string]any)["Variables"].(map[string]any)
	if p["Timeout"] != 7.0 || variables["A"] != 1.0 || variables["B"] != 2.0 || len(p["Layers"].([]any)) != 2 || len(p["Tags"].([]any)) != 2 {
		t.Errorf("%v", p)
	}
	if got := resources["P"].Properties["TopicName"].(map[string]any)["Ref"]; got != "FAliaslive" {
		t.Errorf("F.Alias is %v", got)
	}
	role := resources["FRole"].Properties
	if len(role["ManagedPolicyArns"].([]any)) != 2 || len(role["Policies"].([]any)) != 1 {
		t.Errorf("%v", role)
	}
}

// What an event says arrives in the resources that it stands for.
func TestServerlessEvents(t *testing.T) {
	t.Parallel()
	const form = serverlessHeader + `
  F:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: x
      AutoPublishAlias: live
      VersionDescription: first
      Events:
        A: {Type: Api, Properties: {Path: /a, Method: get, TimeoutInMillis: TIMEOUT}}
        S: {Type: Schedule, Properties: {Schedule: rate(1 hour), Target: {Id: chosen}}}
`
	ids := map[string]bool{}
	for _, timeout := range []string{"5000", "6000"} {
		resources, err := expandServerless(t, strings.Replace(form, "TIMEOUT", timeout, 1))
		if err != nil {
			t.Fatal(err)
		}
		integration := resources["ServerlessRestApiMethodFA"].Properties["Integration"].(map[string]any)
		if got := strconv.FormatFloat(integration["TimeoutInMillis"].(float64), 'f', -1, 64); got != timeout {
			t.Errorf("the timeout is %s, want %s", got, timeout)
		}
		if got := resources["FS"].Properties["Targets"].([]any)[0].(map[string]any)["Id"]; got != "chosen" {
			t.Errorf("the id of the target is %v", got)
		}
		for id, r := range resources {
			switch r.Type {
			case "AWS::ApiGateway::Deployment":
				ids[id] = true
			case "AWS::Lambda::Version":
				if r.Properties["Description"] != "first" {
					t.Errorf("the version: %v", r.Properties)
				}
			}
		}
	}
	if len(ids) != 2 {
		t.Errorf("another timeout is not deployed: %v", ids)
	}
	_, err := expandServerless(t, strings.NewReplacer("TIMEOUT", "5000, PayloadFormatVersion: '2.0'", "Id: chosen", "Id: chosen, Arn: x").Replace(form))
	for _, want := range []string{"does not support PayloadFormatVersion of the event A", "does not support Arn of Target of the event S"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %s", err, want)
		}
	}
}

// Everything that is wrong with a template of SAM is said at once.
func TestServerlessErrors(t *testing.T) {
	t.Parallel()
	_, err := expandServerless(t, serverlessHeader+`
  Local: {Type: AWS::Serverless::Function, Properties: {CodeUri: ./src, Events: {A: {Type: MSK}}}}
  Layer: {Type: AWS::Serverless::LayerVersion}
  Odd: {Type: AWS::Serverless::Function, Properties: {InlineCode: x, Colour: red, Policies: [{NoPolicy: {}}]}}
  Api: {Type: AWS::Serverless::Api, Properties: {DefinitionUri: x}}
`)
	if err == nil {
		t.Fatal("it was accepted")
	}
	for _, want := range []string{
		"Transform AWS::Serverless-2016-10-31 failed with: Invalid Serverless Application Specification document. Number of errors found: 8.",
		"[Local] is invalid. 'CodeUri' is not a valid S3 Uri", "package the template first, with sam package",
		"does not support the event A of type MSK",
		"does not support AWS::Serverless::LayerVersion",
		"does not support Colour of AWS::Serverless::Function",
		"does not support the policy template NoPolicy",
		"does not support DefinitionUri of AWS::Serverless::Api",
		"Missing required property 'StageName'",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %s", err, want)
		}
	}
}
