// Package cloudformation is the embedded AWS's CloudFormation: an engine that
// takes templates to resources by change sets and stacks, with the states,
// events and errors of the real one. What a resource is, resource types
// know, which it is given in a registry.
//
// Each stack has, besides its template, the records of its resources. An
// operation applies a template's resources in the order of their dependencies
// and leaves new records; what failed is undone by comparing the records with
// those of the last good state. What exists but has no place in the stack any
// more is deleted in the clean-up at the end.
//
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/.
package cloudformation

import (
	"context"
	"sync"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// Parameters is where the values of AWS::SSM::Parameter::Value<...>
// parameters are found.
type Parameters interface {
	GetParameter(context.Context, *awsssm.GetParameterInput) (*awsssm.GetParameterOutput, error)
}

// Objects is where the templates behind a TemplateURL are found.
type Objects interface {
	GetObject(context.Context, *awss3.GetObjectInput) (*awss3.GetObjectOutput, error)
}

// Deps are the parts of the embedded AWS that CloudFormation calls.
type Deps struct {
	Types      resource.Registry
	Parameters Parameters
	Objects    Objects

	// AnswerTime is how long ExecuteChangeSet waits with its answer for the
	// change to end, of the machine's time. Zero answers at once.
	AnswerTime time.Duration
}

// Service is CloudFormation in one account and region. Its exported methods
// are CloudFormation's operations. It is safe for concurrent use.
type Service struct {
	account account.Account
	deps    Deps
	limits  clock.Clock // for AnswerTime

	life context.Context // ends with Close
	end  context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex
	stacks  []*stack // in the order of creation, deleted ones included
	stamped time.Time
	serial  int
}

// New returns CloudFormation without any stacks.
func New(a account.Account, d Deps) *Service {
	s := &Service{account: a, deps: d, limits: clock.System()}
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

// Close ends the operations in progress where they are, and waits for the
// resource types to return. It never fails.
func (s *Service) Close() error {
	s.end()
	s.work.Wait()
	return nil
}

// background runs work after the request, with the values of its context,
// until the service is closed. The service is locked.
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

// stamp returns the time of an event: never the time of another one, so that
// the order of times is the order of events, also in milliseconds, which is
// what the wire shows. The service is locked.
func (s *Service) stamp() time.Time {
	now := s.account.Clock.Now().UTC().Truncate(time.Millisecond)
	if !now.After(s.stamped) {
		now = s.stamped.Add(time.Millisecond)
	}
	s.stamped = now
	return now
}

// nextSerial numbers the physical resources. The service is locked.
func (s *Service) nextSerial() int {
	s.serial++
	return s.serial
}
