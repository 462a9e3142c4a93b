package localaws_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
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
