package lambda_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/testinput"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/isolation"
	"github.com/magewright/magewright/tools/localaws/lambda"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// functionZip is the deployment package of testdata/function.
var functionZip []byte

func TestMain(m *testing.M) {
	if err := testinput.Files("tools/localaws/lambda/testdata/function", "go.mod", "go.sum"); err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "lambda")
	if err != nil {
		panic(err)
	}
	binary := filepath.Join(dir, "bootstrap")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags=lambda.norpc", "-ldflags=-s -w", "-o", binary, "./testdata/function")
	// Functions are built like this for AWS.
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Println("building the function of the tests:", err)
		os.Exit(1)
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		panic(err)
	}
	functionZip = pack(map[string]string{"bootstrap": string(data)})
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// pack returns a zip of executable files.
func pack(files map[string]string) []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, text := range files {
		h := &zip.FileHeader{Name: name, Method: zip.Store}
		h.SetMode(0o755)
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = io.WriteString(f, text)
		}
		if err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// fakes implements everything that Lambda depends on, and records all calls.
type fakes struct {
	mu      sync.Mutex
	objects map[string][]byte
	data    map[string][]float64 // "namespace metric{dims}" -> values, each repeated as often as it counts
	lines   map[string][]string  // "group stream" -> messages
	made    []string             // log groups
	roles   []string             // principal, role and session of each AssumeRole
	topics  []*awssns.PublishInput
	noRole  error
}

func (f *fakes) GetObject(_ context.Context, in *awss3.GetObjectInput) (*awss3.GetObjectOutput, error) {
	data, ok := f.objects[*in.Bucket+"/"+*in.Key]
	if !ok {
		return nil, errors.New("NoSuchKey")
	}
	return &awss3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(data))}, nil
}

func (f *fakes) PutMetricData(_ context.Context, in *awscloudwatch.PutMetricDataInput) (*awscloudwatch.PutMetricDataOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(in.MetricData) == 0 || len(in.MetricData) > 1000 {
		return nil, fmt.Errorf("%d metrics", len(in.MetricData))
	}
	for _, d := range in.MetricData {
		var dimensions []string
		for _, dim := range d.Dimensions {
			dimensions = append(dimensions, *dim.Name+"="+*dim.Value)
		}
		key := fmt.Sprintf("%s %s{%s}", *in.Namespace, *d.MetricName, strings.Join(dimensions, ","))
		for i, value := range d.Values {
			n := 1.0
			if d.Counts != nil {
				n = d.Counts[i]
			}
			for range int(n) {
				f.data[key] = append(f.data[key], value)
			}
		}
	}
	return &awscloudwatch.PutMetricDataOutput{}, nil
}

func (f *fakes) CreateLogGroup(_ context.Context, in *awslogs.CreateLogGroupInput) (*awslogs.CreateLogGroupOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Contains(f.made, *in.LogGroupName) {
		return nil, &logstypes.ResourceAlreadyExistsException{}
	}
	f.made = append(f.made, *in.LogGroupName)
	return &awslogs.CreateLogGroupOutput{}, nil
}

func (f *fakes) CreateLogStream(_ context.Context, in *awslogs.CreateLogStreamInput) (*awslogs.CreateLogStreamOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines[*in.LogGroupName+" "+*in.LogStreamName] = []string{}
	return &awslogs.CreateLogStreamOutput{}, nil
}

func (f *fakes) PutLogEvents(_ context.Context, in *awslogs.PutLogEventsInput) (*awslogs.PutLogEventsOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := *in.LogGroupName + " " + *in.LogStreamName
	if f.lines[key] == nil {
		return nil, &logstypes.ResourceNotFoundException{}
	}
	size := 0
	for _, e := range in.LogEvents {
		f.lines[key] = append(f.lines[key], *e.Message)
		size += len(*e.Message) + 26
	}
	if size > 1<<20 || len(in.LogEvents) > 10000 {
		return nil, fmt.Errorf("a batch of %d bytes and %d events", size, len(in.LogEvents))
	}
	return &awslogs.PutLogEventsOutput{}, nil
}

func (f *fakes) AssumeRole(ctx context.Context, in *awssts.AssumeRoleInput) (*awssts.AssumeRoleOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.roles = append(f.roles, principal.FromContext(ctx).ARN+" "+*in.RoleArn+" "+*in.RoleSessionName)
	if f.noRole != nil {
		return nil, f.noRole
	}
	return &awssts.AssumeRoleOutput{Credentials: &ststypes.Credentials{
		AccessKeyId: aws.String("ASIATEST"), SecretAccessKey: aws.String("secret"), SessionToken: aws.String("token"),
	}}, nil
}

func (f *fakes) Publish(_ context.Context, in *awssns.PublishInput) (*awssns.PublishOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.topics = append(f.topics, in)
	return &awssns.PublishOutput{}, nil
}

// log returns all lines of a group; the lines of one stream stay together.
func (f *fakes) log(group string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for key, lines := range f.lines {
		if strings.HasPrefix(key, group+" ") {
			all = append(all, strings.Join(lines, ""))
		}
	}
	return strings.Join(all, "")
}

func (f *fakes) values(metric string) []float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.data[metric])
}

const role = "arn:aws:iam::000000000000:role/function"

type fixture struct {
	*lambda.Service
	*fakes
	dir       string
	clock     *clock.Manual
	host      lambdatypes.Architecture
	initLimit time.Duration // before the fixture made it longer
}

var begin = time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)

// newFixture returns a Lambda service with fakes around it and a stopped clock.
func newFixture(t testing.TB, with ...func(*lambda.Deps)) *fixture {
	t.Helper()
	return newFixtureIn(t, nil, with...)
}

// newFixtureIn is newFixture where functions run in an isolation.
func newFixtureIn(t testing.TB, in isolation.Isolation, with ...func(*lambda.Deps)) *fixture {
	t.Helper()
	f := &fixture{
		fakes: &fakes{objects: map[string][]byte{}, data: map[string][]float64{}, lines: map[string][]string{}},
		dir:   t.TempDir(),
		clock: clock.NewManual(begin),
		host:  lambdatypes.ArchitectureX8664,
	}
	if runtime.GOARCH == "arm64" {
		f.host = lambdatypes.ArchitectureArm64
	}
	deps := lambda.Deps{Objects: f.fakes, Metrics: f.fakes, Logs: f.fakes, Roles: f.fakes, Topics: f.fakes}
	for _, change := range with {
		change(&deps)
	}
	f.Service = lambda.New(account.Account{
		ID: account.DefaultID, Region: "us-east-1", Endpoint: "http://127.0.0.1:4566", Dir: f.dir,
		Clock: f.clock, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Isolation: in,
	}, deps)
	f.initLimit = lambda.SetInitLimit(f.Service, 10*time.Minute)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return f
}

// create creates a function named f. Its time-out is in real time, and long
// enough for any machine.
func (f *fixture) create(t testing.TB, with ...func(*awslambda.CreateFunctionInput)) *awslambda.CreateFunctionOutput {
	t.Helper()
	in := &awslambda.CreateFunctionInput{
		FunctionName:  aws.String("f"),
		Role:          aws.String(role),
		Handler:       aws.String("bootstrap"),
		Runtime:       lambdatypes.RuntimeProvidedal2023,
		Architectures: []lambdatypes.Architecture{f.host},
		MemorySize:    aws.Int32(256),
		Timeout:       aws.Int32(600),
		Code:          &lambdatypes.FunctionCode{ZipFile: functionZip},
	}
	for _, change := range with {
		change(in)
	}
	out, err := f.CreateFunction(t.Context(), in)
	if err != nil {
		t.Fatalf("CreateFunction: %v", err)
	}
	return out
}

// variables sets the function's environment.
func variables(pairs ...string) func(*awslambda.CreateFunctionInput) {
	return func(in *awslambda.CreateFunctionInput) {
		in.Environment = &lambdatypes.Environment{Variables: map[string]string{}}
		for i := 0; i < len(pairs); i += 2 {
			in.Environment.Variables[pairs[i]] = pairs[i+1]
		}
	}
}

func timeout(seconds int32) func(*awslambda.CreateFunctionInput) {
	return func(in *awslambda.CreateFunctionInput) { in.Timeout = aws.Int32(seconds) }
}

// invoke invokes function f, or a qualifier of it.
func (f *fixture) invoke(t testing.TB, payload string, qualifier ...string) *awslambda.InvokeOutput {
	t.Helper()
	in := &awslambda.InvokeInput{FunctionName: aws.String("f"), Payload: []byte(payload), LogType: lambdatypes.LogTypeTail}
	if len(qualifier) > 0 {
		in.Qualifier = aws.String(qualifier[0])
	}
	out, err := f.Invoke(t.Context(), in)
	if err != nil {
		t.Fatalf("Invoke: %v", err)
	}
	return out
}

// tryInvoke is invoke for goroutines that are not the test's own.
func (f *fixture) tryInvoke(ctx context.Context, payload string) (*awslambda.InvokeOutput, error) {
	return f.Invoke(ctx, &awslambda.InvokeInput{FunctionName: aws.String("f"), Payload: []byte(payload)})
}

// withRand makes weighted aliases choose with the number that draw points to.
func withRand(draw *float64) func(*lambda.Deps) {
	return func(d *lambda.Deps) { d.Rand = func() float64 { return *draw } }
}

// deleteAndWait deletes function f and waits for the last line of its log.
func (f *fixture) deleteAndWait(t *testing.T) {
	t.Helper()
	if _, err := f.DeleteFunction(t.Context(), &awslambda.DeleteFunctionInput{FunctionName: aws.String("f")}); err != nil {
		t.Fatal(err)
	}
	lambda.AwaitIdle(f.Service, 0)
	f.Flush(t.Context())
}

// kill ends a process as an operating system does that has run out of memory.
func kill(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Kill()
}
