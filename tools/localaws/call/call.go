// Package call carries what of a client's request isn't in an operation's input
// from the wire to the service.
package call

import "context"

// A Call is a client's request for an operation.
type Call struct {
	ID    string // answered as x-amzn-RequestId
	Trace string // the X-Amzn-Trace-Id header; may be empty
}

type key struct{}

// NewContext returns ctx with c as the request that is answered.
func NewContext(ctx context.Context, c Call) context.Context {
	return context.WithValue(ctx, key{}, c)
}

// FromContext returns the request that is answered. It is the zero Call where
// one service uses another.
func FromContext(ctx context.Context) Call {
	c, _ := ctx.Value(key{}).(Call)
	return c
}
