// Package lambda is the embedded AWS's Lambda. It runs a function's zip as
// processes of this host behind the Runtime API, one for each execution
// environment, and routes invocations to them as Lambda does.
//
// A host can't do everything that Lambda does. The differences are:
//   - Only OS-only runtimes run, and only for the host's architecture.
//   - The task root is writable, and processes see the host's file system;
//     TMPDIR is private to an execution environment.
//   - On Linux, memory is measured at the end of each invocation, and every
//     quarter of a second during a longer one. If the process has exceeded
//     MemorySize, the invocation fails whatever it answered, and the process is
//     killed. On other hosts, REPORT says 0 MB and nothing is limited.
//   - On Linux, a function runs on as many processors as its memory size pays
//     for on Lambda, rounded up: one up to 1,769 MB. It sees only these. On
//     Lambda, it sees two or more and gets a share of their time.
//   - A function is ready as soon as it has been created or updated, and says so:
//     State is Active and LastUpdateStatus is Successful. On Lambda this takes
//     seconds. During that time, the function can't be published, updated again
//     or, if it is new, invoked. A client that does not wait for it
//     (function-active-v2, function-updated-v2) only fails there.
//   - Event sources are SQS queues and DynamoDB streams. A mapping changes at once;
//     on Lambda this takes up to a minute. Errors do not slow the mapping of a queue
//     down. The batches of a stream that are processed at once all end before the
//     next ones begin.
//   - At most Deps.MaxEnvironments processes run at once. Further invocations
//     within the account's concurrency wait for one.
package lambda

import (
	"context"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	crand "crypto/rand"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/isolation"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// servicePrincipal is the principal that Lambda acts as.
const servicePrincipal = "lambda.amazonaws.com"

// Objects provides deployment packages.
type Objects interface {
	GetObject(ctx context.Context, in *awss3.GetObjectInput) (*awss3.GetObjectOutput, error)
}

// Metrics receives the metrics of functions.
type Metrics interface {
	PutMetricData(ctx context.Context, in *awscloudwatch.PutMetricDataInput) (*awscloudwatch.PutMetricDataOutput, error)
}

// Logs receives what functions write to their standard streams.
type Logs interface {
	CreateLogGroup(ctx context.Context, in *awslogs.CreateLogGroupInput) (*awslogs.CreateLogGroupOutput, error)
	CreateLogStream(ctx context.Context, in *awslogs.CreateLogStreamInput) (*awslogs.CreateLogStreamOutput, error)
	PutLogEvents(ctx context.Context, in *awslogs.PutLogEventsInput) (*awslogs.PutLogEventsOutput, error)
}

// Roles gives an execution environment the credentials of its function's role.
type Roles interface {
	AssumeRole(ctx context.Context, in *awssts.AssumeRoleInput) (*awssts.AssumeRoleOutput, error)
}

// Topics receives what on-failure and on-success destinations and dead-letter
// configurations send to SNS.
type Topics interface {
	Publish(ctx context.Context, in *awssns.PublishInput) (*awssns.PublishOutput, error)
}

// Queues is what event source mappings need of SQS, and destinations and
// dead-letter configurations.
type Queues interface {
	GetQueueAttributes(ctx context.Context, in *awssqs.GetQueueAttributesInput) (*awssqs.GetQueueAttributesOutput, error)
	ReceiveMessage(ctx context.Context, in *awssqs.ReceiveMessageInput) (*awssqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(ctx context.Context, in *awssqs.DeleteMessageBatchInput) (*awssqs.DeleteMessageBatchOutput, error)
	SendMessage(ctx context.Context, in *awssqs.SendMessageInput) (*awssqs.SendMessageOutput, error)

	// Await waits until a message of the queue can be received, or until a time
	// if that is not zero.
	Await(ctx context.Context, queueARN string, until time.Time) error
	// Available reports whether a message of the queue can be received now.
	Available(queueARN string) bool
}

// A Verifier checks the SigV4 signature of a request to a function URL and
// returns the caller. The request's body can still be read in full afterwards.
type Verifier interface {
	VerifyRequest(r *http.Request, service string) (principal.Principal, error)
}

// Deps is what Lambda needs from the rest of an embedded AWS, and how much of
// the host it may use.
type Deps struct {
	Objects Objects
	Metrics Metrics
	Logs    Logs
	Roles   Roles
	Topics  Topics
	Queues  Queues
	Streams Streams

	// Access decides whether the signer of a request to a function URL may call
	// it. If it is nil, everyone whose signature is right may.
	Access interface {
		Authorize(ctx context.Context, service, operation string, in any) error
	}
	// Verifier checks requests to function URLs with AuthType AWS_IAM. Without
	// a verifier, all of them are refused.
	Verifier Verifier
	// Rand returns numbers in [0,1). A weighted alias uses them to choose a
	// version. Nil selects a random source.
	Rand func() float64
	// MaxEnvironments limits the number of execution environments, each a
	// process, that exist at once. Zero means 50.
	MaxEnvironments int
	// Node runs functions in JavaScript.
	Node Node
	// Wall is the clock for limits on real processes. Nil means the system's clock.
	Wall clock.Clock
}

// Service is Lambda. Create it with New; Close ends its processes.
type Service struct {
	nodeState

	account account.Account
	deps    Deps
	wall    clock.Clock

	initLimit      time.Duration // of an environment's first initialization
	memoryInterval time.Duration

	life       context.Context // ends with Close
	end        context.CancelFunc
	background sync.WaitGroup

	mu        sync.RWMutex
	functions map[string]*function
	mappings  map[string]*mapping // by UUID
	reserved  int32               // the sum of all functions' reserved concurrency
	closed    bool

	unreserved atomic.Int32 // executions of functions without reserved concurrency
	executions atomic.Int32 // executions of all functions
	events     atomic.Int32 // asynchronous events that are not complete yet

	packages packages
	host     *host
	runtime  *http.Server // serves the Runtime API on one listener per environment
	spawner  *isolation.Spawner
	cpus     *processors // those that functions get, from the spawner's thread only
	metrics  *recorder
	logs     *shipper
}

// New returns a Lambda without functions.
func New(a account.Account, d Deps) *Service {
	if d.Rand == nil {
		d.Rand = rand.Float64
	}
	if d.MaxEnvironments <= 0 {
		d.MaxEnvironments = 50
	}
	if d.Wall == nil {
		d.Wall = clock.System()
	}
	s := &Service{
		account:        a,
		deps:           d,
		wall:           d.Wall,
		initLimit:      initLimit,
		memoryInterval: memoryInterval,
		functions:      map[string]*function{},
		mappings:       map[string]*mapping{},
		spawner:        isolation.NewSpawner(a.Isolation),
		cpus:           allowedProcessors(),
	}
	s.life, s.end = context.WithCancel(principal.Service(context.Background(), servicePrincipal, a.ID))
	s.packages.dir, s.packages.isolation = a.Dir, a.Isolation
	s.host = newHost(d.MaxEnvironments)
	s.runtime = newRuntimeServer()
	s.metrics = newRecorder(s)
	s.logs = newShipper(s)
	s.background.Go(func() { repeat(s.life, s.wall, s.metrics.wake, s.metrics.flush) })
	s.background.Go(func() { repeat(s.life, s.wall, s.logs.wake, s.logs.flush) })
	s.background.Go(s.reap)
	return s
}

// Close ends every function URL, process and pending event. Invocations in
// progress return an error.
func (s *Service) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	var urls []*functionURL
	for _, f := range s.functions {
		for _, u := range f.urls {
			urls = append(urls, u)
		}
	}
	s.mu.Unlock()

	var errs []error
	for _, u := range urls {
		errs = append(errs, u.server.Close())
	}
	s.end()
	s.host.close()
	s.spawner.Close()
	// An environment that ends at this moment closes its listener, too.
	if err := s.runtime.Close(); !errors.Is(err, net.ErrClosed) {
		errs = append(errs, err)
	}
	errs = append(errs, s.packages.close())
	s.background.Wait()
	s.Flush(context.WithoutCancel(s.life))
	return errors.Join(errs...)
}

// Flush sends all recorded metrics and log lines. Without it, they arrive
// within a tenth of a second.
func (s *Service) Flush(ctx context.Context) {
	ctx = principal.Service(ctx, servicePrincipal, s.account.ID)
	// The logs come first, because log lines may contain metrics.
	s.logs.flush(ctx)
	s.metrics.flush(ctx)
}

// repeat calls flush a moment after each signal on wake, until ctx ends.
func repeat(ctx context.Context, wall clock.Clock, wake <-chan struct{}, flush func(context.Context)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
			if clock.Sleep(ctx, wall, flushInterval) != nil {
				return
			}
			flush(ctx)
		}
	}
}

// signal wakes repeat without waiting for it.
func signal(wake chan<- struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// randomHex returns n random bytes in hexadecimal digits.
func randomHex(n int) string {
	b := make([]byte, n)
	// This never fails, as above.
	_, _ = crand.Read(b)
	return hex.EncodeToString(b)
}
