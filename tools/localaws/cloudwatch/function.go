package cloudwatch

import (
	"fmt"
	"math"
)

// functions lists the supported metric math functions. Not supported are STDDEV
// (AWS does not document which deviation it is), SEARCH, SORT, SLICE,
// REMOVE_EMPTY and the anomaly detection band.
var functions = map[string]func(*mathContext, []expression) (value, error){}

// A composite literal would refer to itself through callExpr.eval.
func init() {
	for name, f := range map[string]func(*mathContext, []expression) (value, error){
		"ABS":             each(math.Abs),
		"CEIL":            each(math.Ceil),
		"FLOOR":           each(math.Floor),
		"LOG":             each(math.Log),
		"LOG10":           each(math.Log10),
		"SUM":             reduce(total),
		"AVG":             reduce(func(xs []float64) float64 { return total(xs) / float64(len(xs)) }),
		"MAX":             reduce(func(xs []float64) float64 { return fold(xs, math.Max) }),
		"MIN":             reduce(func(xs []float64) float64 { return fold(xs, math.Min) }),
		"DATAPOINT_COUNT": reduce(func(xs []float64) float64 { return float64(len(xs)) }),
		"FILL":            fill,
		"IF":              ifElse,
		"METRICS":         metrics,
		"PERIOD":          period,
	} {
		functions[name] = f
	}
}

func (e callExpr) eval(c *mathContext) (value, error) {
	v, err := functions[e.name](c, e.args)
	if err != nil {
		return value{}, fmt.Errorf("%s: %w", e.name, err)
	}
	return v, nil
}

func arguments(c *mathContext, args []expression, least, most int) ([]value, error) {
	if len(args) < least || len(args) > most {
		return nil, fmt.Errorf("it takes %d to %d arguments, not %d", least, most, len(args))
	}
	values := make([]value, len(args))
	for i, arg := range args {
		v, err := arg.eval(c)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

func each(f func(float64) float64) func(*mathContext, []expression) (value, error) {
	return func(c *mathContext, args []expression) (value, error) {
		values, err := arguments(c, args, 1, 1)
		if err != nil {
			return value{}, err
		}
		return mapValue(values[0], f), nil
	}
}

// reduce turns a time series into a number, and a list (or several arguments)
// into a time series. A period without any data point stays without one.
func reduce(f func([]float64) float64) func(*mathContext, []expression) (value, error) {
	return func(c *mathContext, args []expression) (value, error) {
		values, err := arguments(c, args, 1, 1000)
		if err != nil {
			return value{}, err
		}
		if len(values) == 1 {
			switch values[0].kind {
			case number:
				return value{number: f([]float64{values[0].number})}, nil
			case timeSeries:
				xs := present(values[0].series)
				if len(xs) == 0 {
					return value{number: math.NaN()}, nil
				}
				return value{number: f(xs)}, nil
			}
		}
		var rows []value
		for _, v := range values {
			if v.kind == list {
				rows = append(rows, v.list...)
			} else {
				rows = append(rows, v)
			}
		}
		out := value{kind: timeSeries, series: make([]float64, c.frame.n)}
		for i := range out.series {
			var xs []float64
			for _, row := range rows {
				xs = append(xs, row.at(i))
			}
			out.series[i] = math.NaN()
			if xs = present(xs); len(xs) > 0 {
				out.series[i] = f(xs)
			}
		}
		return out, nil
	}
}

func present(xs []float64) []float64 {
	var out []float64
	for _, x := range xs {
		if !math.IsNaN(x) {
			out = append(out, x)
		}
	}
	return out
}

func total(xs []float64) float64 { return fold(xs, func(a, b float64) float64 { return a + b }) }

func fold(xs []float64, f func(a, b float64) float64) float64 {
	out := xs[0]
	for _, x := range xs[1:] {
		out = f(out, x)
	}
	return out
}

// fill gives a value to each period without a data point, according to its
// second argument: a number, another time series, REPEAT (the value before it)
// or LINEAR (interpolated between its neighbours).
func fill(c *mathContext, args []expression) (value, error) {
	if len(args) != 2 {
		return value{}, fmt.Errorf("it takes 2 arguments, not %d", len(args))
	}
	v, err := args[0].eval(c)
	if err != nil {
		return value{}, err
	}
	if v.kind == number {
		return value{}, fmt.Errorf("it fills time series, not %v", v.kind)
	}
	repeat, linear := args[1] == expression(idExpr("REPEAT")), args[1] == expression(idExpr("LINEAR"))
	var with value
	if !repeat && !linear {
		if with, err = args[1].eval(c); err != nil {
			return value{}, err
		}
		if with.kind == list {
			return value{}, fmt.Errorf("it fills with a number or a time series, not %v", with.kind)
		}
	}
	one := func(v value) (value, error) {
		if linear {
			return value{kind: timeSeries, series: interpolate(v.series)}, nil
		}
		out := value{kind: timeSeries, series: make([]float64, len(v.series))}
		last := math.NaN()
		for i, x := range v.series {
			switch {
			case !math.IsNaN(x):
				last = x
			case repeat:
				x = last
			default:
				x = with.at(i)
			}
			out.series[i] = x
		}
		return out, nil
	}
	if v.kind == list {
		return mapList(v, one)
	}
	return one(v)
}

// ifElse uses its first argument to choose between the second and the third.
// Without a third argument, a false condition yields no data point.
func ifElse(c *mathContext, args []expression) (value, error) {
	values, err := arguments(c, args, 2, 3)
	if err != nil {
		return value{}, err
	}
	if len(values) == 2 {
		values = append(values, value{number: math.NaN()})
	}
	series := false
	for _, v := range values {
		if v.kind == list {
			return value{}, fmt.Errorf("it takes numbers and time series, not %v", v.kind)
		}
		series = series || v.kind == timeSeries
	}
	choose := func(i int) float64 {
		switch cond := values[0].at(i); {
		case math.IsNaN(cond):
			return math.NaN()
		case cond != 0:
			return values[1].at(i)
		default:
			return values[2].at(i)
		}
	}
	if !series {
		return value{number: choose(0)}, nil
	}
	out := value{kind: timeSeries, series: make([]float64, c.frame.n)}
	for i := range out.series {
		out.series[i] = choose(i)
	}
	return out, nil
}

// metrics returns the metrics of the request. If there is an argument, it
// returns those whose id contains that text.
func metrics(c *mathContext, args []expression) (value, error) {
	containing := ""
	switch len(args) {
	case 0:
	case 1:
		text, ok := args[0].(stringExpr)
		if !ok {
			return value{}, fmt.Errorf("its argument must be a text in quotes")
		}
		containing = string(text)
	default:
		return value{}, fmt.Errorf("it takes at most 1 argument, not %d", len(args))
	}
	all, err := c.metrics(containing)
	return value{kind: list, list: all}, err
}

// period returns the period of a metric in seconds.
func period(c *mathContext, args []expression) (value, error) {
	if _, err := arguments(c, args, 1, 1); err != nil {
		return value{}, err
	}
	return value{number: float64(c.frame.period)}, nil
}
