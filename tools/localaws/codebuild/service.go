package codebuild

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssecretsmanager "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/isolation"
	"github.com/magewright/magewright/tools/localaws/mirror"
	"github.com/magewright/magewright/tools/localaws/paging"
)

// Objects is the part of S3 that holds sources and artifacts.
type Objects interface {
	GetObject(context.Context, *awss3.GetObjectInput) (*awss3.GetObjectOutput, error)
	PutObject(context.Context, *awss3.PutObjectInput) (*awss3.PutObjectOutput, error)
}

// Parameters is the part of Systems Manager that holds variables.
type Parameters interface {
	GetParameters(context.Context, *awsssm.GetParametersInput) (*awsssm.GetParametersOutput, error)
}

// Secrets is the part of Secrets Manager that holds variables.
type Secrets interface {
	GetSecretValue(context.Context, *awssecretsmanager.GetSecretValueInput) (*awssecretsmanager.GetSecretValueOutput, error)
}

// Logs is the part of CloudWatch Logs that takes the builds' logs.
type Logs interface {
	CreateLogGroup(context.Context, *awslogs.CreateLogGroupInput) (*awslogs.CreateLogGroupOutput, error)
	CreateLogStream(context.Context, *awslogs.CreateLogStreamInput) (*awslogs.CreateLogStreamOutput, error)
	PutLogEvents(context.Context, *awslogs.PutLogEventsInput) (*awslogs.PutLogEventsOutput, error)
}

// Roles is the part of STS that provides credentials for builds.
type Roles interface {
	AssumeRole(context.Context, *awssts.AssumeRoleInput) (*awssts.AssumeRoleOutput, error)
}

// Connections is the part of CodeConnections that locates a repository.
type Connections interface {
	// CloneURL returns the URL that git clones a repository from, such as
	// "owner/name". The connection must be available, and the principal of ctx must be
	// allowed to use it for the repository.
	CloneURL(ctx context.Context, connectionARN, repository string) (string, error)
}

// Events is the part of EventBridge that receives state changes.
type Events interface {
	PutEvents(context.Context, *awseventbridge.PutEventsInput) (*awseventbridge.PutEventsOutput, error)
}

// Deps are what builds use. Logs and Events may be nil. Without Mirrors, the
// service has its own.
type Deps struct {
	Objects     Objects
	Parameters  Parameters
	Secrets     Secrets
	Logs        Logs
	Roles       Roles
	Connections Connections
	Events      Events
	Mirrors     *mirror.Mirrors

	// Concurrency is how many builds run at a time; the others are queued. Zero
	// means DefaultConcurrency.
	Concurrency int

	// Dir holds a directory for each project and action. Builds of one action
	// run there one after the other. Caches that identify files by path, such
	// as go test's, therefore stay valid from one build to the next. If Dir is
	// empty, each build has its own directory.
	Dir string
}

// DefaultConcurrency is how many builds run at a time by default. Two keep the
// processors of a small machine busy: one compiles while the other waits.
const DefaultConcurrency = 2

// Service is CodeBuild in one account and region.
type Service struct {
	account account.Account
	deps    Deps
	slots   chan struct{} // holds one element for each running build
	spawner *isolation.Spawner
	limits  clock.Clock // for limits on real work; tests replace it

	mu       sync.Mutex
	closed   bool
	projects map[string]*cbtypes.Project
	numbers  map[string]int64 // number of the last build, by project
	builds   map[string]*build
	order    []string          // ids of builds, oldest first
	tokens   map[string]string // ids of builds, by idempotency token
	groups   map[string]*cbtypes.ReportGroup
	reports  map[string]*report
	running  sync.WaitGroup
}

// New returns a CodeBuild without projects.
func New(a account.Account, d Deps) *Service {
	if d.Concurrency <= 0 {
		d.Concurrency = DefaultConcurrency
	}
	if d.Mirrors == nil {
		d.Mirrors = mirror.New(a.Dir)
	}
	return &Service{
		account:  a,
		deps:     d,
		spawner:  isolation.NewSpawner(a.Isolation),
		slots:    make(chan struct{}, d.Concurrency),
		limits:   clock.System(),
		projects: map[string]*cbtypes.Project{},
		numbers:  map[string]int64{},
		builds:   map[string]*build{},
		tokens:   map[string]string{},
		groups:   map[string]*cbtypes.ReportGroup{},
		reports:  map[string]*report{},
	}
}

var errClosed = errors.New("the embedded AWS has been stopped")

// Close stops all builds and returns once none of their processes is left.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closed = true
	for _, b := range s.builds {
		b.cancel(errClosed)
	}
	s.mu.Unlock()
	s.running.Wait()
	s.spawner.Close()
	return nil
}

func (s *Service) now() *time.Time { return aws.Time(s.account.Clock.Now().UTC()) }

func invalid(format string, args ...any) error {
	return &cbtypes.InvalidInputException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func notFound(format string, args ...any) error {
	return &cbtypes.ResourceNotFoundException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// pageSize is the number of results on AWS's pages.
const pageSize = 100

// page returns the results after a token, and the next token. A token is the
// number of results before it.
func page[T any](all []T, token *string, size *int32) ([]T, *string, error) {
	n := pageSize
	if size != nil && *size > 0 {
		n = min(int(*size), pageSize)
	}
	items, next, ok := paging.Of(all, token, n)
	if !ok {
		return nil, nil, invalid("Invalid nextToken: %s", *token)
	}
	return items, next, nil
}

// lastPart returns the text after the last slash, or the whole text.
func lastPart(text string) string { return text[strings.LastIndexByte(text, '/')+1:] }
