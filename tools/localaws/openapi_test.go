package localaws_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	apigatewaytypes "github.com/aws/aws-sdk-go-v2/service/apigateway/types"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// documented has a REST API and an HTTP API that are made of OpenAPI documents, and one
// of SAM whose function adds a route to its document.
const documented = `
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs22.x
      Handler: index.handler
      InlineCode: "exports.handler = async (e) => ({ statusCode: 200, body: 'hello ' + (e.version ?? '-') + ' ' + (e.path ?? e.rawPath) })"
      Events: {More: {Type: Api, Properties: {RestApiId: !Ref Sam, Path: /more, Method: get}}}
  Sam:
    Type: AWS::Serverless::Api
    Properties:
      StageName: prod
      DefinitionBody:
        swagger: "2.0"
        info: {title: sam, version: "1"}
        paths:
          "/given/{id}": {get: {x-amazon-apigateway-integration: {type: aws_proxy, httpMethod: POST, uri: !Sub "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Hello.Arn}/invocations"}}}
  Rest:
    Type: AWS::ApiGateway::RestApi
    Properties:
      Parameters: {endpointConfigurationTypes: REGIONAL}
      Body:
        openapi: 3.0.1
        info: {title: rest}
        x-amazon-apigateway-request-validators: {all: {validateRequestBody: true, validateRequestParameters: true}}
        x-amazon-apigateway-gateway-responses: {DEFAULT_4XX: {statusCode: 418, responseTemplates: {application/json: '{"teapot": true}'}}}
        components:
          schemas: {Order: {type: object, required: [id], properties: {id: {type: string}}}}
          securitySchemes: {key: {type: apiKey, name: x-api-key, in: header}}
        paths:
          /orders:
            post:
              x-amazon-apigateway-request-validator: all
              requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
              parameters: [{name: dry, in: query, required: true}]
              responses: {"201": {headers: {X-Made: {schema: {type: string}}}}}
              x-amazon-apigateway-integration:
                type: mock
                requestTemplates: {application/json: '{"statusCode": 201}'}
                responses: {default: {statusCode: 201, responseParameters: {method.response.header.X-Made: "'VALUE'"}, responseTemplates: {application/json: '{"made": true}'}}}
          /secret: {get: {security: [{key: []}], x-amazon-apigateway-integration: {type: mock}}}
  DeploymentVALUE: {Type: AWS::ApiGateway::Deployment, Properties: {RestApiId: !Ref Rest}}
  Stage: {Type: AWS::ApiGateway::Stage, Properties: {RestApiId: !Ref Rest, StageName: v1, DeploymentId: !Ref DeploymentVALUE}}
  Http:
    Type: AWS::ApiGatewayV2::Api
    Properties:
      Body:
        openapi: 3.0.1
        info: {title: http}
        x-amazon-apigateway-cors: {allowOrigins: ["https://a.example"]}
        paths:
          "/items/{id}": {get: {x-amazon-apigateway-integration: {type: aws_proxy, payloadFormatVersion: 2.0, uri: !Sub "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Hello.Arn}/invocations"}}}
  HttpStage: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Http, StageName: $default, AutoDeploy: true}}
  Asked: {Type: AWS::Lambda::Permission, Properties: {FunctionName: !Ref Hello, Action: "lambda:InvokeFunction", Principal: apigateway.amazonaws.com}}
Outputs:
  Sam: {Value: !Sub "https://${Sam}.execute-api.${AWS::Region}.amazonaws.com/prod"}
  Rest: {Value: !Sub "https://${Rest}.execute-api.${AWS::Region}.amazonaws.com/v1"}
  RestId: {Value: !Ref Rest}
  Http: {Value: !Sub "https://${Http}.execute-api.${AWS::Region}.amazonaws.com"}
`

func TestAPIsOfDocuments(t *testing.T) {
	t.Parallel()
	d := newDeployer(t)
	if status, reasons := d.apply("documented", strings.ReplaceAll(documented, "VALUE", "one")); status != types.StackStatusCreateComplete {
		t.Fatalf("%s\n%s", status, reasons)
	}
	out := d.outputs("documented")
	for _, c := range []struct {
		method, url, body string
		status            int
		want, made        string
	}{
		{"GET", out["Sam"] + "/given/1", "", 200, "hello - /given/1", ""},
		{"GET", out["Sam"] + "/more", "", 200, "hello - /more", ""},
		{"POST", out["Rest"] + "/orders?dry=1", `{"id":"1"}`, 201, `{"made": true}`, "one"},
		{"POST", out["Rest"] + "/orders?dry=1", `{}`, 418, `{"teapot": true}`, ""},
		{"POST", out["Rest"] + "/orders", `{"id":"1"}`, 418, `{"teapot": true}`, ""},
		{"GET", out["Rest"] + "/secret", "", 418, `{"teapot": true}`, ""},
		{"GET", out["Http"] + "/items/1", "", 200, "hello 2.0 /items/1", ""},
		{"GET", out["Http"] + "/others", "", 404, `{"message":"Not Found"}`, ""},
	} {
		status, header, body := request(t, c.method, c.url, c.body, "Content-Type", "application/json", "Origin", "https://a.example")
		if status != c.status || body != c.want || header.Get("X-Made") != c.made {
			t.Errorf("%s %s: %d %s %q, want %d %s %q", c.method, c.url, status, body, header.Get("X-Made"), c.status, c.want, c.made)
		}
	}
	// Another document replaces the API, for those stages that get a new deployment.
	if status, reasons := d.apply("documented", strings.ReplaceAll(documented, "VALUE", "two")); status != types.StackStatusUpdateComplete {
		t.Fatalf("%s\n%s", status, reasons)
	}
	if _, header, _ := request(t, "POST", out["Rest"]+"/orders?dry=1", `{"id":"1"}`, "Content-Type", "application/json"); header.Get("X-Made") != "two" {
		t.Errorf("after the update: %v", header)
	}

	// A document that can't be imported changes nothing.
	rest, http := apigateway.NewFromConfig(clientsOf(d.server)), apigatewayv2.NewFromConfig(clientsOf(d.server))
	for body, want := range map[string]string{
		"openapi: 3.1.0": "OpenAPI 3.1.0 is not supported",
		"{}":             "neither swagger",
		`{"swagger": "2.0", "x-amazon-apigateway-policy": {}}`:                                                                                  "x-amazon-apigateway-policy is not supported",
		`{"swagger": "2.0", "paths": {"/a": {"get": {"x-amazon-apigateway-integration": {"type": "http", "uri": "http://x"}}}}}`:                "An integration of type HTTP is not supported",
		`{"swagger": "2.0", "paths": {"/a": {"get": {"security": [{"nobody": []}]}}}}`:                                                          "Security scheme nobody of GET /a is not defined",
		`{"swagger": "2.0", "paths": {"/a": {"get": {"parameters": [{"in": "body", "schema": {"type": "object"}}]}}}}`:                          "whose schema is not a model",
		`{"swagger": "2.0", "paths": {"/a": {"get": {"x-amazon-apigateway-integration": {"type": "mock", "cacheKeyParameters": ["a"]}}}}}`:      "CacheKeyParameters is not supported",
		`{"swagger": "2.0", "paths": {"/a": {"get": {"x-amazon-apigateway-integration": {"type": "mock", "colour": "red"}}}}}`:                  "colour is not supported",
		`{"swagger": "2.0", "paths": {"/a": {"get": {"x-amazon-apigateway-auth": {"type": "AWS_IAM"}}}}}`:                                       "x-amazon-apigateway-auth of type AWS_IAM is not supported",
		`{"swagger": "2.0", "paths": {"/a": {"get": {"security": [{"a": []}, {"b": []}]}}}}`:                                                    "more than one requirement of security",
		`{"swagger": "2.0", "securityDefinitions": {"z": {"x-amazon-apigateway-authorizer": {"type": "cognito_user_pools"}}}, "paths": {}}`:     "ProviderARNs is required for an authorizer of type COGNITO_USER_POOLS",
		`{"swagger": "2.0", "x-amazon-apigateway-request-validator": "none", "paths": {"/a": {"get": {}}}}`:                                     "Invalid request validator specified: none",
		`{"swagger": "2.0", "paths": {"/a": {"get": {"responses": {"200": {}}, "x-amazon-apigateway-integration": {"type": "aws_proxy"}}}}}`:    "currently only supports Lambda function",
		`{"swagger": "2.0", "securityDefinitions": {"z": {"type": "oauth2"}}, "paths": {"/a": {"get": {"security": [{"z": []}]}}}}`:             "The security scheme z is not supported",
		`{"swagger": "2.0", "paths": {"/a": {"get": {"parameters": [{"$ref": "#/parameters/p"}]}}}}`:                                            "a reference to a parameter is not supported",
		`{"swagger": "2.0", "paths": {"/a": {"x-amazon-apigateway-any-method": {"parameters": [{"in": "formData", "name": "f"}]}, "get": {}}}}`: "A parameter in formData is not supported",
	} {
		_, err := rest.PutRestApi(t.Context(), &apigateway.PutRestApiInput{RestApiId: aws.String(out["RestId"]), Mode: apigatewaytypes.PutModeOverwrite, Body: []byte(body)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
	resources, err := rest.GetResources(t.Context(), &apigateway.GetResourcesInput{RestApiId: aws.String(out["RestId"])})
	if err != nil || len(resources.Items) != 3 {
		t.Errorf("%v %v", resources, err)
	}
	before, err := http.GetApis(t.Context(), &apigatewayv2.GetApisInput{})
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{
		`{"openapi": "3.0.1", "info": {"title": "t"}, "paths": {"/a": {"get": {"x-amazon-apigateway-integration": {"type": "http_proxy", "uri": "http://x"}}}}}`:   "IntegrationType HTTP_PROXY is not supported",
		`{"openapi": "3.0.1", "info": {"title": "t"}, "x-amazon-apigateway-importexport-version": "1.0"}`:                                                          "x-amazon-apigateway-importexport-version is not supported",
		`{"openapi": "3.0.1", "info": {"title": "t"}, "components": {"securitySchemes": {"j": {"x-amazon-apigateway-authorizer": {"type": "jwt"}}}}, "paths": {}}`: "A JWT authorizer needs one identity source",
	} {
		if _, err := http.ImportApi(t.Context(), &apigatewayv2.ImportApiInput{Body: &body}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
	made, err := http.ImportApi(t.Context(), &apigatewayv2.ImportApiInput{Body: aws.String(`{"openapi": "3.0.1", "info": {"title": "t", "version": "2"}, "paths": {"/a": {"get": {}}}}`)})
	if err != nil || aws.ToString(made.Name) != "t" || aws.ToString(made.Version) != "2" {
		t.Fatalf("%v %v", made, err)
	}
	routes, err := http.GetRoutes(t.Context(), &apigatewayv2.GetRoutesInput{ApiId: made.ApiId})
	if err != nil || len(routes.Items) != 1 || *routes.Items[0].RouteKey != "GET /a" {
		t.Errorf("%v %v", routes, err)
	}
	after, err := http.GetApis(t.Context(), &apigatewayv2.GetApisInput{})
	if err != nil || len(after.Items) != len(before.Items)+1 {
		t.Errorf("%v %v", after, err)
	}

	// What can be known is refused before anything is created.
	_, reasons := d.apply("refused", `
Resources:
  Rest:
    Type: AWS::ApiGateway::RestApi
    Properties:
      Mode: merge
      Parameters: {basepath: prepend}
      DisableExecuteApiEndpoint: true
      Body:
        swagger: "2.0"
        x-amazon-apigateway-api-key-source: AUTHORIZER
        paths: {/b: {get: {x-amazon-apigateway-integration: {type: aws_proxy, credentials: r, uri: !Ref Topic}}}, /a: {get: {x-amazon-apigateway-integration: {type: aws, uri: "arn:aws:apigateway:us-east-1:kinesis:action/PutRecord"}}}}
  Topic: {Type: AWS::SNS::Topic}
  Http: {Type: AWS::ApiGatewayV2::Api, Properties: {Body: {openapi: 3.1.0}}}
`)
	for _, want := range []string{
		"Mode merge of AWS::ApiGateway::RestApi", "the parameter basepath of AWS::ApiGateway::RestApi", "DisableExecuteApiEndpoint of AWS::ApiGateway::RestApi",
		"integrations with kinesis of AWS::ApiGateway::RestApi",
		"Body of AWS::ApiGatewayV2::Api: OpenAPI 3.1.0 is not supported",
		"the API key source AUTHORIZER of AWS::ApiGateway::RestApi", "credentials of an integration with a function of AWS::ApiGateway::RestApi",
	} {
		if !strings.Contains(reasons, want) {
			t.Errorf("%s lacks %s", reasons, want)
		}
	}
}
