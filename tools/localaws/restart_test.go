package localaws_test

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	deploytypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/traffic"
)

// The endpoint stops in the middle of a deployment and is started again. The
// old clients must learn that it is stopping, then that it is not reachable,
// and then that it no longer knows the deployment. No SDK may retry any of
// these errors for minutes.
func TestRestartInADeployment(t *testing.T) {
	t.Parallel()
	zip, err := function()
	if err != nil {
		t.Fatal(err)
	}
	launch := func(addr string) *localaws.Server {
		t.Helper()
		server, err := localaws.Start(t.Context(), localaws.Config{Addr: addr, Clock: clock.NewElastic(1), Secret: "the same", Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return server
	}
	server := launch("127.0.0.1:0")
	cfg := clientsOf(server)
	functions, deployments := lambda.NewFromConfig(cfg), codedeploy.NewFromConfig(cfg)

	// The deployment takes five minutes.
	canaried := make(chan error, 1)
	go func() {
		_, err := traffic.Run(t.Context(), traffic.Config{
			AWS: cfg, Name: "interrupted", Zip: zip, Clock: clock.System(), Rate: 20,
			// With MaxErrorPercent 100 there is no alarm.
			Architecture: localaws.HostContext()["architecture"].(string), Fault: traffic.Hang, MaxErrorPercent: 100,
		})
		canaried <- err
	}()
	id := awaitDeployment(t, deployments, "interrupted")

	// These invocations hang. One is in progress when the endpoint stops.
	hanging := make(chan error, 1)
	go func() {
		for {
			out, err := functions.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("interrupted"), Qualifier: aws.String("2")})
			if err != nil || out.FunctionError == nil {
				hanging <- err
				return
			}
		}
	}()
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-hanging; !stopped(err) {
		t.Errorf("who invoked the function was told %v", err)
	}
	if err := <-canaried; !stopped(err) {
		t.Errorf("who waited for the deployment was told %v", err)
	}
	// This client has no old connections, which would break in other ways.
	late := codedeploy.NewFromConfig(clientsOf(server))
	if _, err := late.GetDeployment(t.Context(), &codedeploy.GetDeploymentInput{DeploymentId: id}); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("while there is no endpoint: %v", err)
	}

	again := launch(strings.TrimPrefix(server.URL, "http://"))
	t.Cleanup(func() {
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	})
	_, err = late.GetDeployment(t.Context(), &codedeploy.GetDeploymentInput{DeploymentId: id})
	if unknown, ok := errors.AsType[*deploytypes.DeploymentDoesNotExistException](err); !ok || *unknown.Message != "The deployment "+*id+" could not be found" {
		t.Errorf("the deployment, afterwards: %v", err)
	}
	_, err = lambda.NewFromConfig(cfg).GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("interrupted")})
	if _, ok := errors.AsType[*lambdatypes.ResourceNotFoundException](err); !ok {
		t.Errorf("the function, afterwards: %v", err)
	}
	_, err = cloudformation.NewFromConfig(cfg).DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("interrupted")})
	if err == nil || !strings.Contains(err.Error(), "Stack with id interrupted does not exist") {
		t.Errorf("its stack, afterwards: %v", err)
	}
}

// stopped reports whether an error says that the endpoint is stopping, as a
// client fault, or that it can't be reached.
func stopped(err error) bool {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		answer, ok := errors.AsType[*smithyhttp.ResponseError](err)
		return ok && answer.HTTPStatusCode() == http.StatusBadRequest && api.ErrorCode() == "ServiceUnavailableException" &&
			strings.Contains(api.ErrorMessage(), "The embedded AWS is stopping.")
	}
	_, unreachable := errors.AsType[*smithyhttp.RequestSendError](err)
	return unreachable
}

// awaitDeployment waits until the alias has two versions, and returns the id of
// the application's deployment.
func awaitDeployment(t *testing.T, deployments *codedeploy.Client, application string) *string {
	t.Helper()
	for {
		list, err := deployments.ListDeployments(t.Context(), &codedeploy.ListDeploymentsInput{})
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Deployments) > 0 {
			out, err := deployments.GetDeploymentTarget(t.Context(), &codedeploy.GetDeploymentTargetInput{
				DeploymentId: &list.Deployments[0], TargetId: aws.String(application + ":live"),
			})
			if err != nil {
				t.Fatal(err)
			}
			if out.DeploymentTarget.LambdaTarget.LambdaFunctionInfo.TargetVersionWeight > 0 {
				return &list.Deployments[0]
			}
		}
		pause(t)
	}
}

// pause yields the processors to the goroutine or process that a test waits for.
func pause(t testing.TB) {
	t.Helper()
	if err := clock.Sleep(t.Context(), clock.System(), 2*time.Millisecond); err != nil {
		t.Fatal(err)
	}
}
