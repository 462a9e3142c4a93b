package dynamodb_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	gostrings "strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/dynamodb"
)

// A record is an item of the model: a partition key, a sort key that is a
// number, two optional attributes that are the key of an index, and a counter.
type record struct {
	pk    string
	at    int
	owner string // optional; the partition key of the global index
	rank  *int   // optional; the sort key of both indexes
	count int
}

func (r record) item() item {
	i := item{"pk": s(r.pk), "place": n(strconv.Itoa(r.at)), "hits": n(strconv.Itoa(r.count))}
	if r.owner != "" {
		i["owned"] = s(r.owner)
	}
	if r.rank != nil {
		i["ranked"] = n(strconv.Itoa(*r.rank))
	}
	return i
}

// A model is a table as a map, which is searched from one end to the other.
type model map[string]record

func key(pk string, at int) string { return fmt.Sprintf("%s/%d", pk, at) }

func keyItem(pk string, at int) item { return item{"pk": s(pk), "place": n(strconv.Itoa(at))} }

// find returns the records that meet a condition, by a number.
func (m model) find(by func(record) int, meets func(record) bool) []item {
	var found []record
	for _, r := range m {
		if meets(r) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b record) int {
		return cmp.Or(cmp.Compare(by(a), by(b)), cmp.Compare(a.pk, b.pk), cmp.Compare(a.at, b.at))
	})
	var items []item
	for _, r := range found {
		items = append(items, r.item())
	}
	return items
}

// sides are the service and the model, which get the same requests.
type sides struct {
	t       *testing.T
	service *dynamodb.Service
	model   model
	random  *rand.Rand
	log     []string
}

// TestAgainstModel sends random requests to a table with indexes, and to a map.
// Both must give the same answers.
func TestAgainstModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			by := clock.NewManual(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC))
			b := &sides{t: t, service: dynamodb.New(account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: by}, dynamodb.Deps{}), model: model{}, random: rand.New(rand.NewPCG(seed, 7))}
			number := func(names ...string) []types.AttributeDefinition {
				definitions := strings(names...)
				for i := range definitions {
					definitions[i].AttributeType = types.ScalarAttributeTypeN
				}
				return definitions
			}
			_, err := b.service.CreateTable(t.Context(), &awsdynamodb.CreateTableInput{
				TableName: aws.String("model"), BillingMode: types.BillingModePayPerRequest, KeySchema: keys("pk", "place"),
				AttributeDefinitions:   slices.Concat(strings("pk", "owned"), number("place", "ranked")),
				LocalSecondaryIndexes:  []types.LocalSecondaryIndex{{IndexName: aws.String("local"), KeySchema: keys("pk", "ranked"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}}},
				GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{IndexName: aws.String("global"), KeySchema: keys("owned", "ranked"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}}},
			})
			if err != nil {
				t.Fatal(err)
			}
			by.Advance(time.Second)
			for range 1200 {
				b.step()
				if t.Failed() {
					t.Fatalf("after\n%s", b.log[max(0, len(b.log)-10):])
				}
			}
			// Deleting everything leaves nothing behind.
			for _, r := range b.model {
				if _, err := b.service.DeleteItem(t.Context(), &awsdynamodb.DeleteItemInput{TableName: aws.String("model"), Key: keyItem(r.pk, r.at)}); err != nil {
					t.Fatal(err)
				}
			}
			out, err := b.service.DescribeTable(t.Context(), &awsdynamodb.DescribeTableInput{TableName: aws.String("model")})
			if err != nil {
				t.Fatal(err)
			}
			d := out.Table
			for what, n := range map[string]*int64{
				"items": d.ItemCount, "bytes": d.TableSizeBytes, "global items": d.GlobalSecondaryIndexes[0].ItemCount, "global bytes": d.GlobalSecondaryIndexes[0].IndexSizeBytes,
				"local items": d.LocalSecondaryIndexes[0].ItemCount, "local bytes": d.LocalSecondaryIndexes[0].IndexSizeBytes,
			} {
				if *n != 0 {
					t.Errorf("%d %s are left", *n, what)
				}
			}
		})
	}
}

func (b *sides) did(format string, args ...any) { b.log = append(b.log, fmt.Sprintf(format, args...)) }

func (b *sides) draw() record {
	r := record{pk: string(rune('a' + b.random.IntN(3))), at: b.random.IntN(40) - 20, count: b.random.IntN(100)}
	if b.random.IntN(3) > 0 {
		r.owner = string(rune('x' + b.random.IntN(2)))
	}
	if b.random.IntN(3) > 0 {
		rank := b.random.IntN(30) - 15
		r.rank = &rank
	}
	return r
}

// step sends one request.
func (b *sides) step() {
	ctx, table := context.Background(), aws.String("model")
	r := b.draw()
	at := key(r.pk, r.at)
	was, exists := b.model[at]
	failed := func(err error) bool {
		return failure(err) == "ConditionalCheckFailedException: The conditional request failed"
	}
	switch b.random.IntN(8) {
	case 0, 1:
		b.did("put %+v", r)
		if _, err := b.service.PutItem(ctx, &awsdynamodb.PutItemInput{TableName: table, Item: r.item()}); err != nil {
			b.t.Error(err)
		}
		b.model[at] = r
	case 2:
		b.did("put %+v if it is new", r)
		_, err := b.service.PutItem(ctx, &awsdynamodb.PutItemInput{TableName: table, Item: r.item(), ConditionExpression: aws.String("attribute_not_exists(pk)")})
		if failed(err) != exists {
			b.t.Errorf("the condition: %v", err)
		}
		if !exists {
			b.model[at] = r
		}
	case 3:
		b.did("count %s", at)
		if _, err := b.service.UpdateItem(ctx, &awsdynamodb.UpdateItemInput{TableName: table, Key: keyItem(r.pk, r.at), UpdateExpression: aws.String("ADD hits :n"), ExpressionAttributeValues: item{":n": n("3")}}); err != nil {
			b.t.Error(err)
		}
		was.pk, was.at, was.count = r.pk, r.at, was.count+3
		b.model[at] = was
	case 4:
		b.did("move %s", at)
		_, err := b.service.UpdateItem(ctx, &awsdynamodb.UpdateItemInput{
			TableName: table, Key: keyItem(r.pk, r.at), UpdateExpression: aws.String("SET owned = :o REMOVE ranked"), ConditionExpression: aws.String("attribute_exists(ranked) AND hits >= :n"),
			ExpressionAttributeValues: item{":o": s("x"), ":n": n("50")},
		})
		if meets := exists && was.rank != nil && was.count >= 50; failed(err) == meets {
			b.t.Errorf("the condition: %v", err)
		} else if meets {
			was.owner, was.rank = "x", nil
			b.model[at] = was
		}
	case 5:
		b.did("delete %s", at)
		out, err := b.service.DeleteItem(ctx, &awsdynamodb.DeleteItemInput{TableName: table, Key: keyItem(r.pk, r.at), ReturnValues: types.ReturnValueAllOld})
		if err != nil || (out.Attributes != nil) != exists {
			b.t.Errorf("%v, %v", out, err)
		}
		delete(b.model, at)
	case 6:
		b.compare(r)
	default:
		b.scan()
	}
}

// compare queries the table and its indexes.
func (b *sides) compare(r record) {
	low, high := b.random.IntN(40)-20, b.random.IntN(40)-20
	if low > high {
		low, high = high, low
	}
	pivot := strconv.Itoa(low)
	for _, c := range []struct {
		condition string
		values    item
		meets     func(int) bool
	}{
		{"", nil, func(int) bool { return true }},
		{" AND SORT BETWEEN :low AND :high", item{":low": n(pivot), ":high": n(strconv.Itoa(high))}, func(i int) bool { return i >= low && i <= high }},
		{" AND SORT < :low", item{":low": n(pivot)}, func(i int) bool { return i < low }},
		{" AND SORT <= :low", item{":low": n(pivot)}, func(i int) bool { return i <= low }},
		{" AND SORT > :low", item{":low": n(pivot)}, func(i int) bool { return i > low }},
		{" AND SORT >= :low", item{":low": n(pivot)}, func(i int) bool { return i >= low }},
		{" AND SORT = :low", item{":low": n(pivot)}, func(i int) bool { return i == low }},
	} {
		for _, from := range []struct {
			index, partition, sort string
			of                     func(record) (string, *int)
		}{
			{"", "pk", "place", func(r record) (string, *int) { return r.pk, &r.at }},
			{"local", "pk", "ranked", func(r record) (string, *int) { return r.pk, r.rank }},
			{"global", "owned", "ranked", func(r record) (string, *int) { return r.owner, r.rank }},
		} {
			partition := r.pk
			if from.index == "global" {
				partition = "x"
			}
			values := item{":p": s(partition)}
			maps.Copy(values, c.values)
			condition := from.partition + " = :p" + gostrings.ReplaceAll(c.condition, "SORT", from.sort)
			in := &awsdynamodb.QueryInput{TableName: aws.String("model"), KeyConditionExpression: &condition, ExpressionAttributeValues: values, ScanIndexForward: aws.Bool(b.random.IntN(2) == 0)}
			if from.index != "" {
				in.IndexName = &from.index
			}
			if b.random.IntN(2) == 0 {
				in.Limit = aws.Int32(int32(1 + b.random.IntN(5)))
			}
			want := b.model.find(func(r record) int { _, n := from.of(r); return *n }, func(r record) bool {
				p, n := from.of(r)
				return p == partition && n != nil && c.meets(*n)
			})
			if !*in.ScanIndexForward {
				slices.Reverse(want)
			}
			b.did("query %q %s", from.index, condition)
			b.sameItems(from.sort, b.pages(in), want, *in.ScanIndexForward)
		}
	}
}

// pages queries page by page.
func (b *sides) pages(in *awsdynamodb.QueryInput) []item {
	var items []item
	for {
		out, err := b.service.Query(context.Background(), in)
		if err != nil {
			b.t.Error(err)
			return nil
		}
		if in.Limit != nil && (out.ScannedCount > *in.Limit || out.LastEvaluatedKey != nil && out.ScannedCount != *in.Limit) {
			b.t.Errorf("%d items of at most %d", out.ScannedCount, *in.Limit)
		}
		items = append(items, out.Items...)
		if out.LastEvaluatedKey == nil {
			return items
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// sameItems compares items in order. Items of the same sort key may be in any
// order among themselves.
func (b *sides) sameItems(sort string, got, want []item, forward bool) {
	order := func(items []item) []string {
		var out []string
		for _, i := range items {
			out = append(out, text(i[sort]))
		}
		return out
	}
	if !slices.Equal(order(got), order(want)) {
		b.t.Errorf("order %v, want %v (forward: %t)", order(got), order(want), forward)
	}
	b.sameSet(got, want)
}

func (b *sides) sameSet(got, want []item) {
	lines := func(items []item) []string {
		var out []string
		for _, i := range items {
			line := ""
			for _, name := range slices.Sorted(maps.Keys(i)) {
				line += name + "=" + text(i[name]) + " "
			}
			out = append(out, line)
		}
		slices.Sort(out)
		return out
	}
	if g, w := lines(got), lines(want); !slices.Equal(g, w) {
		b.t.Errorf("items\n%q, want\n%q", g, w)
	}
}

func text(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	default:
		return fmt.Sprint(v)
	}
}

// scan scans the table in segments, with a filter.
func (b *sides) scan() {
	segments := 1 + b.random.IntN(4)
	var got []item
	for segment := range segments {
		in := &awsdynamodb.ScanInput{
			TableName: aws.String("model"), Segment: aws.Int32(int32(segment)), TotalSegments: aws.Int32(int32(segments)), Limit: aws.Int32(int32(1 + b.random.IntN(20))),
			FilterExpression: aws.String("hits < :n OR attribute_not_exists(owned)"), ExpressionAttributeValues: item{":n": n("50")},
		}
		for {
			out, err := b.service.Scan(context.Background(), in)
			if err != nil {
				b.t.Error(err)
				return
			}
			got = append(got, out.Items...)
			if out.LastEvaluatedKey == nil {
				break
			}
			in.ExclusiveStartKey = out.LastEvaluatedKey
		}
	}
	b.did("scan in %d segments", segments)
	b.sameSet(got, b.model.find(func(r record) int { return r.at }, func(r record) bool { return r.count < 50 || r.owner == "" }))
}
