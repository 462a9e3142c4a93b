// Package sqs is the embedded AWS's Simple Queue Service.
//
// Everything that waits does so on the account's clock: delays, visibility
// timeouts, long polls, retention and the deduplication of messages.
//
// The differences from AWS are:
//   - A queue and its attributes change at once, and its name can be used again
//     as soon as it is deleted. On AWS this takes up to 60 seconds.
//   - The approximate numbers are exact, and a short poll looks at all messages.
//   - Each message of a standard queue is delivered once for each visibility
//     timeout, in the order in which messages became visible.
//   - A receive can't be repeated with ReceiveRequestAttemptId.
//   - Messages are kept in memory. The settings of their encryption are only
//     remembered.
//
// Version 1 of the aws command ignores AWS_ENDPOINT_URL for this service. It must
// be given --endpoint-url, or it sends its requests to AWS.
package sqs

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/paging"
)

// Metrics receives the metrics of queues.
type Metrics interface {
	PutMetricData(context.Context, *awscloudwatch.PutMetricDataInput) (*awscloudwatch.PutMetricDataOutput, error)
}

// Deps are the services that queues need.
type Deps struct {
	Metrics Metrics
	// Wall is the clock for delays of real work. Nil means the system's clock.
	Wall clock.Clock
}

// Service is the queue service of one account and region.
type Service struct {
	account account.Account
	deps    Deps
	meter   *meter

	life       context.Context // ends with Close
	end        context.CancelFunc
	background sync.WaitGroup

	mu     sync.Mutex
	queues map[string]*queue // by name
	moves  []*moveTask       // in the order of their start
}

// New returns a service without queues. Close ends it.
func New(a account.Account, d Deps) *Service {
	if a.Log == nil {
		a.Log = slog.New(slog.DiscardHandler)
	}
	if d.Wall == nil {
		d.Wall = clock.System()
	}
	s := &Service{account: a, deps: d, queues: map[string]*queue{}}
	s.life, s.end = context.WithCancel(context.Background())
	s.meter = newMeter(s)
	if d.Metrics != nil {
		s.background.Go(s.meter.send)
		s.background.Go(s.meter.sample)
	}
	return s
}

// Close ends the long polls in progress.
func (s *Service) Close() error {
	s.end()
	s.background.Wait()
	return nil
}

// invalid returns the error for a parameter that no type of the SDK covers.
func invalid(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "InvalidParameterValue", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

func missing(parameter string) error {
	return &smithy.GenericAPIError{
		Code: "MissingParameter", Message: "The request must contain the parameter " + parameter + ".", Fault: smithy.FaultClient,
	}
}

func badValue(name, value, reason string) error {
	return invalid("Value %s for parameter %s is invalid. Reason: %s", value, name, reason)
}

// unsupported refuses something by name that SQS has and this package has not.
func unsupported(what string) error {
	return &types.UnsupportedOperation{Message: aws.String("the embedded SQS does not support " + what)}
}

// ended returns the error after Close. It is a client fault, because clients
// would retry a server fault for minutes.
func ended() error {
	return &smithy.GenericAPIError{Code: "ServiceUnavailableException", Message: "The embedded AWS is stopping.", Fault: smithy.FaultClient}
}

func noQueue() error {
	return &types.QueueDoesNotExist{Message: aws.String("The specified queue does not exist.")}
}

// url returns the URL of a queue.
func (s *Service) url(q *queue) *string {
	return aws.String(s.account.QueueURL(q.name))
}

// find returns the queue with a URL. s is locked.
func (s *Service) find(queueURL *string) (*queue, error) {
	if aws.ToString(queueURL) == "" {
		return nil, missing("QueueUrl")
	}
	id, name, err := account.QueueOf(*queueURL)
	if err != nil {
		return nil, &types.InvalidAddress{Message: aws.String("The address " + *queueURL + " is not valid for this endpoint.")}
	}
	q, ok := s.queues[name]
	if !ok || id != s.account.ID {
		return nil, noQueue()
	}
	return q, nil
}

// byARN returns the queue with an ARN, or nil. s is locked.
func (s *Service) byARN(arn string) *queue {
	name, ok := strings.CutPrefix(arn, s.account.ARN("sqs", ""))
	if !ok {
		return nil
	}
	return s.queues[name]
}

// on runs f with a queue while s is locked.
func (s *Service) on(queueURL *string, f func(*queue) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(queueURL)
	if err != nil {
		return err
	}
	return f(q)
}

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

func checkName(name string, fifo bool) error {
	base := name
	if fifo {
		var ok bool
		if base, ok = strings.CutSuffix(name, ".fifo"); !ok {
			return invalid("The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.")
		}
	}
	if !queueName.MatchString(base) || len(name) > 80 {
		return invalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	return nil
}

// CreateQueue creates a queue, or returns the URL of the queue with that name if
// the given attributes are those that it has.
// See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html.
func (s *Service) CreateQueue(_ context.Context, in *awssqs.CreateQueueInput) (*awssqs.CreateQueueOutput, error) {
	name := aws.ToString(in.QueueName)
	fifo := in.Attributes["FifoQueue"] == "true"
	if err := checkName(name, fifo); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if q, ok := s.queues[name]; ok {
		for _, attribute := range slices.Sorted(maps.Keys(in.Attributes)) {
			if q.attribute(attribute) != in.Attributes[attribute] {
				return nil, &types.QueueNameExists{Message: aws.String("A queue already exists with the same name and a different value for attribute " + attribute)}
			}
		}
		return &awssqs.CreateQueueOutput{QueueUrl: s.url(q)}, nil
	}
	now := s.account.Clock.Now()
	q := newQueue(name, s.account.ARN("sqs", name), fifo, now)
	if in.Tags != nil {
		q.tags = maps.Clone(in.Tags)
	}
	given := maps.Clone(in.Attributes)
	delete(given, "FifoQueue")
	// A standard queue does not know this attribute, not even as false.
	if !fifo && in.Attributes["FifoQueue"] != "" {
		return nil, &types.InvalidAttributeName{Message: aws.String("Unknown Attribute FifoQueue.")}
	}
	if err := s.set(q, given); err != nil {
		return nil, err
	}
	s.queues[name] = q
	s.meter.active(q, now)
	return &awssqs.CreateQueueOutput{QueueUrl: s.url(q)}, nil
}

// DeleteQueue deletes a queue with its messages. The long polls of the queue end.
func (s *Service) DeleteQueue(_ context.Context, in *awssqs.DeleteQueueInput) (*awssqs.DeleteQueueOutput, error) {
	return &awssqs.DeleteQueueOutput{}, s.on(in.QueueUrl, func(q *queue) error {
		delete(s.queues, q.name)
		q.notify()
		return nil
	})
}

// GetQueueUrl returns the URL of a queue of this account.
func (s *Service) GetQueueUrl(_ context.Context, in *awssqs.GetQueueUrlInput) (*awssqs.GetQueueUrlOutput, error) {
	if owner := aws.ToString(in.QueueOwnerAWSAccountId); owner != "" && owner != s.account.ID {
		return nil, noQueue()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q, ok := s.queues[aws.ToString(in.QueueName)]
	if !ok {
		return nil, noQueue()
	}
	return &awssqs.GetQueueUrlOutput{QueueUrl: s.url(q)}, nil
}

// maxListed is the largest page of a list of queues.
const maxListed = 1000

// page returns the part of a sorted list of names that follows token, as URLs.
// Without a limit, there is only one page.
func (s *Service) page(names []string, token *string, limit *int32) (urls []string, next *string, err error) {
	size := maxListed
	if limit != nil {
		if *limit < 1 || *limit > maxListed {
			return nil, nil, badValue("MaxResults", strconv.Itoa(int(*limit)), "MaxResults must be an integer between 1 and 1000.")
		}
		size = int(*limit)
	}
	names, next = paging.After(names, token, size)
	if limit == nil {
		next = nil
	}
	for _, name := range names {
		urls = append(urls, *s.url(s.queues[name]))
	}
	return urls, next, nil
}

// ListQueues lists queues by name.
func (s *Service) ListQueues(_ context.Context, in *awssqs.ListQueuesInput) (*awssqs.ListQueuesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(s.queues)), func(name string) bool {
		return !strings.HasPrefix(name, aws.ToString(in.QueueNamePrefix))
	})
	urls, next, err := s.page(names, in.NextToken, in.MaxResults)
	return &awssqs.ListQueuesOutput{QueueUrls: urls, NextToken: next}, err
}

// ListDeadLetterSourceQueues lists the queues whose dead-letter queue this is.
func (s *Service) ListDeadLetterSourceQueues(_ context.Context, in *awssqs.ListDeadLetterSourceQueuesInput) (*awssqs.ListDeadLetterSourceQueuesOutput, error) {
	out := &awssqs.ListDeadLetterSourceQueuesOutput{}
	return out, s.on(in.QueueUrl, func(q *queue) (err error) {
		out.QueueUrls, out.NextToken, err = s.page(s.sources(q), in.NextToken, in.MaxResults)
		return err
	})
}

// sources returns the names of the queues whose dead-letter queue is q. s is locked.
func (s *Service) sources(q *queue) []string {
	var names []string
	for name, other := range s.queues {
		if other.redrive.target == q.arn {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// purgeInterval is the time that must pass between two purges of a queue.
const purgeInterval = time.Minute

// PurgeQueue deletes all messages of a queue.
func (s *Service) PurgeQueue(_ context.Context, in *awssqs.PurgeQueueInput) (*awssqs.PurgeQueueOutput, error) {
	return &awssqs.PurgeQueueOutput{}, s.on(in.QueueUrl, func(q *queue) error {
		now := s.account.Clock.Now()
		if !q.purged.IsZero() && now.Sub(q.purged) < purgeInterval {
			return &types.PurgeQueueInProgress{Message: aws.String("Only one PurgeQueue operation on " + q.name + " is allowed every 60 seconds.")}
		}
		q.purged = now
		for _, m := range q.messages {
			q.remove(m)
		}
		return nil
	})
}

// SetQueueAttributes changes attributes of a queue. Some are removed by an empty value.
func (s *Service) SetQueueAttributes(_ context.Context, in *awssqs.SetQueueAttributesInput) (*awssqs.SetQueueAttributesOutput, error) {
	return &awssqs.SetQueueAttributesOutput{}, s.on(in.QueueUrl, func(q *queue) error {
		if len(in.Attributes) == 0 {
			return missing("Attribute.Name")
		}
		if err := s.set(q, in.Attributes); err != nil {
			return err
		}
		q.modified = s.account.Clock.Now()
		q.notify()
		return nil
	})
}

// GetQueueAttributes returns the attributes that the request names, or all.
func (s *Service) GetQueueAttributes(_ context.Context, in *awssqs.GetQueueAttributesInput) (*awssqs.GetQueueAttributesOutput, error) {
	out := &awssqs.GetQueueAttributesOutput{}
	return out, s.on(in.QueueUrl, func(q *queue) error {
		if len(in.AttributeNames) == 0 {
			return nil
		}
		all := q.describe(s.account.Clock.Now())
		if slices.Contains(in.AttributeNames, types.QueueAttributeNameAll) {
			out.Attributes = all
			return nil
		}
		out.Attributes = map[string]string{}
		for _, name := range in.AttributeNames {
			if !slices.Contains(name.Values(), name) {
				return &types.InvalidAttributeName{Message: aws.String("Unknown Attribute " + string(name) + ".")}
			}
			if value, ok := all[string(name)]; ok {
				out.Attributes[string(name)] = value
			}
		}
		return nil
	})
}

// maxTags is the number of tags that a queue may have.
const maxTags = 50

// TagQueue adds tags to a queue.
func (s *Service) TagQueue(_ context.Context, in *awssqs.TagQueueInput) (*awssqs.TagQueueOutput, error) {
	return &awssqs.TagQueueOutput{}, s.on(in.QueueUrl, func(q *queue) error {
		if len(in.Tags) == 0 {
			return missing("Tags")
		}
		tags := maps.Clone(q.tags)
		maps.Copy(tags, in.Tags)
		if len(tags) > maxTags {
			return invalid("Too many tags added for queue %s.", q.name)
		}
		q.tags = tags
		return nil
	})
}

// UntagQueue removes tags from a queue.
func (s *Service) UntagQueue(_ context.Context, in *awssqs.UntagQueueInput) (*awssqs.UntagQueueOutput, error) {
	return &awssqs.UntagQueueOutput{}, s.on(in.QueueUrl, func(q *queue) error {
		if len(in.TagKeys) == 0 {
			return missing("TagKeys")
		}
		for _, key := range in.TagKeys {
			delete(q.tags, key)
		}
		return nil
	})
}

// ListQueueTags returns the tags of a queue.
func (s *Service) ListQueueTags(_ context.Context, in *awssqs.ListQueueTagsInput) (*awssqs.ListQueueTagsOutput, error) {
	out := &awssqs.ListQueueTagsOutput{}
	return out, s.on(in.QueueUrl, func(q *queue) error {
		if len(q.tags) > 0 {
			out.Tags = maps.Clone(q.tags)
		}
		return nil
	})
}

// newQueue returns a queue with the default attributes.
func newQueue(name, arn string, fifo bool, now time.Time) *queue {
	return &queue{
		id: uuid.NewString(), name: name, arn: arn, fifo: fifo, tags: map[string]string{}, set: map[string]string{},
		created: now, modified: now, messages: map[string]*message{}, changed: make(chan struct{}),
		duplicates: map[string]duplicate{}, groups: map[string]int{},
		numbers: numbers{visibility: 30, maxSize: maxSize, retention: 4 * 24 * 60 * 60},
	}
}

// attribute returns the value that an attribute has, or "".
func (q *queue) attribute(name string) string {
	return cmp.Or(q.set[name], q.defaults()[name])
}
