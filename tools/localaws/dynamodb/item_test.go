package dynamodb_test

import (
	"errors"
	"fmt"
	gostrings "strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// same compares items as the SDK's types.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(
		types.AttributeValueMemberS{}, types.AttributeValueMemberN{}, types.AttributeValueMemberB{}, types.AttributeValueMemberBOOL{}, types.AttributeValueMemberNULL{},
		types.AttributeValueMemberSS{}, types.AttributeValueMemberNS{}, types.AttributeValueMemberBS{}, types.AttributeValueMemberL{}, types.AttributeValueMemberM{},
		types.ConsumedCapacity{}, types.Capacity{}, types.ItemCollectionMetrics{},
	)); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestItemsOfAllTypes(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.create("all")
	stored := item{
		"pk": s("a"), "sk": s("1"), "string": s("é"), "empty": s(""), "number": n("1.50"), "binary": &types.AttributeValueMemberB{Value: []byte{0, 255}},
		"nothing": &types.AttributeValueMemberB{Value: []byte{}}, "yes": &types.AttributeValueMemberBOOL{Value: true}, "null": &types.AttributeValueMemberNULL{Value: true},
		"strings": &types.AttributeValueMemberSS{Value: []string{"a", "b"}}, "numbers": &types.AttributeValueMemberNS{Value: []string{"1", "2"}},
		"binaries": &types.AttributeValueMemberBS{Value: [][]byte{{1}, {2}}},
		"list":     &types.AttributeValueMemberL{Value: []types.AttributeValue{s("x"), &types.AttributeValueMemberM{Value: item{"k": n("-7")}}}},
		"map":      &types.AttributeValueMemberM{Value: item{"inner": &types.AttributeValueMemberL{Value: []types.AttributeValue{}}}},
	}
	w.put("all", stored)
	stored["number"] = n("1.5")
	same(t, "the item", w.get("all", item{"pk": s("a"), "sk": s("1")}), stored)
	if got := w.get("all", item{"pk": s("a"), "sk": s("2")}); got != nil {
		t.Errorf("an item that does not exist is %v", got)
	}
	out := must(w.GetItem(t.Context(), &awsdynamodb.GetItemInput{
		TableName: aws.String("all"), Key: item{"pk": s("a"), "sk": s("1")}, ProjectionExpression: aws.String("#m.#i, #l[1]"),
		ExpressionAttributeNames: map[string]string{"#m": "map", "#i": "inner", "#l": "list"}, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	}))(t)
	same(t, "the projection", out.Item, item{
		"map": stored["map"], "list": &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberM{Value: item{"k": n("-7")}}}},
	})
	same(t, "its capacity", out.ConsumedCapacity, &types.ConsumedCapacity{TableName: aws.String("all"), CapacityUnits: aws.Float64(0.5)})
}

func TestWritesReturnWhatTheyAreAskedFor(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.create("tab")
	key := item{"pk": s("a"), "sk": s("1")}
	update := func(text string, returns types.ReturnValue) item {
		t.Helper()
		return must(w.UpdateItem(t.Context(), &awsdynamodb.UpdateItemInput{
			TableName: aws.String("tab"), Key: key, UpdateExpression: &text, ReturnValues: returns,
			ExpressionAttributeValues: item{":n": n("1"), ":m": &types.AttributeValueMemberM{Value: item{"x": n("1"), "y": n("2")}}},
		}))(t).Attributes
	}
	same(t, "ALL_OLD of a new item", update("SET n = :n, m = :m", types.ReturnValueAllOld), item(nil))
	same(t, "UPDATED_OLD", update("ADD n :n SET m.x = :m", types.ReturnValueUpdatedOld), item{"n": n("1"), "m": &types.AttributeValueMemberM{Value: item{"x": n("1")}}})
	same(t, "UPDATED_NEW", update("ADD n :n SET m.x = m.y, o = :m", types.ReturnValueUpdatedNew),
		item{"n": n("3"), "m": &types.AttributeValueMemberM{Value: item{"x": n("2")}}, "o": &types.AttributeValueMemberM{Value: item{"x": n("1"), "y": n("2")}}})
	same(t, "ALL_NEW", update("REMOVE m, o SET n = n - :n, p = :m", types.ReturnValueAllNew),
		item{"pk": s("a"), "sk": s("1"), "n": n("2"), "p": &types.AttributeValueMemberM{Value: item{"x": n("1"), "y": n("2")}}})
	same(t, "NONE", update("SET n = :n, p = :m", ""), item(nil))
	put := must(w.PutItem(t.Context(), &awsdynamodb.PutItemInput{TableName: aws.String("tab"), Item: key, ReturnValues: types.ReturnValueAllOld}))(t)
	same(t, "what was put over", put.Attributes, item{"pk": s("a"), "sk": s("1"), "n": n("1"), "p": &types.AttributeValueMemberM{Value: item{"x": n("1"), "y": n("2")}}})
	removed := must(w.DeleteItem(t.Context(), &awsdynamodb.DeleteItemInput{TableName: aws.String("tab"), Key: key, ReturnValues: types.ReturnValueAllOld}))(t)
	same(t, "what was deleted", removed.Attributes, key)
	removed = must(w.DeleteItem(t.Context(), &awsdynamodb.DeleteItemInput{TableName: aws.String("tab"), Key: key, ReturnValues: types.ReturnValueAllOld}))(t)
	same(t, "nothing to delete", removed.Attributes, item(nil))
	_, err := w.PutItem(t.Context(), &awsdynamodb.PutItemInput{TableName: aws.String("tab"), Item: key, ReturnValues: types.ReturnValueAllNew})
	refused(t, "ALL_NEW of a put", err, "ValidationException: Return values set to invalid value")
	// An update without an expression makes an item of the key alone.
	must(w.UpdateItem(t.Context(), &awsdynamodb.UpdateItemInput{TableName: aws.String("tab"), Key: key}))(t)
	same(t, "an update without an expression", w.get("tab", key), key)
}

func TestConditionalWrites(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.create("tab")
	key := item{"pk": s("a"), "sk": s("1")}
	condition := &awsdynamodb.PutItemInput{TableName: aws.String("tab"), Item: key, ConditionExpression: aws.String("attribute_not_exists(pk)"), ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld}
	must(w.PutItem(t.Context(), condition))(t)
	_, err := w.PutItem(t.Context(), condition)
	refused(t, "putting twice", err, "ConditionalCheckFailedException: The conditional request failed")
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		same(t, "the item of the failure", failed.Item, key)
	}
	_, err = w.DeleteItem(t.Context(), &awsdynamodb.DeleteItemInput{TableName: aws.String("tab"), Key: key, ConditionExpression: aws.String("n = :n"), ExpressionAttributeValues: item{":n": n("1")}})
	refused(t, "deleting another item", err, "ConditionalCheckFailedException: The conditional request failed")

	// Of 64 clients that want to be first, one is. Their additions all count.
	const clients = 64
	var first atomic.Int64
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			_, err := w.UpdateItem(t.Context(), &awsdynamodb.UpdateItemInput{
				TableName: aws.String("tab"), Key: item{"pk": s("a"), "sk": s("first")}, UpdateExpression: aws.String("SET who = :who"), ConditionExpression: aws.String("attribute_not_exists(who)"),
				ExpressionAttributeValues: item{":who": n(fmt.Sprint(client))},
			})
			if err == nil {
				first.Add(1)
			} else if _, failed := errors.AsType[*types.ConditionalCheckFailedException](err); !failed {
				t.Error(err)
			}
			if _, err := w.UpdateItem(t.Context(), &awsdynamodb.UpdateItemInput{
				TableName: aws.String("tab"), Key: key, UpdateExpression: aws.String("ADD n :n"), ExpressionAttributeValues: item{":n": n("1")},
			}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := first.Load(); got != 1 {
		t.Errorf("%d clients were first", got)
	}
	same(t, "the count", w.get("tab", key)["n"], n(fmt.Sprint(clients)))
}

func TestInvalidItems(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.create("tab", func(in *awsdynamodb.CreateTableInput) {
		in.AttributeDefinitions = append(in.AttributeDefinitions, strings("g")...)
		in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{{IndexName: aws.String("by-g"), KeySchema: keys("g"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}}}
	})
	key := func(more item) item {
		i := item{"pk": s("a"), "sk": s("1")}
		for name, v := range more {
			i[name] = v
		}
		return i
	}
	const invalid = "ValidationException: One or more parameter values were invalid: "
	for want, i := range map[string]item{
		invalid + "Missing the key sk in the item":                                      {"pk": s("a")},
		invalid + "Type mismatch for key sk expected: S actual: N":                      {"pk": s("a"), "sk": n("1")},
		invalid + "Type mismatch for Index Key g Expected: S Actual: N IndexName: by-g": key(item{"g": n("1")}),
		"ValidationException: One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: sk":                                                                                    {"pk": s("a"), "sk": s("")},
		"ValidationException: One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: by-g, IndexKey: g": key(item{"g": s("")}),
		invalid + "Size of hashkey has exceeded the maximum size limit of2048 bytes":                                                                                                                                                               {"pk": s(gostrings.Repeat("x", 2049)), "sk": s("1")},
		invalid + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes":                                                                                                                                                    {"pk": s("a"), "sk": s(gostrings.Repeat("x", 1025))},
		"ValidationException: Item size has exceeded the maximum allowed size":                                                                                                                                                                     key(item{"big": s(gostrings.Repeat("x", 400<<10))}),
		invalid + "An string set  may not be empty":                                      key(item{"set": &types.AttributeValueMemberSS{Value: []string{}}}),
		"ValidationException: The parameter cannot be converted to a numeric value: abc": key(item{"n": n("abc")}),
	} {
		_, err := w.PutItem(t.Context(), &awsdynamodb.PutItemInput{TableName: aws.String("tab"), Item: i})
		refused(t, want, err, want)
	}
	// 400 KB with the names is allowed.
	w.put("tab", key(item{"big": s(gostrings.Repeat("x", 400<<10-len("pka"+"sk1"+"big")))}))
	_, err := w.UpdateItem(t.Context(), &awsdynamodb.UpdateItemInput{TableName: aws.String("tab"), Key: key(nil), UpdateExpression: aws.String("SET more = :x"), ExpressionAttributeValues: item{":x": s("x")}})
	refused(t, "a byte more", err, "ValidationException: Item size to update has exceeded the maximum allowed size")
	for want, in := range map[string]*awsdynamodb.UpdateItemInput{
		"ValidationException: The provided key element does not match the schema":                                                                        {Key: item{"pk": s("a")}},
		invalid + "Cannot update attribute sk. This attribute is part of the key":                                                                        {Key: key(nil), UpdateExpression: aws.String("REMOVE sk")},
		"ValidationException: ExpressionAttributeNames can only be specified when using expressions":                                                     {Key: key(nil), ExpressionAttributeNames: map[string]string{"#a": "a"}},
		"ValidationException: ExpressionAttributeValues can only be specified when using expressions: UpdateExpression and ConditionExpression are null": {Key: key(nil), ExpressionAttributeValues: item{":a": s("a")}},
		"ValidationException: ExpressionAttributeValues contains invalid value: The parameter cannot be converted to a numeric value: x for key :a":      {Key: key(nil), UpdateExpression: aws.String("SET a = :a"), ExpressionAttributeValues: item{":a": n("x")}},
		"ValidationException: Value provided in ExpressionAttributeValues unused in expressions: keys: {:a, :b}":                                         {Key: key(nil), UpdateExpression: aws.String("REMOVE a"), ExpressionAttributeValues: item{":a": n("1"), ":b": n("1")}},
		"ValidationException: The legacy parameter AttributeUpdates is not supported by the embedded DynamoDB. Use UpdateExpression instead.":            {Key: key(nil), AttributeUpdates: map[string]types.AttributeValueUpdate{"a": {Value: s("a")}}},
		"ResourceNotFoundException: Requested resource not found":                                                                                        {TableName: aws.String("none"), Key: key(nil)},
	} {
		if in.TableName == nil {
			in.TableName = aws.String("tab")
		}
		_, err := w.UpdateItem(t.Context(), in)
		refused(t, want, err, want)
	}
	_, err = w.GetItem(t.Context(), &awsdynamodb.GetItemInput{TableName: aws.String("tab"), Key: key(nil), AttributesToGet: []string{"a"}})
	refused(t, "a legacy read", err, "ValidationException: The legacy parameter AttributesToGet is not supported by the embedded DynamoDB. Use ProjectionExpression instead.")
	_, err = w.ExecuteStatement(t.Context(), &awsdynamodb.ExecuteStatementInput{Statement: aws.String(`SELECT * FROM "tab"`)})
	refused(t, "PartiQL", err, "UnknownOperationException: dynamodb ExecuteStatement is not supported by the embedded AWS")
}

// What a write takes of the capacity depends on the larger of the items before
// and after it, and on what changes in the indexes.
func TestConsumedCapacityOfWrites(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.create("tab", func(in *awsdynamodb.CreateTableInput) {
		in.AttributeDefinitions = append(in.AttributeDefinitions, strings("g")...)
		in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{{IndexName: aws.String("by-g"), KeySchema: keys("g"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly}}}
		in.LocalSecondaryIndexes = []types.LocalSecondaryIndex{{IndexName: aws.String("local"), KeySchema: keys("pk", "g"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}}}
	})
	for _, c := range []struct {
		what               string
		i                  item
		own, global, local float64
	}{
		{"a new item without the index's key", item{"x": s(gostrings.Repeat("x", 1020))}, 2, 0, 0},
		{"a smaller one", item{"x": s("x")}, 2, 0, 0},
		{"one that enters the indexes", item{"g": s("1")}, 1, 1, 1},
		{"one with the same key and a change", item{"g": s("1"), "x": s("x")}, 1, 0, 1},
		{"one that moves", item{"g": s("2"), "x": s("x")}, 1, 2, 2},
		{"one that leaves", item{}, 1, 1, 1},
	} {
		c.i["pk"], c.i["sk"] = s("a"), s("1")
		out := must(w.PutItem(t.Context(), &awsdynamodb.PutItemInput{TableName: aws.String("tab"), Item: c.i, ReturnConsumedCapacity: types.ReturnConsumedCapacityIndexes}))(t)
		want := &types.ConsumedCapacity{TableName: aws.String("tab"), CapacityUnits: aws.Float64(c.own + c.global + c.local), Table: &types.Capacity{CapacityUnits: aws.Float64(c.own)}}
		if c.global > 0 {
			want.GlobalSecondaryIndexes = map[string]types.Capacity{"by-g": {CapacityUnits: aws.Float64(c.global)}}
		}
		if c.local > 0 {
			want.LocalSecondaryIndexes = map[string]types.Capacity{"local": {CapacityUnits: aws.Float64(c.local)}}
		}
		same(t, c.what, out.ConsumedCapacity, want)
	}
	out := must(w.DeleteItem(t.Context(), &awsdynamodb.DeleteItemInput{TableName: aws.String("tab"), Key: item{"pk": s("a"), "sk": s("1")}, ReturnItemCollectionMetrics: types.ReturnItemCollectionMetricsSize}))(t)
	same(t, "the collection", out.ItemCollectionMetrics, &types.ItemCollectionMetrics{ItemCollectionKey: item{"pk": s("a")}, SizeEstimateRangeGB: []float64{0, 1}})
}
