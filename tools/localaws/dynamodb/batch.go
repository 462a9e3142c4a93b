package dynamodb

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Limits of batches from
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-api.
const (
	maxBatchReads  = 100
	maxBatchWrites = 25
	maxBatchAnswer = 16 << 20 // bytes of items
)

// tooShort is the refusal of a batch or transaction without members.
func tooShort(value, parameter string) error {
	return validation("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must have length greater than or equal to 1", value, parameter)
}

// A place is an item in a table.
type place struct {
	table *table
	bytes string
}

// throttled reports whether a table lacks the capacity for a request.
func throttled(err error) bool {
	_, provisioned := errors.AsType[*types.ProvisionedThroughputExceededException](err)
	_, onDemand := errors.AsType[*types.ThrottlingException](err)
	return provisioned || onDemand
}

// BatchGetItem reads up to 100 items, in up to 16 MB. It returns the keys that it
// did not get to, or that a table lacks the capacity for.
func (s *Service) BatchGetItem(_ context.Context, in *awsdynamodb.BatchGetItemInput) (out *awsdynamodb.BatchGetItemOutput, err error) {
	o := outcome{operation: "BatchGetItem", began: s.now()}
	defer func() { s.observe(o, err) }()
	if err := oneOf("returnConsumedCapacity", in.ReturnConsumedCapacity); err != nil {
		return nil, err
	}
	if len(in.RequestItems) == 0 {
		return nil, tooShort("{}", "requestItems")
	}
	total := 0
	for _, request := range in.RequestItems {
		if err := legacy(legacyParameter{"AttributesToGet", len(request.AttributesToGet) > 0, "ProjectionExpression"}); err != nil {
			return nil, err
		}
		if len(request.Keys) == 0 {
			return nil, tooShort("[]", "requestItems.member.keys")
		}
		total += len(request.Keys)
	}
	if total > maxBatchReads {
		return nil, validation("Too many items requested for the BatchGetItem call")
	}
	// All keys are checked before any item is read.
	names := slices.Sorted(maps.Keys(in.RequestItems))
	reads, seen := map[string][]*read{}, map[place]bool{}
	for _, name := range names {
		request := in.RequestItems[name]
		for _, key := range request.Keys {
			r, err := s.parseRead(&name, key, request.ProjectionExpression, request.ExpressionAttributeNames)
			if err != nil {
				return nil, err
			}
			at := place{r.table, r.bytes}
			if seen[at] {
				return nil, validation("Provided list of item keys contains duplicates")
			}
			seen[at] = true
			reads[name] = append(reads[name], r)
		}
	}
	out = &awsdynamodb.BatchGetItemOutput{Responses: map[string][]map[string]types.AttributeValue{}, UnprocessedKeys: map[string]types.KeysAndAttributes{}}
	size, done := 0, 0
	var refusal error
	for _, name := range names {
		request := in.RequestItems[name]
		cost := consumption{table: reads[name][0].table}
		out.Responses[name] = []map[string]types.AttributeValue{}
		for i, r := range reads[name] {
			item, units, err := r.run(aws.ToBool(request.ConsistentRead), s.now())
			if err == nil && size+item.Size() > maxBatchAnswer {
				err = errFull
			}
			if err != nil {
				refusal = err
				rest := out.UnprocessedKeys[name]
				rest.ConsistentRead, rest.ProjectionExpression, rest.ExpressionAttributeNames = request.ConsistentRead, request.ProjectionExpression, request.ExpressionAttributeNames
				rest.Keys = append(rest.Keys, request.Keys[i])
				out.UnprocessedKeys[name] = rest
				continue
			}
			done++
			size += item.Size()
			cost.merge(units)
			if item != nil {
				out.Responses[name] = append(out.Responses[name], r.view(item))
			}
		}
		o.costs = append(o.costs, cost)
	}
	if done == 0 {
		return nil, refusal
	}
	out.ConsumedCapacity = showAll(o.costs, in.ReturnConsumedCapacity)
	return out, nil
}

// errFull says that a batch's answer can't take another item.
var errFull = errors.New("the answer is full")

// BatchWriteItem puts and deletes up to 25 items, each by itself. It returns the
// writes that a table lacks the capacity for.
func (s *Service) BatchWriteItem(_ context.Context, in *awsdynamodb.BatchWriteItemInput) (out *awsdynamodb.BatchWriteItemOutput, err error) {
	o := outcome{operation: "BatchWriteItem", began: s.now()}
	defer func() { s.observe(o, err) }()
	if err := (answer{capacity: in.ReturnConsumedCapacity, metrics: in.ReturnItemCollectionMetrics}).check(false); err != nil {
		return nil, err
	}
	if len(in.RequestItems) == 0 {
		return nil, tooShort("{}", "requestItems")
	}
	total := 0
	for _, requests := range in.RequestItems {
		if len(requests) == 0 {
			return nil, tooShort("[]", "requestItems.member")
		}
		total += len(requests)
	}
	if total > maxBatchWrites {
		return nil, validation("Too many items requested for the BatchWriteItem call")
	}
	names := slices.Sorted(maps.Keys(in.RequestItems))
	writes, seen := map[string][]*write{}, map[place]bool{}
	for _, name := range names {
		for _, request := range in.RequestItems[name] {
			r := writeRequest{table: &name}
			switch {
			case request.PutRequest != nil && request.DeleteRequest == nil:
				r.kind, r.item = putting, request.PutRequest.Item
			case request.DeleteRequest != nil && request.PutRequest == nil:
				r.kind, r.key = deleting, request.DeleteRequest.Key
			default:
				return nil, validation("Supplied WriteRequest must contain exactly one of PutRequest and DeleteRequest")
			}
			w, err := s.parse(r)
			if err != nil {
				return nil, err
			}
			if seen[place{w.table, w.bytes}] {
				return nil, validation("Provided list of item keys contains duplicates")
			}
			seen[place{w.table, w.bytes}] = true
			writes[name] = append(writes[name], w)
		}
	}
	out = &awsdynamodb.BatchWriteItemOutput{UnprocessedItems: map[string][]types.WriteRequest{}}
	done := 0
	var refusal error
	for _, name := range names {
		cost := consumption{table: writes[name][0].table, write: true}
		for i, w := range writes[name] {
			units, err := w.run(s)
			_, conflict := errors.AsType[*types.TransactionConflictException](err)
			switch {
			case throttled(err) || conflict:
				refusal = err
				out.UnprocessedItems[name] = append(out.UnprocessedItems[name], in.RequestItems[name][i])
				continue
			case err != nil:
				return nil, err
			}
			done++
			cost.merge(units)
			if m := w.collection(in.ReturnItemCollectionMetrics); m != nil {
				if out.ItemCollectionMetrics == nil {
					out.ItemCollectionMetrics = map[string][]types.ItemCollectionMetrics{}
				}
				out.ItemCollectionMetrics[name] = append(out.ItemCollectionMetrics[name], *m)
			}
		}
		o.costs = append(o.costs, cost)
	}
	if done == 0 {
		return nil, refusal
	}
	out.ConsumedCapacity = showAll(o.costs, in.ReturnConsumedCapacity)
	return out, nil
}
