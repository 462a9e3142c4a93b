package codebuild

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	awscodebuild "github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssecretsmanager "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/principal"
)

const roleARN = "arn:aws:iam::000000000000:role/build"

// A world implements all services that builds use, in memory.
type world struct {
	mu       sync.Mutex
	objects  map[string][]byte // by bucket/key
	metadata map[string]map[string]string
	readers  map[string]string // principals that have read an object
	log      map[string][]string
	events   []string
	clones   map[string]string
	loggers  []string // principals that have created a log stream
	noLog    error    // why nobody may
}

func newWorld() *world {
	return &world{objects: map[string][]byte{}, metadata: map[string]map[string]string{}, readers: map[string]string{}, log: map[string][]string{}, clones: map[string]string{}}
}

func (w *world) GetObject(ctx context.Context, in *awss3.GetObjectInput) (*awss3.GetObjectOutput, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := *in.Bucket + "/" + *in.Key
	data, ok := w.objects[name]
	if !ok {
		return nil, errors.New("NoSuchKey: " + name)
	}
	w.readers[name] = principal.FromContext(ctx).ARN
	return &awss3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(data))}, nil
}

func (w *world) PutObject(_ context.Context, in *awss3.PutObjectInput) (*awss3.PutObjectOutput, error) {
	data, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.objects[*in.Bucket+"/"+*in.Key] = data
	w.metadata[*in.Bucket+"/"+*in.Key] = in.Metadata
	return &awss3.PutObjectOutput{}, nil
}

func (w *world) GetParameters(_ context.Context, in *awsssm.GetParametersInput) (*awsssm.GetParametersOutput, error) {
	out := &awsssm.GetParametersOutput{}
	for _, name := range in.Names {
		if !strings.HasPrefix(name, "/ci/") || !aws.ToBool(in.WithDecryption) {
			out.InvalidParameters = append(out.InvalidParameters, name)
			continue
		}
		out.Parameters = append(out.Parameters, ssmtypes.Parameter{Name: aws.String(name), Value: aws.String("value-of-" + name)})
	}
	return out, nil
}

func (w *world) GetSecretValue(_ context.Context, in *awssecretsmanager.GetSecretValueInput) (*awssecretsmanager.GetSecretValueOutput, error) {
	if *in.SecretId != "db" {
		return nil, errors.New("ResourceNotFoundException: " + *in.SecretId)
	}
	return &awssecretsmanager.GetSecretValueOutput{SecretString: aws.String(`{"user":"admin-user","port":5432}`)}, nil
}

func (w *world) CreateLogGroup(context.Context, *awslogs.CreateLogGroupInput) (*awslogs.CreateLogGroupOutput, error) {
	return nil, &logstypes.ResourceAlreadyExistsException{}
}

func (w *world) CreateLogStream(ctx context.Context, _ *awslogs.CreateLogStreamInput) (*awslogs.CreateLogStreamOutput, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loggers = append(w.loggers, principal.FromContext(ctx).ARN)
	return &awslogs.CreateLogStreamOutput{}, w.noLog
}

func (w *world) PutLogEvents(_ context.Context, in *awslogs.PutLogEventsInput) (*awslogs.PutLogEventsOutput, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := *in.LogGroupName + "|" + *in.LogStreamName
	for _, e := range in.LogEvents {
		w.log[name] = append(w.log[name], *e.Message)
	}
	return &awslogs.PutLogEventsOutput{}, nil
}

func (w *world) AssumeRole(ctx context.Context, in *awssts.AssumeRoleInput) (*awssts.AssumeRoleOutput, error) {
	if *in.RoleArn != roleARN || principal.FromContext(ctx).ARN != "codebuild.amazonaws.com" {
		return nil, errors.New("AccessDenied: " + *in.RoleArn)
	}
	return &awssts.AssumeRoleOutput{
		Credentials:     &ststypes.Credentials{AccessKeyId: aws.String("ASIALOCAL"), SecretAccessKey: aws.String("secret-key"), SessionToken: aws.String("session-token")},
		AssumedRoleUser: &ststypes.AssumedRoleUser{Arn: aws.String("arn:aws:sts::000000000000:assumed-role/build/" + *in.RoleSessionName), AssumedRoleId: aws.String("AROA:s")},
	}, nil
}

func (w *world) CloneURL(_ context.Context, connection, repository string) (string, error) {
	if url, ok := w.clones[connection+"|"+repository]; ok {
		return url, nil
	}
	return "", errors.New("no connection " + connection + " to " + repository)
}

func (w *world) PutEvents(_ context.Context, in *awseventbridge.PutEventsInput) (*awseventbridge.PutEventsOutput, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range in.Entries {
		w.events = append(w.events, *e.Source+"|"+*e.DetailType+"|"+*e.Detail)
	}
	return &awseventbridge.PutEventsOutput{}, nil
}

// newService returns a service. When the test ends, nothing runs on it any more.
func newService(t *testing.T, w *world, change ...func(*Deps)) *Service {
	t.Helper()
	d := Deps{Objects: w, Parameters: w, Secrets: w, Logs: w, Roles: w, Connections: w, Events: w}
	for _, c := range change {
		c(&d)
	}
	a := account.Account{
		ID: account.DefaultID, Region: "us-east-1", Endpoint: "http://127.0.0.1:4566", Dir: t.TempDir(),
		Clock: clock.NewManual(time.Date(2026, 11, 23, 21, 0, 0, 0, time.UTC)), Log: testLog(t),
	}
	s := New(a, d)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// project returns a project's definition; spec is an inline buildspec.
func project(name, spec string) *awscodebuild.CreateProjectInput {
	return &awscodebuild.CreateProjectInput{
		Name:        aws.String(name),
		ServiceRole: aws.String(roleARN),
		Source:      &cbtypes.ProjectSource{Type: cbtypes.SourceTypeNoSource, Buildspec: aws.String(spec)},
		Artifacts:   &cbtypes.ProjectArtifacts{Type: cbtypes.ArtifactsTypeNoArtifacts},
		Environment: &cbtypes.ProjectEnvironment{Type: cbtypes.EnvironmentTypeLinuxContainer, ComputeType: cbtypes.ComputeTypeBuildGeneral1Small, Image: aws.String("aws/codebuild/standard:7.0")},
	}
}

func pipelineProject(name, spec string) *awscodebuild.CreateProjectInput {
	p := project(name, spec)
	p.Source.Type, p.Artifacts.Type = cbtypes.SourceTypeCodepipeline, cbtypes.ArtifactsTypeCodepipeline
	return p
}

func create(t *testing.T, s *Service, p *awscodebuild.CreateProjectInput) {
	t.Helper()
	if _, err := s.CreateProject(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

// runBuild runs a build to its end.
func runBuild(t *testing.T, s *Service, in *awscodebuild.StartBuildInput) *cbtypes.Build {
	t.Helper()
	out, err := s.StartBuild(t.Context(), in)
	return awaited(t, s, out, err)
}

// awaited waits for the end of a build that was started.
func awaited(t *testing.T, s *Service, out *awscodebuild.StartBuildOutput, err error) *cbtypes.Build {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.WaitBuild(t.Context(), *out.Build.Id)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func start(name string) *awscodebuild.StartBuildInput {
	return &awscodebuild.StartBuildInput{ProjectName: aws.String(name)}
}

func logOf(t *testing.T, s *Service, b *cbtypes.Build) string {
	t.Helper()
	lines, _, done, err := s.Follow(t.Context(), *b.Id, 0)
	if err != nil || !done {
		t.Fatalf("Follow: done %v, %v", done, err)
	}
	return strings.Join(lines, "\n")
}

// zipOf returns a zip of files.
func zipOf(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unzip(t *testing.T, data []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(data)
	}
	return files
}

// repository makes a git repository with two commits on main and one commit
// that no branch contains. It returns their ids in this order.
func repository(t *testing.T) (dir string, commits []string) {
	t.Helper()
	dir = t.TempDir()
	git := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"}, args...)...)
		cmd.Dir = dir
		cmd.Env = hostEnviron(os.Environ())
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	commit := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		git("add", ".")
		git("commit", "-q", "-m", text)
		commits = append(commits, git("rev-parse", "HEAD"))
	}
	git("init", "-q", "-b", "main")
	commit("one")
	commit("two")
	commit("three")
	git("reset", "-q", "--hard", commits[1])
	return dir, commits
}
