package promote

import (
	"context"

	"github.com/magewright/magewright/tools/deliver/canary"
)

// beforeShift is how many requests are sent before traffic shifts. AWS does not say which version
// answered a request, so while the versions share the traffic, only the share of requests that
// fail can rise. If a tenth of the traffic goes to a new version, and it fails a third of its
// requests, about 31 of 937 requests fail. After 300 requests without a failure, the p-value of
// that is below 0.001. If it fails a fifth, p is about 0.005.
const beforeShift = 300

// beginBaseline begins to send requests to what serves before anything shifts. CloudFormation
// takes longer to begin a shift than these requests take. Deployments that are already in
// progress have no baseline.
func (f *follower) beginBaseline(ctx context.Context) {
	if len(f.probes) == 0 || f.baseline != nil || len(f.watches) > 0 {
		return
	}
	sending, end := context.WithCancel(ctx)
	traffic, done := f.traffic(), make(chan struct{})
	traffic.Want(beforeShift)
	go func() {
		defer close(done)
		traffic.Run(sending)
	}()
	f.baseline, f.stopSending = traffic, func() { end(); <-done }
}

// endBaseline ends these requests. It returns how many were sent and how many failed, to the
// first caller only: they are the baseline of a single shift.
func (f *follower) endBaseline() canary.Count {
	if f.stopSending == nil {
		return canary.Count{}
	}
	f.stopSending()
	f.stopSending = nil
	return canary.Count{Invocations: f.baseline.Sent(), Errors: f.baseline.Failed()}
}
