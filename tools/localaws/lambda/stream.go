package lambda

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsstreams "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/eventpattern"
)

// Streams is what event source mappings need of DynamoDB Streams.
type Streams interface {
	DescribeStream(ctx context.Context, in *awsstreams.DescribeStreamInput) (*awsstreams.DescribeStreamOutput, error)
	GetShardIterator(ctx context.Context, in *awsstreams.GetShardIteratorInput) (*awsstreams.GetShardIteratorOutput, error)
	GetRecords(ctx context.Context, in *awsstreams.GetRecordsInput) (*awsstreams.GetRecordsOutput, error)

	// Changed returns a channel that is closed when the stream next gets a record.
	Changed(streamARN string) (<-chan struct{}, error)
	// Next returns the sequence number that the stream's next record gets.
	Next(streamARN string) (string, error)
}

// streamSettings are the settings that only mappings of streams have.
type streamSettings struct {
	position  lambdatypes.EventSourcePosition
	bisect    bool
	retries   int           // -1 if there is no limit
	age       time.Duration // of records; zero if there is no limit
	factor    int           // batches of a shard that are processed at once
	onFailure string        // ARN of a queue or topic; may be empty
}

// recordLife is how long a stream keeps its records.
const recordLife = 24 * time.Hour

// The delays between the tries of a batch. AWS does not document them.
const (
	firstStreamDelay = time.Second
	lastStreamDelay  = time.Minute
)

// A streamReader reads the records of a mapping's stream in their order and invokes
// its function with them. A batch that fails is tried again, and nothing behind it is
// read before it has been processed or given up.
// See https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html.
type streamReader struct {
	mappingSettings
	streamSettings
	service *Service
	mapping *mapping
	ctx     context.Context // ends with the reader
	cancel  context.CancelFunc
	shard   string

	mu      sync.Mutex
	waiting bool            // it waits for records or for a time
	busy    int             // batches that are being processed
	pausing int             // those of them that wait for their next try
	changed <-chan struct{} // closed when there are more records; nil if it does not wait for them
	until   time.Time       // when the wait ends at the latest; zero if it has no end
}

func (s *Service) newStreamReader(m *mapping) *streamReader {
	r := &streamReader{mappingSettings: m.mappingSettings, streamSettings: *m.stream, service: s, mapping: m}
	r.ctx, r.cancel = context.WithCancel(s.life)
	return r
}

func (r *streamReader) stop() { r.cancel() }

// quiet reports whether a reader has nothing to do until time passes or a record arrives.
func (r *streamReader) quiet() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.waiting || !r.until.IsZero() && !r.service.account.Clock.Now().Before(r.until) {
		return false
	}
	if r.changed == nil {
		return true
	}
	select {
	case <-r.changed:
		return false
	default:
		return true
	}
}

// wait waits until the stream changes, if changed is not nil, or for a duration, if
// that is not negative.
func (r *streamReader) wait(changed <-chan struct{}, d time.Duration) {
	var until time.Time
	var passed <-chan time.Time
	if d >= 0 {
		// Who steps the clock once the reader waits must reach its timer.
		until = r.service.account.Clock.Now().Add(d)
		timer := r.service.account.Clock.NewTimer(d)
		defer timer.Stop()
		passed = timer.C()
	}
	r.mu.Lock()
	r.waiting, r.changed, r.until = true, changed, until
	r.mu.Unlock()
	select {
	case <-changed:
	case <-passed:
	case <-r.ctx.Done():
	}
	r.mu.Lock()
	r.waiting, r.changed = false, nil
	r.mu.Unlock()
}

// A streamPlace is a place in a shard. The zero place is its oldest record.
type streamPlace struct {
	number string // a sequence number
	after  bool   // the place is behind the record with this number
}

// A streamRecord is a record of a stream as a function receives it.
type streamRecord struct {
	number string // its sequence number
	at     time.Time
	key    string
	json   json.RawMessage
}

func (r streamRecord) text() json.RawMessage { return r.json }

func (r *streamReader) run() {
	defer r.cancel()
	r.service.mu.RLock()
	place := r.mapping.place
	r.service.mu.RUnlock()
	var held []streamRecord
	var since time.Time // when the first of them was read
	for r.ctx.Err() == nil {
		if _, found := r.service.place(r.function); !found {
			r.service.finish(r.mapping, "PROBLEM: Function not found")
			r.wait(nil, retryInterval)
			continue
		}
		most := r.batch*r.factor - len(held)
		changed, records, err := r.read(&place, most)
		if err != nil {
			if r.ctx.Err() == nil {
				r.service.finish(r.mapping, "PROBLEM: "+err.Error())
				r.wait(nil, retryInterval)
			}
			continue
		}
		records = r.passing(records)
		now := r.service.account.Clock.Now()
		if len(held) == 0 {
			since = now
		}
		held = append(held, records...)
		full := len(held) == r.batch*r.factor || size(held) >= maxRequest
		left := r.window - now.Sub(since)
		switch {
		case len(held) > 0 && (full || left <= 0):
			r.processAll(held)
			held = nil
		case changed == nil:
			continue
		case len(held) > 0:
			r.wait(changed, left)
			continue
		}
		// Until then, a new reader begins at the first of the records that are held.
		if r.ctx.Err() == nil {
			r.service.mu.Lock()
			r.mapping.place = place
			r.service.mu.Unlock()
		}
		if changed != nil && len(records) == 0 {
			r.wait(changed, -1)
		}
	}
}

// read reads records from a place, which it moves behind them. If there are none, it
// returns a channel that is closed when there may be some.
func (r *streamReader) read(place *streamPlace, most int) (<-chan struct{}, []streamRecord, error) {
	streams, ctx := r.service.deps.Streams, r.service.asRole(r.ctx, r.function)
	changed, err := streams.Changed(r.source)
	if err != nil {
		return nil, nil, err
	}
	if r.shard == "" {
		out, err := streams.DescribeStream(ctx, &awsstreams.DescribeStreamInput{StreamArn: &r.source})
		if err != nil {
			return nil, nil, err
		}
		r.shard = aws.ToString(out.StreamDescription.Shards[0].ShardId)
	}
	in := &awsstreams.GetShardIteratorInput{StreamArn: &r.source, ShardId: &r.shard, ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon}
	if place.number != "" {
		in.SequenceNumber, in.ShardIteratorType = &place.number, streamtypes.ShardIteratorTypeAtSequenceNumber
	}
	if place.after {
		in.ShardIteratorType = streamtypes.ShardIteratorTypeAfterSequenceNumber
	}
	iterator, err := streams.GetShardIterator(ctx, in)
	if _, trimmed := errors.AsType[*streamtypes.TrimmedDataAccessException](err); trimmed {
		*place = streamPlace{}
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	out, err := streams.GetRecords(ctx, &awsstreams.GetRecordsInput{
		ShardIterator: iterator.ShardIterator, Limit: aws.Int32(int32(min(most, maxStreamRecords))), // #nosec G115 -- it is at most a thousand
	})
	if err != nil {
		return nil, nil, err
	}
	if len(out.Records) == 0 {
		return changed, nil, nil
	}
	records := make([]streamRecord, len(out.Records))
	for i, record := range out.Records {
		if records[i], err = r.record(record); err != nil {
			return nil, nil, err
		}
	}
	*place = streamPlace{number: records[len(records)-1].number, after: true}
	return nil, records, nil
}

// maxStreamRecords is the number of records that a stream returns at once.
const maxStreamRecords = 1000

// record returns a record as a function receives it.
// See https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html.
func (r *streamReader) record(in streamtypes.Record) (streamRecord, error) {
	d := in.Dynamodb
	key, err := json.Marshal(itemJSON(d.Keys))
	if err != nil {
		return streamRecord{}, err
	}
	change := map[string]any{
		"ApproximateCreationDateTime": d.ApproximateCreationDateTime.Unix(), "Keys": json.RawMessage(key), "SequenceNumber": d.SequenceNumber,
		"SizeBytes": d.SizeBytes, "StreamViewType": d.StreamViewType,
	}
	if d.NewImage != nil {
		change["NewImage"] = itemJSON(d.NewImage)
	}
	if d.OldImage != nil {
		change["OldImage"] = itemJSON(d.OldImage)
	}
	fields := map[string]any{
		"eventID": in.EventID, "eventName": in.EventName, "eventVersion": in.EventVersion, "eventSource": in.EventSource,
		"awsRegion": in.AwsRegion, "dynamodb": change, "eventSourceARN": r.source,
	}
	if in.UserIdentity != nil {
		fields["userIdentity"] = map[string]any{"type": in.UserIdentity.Type, "principalId": in.UserIdentity.PrincipalId}
	}
	text, err := json.Marshal(fields)
	return streamRecord{number: *d.SequenceNumber, at: *d.ApproximateCreationDateTime, key: string(key), json: text}, err
}

func itemJSON(item map[string]streamtypes.AttributeValue) map[string]any {
	out := make(map[string]any, len(item))
	for name, v := range item {
		out[name] = attributeJSON(v)
	}
	return out
}

// attributeJSON returns the value of an attribute in DynamoDB's JSON.
func attributeJSON(v streamtypes.AttributeValue) map[string]any {
	switch v := v.(type) {
	case *streamtypes.AttributeValueMemberS:
		return map[string]any{"S": v.Value}
	case *streamtypes.AttributeValueMemberN:
		return map[string]any{"N": v.Value}
	case *streamtypes.AttributeValueMemberB:
		return map[string]any{"B": v.Value}
	case *streamtypes.AttributeValueMemberBOOL:
		return map[string]any{"BOOL": v.Value}
	case *streamtypes.AttributeValueMemberNULL:
		return map[string]any{"NULL": v.Value}
	case *streamtypes.AttributeValueMemberSS:
		return map[string]any{"SS": v.Value}
	case *streamtypes.AttributeValueMemberNS:
		return map[string]any{"NS": v.Value}
	case *streamtypes.AttributeValueMemberBS:
		return map[string]any{"BS": v.Value}
	case *streamtypes.AttributeValueMemberL:
		list := make([]any, len(v.Value))
		for i, e := range v.Value {
			list[i] = attributeJSON(e)
		}
		return map[string]any{"L": list}
	case *streamtypes.AttributeValueMemberM:
		return map[string]any{"M": itemJSON(v.Value)}
	default:
		return nil
	}
}

// passing returns the records that one of the filters matches.
func (r *streamReader) passing(records []streamRecord) []streamRecord {
	if len(r.filters) == 0 {
		return records
	}
	return slices.DeleteFunc(records, func(record streamRecord) bool {
		v, err := eventpattern.ParseJSON(string(record.json))
		event, ok := v.(map[string]any)
		return err != nil || !ok || !slices.ContainsFunc(r.filters, func(f filter) bool { return f.pattern.Matches(event) })
	})
}

func size(records []streamRecord) (n int) {
	for _, r := range records {
		n += len(r.json) + 1
	}
	return n
}

// processAll processes records in batches. With a parallelization factor, that many
// batches are processed at once. All records of an item are in the same of them, in
// their order.
func (r *streamReader) processAll(records []streamRecord) {
	lanes := make([][]streamRecord, r.factor)
	for _, record := range records {
		h := fnv.New32a()
		// Write never fails.
		_, _ = h.Write([]byte(record.key))
		i := h.Sum32() % uint32(r.factor) // #nosec G115 -- it is at most ten
		lanes[i] = append(lanes[i], record)
	}
	var all sync.WaitGroup
	for _, lane := range lanes {
		if len(lane) == 0 {
			continue
		}
		r.mu.Lock()
		r.busy++
		r.mu.Unlock()
		all.Go(func() {
			defer func() {
				r.mu.Lock()
				r.busy--
				r.waiting = r.busy > 0 && r.pausing == r.busy
				r.mu.Unlock()
			}()
			for len(lane) > 0 && r.ctx.Err() == nil {
				n := fitting(lane, r.batch)
				r.process(lane[:n], 0)
				lane = lane[n:]
			}
		})
	}
	all.Wait()
}

// process invokes the function with a batch until it has been processed or is given up.
// tries is how often its records have been tried.
// See https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
// and https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html.
func (r *streamReader) process(batch []streamRecord, tries int) {
	var last *result
	for delay := firstStreamDelay; r.ctx.Err() == nil; delay = min(2*delay, lastStreamDelay) {
		batch = r.dropOld(batch, tries, last)
		if len(batch) == 0 {
			return
		}
		res, err := r.invoke(batch)
		if err == nil {
			last = &res
			failed := 0
			if res.failure == nil {
				if failed = r.firstFailure(res, batch); failed == len(batch) {
					r.service.finish(r.mapping, processed)
					return
				}
			}
			batch = batch[failed:]
			// A batch that is split has not used up a try.
			if r.bisect && len(batch) > 1 && failed == 0 {
				r.service.finish(r.mapping, callFailed)
				r.process(batch[:len(batch)/2], tries)
				r.process(batch[len(batch)/2:], tries)
				return
			}
			tries++
			if r.retries >= 0 && tries > r.retries {
				r.service.finish(r.mapping, callFailed)
				r.giveUp(batch, "RetryAttemptsExhausted", tries, last)
				return
			}
		}
		r.service.finish(r.mapping, callFailed)
		r.pause(delay)
	}
}

// pause waits between two tries of a batch. The reader may process other batches at
// the same time, so that it waits only if all of them do.
func (r *streamReader) pause(d time.Duration) {
	timer := r.service.account.Clock.NewTimer(d)
	defer timer.Stop()
	r.mu.Lock()
	r.pausing++
	if until := r.service.account.Clock.Now().Add(d); r.until.IsZero() || r.pausing == 1 || until.Before(r.until) {
		r.until = until
	}
	r.waiting = r.pausing == r.busy
	r.mu.Unlock()
	select {
	case <-timer.C():
	case <-r.ctx.Done():
	}
	r.mu.Lock()
	r.pausing--
	r.waiting = false
	r.mu.Unlock()
}

// dropOld gives up the records at the beginning of a batch that are too old.
func (r *streamReader) dropOld(batch []streamRecord, tries int, last *result) []streamRecord {
	now, limit := r.service.account.Clock.Now(), recordLife
	if r.age > 0 {
		limit = min(r.age, limit)
	}
	n := 0
	for n < len(batch) && now.Sub(batch[n].at) > limit {
		n++
	}
	if n > 0 {
		r.giveUp(batch[:n], "RecordAgeExceeded", tries, last)
	}
	return batch[n:]
}

func (r *streamReader) invoke(batch []streamRecord) (result, error) {
	s := r.service
	if t, ok := s.place(r.function); ok {
		s.metrics.iteratorAge(t, clock.Since(s.account.Clock, batch[len(batch)-1].at))
	}
	res, err := s.invoke(r.function, event{payload: recordsEvent(batch), trace: traceOf("", s.account.Clock.Now())})
	if err != nil {
		s.account.Log.Warn("invoking a function with the records of a stream", "function", r.function.name, "stream", r.source, "error", err)
	}
	return res, err
}

// firstFailure returns the index of the first record that the function reports as
// failed, or the number of records if there is none. An answer that can't be
// understood, or that names an unknown record, means the first.
func (r *streamReader) firstFailure(res result, batch []streamRecord) int {
	if !r.partial {
		return len(batch)
	}
	numbers := make([]string, len(batch))
	for i, record := range batch {
		numbers[i] = record.number
	}
	failed := failures(res.payload, numbers)
	for i, number := range numbers {
		if failed(number) {
			return i
		}
	}
	return len(batch)
}

// A streamFailure is the message that a destination receives for a batch that was
// given up. It does not contain the records.
// See https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html.
type streamFailure struct {
	RequestContext struct {
		RequestID              string `json:"requestId"`
		FunctionARN            string `json:"functionArn"`
		Condition              string `json:"condition"`
		ApproximateInvokeCount int    `json:"approximateInvokeCount"`
	} `json:"requestContext"`
	ResponseContext *eventResponseContext `json:"responseContext,omitempty"`
	Version         string                `json:"version"`
	Timestamp       string                `json:"timestamp"`
	Batch           struct {
		ShardID                         string `json:"shardId"`
		StartSequenceNumber             string `json:"startSequenceNumber"`
		EndSequenceNumber               string `json:"endSequenceNumber"`
		ApproximateArrivalOfFirstRecord string `json:"approximateArrivalOfFirstRecord"`
		ApproximateArrivalOfLastRecord  string `json:"approximateArrivalOfLastRecord"`
		BatchSize                       int    `json:"batchSize"`
		StreamARN                       string `json:"streamArn"`
	} `json:"DDBStreamBatchInfo"`
}

// giveUp drops records, and tells the on-failure destination about them.
func (r *streamReader) giveUp(batch []streamRecord, condition string, tries int, last *result) {
	s := r.service
	if r.onFailure == "" {
		s.account.Log.Warn("records of a stream were dropped", "function", r.function.name, "stream", r.source, "records", len(batch), "condition", condition)
		return
	}
	m := streamFailure{Version: "1.0", Timestamp: s.account.Clock.Now().UTC().Format("2006-01-02T15:04:05.000Z")}
	m.RequestContext.RequestID, m.RequestContext.Condition, m.RequestContext.ApproximateInvokeCount = uuid.NewString(), condition, tries
	m.RequestContext.FunctionARN = s.arn(r.function.name, cmp.Or(r.function.qualifier, latest))
	if last != nil {
		m.RequestContext.RequestID = last.requestID
		m.ResponseContext = &eventResponseContext{StatusCode: 200, ExecutedVersion: last.version}
		if last.failure != nil {
			m.ResponseContext.FunctionError = "Unhandled"
		}
	}
	b, first, end := &m.Batch, batch[0], batch[len(batch)-1]
	b.ShardID, b.StreamARN, b.BatchSize = r.shard, r.source, len(batch)
	b.StartSequenceNumber, b.EndSequenceNumber = first.number, end.number
	b.ApproximateArrivalOfFirstRecord, b.ApproximateArrivalOfLastRecord = first.at.UTC().Format(time.RFC3339), end.at.UTC().Format(time.RFC3339)
	if err := s.deliver(r.function, r.onFailure, m); err != nil {
		if t, ok := s.place(r.function); ok {
			s.metrics.count(t, destinationFailures)
		}
		s.account.Log.Warn("sending to the destination of an event source mapping", "function", r.function.name, "destination", r.onFailure, "error", err)
	}
}
