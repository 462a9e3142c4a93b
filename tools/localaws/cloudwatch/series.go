package cloudwatch

import (
	"slices"
	"sort"
	"time"
)

// How long data is kept. AWS keeps data of less than a minute for three hours
// and data per minute for fifteen days; what it keeps longer than that, in
// coarser periods, is not kept here.
const (
	fineRetention   = int64(3 * time.Hour / time.Second)
	coarseRetention = int64(15 * 24 * time.Hour / time.Second)
	minute          = int64(60)
)

// A summary holds the statistics of the data in a span of time.
type summary struct {
	count, sum, min, max float64
	dist                 distribution
	opaque               bool // holds a statistic set, whose distribution nobody knows
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
// and minutes of standard resolution, each ascending by start.
type series struct {
	fine, coarse []bucket
}

// add adds data that has the time at (Unix seconds). Seconds that are past
// their retention become part of their minute.
func (s *series) add(at int64, highResolution bool, data *summary, now int64) {
	if highResolution && at > now-fineRetention {
		insert(&s.fine, at, data, freshValues)
		s.age(now)
		return
	}
	insert(&s.coarse, at-at%minute, data, freshValues)
	s.age(now)
}

// age moves what is past its retention on. It does so in batches, because each
// move shifts the slice.
func (s *series) age(now int64) {
	if len(s.fine) > 0 && s.fine[0].start < now-fineRetention-fineRetention/8 {
		n := first(s.fine, now-fineRetention)
		for i := range n {
			b := &s.fine[i]
			insert(&s.coarse, b.start-b.start%minute, &b.summary, oldValues)
		}
		s.fine = slices.Delete(s.fine, 0, n)
	}
	// The bucket that has just turned old is thinned out when a new one comes.
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
	if n > 0 && (*buckets)[n-1].start == start { // nearly always
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

// collect adds to into what lies in [from, to).
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
