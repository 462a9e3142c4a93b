package cloudwatch

import (
	"slices"
	"sort"
	"time"
)

// How long data is kept. As on AWS, data for periods shorter than a minute is
// kept for three hours, and data per minute for fifteen days. AWS keeps coarser
// data even longer; that is not kept here.
const (
	fineRetention   = int64(3 * time.Hour / time.Second)
	coarseRetention = int64(15 * 24 * time.Hour / time.Second)
	minute          = int64(60)
)

// A summary holds the statistics of the data in a time span.
type summary struct {
	count, sum, min, max float64
	dist                 distribution
	opaque               bool // holds a statistic set, whose distribution is unknown
}

func (s *summary) add(o *summary, limit int) {
	if o.count == 0 {
		return
	}
	if s.count == 0 {
		s.min, s.max = o.min, o.max
	}
	s.count += o.count
	s.sum += o.sum
	s.min, s.max = min(s.min, o.min), max(s.max, o.max)
	s.opaque = s.opaque || o.opaque
	if limit > 0 {
		for _, w := range o.dist.values {
			s.dist.add(w.value, w.count, limit)
		}
	}
}

// A bucket is the summary of one second or one minute.
type bucket struct {
	start int64 // Unix seconds
	summary
}

// A series is the data of one metric in one unit: seconds of high resolution
// and minutes of standard resolution, each sorted by start.
type series struct {
	fine, coarse []bucket
}

// add adds data for the time at, in Unix seconds. Seconds that are past their
// retention are merged into their minute.
func (s *series) add(at int64, highResolution bool, data *summary, now int64) {
	if highResolution && at > now-fineRetention {
		insert(&s.fine, at, data, freshValues)
		s.age(now)
		return
	}
	insert(&s.coarse, at-at%minute, data, freshValues)
	s.age(now)
}

// age moves on the data that is past its retention. It works in batches,
// because each move shifts the slice.
func (s *series) age(now int64) {
	if len(s.fine) > 0 && s.fine[0].start < now-fineRetention-fineRetention/8 {
		n := first(s.fine, now-fineRetention)
		for i := range n {
			b := &s.fine[i]
			insert(&s.coarse, b.start-b.start%minute, &b.summary, oldValues)
		}
		s.fine = slices.Delete(s.fine, 0, n)
	}
	// When a new bucket is added, thin out the bucket that has just become old.
	if i := len(s.coarse) - 1 - int(fineRetention/minute); i >= 0 {
		s.coarse[i].dist.shrink(oldValues)
	}
	if len(s.coarse) > 0 && s.coarse[0].start < now-coarseRetention-coarseRetention/8 {
		s.coarse = slices.Delete(s.coarse, 0, first(s.coarse, now-coarseRetention))
	}
}

// insert adds data to the bucket that starts at start.
func insert(buckets *[]bucket, start int64, data *summary, limit int) {
	n := len(*buckets)
	// This is nearly always so.
	if n > 0 && (*buckets)[n-1].start == start {
		(*buckets)[n-1].add(data, limit)
		return
	}
	i := first(*buckets, start)
	if i == n || (*buckets)[i].start != start {
		*buckets = slices.Insert(*buckets, i, bucket{start: start})
	}
	(*buckets)[i].add(data, limit)
}

// first returns the index of the first bucket that starts at or after start.
func first(buckets []bucket, start int64) int {
	return sort.Search(len(buckets), func(i int) bool { return buckets[i].start >= start })
}

// collect adds the data in [from, to) to into.
func (s *series) collect(from, to int64, into *summary, limit int) {
	for _, buckets := range [2][]bucket{s.coarse, s.fine} {
		for i := first(buckets, from); i < len(buckets) && buckets[i].start < to; i++ {
			into.add(&buckets[i].summary, limit)
		}
	}
}

// last returns the start of the newest bucket.
func (s *series) last() int64 {
	var last int64
	for _, buckets := range [2][]bucket{s.coarse, s.fine} {
		if n := len(buckets); n > 0 {
			last = max(last, buckets[n-1].start)
		}
	}
	return last
}
