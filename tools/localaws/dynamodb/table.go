package dynamodb

import (
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/magewright/magewright/tools/localaws/dynamodb/expression"
	"github.com/magewright/magewright/tools/localaws/dynamodb/ordered"
	"github.com/magewright/magewright/tools/localaws/dynamodb/value"
)

// A table is a table with its indexes and items.
type table struct {
	name, arn, id string
	created       time.Time
	schema        schema

	// mu guards everything below.
	mu          sync.RWMutex
	definitions []types.AttributeDefinition
	billing     types.BillingMode
	throughput  throughput
	onDemand    *types.OnDemandThroughput
	class       types.TableClass
	encryption  *types.SSEDescription
	protected   bool
	tags        map[string]string
	recovery    recovery
	// onDemandSince is when the table was made an on-demand table.
	onDemandSince time.Time

	// status is what the table becomes or, from settled on, what it has become.
	status  types.TableStatus
	settled time.Time

	reads, writes bucket

	items   ordered.Map[string] // encoded items by their keys' bytes
	size    int64               // of all items in bytes
	indexes []*index
	// collections has the bytes of the items of each partition, those in local
	// indexes included. It is nil if there are no local indexes.
	collections map[string]int64
	expiry      expiry
	// restored is the backup that the table was made of, or nil.
	restored *types.RestoreSummary
	stream   *stream // the latest one; nil if there never was one
	// busy has the keys of the items that transactions are writing.
	busy map[string]bool
}

// throughput is provisioned capacity in units per second.
type throughput struct {
	read, write int64
	increased   time.Time
	decreased   time.Time
	decreases   int64
}

// An index is a global or local secondary index.
type index struct {
	name, arn  string
	schema     schema
	global     bool
	projection types.Projection
	throughput throughput
	onDemand   *types.OnDemandThroughput

	status  types.IndexStatus // as the table's
	settled time.Time

	reads, writes bucket

	entries ordered.Map[string] // encoded items by the index's keys
	size    int64
	// projected selects the attributes that the index has; nil for all.
	projected *expression.Selection
}

// statusAt returns the status at a time. A table that is being deleted is gone
// afterwards, see deleted.
func (t *table) statusAt(now time.Time) types.TableStatus {
	if t.status == types.TableStatusDeleting || now.Before(t.settled) {
		return t.status
	}
	return types.TableStatusActive
}

// deleted reports whether the deletion of a table is complete. t is locked.
func (t *table) deleted(now time.Time) bool {
	return t.status == types.TableStatusDeleting && !now.Before(t.settled)
}

// serves reports whether a table has items that can be read and written.
func (t *table) serves(now time.Time) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	switch t.statusAt(now) {
	case types.TableStatusActive, types.TableStatusUpdating:
		return true
	default:
		return false
	}
}

// become begins a change of the table's state. t is locked.
func (t *table) become(status types.TableStatus, now time.Time) {
	t.status, t.settled = status, now.Add(settling)
}

// statusAt returns the status at a time.
func (ix *index) statusAt(now time.Time) types.IndexStatus {
	if ix.status == types.IndexStatusDeleting || now.Before(ix.settled) {
		return ix.status
	}
	return types.IndexStatusActive
}

// gone reports whether the deletion of an index is complete.
func (ix *index) gone(now time.Time) bool {
	return ix.status == types.IndexStatusDeleting && !now.Before(ix.settled)
}

// sweep removes the indexes whose deletion is complete. t is locked.
func (t *table) sweep(now time.Time) {
	t.indexes = slices.DeleteFunc(t.indexes, func(ix *index) bool { return ix.gone(now) })
}

// index returns the index with a name, or nil. t is locked.
func (t *table) index(name string) *index {
	for _, ix := range t.indexes {
		if ix.name == name {
			return ix
		}
	}
	return nil
}

// key returns the bytes of an item's key in the index.
func (ix *index) key(item value.Item, tableKey string) string {
	return string(append(ix.schema.bytes(item), tableKey...))
}

// view returns the attributes of an item that the index has.
func (ix *index) view(item value.Item) value.Item { return ix.projected.Of(item) }

// project sets what the index has of an item: its own key, the table's key and
// the attributes of the projection.
func (ix *index) project(of schema) {
	if ix.projection.ProjectionType == types.ProjectionTypeAll {
		return
	}
	names := slices.Clone(ix.projection.NonKeyAttributes)
	for _, a := range slices.Concat(of.attributes(), ix.schema.attributes()) {
		names = append(names, a.name)
	}
	ix.projected = expression.Select(names...)
}

// cost returns the capacity of replacing an item. old and item are nil where
// there is none. t is locked.
func (t *table) cost(old, item value.Item) consumption {
	c := consumption{table: t, own: writeUnits(max(old.Size(), item.Size())), write: true}
	for _, ix := range t.indexes {
		if units := ix.cost(old, item); units > 0 {
			c.add(ix, units)
		}
	}
	return c
}

// cost returns what replacing an item takes of an index: nothing if the index
// has nothing to change, and two writes if the item moves.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html#GSI.ThroughputConsiderations.Writes.
func (ix *index) cost(old, item value.Item) float64 {
	was, is := old != nil && ix.schema.complete(old), item != nil && ix.schema.complete(item)
	var before, after value.Item
	if was {
		before = ix.view(old)
	}
	if is {
		after = ix.view(item)
	}
	switch {
	case was && is && !value.EqualItems(ix.schema.of(old), ix.schema.of(item)):
		return writeUnits(before.Size()) + writeUnits(after.Size())
	case was && is && value.EqualItems(before, after):
		return 0
	case was || is:
		return writeUnits(max(before.Size(), after.Size()))
	default:
		return 0
	}
}

// streaming reports whether changes go into a stream.
func (t *table) streaming() bool { return t.stream != nil && t.stream.closed.IsZero() }

// store replaces an item, keeps the indexes in step, and adds the change to the
// stream. old and item are nil where there is none. by is the service that
// changes the item, or "". t is locked, and the item is valid.
func (t *table) store(key string, old, item value.Item, by string, now time.Time) {
	if t.streaming() {
		t.stream.append(old, item, by, now)
	}
	encoded := ""
	if item == nil {
		t.items.Delete(key)
	} else {
		encoded = item.Encode()
		t.items.Set(key, encoded)
	}
	t.size += int64(item.Size()) - int64(old.Size())
	t.expiry.store(key, old, item)
	if t.collections != nil {
		t.collect(old, item)
	}
	for _, ix := range t.indexes {
		ix.store(key, old, item, encoded)
	}
}

// maxCollection is how many bytes the items of a partition may have in a table
// with local indexes.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LSI.html#LSI.ItemCollections.SizeLimit.
const maxCollection = 10 << 30

// partition returns the bytes that the keys of an item's partition begin with.
func (t *table) partition(item value.Item) string {
	return string(partitionPrefix(item[t.schema.partition.name]))
}

// collected returns what an item adds to the size of its partition.
func (t *table) collected(item value.Item) int64 {
	if item == nil {
		return 0
	}
	size := item.Size()
	for _, ix := range t.indexes {
		if !ix.global && ix.schema.complete(item) {
			size += ix.view(item).Size()
		}
	}
	return int64(size)
}

// collect keeps the sizes of partitions in step with the table.
func (t *table) collect(old, item value.Item) {
	of := item
	if of == nil {
		of = old
	}
	partition := t.partition(of)
	t.collections[partition] += t.collected(item) - t.collected(old)
	if t.collections[partition] == 0 {
		delete(t.collections, partition)
	}
}

// checkCollection refuses an item that makes its partition too large.
func (t *table) checkCollection(old, item value.Item) error {
	if t.collections == nil {
		return nil
	}
	if more := t.collected(item) - t.collected(old); more <= 0 || t.collections[t.partition(item)]+more <= maxCollection {
		return nil
	}
	return &types.ItemCollectionSizeLimitExceededException{Message: aws.String("Collection size exceeded.")}
}

// store keeps an index in step with the table.
func (ix *index) store(key string, old, item value.Item, encoded string) {
	newKey := ""
	if item != nil && ix.schema.complete(item) {
		newKey = ix.key(item, key)
	}
	if old != nil && ix.schema.complete(old) {
		ix.size -= int64(ix.view(old).Size())
		if oldKey := ix.key(old, key); oldKey != newKey {
			ix.entries.Delete(oldKey)
		}
	}
	if newKey != "" {
		ix.size += int64(ix.view(item).Size())
		ix.entries.Set(newKey, encoded)
	}
}

// get returns an item by its key's bytes, or nil. t is locked.
func (t *table) get(key string) value.Item {
	encoded, ok := t.items.Get(key)
	if !ok {
		return nil
	}
	return value.Decode(encoded)
}

// describe returns the description of a table. t is locked.
func (t *table) describe(now time.Time) *types.TableDescription {
	d := &types.TableDescription{
		TableName: aws.String(t.name), TableArn: aws.String(t.arn), TableId: aws.String(t.id), TableStatus: t.statusAt(now),
		CreationDateTime: aws.Time(t.created), AttributeDefinitions: slices.Clone(t.definitions), KeySchema: t.schema.elements(),
		ItemCount: aws.Int64(int64(t.items.Len())), TableSizeBytes: aws.Int64(t.size),
		ProvisionedThroughput: t.throughput.describe(), DeletionProtectionEnabled: aws.Bool(t.protected),
		SSEDescription: t.encryption, OnDemandThroughput: t.onDemand, RestoreSummary: t.restored,
		WarmThroughput: &types.TableWarmThroughputDescription{
			ReadUnitsPerSecond: aws.Int64(max(t.throughput.read, warmRead)), WriteUnitsPerSecond: aws.Int64(max(t.throughput.write, warmWrite)), Status: types.TableStatusActive,
		},
	}
	if t.billing == types.BillingModePayPerRequest {
		d.BillingModeSummary = &types.BillingModeSummary{BillingMode: t.billing, LastUpdateToPayPerRequestDateTime: aws.Time(t.onDemandSince)}
	}
	if t.stream != nil {
		d.LatestStreamArn, d.LatestStreamLabel = aws.String(t.stream.arn), aws.String(t.stream.label)
	}
	if t.streaming() {
		d.StreamSpecification = &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: t.stream.view}
	}
	if t.class != "" {
		d.TableClassSummary = &types.TableClassSummary{TableClass: t.class}
	}
	for _, ix := range t.indexes {
		if !ix.global {
			d.LocalSecondaryIndexes = append(d.LocalSecondaryIndexes, types.LocalSecondaryIndexDescription{
				IndexName: aws.String(ix.name), IndexArn: aws.String(ix.arn), KeySchema: ix.schema.elements(), Projection: &ix.projection,
				ItemCount: aws.Int64(int64(ix.entries.Len())), IndexSizeBytes: aws.Int64(ix.size),
			})
			continue
		}
		if ix.gone(now) {
			continue
		}
		g := types.GlobalSecondaryIndexDescription{
			IndexName: aws.String(ix.name), IndexArn: aws.String(ix.arn), KeySchema: ix.schema.elements(), Projection: &ix.projection,
			ItemCount: aws.Int64(int64(ix.entries.Len())), IndexSizeBytes: aws.Int64(ix.size), IndexStatus: ix.statusAt(now),
			ProvisionedThroughput: ix.throughput.describe(), OnDemandThroughput: ix.onDemand,
			WarmThroughput: &types.GlobalSecondaryIndexWarmThroughputDescription{
				ReadUnitsPerSecond: aws.Int64(max(ix.throughput.read, warmRead)), WriteUnitsPerSecond: aws.Int64(max(ix.throughput.write, warmWrite)), Status: types.IndexStatusActive,
			},
		}
		if g.IndexStatus == types.IndexStatusCreating && t.status == types.TableStatusUpdating {
			g.Backfilling = aws.Bool(true)
		}
		d.GlobalSecondaryIndexes = append(d.GlobalSecondaryIndexes, g)
	}
	return d
}

// The warm throughput of a new table, in units per second.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html.
const (
	warmRead  = 12000
	warmWrite = 4000
)

func (p throughput) describe() *types.ProvisionedThroughputDescription {
	d := &types.ProvisionedThroughputDescription{
		ReadCapacityUnits: aws.Int64(p.read), WriteCapacityUnits: aws.Int64(p.write), NumberOfDecreasesToday: aws.Int64(p.decreases),
	}
	if !p.increased.IsZero() {
		d.LastIncreaseDateTime = aws.Time(p.increased)
	}
	if !p.decreased.IsZero() {
		d.LastDecreaseDateTime = aws.Time(p.decreased)
	}
	return d
}
