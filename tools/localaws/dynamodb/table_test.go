package dynamodb_test

import (
	"fmt"
	gostrings "strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func TestStatesOfATable(t *testing.T) {
	t.Parallel()
	w, ctx := start(t), t.Context()
	name := aws.String("table")
	in := &awsdynamodb.CreateTableInput{
		TableName: name, KeySchema: keys("pk"), AttributeDefinitions: strings("pk"), ProvisionedThroughput: &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(5), WriteCapacityUnits: aws.Int64(5)},
		DeletionProtectionEnabled: aws.Bool(true), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
	}
	made := must(w.CreateTable(ctx, in))(t).TableDescription
	if made.TableStatus != types.TableStatusCreating || *made.TableArn != "arn:aws:dynamodb:us-east-1:000000000000:table/table" {
		t.Errorf("created: %s, %s", made.TableStatus, *made.TableArn)
	}
	put := func() error {
		_, err := w.PutItem(ctx, &awsdynamodb.PutItemInput{TableName: name, Item: item{"pk": s("a")}})
		return err
	}
	refused(t, "a write while it is created", put(), "ResourceNotFoundException: Requested resource not found")
	_, err := w.CreateTable(ctx, in)
	refused(t, "creating it twice", err, "ResourceInUseException: Table already exists: table")
	_, err = w.DeleteTable(ctx, &awsdynamodb.DeleteTableInput{TableName: name})
	refused(t, "deleting it meanwhile", err, "ResourceInUseException: Attempt to change a resource which is still in use: Table is being created: table")

	// A description waits for the end of the change.
	described := make(chan *types.TableDescription)
	go func() {
		out, err := w.DescribeTable(ctx, &awsdynamodb.DescribeTableInput{TableName: made.TableArn})
		if err != nil {
			t.Error(err)
		}
		described <- out.Table
	}()
	w.clock.BlockUntil(1)
	w.settle()
	if got := <-described; got.TableStatus != types.TableStatusActive || *got.ProvisionedThroughput.ReadCapacityUnits != 5 || got.BillingModeSummary != nil {
		t.Errorf("described: %+v", got)
	}
	if err := put(); err != nil {
		t.Error(err)
	}
	_, err = w.DeleteTable(ctx, &awsdynamodb.DeleteTableInput{TableName: name})
	refused(t, "deleting a protected table", err, "ValidationException: Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.")

	updated := must(w.UpdateTable(ctx, &awsdynamodb.UpdateTableInput{TableName: name, DeletionProtectionEnabled: aws.Bool(false), BillingMode: types.BillingModePayPerRequest}))(t)
	if updated.TableDescription.TableStatus != types.TableStatusUpdating {
		t.Errorf("updated: %s", updated.TableDescription.TableStatus)
	}
	if err := put(); err != nil {
		t.Errorf("a table that is updated serves: %v", err)
	}
	_, err = w.UpdateTable(ctx, &awsdynamodb.UpdateTableInput{TableName: name, TableClass: types.TableClassStandard})
	refused(t, "updating it meanwhile", err, "ResourceInUseException: Attempt to change a resource which is still in use: Table is being updated: table")
	w.settle()
	if got := must(w.DescribeTable(ctx, &awsdynamodb.DescribeTableInput{TableName: name}))(t).Table; got.BillingModeSummary == nil || *got.ItemCount != 1 || *got.TableSizeBytes != 3 || *got.DeletionProtectionEnabled {
		t.Errorf("described: %+v", got)
	}
	_, err = w.UpdateTable(ctx, &awsdynamodb.UpdateTableInput{TableName: name})
	refused(t, "an update of nothing", err, "ValidationException: At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required")

	must(w.TagResource(ctx, &awsdynamodb.TagResourceInput{ResourceArn: made.TableArn, Tags: []types.Tag{{Key: aws.String("owner"), Value: aws.String("b")}}}))(t)
	must(w.UntagResource(ctx, &awsdynamodb.UntagResourceInput{ResourceArn: made.TableArn, TagKeys: []string{"team"}}))(t)
	if got := must(w.ListTagsOfResource(ctx, &awsdynamodb.ListTagsOfResourceInput{ResourceArn: made.TableArn}))(t).Tags; len(got) != 1 || *got[0].Key != "owner" {
		t.Errorf("tags: %v", got)
	}

	if got := must(w.DeleteTable(ctx, &awsdynamodb.DeleteTableInput{TableName: name}))(t).TableDescription.TableStatus; got != types.TableStatusDeleting {
		t.Errorf("deleted: %s", got)
	}
	refused(t, "a write while it is deleted", put(), "ResourceNotFoundException: Requested resource not found")
	w.settle()
	_, err = w.DescribeTable(ctx, &awsdynamodb.DescribeTableInput{TableName: name})
	refused(t, "the deleted table", err, "ResourceNotFoundException: Requested resource not found: Table: table not found")
	w.create("table")
	if got := w.get("table", item{"pk": s("a"), "sk": s("1")}); got != nil {
		t.Errorf("the new table has an item of the old one: %v", got)
	}
}

func TestInvalidTables(t *testing.T) {
	t.Parallel()
	w := start(t)
	units := func(n int64) *types.ProvisionedThroughput {
		return &types.ProvisionedThroughput{ReadCapacityUnits: &n, WriteCapacityUnits: &n}
	}
	all := &types.Projection{ProjectionType: types.ProjectionTypeAll}
	const invalid = "ValidationException: One or more parameter values were invalid: "
	for want, change := range map[string]func(*awsdynamodb.CreateTableInput){
		"ValidationException: Invalid table/index name.  Table/index names must be between 3 and 255 characters long, and may contain only the characters a-z, A-Z, 0-9, '_', '-', and '.'": func(in *awsdynamodb.CreateTableInput) { in.TableName = aws.String("a b") },
		invalid + "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions":                                                           func(in *awsdynamodb.CreateTableInput) { in.AttributeDefinitions = strings("pk", "sk", "x") },
		invalid + "Some index key attributes are not defined in AttributeDefinitions. Keys: [sk], AttributeDefinitions: [pk]":                                                               func(in *awsdynamodb.CreateTableInput) { in.AttributeDefinitions = strings("pk") },
		"ValidationException: Invalid KeySchema: The first KeySchemaElement is not a HASH key type":                                                                                         func(in *awsdynamodb.CreateTableInput) { in.KeySchema = keys("pk", "sk")[1:] },
		invalid + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST":                                                                   func(in *awsdynamodb.CreateTableInput) { in.ProvisionedThroughput = units(5) },
		invalid + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED":                                                                         func(in *awsdynamodb.CreateTableInput) { in.BillingMode = "" },
		"ValidationException: 1 validation error detected: Value 'FREE' at 'billingMode' failed to satisfy constraint: Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]":  func(in *awsdynamodb.CreateTableInput) { in.BillingMode = "FREE" },
		invalid + "Index KeySchema does not have the same leading hash key as table KeySchema for index: local. index hash key: sk, table hash key: pk": func(in *awsdynamodb.CreateTableInput) {
			in.LocalSecondaryIndexes = []types.LocalSecondaryIndex{{IndexName: aws.String("local"), KeySchema: keys("sk", "pk"), Projection: all}}
		},
		invalid + "Duplicate index name: twice": func(in *awsdynamodb.CreateTableInput) {
			ix := types.GlobalSecondaryIndex{IndexName: aws.String("twice"), KeySchema: keys("sk"), Projection: all}
			in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{ix, ix}
		},
		invalid + "ProjectionType is KEYS_ONLY, but NonKeyAttributes is specified": func(in *awsdynamodb.CreateTableInput) {
			in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{{IndexName: aws.String("index"), KeySchema: keys("sk"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly, NonKeyAttributes: []string{"x"}}}}
		},
		"ValidationException: ResourcePolicy is not supported by the embedded DynamoDB": func(in *awsdynamodb.CreateTableInput) { in.ResourcePolicy = aws.String("{}") },
	} {
		in := &awsdynamodb.CreateTableInput{TableName: aws.String("table"), BillingMode: types.BillingModePayPerRequest, KeySchema: keys("pk", "sk"), AttributeDefinitions: strings("pk", "sk")}
		change(in)
		_, err := w.CreateTable(t.Context(), in)
		refused(t, want, err, want)
	}
}

func TestListTables(t *testing.T) {
	t.Parallel()
	w := start(t)
	for i := range 7 {
		w.create(fmt.Sprint("table", i))
	}
	var names []string
	pages := awsdynamodb.NewListTablesPaginator(w, &awsdynamodb.ListTablesInput{Limit: aws.Int32(3)})
	for pages.HasMorePages() {
		names = append(names, must(pages.NextPage(t.Context()))(t).TableNames...)
	}
	if fmt.Sprint(names) != "[table0 table1 table2 table3 table4 table5 table6]" {
		t.Error(names)
	}
}

// A provisioned table has the unused capacity of five minutes, and then what it
// gets each second.
func TestThrottling(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.create("slow", func(in *awsdynamodb.CreateTableInput) {
		in.BillingMode, in.ProvisionedThroughput = types.BillingModeProvisioned, &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(1), WriteCapacityUnits: aws.Int64(1)}
	})
	key := item{"pk": s("a"), "sk": s("1")}
	write := func(kilobytes int) error {
		i := item{"pk": s("a"), "sk": s("1"), "text": s(gostrings.Repeat("x", kilobytes<<10-len("pka"+"sk1"+"text")))}
		_, err := w.PutItem(t.Context(), &awsdynamodb.PutItemInput{TableName: aws.String("slow"), Item: i})
		return err
	}
	for range 3 {
		if err := write(100); err != nil {
			t.Fatal(err)
		}
	}
	const throttled = "ProvisionedThroughputExceededException: The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API."
	refused(t, "the next write", write(100), throttled)
	w.clock.Advance(150 * time.Second)
	if err := write(100); err != nil {
		t.Error(err)
	}
	refused(t, "the second write of 100 units in 150 seconds", write(100), throttled)
	// Reads have a capacity of their own. Each takes 25 units.
	read := func() error {
		_, err := w.GetItem(t.Context(), &awsdynamodb.GetItemInput{TableName: aws.String("slow"), Key: key, ConsistentRead: aws.Bool(true)})
		return err
	}
	for range 12 {
		if err := read(); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, "the next read", read(), throttled)
	// A batch returns what the table lacks the capacity for.
	w.create("fast")
	batch := must(w.BatchWriteItem(t.Context(), &awsdynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
		"slow": {{DeleteRequest: &types.DeleteRequest{Key: key}}}, "fast": {{PutRequest: &types.PutRequest{Item: key}}},
	}}))(t)
	if len(batch.UnprocessedItems) != 1 || len(batch.UnprocessedItems["slow"]) != 1 {
		t.Errorf("unprocessed: %v", batch.UnprocessedItems)
	}
	reads := must(w.BatchGetItem(t.Context(), &awsdynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
		"slow": {Keys: []item{key}, ConsistentRead: aws.Bool(true)}, "fast": {Keys: []item{key}},
	}}))(t)
	if len(reads.UnprocessedKeys) != 1 || len(reads.UnprocessedKeys["slow"].Keys) != 1 || !*reads.UnprocessedKeys["slow"].ConsistentRead || len(reads.Responses["fast"]) != 1 {
		t.Errorf("%v, unprocessed: %v", reads.Responses, reads.UnprocessedKeys)
	}
	_, err := w.BatchGetItem(t.Context(), &awsdynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{"slow": {Keys: []item{key}, ConsistentRead: aws.Bool(true)}}})
	refused(t, "a batch of which nothing is read", err, throttled)
	w.service.Flush(t.Context())
	for name, want := range map[string]float64{
		"AWS/DynamoDB ConsumedWriteCapacityUnits TableName=slow": 400, "AWS/DynamoDB ConsumedReadCapacityUnits TableName=slow": 300,
		"AWS/DynamoDB WriteThrottleEvents TableName=slow": 2, "AWS/DynamoDB ThrottledRequests TableName=slow Operation=PutItem": 2,
		"AWS/DynamoDB ThrottledRequests TableName=slow Operation=GetItem": 1,
	} {
		if got := w.metrics.sum(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

func TestPointInTimeRecovery(t *testing.T) {
	t.Parallel()
	w, ctx := start(t), t.Context()
	w.create("table")
	name := aws.String("table")
	out := must(w.DescribeContinuousBackups(ctx, &awsdynamodb.DescribeContinuousBackupsInput{TableName: name}))(t)
	if got := out.ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus; got != types.PointInTimeRecoveryStatusDisabled {
		t.Error(got)
	}
	must(w.UpdateContinuousBackups(ctx, &awsdynamodb.UpdateContinuousBackupsInput{TableName: name, PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true), RecoveryPeriodInDays: aws.Int32(2)}}))(t)
	since := w.clock.Now()
	w.clock.Advance(72 * time.Hour)
	got := must(w.DescribeContinuousBackups(ctx, &awsdynamodb.DescribeContinuousBackupsInput{TableName: name}))(t).ContinuousBackupsDescription.PointInTimeRecoveryDescription
	if got.PointInTimeRecoveryStatus != types.PointInTimeRecoveryStatusEnabled || !got.EarliestRestorableDateTime.Equal(since.Add(24*time.Hour)) || !got.LatestRestorableDateTime.Equal(w.clock.Now().Add(-5*time.Minute)) {
		t.Errorf("%+v", got)
	}
	_, err := w.DescribeContinuousBackups(ctx, &awsdynamodb.DescribeContinuousBackupsInput{TableName: aws.String("none")})
	refused(t, "no table", err, "TableNotFoundException: Table not found: none")
}
