package lambda

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/eventpattern"
)

// A mapping invokes a function with the messages of a queue. It is guarded by
// Service.mu.
type mapping struct {
	id       string
	tags     map[string]string
	modified time.Time
	poller   *poller // nil while the mapping is disabled
	result   string  // of the last poll
	mappingSettings
}

// mappingSettings are immutable: an update replaces them.
type mappingSettings struct {
	source      string // ARN of the queue
	function    reference
	enabled     bool
	batch       int
	window      time.Duration
	concurrency int  // of batches; 0 if there is no limit
	partial     bool // the function reports the messages that failed
	filters     []filter
}

type filter struct {
	text    string
	pattern *eventpattern.Pattern
}

// The states of a mapping. A change takes effect at once, but its answer says
// that it is going on, as on AWS.
const (
	stateCreating = "Creating"
	stateUpdating = "Updating"
	stateDeleting = "Deleting"
	stateEnabled  = "Enabled"
	stateDisabled = "Disabled"
)

// The results of a poll.
const (
	notProcessed = "No records processed"
	processed    = "OK"
	callFailed   = "PROBLEM: Function call failed"
)

func (s *Service) mappingARN(id string) string {
	return s.account.ARN("lambda", "event-source-mapping:"+id)
}

// mappingSupported lists the members of the inputs that mappings of queues have here.
var mappingSupported = []string{
	"BatchSize", "Enabled", "EventSourceArn", "FilterCriteria", "FunctionName", "FunctionResponseTypes", "MaximumBatchingWindowInSeconds",
	"ScalingConfig", "Tags", "UUID",
}

// streamsOnly lists those that AWS refuses for a queue, too.
var streamsOnly = []string{
	"BisectBatchOnFunctionError", "DestinationConfig", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "ParallelizationFactor",
	"StartingPosition", "StartingPositionTimestamp", "TumblingWindowInSeconds",
}

// checkMembers refuses the members of an input that are set and not supported.
func checkMembers(in any) error {
	v := reflect.ValueOf(in).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		switch {
		case !v.Type().Field(i).IsExported() || v.Field(i).IsZero() || slices.Contains(mappingSupported, name):
		case slices.Contains(streamsOnly, name):
			return invalid("Unsupported %s parameter for given event source mapping type.", name)
		default:
			return unsupported(name + " of an event source mapping")
		}
	}
	return nil
}

// checkSource refuses an event source that is no queue of this account.
func (s *Service) checkSource(arn *string) error {
	text := aws.ToString(arn)
	parts := strings.SplitN(text, ":", 6)
	switch {
	case len(parts) < 6 || parts[0] != "arn":
		return invalid("Unrecognized event source.")
	case parts[2] != "sqs":
		return unsupported("An event source of " + parts[2])
	case !queueARN.MatchString(text):
		return invalid("Unrecognized event source, must be kinesis, dynamodb stream, sqs, kafka or mq.")
	case !strings.HasPrefix(text, s.account.ARN("sqs", "")) || s.deps.Queues == nil:
		return invalid("The embedded AWS has no queue %s.", text)
	}
	return nil
}

func fifo(queueARN string) bool { return strings.HasSuffix(queueARN, ".fifo") }

// changed returns the settings with those of a request. s.mu is not held.
func (set mappingSettings) changed(in *awslambda.UpdateEventSourceMappingInput) (mappingSettings, error) {
	if in.Enabled != nil {
		set.enabled = *in.Enabled
	}
	size, window := int32(set.batch), int32(set.window/time.Second) // #nosec G115 -- both were int32
	if err := within(in.BatchSize, "batchSize", 1, 10000, &size); err != nil {
		return set, err
	}
	if err := within(in.MaximumBatchingWindowInSeconds, "maximumBatchingWindowInSeconds", 0, 300, &window); err != nil {
		return set, err
	}
	set.batch, set.window = int(size), time.Duration(window)*time.Second
	switch {
	case fifo(set.source) && size > maxReceived:
		return set, invalid("Batch size must be at most %d for a FIFO queue.", maxReceived)
	case fifo(set.source) && window > 0:
		return set, invalid("Batching window is not supported for FIFO queues")
	case size > maxReceived && window == 0:
		return set, invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")
	}
	if in.FunctionResponseTypes != nil {
		for _, t := range in.FunctionResponseTypes {
			if t != lambdatypes.FunctionResponseTypeReportBatchItemFailures {
				return set, validation("Value '[%s]' at 'functionResponseTypes' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [ReportBatchItemFailures]]", t)
			}
		}
		set.partial = len(in.FunctionResponseTypes) > 0
	}
	if in.ScalingConfig != nil {
		var n int32
		if err := within(in.ScalingConfig.MaximumConcurrency, "scalingConfig.maximumConcurrency", 2, 1000, &n); err != nil {
			return set, err
		}
		set.concurrency = int(n)
	}
	if in.FilterCriteria != nil {
		set.filters = nil
		const most = 5
		if len(in.FilterCriteria.Filters) > most {
			return set, invalid("Total filter count for the event source mapping exceeds the limit %d", most)
		}
		for _, f := range in.FilterCriteria.Filters {
			text := aws.ToString(f.Pattern)
			p, err := eventpattern.Compile(text)
			if err != nil {
				return set, invalid("Invalid filter pattern definition. %v", err)
			}
			set.filters = append(set.filters, filter{text, p})
		}
	}
	return set, nil
}

// checkQueue checks that the queue exists and hides messages for as long as the
// function may run.
func (s *Service) checkQueue(ctx context.Context, set mappingSettings) error {
	s.mu.RLock()
	_, v, err := s.resolve(set.function)
	s.mu.RUnlock()
	if err != nil {
		return err
	}
	const name = sqstypes.QueueAttributeNameVisibilityTimeout
	out, err := s.deps.Queues.GetQueueAttributes(ctx, &awssqs.GetQueueAttributesInput{
		QueueUrl: aws.String(s.account.QueueURL(set.source)), AttributeNames: []sqstypes.QueueAttributeName{name},
	})
	if gone, ok := errors.AsType[*sqstypes.QueueDoesNotExist](err); ok {
		return invalid("Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: %s", gone.ErrorMessage())
	}
	if err != nil {
		return fmt.Errorf("asking for the queue %s: %w", set.source, err)
	}
	visible, err := strconv.Atoi(out.Attributes[string(name)])
	if err != nil {
		return fmt.Errorf("reading the visibility timeout of %s: %w", set.source, err)
	}
	if visible < int(v.settings.Timeout) {
		return invalid("Queue visibility timeout: %d seconds is less than Function timeout: %d seconds", visible, v.settings.Timeout)
	}
	return nil
}

// describeMapping describes a mapping in the API's terms. s.mu is held.
func (s *Service) describeMapping(m *mapping, state string) lambdatypes.EventSourceMappingConfiguration {
	if state == "" {
		if state = stateDisabled; m.enabled {
			state = stateEnabled
		}
	}
	c := lambdatypes.EventSourceMappingConfiguration{
		BatchSize: aws.Int32(int32(m.batch)), EventSourceArn: aws.String(m.source), EventSourceMappingArn: aws.String(s.mappingARN(m.id)), // #nosec G115 -- it was an int32
		FunctionArn: aws.String(s.arn(m.function.name, m.function.qualifier)), FunctionResponseTypes: []lambdatypes.FunctionResponseType{},
		LastModified: aws.Time(m.modified), LastProcessingResult: aws.String(m.result),
		MaximumBatchingWindowInSeconds: aws.Int32(int32(m.window / time.Second)), // #nosec G115 -- it was an int32
		State:                          aws.String(state), StateTransitionReason: aws.String("USER_INITIATED"), UUID: aws.String(m.id),
	}
	if m.partial {
		c.FunctionResponseTypes = append(c.FunctionResponseTypes, lambdatypes.FunctionResponseTypeReportBatchItemFailures)
	}
	if m.concurrency > 0 {
		c.ScalingConfig = &lambdatypes.ScalingConfig{MaximumConcurrency: aws.Int32(int32(m.concurrency))} // #nosec G115 -- it was an int32
	}
	if len(m.filters) > 0 {
		c.FilterCriteria = &lambdatypes.FilterCriteria{}
		for _, f := range m.filters {
			c.FilterCriteria.Filters = append(c.FilterCriteria.Filters, lambdatypes.Filter{Pattern: &f.text})
		}
	}
	return c
}

func noMapping() error { return notFound("The resource you requested does not exist.") }

// findMapping returns a mapping. s.mu is held.
func (s *Service) findMapping(id *string) (*mapping, error) {
	m, ok := s.mappings[aws.ToString(id)]
	if !ok {
		return nil, noMapping()
	}
	return m, nil
}

// CreateEventSourceMapping makes a function, version or alias process the
// messages of a queue. It refuses the other event sources, and their settings.
// See https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html.
func (s *Service) CreateEventSourceMapping(ctx context.Context, in *awslambda.CreateEventSourceMappingInput) (*awslambda.CreateEventSourceMappingOutput, error) {
	if err := s.checkSource(in.EventSourceArn); err != nil {
		return nil, err
	}
	if err := checkMembers(in); err != nil {
		return nil, err
	}
	ref, err := s.parse(in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	set := mappingSettings{source: *in.EventSourceArn, function: ref, enabled: true, batch: 10}
	set, err = set.changed(&awslambda.UpdateEventSourceMappingInput{
		BatchSize: in.BatchSize, Enabled: in.Enabled, FilterCriteria: in.FilterCriteria, FunctionResponseTypes: in.FunctionResponseTypes,
		MaximumBatchingWindowInSeconds: in.MaximumBatchingWindowInSeconds, ScalingConfig: in.ScalingConfig,
	})
	if err != nil {
		return nil, err
	}
	if err := s.checkQueue(ctx, set); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ended()
	}
	for _, other := range s.mappings {
		if other.source == set.source && other.function == set.function {
			return nil, conflict("An event source mapping with SQS arn (\" %s \") and function (\" %s \") already exists. Please update or delete the existing mapping with UUID %s", set.source, ref.name, other.id)
		}
	}
	m := &mapping{id: uuid.NewString(), tags: maps.Clone(in.Tags), modified: s.account.Clock.Now(), result: notProcessed, mappingSettings: set}
	if m.tags == nil {
		m.tags = map[string]string{}
	}
	s.mappings[m.id] = m
	s.startPoller(m)
	return output[awslambda.CreateEventSourceMappingOutput](s.describeMapping(m, stateCreating)), nil
}

// GetEventSourceMapping describes a mapping.
// See https://docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html.
func (s *Service) GetEventSourceMapping(_ context.Context, in *awslambda.GetEventSourceMappingInput) (*awslambda.GetEventSourceMappingOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	m, err := s.findMapping(in.UUID)
	if err != nil {
		return nil, err
	}
	return output[awslambda.GetEventSourceMappingOutput](s.describeMapping(m, "")), nil
}

// UpdateEventSourceMapping changes a mapping. Batches that it has already taken
// are processed as before.
// See https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html.
func (s *Service) UpdateEventSourceMapping(ctx context.Context, in *awslambda.UpdateEventSourceMappingInput) (*awslambda.UpdateEventSourceMappingOutput, error) {
	if err := checkMembers(in); err != nil {
		return nil, err
	}
	s.mu.RLock()
	m, err := s.findMapping(in.UUID)
	var set mappingSettings
	if err == nil {
		set = m.mappingSettings
	}
	s.mu.RUnlock()
	if err != nil {
		return nil, err
	}
	if in.FunctionName != nil {
		if set.function, err = s.parse(in.FunctionName, nil); err != nil {
			return nil, err
		}
	}
	if set, err = set.changed(in); err != nil {
		return nil, err
	}
	if err := s.checkQueue(ctx, set); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ended()
	}
	if m, err = s.findMapping(in.UUID); err != nil {
		return nil, err
	}
	m.mappingSettings, m.modified = set, s.account.Clock.Now()
	m.stop()
	s.startPoller(m)
	return output[awslambda.UpdateEventSourceMappingOutput](s.describeMapping(m, stateUpdating)), nil
}

// DeleteEventSourceMapping deletes a mapping. Batches that it has already taken
// are still processed.
// See https://docs.aws.amazon.com/lambda/latest/api/API_DeleteEventSourceMapping.html.
func (s *Service) DeleteEventSourceMapping(_ context.Context, in *awslambda.DeleteEventSourceMappingInput) (*awslambda.DeleteEventSourceMappingOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.findMapping(in.UUID)
	if err != nil {
		return nil, err
	}
	m.stop()
	delete(s.mappings, m.id)
	return output[awslambda.DeleteEventSourceMappingOutput](s.describeMapping(m, stateDeleting)), nil
}

// ListEventSourceMappings lists the mappings of a function, a queue, or all.
// See https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html.
func (s *Service) ListEventSourceMappings(_ context.Context, in *awslambda.ListEventSourceMappingsInput) (*awslambda.ListEventSourceMappingsOutput, error) {
	var ref reference
	if in.FunctionName != nil {
		var err error
		if ref, err = s.parse(in.FunctionName, nil); err != nil {
			return nil, err
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []lambdatypes.EventSourceMappingConfiguration
	for _, m := range slices.SortedFunc(maps.Values(s.mappings), func(a, b *mapping) int {
		return cmp.Or(a.modified.Compare(b.modified), cmp.Compare(a.id, b.id))
	}) {
		if (in.FunctionName == nil || m.function == ref) && (in.EventSourceArn == nil || m.source == *in.EventSourceArn) {
			all = append(all, s.describeMapping(m, ""))
		}
	}
	page, next, err := paginate(all, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awslambda.ListEventSourceMappingsOutput{EventSourceMappings: page, NextMarker: next}, nil
}
