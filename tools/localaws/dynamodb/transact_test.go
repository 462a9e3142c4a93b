package dynamodb_test

import (
	"errors"
	"fmt"
	"slices"
	gostrings "strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func itemKey(sk string) item { return item{"pk": s("a"), "sk": s(sk)} }

// put, update, check and remove are members of a transaction.
func put(table, sk string, condition *string) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{TableName: &table, Item: itemKey(sk), ConditionExpression: condition}}
}

func add(table, sk string) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{TableName: &table, Key: itemKey(sk), UpdateExpression: aws.String("ADD n :n"), ExpressionAttributeValues: item{":n": n("1")}}}
}

func check(table, sk, condition string) types.TransactWriteItem {
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{TableName: &table, Key: itemKey(sk), ConditionExpression: &condition, ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld}}
}

func remove(table, sk string) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{TableName: &table, Key: itemKey(sk)}}
}

// codes returns the reasons of a cancelled transaction.
func codes(err error) []string {
	var out []string
	if c, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		for _, r := range c.CancellationReasons {
			out = append(out, *r.Code)
		}
	}
	return out
}

func TestTransactions(t *testing.T) {
	t.Parallel()
	w, ctx := start(t), t.Context()
	w.create("one")
	w.create("two")
	write := func(items ...types.TransactWriteItem) (*awsdynamodb.TransactWriteItemsOutput, error) {
		return w.TransactWriteItems(ctx, &awsdynamodb.TransactWriteItemsInput{TransactItems: items, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
	}
	w.put("one", itemKey("gone"))
	out := must(write(put("one", "1", aws.String("attribute_not_exists(pk)")), add("two", "1"), check("two", "2", "attribute_not_exists(pk)"), remove("one", "gone")))(t)
	same(t, "the capacity", out.ConsumedCapacity, []types.ConsumedCapacity{
		{TableName: aws.String("one"), CapacityUnits: aws.Float64(4), WriteCapacityUnits: aws.Float64(4)}, {TableName: aws.String("two"), CapacityUnits: aws.Float64(4), WriteCapacityUnits: aws.Float64(4)},
	})
	same(t, "the updated item", w.get("two", itemKey("1")), item{"pk": s("a"), "sk": s("1"), "n": n("1")})
	if w.get("one", itemKey("1")) == nil || w.get("one", itemKey("gone")) != nil {
		t.Error("the transaction is not complete")
	}

	// One that fails changes nothing, and says why in the order of its members.
	_, err := write(add("two", "1"), put("one", "1", aws.String("attribute_not_exists(pk)")), check("two", "5", "attribute_exists(pk)"), put("one", "9", nil))
	if got := codes(err); !slices.Equal(got, []string{"None", "ConditionalCheckFailed", "ConditionalCheckFailed", "None"}) {
		t.Errorf("reasons %v: %v", got, err)
	}
	refused(t, "its text", err, "TransactionCanceledException: Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed, ConditionalCheckFailed, None]")
	_, err = write(check("one", "1", "attribute_not_exists(pk)"))
	if c, ok := errors.AsType[*types.TransactionCanceledException](err); !ok || *c.CancellationReasons[0].Message != "The conditional request failed" {
		t.Error(err)
	} else {
		same(t, "the item of the reason", c.CancellationReasons[0].Item, itemKey("1"))
	}
	same(t, "the item afterwards", w.get("two", itemKey("1")), item{"pk": s("a"), "sk": s("1"), "n": n("1")})
	if w.get("one", itemKey("9")) != nil {
		t.Error("a cancelled transaction has put an item")
	}
	w.put("one", item{"pk": s("a"), "sk": s("text"), "n": s("text")})
	_, err = write(put("two", "9", nil), add("one", "text"))
	if got := codes(err); !slices.Equal(got, []string{"None", "ValidationError"}) {
		t.Errorf("reasons %v: %v", got, err)
	}
	_, err = write(types.TransactWriteItem{Put: &types.Put{TableName: aws.String("one"), Item: item{"pk": s("a")}}})
	if got := codes(err); !slices.Equal(got, []string{"ValidationError"}) {
		t.Errorf("reasons %v: %v", got, err)
	}

	_, err = write(put("one", "1", nil), remove("one", "1"))
	refused(t, "two operations on an item", err, "ValidationException: Transaction request cannot include multiple operations on one item")
	_, err = write([]types.TransactWriteItem{}...)
	refused(t, "no operation", err, "ValidationException: 1 validation error detected: Value '[]' at 'transactItems' failed to satisfy constraint: Member must have length greater than or equal to 1")
	both := put("one", "1", nil)
	both.Delete = remove("one", "1").Delete
	_, err = write(both)
	refused(t, "two in one", err, "ValidationException: TransactItems can only contain one of Check, Put, Update or Delete")
	_, err = write(put("none", "1", nil))
	refused(t, "no table", err, "ResourceNotFoundException: Requested resource not found")
	var many []types.TransactWriteItem
	for i := range 101 {
		many = append(many, put("one", fmt.Sprint("many", i), nil))
	}
	_, err = write(many...)
	if err == nil || !gostrings.Contains(err.Error(), "Member must have length less than or equal to 100") {
		t.Errorf("101 operations: %v", err)
	}
	must(write(many[:100]...))(t)

	reads := must(w.TransactGetItems(ctx, &awsdynamodb.TransactGetItemsInput{ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal, TransactItems: []types.TransactGetItem{
		{Get: &types.Get{TableName: aws.String("two"), Key: itemKey("1"), ProjectionExpression: aws.String("n")}}, {Get: &types.Get{TableName: aws.String("one"), Key: itemKey("none")}},
	}}))(t)
	if len(reads.Responses) != 2 || reads.Responses[1].Item != nil {
		t.Errorf("responses %v", reads.Responses)
	}
	same(t, "the item", reads.Responses[0].Item, item{"n": n("1")})
	same(t, "the capacity of reads", reads.ConsumedCapacity[0], types.ConsumedCapacity{TableName: aws.String("one"), CapacityUnits: aws.Float64(2), ReadCapacityUnits: aws.Float64(2)})
}

func TestTransactionTokens(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.create("tab")
	write := func(items ...types.TransactWriteItem) error {
		_, err := w.TransactWriteItems(t.Context(), &awsdynamodb.TransactWriteItemsInput{TransactItems: items, ClientRequestToken: aws.String("token")})
		return err
	}
	count := func() string { return text(w.get("tab", itemKey("1"))["n"]) }
	for range 3 {
		if err := write(add("tab", "1")); err != nil {
			t.Fatal(err)
		}
	}
	if got := count(); got != "1" {
		t.Errorf("a transaction that was repeated has counted to %s", got)
	}
	refused(t, "another transaction with its token", write(add("tab", "2")), "IdempotentParameterMismatchException: Request parameters do not match the parameters used with the same client token")
	w.clock.Advance(10*time.Minute + time.Second)
	if err := write(add("tab", "1")); err != nil {
		t.Fatal(err)
	}
	if got := count(); got != "2" {
		t.Errorf("after ten minutes it has counted to %s", got)
	}
}

// Money that transactions move between accounts neither appears nor disappears,
// and no reader sees a part of a transaction.
func TestConcurrentTransactions(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.create("bank")
	const accounts, total = 4, 400
	for i := range accounts {
		w.put("bank", item{"pk": s("a"), "sk": s(fmt.Sprint(i)), "n": n("100")})
	}
	move := func(from, to int) error {
		change := func(account int, by string) types.TransactWriteItem {
			return types.TransactWriteItem{Update: &types.Update{TableName: aws.String("bank"), Key: itemKey(fmt.Sprint(account)), UpdateExpression: aws.String("ADD n :n"), ConditionExpression: aws.String("n >= :zero"), ExpressionAttributeValues: item{":n": n(by), ":zero": n("0")}}}
		}
		_, err := w.service.TransactWriteItems(t.Context(), &awsdynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{change(from, "-7"), change(to, "7")}})
		return err
	}
	var all sync.WaitGroup
	for client := range 8 {
		all.Go(func() {
			for i := range 200 {
				if client%2 == 0 {
					err := move(i%accounts, (i+1+client%3)%accounts)
					for _, code := range codes(err) {
						if code == "None" || code == "TransactionConflict" || code == "ConditionalCheckFailed" {
							err = nil
						}
					}
					if i%accounts != (i+1+client%3)%accounts && err != nil {
						t.Error(err)
					}
					continue
				}
				var gets []types.TransactGetItem
				for account := range accounts {
					gets = append(gets, types.TransactGetItem{Get: &types.Get{TableName: aws.String("bank"), Key: itemKey(fmt.Sprint(account))}})
				}
				out, err := w.service.TransactGetItems(t.Context(), &awsdynamodb.TransactGetItemsInput{TransactItems: gets})
				if len(codes(err)) > 0 {
					continue
				}
				sum := 0
				for _, r := range out.Responses {
					var balance int
					_, _ = fmt.Sscan(text(r.Item["n"]), &balance)
					sum += balance
				}
				if sum != total {
					t.Errorf("a reader sees %d", sum)
				}
			}
		})
	}
	all.Wait()
}

func TestBatches(t *testing.T) {
	t.Parallel()
	w, ctx := start(t), t.Context()
	w.create("one")
	w.create("two")
	w.put("two", itemKey("gone"))
	request := func(sk string) types.WriteRequest {
		return types.WriteRequest{PutRequest: &types.PutRequest{Item: itemKey(sk)}}
	}
	out := must(w.BatchWriteItem(ctx, &awsdynamodb.BatchWriteItemInput{ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal, RequestItems: map[string][]types.WriteRequest{
		"one": {request("1"), request("2")}, "two": {request("1"), {DeleteRequest: &types.DeleteRequest{Key: itemKey("gone")}}},
	}}))(t)
	if len(out.UnprocessedItems) != 0 || len(out.ConsumedCapacity) != 2 || *out.ConsumedCapacity[0].CapacityUnits != 2 {
		t.Errorf("%+v", out)
	}
	reads := must(w.BatchGetItem(ctx, &awsdynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
		"one": {Keys: []item{itemKey("1"), itemKey("none"), itemKey("2")}, ProjectionExpression: aws.String("sk")}, "two": {Keys: []item{itemKey("1"), itemKey("gone")}},
	}}))(t)
	same(t, "of one", reads.Responses["one"], []item{{"sk": s("1")}, {"sk": s("2")}})
	same(t, "of two", reads.Responses["two"], []item{itemKey("1")})
	many := map[string][]types.WriteRequest{}
	for i := range 26 {
		many["one"] = append(many["one"], request(fmt.Sprint(i)))
	}
	for want, requests := range map[string]map[string][]types.WriteRequest{
		"Too many items requested for the BatchWriteItem call": many,
		"Provided list of item keys contains duplicates":       {"one": {request("1"), {DeleteRequest: &types.DeleteRequest{Key: itemKey("1")}}}},
	} {
		_, err := w.BatchWriteItem(ctx, &awsdynamodb.BatchWriteItemInput{RequestItems: requests})
		refused(t, want, err, "ValidationException: "+want)
	}
	var keys []item
	for i := range 101 {
		keys = append(keys, itemKey(fmt.Sprint(i)))
	}
	for want, keys := range map[string][]item{"Too many items requested for the BatchGetItem call": keys, "Provided list of item keys contains duplicates": {itemKey("1"), itemKey("1")}} {
		_, err := w.BatchGetItem(ctx, &awsdynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{"one": {Keys: keys}}})
		refused(t, want, err, "ValidationException: "+want)
	}
	// An answer has up to 16 MB.
	keys = nil
	for i := range 42 {
		must(w.service.PutItem(ctx, &awsdynamodb.PutItemInput{TableName: aws.String("one"), Item: item{"pk": s("big"), "sk": s(fmt.Sprint(i)), "text": s(gostrings.Repeat("x", 400000))}}))(t)
		keys = append(keys, item{"pk": s("big"), "sk": s(fmt.Sprint(i))})
	}
	big, err := w.service.BatchGetItem(ctx, &awsdynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{"one": {Keys: keys}}})
	if err != nil || len(big.Responses["one"]) != 41 || len(big.UnprocessedKeys["one"].Keys) != 1 {
		t.Errorf("%d items and %d keys: %v", len(big.Responses["one"]), len(big.UnprocessedKeys["one"].Keys), err)
	}
}

func TestTimeToLive(t *testing.T) {
	t.Parallel()
	w, ctx := start(t), t.Context()
	w.create("tab")
	name := aws.String("tab")
	set := func(enabled bool, attribute string) error {
		_, err := w.UpdateTimeToLive(ctx, &awsdynamodb.UpdateTimeToLiveInput{TableName: name, TimeToLiveSpecification: &types.TimeToLiveSpecification{Enabled: &enabled, AttributeName: &attribute}})
		return err
	}
	status := func() types.TimeToLiveStatus {
		return must(w.DescribeTimeToLive(ctx, &awsdynamodb.DescribeTimeToLiveInput{TableName: name}))(t).TimeToLiveDescription.TimeToLiveStatus
	}
	at := func(d time.Duration) types.AttributeValue { return n(fmt.Sprint(w.clock.Now().Add(d).Unix())) }
	expiring := func(sk string, expires types.AttributeValue) {
		w.put("tab", item{"pk": s("a"), "sk": s(sk), "expires": expires})
	}
	expiring("before", at(30*time.Second))
	refused(t, "turning it off", set(false, "expires"), "ValidationException: TimeToLive is already disabled")
	if err := set(true, "expires"); err != nil {
		t.Fatal(err)
	}
	if got := status(); got != types.TimeToLiveStatusEnabling {
		t.Error(got)
	}
	refused(t, "changing it twice", set(false, "expires"), "ValidationException: Time to live has been modified multiple times within a fixed interval")
	w.settle()
	if got := status(); got != types.TimeToLiveStatusEnabled {
		t.Error(got)
	}
	refused(t, "turning it on twice", set(true, "other"), "ValidationException: TimeToLive is already enabled")
	expiring("soon", at(30*time.Second))
	expiring("later", at(time.Hour))
	expiring("kept", at(30*time.Second))
	expiring("kept", at(2*time.Hour))
	expiring("text", s("0"))
	expiring("ancient", at(-6*365*24*time.Hour))
	left := func() []string {
		t.Helper()
		return w.query("sk", &awsdynamodb.QueryInput{TableName: name, KeyConditionExpression: aws.String("pk = :a"), ExpressionAttributeValues: item{":a": s("a")}})
	}
	// The service sleeps again once it has deleted what has expired.
	w.clock.BlockUntil(1)
	w.clock.Advance(time.Minute)
	w.clock.BlockUntil(1)
	if got := left(); !slices.Equal(got, []string{"ancient", "kept", "later", "text"}) {
		t.Errorf("after a minute: %v", got)
	}
	w.clock.Advance(90 * time.Minute)
	w.clock.BlockUntil(1)
	if got := left(); !slices.Equal(got, []string{"ancient", "kept", "text"}) {
		t.Errorf("after 90 minutes: %v", got)
	}
	w.service.Flush(ctx)
	if got := w.metrics.sum("AWS/DynamoDB TimeToLiveDeletedItemCount TableName=tab"); got != 3 {
		t.Errorf("%v items were counted", got)
	}
	if err := set(false, "expires"); err != nil || status() != types.TimeToLiveStatusDisabling {
		t.Error(err)
	}
	w.settle()
	w.clock.Advance(2 * time.Hour)
	w.clock.BlockUntil(1)
	if got := left(); len(got) != 3 || status() != types.TimeToLiveStatusDisabled {
		t.Errorf("after it was turned off: %v, %s", got, status())
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	w, ctx := start(t), t.Context()
	w.create("tab", func(in *awsdynamodb.CreateTableInput) {
		in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{{IndexName: aws.String("reverse"), KeySchema: keys("sk"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}}}
	})
	name := aws.String("tab")
	w.put("tab", itemKey("1"))
	w.put("tab", itemKey("2"))
	must(w.Scan(ctx, &awsdynamodb.ScanInput{TableName: name, ConsistentRead: aws.Bool(true)}))(t)
	_, err := w.PutItem(ctx, &awsdynamodb.PutItemInput{TableName: name, Item: itemKey("1"), ConditionExpression: aws.String("attribute_not_exists(pk)")})
	refused(t, "the condition", err, "ConditionalCheckFailedException: The conditional request failed")
	_, err = w.PutItem(ctx, &awsdynamodb.PutItemInput{TableName: name, Item: item{}})
	refused(t, "the key", err, "ValidationException: One or more parameter values were invalid: Missing the key pk in the item")
	w.service.Flush(ctx)
	for metric, want := range map[string]float64{
		"ConsumedWriteCapacityUnits TableName=tab": 3, "ConsumedWriteCapacityUnits TableName=tab GlobalSecondaryIndexName=reverse": 2, "ConsumedReadCapacityUnits TableName=tab": 1,
		"ReturnedItemCount TableName=tab Operation=Scan": 2, "ConditionalCheckFailedRequests TableName=tab": 1, "UserErrors": 1,
	} {
		if got := w.metrics.sum("AWS/DynamoDB " + metric); got != want {
			t.Errorf("%s is %v, want %v", metric, got, want)
		}
	}
}
