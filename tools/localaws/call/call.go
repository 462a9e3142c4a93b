// Package call carries those parts of a client's request that aren't in an
// operation's input from the wire to the service.
package call

import (
	"context"
	"math"
)

// Zero stands for a zero in a request, in those members of the SDK's inputs whose
// own zero means that the request does not have them. SQS treats a delay of zero
// and no delay differently.
const Zero = math.MinInt32

// A Call is a client's request for an operation.
type Call struct {
	ID    string // returned as x-amzn-RequestId
	Trace string // the X-Amzn-Trace-Id header; may be empty

	SourceIP  string // the client's address
	UserAgent string // may be empty
	Referer   string // may be empty
}

type key struct{}

// NewContext returns ctx with c as the request being answered.
func NewContext(ctx context.Context, c Call) context.Context {
	return context.WithValue(ctx, key{}, c)
}

// FromContext returns the request being answered. It is the zero Call if one
// service calls another.
func FromContext(ctx context.Context) Call {
	c, _ := ctx.Value(key{}).(Call)
	return c
}
