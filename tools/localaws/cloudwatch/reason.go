package cloudwatch

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// comparisons lists the operators for static thresholds.
var comparisons = map[types.ComparisonOperator]struct {
	breaches func(x, threshold float64) bool
	words    string
}{
	types.ComparisonOperatorGreaterThanThreshold:          {func(x, t float64) bool { return x > t }, "greater than"},
	types.ComparisonOperatorGreaterThanOrEqualToThreshold: {func(x, t float64) bool { return x >= t }, "greater than or equal to"},
	types.ComparisonOperatorLessThanThreshold:             {func(x, t float64) bool { return x < t }, "less than"},
	types.ComparisonOperatorLessThanOrEqualToThreshold:    {func(x, t float64) bool { return x <= t }, "less than or equal to"},
}

// explain returns the StateReason and StateReasonData of an outcome in AWS's words.
func explain(a *alarm, o outcome, now time.Time, samples func(point) float64) (reason, data string) {
	return explainReason(a, o), explainData(a, o, now, samples)
}

func explainReason(a *alarm, o outcome) string {
	r := a.metric
	if o.state == types.StateValueInsufficientData {
		if o.filled == 1 {
			return "Insufficient Data: 1 datapoint was unknown."
		}
		return fmt.Sprintf("Insufficient Data: %d datapoints were unknown.", o.filled)
	}
	shown := slices.Clone(o.real)
	slices.Reverse(shown) // newest first
	if o.state == types.StateValueAlarm {
		breaches := comparisons[r.in.ComparisonOperator].breaches
		shown = slices.DeleteFunc(shown, func(p point) bool { return !breaches(p.value, *r.in.Threshold) })
	}
	var b strings.Builder
	b.WriteString("Threshold Crossed: ")
	if len(shown) == 0 {
		fmt.Fprintf(&b, "no datapoints were received for %s", plural(r.periods, "period"))
	} else {
		if r.in.DatapointsToAlarm != nil {
			fmt.Fprintf(&b, "%d out of the last %d datapoints", len(shown), r.periods)
		} else {
			b.WriteString(plural(len(shown), "datapoint"))
		}
		values := make([]string, len(shown))
		for i, p := range shown {
			values[i] = decimal(p.value) + " (" + time.Unix(p.at, 0).UTC().Format("02/01/06 15:04:05") + ")"
		}
		not := ""
		if o.state == types.StateValueOk {
			not = "not "
		}
		fmt.Fprintf(&b, " [%s] %s %s%s the threshold (%s)", strings.Join(values, ", "), wasWere(len(shown)), not,
			comparisons[r.in.ComparisonOperator].words, decimal(*r.in.Threshold))
	}
	if o.filled > 0 && (o.treated == "Breaching" || o.treated == "NonBreaching") {
		fmt.Fprintf(&b, " and %s %s treated as [%s]", plural(o.filled, "missing datapoint"), wasWere(o.filled), o.treated)
	}
	if r.in.DatapointsToAlarm != nil && len(shown) > 0 {
		// An alarm leaves ALARM once too few of its data points breach.
		need, change := r.toAlarm, "OK -> ALARM"
		if o.state == types.StateValueOk {
			need, change = r.periods-r.toAlarm+1, "ALARM -> OK"
		}
		fmt.Fprintf(&b, " (minimum %s for %s transition)", plural(need, "datapoint"), change)
	}
	b.WriteByte('.')
	return b.String()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func wasWere(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// decimal formats a number as AWS does, with at least one decimal.
func decimal(x float64) string {
	text := strconv.FormatFloat(x, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// timestamp formats a time as CloudWatch does in texts.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000-0700") }

type evaluatedDatapoint struct {
	Timestamp   string   `json:"timestamp"`
	SampleCount *float64 `json:"sampleCount,omitempty"`
	Value       *float64 `json:"value,omitempty"`
}

func explainData(a *alarm, o outcome, now time.Time, samples func(point) float64) string {
	r := a.metric
	data := struct {
		Version          string               `json:"version"`
		QueryDate        string               `json:"queryDate"`
		StartDate        string               `json:"startDate,omitempty"`
		Statistic        string               `json:"statistic,omitempty"`
		Period           int64                `json:"period"`
		RecentDatapoints []float64            `json:"recentDatapoints"`
		Threshold        float64              `json:"threshold"`
		Evaluated        []evaluatedDatapoint `json:"evaluatedDatapoints,omitempty"`
	}{
		Version:          "1.0",
		QueryDate:        timestamp(now),
		Statistic:        r.queries.statistics[r.watched].name,
		Period:           r.period,
		RecentDatapoints: []float64{},
		Threshold:        *r.in.Threshold,
	}
	if len(o.real) > 0 {
		data.StartDate = timestamp(time.Unix(o.real[0].at, 0))
	}
	for _, p := range o.real {
		data.RecentDatapoints = append(data.RecentDatapoints, p.value)
		item := evaluatedDatapoint{Timestamp: timestamp(time.Unix(p.at, 0)), Value: &p.value}
		if samples != nil {
			count := samples(p)
			item.SampleCount = &count
		}
		data.Evaluated = append(data.Evaluated, item)
	}
	slices.Reverse(data.Evaluated)
	return marshal(data)
}

// marshal encodes values that we build ourselves, which can always be encoded.
func marshal(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func isJSON(text string) bool { return json.Valid([]byte(text)) }
