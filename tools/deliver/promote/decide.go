package promote

import (
	"time"

	"github.com/magewright/magewright/tools/deliver/canary"
)

// An action is what a canary's judgement calls for.
type action int

const (
	wait action = iota // for more of the sample
	extend
	goOn
	ask   // a person, or stop where there is none
	leave // it to the alarms: nothing of ours can enlarge the sample
	stop
)

// extension is how many times the smallest sample an inconclusive canary gets:
// in 295 invocations, 8 errors still exclude a rate of 5 %.
const extension = 5

// A course is how far a canary has come. Its times are AWS's, which in a
// rehearsal run faster than ours; only elapsed is by our clock, and never more.
type course struct {
	limits  canary.Limits
	start   time.Time     // of the shift
	length  time.Duration // until all traffic moves
	latest  time.Time     // the newest minute that has data
	elapsed time.Duration // since the shift was first seen
	// unanswered says that all our requests failed: there may never be data, and
	// so no time of AWS's either.
	unanswered bool
	extended   bool
	nobody     bool // is there to be asked
	asked      bool
	approved   bool // by the person who was asked
	// alone says that no request of ours reaches the function: it has its events only.
	alone bool
}

// wanted is how many invocations of the new version are needed.
func (c course) wanted() int {
	if c.extended {
		return extension * c.limits.MinInvocations
	}
	return c.limits.MinInvocations
}

// left returns how much time there is at most until all traffic moves: the
// newest minute that has data has at least begun.
func (c course) left() time.Duration {
	left := c.length - c.elapsed
	if !c.latest.IsZero() {
		left = min(left, c.start.Add(c.length).Sub(c.latest))
	}
	return left
}

// Metrics come by minutes: at the latest look that is sure to leave a minute for
// stopping, less than two are left by the newest minute that has data. A person
// is asked a minute before that. A shift that is too short for it is decided in
// its first half.
func (c course) due() bool {
	return c.unanswered || c.left() < min(3*time.Minute, c.length*3/5)
}

func (c course) overdue() bool {
	return c.unanswered && c.nobody || c.left() < min(2*time.Minute, c.length/2)
}

// decide says what to do after a judgement.
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
