package dynamodb

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/localaws/dynamodb/value"
)

// Limits of transactions from
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html.
const (
	maxTransaction     = 100
	maxTransactionSize = 4 << 20
	// tokenLife is how long a request with a token is the same one.
	tokenLife = 10 * time.Minute
)

// The codes of the reasons for which a transaction is cancelled.
const (
	reasonNone      = "None"
	reasonCondition = "ConditionalCheckFailed"
	reasonConflict  = "TransactionConflict"
	reasonCapacity  = "ProvisionedThroughputExceeded"
	reasonThrottled = "ThrottlingError"
	reasonInvalid   = "ValidationError"
	reasonSize      = "ItemCollectionSizeLimitExceeded"
)

// conflict is the refusal of an operation on an item that a transaction writes.
const conflict = "Transaction is ongoing for the item"

// cancelled returns the error of a transaction with a reason for each of its
// operations. It returns nil if none has failed.
func cancelled(reasons []types.CancellationReason) error {
	codes := make([]string, len(reasons))
	failed := false
	for i := range reasons {
		if reasons[i].Code == nil {
			reasons[i].Code = aws.String(reasonNone)
		}
		codes[i] = *reasons[i].Code
		failed = failed || codes[i] != reasonNone
	}
	if !failed {
		return nil
	}
	return &types.TransactionCanceledException{
		Message:             aws.String("Transaction cancelled, please refer cancellation reasons for specific reasons [" + strings.Join(codes, ", ") + "]"),
		CancellationReasons: reasons,
	}
}

// reasonOf returns the reason that an operation's error is. It reports false for
// an error that cancels nothing, but refuses the request.
func reasonOf(err error) (types.CancellationReason, bool) {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return types.CancellationReason{}, false
	}
	reason := types.CancellationReason{Message: aws.String(api.ErrorMessage())}
	switch e := api.(type) {
	case *types.ConditionalCheckFailedException:
		reason.Code, reason.Item = aws.String(reasonCondition), e.Item
	case *types.ProvisionedThroughputExceededException:
		reason.Code = aws.String(reasonCapacity)
	case *types.ItemCollectionSizeLimitExceededException:
		reason.Code = aws.String(reasonSize)
	case *types.ThrottlingException:
		reason.Code = aws.String(reasonThrottled)
	default:
		if api.ErrorCode() != "ValidationException" {
			return reason, false
		}
		reason.Code = aws.String(reasonInvalid)
	}
	return reason, true
}

// tablesOf returns the tables of some places, each once, in the order in which
// they must be locked.
func tablesOf(places []place) []*table {
	var tables []*table
	for _, p := range places {
		tables = append(tables, p.table)
	}
	slices.SortFunc(tables, func(a, b *table) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.id, b.id)) })
	return slices.Compact(tables)
}

// lock locks tables for writing, and returns a function that unlocks them.
func lock(tables []*table) (unlock func()) {
	for _, t := range tables {
		t.mu.Lock()
	}
	return func() {
		for _, t := range tables {
			t.mu.Unlock()
		}
	}
}

// begin marks the items of a transaction as being written. It fails if another
// transaction writes one of them.
func begin(places []place) error {
	defer lock(tablesOf(places))()
	reasons := make([]types.CancellationReason, len(places))
	for i, p := range places {
		if p.table.busy[p.bytes] {
			reasons[i] = types.CancellationReason{Code: aws.String(reasonConflict), Message: aws.String(conflict)}
		}
	}
	if err := cancelled(reasons); err != nil {
		return err
	}
	for _, p := range places {
		if p.table.busy == nil {
			p.table.busy = map[string]bool{}
		}
		p.table.busy[p.bytes] = true
	}
	return nil
}

// TransactWriteItems writes up to 100 items, all or none of them. While it does,
// other requests that write one of them fail, as do transactions that read one.
func (s *Service) TransactWriteItems(_ context.Context, in *awsdynamodb.TransactWriteItemsInput) (out *awsdynamodb.TransactWriteItemsOutput, err error) {
	o := outcome{operation: "TransactWriteItems", began: s.now()}
	defer func() { s.observe(o, err) }()
	if err := (answer{capacity: in.ReturnConsumedCapacity, metrics: in.ReturnItemCollectionMetrics}).check(false); err != nil {
		return nil, err
	}
	if err := checkCount(len(in.TransactItems)); err != nil {
		return nil, err
	}
	if n := len(aws.ToString(in.ClientRequestToken)); n > 36 {
		return nil, validation("1 validation error detected: Value '%s' at 'clientRequestToken' failed to satisfy constraint: Member must have length less than or equal to 36", *in.ClientRequestToken)
	}
	requests := make([]writeRequest, len(in.TransactItems))
	for i, item := range in.TransactItems {
		var err error
		if requests[i], err = requestOf(item); err != nil {
			return nil, err
		}
	}
	run := func() (*awsdynamodb.TransactWriteItemsOutput, error) { return s.transact(requests, in, &o) }
	if in.ClientRequestToken == nil || *in.ClientRequestToken == "" {
		return run()
	}
	print, err := fingerprint(requests)
	if err != nil {
		return nil, err
	}
	return s.once(*in.ClientRequestToken, print, run)
}

func checkCount(n int) error {
	if n == 0 {
		return tooShort("[]", "transactItems")
	}
	if n > maxTransaction {
		return validation("1 validation error detected: Value '[%d members]' at 'transactItems' failed to satisfy constraint: Member must have length less than or equal to %d", n, maxTransaction)
	}
	return nil
}

// requestOf returns the write that a member of a transaction asks for.
func requestOf(item types.TransactWriteItem) (writeRequest, error) {
	var found []writeRequest
	if c := item.ConditionCheck; c != nil {
		if c.ConditionExpression == nil {
			return writeRequest{}, validation("1 validation error detected: Value null at 'transactItems.member.conditionCheck.conditionExpression' failed to satisfy constraint: Member must not be null")
		}
		found = append(found, writeRequest{checking, c.TableName, nil, c.Key, c.ConditionExpression, nil, c.ExpressionAttributeNames, c.ExpressionAttributeValues, c.ReturnValuesOnConditionCheckFailure})
	}
	if p := item.Put; p != nil {
		found = append(found, writeRequest{putting, p.TableName, p.Item, nil, p.ConditionExpression, nil, p.ExpressionAttributeNames, p.ExpressionAttributeValues, p.ReturnValuesOnConditionCheckFailure})
	}
	if u := item.Update; u != nil {
		if u.UpdateExpression == nil {
			return writeRequest{}, validation("1 validation error detected: Value null at 'transactItems.member.update.updateExpression' failed to satisfy constraint: Member must not be null")
		}
		found = append(found, writeRequest{updating, u.TableName, nil, u.Key, u.ConditionExpression, u.UpdateExpression, u.ExpressionAttributeNames, u.ExpressionAttributeValues, u.ReturnValuesOnConditionCheckFailure})
	}
	if d := item.Delete; d != nil {
		found = append(found, writeRequest{deleting, d.TableName, nil, d.Key, d.ConditionExpression, nil, d.ExpressionAttributeNames, d.ExpressionAttributeValues, d.ReturnValuesOnConditionCheckFailure})
	}
	if len(found) != 1 {
		return writeRequest{}, validation("TransactItems can only contain one of Check, Put, Update or Delete")
	}
	return found[0], nil
}

// transact carries out a transaction.
func (s *Service) transact(requests []writeRequest, in *awsdynamodb.TransactWriteItemsInput, o *outcome) (*awsdynamodb.TransactWriteItemsOutput, error) {
	writes := make([]*write, len(requests))
	reasons := make([]types.CancellationReason, len(requests))
	seen := map[place]bool{}
	size := 0
	for i, r := range requests {
		w, err := s.parseExpressions(r)
		if err != nil {
			return nil, err
		}
		if err := s.locate(w, r); err != nil {
			reason, ok := reasonOf(err)
			if !ok {
				return nil, err
			}
			reasons[i] = reason
			continue
		}
		at := place{w.table, w.bytes}
		if seen[at] {
			return nil, validation("Transaction request cannot include multiple operations on one item")
		}
		seen[at] = true
		writes[i] = w
		size += w.item.Size()
	}
	if size > maxTransactionSize {
		return nil, validation("Collection size of items in the transaction exceeds the limit of 4 MB")
	}
	if err := cancelled(reasons); err != nil {
		return nil, err
	}
	places := make([]place, len(writes))
	for i, w := range writes {
		places[i] = place{w.table, w.bytes}
	}
	if err := begin(places); err != nil {
		return nil, err
	}
	costs, err := s.commit(writes, places)
	o.costs = costs
	if err != nil {
		return nil, err
	}
	out := &awsdynamodb.TransactWriteItemsOutput{ConsumedCapacity: showAll(costs, in.ReturnConsumedCapacity)}
	for _, w := range writes {
		if m := w.collection(in.ReturnItemCollectionMetrics); m != nil {
			if out.ItemCollectionMetrics == nil {
				out.ItemCollectionMetrics = map[string][]types.ItemCollectionMetrics{}
			}
			out.ItemCollectionMetrics[w.table.name] = append(out.ItemCollectionMetrics[w.table.name], *m)
		}
	}
	return out, nil
}

// payAll takes what a transaction consumes. If a table lacks the capacity, this is
// the reason for each operation on the table that has no other. The tables are
// locked.
func payAll(costs []consumption, places []place, reasons []types.CancellationReason, now time.Time) {
	for i := range costs {
		err := costs[i].pay(now)
		if err == nil {
			continue
		}
		reason, _ := reasonOf(err)
		for j, p := range places {
			if p.table == costs[i].table && reasons[j].Code == nil {
				reasons[j] = reason
			}
		}
	}
}

// commit writes the items that begin has marked, all or none, and returns what
// it took of each table's capacity.
func (s *Service) commit(writes []*write, places []place) ([]consumption, error) {
	tables := tablesOf(places)
	defer lock(tables)()
	defer func() {
		for _, p := range places {
			delete(p.table.busy, p.bytes)
		}
	}()
	now := s.now()
	reasons := make([]types.CancellationReason, len(writes))
	costs := make([]consumption, len(tables))
	for i, t := range tables {
		t.sweep(now)
		costs[i] = consumption{table: t, write: true}
	}
	for i, w := range writes {
		if err := w.attempt(); err != nil {
			reason, ok := reasonOf(err)
			if !ok {
				return nil, err
			}
			reasons[i] = reason
		}
		cost := w.cost(reasons[i].Code != nil)
		cost.double()
		at := slices.Index(tables, w.table)
		costs[at].merge(cost)
		costs[at].transaction = true
	}
	payAll(costs, places, reasons, now)
	if err := cancelled(reasons); err != nil {
		return nil, err
	}
	for _, w := range writes {
		w.commit(now)
	}
	return costs, nil
}

// fingerprint returns a digest of what a transaction asks for.
func fingerprint(requests []writeRequest) (string, error) {
	h := sha256.New()
	for _, r := range requests {
		for _, in := range []map[string]types.AttributeValue{r.item, r.key, r.values} {
			item, err := value.ItemFromAWS(in)
			if err != nil {
				return "", invalid(err)
			}
			// Writing to a digest never fails.
			_, _ = fmt.Fprintf(h, "%d:%s", len(item), item.Encode())
		}
		rest, err := json.Marshal([]any{r.kind, r.table, r.condition, r.update, r.names, r.onFailure})
		if err != nil {
			return "", fmt.Errorf("comparing a transaction with earlier ones: %w", err)
		}
		_, _ = h.Write(rest)
	}
	return string(h.Sum(nil)), nil
}

// A token is a transaction that a client may send again.
type token struct {
	print string
	until time.Time
	// out is nil while the transaction is in progress.
	out *awsdynamodb.TransactWriteItemsOutput
}

// once carries out a transaction unless it has been carried out with its token.
func (s *Service) once(name, print string, run func() (*awsdynamodb.TransactWriteItemsOutput, error)) (*awsdynamodb.TransactWriteItemsOutput, error) {
	s.mu.Lock()
	now := s.now()
	for other, t := range s.tokens {
		if now.After(t.until) {
			delete(s.tokens, other)
		}
	}
	if t, ok := s.tokens[name]; ok {
		defer s.mu.Unlock()
		switch {
		case t.print != print:
			return nil, &types.IdempotentParameterMismatchException{Message: aws.String("Request parameters do not match the parameters used with the same client token")}
		case t.out == nil:
			return nil, &types.TransactionInProgressException{Message: aws.String("The transaction with the given request token is already in progress.")}
		default:
			return t.out, nil
		}
	}
	t := &token{print: print, until: now.Add(tokenLife)}
	s.tokens[name] = t
	s.mu.Unlock()
	out, err := run()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		// What has failed may be tried again.
		delete(s.tokens, name)
		return nil, err
	}
	t.out = out
	return out, nil
}

// TransactGetItems reads up to 100 items as they are at one moment.
func (s *Service) TransactGetItems(_ context.Context, in *awsdynamodb.TransactGetItemsInput) (out *awsdynamodb.TransactGetItemsOutput, err error) {
	o := outcome{operation: "TransactGetItems", began: s.now()}
	defer func() { s.observe(o, err) }()
	if err := oneOf("returnConsumedCapacity", in.ReturnConsumedCapacity); err != nil {
		return nil, err
	}
	if err := checkCount(len(in.TransactItems)); err != nil {
		return nil, err
	}
	reads := make([]*read, len(in.TransactItems))
	places := make([]place, len(reads))
	reasons := make([]types.CancellationReason, len(reads))
	seen := map[place]bool{}
	for i, item := range in.TransactItems {
		if item.Get == nil {
			return nil, validation("1 validation error detected: Value null at 'transactItems.%d.member.get' failed to satisfy constraint: Member must not be null", i+1)
		}
		r, err := s.parseRead(item.Get.TableName, item.Get.Key, item.Get.ProjectionExpression, item.Get.ExpressionAttributeNames)
		if err != nil {
			return nil, err
		}
		reads[i], places[i] = r, place{r.table, r.bytes}
		if seen[places[i]] {
			return nil, validation("Transaction request cannot include multiple operations on one item")
		}
		seen[places[i]] = true
	}
	tables := tablesOf(places)
	// Readers of several tables must not wait for each other's writers.
	defer lock(tables)()
	costs := make([]consumption, len(tables))
	for i, t := range tables {
		costs[i] = consumption{table: t}
	}
	out = &awsdynamodb.TransactGetItemsOutput{Responses: make([]types.ItemResponse, len(reads))}
	size := 0
	for i, r := range reads {
		if r.table.busy[r.bytes] {
			reasons[i] = types.CancellationReason{Code: aws.String(reasonConflict), Message: aws.String(conflict)}
			continue
		}
		item := r.table.get(r.bytes)
		size += item.Size()
		cost := consumption{table: r.table, own: readUnits(item.Size(), true)}
		cost.double()
		at := slices.Index(tables, r.table)
		costs[at].merge(cost)
		costs[at].transaction = true
		out.Responses[i].Item = r.view(item)
	}
	if size > maxTransactionSize {
		return nil, validation("Collection size of items in the transaction exceeds the limit of 4 MB")
	}
	now := s.now()
	payAll(costs, places, reasons, now)
	if err := cancelled(reasons); err != nil {
		return nil, err
	}
	o.costs = costs
	out.ConsumedCapacity = showAll(costs, in.ReturnConsumedCapacity)
	return out, nil
}
