package dynamodb

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/dynamodb/ordered"
	"github.com/magewright/magewright/tools/localaws/dynamodb/value"
)

// DynamoDB deletes an expired item within a few days. It does not delete one that
// has expired more than five years ago.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html.
const (
	expiryInterval = time.Minute // between the deletions of expired items
	oldestExpiry   = 5 * 365 * 24 * time.Hour
)

// expiry is a table's time to live.
type expiry struct {
	attribute string // empty if it is off
	last      string // the attribute before it was turned off
	settled   time.Time
	// due has the keys of the items that have the attribute, by the time.
	due ordered.Map[string]
}

// dueKey returns the key of an item in due, or "".
func (e *expiry) dueKey(item value.Item, key string) string {
	v, ok := item[e.attribute]
	if !ok || e.attribute == "" {
		return ""
	}
	at, ok := v.Seconds()
	if !ok || at < 0 {
		return ""
	}
	return string(append(binary.BigEndian.AppendUint64(nil, uint64(at)), key...))
}

// store keeps due in step with the table.
func (e *expiry) store(key string, old, item value.Item) {
	if e.attribute == "" {
		return
	}
	before, after := e.dueKey(old, key), e.dueKey(item, key)
	if before == after {
		return
	}
	if before != "" {
		e.due.Delete(before)
	}
	if after != "" {
		e.due.Set(after, key)
	}
}

// describe returns the state at a time.
func (e *expiry) describe(now time.Time) *types.TimeToLiveDescription {
	d := &types.TimeToLiveDescription{}
	changes := now.Before(e.settled)
	switch {
	case e.attribute != "" && changes:
		d.AttributeName, d.TimeToLiveStatus = aws.String(e.attribute), types.TimeToLiveStatusEnabling
	case e.attribute != "":
		d.AttributeName, d.TimeToLiveStatus = aws.String(e.attribute), types.TimeToLiveStatusEnabled
	case changes:
		d.AttributeName, d.TimeToLiveStatus = aws.String(e.last), types.TimeToLiveStatusDisabling
	default:
		d.TimeToLiveStatus = types.TimeToLiveStatusDisabled
	}
	return d
}

// DescribeTimeToLive describes whether items of a table expire.
func (s *Service) DescribeTimeToLive(_ context.Context, in *awsdynamodb.DescribeTimeToLiveInput) (*awsdynamodb.DescribeTimeToLiveOutput, error) {
	t, err := s.lookup(in.TableName)
	if err != nil {
		return nil, err
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return &awsdynamodb.DescribeTimeToLiveOutput{TimeToLiveDescription: t.expiry.describe(s.now())}, nil
}

// UpdateTimeToLive makes the items of a table expire at the time, in seconds
// since 1970, that an attribute has, or ends that.
func (s *Service) UpdateTimeToLive(_ context.Context, in *awsdynamodb.UpdateTimeToLiveInput) (*awsdynamodb.UpdateTimeToLiveOutput, error) {
	wanted := in.TimeToLiveSpecification
	if wanted == nil || wanted.Enabled == nil {
		return nil, validation("1 validation error detected: Value null at 'timeToLiveSpecification' failed to satisfy constraint: Member must not be null")
	}
	name := aws.ToString(wanted.AttributeName)
	if name == "" || len(name) > 255 {
		return nil, validation("1 validation error detected: Value '%s' at 'timeToLiveSpecification.attributeName' failed to satisfy constraint: Member must have length between 1 and 255", name)
	}
	t, err := s.serving(in.TableName)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now, e := s.now(), &t.expiry
	switch {
	case now.Before(e.settled):
		return nil, validation("Time to live has been modified multiple times within a fixed interval")
	case *wanted.Enabled && e.attribute != "":
		return nil, validation("TimeToLive is already enabled")
	case !*wanted.Enabled && e.attribute == "":
		return nil, validation("TimeToLive is already disabled")
	case !*wanted.Enabled && e.attribute != name:
		return nil, validation("TimeToLive is active on a different AttributeName: current AttributeName is %s", e.attribute)
	}
	t.expiry = expiry{settled: now.Add(settling), last: e.attribute}
	if *wanted.Enabled {
		t.expiry.attribute = name
		t.items.Ascend("", func(key, encoded string) bool {
			t.expiry.store(key, nil, value.Decode(encoded))
			return true
		})
		s.expire.Do(func() { s.running.Go(s.expireItems) })
	}
	return &awsdynamodb.UpdateTimeToLiveOutput{TimeToLiveSpecification: wanted}, nil
}

// expireItems deletes items that have expired, until the service ends.
func (s *Service) expireItems() {
	for clock.Sleep(s.life, s.account.Clock, expiryInterval) == nil {
		s.mu.Lock()
		tables := make([]*table, 0, len(s.tables))
		for _, t := range s.tables {
			tables = append(tables, t)
		}
		s.mu.Unlock()
		for _, t := range tables {
			s.expireIn(t)
		}
	}
}

// expireIn deletes the items of a table that have expired. Such a deletion takes
// nothing of the table's capacity.
func (s *Service) expireIn(t *table) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := s.now()
	if t.expiry.attribute == "" || now.Before(t.expiry.settled) {
		return
	}
	at := func(at time.Time) string {
		return string(binary.BigEndian.AppendUint64(nil, uint64(max(at.Unix(), 0)))) // #nosec G115 -- it is not negative
	}
	end := at(now)
	var keys []string
	t.expiry.due.Ascend(at(now.Add(-oldestExpiry)), func(due, key string) bool {
		if due >= end {
			return false
		}
		if !t.busy[key] {
			keys = append(keys, key)
		}
		return true
	})
	for _, key := range keys {
		t.store(key, t.get(key), nil, expiringService, now)
	}
	s.metrics.add(now, sample{metric: expiredItems, table: t.name}, float64(len(keys)))
}
