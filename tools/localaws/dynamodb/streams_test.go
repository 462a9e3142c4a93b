package dynamodb_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	awsstreams "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// streamed makes a table keep a stream.
func streamed(view types.StreamViewType) func(*awsdynamodb.CreateTableInput) {
	return func(in *awsdynamodb.CreateTableInput) {
		in.StreamSpecification = &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: view}
	}
}

// A reader reads a stream with a real client.
type reader struct {
	*awsstreams.Client
	t        *testing.T
	arn      string
	iterator *string
}

// reader returns a reader of the whole stream of the table tab.
func (w *world) reader(t *testing.T) *reader {
	t.Helper()
	r := &reader{Client: awsstreams.NewFromConfig(w.config), t: t}
	w.settle()
	r.arn = *must(w.DescribeTable(t.Context(), &awsdynamodb.DescribeTableInput{TableName: aws.String("tab")}))(t).Table.LatestStreamArn
	r.seek(streamtypes.ShardIteratorTypeTrimHorizon, nil)
	return r
}

func (r *reader) describe() *streamtypes.StreamDescription {
	r.t.Helper()
	return must(r.DescribeStream(r.t.Context(), &awsstreams.DescribeStreamInput{StreamArn: &r.arn}))(r.t).StreamDescription
}

func (r *reader) seek(from streamtypes.ShardIteratorType, number *string) {
	r.t.Helper()
	r.iterator = must(r.GetShardIterator(r.t.Context(), &awsstreams.GetShardIteratorInput{
		StreamArn: &r.arn, ShardId: r.describe().Shards[0].ShardId, ShardIteratorType: from, SequenceNumber: number,
	}))(r.t).ShardIterator
}

func (r *reader) read() []streamtypes.Record {
	r.t.Helper()
	out := must(r.GetRecords(r.t.Context(), &awsstreams.GetRecordsInput{ShardIterator: r.iterator}))(r.t)
	r.iterator = out.NextShardIterator
	return out.Records
}

func streamText(i map[string]streamtypes.AttributeValue) string {
	out := ""
	for _, name := range []string{"pk", "sk", "n"} {
		switch v := i[name].(type) {
		case *streamtypes.AttributeValueMemberS:
			out += v.Value + " "
		case *streamtypes.AttributeValueMemberN:
			out += v.Value + " "
		}
	}
	return out
}

// show returns the parts of records that differ.
func show(records []streamtypes.Record) []string {
	lines := []string{}
	for _, r := range records {
		by := ""
		if r.UserIdentity != nil {
			by = *r.UserIdentity.Type + " " + *r.UserIdentity.PrincipalId
		}
		lines = append(lines, fmt.Sprintf("%s %sold %snew %s%s", r.EventName, streamText(r.Dynamodb.Keys), streamText(r.Dynamodb.OldImage), streamText(r.Dynamodb.NewImage), by))
	}
	return lines
}

func TestStreams(t *testing.T) {
	t.Parallel()
	w, ctx := start(t), t.Context()
	w.create("tab", streamed(types.StreamViewTypeNewAndOldImages))
	name := aws.String("tab")
	r := w.reader(t)
	changed, err := w.service.Streams().Changed(r.arn)
	if err != nil {
		t.Fatal(err)
	}
	add := func(sk, by string) {
		t.Helper()
		must(w.UpdateItem(ctx, &awsdynamodb.UpdateItemInput{TableName: name, Key: itemKey(sk), UpdateExpression: aws.String("ADD n :n"), ExpressionAttributeValues: item{":n": n(by)}}))(t)
	}
	w.put("tab", itemKey("1"))
	<-changed
	add("1", "1")
	add("1", "0") // It changes nothing.
	must(w.TransactWriteItems(ctx, &awsdynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{put("tab", "2", nil), remove("tab", "1")}}))(t)
	must(w.DeleteItem(ctx, &awsdynamodb.DeleteItemInput{TableName: name, Key: itemKey("none")}))(t)
	records := r.read()
	want := []string{"INSERT a 1 old new a 1 ", "MODIFY a 1 old a 1 new a 1 1 ", "INSERT a 2 old new a 2 ", "REMOVE a 1 old a 1 1 new "}
	if got := show(records); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	last := records[1]
	if *last.EventSource != "aws:dynamodb" || *last.AwsRegion != "us-east-1" || last.Dynamodb.StreamViewType != "NEW_AND_OLD_IMAGES" || *last.Dynamodb.SizeBytes != 6+6+9 || *records[0].Dynamodb.SequenceNumber >= *last.Dynamodb.SequenceNumber {
		t.Errorf("%+v %+v", last, last.Dynamodb)
	}
	if got := r.read(); len(got) != 0 || r.iterator == nil {
		t.Errorf("at the end: %v", got)
	}
	r.seek(streamtypes.ShardIteratorTypeAfterSequenceNumber, last.Dynamodb.SequenceNumber)
	if got := r.read(); len(got) != 2 {
		t.Errorf("behind the second: %v", show(got))
	}
	r.seek(streamtypes.ShardIteratorTypeAtSequenceNumber, last.Dynamodb.SequenceNumber)
	if got := r.read(); len(got) != 3 {
		t.Errorf("from the second on: %v", show(got))
	}
	r.seek(streamtypes.ShardIteratorTypeLatest, nil)
	add("3", "1")
	if got := show(r.read()); !slices.Equal(got, []string{"INSERT a 3 old new a 3 1 "}) {
		t.Errorf("the latest: %q", got)
	}

	// An iterator lives for 15 minutes, and a record for 24 hours.
	expired := r.iterator
	w.clock.Advance(16 * time.Minute)
	_, err = r.GetRecords(ctx, &awsstreams.GetRecordsInput{ShardIterator: expired})
	if got := failure(err); got[:len("ExpiredIteratorException")] != "ExpiredIteratorException" {
		t.Error(got)
	}
	w.clock.Advance(24 * time.Hour)
	add("4", "1")
	r.seek(streamtypes.ShardIteratorTypeTrimHorizon, nil)
	if got := show(r.read()); !slices.Equal(got, []string{"INSERT a 4 old new a 4 1 "}) {
		t.Errorf("after a day: %q", got)
	}
	_, err = r.GetShardIterator(ctx, &awsstreams.GetShardIteratorInput{StreamArn: &r.arn, ShardId: r.describe().Shards[0].ShardId, ShardIteratorType: streamtypes.ShardIteratorTypeAtSequenceNumber, SequenceNumber: last.Dynamodb.SequenceNumber})
	refused(t, "a record that is gone", err, "TrimmedDataAccessException: The operation attempted to read past the oldest stream record in a shard.")

	// A stream that is turned off can be read to its end.
	set := func(enabled bool) error {
		spec := &types.StreamSpecification{StreamEnabled: &enabled}
		if enabled {
			spec.StreamViewType = types.StreamViewTypeKeysOnly
		}
		_, err := w.UpdateTable(ctx, &awsdynamodb.UpdateTableInput{TableName: name, StreamSpecification: spec})
		return err
	}
	refused(t, "a second stream", set(true), "ValidationException: Table already has an enabled stream: TableName: tab")
	add("5", "1")
	if err := set(false); err != nil {
		t.Fatal(err)
	}
	w.settle()
	add("6", "1")
	r.seek(streamtypes.ShardIteratorTypeLatest, nil)
	r.seek(streamtypes.ShardIteratorTypeTrimHorizon, nil)
	if got := r.read(); len(got) != 2 || r.iterator != nil {
		t.Errorf("the end of a closed stream: %q, %v", show(got), r.iterator)
	}
	if d := r.describe(); d.StreamStatus != streamtypes.StreamStatusDisabled || d.Shards[0].SequenceNumberRange.EndingSequenceNumber == nil {
		t.Errorf("%+v", d)
	}
	if err := set(true); err != nil {
		t.Fatal(err)
	}
	second := w.reader(t)
	add("6", "1")
	if got := show(second.read()); !slices.Equal(got, []string{"MODIFY a 6 old new "}) {
		t.Errorf("keys only: %q", got)
	}
	list := must(r.ListStreams(ctx, &awsstreams.ListStreamsInput{TableName: name}))(t)
	if len(list.Streams) != 2 {
		t.Errorf("%d streams", len(list.Streams))
	}
	must(w.DeleteTable(ctx, &awsdynamodb.DeleteTableInput{TableName: name}))(t)
	w.settle()
	if d := second.describe(); d.StreamStatus != streamtypes.StreamStatusDisabled {
		t.Errorf("the stream of a deleted table is %s", d.StreamStatus)
	}
	w.clock.Advance(25 * time.Hour)
	_, err = r.DescribeStream(ctx, &awsstreams.DescribeStreamInput{StreamArn: &second.arn})
	refused(t, "a day later", err, "ResourceNotFoundException: Requested resource not found: Stream: "+second.arn+" not found")
}

// What the service deletes because it has expired has the service as its identity.
func TestStreamOfExpiredItems(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.create("tab", streamed(types.StreamViewTypeOldImage))
	must(w.UpdateTimeToLive(t.Context(), &awsdynamodb.UpdateTimeToLiveInput{TableName: aws.String("tab"), TimeToLiveSpecification: &types.TimeToLiveSpecification{Enabled: aws.Bool(true), AttributeName: aws.String("n")}}))(t)
	w.clock.BlockUntil(1)
	r := w.reader(t)
	expires := fmt.Sprint(w.clock.Now().Unix() + 30)
	w.put("tab", item{"pk": s("a"), "sk": s("1"), "n": n(expires)})
	w.clock.Advance(2 * time.Minute)
	w.clock.BlockUntil(1)
	want := []string{"INSERT a 1 old new ", "REMOVE a 1 old a 1 " + expires + " new Service dynamodb.amazonaws.com"}
	if got := show(r.read()); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
