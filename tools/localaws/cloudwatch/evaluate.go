package cloudwatch

import (
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// extraPeriods is the number of periods before the evaluation periods that also
// count when data is missing. AWS does not document the number; its examples use two.
const extraPeriods = 2

// How often alarms are evaluated.
const (
	standardInterval       = time.Minute
	highResolutionInterval = 10 * time.Second
)

// startEvaluating makes sure that the evaluator runs and knows the present
// alarms. The caller holds the service's lock.
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

// wakeEvaluator makes the evaluator read the alarms again.
func (s *Service) wakeEvaluator() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// evaluator evaluates the alarms until there are none left or the service closes.
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

// interval returns how often some alarm must be evaluated, or 0 if there are no
// metric alarms. The caller holds the service's lock.
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

// evaluate evaluates each metric alarm that is due.
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
		// An evaluation was skipped.
		if r.evaluated != end-int64(interval/time.Second) {
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

// lateEvaluations is the number of past evaluations whose data is read again.
const lateEvaluations = 2

// evaluateAlarm evaluates the periods that end at end. The caller holds the
// service's lock.
//
// Data can arrive after the evaluation of its period: an invocation counts for
// the minute in which it began, and an accelerated clock lengthens every delay.
// If only late data shows a breach, the alarm goes into ALARM at this
// evaluation. Otherwise later data would hide the breach.
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

// sampleCount returns a function that counts the samples of a data point. It
// returns nil for an expression, which has no samples.
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

// tooFewSamples reports whether a percentile alarm must keep its state because
// a data point has too few samples to be meaningful.
func (s *Service) tooFewSamples(r *metricRule, evaluated []point) bool {
	if aws.ToString(r.in.EvaluateLowSampleCountPercentile) != "ignore" {
		return false
	}
	st := r.queries.statistics[r.watched]
	count := s.sampleCount(r)
	if !st.isPercent || count == nil {
		return false
	}
	// p90 needs 10/(1-0.9) samples, and in general 10/(1-p), or 10/p if p is
	// below one half. See "Percentile-based CloudWatch alarms and low data
	// samples" in AWS's user guide.
	need := 1000 / (100 - st.percentile)
	if st.percentile < 50 {
		need = 1000 / st.percentile
	}
	// This absorbs the rounding error of 100 - 99.9.
	const rounding = 1e-6
	for _, x := range evaluated {
		if count(x) < need-rounding {
			return true
		}
	}
	return false
}

// A point is the value for a period.
type point struct {
	at      int64
	value   float64
	missing bool
}

// An outcome is the result of an evaluation.
type outcome struct {
	state    types.StateValue // empty if the alarm keeps its state
	real     []point          // the evaluated data points that exist, oldest first
	filled   int              // number of missing data points that were treated as data
	treated  string           // how they were treated, in AWS's words
	breaches int
}

// judge applies the rules for M (toAlarm) out of N (periods) data points. There
// are more than N points, oldest first. See "How alarm state is evaluated when
// data is missing" and "Avoiding premature transitions to alarm state" on
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html.
//
// It compares the last N data points that exist. Missing points only count if
// fewer than N exist in the whole range, and then only as many as are needed.
func judge(points []point, periods, toAlarm int, treatMissing string, breaches func(float64) bool) outcome {
	var out outcome
	// oldestBreach is how many periods ago the oldest breach began.
	oldestBreach := 0
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
	// The value is missing.
	default:
		out.treated = "Missing"
		switch {
		case len(out.real) == 0:
			out.state = types.StateValueInsufficientData
			return out
		case good > 0:
			return decide(false)
		case oldestBreach >= toAlarm:
			// All known points breach, and the oldest breach is old enough.
			return decide(true)
		default:
			return out
		}
	}
}
