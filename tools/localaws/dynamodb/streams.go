package dynamodb

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	awsstreams "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"github.com/magewright/magewright/tools/localaws/dynamodb/value"
	"github.com/magewright/magewright/tools/localaws/paging"
)

// Limits of streams from
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html.
const (
	recordLife     = 24 * time.Hour
	iteratorLife   = 15 * time.Minute
	maxRecords     = 1000
	maxRecordBytes = 1 << 20
	maxStreams     = 100 // of one answer
)

// expiringService is who deletes items that have expired.
const expiringService = "dynamodb.amazonaws.com"

// A stream has the changes of a table's items of the last 24 hours. It has one
// shard, so that all records are in the order of the changes.
type stream struct {
	table, arn, label, shard string
	view                     types.StreamViewType
	created                  time.Time
	schema                   schema

	mu      sync.Mutex
	records []change
	first   uint64 // the number of records[0]; the number of the next one if there is none
	closed  time.Time
	// changed is closed when a record is added or the stream is closed.
	changed chan struct{}
}

// A change is a record of a stream.
type change struct {
	at       time.Time
	key      string // encoded, as the images are
	old, new string // empty if there is none, or if the view leaves it out
	event    streamtypes.OperationType
	size     int64
	by       string // the service that made the change, or ""
}

// sequence returns the sequence number of a record.
func sequence(number uint64) *string { return aws.String(fmt.Sprintf("1%020d", number)) }

func parseSequence(text *string) (uint64, bool) {
	digits, ok := strings.CutPrefix(aws.ToString(text), "1")
	if !ok || len(digits) != 20 {
		return 0, false
	}
	number, err := strconv.ParseUint(digits, 10, 64)
	return number, err == nil
}

// newStream returns a table's new stream.
func (s *Service) newStream(t *table, view types.StreamViewType, now time.Time) *stream {
	label := now.UTC().Format("2006-01-02T15:04:05.000")
	st := &stream{
		table: t.name, arn: t.arn + "/stream/" + label, label: label, view: view, created: now, schema: t.schema, first: 1, changed: make(chan struct{}),
		shard: fmt.Sprintf("shardId-%020d-%s", now.UnixMilli(), strings.ReplaceAll(t.id, "-", "")[:8]),
	}
	return st
}

// streamOf returns the view that a specification asks for; none if the stream
// is off.
func streamOf(spec *types.StreamSpecification) (types.StreamViewType, error) {
	if spec == nil || !aws.ToBool(spec.StreamEnabled) {
		if spec != nil && spec.StreamViewType != "" {
			return "", validation("One or more parameter values were invalid: StreamViewType can only be specified when StreamEnabled is true")
		}
		return "", nil
	}
	if spec.StreamViewType == "" {
		return "", validation("One or more parameter values were invalid: StreamViewType must be specified when StreamEnabled is true")
	}
	return spec.StreamViewType, oneOf("streamSpecification.streamViewType", spec.StreamViewType)
}

// append adds the change of an item. by is the service that changed it, or "".
func (st *stream) append(old, item value.Item, by string, now time.Time) {
	// What changes nothing leaves no record.
	if old == nil && item == nil || old != nil && item != nil && value.EqualItems(old, item) {
		return
	}
	c := change{at: now, by: by, event: streamtypes.OperationTypeModify}
	present := item
	switch {
	case old == nil:
		c.event = streamtypes.OperationTypeInsert
	case item == nil:
		c.event, present = streamtypes.OperationTypeRemove, old
	}
	key := st.schema.of(present)
	c.key = key.Encode()
	c.size = int64(key.Size())
	if old != nil && (st.view == types.StreamViewTypeOldImage || st.view == types.StreamViewTypeNewAndOldImages) {
		c.old = old.Encode()
		c.size += int64(old.Size())
	}
	if item != nil && (st.view == types.StreamViewTypeNewImage || st.view == types.StreamViewTypeNewAndOldImages) {
		c.new = item.Encode()
		c.size += int64(item.Size())
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.trim(now)
	st.records = append(st.records, c)
	st.wake()
}

// wake tells those who wait that the stream has changed. st is locked.
func (st *stream) wake() {
	close(st.changed)
	st.changed = make(chan struct{})
}

// trim drops records that are too old. st is locked.
func (st *stream) trim(now time.Time) {
	n := 0
	for n < len(st.records) && now.Sub(st.records[n].at) > recordLife {
		n++
	}
	clear(st.records[:n])
	st.records, st.first = st.records[n:], st.first+uint64(n) // #nosec G115 -- n is not negative
}

// next returns the number that the next record gets. st is locked.
func (st *stream) next() uint64 { return st.first + uint64(len(st.records)) }

// close ends a stream, which can be read for another 24 hours.
func (st *stream) close(now time.Time) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.closed.IsZero() {
		st.closed = now
		st.wake()
	}
}

// addStream makes a stream known.
func (s *Service) addStream(st *stream) {
	s.streamsMu.Lock()
	defer s.streamsMu.Unlock()
	s.streams[st.arn] = st
}

// Streams is Amazon DynamoDB Streams: the changes of the tables of a Service.
type Streams struct{ service *Service }

// Streams returns the streams of the service's tables.
func (s *Service) Streams() *Streams { return &Streams{s} }

// Changed returns a channel that is closed when the stream next gets a record or
// is closed. Who polls a stream waits for it instead of asking again and again.
// It asks for the channel before it reads, so that it misses nothing.
func (s *Streams) Changed(arn string) (<-chan struct{}, error) {
	st, err := s.find(&arn)
	if err != nil {
		return nil, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.changed, nil
}

// Next returns the sequence number that the stream's next record gets.
func (s *Streams) Next(arn string) (string, error) {
	st, err := s.find(&arn)
	if err != nil {
		return "", err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return *sequence(st.next()), nil
}

// find returns a stream that can be read.
func (s *Streams) find(arn *string) (*stream, error) {
	s.service.streamsMu.Lock()
	defer s.service.streamsMu.Unlock()
	s.sweep()
	if st := s.service.streams[aws.ToString(arn)]; st != nil {
		return st, nil
	}
	return nil, &streamtypes.ResourceNotFoundException{Message: aws.String("Requested resource not found: Stream: " + aws.ToString(arn) + " not found")}
}

// sweep forgets the streams that were closed too long ago. streamsMu is locked.
func (s *Streams) sweep() {
	now := s.service.now()
	for arn, st := range s.service.streams {
		st.mu.Lock()
		if !st.closed.IsZero() && now.Sub(st.closed) > recordLife {
			delete(s.service.streams, arn)
		}
		st.mu.Unlock()
	}
}

// ListStreams lists the streams of a table, or of all tables.
func (s *Streams) ListStreams(_ context.Context, in *awsstreams.ListStreamsInput) (*awsstreams.ListStreamsOutput, error) {
	limit := maxStreams
	if in.Limit != nil {
		limit = min(limit, int(*in.Limit))
	}
	if limit < 1 {
		return nil, validation("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1", limit)
	}
	s.service.streamsMu.Lock()
	defer s.service.streamsMu.Unlock()
	s.sweep()
	arns := slices.DeleteFunc(slices.Sorted(maps.Keys(s.service.streams)), func(arn string) bool {
		return in.TableName != nil && s.service.streams[arn].table != *in.TableName
	})
	arns, last := paging.After(arns, in.ExclusiveStartStreamArn, limit)
	out := &awsstreams.ListStreamsOutput{LastEvaluatedStreamArn: last}
	for _, arn := range arns {
		st := s.service.streams[arn]
		out.Streams = append(out.Streams, streamtypes.Stream{StreamArn: aws.String(st.arn), StreamLabel: aws.String(st.label), TableName: aws.String(st.table)})
	}
	return out, nil
}

// DescribeStream describes a stream and its shard.
func (s *Streams) DescribeStream(_ context.Context, in *awsstreams.DescribeStreamInput) (*awsstreams.DescribeStreamOutput, error) {
	st, err := s.find(in.StreamArn)
	if err != nil {
		return nil, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	d := &streamtypes.StreamDescription{
		StreamArn: aws.String(st.arn), StreamLabel: aws.String(st.label), TableName: aws.String(st.table), StreamStatus: streamtypes.StreamStatusEnabled,
		StreamViewType: streamtypes.StreamViewType(st.view), CreationRequestDateTime: aws.Time(st.created), Shards: []streamtypes.Shard{},
	}
	for _, e := range st.schema.elements() {
		d.KeySchema = append(d.KeySchema, streamtypes.KeySchemaElement{AttributeName: e.AttributeName, KeyType: streamtypes.KeyType(e.KeyType)})
	}
	shard := streamtypes.Shard{ShardId: aws.String(st.shard), SequenceNumberRange: &streamtypes.SequenceNumberRange{StartingSequenceNumber: sequence(1)}}
	if !st.closed.IsZero() {
		d.StreamStatus = streamtypes.StreamStatusDisabled
		shard.SequenceNumberRange.EndingSequenceNumber = sequence(max(st.next()-1, 1))
	}
	filtered := in.ShardFilter != nil && in.ShardFilter.Type == streamtypes.ShardFilterTypeChildShards
	if !filtered && aws.ToString(in.ExclusiveStartShardId) < st.shard {
		d.Shards = append(d.Shards, shard)
	}
	return &awsstreams.DescribeStreamOutput{StreamDescription: d}, nil
}

// An iterator is a place in a stream.
type iterator struct {
	arn    string
	number uint64 // of the next record
	made   time.Time
}

func (i iterator) String() string {
	text := fmt.Sprintf("%s|%d|%d", i.arn, i.number, i.made.UnixMilli())
	return i.arn + "|1|" + base64.StdEncoding.EncodeToString([]byte(text))
}

func parseIterator(text *string) (iterator, error) {
	_, encoded, _ := strings.Cut(aws.ToString(text), "|1|")
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	parts := strings.Split(string(decoded), "|")
	if err != nil || len(parts) != 3 {
		return iterator{}, validation("Invalid ShardIterator")
	}
	number, err := strconv.ParseUint(parts[1], 10, 64)
	made, madeErr := strconv.ParseInt(parts[2], 10, 64)
	if errors.Join(err, madeErr) != nil {
		return iterator{}, validation("Invalid ShardIterator")
	}
	return iterator{parts[0], number, time.UnixMilli(made)}, nil
}

// StreamOf returns the ARN of the stream that an iterator reads.
func (s *Streams) StreamOf(shardIterator string) (string, error) {
	i, err := parseIterator(&shardIterator)
	return i.arn, err
}

// GetShardIterator returns a place in a stream to read from.
func (s *Streams) GetShardIterator(_ context.Context, in *awsstreams.GetShardIteratorInput) (*awsstreams.GetShardIteratorOutput, error) {
	st, err := s.find(in.StreamArn)
	if err != nil {
		return nil, err
	}
	if err := oneOf("shardIteratorType", in.ShardIteratorType); err != nil {
		return nil, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if aws.ToString(in.ShardId) != st.shard {
		return nil, &streamtypes.ResourceNotFoundException{Message: aws.String("Requested resource not found: Shard does not exist")}
	}
	now := s.service.now()
	st.trim(now)
	i := iterator{arn: st.arn, number: st.first, made: now}
	switch in.ShardIteratorType {
	case streamtypes.ShardIteratorTypeTrimHorizon:
	case streamtypes.ShardIteratorTypeLatest:
		i.number = st.next()
	case streamtypes.ShardIteratorTypeAtSequenceNumber, streamtypes.ShardIteratorTypeAfterSequenceNumber:
		number, ok := parseSequence(in.SequenceNumber)
		if !ok {
			return nil, validation("Invalid SequenceNumber: %s", aws.ToString(in.SequenceNumber))
		}
		if in.ShardIteratorType == streamtypes.ShardIteratorTypeAfterSequenceNumber {
			number++
		}
		if number < st.first {
			return nil, trimmed()
		}
		i.number = number
	default:
		if in.Timestamp == nil || in.ShardIteratorType == "" {
			return nil, validation("ShardIteratorType %s is not supported by the embedded DynamoDB without a Timestamp", in.ShardIteratorType)
		}
		at, _ := slices.BinarySearchFunc(st.records, *in.Timestamp, func(c change, t time.Time) int { return c.at.Compare(t) })
		i.number += uint64(at) // #nosec G115 -- it is not negative
	}
	return &awsstreams.GetShardIteratorOutput{ShardIterator: aws.String(i.String())}, nil
}

func trimmed() error {
	return &streamtypes.TrimmedDataAccessException{Message: aws.String("The operation attempted to read past the oldest stream record in a shard.")}
}

// GetRecords reads up to 1000 records, in up to 1 MB, from a place in a stream.
func (s *Streams) GetRecords(_ context.Context, in *awsstreams.GetRecordsInput) (*awsstreams.GetRecordsOutput, error) {
	i, err := parseIterator(in.ShardIterator)
	if err != nil {
		return nil, err
	}
	st, err := s.find(&i.arn)
	if err != nil {
		return nil, err
	}
	limit := maxRecords
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	if limit < 1 || limit > maxRecords {
		return nil, validation("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value between 1 and %d", limit, maxRecords)
	}
	now := s.service.now()
	if now.Sub(i.made) > iteratorLife {
		return nil, &streamtypes.ExpiredIteratorException{Message: aws.String("Iterator expired. The iterator was created at time " + i.made.UTC().Format(time.RFC1123) + ".")}
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.trim(now)
	if i.number < st.first {
		return nil, trimmed()
	}
	out := &awsstreams.GetRecordsOutput{Records: []streamtypes.Record{}}
	size := int64(0)
	for i.number < st.next() && len(out.Records) < limit {
		c := &st.records[i.number-st.first]
		if size += c.size; size > maxRecordBytes && len(out.Records) > 0 {
			break
		}
		out.Records = append(out.Records, s.show(st, c, i.number))
		i.number++
	}
	// A closed shard ends behind its last record.
	if st.closed.IsZero() || i.number < st.next() {
		i.made = now
		out.NextShardIterator = aws.String(i.String())
	}
	return out, nil
}

func (s *Streams) show(st *stream, c *change, number uint64) streamtypes.Record {
	r := streamtypes.Record{
		AwsRegion: aws.String(s.service.account.Region), EventID: aws.String(fmt.Sprintf("%s%012x", strings.ReplaceAll(st.shard[len("shardId-"):], "-", ""), number)),
		EventName: c.event, EventSource: aws.String("aws:dynamodb"), EventVersion: aws.String("1.1"),
		Dynamodb: &streamtypes.StreamRecord{
			// Streams tell the time in seconds.
			ApproximateCreationDateTime: aws.Time(c.at.Truncate(time.Second)), Keys: streamItem(value.Decode(c.key)), SequenceNumber: sequence(number),
			SizeBytes: aws.Int64(c.size), StreamViewType: streamtypes.StreamViewType(st.view),
		},
	}
	if c.old != "" {
		r.Dynamodb.OldImage = streamItem(value.Decode(c.old))
	}
	if c.new != "" {
		r.Dynamodb.NewImage = streamItem(value.Decode(c.new))
	}
	if c.by != "" {
		r.UserIdentity = &streamtypes.Identity{Type: aws.String("Service"), PrincipalId: aws.String(c.by)}
	}
	return r
}

// streamItem returns an item as the type that the SDK has for streams.
func streamItem(item value.Item) map[string]streamtypes.AttributeValue {
	out := make(map[string]streamtypes.AttributeValue, len(item))
	for name, v := range item {
		out[name] = streamValue(v.ToAWS())
	}
	return out
}

func streamValue(v types.AttributeValue) streamtypes.AttributeValue {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return &streamtypes.AttributeValueMemberS{Value: v.Value}
	case *types.AttributeValueMemberN:
		return &streamtypes.AttributeValueMemberN{Value: v.Value}
	case *types.AttributeValueMemberB:
		return &streamtypes.AttributeValueMemberB{Value: v.Value}
	case *types.AttributeValueMemberBOOL:
		return &streamtypes.AttributeValueMemberBOOL{Value: v.Value}
	case *types.AttributeValueMemberNULL:
		return &streamtypes.AttributeValueMemberNULL{Value: v.Value}
	case *types.AttributeValueMemberSS:
		return &streamtypes.AttributeValueMemberSS{Value: v.Value}
	case *types.AttributeValueMemberNS:
		return &streamtypes.AttributeValueMemberNS{Value: v.Value}
	case *types.AttributeValueMemberBS:
		return &streamtypes.AttributeValueMemberBS{Value: v.Value}
	case *types.AttributeValueMemberL:
		list := make([]streamtypes.AttributeValue, len(v.Value))
		for i, e := range v.Value {
			list[i] = streamValue(e)
		}
		return &streamtypes.AttributeValueMemberL{Value: list}
	case *types.AttributeValueMemberM:
		m := make(map[string]streamtypes.AttributeValue, len(v.Value))
		for name, e := range v.Value {
			m[name] = streamValue(e)
		}
		return &streamtypes.AttributeValueMemberM{Value: m}
	default:
		return nil
	}
}
