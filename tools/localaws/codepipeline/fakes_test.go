package codepipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	awscodebuild "github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	cdtypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/codebuild"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// objects is an S3 in memory.
type objects struct {
	mu   sync.Mutex
	held map[string][]byte
}

func (o *objects) PutObject(_ context.Context, in *awss3.PutObjectInput) (*awss3.PutObjectOutput, error) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	name := *in.Bucket + "/" + *in.Key
	if _, twice := o.held[name]; twice {
		return nil, fmt.Errorf("%s is written twice", name)
	}
	o.held[name] = body
	return &awss3.PutObjectOutput{}, nil
}

func (o *objects) get(bucket, key string) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	body, ok := o.held[bucket+"/"+key]
	if !ok {
		return nil, fmt.Errorf("no object s3://%s/%s", bucket, key)
	}
	return body, nil
}

func (o *objects) GetObject(_ context.Context, in *awss3.GetObjectInput) (*awss3.GetObjectOutput, error) {
	body, err := o.get(*in.Bucket, *in.Key)
	if err != nil {
		return nil, err
	}
	version := "v1"
	if in.VersionId != nil {
		version = *in.VersionId
	}
	return &awss3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(body)), VersionId: aws.String(version), ETag: aws.String(`"etag"`)}, nil
}

func (o *objects) HeadObject(_ context.Context, in *awss3.HeadObjectInput) (*awss3.HeadObjectOutput, error) {
	_, err := o.get(*in.Bucket, *in.Key)
	return &awss3.HeadObjectOutput{}, err
}

// builds is a CodeBuild whose builds wait until the test ends them. If there is
// a script, they end by themselves.
type builds struct {
	objects *objects
	script  func(codebuild.PipelineBuild) bool // returns whether the build succeeds

	mu      sync.Mutex
	started []codebuild.PipelineBuild
	running map[string]*running // by project; one at a time
	byID    map[string]*running
	stopped []string
	changed *sync.Cond
	left    chan error // why a caller stopped waiting for a build
}

type running struct {
	request codebuild.PipelineBuild
	end     chan *cbtypes.Build
}

func newBuilds(o *objects) *builds {
	b := &builds{objects: o, running: map[string]*running{}, byID: map[string]*running{}, left: make(chan error, 10)}
	b.changed = sync.NewCond(&b.mu)
	return b
}

func (b *builds) StartPipelineBuild(_ context.Context, request codebuild.PipelineBuild) (*awscodebuild.StartBuildOutput, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, input := range request.Inputs {
		if _, err := b.objects.get(input.Bucket, input.Key); err != nil {
			return nil, err
		}
	}
	b.started = append(b.started, request)
	project := nameOf(request)
	id := fmt.Sprintf("%s:%d", project, len(b.started))
	r := &running{request: request, end: make(chan *cbtypes.Build, 1)}
	b.byID[id] = r
	b.running[project] = r
	b.changed.Broadcast()
	if b.script != nil {
		b.finish(r, b.script(request), nil)
	}
	return &awscodebuild.StartBuildOutput{Build: &cbtypes.Build{Id: aws.String(id)}}, nil
}

// nameOf returns the project of a build or, if it runs commands, its action.
func nameOf(request codebuild.PipelineBuild) string {
	if request.Commands != nil {
		return request.ActionName
	}
	return *request.Start.ProjectName
}

func (b *builds) WaitBuild(ctx context.Context, id string) (*cbtypes.Build, error) {
	b.mu.Lock()
	r := b.byID[id]
	b.mu.Unlock()
	select {
	case <-ctx.Done():
		b.left <- context.Cause(ctx)
		return nil, context.Cause(ctx)
	case build := <-r.end:
		build.Id = aws.String(id)
		return build, nil
	}
}

func (b *builds) StopBuild(_ context.Context, in *awscodebuild.StopBuildInput) (*awscodebuild.StopBuildOutput, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = append(b.stopped, *in.Id)
	return &awscodebuild.StopBuildOutput{}, nil
}

func (b *builds) finish(r *running, ok bool, exports map[string]string) {
	build := &cbtypes.Build{BuildStatus: cbtypes.StatusTypeSucceeded}
	if !ok {
		build.BuildStatus = cbtypes.StatusTypeFailed
		build.Phases = []cbtypes.BuildPhase{
			{PhaseType: cbtypes.BuildPhaseTypeInstall, PhaseStatus: cbtypes.StatusTypeSucceeded},
			{PhaseType: cbtypes.BuildPhaseTypeBuild, PhaseStatus: cbtypes.StatusTypeFailed, Contexts: []cbtypes.PhaseContext{{
				StatusCode: aws.String("COMMAND_EXECUTION_ERROR"), Message: aws.String("Error while executing command: false. Reason: exit status 1"),
			}}},
		}
	}
	for name, value := range exports {
		build.ExportedEnvironmentVariables = append(build.ExportedEnvironmentVariables, cbtypes.ExportedEnvironmentVariable{Name: aws.String(name), Value: aws.String(value)})
	}
	if ok {
		b.objects.mu.Lock()
		for _, output := range r.request.Outputs {
			b.objects.held[output.Bucket+"/"+output.Key] = []byte("zip of " + nameOf(r.request))
		}
		b.objects.mu.Unlock()
	}
	r.end <- build
}

// await waits until a project's build has started and returns it.
func (b *builds) await(project string) codebuild.PipelineBuild {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.running[project] == nil {
		b.changed.Wait()
	}
	return b.running[project].request
}

// end waits for a project's build and ends it.
func (b *builds) end(project string, ok bool, exports map[string]string) codebuild.PipelineBuild {
	request := b.await(project)
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.running[project]
	delete(b.running, project)
	b.finish(r, ok, exports)
	return request
}

func (b *builds) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.started)
}

type connections map[string]string

func (c connections) CloneURL(_ context.Context, _, repository string) (string, error) {
	url, ok := c[repository]
	if !ok {
		return "", errors.New("no such repository")
	}
	return url, nil
}

// deployments is a CodeDeploy whose deployments the test ends.
type deployments struct {
	created chan *awscodedeploy.CreateDeploymentInput
	ended   chan *cdtypes.DeploymentInfo
	refuse  error
}

func (d *deployments) CreateDeployment(_ context.Context, in *awscodedeploy.CreateDeploymentInput) (*awscodedeploy.CreateDeploymentOutput, error) {
	d.created <- in
	if d.refuse != nil {
		return nil, d.refuse
	}
	return &awscodedeploy.CreateDeploymentOutput{DeploymentId: aws.String("d-1")}, nil
}

func (d *deployments) Wait(ctx context.Context, _ string) (*cdtypes.DeploymentInfo, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case info := <-d.ended:
		return info, nil
	}
}

// alarms is a CloudWatch whose alarms the test sets.
type alarms struct {
	mu      sync.Mutex
	states  map[string]cwtypes.StateValue
	changes chan struct{}
}

func (a *alarms) set(name string, state cwtypes.StateValue) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.states[name] = state
	select {
	case a.changes <- struct{}{}:
	default:
	}
}

func (a *alarms) DescribeAlarms(_ context.Context, in *awscloudwatch.DescribeAlarmsInput) (*awscloudwatch.DescribeAlarmsOutput, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := &awscloudwatch.DescribeAlarmsOutput{}
	for _, name := range in.AlarmNames {
		if state, ok := a.states[name]; ok {
			out.MetricAlarms = append(out.MetricAlarms, cwtypes.MetricAlarm{AlarmName: aws.String(name), StateValue: state})
		}
	}
	return out, nil
}

func (a *alarms) WatchAlarms() (<-chan struct{}, func()) { return a.changes, func() {} }

// functions is a Lambda whose functions are the test.
type functions struct {
	events chan jobEvent
	refuse error
}

// A jobEvent is what a function is invoked with.
type jobEvent struct {
	function string
	Job      struct {
		ID, AccountID string
		Data          struct {
			ActionConfiguration             struct{ Configuration map[string]string }
			InputArtifacts, OutputArtifacts []struct {
				Name     string
				Revision *string
				Location struct {
					Type       string
					S3Location struct{ BucketName, ObjectKey string }
				}
			}
			ArtifactCredentials *struct {
				AccessKeyID, SecretAccessKey, SessionToken string
				ExpirationTime                             int64
			}
			ContinuationToken string
			EncryptionKey     *struct{ ID, Type string }
		}
	} `json:"CodePipeline.job"`
}

func (f *functions) Invoke(_ context.Context, in *awslambda.InvokeInput) (*awslambda.InvokeOutput, error) {
	if f.refuse != nil {
		return nil, f.refuse
	}
	e := jobEvent{function: *in.FunctionName}
	if err := json.Unmarshal(in.Payload, &e); err != nil {
		return nil, err
	}
	f.events <- e
	return &awslambda.InvokeOutput{StatusCode: 202}, nil
}

type topics struct{ published chan *awssns.PublishInput }

func (t topics) Publish(_ context.Context, in *awssns.PublishInput) (*awssns.PublishOutput, error) {
	t.published <- in
	return &awssns.PublishOutput{}, nil
}

type bus struct {
	mu  sync.Mutex
	got []*awseventbridge.PutEventsInput
}

func (b *bus) PutEvents(_ context.Context, in *awseventbridge.PutEventsInput) (*awseventbridge.PutEventsOutput, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, in)
	return &awseventbridge.PutEventsOutput{}, nil
}

// rig is a CodePipeline with fakes for the other services.
type rig struct {
	*Service
	t           testing.TB
	ctx         context.Context
	clock       *clock.Manual
	objects     *objects
	builds      *builds
	alarms      *alarms
	deployments *deployments
	functions   *functions
	topics      topics
	bus         *bus
	sources     connections
	begun       bool // whether the test has taken the first execution
}

const deployer = "arn:aws:iam::000000000000:user/someone"

func newRig(t testing.TB) *rig {
	t.Helper()
	r := open(t, t.TempDir())
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// open returns a rig that the caller closes.
func open(t testing.TB, dir string) *rig {
	o := &objects{held: map[string][]byte{"source/app.zip": []byte("source")}}
	r := &rig{
		t: t, clock: clock.NewManual(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)), objects: o, builds: newBuilds(o), alarms: &alarms{states: map[string]cwtypes.StateValue{}, changes: make(chan struct{}, 1)},
		deployments: &deployments{created: make(chan *awscodedeploy.CreateDeploymentInput, 10), ended: make(chan *cdtypes.DeploymentInfo, 10)},
		functions:   &functions{events: make(chan jobEvent, 10)},
		topics:      topics{make(chan *awssns.PublishInput, 10)}, bus: &bus{}, sources: connections{},
		ctx: principal.NewContext(context.Background(), principal.Principal{ARN: deployer}),
	}
	a := account.Account{ID: account.DefaultID, Region: "us-east-1", Dir: dir, Clock: r.clock, Log: slog.New(slog.DiscardHandler)}
	r.Service = New(a, Deps{Objects: o, Builds: r.builds, Connections: r.sources, Alarms: r.alarms, Deployments: r.deployments, Functions: r.functions, Notifier: r.topics, Events: r.bus})
	return r
}

// isA reports whether err is an error of a type.
func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func must[T any](t testing.TB) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (r *rig) create(d *types.PipelineDeclaration) {
	r.t.Helper()
	must[*awscodepipeline.CreatePipelineOutput](r.t)(r.CreatePipeline(r.ctx, &awscodepipeline.CreatePipelineInput{Pipeline: d}))
}

// begin returns an execution that has just started. The first one is the
// execution that the creation of the pipeline started.
func (r *rig) begin() string {
	r.t.Helper()
	if !r.begun {
		r.begun = true
		return r.created()
	}
	return *must[*awscodepipeline.StartPipelineExecutionOutput](r.t)(r.StartPipelineExecution(r.ctx, &awscodepipeline.StartPipelineExecutionInput{Name: aws.String("app")})).PipelineExecutionId
}

// created returns the execution that the creation of the pipeline started.
func (r *rig) created() string {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.pipelines["app"].executions
	if len(all) == 0 {
		r.t.Fatal("the creation of the pipeline has started nothing")
	}
	return all[0].id
}

func (r *rig) wait(id string) *types.PipelineExecution {
	r.t.Helper()
	return must[*types.PipelineExecution](r.t)(r.Wait(r.t.Context(), "app", id))
}

func (r *rig) wants(id string, status types.PipelineExecutionStatus) *types.PipelineExecution {
	r.t.Helper()
	e := r.wait(id)
	if e.Status != status {
		r.t.Fatalf("execution ended as %s (%s), want %s", e.Status, aws.ToString(e.StatusSummary), status)
	}
	return e
}

// until waits until a condition on the service's state holds.
func (r *rig) until(holds func() bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !holds() {
		r.changed.Wait()
	}
}

func (r *rig) state(stage string) types.StageState {
	r.t.Helper()
	out := must[*awscodepipeline.GetPipelineStateOutput](r.t)(r.GetPipelineState(r.ctx, &awscodepipeline.GetPipelineStateInput{Name: aws.String("app")}))
	for _, s := range out.StageStates {
		if *s.StageName == stage {
			return s
		}
	}
	r.t.Fatalf("no stage %s", stage)
	return types.StageState{}
}

// actions returns the last action execution for each action name.
func (r *rig) actions(id string) map[string]types.ActionExecutionDetail {
	r.t.Helper()
	out := must[*awscodepipeline.ListActionExecutionsOutput](r.t)(r.ListActionExecutions(r.ctx, &awscodepipeline.ListActionExecutionsInput{
		PipelineName: aws.String("app"), Filter: &types.ActionExecutionFilter{PipelineExecutionId: aws.String(id)},
	}))
	byName := map[string]types.ActionExecutionDetail{}
	for _, a := range out.ActionExecutionDetails {
		if _, ok := byName[*a.ActionName]; !ok {
			byName[*a.ActionName] = a
		}
	}
	return byName
}

// declare returns a V2 pipeline "app" with a source stage and stages.
func declare(stages ...types.StageDeclaration) *types.PipelineDeclaration {
	source := types.ActionDeclaration{
		Name:            aws.String("Source"),
		Namespace:       aws.String("SourceVariables"),
		ActionTypeId:    &types.ActionTypeId{Category: types.ActionCategorySource, Owner: types.ActionOwnerAws, Provider: aws.String("S3"), Version: aws.String("1")},
		Configuration:   map[string]string{"S3Bucket": "source", "S3ObjectKey": "app.zip", "PollForSourceChanges": "false"},
		OutputArtifacts: []types.OutputArtifact{{Name: aws.String("Source")}},
	}
	return &types.PipelineDeclaration{
		Name: aws.String("app"), RoleArn: aws.String("arn:aws:iam::000000000000:role/pipeline"), PipelineType: types.PipelineTypeV2,
		ArtifactStore: &types.ArtifactStore{Type: types.ArtifactStoreTypeS3, Location: aws.String("artifacts")},
		Stages:        append([]types.StageDeclaration{{Name: aws.String("Source"), Actions: []types.ActionDeclaration{source}}}, stages...),
	}
}

func stageOf(name string, actions ...types.ActionDeclaration) types.StageDeclaration {
	return types.StageDeclaration{Name: aws.String(name), Actions: actions}
}

// builder returns a CodeBuild action whose project has the action's name.
func builder(name string, order int32, outputs ...string) types.ActionDeclaration {
	a := types.ActionDeclaration{
		Name: aws.String(name), RunOrder: aws.Int32(order),
		ActionTypeId:   &types.ActionTypeId{Category: types.ActionCategoryBuild, Owner: types.ActionOwnerAws, Provider: aws.String("CodeBuild"), Version: aws.String("1")},
		Configuration:  map[string]string{"ProjectName": name},
		InputArtifacts: []types.InputArtifact{{Name: aws.String("Source")}},
	}
	for _, output := range outputs {
		a.OutputArtifacts = append(a.OutputArtifacts, types.OutputArtifact{Name: aws.String(output)})
	}
	return a
}

func approval(name string, order int32) types.ActionDeclaration {
	return types.ActionDeclaration{
		Name: aws.String(name), RunOrder: aws.Int32(order),
		ActionTypeId: &types.ActionTypeId{Category: types.ActionCategoryApproval, Owner: types.ActionOwnerAws, Provider: aws.String("Manual"), Version: aws.String("1")},
	}
}

// A pipeline builds with the real CodeBuild.
var _ Builds = (*codebuild.Service)(nil)
