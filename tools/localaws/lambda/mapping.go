package lambda

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsstreams "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/eventpattern"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// A mapping invokes a function with the messages of a queue or the records of a
// stream. It is guarded by Service.mu.
type mapping struct {
	id       string
	tags     map[string]string
	modified time.Time
	poller   puller      // nil while the mapping is disabled
	result   string      // of the last poll
	place    streamPlace // behind what has been processed of a stream
	mappingSettings
}

// mappingSettings are immutable: an update replaces them.
type mappingSettings struct {
	source      string // ARN of the queue or stream
	function    reference
	enabled     bool
	batch       int
	window      time.Duration
	concurrency int  // of batches; 0 if there is no limit
	partial     bool // the function reports the messages that failed
	filters     []filter
	stream      *streamSettings // nil for a queue
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

// mappingSupported lists the members of the inputs that mappings have here.
var mappingSupported = []string{
	"BatchSize", "Enabled", "EventSourceArn", "FilterCriteria", "FunctionName", "FunctionResponseTypes", "MaximumBatchingWindowInSeconds",
	"Tags", "UUID",
}

// Those that only one kind of event source has.
var (
	queuesOnly  = []string{"ScalingConfig"}
	streamsOnly = []string{
		"BisectBatchOnFunctionError", "DestinationConfig", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "ParallelizationFactor",
		"StartingPosition", "StartingPositionTimestamp", "TumblingWindowInSeconds",
	}
)

// checkMembers refuses the members of an input that are set and not supported.
func checkMembers(in any, stream bool) error {
	v := reflect.ValueOf(in).Elem()
	own, others := queuesOnly, streamsOnly
	if stream {
		own, others = others, own
	}
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		switch {
		case !v.Type().Field(i).IsExported() || v.Field(i).IsZero() || slices.Contains(mappingSupported, name) || slices.Contains(own, name):
		case slices.Contains(others, name):
			return invalid("Unsupported %s parameter for given event source mapping type.", name)
		default:
			return unsupported(name + " of an event source mapping")
		}
	}
	return nil
}

var streamARN = regexp.MustCompile(`^arn:aws:dynamodb:[a-z0-9-]+:\d{12}:table/[a-zA-Z0-9_.-]+/stream/[^/]+$`)

// checkSource refuses an event source that is no queue or stream of this account, and
// reports whether it is a stream.
func (s *Service) checkSource(arn *string) (stream bool, _ error) {
	text := aws.ToString(arn)
	parts := strings.SplitN(text, ":", 6)
	switch {
	case len(parts) < 6 || parts[0] != "arn":
		return false, invalid("Unrecognized event source.")
	case parts[2] != "sqs" && parts[2] != "dynamodb":
		return false, unsupported("An event source of " + parts[2])
	case !queueARN.MatchString(text) && !streamARN.MatchString(text):
		return false, invalid("Unrecognized event source, must be kinesis, dynamodb stream, sqs, kafka or mq.")
	case parts[2] == "sqs" && (!strings.HasPrefix(text, s.account.ARN("sqs", "")) || s.deps.Queues == nil):
		return false, invalid("The embedded AWS has no queue %s.", text)
	case parts[2] == "dynamodb" && (!strings.HasPrefix(text, s.account.ARN("dynamodb", "")) || s.deps.Streams == nil):
		return false, invalid("The embedded AWS has no stream %s.", text)
	}
	return parts[2] == "dynamodb", nil
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
	if set.stream != nil {
		own := *set.stream
		if err := own.change(in); err != nil {
			return set, err
		}
		set.stream = &own
	}
	switch {
	case set.stream != nil:
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

// change applies a request to the settings of a stream.
// See https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html.
func (own *streamSettings) change(in *awslambda.UpdateEventSourceMappingInput) error {
	if w := aws.ToInt32(in.TumblingWindowInSeconds); w != 0 {
		return unsupported("TumblingWindowInSeconds of an event source mapping")
	}
	if in.BisectBatchOnFunctionError != nil {
		own.bisect = *in.BisectBatchOnFunctionError
	}
	retries, age, factor := int32(own.retries), int32(own.age/time.Second), int32(own.factor) // #nosec G115 -- they were int32
	if own.age == 0 {
		age = -1
	}
	if err := within(in.MaximumRetryAttempts, "maximumRetryAttempts", -1, 10000, &retries); err != nil {
		return err
	}
	if err := within(in.MaximumRecordAgeInSeconds, "maximumRecordAgeInSeconds", -1, 604800, &age); err != nil {
		return err
	}
	if age >= 0 && age < 60 {
		return invalid("Maximum record age in seconds must be -1, or between 60 and 604800.")
	}
	if err := within(in.ParallelizationFactor, "parallelizationFactor", 1, 10, &factor); err != nil {
		return err
	}
	own.retries, own.age, own.factor = int(retries), max(0, time.Duration(age)*time.Second), int(factor)
	if in.DestinationConfig == nil {
		return nil
	}
	own.onFailure = ""
	if success := in.DestinationConfig.OnSuccess; success != nil && aws.ToString(success.Destination) != "" {
		return invalid("Unsupported OnSuccess destination for given event source mapping type.")
	}
	if failure := in.DestinationConfig.OnFailure; failure != nil {
		own.onFailure = aws.ToString(failure.Destination)
	}
	if own.onFailure != "" && !topicARN.MatchString(own.onFailure) && (!queueARN.MatchString(own.onFailure) || fifo(own.onFailure)) {
		return unsupported("The destination " + own.onFailure + " of an event source mapping")
	}
	return nil
}

// checkStream checks that the function's role may read the stream, and returns its
// next sequence number.
func (s *Service) checkStream(ctx context.Context, set mappingSettings) (next string, _ error) {
	s.mu.RLock()
	_, _, err := s.resolve(set.function)
	s.mu.RUnlock()
	if err != nil {
		return "", err
	}
	if next, err = s.deps.Streams.Next(set.source); err != nil {
		return "", invalid("Stream not found: %s", set.source)
	}
	ctx = s.asRole(ctx, set.function)
	out, err := s.deps.Streams.DescribeStream(ctx, &awsstreams.DescribeStreamInput{StreamArn: &set.source})
	if err == nil {
		var iterator *awsstreams.GetShardIteratorOutput
		if iterator, err = s.deps.Streams.GetShardIterator(ctx, &awsstreams.GetShardIteratorInput{
			StreamArn: &set.source, ShardId: out.StreamDescription.Shards[0].ShardId, ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon,
		}); err == nil {
			_, err = s.deps.Streams.GetRecords(ctx, &awsstreams.GetRecordsInput{ShardIterator: iterator.ShardIterator, Limit: aws.Int32(1)})
		}
	}
	if err != nil {
		return "", invalid("Cannot access stream %s. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, and ListStreams Actions on your stream in IAM. (%v)", set.source, err)
	}
	return next, nil
}

// checkPolling checks that the function's role may receive and delete the messages of
// a queue.
func (s *Service) checkPolling(ctx context.Context, set mappingSettings) error {
	if s.deps.Access == nil {
		return nil
	}
	ctx = s.asRole(ctx, set.function)
	url := aws.String(s.account.QueueURL(set.source))
	for name, in := range map[string]any{
		"ReceiveMessage": &awssqs.ReceiveMessageInput{QueueUrl: url}, "DeleteMessage": &awssqs.DeleteMessageInput{QueueUrl: url},
		"GetQueueAttributes": &awssqs.GetQueueAttributesInput{QueueUrl: url},
	} {
		if err := s.deps.Access.Authorize(ctx, "sqs", name, in); err != nil {
			return invalid("The provided execution role does not have permissions to call %s on SQS", name)
		}
	}
	return nil
}

// checkSettings checks the event source, and returns a stream's next sequence number.
func (s *Service) checkSettings(ctx context.Context, set mappingSettings) (next string, _ error) {
	if set.stream != nil {
		return s.checkStream(ctx, set)
	}
	if err := s.checkQueue(ctx, set); err != nil {
		return "", err
	}
	return "", s.checkPolling(ctx, set)
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
	// Lambda looks at the queue for itself.
	ctx = principal.Service(ctx, servicePrincipal, s.account.ID)
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
	if own := m.stream; own != nil {
		c.StartingPosition, c.BisectBatchOnFunctionError = own.position, aws.Bool(own.bisect)
		c.MaximumRetryAttempts, c.ParallelizationFactor = aws.Int32(int32(own.retries)), aws.Int32(int32(own.factor)) // #nosec G115 -- they were int32
		c.MaximumRecordAgeInSeconds, c.TumblingWindowInSeconds = aws.Int32(-1), aws.Int32(0)
		if own.age > 0 {
			c.MaximumRecordAgeInSeconds = aws.Int32(int32(own.age / time.Second)) // #nosec G115 -- it was an int32
		}
		c.DestinationConfig = &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{}}
		if own.onFailure != "" {
			c.DestinationConfig.OnFailure.Destination = &own.onFailure
		}
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

// CreateEventSourceMapping makes a function, version or alias process the messages of
// a queue or the records of a DynamoDB stream. It refuses the other event sources.
// See https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html.
func (s *Service) CreateEventSourceMapping(ctx context.Context, in *awslambda.CreateEventSourceMappingInput) (*awslambda.CreateEventSourceMappingOutput, error) {
	stream, err := s.checkSource(in.EventSourceArn)
	if err != nil {
		return nil, err
	}
	if err := checkMembers(in, stream); err != nil {
		return nil, err
	}
	ref, err := s.parse(in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	set := mappingSettings{source: *in.EventSourceArn, function: ref, enabled: true, batch: 10}
	if stream {
		set.batch, set.stream = 100, &streamSettings{position: in.StartingPosition, retries: -1, factor: 1}
		switch in.StartingPosition {
		case lambdatypes.EventSourcePositionLatest, lambdatypes.EventSourcePositionTrimHorizon:
		case "":
			return nil, validation("Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.")
		default:
			return nil, invalid("Unsupported starting position for arn type: %s", set.source)
		}
	}
	set, err = set.changed(&awslambda.UpdateEventSourceMappingInput{
		BatchSize: in.BatchSize, Enabled: in.Enabled, FilterCriteria: in.FilterCriteria, FunctionResponseTypes: in.FunctionResponseTypes,
		MaximumBatchingWindowInSeconds: in.MaximumBatchingWindowInSeconds, ScalingConfig: in.ScalingConfig,
		BisectBatchOnFunctionError: in.BisectBatchOnFunctionError, DestinationConfig: in.DestinationConfig, MaximumRecordAgeInSeconds: in.MaximumRecordAgeInSeconds,
		MaximumRetryAttempts: in.MaximumRetryAttempts, ParallelizationFactor: in.ParallelizationFactor, TumblingWindowInSeconds: in.TumblingWindowInSeconds,
	})
	if err != nil {
		return nil, err
	}
	next, err := s.checkSettings(ctx, set)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ended()
	}
	for _, other := range s.mappings {
		if other.source == set.source && other.function == set.function {
			kind := "SQS"
			if stream {
				kind = "DynamoDB stream"
			}
			return nil, conflict("An event source mapping with "+kind+" arn (\" %s \") and function (\" %s \") already exists. Please update or delete the existing mapping with UUID %s", set.source, ref.name, other.id)
		}
	}
	m := &mapping{id: uuid.NewString(), tags: maps.Clone(in.Tags), modified: s.account.Clock.Now(), result: notProcessed, mappingSettings: set}
	if m.tags == nil {
		m.tags = map[string]string{}
	}
	if in.StartingPosition == lambdatypes.EventSourcePositionLatest {
		m.place = streamPlace{number: next}
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
	if err := checkMembers(in, set.stream != nil); err != nil {
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
	if _, err := s.checkSettings(ctx, set); err != nil {
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
