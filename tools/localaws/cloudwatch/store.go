package cloudwatch

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// A store holds every metric.
type store struct {
	mu      sync.RWMutex
	metrics map[string]*metric
}

func newStore() *store { return &store{metrics: map[string]*metric{}} }

// A metric is identified by its namespace, name and dimensions.
type metric struct {
	namespace, name string
	dimensions      []types.Dimension // sorted by name

	mu    sync.Mutex
	units map[types.StandardUnit]*series
}

// key returns the identity of a metric. The order of dimensions does not matter.
func key(namespace, name string, dimensions []types.Dimension) string {
	if !slices.IsSortedFunc(dimensions, byName) {
		dimensions = slices.SortedFunc(slices.Values(dimensions), byName)
	}
	var b strings.Builder
	b.WriteString(namespace)
	b.WriteByte(0)
	b.WriteString(name)
	for _, d := range dimensions {
		b.WriteByte(0)
		b.WriteString(aws.ToString(d.Name))
		b.WriteByte(0)
		b.WriteString(aws.ToString(d.Value))
	}
	return b.String()
}

func byName(a, b types.Dimension) int { return cmp.Compare(aws.ToString(a.Name), aws.ToString(b.Name)) }

// metric returns the named metric. It creates the metric if it is new.
func (s *store) metric(namespace, name string, dimensions []types.Dimension) *metric {
	k := key(namespace, name, dimensions)
	s.mu.RLock()
	m := s.metrics[k]
	s.mu.RUnlock()
	if m != nil {
		return m
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.metrics[k]; m != nil {
		return m
	}
	m = &metric{
		namespace:  namespace,
		name:       name,
		dimensions: copyDimensions(slices.SortedFunc(slices.Values(dimensions), byName)),
		units:      map[types.StandardUnit]*series{},
	}
	s.metrics[k] = m
	return m
}

// find returns the named metric or nil.
func (s *store) find(namespace, name string, dimensions []types.Dimension) *metric {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.metrics[key(namespace, name, dimensions)]
}

// all returns the metrics that have data newer than since, in a stable order.
// It forgets the metrics whose data is all past its retention.
func (s *store) all(since, now int64) []*metric {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for k, m := range s.metrics {
		last := m.last()
		if last < now-coarseRetention {
			delete(s.metrics, k)
			continue
		}
		if last > since {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	metrics := make([]*metric, len(keys))
	for i, k := range keys {
		metrics[i] = s.metrics[k]
	}
	return metrics
}

func (m *metric) add(unit types.StandardUnit, at int64, highResolution bool, data *summary, now int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.units[unit]
	if s == nil {
		s = &series{}
		m.units[unit] = s
	}
	s.add(at, highResolution, data, now)
}

// window returns the summary of [from, to) in one unit, or in all units if unit
// is empty. It only builds a distribution on request.
func (m *metric) window(unit types.StandardUnit, from, to int64, withDistribution bool) summary {
	var sum summary
	if m == nil {
		return sum
	}
	limit := 0
	if withDistribution {
		limit = 4 * freshValues
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for u, s := range m.units {
		if unit == "" || u == unit {
			s.collect(from, to, &sum, limit)
		}
	}
	return sum
}

func (m *metric) last() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var last int64
	for _, s := range m.units {
		last = max(last, s.last())
	}
	return last
}

func copyDimensions(dimensions []types.Dimension) []types.Dimension {
	out := make([]types.Dimension, len(dimensions))
	for i, d := range dimensions {
		out[i] = types.Dimension{Name: aws.String(aws.ToString(d.Name)), Value: aws.String(aws.ToString(d.Value))}
	}
	return out
}
