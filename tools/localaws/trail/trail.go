// Package trail remembers the newest requests to an embedded AWS, and what was decided
// on each, so that a person can see them.
package trail

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Decision says why one action on one resource was allowed or refused.
type Decision struct {
	Action   string `json:"action"`
	Resource string `json:"resource"`
	Allowed  bool   `json:"allowed"`
	// By is the type of policy that decided, such as "identity-based policy".
	By        string `json:"by,omitempty"`
	Policy    string `json:"policy,omitempty"`
	Statement string `json:"statement,omitempty"` // that allowed or denied it, as JSON
}

// A Request is a request of a client, or a call of one service to another.
type Request struct {
	Number    int           `json:"number"` // 1 for the first since the start
	ID        string        `json:"id,omitempty"`
	At        time.Time     `json:"at"` // by AWS's clock
	Took      time.Duration `json:"took"`
	Service   string        `json:"service"`
	Operation string        `json:"operation"`
	Caller    string        `json:"caller,omitempty"` // an ARN
	Agent     string        `json:"agent,omitempty"`  // what the client calls itself
	// Trace is the X-Ray trace that the request belongs to, or "": what a function asks
	// for belongs to that of its invocation.
	Trace  string `json:"trace,omitempty"`
	Status int    `json:"status,omitempty"`
	Error  string `json:"error,omitempty"`
	// Inside says that a service made the call as somebody.
	Inside    bool       `json:"inside,omitempty"`
	Decisions []Decision `json:"decisions,omitempty"`
}

// Sent is a request as it was sent, without what proved who had sent it.
type Sent struct {
	Method  string            `json:"method"`
	Host    string            `json:"host"`    // which may name a bucket
	URI     string            `json:"uri"`     // the path with the query
	Service string            `json:"service"` // that it was signed for
	Header  map[string]string `json:"header"`
	Body    []byte            `json:"body"`
}

// MostSent is the size in bytes up to which the body of a request is kept.
const MostSent = 16 << 10

// most is how many decisions of a request are kept. A batch of many items has one for
// each.
const most = 16

// An Entry is a request in progress. Its methods may be called on nil, and do nothing
// then. It is safe for concurrent use.
type Entry struct {
	mu      sync.Mutex
	request Request
	sent    *Sent
}

// New returns the entry of a request.
func New(r Request) *Entry { return &Entry{request: r} }

// Name sets the operation, if it was not known.
func (e *Entry) Name(operation string) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.request.Operation == "" {
		e.request.Operation = operation
	}
}

// Root returns the trace of an X-Amzn-Trace-Id header, or "".
// See https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader.
func Root(header string) string {
	for field := range strings.SplitSeq(header, ";") {
		if root, ok := strings.CutPrefix(strings.TrimSpace(field), "Root="); ok {
			return root
		}
	}
	return ""
}

// Follow notes the trace of a header, which the request has begun.
func (e *Entry) Follow(header string) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.request.Trace = Root(header)
}

// Keep keeps what was sent, unless it is too large.
func (e *Entry) Keep(s Sent) {
	if e == nil || len(s.Body) > MostSent {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sent = &s
}

// Call sets who made the request.
func (e *Entry) Call(caller string) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.request.Caller = caller
}

// Decide adds a decision.
func (e *Entry) Decide(d Decision) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.request.Decisions) < most {
		e.request.Decisions = append(e.request.Decisions, d)
	}
}

// End sets how the request ended.
func (e *Entry) End(status int, took time.Duration, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.request.Status, e.request.Took = status, took
	if err != nil {
		e.request.Error = err.Error()
	}
}

func (e *Entry) read() Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.request
	r.Decisions = slices.Clone(r.Decisions)
	return r
}

type key struct{}

// NewContext returns ctx with e as the request being answered.
func NewContext(ctx context.Context, e *Entry) context.Context {
	return context.WithValue(ctx, key{}, e)
}

// FromContext returns the request being answered, or nil.
func FromContext(ctx context.Context) *Entry {
	e, _ := ctx.Value(key{}).(*Entry)
	return e
}

// Size is how many requests are remembered.
const Size = 1000

// A Ring remembers the newest requests. The zero Ring is empty. Its methods may be
// called on nil, and do nothing then.
type Ring struct {
	mu      sync.Mutex
	entries [Size]*Entry
	count   int
}

// Add remembers a request that has ended.
func (r *Ring) Add(e *Entry) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries[r.count%Size] = e
	r.count++
	e.mu.Lock()
	e.request.Number = r.count
	e.mu.Unlock()
}

// Since returns the remembered requests after the one with a number, the oldest first.
func (r *Ring) Since(number int) []Request {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var requests []Request
	for i := max(number, r.count-Size, 0); i < r.count; i++ {
		requests = append(requests, r.entries[i%Size].read())
	}
	return requests
}

// Sent returns what was sent as the request with a number, if that is kept.
func (r *Ring) Sent(number int) (Sent, bool) {
	if r == nil {
		return Sent{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if number < 1 || number > r.count || number <= r.count-Size {
		return Sent{}, false
	}
	e := r.entries[(number-1)%Size]
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sent == nil {
		return Sent{}, false
	}
	return *e.sent, true
}
