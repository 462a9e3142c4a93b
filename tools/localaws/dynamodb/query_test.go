package dynamodb_test

import (
	"fmt"
	"slices"
	gostrings "strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// query reads all pages and returns an attribute of the items.
func (w *world) query(show string, in *awsdynamodb.QueryInput) []string {
	w.t.Helper()
	found := []string{}
	pages := awsdynamodb.NewQueryPaginator(w, in)
	for pages.HasMorePages() {
		for _, i := range must(pages.NextPage(w.t.Context()))(w.t).Items {
			found = append(found, text(i[show]))
		}
	}
	return found
}

func TestOrderOfSortKeys(t *testing.T) {
	t.Parallel()
	w := start(t)
	for _, c := range []struct {
		kind   types.ScalarAttributeType
		value  func(string) types.AttributeValue
		sorted []string
	}{
		{types.ScalarAttributeTypeS, s, []string{"A", "a", "a\x00", "a\x00b", "ab", "b", "é", "漢", "😀"}},
		{types.ScalarAttributeTypeN, n, []string{"-10000000000", "-2.5", "-2", "-0.001", "0", "0.0001", "1", "1.00001", "9", "10", "99999999999999999999999999999999999999"}},
		{types.ScalarAttributeTypeB, func(b string) types.AttributeValue { return &types.AttributeValueMemberB{Value: []byte(b)} }, []string{"\x00", "\x00\x01", "\x01", "\x7f", "\x80", "\xff", "\xff\x00"}},
	} {
		name := "sorted" + string(c.kind)
		w.create(name, func(in *awsdynamodb.CreateTableInput) { in.AttributeDefinitions[1].AttributeType = c.kind })
		for _, i := range []int{3, 1, 5, 0, 4, 2, 6, 7, 8, 9, 10} {
			if i < len(c.sorted) {
				w.put(name, item{"pk": s("a"), "sk": c.value(c.sorted[i]), "place": n(fmt.Sprint(i))})
			}
		}
		want := []string{}
		for i := range c.sorted {
			want = append(want, fmt.Sprint(i))
		}
		in := func() *awsdynamodb.QueryInput {
			return &awsdynamodb.QueryInput{TableName: &name, KeyConditionExpression: aws.String("pk = :pk"), ExpressionAttributeValues: item{":pk": s("a")}, Limit: aws.Int32(2)}
		}
		if got := w.query("place", in()); !slices.Equal(got, want) {
			t.Errorf("%s: %v", c.kind, got)
		}
		back := in()
		back.ScanIndexForward = aws.Bool(false)
		slices.Reverse(want)
		if got := w.query("place", back); !slices.Equal(got, want) {
			t.Errorf("%s backwards: %v", c.kind, got)
		}
	}
	for condition, want := range map[string][]string{
		"begins_with(sk, :b)": {"0", "1"}, "sk > :b": {"1", "2", "3", "4", "5", "6"}, "sk BETWEEN :b AND :c": {"0", "1", "2", "3", "4"}, ":c <= sk": {"4", "5", "6"},
	} {
		values := item{":pk": s("a"), ":b": &types.AttributeValueMemberB{Value: []byte{0}}}
		if gostrings.Contains(condition, ":c") {
			values[":c"] = &types.AttributeValueMemberB{Value: []byte{0x80}}
		}
		if !gostrings.Contains(condition, ":b") {
			delete(values, ":b")
		}
		got := w.query("place", &awsdynamodb.QueryInput{TableName: aws.String("sortedB"), KeyConditionExpression: aws.String("pk = :pk AND " + condition), ExpressionAttributeValues: values})
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", condition, got, want)
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.create("pages")
	for i := range 10 {
		w.put("pages", item{"pk": s("a"), "sk": s(fmt.Sprint(i)), "odd": &types.AttributeValueMemberBOOL{Value: i%2 == 1}})
	}
	in := &awsdynamodb.QueryInput{
		TableName: aws.String("pages"), KeyConditionExpression: aws.String("pk = :pk"), FilterExpression: aws.String("odd = :odd"),
		ExpressionAttributeValues: item{":pk": s("a"), ":odd": &types.AttributeValueMemberBOOL{Value: true}}, Limit: aws.Int32(5),
	}
	// The limit counts items before the filter, and the second page stops at it
	// although nothing follows.
	first := must(w.Query(t.Context(), in))(t)
	if first.Count != 2 || first.ScannedCount != 5 || len(first.Items) != 2 {
		t.Errorf("%d of %d", first.Count, first.ScannedCount)
	}
	same(t, "where the page ends", first.LastEvaluatedKey, item{"pk": s("a"), "sk": s("4")})
	in.ExclusiveStartKey = first.LastEvaluatedKey
	second := must(w.Query(t.Context(), in))(t)
	same(t, "where the second page ends", second.LastEvaluatedKey, item{"pk": s("a"), "sk": s("9")})
	in.ExclusiveStartKey = second.LastEvaluatedKey
	if third := must(w.Query(t.Context(), in))(t); third.ScannedCount != 0 || third.LastEvaluatedKey != nil || third.Items == nil {
		t.Errorf("the third page has %d items: %v", third.ScannedCount, third.Items)
	}
	// A page begins behind a key that no longer exists.
	must(w.DeleteItem(t.Context(), &awsdynamodb.DeleteItemInput{TableName: in.TableName, Key: first.LastEvaluatedKey}))(t)
	in.ExclusiveStartKey = first.LastEvaluatedKey
	if got := must(w.Query(t.Context(), in))(t); got.Count != 3 {
		t.Errorf("behind a deleted key: %d", got.Count)
	}
	in.ExclusiveStartKey, in.Select = nil, types.SelectCount
	if got := must(w.Query(t.Context(), in))(t); got.Count != 3 || got.Items != nil {
		t.Errorf("the number: %d, %v", got.Count, got.Items)
	}

	// Three items of 400 KB are more than 1 MB.
	w.create("large")
	for i := range 5 {
		w.put("large", item{"pk": s("a"), "sk": s(fmt.Sprint(i)), "text": s(gostrings.Repeat("x", 399<<10))})
	}
	scan := &awsdynamodb.ScanInput{TableName: aws.String("large"), ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal}
	var counts []int32
	pages := awsdynamodb.NewScanPaginator(w, scan)
	for pages.HasMorePages() {
		out := must(pages.NextPage(t.Context()))(t)
		counts = append(counts, out.Count)
		if want := float64(out.Count) * 100 / 2; *out.ConsumedCapacity.CapacityUnits > want || *out.ConsumedCapacity.CapacityUnits < want-1 {
			t.Errorf("%d items took %v units", out.Count, *out.ConsumedCapacity.CapacityUnits)
		}
	}
	if !slices.Equal(counts, []int32{2, 2, 1}) {
		t.Errorf("pages of %v items", counts)
	}
}

func TestIndexes(t *testing.T) {
	t.Parallel()
	w := start(t)
	index := func(name string, projection types.ProjectionType, attributes ...string) types.GlobalSecondaryIndex {
		return types.GlobalSecondaryIndex{IndexName: &name, KeySchema: keys("owned"), Projection: &types.Projection{ProjectionType: projection, NonKeyAttributes: attributes}}
	}
	w.create("indexed", func(in *awsdynamodb.CreateTableInput) {
		in.AttributeDefinitions = strings("pk", "sk", "owned")
		in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{index("all", types.ProjectionTypeAll), index("keys", types.ProjectionTypeKeysOnly), index("some", types.ProjectionTypeInclude, "one")}
		in.LocalSecondaryIndexes = []types.LocalSecondaryIndex{{IndexName: aws.String("local"), KeySchema: keys("pk", "owned"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly}}}
	})
	whole := item{"pk": s("a"), "sk": s("1"), "owned": s("o"), "one": n("1"), "two": n("2")}
	w.put("indexed", whole)
	w.put("indexed", item{"pk": s("a"), "sk": s("2"), "one": n("1")})
	only := func(names ...string) item {
		i := item{}
		for _, name := range names {
			i[name] = whole[name]
		}
		return i
	}
	query := func(name string) *awsdynamodb.QueryInput {
		in := &awsdynamodb.QueryInput{TableName: aws.String("indexed"), IndexName: &name, KeyConditionExpression: aws.String("owned = :o"), ExpressionAttributeValues: item{":o": s("o")}}
		if name == "local" {
			in.KeyConditionExpression, in.ExpressionAttributeValues = aws.String("pk = :o"), item{":o": s("a")}
		}
		return in
	}
	// An index has the items with its key only, and of them what it projects.
	for name, want := range map[string]item{"all": whole, "keys": only("pk", "sk", "owned"), "some": only("pk", "sk", "owned", "one"), "local": only("pk", "sk", "owned")} {
		out := must(w.Query(t.Context(), query(name)))(t)
		same(t, name, out.Items, []item{want})
		in := query(name)
		in.Limit = aws.Int32(1)
		same(t, name+": where the page ends", must(w.Query(t.Context(), in))(t).LastEvaluatedKey, only("pk", "sk", "owned"))
		if got := must(w.Scan(t.Context(), &awsdynamodb.ScanInput{TableName: aws.String("indexed"), IndexName: &name}))(t); got.Count != 1 {
			t.Errorf("a scan of %s has %d items", name, got.Count)
		}
	}
	// A local index fetches from the table what it lacks.
	in := query("local")
	in.Select, in.ReturnConsumedCapacity, in.ConsistentRead = types.SelectAllAttributes, types.ReturnConsumedCapacityIndexes, aws.Bool(true)
	out := must(w.Query(t.Context(), in))(t)
	same(t, "all attributes of a local index", out.Items, []item{whole})
	same(t, "their capacity", out.ConsumedCapacity, &types.ConsumedCapacity{
		TableName: aws.String("indexed"), CapacityUnits: aws.Float64(2), Table: &types.Capacity{CapacityUnits: aws.Float64(1)},
		LocalSecondaryIndexes: map[string]types.Capacity{"local": {CapacityUnits: aws.Float64(1)}},
	})
	const invalid = "ValidationException: "
	for want, change := range map[string]func(*awsdynamodb.QueryInput){
		invalid + "Consistent reads are not supported on global secondary indexes": func(in *awsdynamodb.QueryInput) { in.ConsistentRead = aws.Bool(true) },
		invalid + "The table does not have the specified index: none":              func(in *awsdynamodb.QueryInput) { in.IndexName = aws.String("none") },
		invalid + "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global secondary index keys because its projection type is not ALL": func(in *awsdynamodb.QueryInput) { in.Select = types.SelectAllAttributes },
		invalid + "One or more parameter values were invalid: Global secondary index keys does not project [two]":                                                                 func(in *awsdynamodb.QueryInput) { in.ProjectionExpression = aws.String("two") },
		invalid + "Query condition missed key schema element: owned":                                                                                                              func(in *awsdynamodb.QueryInput) { in.KeyConditionExpression = aws.String("pk = :o") },
		invalid + "Query key condition not supported":                                                                                                                             func(in *awsdynamodb.QueryInput) { in.KeyConditionExpression = aws.String("owned > :o") },
		invalid + "One or more parameter values were invalid: Condition parameter type does not match schema type":                                                                func(in *awsdynamodb.QueryInput) { in.ExpressionAttributeValues = item{":o": n("1")} },
		invalid + "Filter Expression can only contain non-primary key attributes: Primary key attribute: owned":                                                                   func(in *awsdynamodb.QueryInput) { in.FilterExpression = aws.String("attribute_exists(owned)") },
		invalid + "The provided starting key is invalid":                                                                                                                          func(in *awsdynamodb.QueryInput) { in.ExclusiveStartKey = item{"pk": s("a"), "sk": s("1")} },
		invalid + "The provided starting key is outside query boundaries based on provided conditions": func(in *awsdynamodb.QueryInput) {
			in.ExclusiveStartKey = item{"pk": s("a"), "sk": s("1"), "owned": s("p")}
		},
		invalid + "The legacy parameter KeyConditions is not supported by the embedded DynamoDB. Use KeyConditionExpression instead.": func(in *awsdynamodb.QueryInput) {
			in.KeyConditions = map[string]types.Condition{"owned": {ComparisonOperator: "EQ"}}
		},
	} {
		in := query("keys")
		change(in)
		_, err := w.Query(t.Context(), in)
		refused(t, want, err, want)
	}

	// Who provisions the table's capacity provisions that of the indexes, too.
	five := &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(5), WriteCapacityUnits: aws.Int64(5)}
	_, err := w.UpdateTable(t.Context(), &awsdynamodb.UpdateTableInput{TableName: aws.String("indexed"), BillingMode: types.BillingModeProvisioned, ProvisionedThroughput: five})
	refused(t, "provisioning the table only", err, invalid+"One or more parameter values were invalid: ProvisionedThroughput must be specified for index: all")

	// A new index has the items that fit it. Until then it can't be read.
	w.put("indexed", item{"pk": s("b"), "sk": s("1"), "one": s("text")})
	must(w.UpdateTable(t.Context(), &awsdynamodb.UpdateTableInput{
		TableName: aws.String("indexed"), AttributeDefinitions: strings("one"),
		GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{{Create: &types.CreateGlobalSecondaryIndexAction{IndexName: aws.String("ones"), KeySchema: keys("one"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}}}},
	}))(t)
	late := &awsdynamodb.QueryInput{TableName: aws.String("indexed"), IndexName: aws.String("ones"), KeyConditionExpression: aws.String("one = :o"), ExpressionAttributeValues: item{":o": s("text")}}
	_, err = w.Query(t.Context(), late)
	refused(t, "an index that is made", err, "ValidationException: Cannot read from backfilling global secondary index: ones")
	w.settle()
	if got := must(w.Query(t.Context(), late))(t); got.Count != 1 {
		t.Errorf("the new index has %d items", got.Count)
	}
	must(w.UpdateTable(t.Context(), &awsdynamodb.UpdateTableInput{TableName: aws.String("indexed"), GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{{Delete: &types.DeleteGlobalSecondaryIndexAction{IndexName: aws.String("ones")}}}}))(t)
	w.settle()
	if got := must(w.DescribeTable(t.Context(), &awsdynamodb.DescribeTableInput{TableName: aws.String("indexed")}))(t).Table; len(got.GlobalSecondaryIndexes) != 3 || len(got.AttributeDefinitions) != 3 {
		t.Errorf("%d indexes, %d definitions", len(got.GlobalSecondaryIndexes), len(got.AttributeDefinitions))
	}
}

func TestInvalidScans(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.create("tab")
	for want, in := range map[string]*awsdynamodb.ScanInput{
		"The TotalSegments parameter is required but was not present in the request when Segment parameter is present":                      {Segment: aws.Int32(0)},
		"The Segment parameter is required but was not present in the request when parameter TotalSegments is present":                      {TotalSegments: aws.Int32(1)},
		"The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 5 is not less than TotalSegments: 5":   {Segment: aws.Int32(5), TotalSegments: aws.Int32(5)},
		"1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1": {Limit: aws.Int32(0)},
		"Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES":                                 {Select: types.SelectSpecificAttributes},
		"Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES":                                                       {Select: types.SelectAllAttributes, ProjectionExpression: aws.String("a")},
		"ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName":                                                        {Select: types.SelectAllProjectedAttributes},
		"ExpressionAttributeValues can only be specified when using expressions: FilterExpression is null":                                  {ExpressionAttributeValues: item{":a": s("a")}},
	} {
		in.TableName = aws.String("tab")
		_, err := w.Scan(t.Context(), in)
		refused(t, want, err, "ValidationException: "+want)
	}
}
