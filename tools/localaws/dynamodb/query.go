package dynamodb

import (
	"context"
	"encoding/binary"
	"math"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/magewright/magewright/tools/localaws/dynamodb/expression"
	"github.com/magewright/magewright/tools/localaws/dynamodb/ordered"
	"github.com/magewright/magewright/tools/localaws/dynamodb/value"
)

// maxPage is how many bytes of items a page of a query or scan may have, before
// the filter.
const maxPage = 1 << 20

// maxSegments is how many parts a scan may have.
const maxSegments = 1000000

// A search is a query or a scan of a table or index.
type search struct {
	table      *table
	index      *index // nil for the table itself
	consistent bool
	backwards  bool
	limit      int // of items before the filter; 0 for no limit
	filter     *expression.Test
	selection  *expression.Selection // nil for all attributes
	counting   bool
	// fetching says that a local index does not have what is asked for, so that
	// the items are read from the table.
	fetching bool

	// The keys from low, inclusive, to high, exclusive, are searched. An empty
	// high is no limit.
	low, high string
}

// A page is the result of a search.
type page struct {
	items   []map[string]types.AttributeValue
	count   int32
	scanned int32
	last    value.Item // the key to go on from; nil at the end
	cost    consumption
}

// entries returns what is searched.
func (q *search) entries() *ordered.Map[string] {
	if q.index == nil {
		return &q.table.items
	}
	return &q.index.entries
}

// schema returns the key by which is searched.
func (q *search) schema() schema {
	if q.index == nil {
		return q.table.schema
	}
	return q.index.schema
}

// run reads a page. The table is locked for reading.
func (q *search) run() page {
	p := page{cost: consumption{table: q.table}, items: []map[string]types.AttributeValue{}}
	size, fetched := 0, 0.0
	var before value.Item
	visit := func(_, encoded string) bool {
		item := value.Decode(encoded)
		view := item
		if q.index != nil {
			view = q.index.view(item)
		}
		read := view.Size()
		if size+read > maxPage && p.scanned > 0 {
			p.last = q.position(before)
			return false
		}
		size += read
		p.scanned++
		if q.fetching {
			view = item
			fetched += readUnits(item.Size(), q.consistent)
		}
		if q.filter.Matches(view) {
			p.count++
			if !q.counting {
				p.items = append(p.items, q.selection.Of(view).ToAWS())
			}
		}
		before = item
		if q.limit > 0 && int(p.scanned) == q.limit {
			p.last = q.position(item)
			return false
		}
		return true
	}
	if q.backwards {
		q.descend(visit)
	} else {
		q.entries().Ascend(q.low, func(key, encoded string) bool {
			return (q.high == "" || key < q.high) && visit(key, encoded)
		})
	}
	units := readUnits(size, q.consistent)
	if q.index == nil {
		p.cost.own = units
		return p
	}
	p.cost.add(q.index, units)
	// Each item that is fetched is a read of the table.
	p.cost.own = fetched
	return p
}

// descend visits the keys in the opposite order.
func (q *search) descend(visit func(key, encoded string) bool) {
	within := func(key, encoded string) bool { return key >= q.low && visit(key, encoded) }
	if q.high == "" {
		q.entries().DescendLast(within)
		return
	}
	q.entries().Descend(q.high, within)
}

// position returns the key that a client goes on from: that of the table and,
// where an index is searched, that of the index.
func (q *search) position(item value.Item) value.Item {
	key := q.table.schema.of(item)
	if q.index != nil {
		for name, v := range q.index.schema.of(item) {
			key[name] = v
		}
	}
	return key
}

// searchRequest is what queries and scans have in common.
type searchRequest struct {
	table, index      *string
	consistent        *bool
	limit             *int32
	selecting         types.Select
	filter            *string
	projection        *string
	names             map[string]string
	values            map[string]types.AttributeValue
	capacity          types.ReturnConsumedCapacity
	start             map[string]types.AttributeValue
	keyCondition      *string // of a query only
	query, descending bool
}

// search checks a request and calls run with the table locked for reading.
func (s *Service) search(r searchRequest, arrange func(q *search, tests []expression.KeyTest) error) (*page, error) {
	if err := oneOf("select", r.selecting); err != nil {
		return nil, err
	}
	if err := oneOf("returnConsumedCapacity", r.capacity); err != nil {
		return nil, err
	}
	if r.limit != nil && *r.limit < 1 {
		return nil, validation("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1", *r.limit)
	}
	q := &search{consistent: aws.ToBool(r.consistent), limit: int(aws.ToInt32(r.limit)), counting: r.selecting == types.SelectCount, backwards: r.descending}
	tests, err := q.parse(r)
	if err != nil {
		return nil, err
	}
	if q.table, err = s.serving(r.table); err != nil {
		return nil, err
	}
	q.table.mu.RLock()
	defer q.table.mu.RUnlock()
	now := s.now()
	if r.index != nil {
		q.index = q.table.index(*r.index)
		if q.index == nil || q.index.global && (q.index.gone(now) || q.index.statusAt(now) == types.IndexStatusDeleting) {
			return nil, validation("The table does not have the specified index: %s", *r.index)
		}
		if q.index.global && q.index.statusAt(now) == types.IndexStatusCreating {
			return nil, validation("Cannot read from backfilling global secondary index: %s", *r.index)
		}
		if q.index.global && q.consistent {
			return nil, validation("Consistent reads are not supported on global secondary indexes")
		}
	}
	if err := q.choose(r); err != nil {
		return nil, err
	}
	if err := arrange(q, tests); err != nil {
		return nil, err
	}
	if err := q.goOn(r.start); err != nil {
		return nil, err
	}
	p := q.run()
	return &p, p.cost.pay(now)
}

// parse reads the expressions of a request.
func (q *search) parse(r searchRequest) ([]expression.KeyTest, error) {
	expressions := []expressionOf{{expression.Filter, r.filter}}
	if r.query {
		expressions = append(expressions, expressionOf{expression.KeyCondition, r.keyCondition})
	}
	given := expressions
	if r.projection != nil && r.values == nil {
		given = append(slices.Clone(given), expressionOf{expression.Projection, r.projection})
	}
	subst, err := substitutions(r.names, r.values, given...)
	if err != nil {
		return nil, err
	}
	var tests []expression.KeyTest
	if r.keyCondition != nil {
		if tests, err = expression.ParseKeyCondition(*r.keyCondition, subst); err != nil {
			return nil, invalid(err)
		}
	}
	if r.filter != nil {
		if q.filter, err = expression.ParseTest(expression.Filter, *r.filter, subst); err != nil {
			return nil, invalid(err)
		}
	}
	if r.projection != nil {
		if q.selection, err = expression.ParseProjection(*r.projection, subst); err != nil {
			return nil, invalid(err)
		}
	}
	if err := subst.Unused(); err != nil {
		return nil, invalid(err)
	}
	return tests, nil
}

// choose checks which attributes are asked for.
func (q *search) choose(r searchRequest) error {
	partial := q.index != nil && q.index.projected != nil
	switch r.selecting {
	case "":
		if q.selection == nil {
			return nil
		}
	case types.SelectSpecificAttributes:
		if q.selection == nil {
			return validation("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
		}
	case types.SelectAllProjectedAttributes:
		if q.index == nil {
			return validation("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
		}
	case types.SelectAllAttributes:
		if partial && q.index.global {
			return validation("One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global secondary index %s because its projection type is not ALL", q.index.name)
		}
		q.fetching = partial
	}
	if q.selection == nil {
		return nil
	}
	if r.selecting != "" && r.selecting != types.SelectSpecificAttributes {
		what := map[types.Select]string{
			types.SelectAllAttributes: "ALL_ATTRIBUTES", types.SelectAllProjectedAttributes: "ALL_PROJECTED_ATTRIBUTES", types.SelectCount: "only the Count",
		}[r.selecting]
		return validation("Cannot specify the ProjectionExpression when choosing to get %s", what)
	}
	if !partial {
		return nil
	}
	for _, name := range q.selection.Attributes() {
		if slices.Contains(q.index.projected.Attributes(), name) {
			continue
		}
		if q.index.global {
			return validation("One or more parameter values were invalid: Global secondary index %s does not project [%s]", q.index.name, name)
		}
		q.fetching = true
	}
	return nil
}

// goOn begins a search behind a key, which need not exist.
func (q *search) goOn(start map[string]types.AttributeValue) error {
	if start == nil {
		return nil
	}
	key, err := value.ItemFromAWS(start)
	if err != nil {
		return invalid(err)
	}
	attributes := q.table.schema.attributes()
	if q.index != nil {
		for _, a := range q.index.schema.attributes() {
			if !slices.Contains(attributes, a) {
				attributes = append(attributes, a)
			}
		}
	}
	valid := len(key) == len(attributes)
	for _, a := range attributes {
		v, ok := key[a.name]
		valid = valid && ok && v.Kind() == a.kind && v.Text() != ""
	}
	if !valid {
		return validation("The provided starting key is invalid")
	}
	at := string(q.table.schema.bytes(key))
	if q.index != nil {
		at = q.index.key(key, at)
	}
	if at < q.low || q.high != "" && at >= q.high {
		return validation("The provided starting key is outside query boundaries based on provided conditions")
	}
	if q.backwards {
		q.high = at
	} else {
		// No key is between these two.
		q.low = at + "\x00"
	}
	return nil
}

// Query reads the items of one partition of a table or index, in the order of
// their sort keys.
func (s *Service) Query(_ context.Context, in *awsdynamodb.QueryInput) (out *awsdynamodb.QueryOutput, err error) {
	o := outcome{operation: "Query", began: s.now()}
	defer func() { s.observe(o, err) }()
	if err := legacy(
		legacyParameter{"KeyConditions", len(in.KeyConditions) > 0, "KeyConditionExpression"},
		legacyParameter{"QueryFilter", len(in.QueryFilter) > 0, "FilterExpression"},
		legacyParameter{"AttributesToGet", len(in.AttributesToGet) > 0, "ProjectionExpression"},
		legacyParameter{"ConditionalOperator", in.ConditionalOperator != "", "FilterExpression"},
	); err != nil {
		return nil, err
	}
	if in.KeyConditionExpression == nil {
		return nil, validation("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	p, err := s.search(searchRequest{
		table: in.TableName, index: in.IndexName, consistent: in.ConsistentRead, limit: in.Limit, selecting: in.Select, filter: in.FilterExpression,
		projection: in.ProjectionExpression, names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues, capacity: in.ReturnConsumedCapacity,
		start: in.ExclusiveStartKey, keyCondition: in.KeyConditionExpression, query: true, descending: in.ScanIndexForward != nil && !*in.ScanIndexForward,
	}, (*search).within)
	if p != nil {
		o.costs, o.returned = []consumption{p.cost}, &p.count
	}
	if err != nil {
		return nil, err
	}
	return &awsdynamodb.QueryOutput{
		Items: p.shown(in.Select), Count: p.count, ScannedCount: p.scanned, LastEvaluatedKey: p.last.ToAWS(), ConsumedCapacity: p.cost.show(in.ReturnConsumedCapacity),
	}, nil
}

// shown returns the items of a page. There are none where only their number is
// asked for.
func (p *page) shown(selecting types.Select) []map[string]types.AttributeValue {
	if selecting == types.SelectCount {
		return nil
	}
	return p.items
}

// within restricts a search to the keys that meet the tests.
func (q *search) within(tests []expression.KeyTest) error {
	schema := q.schema()
	partition, sort := schema.partition, schema.sort
	if q.filter != nil {
		for _, name := range q.filter.Attributes() {
			if schema.has(name) {
				return validation("Filter Expression can only contain non-primary key attributes: Primary key attribute: %s", name)
			}
		}
	}
	var onPartition, onSort *expression.KeyTest
	for i := range tests {
		switch tests[i].Attribute {
		case partition.name:
			onPartition = &tests[i]
		case sort.name:
			onSort = &tests[i]
		}
	}
	switch {
	case len(tests) > 2:
		return validation("Conditions can be of length 1 or 2 only")
	case onPartition == nil:
		return validation("Query condition missed key schema element: %s", partition.name)
	case len(tests) == 2 && onSort == nil:
		return validation("Query condition missed key schema element: %s", sort.name)
	case onPartition.Operator != "=":
		return validation("Query key condition not supported")
	}
	if err := checkTest(partition, *onPartition, false); err != nil {
		return err
	}
	prefix := partitionPrefix(onPartition.Value)
	if onSort == nil {
		q.low, q.high = string(prefix), successor(prefix)
		return nil
	}
	if err := checkTest(sort, *onSort, true); err != nil {
		return err
	}
	q.low, q.high = rangeOf(prefix, *onSort)
	return nil
}

// checkTest checks the values that a key attribute is compared with.
func checkTest(a attribute, t expression.KeyTest, sort bool) error {
	for _, v := range []value.Value{t.Value, t.High} {
		if v.Kind() == value.None {
			continue
		}
		if v.Kind() != a.kind {
			return validation("One or more parameter values were invalid: Condition parameter type does not match schema type")
		}
		if t.Operator == expression.BeginsWith && v.Text() == "" {
			continue
		}
		if err := checkKeyValue(a, v, sort); err != nil {
			return err
		}
	}
	return nil
}

// rangeOf returns the keys of a partition whose sort keys meet a test: from the
// first text, inclusive, to the second, exclusive.
func rangeOf(prefix []byte, t expression.KeyTest) (low, high string) {
	exact := func(v value.Value) []byte { return appendSort(slices.Clone(prefix), v) }
	low, high = string(prefix), successor(prefix)
	switch t.Operator {
	case "=":
		return string(exact(t.Value)), successor(exact(t.Value))
	case "<":
		high = string(exact(t.Value))
	case "<=":
		high = successor(exact(t.Value))
	case ">":
		low = successor(exact(t.Value))
	case ">=":
		low = string(exact(t.Value))
	case expression.Between:
		return string(exact(t.Value)), successor(exact(t.High))
	case expression.BeginsWith:
		begin := appendSortPrefix(slices.Clone(prefix), t.Value.Text())
		return string(begin), successor(begin)
	}
	return low, high
}

// Scan reads all items of a table or index, or of one of its segments.
func (s *Service) Scan(_ context.Context, in *awsdynamodb.ScanInput) (out *awsdynamodb.ScanOutput, err error) {
	o := outcome{operation: "Scan", began: s.now()}
	defer func() { s.observe(o, err) }()
	if err := legacy(
		legacyParameter{"ScanFilter", len(in.ScanFilter) > 0, "FilterExpression"},
		legacyParameter{"AttributesToGet", len(in.AttributesToGet) > 0, "ProjectionExpression"},
		legacyParameter{"ConditionalOperator", in.ConditionalOperator != "", "FilterExpression"},
	); err != nil {
		return nil, err
	}
	switch {
	case in.Segment != nil && in.TotalSegments == nil:
		return nil, validation("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
	case in.Segment == nil && in.TotalSegments != nil:
		return nil, validation("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")
	case in.Segment != nil && (*in.TotalSegments < 1 || *in.TotalSegments > maxSegments || *in.Segment < 0):
		return nil, validation("1 validation error detected: Value '%d' at 'totalSegments' failed to satisfy constraint: Member must have value between 1 and %d", *in.TotalSegments, maxSegments)
	case in.Segment != nil && *in.Segment >= *in.TotalSegments:
		return nil, validation("The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: %d is not less than TotalSegments: %d", *in.Segment, *in.TotalSegments)
	}
	p, err := s.search(searchRequest{
		table: in.TableName, index: in.IndexName, consistent: in.ConsistentRead, limit: in.Limit, selecting: in.Select, filter: in.FilterExpression,
		projection: in.ProjectionExpression, names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues, capacity: in.ReturnConsumedCapacity,
		start: in.ExclusiveStartKey,
	}, func(q *search, _ []expression.KeyTest) error {
		if in.Segment != nil {
			q.low, q.high = segment(uint64(*in.Segment), uint64(*in.TotalSegments)) // #nosec G115 -- neither is negative
		}
		return nil
	})
	if p != nil {
		o.costs, o.returned = []consumption{p.cost}, &p.count
	}
	if err != nil {
		return nil, err
	}
	return &awsdynamodb.ScanOutput{
		Items: p.shown(in.Select), Count: p.count, ScannedCount: p.scanned, LastEvaluatedKey: p.last.ToAWS(), ConsumedCapacity: p.cost.show(in.ReturnConsumedCapacity),
	}, nil
}

// segment returns the keys of one of the equal parts of all hashes.
func segment(number, total uint64) (low, high string) {
	width := math.MaxUint64/total + 1
	low = string(binary.BigEndian.AppendUint64(nil, number*width))
	if number+1 < total {
		high = string(binary.BigEndian.AppendUint64(nil, (number+1)*width))
	}
	return low, high
}
