package localaws_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/magewright/magewright/tools/internal/testinput"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/traffic"
)

// An invocation has the id of its request, which serves to find its log. It
// continues its caller's trace. Both also hold through a function URL.
func TestInvocationsAreTheirRequests(t *testing.T) {
	t.Parallel()
	testinput.Read(t, "tools/localaws/lambda/testdata/function", "go.mod", "go.sum")
	zip, err := traffic.BuildPackage(t.Context(), "github.com/magewright/magewright/tools/localaws/lambda/testdata/function")
	if err != nil {
		t.Fatal(err)
	}
	cfg := start(t)
	ctx, name := t.Context(), aws.String("traced")
	if err := traffic.Function(ctx, traffic.Config{AWS: cfg, Name: *name, Zip: zip, Timeout: patient, Architecture: localaws.HostContext()["architecture"].(string)}); err != nil {
		t.Fatal(err)
	}
	functions := lambda.NewFromConfig(cfg)
	const (
		trace  = "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1"
		header = "X-Amzn-Trace-Id"
	)
	out, err := functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: name, Payload: []byte(`{"do":"context"}`)}, func(o *lambda.Options) {
		o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue(header, trace))
	})
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ ID, Trace string }
	if err := json.Unmarshal(out.Payload, &got); err != nil {
		t.Fatal(err)
	}
	if id, _ := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata); id == "" || got.ID != id || got.Trace != trace {
		t.Errorf("request %q, function %+v", id, got)
	}

	made, err := functions.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigInput{FunctionName: name, AuthType: lambdatypes.FunctionUrlAuthTypeNone})
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"} {
		if _, err := functions.AddPermission(ctx, &lambda.AddPermissionInput{FunctionName: name, StatementId: aws.String(action[7:]), Action: aws.String(action), Principal: aws.String("*")}); err != nil {
			t.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, *made.FunctionUrl, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(header, "Self=1-67891234-12456789abcdef012345678;"+strings.TrimSuffix(trace, ";Sampled=1"))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var event struct {
		Headers        map[string]string
		RequestContext struct{ RequestID string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&event); err != nil {
		t.Fatal(err)
	}
	if event.Headers["x-amzn-trace-id"] != strings.Replace(trace, "Sampled=1", "Sampled=0", 1) || event.RequestContext.RequestID != resp.Header.Get("X-Amzn-Requestid") {
		t.Errorf("%+v, headers %v", event, resp.Header)
	}
}
