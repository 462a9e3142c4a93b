// Package cloudformation is the embedded AWS's CloudFormation. Its engine turns
// templates into resources by means of change sets and stacks, with the states,
// events and errors of the real service. Resource types define what a resource
// is. The service gets them from a registry.
//
// A stack has a template and the records of its resources. An operation applies
// a template's resources in the order of their dependencies, and leaves new
// records. A rollback compares those records with the records of the last good
// state to undo what failed. The clean-up at the end deletes the resources that
// exist but no longer belong to the stack.
//
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/.
package cloudformation

import (
	"context"
	"maps"
	"sync"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssecretsmanager "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// Parameters provides the values for parameters of type
// AWS::SSM::Parameter::Value<...>, and for dynamic references.
type Parameters interface {
	GetParameter(context.Context, *awsssm.GetParameterInput) (*awsssm.GetParameterOutput, error)
}

// Secrets provides the values for dynamic references to secrets.
type Secrets interface {
	GetSecretValue(context.Context, *awssecretsmanager.GetSecretValueInput) (*awssecretsmanager.GetSecretValueOutput, error)
}

// Objects provides the templates that a TemplateURL points to.
type Objects interface {
	GetObject(context.Context, *awss3.GetObjectInput) (*awss3.GetObjectOutput, error)
}

// Roles assumes roles. session names what a role is assumed for.
type Roles interface {
	As(ctx context.Context, role, session string) (context.Context, error)
}

// Deps are the parts of the embedded AWS that CloudFormation calls.
type Deps struct {
	Types      resource.Registry
	Parameters Parameters
	Secrets    Secrets
	Objects    Objects

	// Addresses replaces the addresses that something has on AWS, but not here, such
	// as an API's. It may be nil.
	Addresses func(text string) string

	// Authorize refuses an operation of CloudFormation on a nested stack that the
	// principal of ctx may not call. If it is nil, all are allowed.
	Authorize func(ctx context.Context, operation string, in any) error

	// Roles gives an operation the service role of its stack. If it is nil,
	// CloudFormation does not assume the role.
	Roles Roles
	// AnswerTime is how long ExecuteChangeSet delays its answer to let the
	// change finish, in real time. If it is zero, the answer comes at once.
	AnswerTime time.Duration
}

// Service is CloudFormation in one account and region. Its exported methods
// are CloudFormation's operations. It is safe for concurrent use.
type Service struct {
	account account.Account
	deps    Deps
	limits  clock.Clock // times AnswerTime

	life context.Context // ends with Close
	end  context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex
	stacks  []*stack         // in order of creation, deleted ones included
	names   map[named]string // the stacks that are creating named resources
	stamped time.Time
	serial  int
}

// New returns CloudFormation without any stacks.
func New(a account.Account, d Deps) *Service {
	s := &Service{account: a, deps: d, limits: clock.System(), names: map[named]string{}}
	s.deps.Types = maps.Clone(d.Types)
	s.deps.Types.Add(s.nestedStack())
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

// typeOf returns the type of a name that is known to have one.
func (s *Service) typeOf(name string) resource.Type {
	t, _ := s.deps.Types.Find(name)
	return t
}

// Close stops the operations in progress at their current point, and waits for
// the resource types to return. It never fails.
func (s *Service) Close() error {
	s.end()
	s.work.Wait()
	return nil
}

// background runs work after the request has ended, with the values of the
// request's context, until the service is closed. The caller holds the
// service's lock.
func (s *Service) background(ctx context.Context, work func(context.Context)) {
	if s.life.Err() != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(s.life, cancel)
	s.work.Go(func() {
		defer cancel()
		defer stop()
		work(ctx)
	})
}

// stamp returns the time for an event. No two events have the same time, even
// in the milliseconds that the wire format shows, so events can be ordered by
// time. The caller holds the service's lock.
func (s *Service) stamp() time.Time {
	now := s.account.Clock.Now().UTC().Truncate(time.Millisecond)
	if !now.After(s.stamped) {
		now = s.stamped.Add(time.Millisecond)
	}
	s.stamped = now
	return now
}

// nextSerial numbers the physical resources. The caller holds the service's lock.
func (s *Service) nextSerial() int {
	s.serial++
	return s.serial
}
