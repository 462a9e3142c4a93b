package executeapi

import (
	"sync"
	"time"
)

// The limits of an account for all its APIs, which also hold for each stage.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html.
const (
	AccountRate  = 10000 // requests a second
	AccountBurst = 5000
)

// A Bucket admits requests by the token bucket algorithm. The zero value is full.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html.
type Bucket struct {
	mu     sync.Mutex
	used   float64 // tokens that are missing
	filled time.Time
}

// Take takes a token, unless none is left. rate tokens are added a second, up to
// burst of them.
func (b *Bucket) Take(now time.Time, rate, burst float64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used > 0 {
		b.used = max(0, b.used-max(0, now.Sub(b.filled).Seconds())*rate)
	}
	b.filled = now
	if burst-b.used < 1 {
		return false
	}
	b.used++
	return true
}

// Throttles has the bucket of each method or route of a stage. The zero value has
// none yet.
type Throttles struct {
	mu      sync.Mutex
	buckets map[string]*Bucket
}

// Bucket returns the bucket of the method or route with a key.
func (t *Throttles) Bucket(key string) *Bucket {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.buckets[key]
	if b == nil {
		if t.buckets == nil {
			t.buckets = map[string]*Bucket{}
		}
		b = &Bucket{}
		t.buckets[key] = b
	}
	return b
}
