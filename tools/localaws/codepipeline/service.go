// Package codepipeline is the embedded AWS's CodePipeline. It really executes
// pipelines. An execution passes through the declared stages, and only one
// execution at a time holds the lock of a stage. Actions clone sources, run
// builds, deploy stacks, versions of functions and files, invoke functions, and wait for
// approvals. Artifacts pass through the artifact bucket.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/concepts-how-it-works.html.
package codepipeline

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodebuild "github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/codebuild"
	"github.com/magewright/magewright/tools/localaws/mirror"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// Objects is the part of S3 that holds artifacts.
type Objects interface {
	GetObject(context.Context, *awss3.GetObjectInput) (*awss3.GetObjectOutput, error)
	HeadObject(context.Context, *awss3.HeadObjectInput) (*awss3.HeadObjectOutput, error)
	PutObject(context.Context, *awss3.PutObjectInput) (*awss3.PutObjectOutput, error)
}

// Builds is the part of CodeBuild that runs a build or test action.
type Builds interface {
	// StartPipelineBuild starts a build with the pipeline's artifacts.
	StartPipelineBuild(context.Context, codebuild.PipelineBuild) (*awscodebuild.StartBuildOutput, error)
	// WaitBuild waits until the build is complete and returns it.
	WaitBuild(ctx context.Context, id string) (*cbtypes.Build, error)
	StopBuild(context.Context, *awscodebuild.StopBuildInput) (*awscodebuild.StopBuildOutput, error)
}

// Connections is the part of CodeConnections that locates a repository.
type Connections interface {
	// CloneURL returns the URL that git clones a repository from, such as
	// "owner/name". The connection must be available, and the principal of ctx must be
	// allowed to use it for the repository.
	CloneURL(ctx context.Context, connectionARN, repository string) (string, error)
}

// Functions is the part of Lambda that invoke actions use.
type Functions interface {
	Invoke(context.Context, *awslambda.InvokeInput) (*awslambda.InvokeOutput, error)
}

// Notifier is the part of SNS that publishes approval requests.
type Notifier interface {
	Publish(context.Context, *awssns.PublishInput) (*awssns.PublishOutput, error)
}

// Events is the part of EventBridge that receives state changes.
type Events interface {
	PutEvents(context.Context, *awseventbridge.PutEventsInput) (*awseventbridge.PutEventsOutput, error)
}

// Roles gives an action the role of its pipeline, or its own. session names what
// the role is assumed for. It may be nil; CodePipeline then acts as itself.
type Roles interface {
	As(ctx context.Context, role, session string) (context.Context, error)
	// AssumeRole issues the credentials of a role, which an action hands to others.
	AssumeRole(context.Context, *awssts.AssumeRoleInput) (*awssts.AssumeRoleOutput, error)
}

// Deps are what pipelines use. Deployments, Functions, Alarms, Notifier and Events may
// be nil. SetStacks sets Stacks. Without Mirrors, the service has its own.
type Deps struct {
	Roles       Roles
	Objects     Objects
	Builds      Builds
	Connections Connections
	Deployments Deployments
	Functions   Functions
	Alarms      Alarms
	Notifier    Notifier
	Events      Events
	Stacks      Stacks
	Mirrors     *mirror.Mirrors
	// Pushes is how often to look for pushes, in real time. If it is zero, only
	// DetectChanges looks.
	Pushes time.Duration
}

// Service is CodePipeline. It is safe for concurrent use.
type Service struct {
	account account.Account
	deps    Deps

	life context.Context // ends with Close
	end  context.CancelFunc
	wg   sync.WaitGroup

	mu        sync.Mutex
	changed   *sync.Cond // broadcast when anything below changes
	closed    bool
	pipelines map[string]*pipeline
	jobs      map[string]*invocation // by id
	outbox    []event
}

// New returns a CodePipeline without pipelines.
func New(a account.Account, d Deps) *Service {
	if d.Mirrors == nil {
		d.Mirrors = mirror.New(a.Dir)
	}
	life, end := context.WithCancel(context.Background())
	life = principal.Service(life, "codepipeline.amazonaws.com", a.ID)
	s := &Service{account: a, deps: d, life: life, end: end, pipelines: map[string]*pipeline{}, jobs: map[string]*invocation{}}
	s.changed = sync.NewCond(&s.mu)
	s.wg.Go(s.deliver)
	if d.Pushes > 0 {
		s.wg.Go(s.look)
	}
	return s
}

// Close ends all executions, stops their builds, and waits until both have ended.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closed = true
	s.changed.Broadcast()
	s.mu.Unlock()
	s.end()
	s.wg.Wait()
	return nil
}

// find returns a pipeline by name. The caller holds the service's lock.
func (s *Service) find(name *string) (*pipeline, error) {
	p, ok := s.pipelines[aws.ToString(name)]
	if !ok {
		return nil, &types.PipelineNotFoundException{Message: aws.String(fmt.Sprintf(
			"Account '%s' does not have a pipeline with name '%s'", s.account.ID, aws.ToString(name)))}
	}
	return p, nil
}

func (s *Service) arn(pipeline string) string { return s.account.ARN("codepipeline", pipeline) }

func invalid(format string, args ...any) error {
	return &types.ValidationException{Message: aws.String(fmt.Sprintf(format, args...))}
}
