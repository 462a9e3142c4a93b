package policy_test

import (
	"net"
	"strconv"
	"strings"
	"time"
)

// referenceCompare compares two values with an operator that is not negated.
func referenceCompare(context map[string][]string, operator, value, want string, variables bool) (bool, error) {
	switch {
	case strings.HasPrefix(operator, "String"):
		like := operator == "StringLike"
		re, err := referenceRegexp(want, context, variables, like, false)
		if err != nil {
			return false, err
		}
		if operator == "StringEqualsIgnoreCase" {
			return strings.EqualFold(want, value), nil
		}
		return re.MatchString(value), nil
	case strings.HasPrefix(operator, "Arn"):
		return referenceARN(value, want), nil
	case strings.HasPrefix(operator, "Numeric"):
		a, errA := strconv.ParseFloat(value, 64)
		b, errB := strconv.ParseFloat(want, 64)
		return errA == nil && errB == nil && referenceOrder(operator, a-b), nil
	case strings.HasPrefix(operator, "Date"):
		a, okA := referenceDate(value)
		b, okB := referenceDate(want)
		return okA && okB && referenceOrder(operator, a-b), nil
	case operator == "Bool":
		return value == want, nil
	default:
		ip := net.ParseIP(value)
		if ip == nil {
			return false, nil
		}
		if _, block, err := net.ParseCIDR(want); err == nil {
			return block.Contains(ip), nil
		}
		return net.ParseIP(want).Equal(ip), nil
	}
}

func referenceOrder(operator string, difference float64) bool {
	switch {
	case strings.HasSuffix(operator, "LessThan"):
		return difference < 0
	case strings.HasSuffix(operator, "LessThanEquals"):
		return difference <= 0
	case strings.HasSuffix(operator, "GreaterThan"):
		return difference > 0
	case strings.HasSuffix(operator, "GreaterThanEquals"):
		return difference >= 0
	default:
		return difference == 0
	}
}

func referenceDate(text string) (float64, bool) {
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return n, true
	}
	t, err := time.Parse(time.RFC3339, text)
	return float64(t.Unix()), err == nil
}

func referenceARN(value, want string) bool {
	if want == "*" {
		return strings.HasPrefix(value, "arn:")
	}
	values, wants := strings.SplitN(value, ":", 6), strings.SplitN(want, ":", 6)
	if len(values) != 6 || len(wants) != 6 {
		return false
	}
	for i := range values {
		re, err := referenceRegexp(wants[i], nil, false, true, false)
		if err != nil || !re.MatchString(values[i]) {
			return false
		}
	}
	return true
}
