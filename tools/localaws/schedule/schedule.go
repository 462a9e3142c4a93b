// Package schedule reads the schedule expressions of EventBridge and of EventBridge
// Scheduler, and tells when they are due.
//
// See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
// and https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html.
package schedule

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	// The host may have no time zones.
	_ "time/tzdata"

	"github.com/magewright/magewright/tools/internal/clock"
)

// A Schedule is a parsed expression.
type Schedule struct {
	at   time.Time     // of at(...)
	rate time.Duration // of rate(...)
	cron *cron
	zone *time.Location
}

// Once reports whether the schedule is due only once.
func (s *Schedule) Once() bool { return !s.at.IsZero() }

var rateExpression = regexp.MustCompile(`^rate\((\d+) (minute|minutes|hour|hours|day|days)\)$`)

// Agrees reports whether the unit of a rate is in the singular for one, and else in the
// plural. EventBridge's rules need that, and its Scheduler does not.
func Agrees(text string) bool {
	m := rateExpression.FindStringSubmatch(text)
	return m == nil || (m[1] == "1") != strings.HasSuffix(m[2], "s")
}

// Parse reads rate(...), cron(...) or at(...). The time zone is that of cron and at.
func Parse(text string, zone *time.Location) (*Schedule, error) {
	if m := rateExpression.FindStringSubmatch(text); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil || n < 1 || n > 1<<20 {
			return nil, fmt.Errorf("the number in %s must be positive and at most a million", text)
		}
		unit := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[m[2][0]]
		return &Schedule{rate: time.Duration(n) * unit, zone: zone}, nil
	}
	if inner, ok := within(text, "at"); ok {
		at, err := time.ParseInLocation("2006-01-02T15:04:05", inner, zone)
		if err != nil {
			return nil, fmt.Errorf("%s must have the form at(yyyy-mm-ddThh:mm:ss)", text)
		}
		return &Schedule{at: at, zone: zone}, nil
	}
	if inner, ok := within(text, "cron"); ok {
		c, err := parseCron(inner)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", text, err)
		}
		return &Schedule{cron: c, zone: zone}, nil
	}
	return nil, fmt.Errorf("%q is not rate(...), cron(...) or at(...)", text)
}

func within(text, name string) (string, bool) {
	inner, ok := strings.CutPrefix(text, name+"(")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(inner, ")")
}

// Next returns when the schedule is due next, after a time. A rate counts from that
// time. It reports false if the schedule is never due again.
func (s *Schedule) Next(after time.Time) (time.Time, bool) {
	switch {
	case s.rate > 0:
		return after.Add(s.rate), true
	case s.cron == nil:
		return s.at, after.Before(s.at)
	default:
		return s.cron.next(after.In(s.zone))
	}
}

// Includes reports whether a cron expression has the minute of a time.
func (s *Schedule) Includes(t time.Time) bool {
	t = t.In(s.zone)
	return s.cron != nil && s.cron.onDay(t) && s.cron.has(hours, t.Hour()) && s.cron.has(minutes, t.Minute())
}

// A Window limits when a schedule is due.
type Window struct {
	Start, End time.Time // zero if there is no limit
	// Now says that a rate is due at its start, and not one period behind it.
	Now bool
}

// first returns when a schedule that begins now is due for the first time.
func (s *Schedule) first(now time.Time, w Window) (time.Time, bool) {
	if s.rate == 0 {
		if now.Before(w.Start) {
			// The start itself may be due.
			now = w.Start.Add(-time.Nanosecond)
		}
		return s.Next(now)
	}
	begin := w.Start
	if begin.IsZero() {
		begin = now
	}
	if !w.Now {
		begin = begin.Add(s.rate)
	}
	if behind := now.Sub(begin); behind > 0 {
		begin = begin.Add((behind + s.rate - 1) / s.rate * s.rate)
	}
	return begin, true
}

// Start returns a function that calls fire whenever the schedule is due. It ends with
// ctx, and reports true if it ends because the schedule is never due again. The
// schedule begins now: a timer for the first time is set before Start returns.
func (s *Schedule) Start(ctx context.Context, c clock.Clock, w Window, fire func(at time.Time)) (run func() (over bool)) {
	now := c.Now()
	at, ok := s.first(now, w)
	due := func() bool { return ok && (w.End.IsZero() || !at.After(w.End)) }
	var timer clock.Timer
	if due() {
		timer = c.NewTimer(at.Sub(now))
	}
	return func() bool {
		for due() {
			select {
			case <-timer.C():
			case <-ctx.Done():
				timer.Stop()
				return false
			}
			fire(at)
			if at, ok = s.Next(at); due() {
				timer = c.NewTimer(at.Sub(c.Now()))
			}
		}
		return true
	}
}

// The fields of a cron expression, in their order.
const (
	minutes = iota
	hours
	daysOfMonth
	months
	daysOfWeek
	years
	fields
)

var ranges = [fields][2]int{{0, 59}, {0, 23}, {1, 31}, {1, 12}, {1, 7}, {1970, 2199}}

var names = map[int][]string{
	months:     {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"},
	daysOfWeek: {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"},
}

// A cron has the values that a field accepts, and the special ones of days.
type cron struct {
	sets    [fields]map[int]bool // nil for every value
	ofMonth []func(time.Time) bool
	ofWeek  []func(time.Time) bool
}

func parseCron(text string) (*cron, error) {
	parts := strings.Fields(text)
	if len(parts) != fields {
		return nil, fmt.Errorf("it has %d fields instead of 6: minutes, hours, day of month, month, day of week, year", len(parts))
	}
	if (parts[daysOfMonth] == "?") == (parts[daysOfWeek] == "?") {
		return nil, errors.New("one of day of month and day of week must be ?")
	}
	c := &cron{}
	for i, part := range parts {
		if part == "*" || part == "?" {
			if part == "?" && i != daysOfMonth && i != daysOfWeek {
				return nil, errors.New("only days can be ?")
			}
			continue
		}
		c.sets[i] = map[int]bool{}
		for item := range strings.SplitSeq(part, ",") {
			if err := c.add(i, item); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// add adds an item of a field's list.
func (c *cron) add(field int, item string) error {
	bad := fmt.Errorf("%q is not valid", item)
	switch {
	case field == daysOfMonth && item == "L":
		c.ofMonth = append(c.ofMonth, lastDay)
		return nil
	case field == daysOfMonth && item == "LW":
		c.ofMonth = append(c.ofMonth, func(t time.Time) bool { return nearestWeekday(t, daysIn(t)) == t.Day() })
		return nil
	case field == daysOfMonth && strings.HasSuffix(item, "W"):
		day, err := strconv.Atoi(strings.TrimSuffix(item, "W"))
		if err != nil || day < 1 || day > 31 {
			return bad
		}
		c.ofMonth = append(c.ofMonth, func(t time.Time) bool { return day <= daysIn(t) && nearestWeekday(t, day) == t.Day() })
		return nil
	case field == daysOfWeek && item == "L":
		c.sets[field][7] = true
		return nil
	case field == daysOfWeek && strings.HasSuffix(item, "L"):
		day, ok := value(field, strings.TrimSuffix(item, "L"))
		if !ok {
			return bad
		}
		c.ofWeek = append(c.ofWeek, func(t time.Time) bool { return weekday(t) == day && t.Day() > daysIn(t)-7 })
		return nil
	case field == daysOfWeek && strings.Contains(item, "#"):
		name, nth, _ := strings.Cut(item, "#")
		day, ok := value(field, name)
		n, err := strconv.Atoi(nth)
		if !ok || err != nil || n < 1 || n > 5 {
			return bad
		}
		c.ofWeek = append(c.ofWeek, func(t time.Time) bool { return weekday(t) == day && (t.Day()-1)/7 == n-1 })
		return nil
	}
	span, stepText, stepped := strings.Cut(item, "/")
	step := 1
	if stepped {
		var err error
		if step, err = strconv.Atoi(stepText); err != nil || step < 1 {
			return bad
		}
	}
	low, high := ranges[field][0], ranges[field][1]
	if span != "*" {
		from, to, isRange := strings.Cut(span, "-")
		var ok bool
		if low, ok = value(field, from); !ok {
			return bad
		}
		switch {
		case isRange:
			if high, ok = value(field, to); !ok {
				return bad
			}
		case !stepped:
			high = low
		}
	} else if !stepped {
		return bad
	}
	// A range may go over the end: FRI-MON.
	if high < low {
		if field == years {
			return bad
		}
		high += ranges[field][1] - ranges[field][0] + 1
	}
	for v := low; v <= high; v += step {
		n := v
		if n > ranges[field][1] {
			n -= ranges[field][1] - ranges[field][0] + 1
		}
		c.sets[field][n] = true
	}
	return nil
}

// value reads a number or a name of a field.
func value(field int, text string) (int, bool) {
	if i := slices.Index(names[field], strings.ToUpper(text)); i >= 0 {
		return i + 1, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= ranges[field][0] && n <= ranges[field][1]
}

func weekday(t time.Time) int { return int(t.Weekday()) + 1 }

func daysIn(t time.Time) int { return time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day() }

func lastDay(t time.Time) bool { return t.Day() == daysIn(t) }

// nearestWeekday returns the day from Monday to Friday that is nearest to a day of t's
// month, in the same month.
func nearestWeekday(t time.Time, day int) int {
	switch time.Date(t.Year(), t.Month(), day, 0, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday:
		if day == 1 {
			return 3
		}
		return day - 1
	case time.Sunday:
		if day == daysIn(t) {
			return day - 2
		}
		return day + 1
	default:
		return day
	}
}

func (c *cron) has(field, v int) bool { return c.sets[field] == nil || c.sets[field][v] }

func (c *cron) onDay(t time.Time) bool {
	special := func(tests []func(time.Time) bool) bool {
		return slices.ContainsFunc(tests, func(test func(time.Time) bool) bool { return test(t) })
	}
	return c.has(years, t.Year()) && c.has(months, int(t.Month())) &&
		(c.has(daysOfMonth, t.Day()) || special(c.ofMonth)) && (c.has(daysOfWeek, weekday(t)) || special(c.ofWeek))
}

// next returns the first minute behind a time that matches. A time that a time zone
// skips is left out, and one that it has twice is due the first time only.
func (c *cron) next(after time.Time) (time.Time, bool) {
	zone := after.Location()
	for day := time.Date(after.Year(), after.Month(), after.Day(), 12, 0, 0, 0, time.UTC); day.Year() <= ranges[years][1]; day = day.AddDate(0, 0, 1) {
		if !c.has(years, day.Year()) {
			day = time.Date(day.Year(), time.December, 31, 12, 0, 0, 0, time.UTC)
			continue
		}
		if !c.onDay(day) {
			continue
		}
		for hour := range 24 {
			if !c.has(hours, hour) {
				continue
			}
			for minute := range 60 {
				if !c.has(minutes, minute) {
					continue
				}
				t := time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, zone)
				if t.Hour() == hour && t.After(after) {
					return t, true
				}
			}
		}
	}
	return time.Time{}, false
}
