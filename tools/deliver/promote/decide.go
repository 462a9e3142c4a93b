package promote

import (
	"time"

	"github.com/magewright/magewright/tools/deliver/canary"
)

// An action is the reaction to a canary's judgement.
type action int

const (
	wait action = iota // until the sample is larger
	extend
	goOn
	ask   // a person, or stop if there is nobody to ask
	leave // the decision to the alarms, because we can't enlarge the sample
	stop
)

// extension is how many times the smallest sample an inconclusive canary gets. In 295
// invocations, 8 errors still rule out a rate of 5 %.
const extension = 5

// A course says how far a canary has come. Its times are AWS's, which in a rehearsal runs
// faster than our clock. Only elapsed is measured with our clock, and never exceeds the time
// on AWS.
type course struct {
	limits  canary.Limits
	start   time.Time     // of the shift
	length  time.Duration // until all traffic moves
	latest  time.Time     // the newest minute that has data
	elapsed time.Duration // since the shift was first seen
	// unanswered says that all of our requests failed. Then there may never be data, and so
	// no time of AWS's either.
	unanswered bool
	extended   bool
	unattended bool // there is no terminal to ask at
	asked      bool
	approved   bool // the person who was asked let it continue
	// alone says that none of our requests reaches the function: only its events do.
	alone bool
}

// wanted is how many invocations of the new version are needed.
func (c course) wanted() int {
	if c.extended {
		return extension * c.limits.MinInvocations
	}
	return c.limits.MinInvocations
}

// left returns the longest time that can remain until all traffic moves. The newest minute
// with data has at least begun.
func (c course) left() time.Duration {
	left := c.length - c.elapsed
	if !c.latest.IsZero() {
		left = min(left, c.start.Add(c.length).Sub(c.latest))
	}
	return left
}

// due reports whether it is time to decide, or to ask a person. Metrics arrive once a minute,
// so with two minutes left there is just enough time to stop. A person is asked one minute
// before that. A shift that is too short for this is decided in its first half.
func (c course) due() bool {
	return c.unanswered || c.left() < min(3*time.Minute, c.length*3/5)
}

func (c course) overdue() bool {
	return c.unanswered && c.unattended || c.left() < min(2*time.Minute, c.length/2)
}

// decide returns what to do after a judgement.
func (c course) decide(j canary.Judgement) action {
	switch {
	case j.Verdict == canary.Fail:
		return stop
	case j.Verdict == canary.Pass, c.approved:
		return goOn
	case c.alone && c.due() && j.New.Invocations < c.limits.MinInvocations:
		return leave
	case c.alone && !c.due():
		return wait
	case c.asked && c.overdue():
		return stop
	case c.asked:
		return wait
	case c.due():
		return ask
	case j.New.Invocations < c.wanted():
		return wait
	case !c.extended:
		return extend
	}
	return ask
}
