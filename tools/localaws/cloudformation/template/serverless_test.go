package template_test

import (
	"encoding/json"
	"maps"
	"reflect"
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

// What SAM makes of a value can depend on a parameter or a condition.
func TestServerlessChoices(t *testing.T) {
	t.Parallel()
	parsed, err := template.Parse(`
Transform: AWS::Serverless-2016-10-31
Parameters: {Shift: {Type: String}, Alias: {Type: String}}
Conditions: {C: {'Fn::Equals': [a, b]}}
Globals: {Function: {Runtime: nodejs22.x, Handler: index.handler, InlineCode: x, AutoPublishAlias: !Ref Alias, DeploymentPreference: {Type: !Ref Shift}}}
Resources:
  F: {Type: AWS::Serverless::Function, Properties: {Policies: [!If [C, SQSPollerPolicy: {QueueName: q}, AWSLambdaRole], !If [C, !Ref 'AWS::NoValue', Statement: []]]}}
  G: {Type: AWS::Serverless::Function, Properties: {Role: r, DeploymentPreference: {Type: !If [C, Canary10Percent5Minutes, Mine]}}}
`)
	if err != nil {
		t.Fatal(err)
	}
	expanded, err := parsed.Expand(&template.Scope{Template: parsed, Parameters: map[string]any{"Shift": "AllAtOnce", "Alias": "live"}})
	if err != nil {
		t.Fatal(err)
	}
	role := expanded.Resources["FRole"].Properties
	arns, inline := role["ManagedPolicyArns"].([]any), role["Policies"].([]any)
	none := map[string]any{"Ref": "AWS::NoValue"}
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"a parameter", expanded.Resources["FDeploymentGroup"].Properties["DeploymentConfigName"], "CodeDeployDefault.LambdaAllAtOnce"},
		{"a parameter as alias", expanded.Resources["FAliaslive"].Properties["Name"], "live"},
		{"a condition", expanded.Resources["GDeploymentGroup"].Properties["DeploymentConfigName"], map[string]any{"Fn::If": []any{"C", "CodeDeployDefault.LambdaCanary10Percent5Minutes", "Mine"}}},
		{"a managed policy", arns[len(arns)-1], map[string]any{"Fn::If": []any{"C", none, map[string]any{"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaRole"}}}},
		{"one or none", inline[1], map[string]any{"Fn::If": []any{"C", none, map[string]any{"PolicyName": "FRolePolicy1", "PolicyDocument": map[string]any{"Statement": []any{}}}}}},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
	if name := inline[0].(map[string]any)["Fn::If"].([]any)[1].(map[string]any)["PolicyName"]; name != "FRolePolicy0" {
		t.Errorf("%v", inline[0])
	}
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
			"F AWS::Lambda::Function, FURLInvokeAllowPublicAccess AWS::Lambda::Permission, FUrl AWS::Lambda::Url, FUrlPublicPermissions AWS::Lambda::Permission",
		},
		{
			"events", "  Q: {Type: AWS::SQS::Queue}\n  T: {Type: AWS::SNS::Topic}\n  F: {Type: AWS::Serverless::Function, Properties: {" + code + ", Role: arn, Events: {A: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn}}, B: {Type: SNS, Properties: {Topic: !Ref T}}, C: {Type: Schedule, Properties: {Schedule: rate(1 hour)}}}}}",
			"F AWS::Lambda::Function, FA AWS::Lambda::EventSourceMapping, FB AWS::SNS::Subscription, FBPermission AWS::Lambda::Permission, FC AWS::Events::Rule, FCPermission AWS::Lambda::Permission, Q AWS::SQS::Queue, T AWS::SNS::Topic",
		},
		{
			"API", "  F: {Type: AWS::Serverless::Function, Properties: {" + code + ", Role: arn, Events: {A: {Type: Api, Properties: {Path: '/a/{id}', Method: get}}}}}",
			"F AWS::Lambda::Function, FAPermissionProd AWS::Lambda::Permission, ServerlessRestApi AWS::ApiGateway::RestApi, ServerlessRestApiDeployment AWS::ApiGateway::Deployment, ServerlessRestApiProdStage AWS::ApiGateway::Stage",
		},
		{
			"HTTP API", "  F: {Type: AWS::Serverless::Function, Properties: {" + code + ", Role: arn, Events: {A: {Type: HttpApi}}}}",
			"F AWS::Lambda::Function, FAPermission AWS::Lambda::Permission, ServerlessHttpApi AWS::ApiGatewayV2::Api, ServerlessHttpApiApiGatewayDefaultStage AWS::ApiGatewayV2::Stage",
		},
		{
			"usage plan", "  A: {Type: AWS::Serverless::Api, Properties: {StageName: v1, DefinitionBody: {swagger: '2.0', paths: {/a: {get: {}}}}, Auth: {UsagePlan: {CreateUsagePlan: PER_API}}}}",
			"A AWS::ApiGateway::RestApi, AApiKey AWS::ApiGateway::ApiKey, ADeployment AWS::ApiGateway::Deployment, AUsagePlan AWS::ApiGateway::UsagePlan, AUsagePlanKey AWS::ApiGateway::UsagePlanKey, Av1Stage AWS::ApiGateway::Stage",
		},
		{
			"domains", "  A: {Type: AWS::Serverless::HttpApi, Properties: {Domain: {DomainName: admin.one.amazon.com, CertificateArn: c, BasePath: [/, /two], Route53: {HostedZoneId: abc123456, IpV6: true}}}}",
			"A AWS::ApiGatewayV2::Api, AApiGatewayDefaultStage AWS::ApiGatewayV2::Stage, AApiMapping AWS::ApiGatewayV2::ApiMapping, ApiGatewayDomainNameV25fe29fe649 AWS::ApiGatewayV2::DomainName, AtwoApiMapping AWS::ApiGatewayV2::ApiMapping, RecordSetGroup370194ff6e AWS::Route53::RecordSetGroup",
		},
		{
			"an authorizer", "  A: {Type: AWS::Serverless::Api, Properties: {StageName: v1, DefinitionBody: {swagger: '2.0', paths: {/a: {get: {}}}}, Auth: {DefaultAuthorizer: Own, Authorizers: {Own: {FunctionArn: arn}}}}}",
			"A AWS::ApiGateway::RestApi, ADeployment AWS::ApiGateway::Deployment, AOwnAuthorizerPermission AWS::Lambda::Permission, Av1Stage AWS::ApiGateway::Stage",
		},
		{
			"connectors", "  T: {Type: AWS::Serverless::SimpleTable}\n  Q: {Type: AWS::SQS::Queue, Connectors: {C: {Properties: {Destination: {Id: F}, Permissions: [Read, Write]}}}}\n" +
				"  F: {Type: AWS::Serverless::Function, Properties: {" + code + ", Events: {E: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn}}}}}\n" +
				"  C: {Type: AWS::Serverless::Connector, Properties: {Source: {Id: F}, Destination: [{Id: T}, {Id: N}], Permissions: [Write]}}\n  N: {Type: AWS::SNS::Topic}\n" +
				"  B: {Type: AWS::S3::Bucket, Connectors: {C: {Properties: {Destination: {Id: F}, Permissions: [Write]}}}}\n" +
				"  R: {Type: AWS::Events::Rule, Connectors: {C: {Properties: {Destination: {Id: N}, Permissions: [Write]}}, D: {Properties: {Destination: {Id: Q}, Permissions: [Write]}}}}",
			"B AWS::S3::Bucket, BCWriteLambdaPermission AWS::Lambda::Permission, CPolicyDestination0 AWS::IAM::ManagedPolicy, CPolicyDestination1 AWS::IAM::ManagedPolicy, F AWS::Lambda::Function, FE AWS::Lambda::EventSourceMapping, FRole AWS::IAM::Role, " +
				"N AWS::SNS::Topic, Q AWS::SQS::Queue, QCPolicy AWS::IAM::ManagedPolicy, R AWS::Events::Rule, RCTopicPolicy AWS::SNS::TopicPolicy, RDQueuePolicy AWS::SQS::QueuePolicy, T AWS::DynamoDB::Table",
		},
		{
			"schedule and destinations", "  F: {Type: AWS::Serverless::Function, Properties: {" + code + ", EventInvokeConfig: {DestinationConfig: {OnSuccess: {Type: SQS}}}, Events: {S: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 hour)}}}}}",
			"F AWS::Lambda::Function, FEventInvokeConfig AWS::Lambda::EventInvokeConfig, FEventInvokeConfigOnSuccessQueue AWS::SQS::Queue, FRole AWS::IAM::Role, FS AWS::Scheduler::Schedule, FSRole AWS::IAM::Role",
		},
		{"layer", "  L: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: s3://b/k}}\n  F: {Type: AWS::Serverless::Function, Properties: {" + code + ", Role: arn, Layers: [!Ref L]}}", "F AWS::Lambda::Function, LVersion AWS::Lambda::LayerVersion"},
		{"application", "  A: {Type: AWS::Serverless::Application, Properties: {Location: 'https://s3.amazonaws.com/b/k', Parameters: {P: v}}}", "A AWS::CloudFormation::Stack"},
		{"state machine", "  M: {Type: AWS::Serverless::StateMachine, Properties: {Definition: {StartAt: A}, Policies: [{SNSPublishMessagePolicy: {TopicName: t}}]}}", "M AWS::StepFunctions::StateMachine, MRole AWS::IAM::Role"},
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
			for _, hashed := range []string{"FVersion", "ServerlessRestApiDeployment", "ADeployment"} {
				if rest, ok := strings.CutPrefix(id, hashed); ok && len(rest) == 10 {
					id = hashed
				}
			}
			if typ == "AWS::Lambda::LayerVersion" && len(id) == 11 {
				id = "LVersion"
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
		paths := resources["ServerlessRestApi"].Properties["Body"].(map[string]any)["paths"].(map[string]any)
		integration := paths["/a"].(map[string]any)["get"].(map[string]any)["x-amazon-apigateway-integration"].(map[string]any)
		if got := strconv.FormatFloat(integration["timeoutInMillis"].(float64), 'f', -1, 64); got != timeout {
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
  Layer: {Type: AWS::Serverless::CapacityProvider}
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
		"does not support AWS::Serverless::CapacityProvider", "The REST API doesn't contain any methods",
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

// What a template says about who may call an API arrives in its document.
func TestServerlessAuth(t *testing.T) {
	t.Parallel()
	const form = serverlessHeader + `
  F:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: x
      Events:
        Default: {Type: Api, Properties: {RestApiId: !Ref A, Path: /default, Method: get}}
        Open: {Type: Api, Properties: {RestApiId: !Ref A, Path: /open, Method: any, Auth: {Authorizer: NONE}}}
        Signed: {Type: Api, Properties: {RestApiId: !Ref A, Path: /signed, Method: get, Auth: {Authorizer: AWS_IAM}}}
        Unkeyed: {Type: Api, Properties: {RestApiId: !Ref A, Path: /unkeyed, Method: get, Auth: {ApiKeyRequired: false, Authorizer: NONE}}}
        Scoped: {Type: Api, Properties: {RestApiId: !Ref A, Path: /scoped, Method: get, Auth: {Authorizer: Pool, AuthorizationScopes: [s]}}}
  A:
    Type: AWS::Serverless::Api
    Properties:
      StageName: v1
      Cors: "'*'"
      Auth:
        ApiKeyRequired: true
        AddApiKeyRequiredToCorsPreflight: false
        AddDefaultAuthorizerToCorsPreflight: false
        DefaultAuthorizer: Own
        Authorizers:
          Own: {FunctionArn: arn, FunctionPayloadType: REQUEST, Identity: {Headers: [X-A], QueryStrings: [q], ReauthorizeEvery: 60}}
          Pool: {UserPoolArn: pool, Identity: {ValidationExpression: v}}
`
	resources, err := expandServerless(t, form)
	if err != nil {
		t.Fatal(err)
	}
	body := resources["A"].Properties["Body"].(map[string]any)
	schemes := body["securityDefinitions"].(map[string]any)
	authorizer := schemes["Own"].(map[string]any)["x-amazon-apigateway-authorizer"].(map[string]any)
	if authorizer["identitySource"] != "method.request.header.X-A, method.request.querystring.q" || authorizer["authorizerResultTtlInSeconds"] != 60.0 || len(schemes) != 4 {
		t.Errorf("%v", schemes)
	}
	for at, want := range map[string]string{
		"/default get":                         `[{"Own":[],"api_key":[]}]`,
		"/default options":                     `null`,
		"/open x-amazon-apigateway-any-method": `[{"api_key":[]}]`,
		"/signed get":                          `[{"AWS_IAM":[],"api_key":[]}]`,
		"/unkeyed get":                         `[]`,
		"/scoped get":                          `[{"Pool":["s"],"api_key":[]}]`,
	} {
		path, method, _ := strings.Cut(at, " ")
		operation := body["paths"].(map[string]any)[path].(map[string]any)[method].(map[string]any)
		got, err := json.Marshal(operation["security"])
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, want %s", at, got, want)
		}
		integration := operation["x-amazon-apigateway-integration"].(map[string]any)
		if credentials := integration["credentials"]; (credentials == "arn:aws:iam::*:user/*") != (path == "/signed" && method == "get") {
			t.Errorf("%s: credentials %v", at, credentials)
		}
	}
	sent := body["paths"].(map[string]any)["/open"].(map[string]any)["options"].(map[string]any)["x-amazon-apigateway-integration"].(map[string]any)["responses"].(map[string]any)["default"].(map[string]any)["responseParameters"].(map[string]any)
	if sent["method.response.header.Access-Control-Allow-Methods"] != "'DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT'" || sent["method.response.header.Access-Control-Allow-Origin"] != "'*'" {
		t.Errorf("%v", sent)
	}
	for change, want := range map[string]string{
		"DefaultAuthorizer: Own>DefaultAuthorizer: Nobody":                   "Unable to set DefaultAuthorizer because 'Nobody' was not defined in 'Authorizers'",
		"Authorizer: Pool>Authorizer: Nobody":                                "Unable to set Authorizer [Nobody] on API method [get] for path [/scoped]",
		"UserPoolArn: pool>Colour: red":                                      "has no UserPoolArn, FunctionArn or JwtConfiguration",
		"ApiKeyRequired: true>ResourcePolicy: {}":                            "does not support Auth.ResourcePolicy of an API",
		"DefaultAuthorizer: Own>DefaultAuthorizer: !Sub '${AWS::StackName}'": "Unable to set DefaultAuthorizer because intrinsic functions are not supported for this field",
		"Authorizer: Pool>Authorizer: !Sub '${AWS::StackName}'":              "Unable to set Authorizer on API method [get] for path [/scoped] because intrinsic functions are not supported",
		"ApiKeyRequired: true>ApiKeyRequired: 'true'":                        "[A] is invalid. The embedded AWS supports only true and false as Auth.ApiKeyRequired",
		"ApiKeyRequired: false>ApiKeyRequired: 'false'":                      "[Unkeyed] is invalid. The embedded AWS supports only true and false as Auth.ApiKeyRequired",
	} {
		old, text, _ := strings.Cut(change, ">")
		if _, err := expandServerless(t, strings.Replace(form, old, text, 1)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", change, err, want)
		}
	}
}

// A connector gives what it connects the permissions that AWS documents.
func TestServerlessConnectors(t *testing.T) {
	t.Parallel()
	const form = serverlessHeader + `
  F: {Type: AWS::Serverless::Function, Properties: {InlineCode: x, Events: {E: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn}}}}}
  Q: {Type: AWS::SQS::Queue}
  C: {Type: AWS::Serverless::Connector, Properties: {Source: {Id: Q}, Destination: {Id: F}, Permissions: [Read, Write]}}
`
	resources, err := expandServerless(t, form)
	if err != nil {
		t.Fatal(err)
	}
	policy := resources["CPolicy"].Properties
	text, err := json.Marshal(policy)
	if err != nil || !strings.Contains(string(text), `"Action":["sqs:ReceiveMessage","sqs:GetQueueAttributes"]`) || !strings.Contains(string(text), `"Roles":[{"Ref":"FRole"}]`) {
		t.Errorf("%s", text)
	}
	if needs := resources["FE"].DependsOn; !slices.Equal(needs, []string{"CPolicy"}) {
		t.Errorf("the mapping depends on %v", needs)
	}
	for change, want := range map[string]string{
		"Source: {Id: Q}>Source: {Type: AWS::SQS::Queue}":                             "only connectors whose Source has the Id of a resource",
		"Source: {Id: Q}, Destination: {Id: F}>Source: {Id: Q}, Destination: {Id: Q}": "does not support connectors from AWS::SQS::Queue to AWS::SQS::Queue",
		"[Read, Write]>[All]":                          "Unsupported 'Permissions' provided for connector: All",
		"InlineCode: x>InlineCode: x, Role: arn:other": "F must have a Role of the same template",
	} {
		old, text, _ := strings.Cut(change, ">")
		if _, err := expandServerless(t, strings.Replace(form, old, text, 1)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", change, err, want)
		}
	}
}
