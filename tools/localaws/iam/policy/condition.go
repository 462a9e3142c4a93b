package policy

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// A Context holds the condition keys of a request, in lower case, with their
// values. A key without values counts as missing.
type Context map[string][]string

// Set gives a key its values.
func (c Context) Set(key string, values ...string) {
	c[strings.ToLower(key)] = values
}

// A condition is one key of one operator in a Condition element.
type condition struct {
	key      string // in lower case
	operator operator
	set      setOperator
	ifExists bool
	values   []value
}

type setOperator int

const (
	noSet setOperator = iota
	forAllValues
	forAnyValue
)

// A value is a value in a policy. Which field is used depends on the operator.
type value struct {
	pattern pattern
	number  float64
	time    time.Time
	prefix  netip.Prefix
	text    string
}

// An operator compares the value of a key with a value in the policy.
type operator struct {
	negated bool
	null    bool
	// parse reads a value in a policy. It reports false if the value does not have
	// the operator's type; such a value never matches.
	parse func(text string, variables bool) (value, bool)
	match func(have string, want *value, c Context) (matched, resolved bool)
}

// operators has the operators without their prefixes and suffixes. See
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html.
var operators = map[string]operator{
	"StringEquals":              {parse: parsePattern(literal), match: matchString},
	"StringNotEquals":           {parse: parsePattern(literal), match: matchString, negated: true},
	"StringEqualsIgnoreCase":    {parse: parsePattern(literal), match: matchFold},
	"StringNotEqualsIgnoreCase": {parse: parsePattern(literal), match: matchFold, negated: true},
	"StringLike":                {parse: parsePattern(wildcards), match: matchString},
	"StringNotLike":             {parse: parsePattern(wildcards), match: matchString, negated: true},
	"ArnEquals":                 {parse: parsePattern(wildcards), match: matchARN},
	"ArnNotEquals":              {parse: parsePattern(wildcards), match: matchARN, negated: true},
	"ArnLike":                   {parse: parsePattern(wildcards), match: matchARN},
	"ArnNotLike":                {parse: parsePattern(wildcards), match: matchARN, negated: true},
	"NumericEquals":             {parse: parseNumeric, match: matchNumeric(func(n int) bool { return n == 0 })},
	"NumericNotEquals":          {parse: parseNumeric, match: matchNumeric(func(n int) bool { return n == 0 }), negated: true},
	"NumericLessThan":           {parse: parseNumeric, match: matchNumeric(func(n int) bool { return n < 0 })},
	"NumericLessThanEquals":     {parse: parseNumeric, match: matchNumeric(func(n int) bool { return n <= 0 })},
	"NumericGreaterThan":        {parse: parseNumeric, match: matchNumeric(func(n int) bool { return n > 0 })},
	"NumericGreaterThanEquals":  {parse: parseNumeric, match: matchNumeric(func(n int) bool { return n >= 0 })},
	"DateEquals":                {parse: parseDate, match: matchDate(func(n int) bool { return n == 0 })},
	"DateNotEquals":             {parse: parseDate, match: matchDate(func(n int) bool { return n == 0 }), negated: true},
	"DateLessThan":              {parse: parseDate, match: matchDate(func(n int) bool { return n < 0 })},
	"DateLessThanEquals":        {parse: parseDate, match: matchDate(func(n int) bool { return n <= 0 })},
	"DateGreaterThan":           {parse: parseDate, match: matchDate(func(n int) bool { return n > 0 })},
	"DateGreaterThanEquals":     {parse: parseDate, match: matchDate(func(n int) bool { return n >= 0 })},
	"Bool":                      {parse: parseBool, match: matchBool},
	"BinaryEquals":              {parse: parseBinary, match: matchBinary},
	"IpAddress":                 {parse: parseAddress, match: matchAddress},
	"NotIpAddress":              {parse: parseAddress, match: matchAddress, negated: true},
	"Null":                      {parse: parseBool, null: true},
}

func (p *Policy) conditions(v any) ([]condition, error) {
	members, ok := v.(object)
	if !ok {
		return nil, syntax(syntaxErrors)
	}
	var conditions []condition
	for _, m := range members {
		keys, ok := m.value.(object)
		if !ok {
			return nil, syntax(syntaxErrors)
		}
		c, err := parseOperator(m.name)
		if err != nil {
			return nil, err
		}
		seen := map[string]bool{}
		for _, k := range keys {
			c := c
			c.key = strings.ToLower(k.name)
			if !strings.Contains(c.key, ":") {
				return nil, syntax("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
			}
			if seen[c.key] {
				return nil, syntax(syntaxErrors)
			}
			seen[c.key] = true
			if c.values, err = p.conditionValues(c.operator, k.value); err != nil {
				return nil, err
			}
			conditions = append(conditions, c)
		}
	}
	return conditions, nil
}

// parseOperator reads the name of an operator with its prefix and suffix.
func parseOperator(name string) (condition, error) {
	var c condition
	base := name
	if rest, ok := strings.CutPrefix(base, "ForAllValues:"); ok {
		base, c.set = rest, forAllValues
	} else if rest, ok := strings.CutPrefix(base, "ForAnyValue:"); ok {
		base, c.set = rest, forAnyValue
	}
	base, c.ifExists = strings.CutSuffix(base, "IfExists")
	o, ok := operators[base]
	if !ok || o.null && (c.ifExists || c.set != noSet) {
		return c, syntax("Invalid Condition type : " + name + ".")
	}
	c.operator = o
	return c, nil
}

// conditionValues reads one value or a list. JSON's numbers and booleans are
// the same as strings.
func (p *Policy) conditionValues(o operator, v any) ([]value, error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	values := []value{}
	for _, item := range list {
		var text string
		switch item := item.(type) {
		case string:
			text = item
		case json.Number:
			text = item.String()
		case bool:
			text = strconv.FormatBool(item)
		default:
			return nil, syntax(syntaxErrors)
		}
		if v, ok := o.parse(text, p.variables); ok {
			values = append(values, v)
		}
	}
	return values, nil
}

// holds reports whether a request meets the condition. See
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html.
func (c *condition) holds(ctx Context) bool {
	have := ctx[c.key]
	if c.operator.null {
		missing := strconv.FormatBool(len(have) == 0)
		for i := range c.values {
			if c.values[i].text == missing {
				return true
			}
		}
		return false
	}
	switch c.set {
	case forAllValues:
		// An empty string is the same as no value.
		for _, v := range have {
			if (v != "" || len(have) > 1) && !c.test(v, ctx) {
				return false
			}
		}
		return true
	case forAnyValue:
		for _, v := range have {
			if c.test(v, ctx) {
				return true
			}
		}
		return len(have) == 0 && c.ifExists
	default:
		if len(have) == 0 {
			return c.ifExists || c.operator.negated
		}
		// AWS does not document several values without a set operator. Here, one of
		// them must be equal, or none of them may be.
		for _, v := range have {
			if c.test(v, ctx) != c.operator.negated {
				return !c.operator.negated
			}
		}
		return c.operator.negated
	}
}

// test compares one value with those in the policy: it must be equal to one of
// them, or for a negated operator to none. A variable that can't be resolved
// makes the statement invalid, unless the operator ends with IfExists.
func (c *condition) test(have string, ctx Context) bool {
	for i := range c.values {
		matched, resolved := c.operator.match(have, &c.values[i], ctx)
		if matched {
			return !c.operator.negated
		}
		if !resolved && c.operator.negated && !c.ifExists {
			return false
		}
	}
	return c.operator.negated
}

func parsePattern(s patternSyntax) func(string, bool) (value, bool) {
	return func(text string, variables bool) (value, bool) {
		return value{pattern: compile(text, s, variables)}, true
	}
}

func matchString(have string, want *value, c Context) (matched, resolved bool) {
	g, ok := want.pattern.resolve(c)
	return ok && g.match(have), ok
}

func matchFold(have string, want *value, c Context) (matched, resolved bool) {
	g, ok := want.pattern.resolve(c)
	return ok && strings.EqualFold(g.text, have), ok
}

func matchARN(have string, want *value, c Context) (matched, resolved bool) {
	g, ok := want.pattern.resolve(c)
	return ok && g.matchARN(have), ok
}

func parseNumeric(text string, _ bool) (value, bool) {
	n, err := strconv.ParseFloat(text, 64)
	return value{number: n}, err == nil && !math.IsNaN(n)
}

func matchNumeric(holds func(int) bool) func(string, *value, Context) (bool, bool) {
	return func(have string, want *value, _ Context) (matched, resolved bool) {
		n, ok := parseNumeric(have, false)
		if !ok {
			return false, true
		}
		order := 0
		if n.number < want.number {
			order = -1
		} else if n.number > want.number {
			order = 1
		}
		return holds(order), true
	}
}

// dateLayouts are the forms of ISO 8601 that the W3C's profile has. See
// https://www.w3.org/TR/NOTE-datetime.
var dateLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01", "2006"}

// parseDate reads a date of ISO 8601, or seconds since 1970.
func parseDate(text string, _ bool) (value, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && len(text) > 4 {
		return value{time: time.Unix(n, 0)}, true
	}
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return value{time: t}, true
		}
	}
	return value{}, false
}

func matchDate(holds func(int) bool) func(string, *value, Context) (bool, bool) {
	return func(have string, want *value, _ Context) (matched, resolved bool) {
		v, ok := parseDate(have, false)
		return ok && holds(v.time.Compare(want.time)), true
	}
}

func parseBool(text string, _ bool) (value, bool) {
	text = strings.ToLower(text)
	return value{text: text}, text == "true" || text == "false"
}

func matchBool(have string, want *value, _ Context) (matched, resolved bool) {
	return strings.EqualFold(have, want.text), true
}

func parseBinary(text string, _ bool) (value, bool) {
	b, err := base64.StdEncoding.DecodeString(text)
	return value{text: string(b)}, err == nil
}

// matchBinary compares bytes. A context has them as base64, like a policy.
func matchBinary(have string, want *value, _ Context) (matched, resolved bool) {
	b, err := base64.StdEncoding.DecodeString(have)
	return err == nil && string(b) == want.text, true
}

// parseAddress reads an address or a range of addresses.
func parseAddress(text string, _ bool) (value, bool) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return value{prefix: prefix.Masked()}, true
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return value{}, false
	}
	return value{prefix: netip.PrefixFrom(address, address.BitLen())}, true
}

func matchAddress(have string, want *value, _ Context) (matched, resolved bool) {
	address, err := netip.ParseAddr(have)
	return err == nil && want.prefix.Contains(address.Unmap()), true
}
