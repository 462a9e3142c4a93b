// Package cloudwatch is Amazon CloudWatch's metrics, alarms and dashboards.
//
// It keeps metrics as statistics per second (high resolution) or per minute
// (standard resolution), never as single samples. A busy function therefore
// needs no more memory than an idle one.
//
// Alarms are evaluated on the account's clock, with the rules of
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html.
// An alarm with a period of a minute or more is evaluated at each full minute,
// and one with a shorter period every ten seconds. The evaluated data points
// are always complete periods that end at that moment (a sliding window). A
// breach that fills a period therefore trips the alarm at the first full minute
// after its data arrived.
package cloudwatch

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// A Notifier publishes to topics that are alarm actions.
type Notifier interface {
	Publish(context.Context, *awssns.PublishInput) (*awssns.PublishOutput, error)
}

// Functions invokes functions that are alarm actions.
type Functions interface {
	Invoke(context.Context, *awslambda.InvokeInput) (*awslambda.InvokeOutput, error)
}

// Deps are the services that alarm actions use. Either may be nil; an alarm
// whose action needs it is then refused.
type Deps struct {
	Notifier  Notifier
	Functions Functions
}

// Service is CloudWatch in one account and region.
type Service struct {
	account account.Account
	deps    Deps
	metrics *store

	ctx     context.Context // ends with the service
	cancel  context.CancelFunc
	running sync.WaitGroup
	wake    chan struct{} // tells the evaluator that the alarms have changed

	mu         sync.Mutex
	alarms     map[string]*alarm
	evaluating bool // whether the evaluator runs, which it does while there are metric alarms
	history    []types.AlarmHistoryItem
	watchers   map[*watcher]struct{}
	dashboards map[string]dashboard
	tags       map[string]map[string]string // by ARN
}

// New returns a CloudWatch without metrics, alarms or dashboards.
func New(a account.Account, d Deps) *Service {
	ctx := principal.Service(context.Background(), "cloudwatch.amazonaws.com", a.ID)
	ctx, cancel := context.WithCancel(ctx)
	return &Service{
		account:    a,
		deps:       d,
		metrics:    newStore(),
		ctx:        ctx,
		cancel:     cancel,
		wake:       make(chan struct{}, 1),
		alarms:     map[string]*alarm{},
		watchers:   map[*watcher]struct{}{},
		dashboards: map[string]dashboard{},
		tags:       map[string]map[string]string{},
	}
}

// Close ends the evaluation of alarms and the actions in progress.
func (s *Service) Close() error {
	// From here on, nothing is started.
	s.mu.Lock()
	s.cancel()
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// validation returns CloudWatch's error for an invalid request. The SDK has no
// type for it.
func validation(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ValidationError", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

func unsupported(what string) error {
	return validation("%s is not supported by the embedded AWS", what)
}

func invalidValue(format string, args ...any) error {
	return &types.InvalidParameterValueException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func missingParameter(name string) error {
	return &types.MissingRequiredParameterException{Message: aws.String("The parameter " + name + " is required.")}
}

func badCombination(format string, args ...any) error {
	return &types.InvalidParameterCombinationException{Message: aws.String(fmt.Sprintf(format, args...))}
}
