package localaws_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws"
)

// A template of SAM deploys, and its APIs answer.
func TestServerless(t *testing.T) {
	t.Parallel()
	d := newDeployer(t)
	status, reasons := d.apply("sam", `
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: nodejs22.x, Handler: index.handler, Timeout: 30, MemorySize: 256}
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: "exports.handler = async (event) => ({ statusCode: 200, body: 'hello ' + (event.pathParameters?.name ?? event.rawPath) })"
      AutoPublishAlias: live
      DeploymentPreference: {Type: AllAtOnce}
      Policies: [{SQSSendMessagePolicy: {QueueName: !GetAtt Jobs.QueueName}}]
      Events:
        Rest: {Type: Api, Properties: {Path: "/hello/{name}", Method: get}}
        Http: {Type: HttpApi, Properties: {Path: /greet, Method: get}}
        Daily: {Type: Schedule, Properties: {Schedule: rate(1 day)}}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: "exports.handler = async () => ({ batchItemFailures: [] })"
      Events:
        Jobs: {Type: SQS, Properties: {Queue: !GetAtt Jobs.Arn, BatchSize: 5, FunctionResponseTypes: [ReportBatchItemFailures]}}
  Jobs: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 60}}
  Table: {Type: AWS::Serverless::SimpleTable}
Outputs:
  Rest: {Value: !Sub "https://${ServerlessRestApi}.execute-api.${AWS::Region}.amazonaws.com/Prod/hello/you"}
  Http: {Value: !Sub "https://${ServerlessHttpApi}.execute-api.${AWS::Region}.amazonaws.com/greet"}
`)
	if status != types.StackStatusCreateComplete {
		t.Fatalf("%s\n%s", status, reasons)
	}
	for name, want := range map[string]string{"Rest": "hello you", "Http": "hello /greet"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.outputs("sam")[name], nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if closeErr := response.Body.Close(); err != nil || closeErr != nil || string(body) != want {
			t.Errorf("%s: %d %s %v", name, response.StatusCode, body, err)
		}
	}
}

// APIs of SAM decide who may call them as the template says: with keys, authorizers and
// signatures. Browsers may read their answers.
func TestServerlessAuth(t *testing.T) {
	t.Parallel()
	d := newDeployer(t)
	status, reasons := d.apply("auth", `
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: nodejs22.x, Handler: index.handler, Timeout: 30}
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: "exports.handler = async (event) => ({ statusCode: 200, body: 'hello ' + (event.requestContext.authorizer?.principalId ?? event.requestContext.authorizer?.lambda?.who ?? 'all') })"
      Events:
        Default: {Type: Api, Properties: {RestApiId: !Ref Rest, Path: /default, Method: get}}
        Keyed: {Type: Api, Properties: {RestApiId: !Ref Rest, Path: /keyed, Method: get, Auth: {Authorizer: NONE, ApiKeyRequired: true}}}
        Signed: {Type: Api, Properties: {RestApiId: !Ref Rest, Path: /signed, Method: get, Auth: {Authorizer: AWS_IAM}}}
        Pool: {Type: Api, Properties: {RestApiId: !Ref Rest, Path: /pool, Method: get, Auth: {Authorizer: Pool}}}
        Http: {Type: HttpApi, Properties: {ApiId: !Ref Http, Path: /default, Method: get}}
        Open: {Type: HttpApi, Properties: {ApiId: !Ref Http, Path: /open, Method: get, Auth: {Authorizer: NONE}}}
  Own:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: |
        exports.handler = async (event) => event.type === 'TOKEN'
          ? { principalId: 'me', policyDocument: { Version: '2012-10-17', Statement: [{ Action: 'execute-api:Invoke', Effect: event.authorizationToken === 'good' ? 'Allow' : 'Deny', Resource: event.methodArn }] } }
          : { isAuthorized: event.identitySource[0] === 'good', context: { who: 'me' } }
  Rest:
    Type: AWS::Serverless::Api
    Properties:
      StageName: v1
      Cors: {AllowOrigin: "'https://a.example'", AllowHeaders: "'X-A'", AllowCredentials: true}
      GatewayResponses: {UNAUTHORIZED: {StatusCode: 418, ResponseParameters: {Headers: {X-Why: "'no token'"}}}}
      Auth:
        DefaultAuthorizer: Own
        AddDefaultAuthorizerToCorsPreflight: false
        Authorizers:
          Own: {FunctionArn: !GetAtt Own.Arn}
          Pool: {UserPoolArn: !GetAtt Users.Arn}
        UsagePlan: {CreateUsagePlan: PER_API}
  Users: {Type: AWS::Cognito::UserPool}
  Http:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration: {AllowOrigins: [https://a.example], AllowMethods: [GET]}
      Auth:
        DefaultAuthorizer: Own
        Authorizers:
          Own: {FunctionArn: !GetAtt Own.Arn, AuthorizerPayloadFormatVersion: '2.0', EnableSimpleResponses: true, EnableFunctionDefaultPermissions: true, Identity: {Headers: [Authorization]}}
          Pool: {JwtConfiguration: {issuer: !Sub 'https://cognito-idp.${AWS::Region}.amazonaws.com/${Users}', audience: [a]}, IdentitySource: $request.header.Authorization}
  Unprivileged:
    Type: AWS::IAM::Role
    Properties: {AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: sts:AssumeRole, Principal: {AWS: !Ref AWS::AccountId}}]}}
Outputs:
  Rest: {Value: !Sub "https://${Rest}.execute-api.${AWS::Region}.amazonaws.com/v1"}
  Http: {Value: !Sub "https://${Http}.execute-api.${AWS::Region}.amazonaws.com"}
  Key: {Value: !Ref RestApiKey}
  Role: {Value: !GetAtt Unprivileged.Arn}
`)
	if status != types.StackStatusCreateComplete || !strings.Contains(reasons, "NOT REHEARSED: the embedded AWS does not run Cognito") {
		t.Fatalf("%s\n%s", status, reasons)
	}
	out := d.outputs("auth")
	key, err := apigateway.NewFromConfig(clientsOf(d.server)).GetApiKey(t.Context(), &apigateway.GetApiKeyInput{ApiKey: aws.String(out["Key"]), IncludeValue: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, url, name, value string
		status                   int
		want                     string // in the body, or of a header with its name before a colon
	}{
		{"GET", "Rest/default", "Authorization", "good", 200, "hello me"},
		{"GET", "Rest/default", "Authorization", "bad", 403, "not authorized"},
		{"GET", "Rest/default", "X", "y", 418, "X-Why:no token"},
		{"GET", "Rest/keyed", "X", "y", 403, "Forbidden"},
		{"GET", "Rest/keyed", "X-Api-Key", *key.Value, 200, "hello all"},
		{"GET", "Rest/signed", "X", "y", 403, "Missing Authentication Token"},
		{"GET", "Rest/pool", "X", "y", 418, "X-Why:no token"},
		{"GET", "Rest/pool", "Authorization", "t", 500, ""},
		{"OPTIONS", "Rest/default", "Origin", "https://a.example", 200, "Access-Control-Allow-Origin:https://a.example"},
		{"OPTIONS", "Rest/default", "Origin", "https://a.example", 200, "Access-Control-Allow-Methods:GET,OPTIONS"},
		{"OPTIONS", "Rest/default", "Origin", "https://a.example", 200, "Access-Control-Allow-Credentials:true"},
		{"GET", "Http/default", "Authorization", "good", 200, "hello me"},
		{"GET", "Http/default", "Authorization", "bad", 403, "Forbidden"},
		{"GET", "Http/default", "X", "y", 401, "Unauthorized"},
		{"GET", "Http/open", "Origin", "https://a.example", 200, "Access-Control-Allow-Origin:https://a.example"},
	} {
		api, path, _ := strings.Cut(c.url, "/")
		status, header, body := request(t, c.method, out[api]+"/"+path, "", c.name, c.value)
		got := body
		name, want, isHeader := strings.Cut(c.want, ":")
		if isHeader {
			got = header.Get(name)
		} else {
			want = c.want
		}
		if status != c.status || !strings.Contains(got, want) {
			t.Errorf("%s %s with %s %s: %d %q, want %d %q", c.method, c.url, c.name, c.value, status, got, c.status, c.want)
		}
	}

	// The function is invoked with the permissions of whoever signs.
	cfg := clientsOf(d.server)
	user, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	session, err := awssts.NewFromConfig(cfg).AssumeRole(t.Context(), &awssts.AssumeRoleInput{RoleArn: aws.String(out["Role"]), RoleSessionName: aws.String("caller")})
	if err != nil {
		t.Fatal(err)
	}
	of := session.Credentials
	for who, c := range map[string]struct {
		credentials aws.Credentials
		status      int
	}{
		"the user":              {user, 200},
		"a role without rights": {aws.Credentials{AccessKeyID: *of.AccessKeyId, SecretAccessKey: *of.SecretAccessKey, SessionToken: *of.SessionToken}, 500},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, out["Rest"]+"/signed", nil)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(nil)
		if err := v4.NewSigner().SignHTTP(t.Context(), c.credentials, r, hex.EncodeToString(sum[:]), "execute-api", localaws.DefaultRegion, clock.System().Now()); err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", who, response.StatusCode, c.status)
		}
	}
}
