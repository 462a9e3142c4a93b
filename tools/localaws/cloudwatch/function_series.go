package cloudwatch

import (
	"fmt"
	"math"
	"time"
)

// These metric math functions use a time series as a whole, or its times. See
// "Functions supported for metric math" on
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html.
func init() {
	for name, f := range map[string]func(frame, []float64) []float64{
		"DIFF":        differences(func(dx, _ float64) float64 { return dx }),
		"DIFF_TIME":   differences(func(_, seconds float64) float64 { return seconds }),
		"RATE":        differences(func(dx, seconds float64) float64 { return dx / seconds }),
		"RUNNING_SUM": runningSum,
		"MINUTE":      times(func(t time.Time) int { return t.Minute() }),
		"HOUR":        times(func(t time.Time) int { return t.Hour() }),
		"DAY":         times(func(t time.Time) int { return (int(t.Weekday())+6)%7 + 1 }), // Monday is 1
		"DATE":        times(time.Time.Day),
		"MONTH":       times(func(t time.Time) int { return int(t.Month()) }),
		"YEAR":        times(time.Time.Year),
		"EPOCH":       times(func(t time.Time) int { return int(t.Unix()) }),
	} {
		functions[name] = ofSeries(f)
	}
	functions["TIME_SERIES"] = constant
	functions["METRIC_COUNT"] = metricCount
	functions["FIRST"] = pick(func(rows []value) value { return rows[0] })
	functions["LAST"] = pick(func(rows []value) value { return rows[len(rows)-1] })
}

// ofSeries makes a function that transforms each time series.
func ofSeries(f func(frame, []float64) []float64) func(*mathContext, []expression) (value, error) {
	return func(c *mathContext, args []expression) (value, error) {
		values, err := arguments(c, args, 1, 1)
		if err != nil {
			return value{}, err
		}
		one := func(v value) (value, error) {
			if v.kind != timeSeries {
				return value{}, fmt.Errorf("it takes a time series, not %v", v.kind)
			}
			return value{kind: timeSeries, series: f(c.frame, v.series)}, nil
		}
		if values[0].kind == list {
			return mapList(values[0], one)
		}
		return one(values[0])
	}
}

// differences compares each data point with the previous data point, which may
// be more than a period earlier. The first data point yields no result.
func differences(f func(dx, seconds float64) float64) func(frame, []float64) []float64 {
	return func(in frame, xs []float64) []float64 {
		out := make([]float64, len(xs))
		last := -1
		for i, x := range xs {
			out[i] = math.NaN()
			if math.IsNaN(x) {
				continue
			}
			if last >= 0 {
				out[i] = f(x-xs[last], float64(in.at(i)-in.at(last)))
			}
			last = i
		}
		return out
	}
}

func runningSum(_ frame, xs []float64) []float64 {
	out := make([]float64, len(xs))
	sum := 0.0
	for i, x := range xs {
		if !math.IsNaN(x) {
			sum += x
			x = sum
		}
		out[i] = x
	}
	return out
}

// times yields a value for each period, even if the time series has none there.
func times(f func(time.Time) int) func(frame, []float64) []float64 {
	return func(in frame, xs []float64) []float64 {
		out := make([]float64, len(xs))
		for i := range out {
			out[i] = float64(f(time.Unix(in.at(i), 0).UTC()))
		}
		return out
	}
}

// constant makes a time series from a number.
func constant(c *mathContext, args []expression) (value, error) {
	values, err := arguments(c, args, 1, 1)
	if err != nil {
		return value{}, err
	}
	if values[0].kind != number {
		return value{}, fmt.Errorf("it takes a number, not %v", values[0].kind)
	}
	out := value{kind: timeSeries, series: make([]float64, c.frame.n)}
	for i := range out.series {
		out.series[i] = values[0].number
	}
	return out, nil
}

func metricCount(c *mathContext, args []expression) (value, error) {
	rows, err := rowsOf(c, args)
	return value{number: float64(len(rows))}, err
}

// pick makes a function that selects one time series from a list.
func pick(f func([]value) value) func(*mathContext, []expression) (value, error) {
	return func(c *mathContext, args []expression) (value, error) {
		rows, err := rowsOf(c, args)
		if err != nil {
			return value{}, err
		}
		if len(rows) == 0 {
			return value{}, fmt.Errorf("the list of time series is empty")
		}
		return f(rows), nil
	}
}

func rowsOf(c *mathContext, args []expression) ([]value, error) {
	values, err := arguments(c, args, 1, 1)
	if err != nil {
		return nil, err
	}
	if values[0].kind != list {
		return nil, fmt.Errorf("it takes a list of time series, not %v", values[0].kind)
	}
	return values[0].list, nil
}

// interpolate fills the gaps between data points linearly. Before the first and
// after the last data point there is nothing to interpolate.
func interpolate(xs []float64) []float64 {
	out := make([]float64, len(xs))
	last := -1
	for i, x := range xs {
		out[i] = x
		if math.IsNaN(x) {
			continue
		}
		for j := last + 1; last >= 0 && j < i; j++ {
			out[j] = xs[last] + (x-xs[last])*float64(j-last)/float64(i-last)
		}
		last = i
	}
	return out
}
