package cloudwatch

import (
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// extraPeriods are the periods before the evaluation periods that are looked
// at as well when data is missing. AWS does not say how many it takes; its
// examples take two.
const extraPeriods = 2

// How often alarms are evaluated.
const (
	standardInterval       = time.Minute
	highResolutionInterval = 10 * time.Second
)

// startEvaluating sees to it that the evaluator runs and knows the present
// alarms. The service is locked.
func (s *Service) startEvaluating() {
	if s.ctx.Err() != nil {
		return
	}
	if !s.evaluating {
		s.evaluating = true
		s.running.Go(s.evaluator)
		return
	}
	s.wakeEvaluator()
}

// wakeEvaluator makes the evaluator look at the alarms anew.
func (s *Service) wakeEvaluator() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// evaluator evaluates the alarms until there are none or the service closes.
func (s *Service) evaluator() {
	clock := s.account.Clock
	for {
		s.mu.Lock()
		interval := s.interval()
		if interval == 0 {
			s.evaluating = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		now := clock.Now()
		next := now.Truncate(interval).Add(interval)
		timer := clock.NewTimer(next.Sub(now))
		select {
		case <-s.ctx.Done():
			timer.Stop()
			return
		case <-s.wake:
			timer.Stop()
		case <-timer.C():
		}
		if now = clock.Now(); !now.Before(next) {
			s.evaluate(now)
		}
	}
}

// interval returns how often some alarm is to be evaluated, or 0 if there are
// no metric alarms. The service is locked.
func (s *Service) interval() time.Duration {
	interval := time.Duration(0)
	for _, a := range s.alarms {
		switch {
		case a.metric == nil:
		case a.metric.period < minute:
			return highResolutionInterval
		default:
			interval = standardInterval
		}
	}
	return interval
}

// evaluate evaluates each metric alarm whose time has come.
func (s *Service) evaluate(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.alarms {
		r := a.metric
		if r == nil {
			continue
		}
		interval := standardInterval
		if r.period < minute {
			interval = highResolutionInterval
		}
		end := now.Truncate(interval).Unix()
		if r.wallClock {
			interval = time.Duration(r.period) * time.Second
			end = now.Truncate(interval).Unix()
		}
		if end <= r.evaluated {
			continue
		}
		if r.evaluated != end-int64(interval/time.Second) { // an evaluation was left out
			r.found = [lateEvaluations]types.StateValue{}
		}
		r.evaluated = end
		if w := r.in.WarmUpConfiguration; w != nil {
			if now.Before(a.configured.Add(time.Duration(*w.WarmUpPeriodDurationInMinutes) * time.Minute)) {
				continue
			}
		}
		s.evaluateAlarm(a, end, interval)
	}
}

// lateEvaluations are the past evaluations whose data is looked at again.
const lateEvaluations = 2

// evaluateAlarm evaluates the periods that end at end. The service is locked.
//
// Data may come after the evaluation of its period: an invocation counts for
// the minute in which it began, and an accelerated clock makes any delay a long
// one. A breach that only late data shows puts the alarm into ALARM at this
// evaluation instead; else later data would hide it.
func (s *Service) evaluateAlarm(a *alarm, end int64, interval time.Duration) {
	r := a.metric
	out, err := s.outcomeAt(r, end)
	if err != nil {
		s.account.Log.Warn("evaluating an alarm", "alarm", a.name, "error", err)
		return
	}
	found := out.state
	if found != types.StateValueAlarm {
		for i, before := range r.found {
			past := end - int64(i+1)*int64(interval/time.Second)
			if before == "" || before == types.StateValueAlarm {
				continue
			}
			if late, err := s.outcomeAt(r, past); err == nil && late.state == types.StateValueAlarm {
				out, r.found[i] = late, late.state
				break
			}
		}
	}
	copy(r.found[1:], r.found[:])
	r.found[0] = found
	if found == "" {
		r.found[0] = a.state
	}
	if out.state == "" || out.state == a.state || s.tooFewSamples(r, out.real) {
		return
	}
	reason, data := explain(a, out, s.account.Clock.Now(), s.sampleCount(r))
	s.transition(a, out.state, reason, data)
}

// outcomeAt judges the periods that end at end.
func (s *Service) outcomeAt(r *metricRule, end int64) (outcome, error) {
	n := r.periods + extraPeriods
	f := frame{start: end - int64(n)*r.period, period: r.period, n: n}
	v, err := s.run(r.queries, f, r.watched)
	if err != nil {
		return outcome{}, err
	}
	points := make([]point, 0, n)
	for i, x := range v.series {
		points = append(points, point{at: f.at(i), value: x, missing: math.IsNaN(x)})
	}
	threshold := *r.in.Threshold
	breaches := comparisons[r.in.ComparisonOperator].breaches
	return judge(points, r.periods, r.toAlarm, aws.ToString(r.in.TreatMissingData), func(x float64) bool { return breaches(x, threshold) }), nil
}

// sampleCount returns how to count the samples of a data point, or nil for an
// expression, which has no samples.
func (s *Service) sampleCount(r *metricRule) func(point) float64 {
	stat := r.queries.byID[r.watched].MetricStat
	if stat == nil {
		return nil
	}
	return func(p point) float64 {
		m := s.metrics.find(*stat.Metric.Namespace, *stat.Metric.MetricName, stat.Metric.Dimensions)
		sum := m.window(stat.Unit, p.at, p.at+r.period, false)
		return sum.count
	}
}

// tooFewSamples reports whether a percentile alarm must leave its state alone
// because a data point has too few samples to mean anything.
func (s *Service) tooFewSamples(r *metricRule, evaluated []point) bool {
	if aws.ToString(r.in.EvaluateLowSampleCountPercentile) != "ignore" {
		return false
	}
	st := r.queries.statistics[r.watched]
	count := s.sampleCount(r)
	if !st.isPercent || count == nil {
		return false
	}
	// 10/(1-p), or 10/p below one half, where p90 is 0.9. See "Percentile-based
	// CloudWatch alarms and low data samples" in AWS's user guide.
	need := 1000 / (100 - st.percentile)
	if st.percentile < 50 {
		need = 1000 / st.percentile
	}
	const rounding = 1e-6 // of 100 - 99.9
	for _, x := range evaluated {
		if count(x) < need-rounding {
			return true
		}
	}
	return false
}

// A point is the value of a period.
type point struct {
	at      int64
	value   float64
	missing bool
}

// An outcome is what an evaluation found.
type outcome struct {
	state    types.StateValue // empty: the alarm keeps its state
	real     []point          // the evaluated data points that exist, oldest first
	filled   int              // missing data points that were given a meaning
	treated  string           // which, in AWS's words
	breaches int
}

// judge applies the rules for M (toAlarm) out of N (periods) data points to
// points, oldest first, of which there are more than N. See "How alarm state
// is evaluated when data is missing" and "Avoiding premature transitions to
// alarm state" on
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html.
//
// The last N data points that exist are compared. Only if fewer exist in the
// whole range do the missing ones count, and only as many as are needed.
func judge(points []point, periods, toAlarm int, treatMissing string, breaches func(float64) bool) outcome {
	var out outcome
	oldestBreach := 0 // how many periods ago the oldest breach began
	for i, p := range points {
		if p.missing {
			continue
		}
		out.real = append(out.real, p)
		if breaches(p.value) && oldestBreach == 0 {
			oldestBreach = len(points) - i
		}
	}
	out.real = out.real[max(0, len(out.real)-periods):]
	for _, p := range out.real {
		if breaches(p.value) {
			out.breaches++
		}
	}
	out.filled = periods - len(out.real)
	good := len(out.real) - out.breaches
	decide := func(alarm bool) outcome {
		out.state = types.StateValueOk
		if alarm {
			out.state = types.StateValueAlarm
		}
		return out
	}
	if out.filled == 0 || out.breaches >= toAlarm {
		return decide(out.breaches >= toAlarm)
	}
	switch treatMissing {
	case "breaching":
		out.treated = "Breaching"
		return decide(out.breaches+out.filled >= toAlarm)
	case "notBreaching":
		out.treated = "NonBreaching"
		return decide(false)
	case "ignore":
		if good > 0 {
			return decide(false)
		}
		return out
	default: // missing
		out.treated = "Missing"
		switch {
		case len(out.real) == 0:
			out.state = types.StateValueInsufficientData
			return out
		case good > 0:
			return decide(false)
		case oldestBreach >= toAlarm:
			// All that is known breaches, and has for long enough.
			return decide(true)
		default:
			return out
		}
	}
}
