package dynamodb

import (
	"math"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// A unit of capacity writes 1 KB, or reads 4 KB strongly consistently. An
// eventually consistent read takes half of it, and a transaction twice as much.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html.
const (
	writeUnit = 1 << 10
	readUnit  = 4 << 10
)

// writeUnits returns the units of writing one item of a size in bytes.
func writeUnits(size int) float64 {
	return math.Max(1, math.Ceil(float64(size)/writeUnit))
}

// readUnits returns the units of reading data of a size in bytes.
func readUnits(size int, consistent bool) float64 {
	units := math.Max(1, math.Ceil(float64(size)/readUnit))
	if !consistent {
		units /= 2
	}
	return units
}

// A consumption is the capacity that a request takes of a table and its indexes.
type consumption struct {
	table   *table
	own     float64
	indexes []indexUnits
	write   bool
	// transaction says that both directions are told apart.
	transaction bool
}

type indexUnits struct {
	index *index
	units float64
}

// add adds the units of an index.
func (c *consumption) add(ix *index, units float64) {
	for i := range c.indexes {
		if c.indexes[i].index == ix {
			c.indexes[i].units += units
			return
		}
	}
	c.indexes = append(c.indexes, indexUnits{ix, units})
}

// merge adds another consumption of the same table.
func (c *consumption) merge(other consumption) {
	c.own += other.own
	for _, u := range other.indexes {
		c.add(u.index, u.units)
	}
}

// double turns the consumption of an operation into that of the same operation
// in a transaction.
func (c *consumption) double() {
	c.own *= 2
	for i := range c.indexes {
		c.indexes[i].units *= 2
	}
	c.transaction = true
}

// show returns the consumption as the SDK's type, or nil if nobody asks for it.
func (c *consumption) show(asked types.ReturnConsumedCapacity) *types.ConsumedCapacity {
	if asked == "" || asked == types.ReturnConsumedCapacityNone {
		return nil
	}
	total := c.own
	for _, u := range c.indexes {
		total += u.units
	}
	shown := &types.ConsumedCapacity{TableName: aws.String(c.table.name), CapacityUnits: aws.Float64(total)}
	if c.transaction {
		shown.ReadCapacityUnits, shown.WriteCapacityUnits = c.split(total)
	}
	if asked != types.ReturnConsumedCapacityIndexes {
		return shown
	}
	shown.Table = c.capacity(c.own)
	for _, u := range c.indexes {
		into := &shown.LocalSecondaryIndexes
		if u.index.global {
			into = &shown.GlobalSecondaryIndexes
		}
		if *into == nil {
			*into = map[string]types.Capacity{}
		}
		(*into)[u.index.name] = *c.capacity(u.units)
	}
	return shown
}

// showAll returns what the tables of a request show of what they consumed.
func showAll(costs []consumption, asked types.ReturnConsumedCapacity) []types.ConsumedCapacity {
	var all []types.ConsumedCapacity
	for i := range costs {
		if shown := costs[i].show(asked); shown != nil {
			all = append(all, *shown)
		}
	}
	return all
}

func (c *consumption) capacity(units float64) *types.Capacity {
	capacity := &types.Capacity{CapacityUnits: aws.Float64(units)}
	if c.transaction {
		capacity.ReadCapacityUnits, capacity.WriteCapacityUnits = c.split(units)
	}
	return capacity
}

func (c *consumption) split(units float64) (read, write *float64) {
	if c.write {
		return nil, aws.Float64(units)
	}
	return aws.Float64(units), nil
}

// burst is how many seconds of unused capacity are kept.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/burst-adaptive-capacity.html.
const burst = 300

// A bucket has the capacity that is left of a table or index, in one direction.
// A new one is full.
type bucket struct {
	mu    sync.Mutex
	level float64
	at    time.Time
}

// take takes units of a bucket that is filled at a rate, in units per second. It
// reports whether there are as many. A full bucket has enough for everything.
func (b *bucket) take(rate int64, units float64, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	full := float64(rate) * burst
	if b.at.IsZero() {
		b.level = full
	} else {
		b.level = math.Min(full, b.level+float64(rate)*now.Sub(b.at).Seconds())
	}
	b.at = now
	if b.level < units && b.level < full {
		return false
	}
	b.level = math.Max(0, b.level-units)
	return true
}

// A limit is the bucket of a table or index in one direction, and its rate, which
// is 0 if there is no limit.
type limit struct {
	bucket   *bucket
	rate     int64
	onDemand bool
	what     string // Table or Index
	arn      string
}

func (t *table) limit(write bool) limit {
	l := limit{bucket: &t.reads, rate: t.throughput.read, what: "Table", arn: t.arn}
	if write {
		l.bucket, l.rate = &t.writes, t.throughput.write
	}
	return l.maximum(t.billing, t.onDemand, write)
}

func (ix *index) limit(t *table, write bool) limit {
	l := limit{bucket: &ix.reads, rate: ix.throughput.read, what: "Index", arn: ix.arn}
	if write {
		l.bucket, l.rate = &ix.writes, ix.throughput.write
	}
	return l.maximum(t.billing, ix.onDemand, write)
}

// maximum makes the limit that of an on-demand table, if it is one.
func (l limit) maximum(mode types.BillingMode, m *types.OnDemandThroughput, write bool) limit {
	if mode != types.BillingModePayPerRequest {
		return l
	}
	l.rate, l.onDemand = 0, true
	if m != nil && write {
		l.rate = aws.ToInt64(m.MaxWriteRequestUnits)
	} else if m != nil {
		l.rate = aws.ToInt64(m.MaxReadRequestUnits)
	}
	// -1 removes a maximum.
	l.rate = max(l.rate, 0)
	return l
}

// pay takes a consumption of the capacity that is left. It returns the error of
// a request that is throttled. A local index takes of its table's capacity. The
// table is locked.
func (c *consumption) pay(now time.Time) error {
	own := c.own
	for _, u := range c.indexes {
		if !u.index.global {
			own += u.units
			continue
		}
		if err := u.index.limit(c.table, c.write).pay(u.units, c.write, now); err != nil {
			return err
		}
	}
	return c.table.limit(c.write).pay(own, c.write, now)
}

func (l limit) pay(units float64, write bool, now time.Time) error {
	if l.rate == 0 || units == 0 || l.bucket.take(l.rate, units, now) {
		return nil
	}
	direction := "Read"
	if write {
		direction = "Write"
	}
	reasons := func(kind string) []types.ThrottlingReason {
		return []types.ThrottlingReason{{Reason: aws.String(l.what + direction + kind), Resource: aws.String(l.arn)}}
	}
	if l.onDemand {
		return &types.ThrottlingException{
			Message:           aws.String("Throughput exceeds the maximum OnDemandThroughput configured on table or index"),
			ThrottlingReasons: reasons("MaxOnDemandThroughputExceeded"),
		}
	}
	of := "the table"
	if l.what == "Index" {
		of = "one or more global secondary indexes of the table"
	}
	return &types.ProvisionedThroughputExceededException{
		Message: aws.String(strings.Join([]string{
			"The level of configured provisioned throughput for", of, "was exceeded. Consider increasing your provisioning level with the UpdateTable API.",
		}, " ")),
		ThrottlingReasons: reasons("ProvisionedThroughputExceeded"),
	}
}
