package dynamodb

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/magewright/magewright/tools/localaws/dynamodb/expression"
	"github.com/magewright/magewright/tools/localaws/dynamodb/value"
)

// maxItem is the size limit of an item in bytes, its attributes' names included.
const maxItem = 400 << 10

// An expressionOf is a parameter of a request that takes an expression.
type expressionOf struct {
	use  expression.Use
	text *string
}

// substitutions returns what stands for the placeholders in a request's
// expressions. They are refused where there is no expression.
func substitutions(names map[string]string, values map[string]types.AttributeValue, expressions ...expressionOf) (*expression.Substitutions, error) {
	given := slices.ContainsFunc(expressions, func(e expressionOf) bool { return e.text != nil })
	if !given && names != nil {
		return nil, validation("ExpressionAttributeNames can only be specified when using expressions")
	}
	if !given && values != nil {
		var uses []string
		for _, e := range expressions {
			uses = append(uses, string(e.use))
		}
		verb := "is"
		if len(uses) > 1 {
			verb = "are"
		}
		return nil, validation("ExpressionAttributeValues can only be specified when using expressions: %s %s null", strings.Join(uses, " and "), verb)
	}
	var parsed map[string]value.Value
	if values != nil {
		parsed = make(map[string]value.Value, len(values))
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v, err := value.FromAWS(values[name])
		if err != nil {
			return nil, validation("ExpressionAttributeValues contains invalid value: %s for key %s", err, name)
		}
		parsed[name] = v
	}
	s, err := expression.NewSubstitutions(names, parsed)
	if err != nil {
		return nil, invalid(err)
	}
	return s, nil
}

// A writeKind is what a write does.
type writeKind int

const (
	putting writeKind = iota
	updating
	deleting
	checking
)

// A writeRequest has what the requests that write an item, alone or in a
// transaction, have in common.
type writeRequest struct {
	kind              writeKind
	table             *string
	item              map[string]types.AttributeValue // to put
	key               map[string]types.AttributeValue // of the others
	condition, update *string
	names             map[string]string
	values            map[string]types.AttributeValue
	onFailure         types.ReturnValuesOnConditionCheckFailure
}

// A write is a write of an item that is to be carried out.
type write struct {
	kind      writeKind
	table     *table
	bytes     string     // of the key
	key       value.Item // the key's attributes
	item      value.Item // to put
	condition *expression.Test
	change    *expression.Change
	onFailure types.ReturnValuesOnConditionCheckFailure

	// What attempt has found.
	old, new value.Item
}

// parse checks a request to write an item.
func (s *Service) parse(r writeRequest) (*write, error) {
	w, err := s.parseExpressions(r)
	if err != nil {
		return nil, err
	}
	return w, s.locate(w, r)
}

// parseExpressions checks those parts of a request that don't depend on the table.
func (s *Service) parseExpressions(r writeRequest) (*write, error) {
	w := &write{kind: r.kind, onFailure: r.onFailure}
	if err := oneOf("returnValuesOnConditionCheckFailure", r.onFailure); err != nil {
		return nil, err
	}
	expressions := []expressionOf{{expression.Condition, r.condition}}
	if r.kind == updating {
		expressions = []expressionOf{{expression.Update, r.update}, {expression.Condition, r.condition}}
	}
	subst, err := substitutions(r.names, r.values, expressions...)
	if err != nil {
		return nil, err
	}
	if r.update != nil {
		if w.change, err = expression.ParseUpdate(*r.update, subst); err != nil {
			return nil, invalid(err)
		}
	}
	if r.condition != nil {
		if w.condition, err = expression.ParseTest(expression.Condition, *r.condition, subst); err != nil {
			return nil, invalid(err)
		}
	}
	if err := subst.Unused(); err != nil {
		return nil, invalid(err)
	}
	if r.kind == putting {
		if w.item, err = value.ItemFromAWS(r.item); err != nil {
			return nil, invalid(err)
		}
		if w.item.Size() > maxItem {
			return nil, validation("Item size has exceeded the maximum allowed size")
		}
	}
	return w, nil
}

// locate finds the table and the key of a write.
func (s *Service) locate(w *write, r writeRequest) (err error) {
	if w.table, err = s.serving(r.table); err != nil {
		return err
	}
	schema := w.table.schema
	if w.kind == putting {
		if err := schema.checkItem(w.item); err != nil {
			return err
		}
		w.key = w.item
	} else if w.key, err = schema.parseKey(r.key); err != nil {
		return err
	}
	if w.change != nil {
		for _, name := range w.change.Attributes() {
			if schema.has(name) {
				return validation("One or more parameter values were invalid: Cannot update attribute %s. This attribute is part of the key", name)
			}
		}
	}
	w.bytes = string(schema.bytes(w.key))
	return nil
}

// attempt finds out what a write would do. It returns a
// ConditionalCheckFailedException if the item does not meet the condition. The
// table is locked.
func (w *write) attempt() error {
	w.old = w.table.get(w.bytes)
	if !w.condition.Matches(w.old) {
		failed := &types.ConditionalCheckFailedException{Message: aws.String("The conditional request failed")}
		if w.onFailure == types.ReturnValuesOnConditionCheckFailureAllOld {
			failed.Item = w.old.ToAWS()
		}
		return failed
	}
	switch w.kind {
	case checking:
		w.new = w.old
		return nil
	case deleting:
		return nil
	case updating:
		base := w.old
		if base == nil {
			base = w.key
		}
		w.new = base
		if w.change != nil {
			var err error
			if w.new, err = w.change.Apply(base); err != nil {
				return invalid(err)
			}
		}
		if w.new.Size() > maxItem {
			return validation("Item size to update has exceeded the maximum allowed size")
		}
	default:
		w.new = w.item
	}
	for _, ix := range w.table.indexes {
		if err := ix.checkItem(w.new); err != nil {
			return err
		}
	}
	return w.table.checkCollection(w.old, w.new)
}

// cost returns the capacity that a write takes. A condition that fails takes what
// reading the item for it takes of the capacity to write.
func (w *write) cost(failed bool) consumption {
	if failed || w.kind == checking {
		return consumption{table: w.table, own: writeUnits(w.old.Size()), write: true}
	}
	return w.table.cost(w.old, w.new)
}

// commit stores what attempt has found. The table is locked.
func (w *write) commit(now time.Time) {
	if w.kind != checking && (w.old != nil || w.new != nil) {
		w.table.store(w.bytes, w.old, w.new, "", now)
	}
}

// run carries out a write that is not part of a transaction.
func (w *write) run(s *Service) (consumption, error) {
	t := w.table
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweep(s.now())
	if t.busy[w.bytes] {
		return consumption{table: t, write: true}, &types.TransactionConflictException{Message: aws.String(conflict)}
	}
	err := w.attempt()
	failed := false
	if err != nil {
		if _, failed = errors.AsType[*types.ConditionalCheckFailedException](err); !failed {
			return consumption{table: t, write: true}, err
		}
	}
	cost := w.cost(failed)
	if refusal := cost.pay(s.now()); refusal != nil {
		return cost, refusal
	}
	if err == nil {
		w.commit(s.now())
	}
	return cost, err
}

// answer says what a write is to return.
type answer struct {
	values   types.ReturnValue
	capacity types.ReturnConsumedCapacity
	metrics  types.ReturnItemCollectionMetrics
}

// legacyConditions are the parameters that a condition expression has replaced.
func legacyConditions(expected map[string]types.ExpectedAttributeValue, operator types.ConditionalOperator) []legacyParameter {
	return []legacyParameter{
		{"Expected", len(expected) > 0, "ConditionExpression"},
		{"ConditionalOperator", operator != "", "ConditionExpression"},
	}
}

// write carries out an operation that writes one item, and records its metrics.
func (s *Service) write(operation string, r writeRequest, a answer, replaced []legacyParameter) (w *write, cost consumption, err error) {
	o := outcome{operation: operation, began: s.now()}
	defer func() { s.observe(o, err) }()
	if err := legacy(replaced...); err != nil {
		return nil, cost, err
	}
	if err := a.check(r.kind == updating); err != nil {
		return nil, cost, err
	}
	if w, err = s.parse(r); err != nil {
		return nil, cost, err
	}
	cost, err = w.run(s)
	o.costs = []consumption{cost}
	return w, cost, err
}

// PutItem stores an item in place of the one with its key, if there is one.
func (s *Service) PutItem(_ context.Context, in *awsdynamodb.PutItemInput) (*awsdynamodb.PutItemOutput, error) {
	w, cost, err := s.write("PutItem", writeRequest{
		kind: putting, table: in.TableName, item: in.Item, condition: in.ConditionExpression,
		names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues, onFailure: in.ReturnValuesOnConditionCheckFailure,
	}, answer{in.ReturnValues, in.ReturnConsumedCapacity, in.ReturnItemCollectionMetrics}, legacyConditions(in.Expected, in.ConditionalOperator))
	if err != nil {
		return nil, err
	}
	return &awsdynamodb.PutItemOutput{
		Attributes: w.attributes(in.ReturnValues).ToAWS(), ConsumedCapacity: cost.show(in.ReturnConsumedCapacity),
		ItemCollectionMetrics: w.collection(in.ReturnItemCollectionMetrics),
	}, nil
}

// DeleteItem deletes an item, if it exists.
func (s *Service) DeleteItem(_ context.Context, in *awsdynamodb.DeleteItemInput) (*awsdynamodb.DeleteItemOutput, error) {
	w, cost, err := s.write("DeleteItem", writeRequest{
		kind: deleting, table: in.TableName, key: in.Key, condition: in.ConditionExpression,
		names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues, onFailure: in.ReturnValuesOnConditionCheckFailure,
	}, answer{in.ReturnValues, in.ReturnConsumedCapacity, in.ReturnItemCollectionMetrics}, legacyConditions(in.Expected, in.ConditionalOperator))
	if err != nil {
		return nil, err
	}
	return &awsdynamodb.DeleteItemOutput{
		Attributes: w.attributes(in.ReturnValues).ToAWS(), ConsumedCapacity: cost.show(in.ReturnConsumedCapacity),
		ItemCollectionMetrics: w.collection(in.ReturnItemCollectionMetrics),
	}, nil
}

// UpdateItem changes attributes of an item. It creates the item if it does not exist.
func (s *Service) UpdateItem(_ context.Context, in *awsdynamodb.UpdateItemInput) (*awsdynamodb.UpdateItemOutput, error) {
	w, cost, err := s.write("UpdateItem", writeRequest{
		kind: updating, table: in.TableName, key: in.Key, condition: in.ConditionExpression, update: in.UpdateExpression,
		names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues, onFailure: in.ReturnValuesOnConditionCheckFailure,
	}, answer{in.ReturnValues, in.ReturnConsumedCapacity, in.ReturnItemCollectionMetrics}, append(
		[]legacyParameter{{"AttributeUpdates", len(in.AttributeUpdates) > 0, "UpdateExpression"}}, legacyConditions(in.Expected, in.ConditionalOperator)...,
	))
	if err != nil {
		return nil, err
	}
	return &awsdynamodb.UpdateItemOutput{
		Attributes: w.attributes(in.ReturnValues).ToAWS(), ConsumedCapacity: cost.show(in.ReturnConsumedCapacity),
		ItemCollectionMetrics: w.collection(in.ReturnItemCollectionMetrics),
	}, nil
}

// attributes returns what a write answers with.
func (w *write) attributes(asked types.ReturnValue) value.Item {
	var item value.Item
	switch asked {
	case types.ReturnValueAllOld:
		return w.old
	case types.ReturnValueAllNew:
		return w.new
	case types.ReturnValueUpdatedOld:
		item = w.old
	case types.ReturnValueUpdatedNew:
		item = w.new
	}
	if w.change == nil || item == nil {
		return nil
	}
	if item = w.change.Touched().Of(item); len(item) == 0 {
		return nil
	}
	return item
}

// check refuses what a write can't return.
func (a answer) check(update bool) error {
	if err := oneOf("returnValues", a.values); err != nil {
		return err
	}
	if err := oneOf("returnConsumedCapacity", a.capacity); err != nil {
		return err
	}
	if err := oneOf("returnItemCollectionMetrics", a.metrics); err != nil {
		return err
	}
	if !update && a.values != "" && a.values != types.ReturnValueNone && a.values != types.ReturnValueAllOld {
		return validation("Return values set to invalid value")
	}
	return nil
}

// collection returns the size of the items with a write's partition key, in a
// table that has local indexes.
func (w *write) collection(asked types.ReturnItemCollectionMetrics) *types.ItemCollectionMetrics {
	if asked != types.ReturnItemCollectionMetricsSize {
		return nil
	}
	t := w.table
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.collections == nil {
		return nil
	}
	partition := t.schema.partition.name
	const gigabyte = 1 << 30
	lower := float64(t.collections[t.partition(w.key)] / gigabyte)
	return &types.ItemCollectionMetrics{
		ItemCollectionKey:   value.Item{partition: w.key[partition]}.ToAWS(),
		SizeEstimateRangeGB: []float64{lower, lower + 1},
	}
}

// GetItem returns the item with a key, if it exists.
func (s *Service) GetItem(_ context.Context, in *awsdynamodb.GetItemInput) (out *awsdynamodb.GetItemOutput, err error) {
	o := outcome{operation: "GetItem", began: s.now()}
	defer func() { s.observe(o, err) }()
	if err := legacy(legacyParameter{"AttributesToGet", len(in.AttributesToGet) > 0, "ProjectionExpression"}); err != nil {
		return nil, err
	}
	if err := oneOf("returnConsumedCapacity", in.ReturnConsumedCapacity); err != nil {
		return nil, err
	}
	r, err := s.parseRead(in.TableName, in.Key, in.ProjectionExpression, in.ExpressionAttributeNames)
	if err != nil {
		return nil, err
	}
	item, cost, err := r.run(aws.ToBool(in.ConsistentRead), s.now())
	o.costs = []consumption{cost}
	if err != nil {
		return nil, err
	}
	return &awsdynamodb.GetItemOutput{Item: r.view(item), ConsumedCapacity: cost.show(in.ReturnConsumedCapacity)}, nil
}

// A read is a read of one item, alone, in a batch or in a transaction.
type read struct {
	table     *table
	bytes     string // of the key
	selection *expression.Selection
}

// run reads the item, or nil if it does not exist, and takes that of the table's
// capacity.
func (r *read) run(consistent bool, now time.Time) (value.Item, consumption, error) {
	t := r.table
	t.mu.RLock()
	defer t.mu.RUnlock()
	item := t.get(r.bytes)
	cost := consumption{table: t, own: readUnits(item.Size(), consistent)}
	return item, cost, cost.pay(now)
}

// view returns what a read answers with. It is nil if there is no item.
func (r *read) view(item value.Item) map[string]types.AttributeValue {
	if item == nil {
		return nil
	}
	return r.selection.Of(item).ToAWS()
}

func (s *Service) parseRead(table *string, key map[string]types.AttributeValue, projection *string, names map[string]string) (*read, error) {
	r := &read{}
	var err error
	if r.selection, err = parseProjection(projection, names); err != nil {
		return nil, err
	}
	if r.table, err = s.serving(table); err != nil {
		return nil, err
	}
	parsed, err := r.table.schema.parseKey(key)
	if err != nil {
		return nil, err
	}
	r.bytes = string(r.table.schema.bytes(parsed))
	return r, nil
}

// parseProjection reads the projection of a request that has no other
// expression. It returns nil if there is none.
func parseProjection(text *string, names map[string]string) (*expression.Selection, error) {
	subst, err := substitutions(names, nil, expressionOf{expression.Projection, text})
	if err != nil || text == nil {
		return nil, err
	}
	selection, err := expression.ParseProjection(*text, subst)
	if err == nil {
		err = subst.Unused()
	}
	if err != nil {
		return nil, invalid(err)
	}
	return selection, nil
}
