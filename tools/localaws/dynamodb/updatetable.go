package dynamodb

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/magewright/magewright/tools/localaws/dynamodb/value"
)

// UpdateTable changes how a table is paid for, its protection, encryption or
// class, or creates, changes or deletes one global index.
func (s *Service) UpdateTable(_ context.Context, in *awsdynamodb.UpdateTableInput) (*awsdynamodb.UpdateTableOutput, error) {
	switch {
	case len(in.ReplicaUpdates) > 0 || in.MultiRegionConsistency != "" || len(in.GlobalTableWitnessUpdates) > 0 || in.GlobalTableSettingsReplicationMode != "" || in.DisassociationProtectionEnabled != nil:
		return nil, unsupported("a global table")
	case len(in.VectorIndexUpdates) > 0:
		return nil, unsupported("VectorIndexUpdates")
	case in.WarmThroughput != nil:
		return nil, unsupported("WarmThroughput")
	}
	t, err := s.lookup(in.TableName)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := s.now().UTC()
	t.sweep(now)
	if status := t.statusAt(now); status != types.TableStatusActive {
		return nil, inUse("Attempt to change a resource which is still in use: Table is being %s: %s", changing[status], t.name)
	}
	changes, err := s.changesOf(t, in, now)
	if err != nil {
		return nil, err
	}
	if len(changes) == 0 {
		return nil, validation("At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required")
	}
	t.become(types.TableStatusUpdating, now)
	for _, change := range changes {
		change()
	}
	return &awsdynamodb.UpdateTableOutput{TableDescription: t.describe(now)}, nil
}

// changing says in messages what happens to a table.
var changing = map[types.TableStatus]string{
	types.TableStatusCreating: "created", types.TableStatusUpdating: "updated", types.TableStatusDeleting: "deleted",
}

// changesOf checks an update and returns what it does. Nothing is done if a part
// is refused. t is locked.
func (s *Service) changesOf(t *table, in *awsdynamodb.UpdateTableInput, now time.Time) ([]func(), error) {
	// A copy of what the update changes shows whether it is valid.
	next := &table{
		name: t.name, arn: t.arn, schema: t.schema, definitions: t.definitions, billing: t.billing, throughput: t.throughput,
		onDemandSince: t.onDemandSince, class: t.class, encryption: t.encryption, indexes: slices.Clone(t.indexes),
	}
	var changes []func()
	if in.BillingMode != "" || in.ProvisionedThroughput != nil {
		mode := in.BillingMode
		if mode == "" {
			mode = t.billing
		}
		if mode == types.BillingModeProvisioned && in.ProvisionedThroughput == nil {
			return nil, validation("One or more parameter values were invalid: ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
		}
		if err := next.setBilling(mode, in.ProvisionedThroughput, now); err != nil {
			return nil, err
		}
		if mode == types.BillingModeProvisioned && t.billing == mode && next.throughput.read == t.throughput.read && next.throughput.write == t.throughput.write {
			return nil, validation("The provisioned throughput for the table will not change. The requested value equals the current value. Current ReadCapacityUnits provisioned for the table: %d. Requested ReadCapacityUnits: %d. Current WriteCapacityUnits provisioned for the table: %d. Requested WriteCapacityUnits: %d. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.",
				t.throughput.read, next.throughput.read, t.throughput.write, next.throughput.write)
		}
		if mode == types.BillingModeProvisioned && t.billing != mode {
			if err := t.checkIndexThroughputs(in.GlobalSecondaryIndexUpdates); err != nil {
				return nil, err
			}
		}
		next.throughput = next.throughput.after(t.throughput, now)
		changes = append(changes, func() { t.setBillingOf(next) })
	}
	if in.OnDemandThroughput != nil {
		changes = append(changes, func() { t.onDemand = in.OnDemandThroughput })
	}
	if in.DeletionProtectionEnabled != nil {
		changes = append(changes, func() { t.protected = *in.DeletionProtectionEnabled })
	}
	if in.TableClass != "" {
		if err := next.setClass(in.TableClass); err != nil {
			return nil, err
		}
		changes = append(changes, func() { t.class = next.class })
	}
	if in.SSESpecification != nil {
		if err := s.setEncryption(next, in.SSESpecification); err != nil {
			return nil, err
		}
		changes = append(changes, func() { t.encryption = next.encryption })
	}
	if in.StreamSpecification != nil {
		view, err := streamOf(in.StreamSpecification)
		switch {
		case err != nil:
			return nil, err
		case view != "" && t.streaming():
			return nil, validation("Table already has an enabled stream: TableName: %s", t.name)
		case view == "" && !t.streaming():
			return nil, validation("Table has no stream to disable: TableName: %s", t.name)
		case view == "":
			changes = append(changes, func() { t.stream.close(now) })
		default:
			changes = append(changes, func() {
				t.stream = s.newStream(t, view, now)
				s.addStream(t.stream)
			})
		}
	}
	online := 0
	for _, u := range in.GlobalSecondaryIndexUpdates {
		change, err := t.indexChange(next, u, in.AttributeDefinitions, now)
		if err != nil {
			return nil, err
		}
		if u.Update == nil {
			online++
		}
		changes = append(changes, change)
	}
	if online > 1 {
		return nil, &types.LimitExceededException{Message: aws.String("Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table")}
	}
	return changes, nil
}

// checkIndexThroughputs refuses to provision a table's capacity without that of
// each of its global indexes.
func (t *table) checkIndexThroughputs(updates []types.GlobalSecondaryIndexUpdate) error {
	for _, ix := range t.indexes {
		given := slices.ContainsFunc(updates, func(u types.GlobalSecondaryIndexUpdate) bool {
			return u.Update != nil && aws.ToString(u.Update.IndexName) == ix.name && u.Update.ProvisionedThroughput != nil
		})
		if ix.global && !given {
			return validation("One or more parameter values were invalid: ProvisionedThroughput must be specified for index: %s", ix.name)
		}
	}
	return nil
}

// after returns the throughput with the history of the one before it.
func (p throughput) after(was throughput, now time.Time) throughput {
	p.increased, p.decreased, p.decreases = was.increased, was.decreased, was.decreases
	if p.read > was.read || p.write > was.write {
		p.increased = now
	}
	if p.read < was.read || p.write < was.write {
		// Decreases are counted by UTC days.
		if day := 24 * time.Hour; !p.decreased.Truncate(day).Equal(now.Truncate(day)) {
			p.decreases = 0
		}
		p.decreased = now
		p.decreases++
	}
	return p
}

// setBillingOf takes over how another table is paid for. Without provisioned
// throughput, the indexes have none, too.
func (t *table) setBillingOf(other *table) {
	t.billing, t.throughput, t.onDemandSince = other.billing, other.throughput, other.onDemandSince
	for _, ix := range t.indexes {
		if ix.global && t.billing == types.BillingModePayPerRequest {
			ix.throughput = throughput{}
		}
	}
}

// indexChange checks a change of a global index and returns what it does.
func (t *table) indexChange(next *table, u types.GlobalSecondaryIndexUpdate, definitions []types.AttributeDefinition, now time.Time) (func(), error) {
	switch {
	case u.Create != nil:
		return t.indexCreation(next, u.Create, definitions, now)
	case u.Delete != nil:
		name := aws.ToString(u.Delete.IndexName)
		ix := t.index(name)
		if ix == nil || !ix.global {
			return nil, notFound("Requested resource not found: Index: %s not found", name)
		}
		return func() {
			ix.status, ix.settled = types.IndexStatusDeleting, now.Add(settling)
			t.definitions = t.usedDefinitions(ix)
		}, nil
	case u.Update != nil:
		name := aws.ToString(u.Update.IndexName)
		ix := t.index(name)
		if ix == nil || !ix.global {
			return nil, notFound("Requested resource not found: Index: %s not found", name)
		}
		if u.Update.WarmThroughput != nil {
			return nil, unsupported("WarmThroughput")
		}
		changed := &index{name: ix.name, throughput: ix.throughput}
		if u.Update.ProvisionedThroughput != nil {
			if err := next.setIndexThroughput(changed, u.Update.ProvisionedThroughput); err != nil {
				return nil, err
			}
		}
		return func() {
			ix.throughput = changed.throughput.after(ix.throughput, now)
			if u.Update.OnDemandThroughput != nil {
				ix.onDemand = u.Update.OnDemandThroughput
			}
			ix.status, ix.settled = types.IndexStatusUpdating, now.Add(settling)
		}, nil
	default:
		return nil, validation("One or more parameter values were invalid: One of GlobalSecondaryIndexUpdate's Create, Update and Delete must be specified")
	}
}

func (t *table) indexCreation(next *table, c *types.CreateGlobalSecondaryIndexAction, definitions []types.AttributeDefinition, now time.Time) (func(), error) {
	if c.WarmThroughput != nil {
		return nil, unsupported("WarmThroughput")
	}
	for _, d := range t.definitions {
		known := slices.ContainsFunc(definitions, func(other types.AttributeDefinition) bool {
			return aws.ToString(other.AttributeName) == *d.AttributeName
		})
		if !known {
			definitions = append(slices.Clone(definitions), d)
		}
	}
	kinds, err := attributeKinds(definitions)
	if err != nil {
		return nil, err
	}
	for _, d := range t.definitions {
		if kinds[*d.AttributeName] != value.KindOf(string(d.AttributeType)) {
			return nil, validation("One or more parameter values were invalid: The type of the attribute %s can't be changed", *d.AttributeName)
		}
	}
	next.definitions = definitions
	ix, err := next.addIndex(aws.ToString(c.IndexName), c.KeySchema, c.Projection, kinds)
	if err != nil {
		return nil, err
	}
	ix.global, ix.onDemand = true, c.OnDemandThroughput
	global := 0
	for _, other := range next.indexes {
		if other.global {
			global++
		}
	}
	if global > maxGlobalIndexes {
		return nil, &types.LimitExceededException{Message: aws.String("Subscriber limit exceeded: GlobalSecondaryIndex count exceeds the per-table limit of 20")}
	}
	if err := next.setIndexThroughput(ix, c.ProvisionedThroughput); err != nil {
		return nil, err
	}
	if err := next.checkDefinitions(); err != nil {
		return nil, err
	}
	return func() {
		t.definitions = definitions
		t.indexes = append(t.indexes, ix)
		ix.status, ix.settled = types.IndexStatusCreating, now.Add(settling)
		t.backfill(ix)
	}, nil
}

// backfill adds the items of a table to a new index. Items whose attributes
// don't fit the index's key are left out.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.OnlineOps.html.
func (t *table) backfill(ix *index) {
	t.items.Ascend("", func(key, encoded string) bool {
		if item := value.Decode(encoded); ix.schema.complete(item) && ix.checkItem(item) == nil {
			ix.store(key, nil, item, encoded)
		}
		return true
	})
}

// usedDefinitions returns the definitions of attributes that keys have once an
// index is gone.
func (t *table) usedDefinitions(without *index) []types.AttributeDefinition {
	return slices.DeleteFunc(slices.Clone(t.definitions), func(d types.AttributeDefinition) bool {
		if t.schema.has(*d.AttributeName) {
			return false
		}
		return !slices.ContainsFunc(t.indexes, func(ix *index) bool { return ix != without && ix.schema.has(*d.AttributeName) })
	})
}
