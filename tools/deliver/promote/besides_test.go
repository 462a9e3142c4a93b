package promote

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/deliver/appspec"
	"github.com/magewright/magewright/tools/deliver/canary"
	"github.com/magewright/magewright/tools/deliver/canary/picture"
	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/deliver/smoke"
	"github.com/magewright/magewright/tools/deliver/stagetest"
	"github.com/magewright/magewright/tools/project/stack"
)

// workerID is the logical id of the second function.
const workerID = "WorkerF0E1D2C3"

// packageOf returns the SHA-256 of the package of a commit.
func (s *scene) packageOf(t *testing.T, commit string) string {
	t.Helper()
	objects := s3.NewFromConfig(s.AWS, func(o *s3.Options) { o.UsePathStyle = true })
	got := stagetest.Must[*s3.GetObjectOutput](t)(objects.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("packages"), Key: &commit}))
	sum := sha256.Sum256(stagetest.Must[[]byte](t)(io.ReadAll(got.Body)))
	return hex.EncodeToString(sum[:])
}

// worker makes a second function beside the stage's, of the same code and without a URL,
// with two versions of which the second has a fault.
func (s *scene) worker(t *testing.T, fault string) stack.Outputs {
	t.Helper()
	ctx := t.Context()
	service := stagetest.Must[*lambda.GetFunctionOutput](t)(s.Functions.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: aws.String("service")}))
	environment := func(more string) *lambdatypes.Environment {
		return &lambdatypes.Environment{Variables: map[string]string{"RECORDS": t.TempDir(), "STAGE": "staging", "FAULT": more}}
	}
	stagetest.Must[*lambda.CreateFunctionOutput](t)(s.Functions.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: aws.String("worker"), Role: service.Configuration.Role, Handler: aws.String("bootstrap"), Runtime: service.Configuration.Runtime,
		Architectures: service.Configuration.Architectures, Timeout: aws.Int32(600), MemorySize: aws.Int32(256), Publish: true,
		Code:        &lambdatypes.FunctionCode{S3Bucket: aws.String("packages"), S3Key: &stagetest.Older},
		Environment: environment(""),
	}))
	stagetest.Must[*lambda.CreateAliasOutput](t)(s.Functions.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: aws.String("worker"), Name: aws.String("live"), FunctionVersion: aws.String("1")}))
	stagetest.Must[*lambda.UpdateFunctionConfigurationOutput](t)(s.Functions.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("worker"), Environment: environment(fault)}))
	stagetest.Must[*lambda.PublishVersionOutput](t)(s.Functions.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: aws.String("worker")}))
	stagetest.Must[*codedeploy.CreateApplicationOutput](t)(s.Deployments.CreateApplication(ctx, &codedeploy.CreateApplicationInput{ApplicationName: aws.String("work"), ComputePlatform: types.ComputePlatformLambda}))
	stagetest.Must[*codedeploy.CreateDeploymentGroupOutput](t)(s.Deployments.CreateDeploymentGroup(ctx, &codedeploy.CreateDeploymentGroupInput{
		ApplicationName: aws.String("work"), DeploymentGroupName: aws.String("workers"), ServiceRoleArn: service.Configuration.Role, DeploymentConfigName: aws.String(stagetest.AllAtOnce),
		AutoRollbackConfiguration: &types.AutoRollbackConfiguration{Enabled: true, Events: []types.AutoRollbackEvent{types.AutoRollbackEventDeploymentStopOnRequest}},
	}))
	return stack.Outputs{Stack: s.Outputs.Stack, LogicalID: workerID, FunctionName: "worker", AliasName: "live", DeploymentApplication: "work", DeploymentGroup: "workers"}
}

// both deploys the second version of both functions, and follows them to their ends.
func (s *scene) both(t *testing.T, probes string, fault string) (service, worker *types.DeploymentInfo) {
	t.Helper()
	o := s.worker(t, fault)
	if err := s.beside(t.Context(), s.AWS, o); err != nil {
		t.Fatal(err)
	}
	other := s.besides[0]
	other.clock, other.ask = s.clock, s.ask
	s.pkg, other.pkg = s.want[s.outputs.LogicalID], s.want[o.LogicalID]
	steps := stagetest.Must[probe.Steps](t)(probe.Parse([]byte("- {method: GET, path: healthz, status: 200}\n" + probes)))
	other.probes = steps.Of(o, false).Probes()
	send := other.traffic
	waits := s.Clock()
	other.traffic = func() *probe.Traffic { return waits.Heed(send()) }

	created := stagetest.Must[*codedeploy.CreateDeploymentOutput](t)(s.Deployments.CreateDeployment(t.Context(), &codedeploy.CreateDeploymentInput{
		ApplicationName: aws.String("work"), DeploymentGroupName: aws.String("workers"), DeploymentConfigName: aws.String(stagetest.Canary),
		Revision: appspec.Move{Function: "worker", Alias: "live", From: "1", To: "2"}.Revision(),
	}))
	id := s.Shift(t, "1", s.Publish(t, stagetest.Newer, nil), stagetest.Canary)
	following, end := context.WithCancel(t.Context())
	followed := make(chan struct{})
	go func() { defer close(followed); s.follow(following) }()
	worker = s.await(t, *created.DeploymentId)
	service = s.await(t, id)
	end()
	<-followed
	return service, worker
}

// Each function of a stage is judged by what it does itself: the canary of the bad one is
// stopped, whatever the others do.
func TestEachFunctionIsJudged(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	service, worker := s.both(t, "- {invoke: {}, function: Worker, probe: true}\n", "errors:0.5")
	if service.Status != types.DeploymentStatusSucceeded || worker.Status != types.DeploymentStatusStopped {
		t.Fatalf("the deployments are %s and %s", service.Status, worker.Status)
	}
	var r picture.Record
	data := stagetest.Must[[]byte](t)(os.ReadFile(filepath.Join(s.cfg.Evidence, "canary-worker.json")))
	if err := json.Unmarshal(data, &r); err != nil || r.Function != "worker" || r.Judgement.Verdict != canary.Fail {
		t.Errorf("the record of the worker is %+v, %v", r, err)
	}
	if r := s.saved(t); r.Function != "service" || r.Judgement.Verdict != canary.Pass {
		t.Errorf("the record of the service is %+v", r)
	}
	if o := s.troubled(); o.FunctionName != "worker" {
		t.Errorf("%s is to be explained", o.FunctionName)
	}
	if err := s.because(errors.New("cdk failed")); !strings.Contains(err.Error(), "the canary was stopped: worker: FAIL") {
		t.Errorf("the error is %v", err)
	}
}

// A function that nothing of ours reaches, and that gets no events, is left to its alarms,
// which is said.
func TestAFunctionThatNobodyCalls(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.want = smoke.Packages{"": s.packageOf(t, stagetest.Newer), workerID: s.packageOf(t, stagetest.Older)}
	service, worker := s.both(t, "", "")
	if service.Status != types.DeploymentStatusSucceeded || worker.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("the deployments are %s and %s", service.Status, worker.Status)
	}
	if said := s.out.String(); strings.Count(said, "NOT JUDGED: ") != 1 || !strings.Contains(said, "no step of the probes reaches worker; only its alarms watch the new version") {
		t.Errorf("it said %s", said)
	}
}
