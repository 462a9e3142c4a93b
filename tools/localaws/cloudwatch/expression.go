package cloudwatch

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// A frame is a sequence of periods for which values are computed.
type frame struct {
	start, period int64 // seconds
	n             int
}

// newFrame returns the periods between start and end, aligned to multiples of
// period. The first one begins at start or contains it; the last one begins
// before end.
func newFrame(start, end time.Time, period int64) frame {
	first := start.Unix() - start.Unix()%period
	last := end.Unix()
	if end.Nanosecond() > 0 {
		last++
	}
	return frame{start: first, period: period, n: int(max(0, (last-first+period-1)/period))}
}

// at returns the start of the i-th period.
func (f frame) at(i int) int64 { return f.start + int64(i)*f.period }

// A value is the result of a metric math expression: a number, a time series,
// or a list of time series. A time series has one entry for each period of the
// frame, which is NaN if there is no data point.
type value struct {
	kind   kind
	number float64
	series []float64
	list   []value
}

type kind int

const (
	number kind = iota
	timeSeries
	list
)

func (k kind) String() string {
	return [...]string{"a number", "a time series", "a list of time series"}[k]
}

// An expression is a parsed metric math expression.
// See https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html.
type expression interface {
	eval(*mathContext) (value, error)
}

// A mathContext holds what an expression can refer to.
type mathContext struct {
	frame   frame
	lookup  func(id string) (value, error)
	metrics func(containing string) ([]value, error) // METRICS()
}

type (
	numberExpr float64
	stringExpr string
	idExpr     string
	listExpr   []expression
	negateExpr struct{ of expression }
	binaryExpr struct {
		op          string
		left, right expression
	}
	callExpr struct {
		name string
		args []expression
	}
)

func (e numberExpr) eval(*mathContext) (value, error) { return value{number: float64(e)}, nil }

func (e stringExpr) eval(*mathContext) (value, error) {
	return value{}, fmt.Errorf("unexpected text %q", string(e))
}

func (e idExpr) eval(c *mathContext) (value, error) { return c.lookup(string(e)) }

func (e listExpr) eval(c *mathContext) (value, error) {
	out := value{kind: list}
	for _, item := range e {
		v, err := item.eval(c)
		if err != nil {
			return value{}, err
		}
		switch v.kind {
		case list:
			out.list = append(out.list, v.list...)
		case timeSeries:
			out.list = append(out.list, v)
		default:
			return value{}, fmt.Errorf("a list may only contain time series, not %v", v.kind)
		}
	}
	return out, nil
}

func (e negateExpr) eval(c *mathContext) (value, error) {
	v, err := e.of.eval(c)
	if err != nil {
		return value{}, err
	}
	return mapValue(v, func(x float64) float64 { return -x }), nil
}

func (e binaryExpr) eval(c *mathContext) (value, error) {
	left, err := e.left.eval(c)
	if err != nil {
		return value{}, err
	}
	right, err := e.right.eval(c)
	if err != nil {
		return value{}, err
	}
	return combine(left, right, operators[e.op])
}

var operators = map[string]func(a, b float64) float64{
	"+":  func(a, b float64) float64 { return a + b },
	"-":  func(a, b float64) float64 { return a - b },
	"*":  func(a, b float64) float64 { return a * b },
	"/":  func(a, b float64) float64 { return a / b },
	"^":  math.Pow,
	"<":  func(a, b float64) float64 { return truth(a < b) },
	"<=": func(a, b float64) float64 { return truth(a <= b) },
	">":  func(a, b float64) float64 { return truth(a > b) },
	">=": func(a, b float64) float64 { return truth(a >= b) },
	"==": func(a, b float64) float64 { return truth(a == b) },
	"!=": func(a, b float64) float64 { return truth(a != b) },
	"&&": func(a, b float64) float64 { return truth(a != 0 && b != 0) },
	"||": func(a, b float64) float64 { return truth(a != 0 || b != 0) },
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// combine applies op to each pair of data points. A period has no data point if
// one side has none, or if the result is not a finite number, as after a
// division by zero.
func combine(a, b value, op func(a, b float64) float64) (value, error) {
	switch {
	case a.kind == list && b.kind == list:
		return value{}, fmt.Errorf("an operator takes at most one list of time series")
	case a.kind == list:
		return mapList(a, func(v value) (value, error) { return combine(v, b, op) })
	case b.kind == list:
		return mapList(b, func(v value) (value, error) { return combine(a, v, op) })
	case a.kind == number && b.kind == number:
		return value{number: op(a.number, b.number)}, nil
	}
	n := max(len(a.series), len(b.series))
	out := value{kind: timeSeries, series: make([]float64, n)}
	for i := range n {
		x, y := a.at(i), b.at(i)
		out.series[i] = math.NaN()
		if !math.IsNaN(x) && !math.IsNaN(y) {
			out.series[i] = finite(op(x, y))
		}
	}
	return out, nil
}

func finite(x float64) float64 {
	if math.IsInf(x, 0) {
		return math.NaN()
	}
	return x
}

// at returns the i-th data point of a series, or the number itself.
func (v value) at(i int) float64 {
	if v.kind == number {
		return v.number
	}
	return v.series[i]
}

func mapList(v value, f func(value) (value, error)) (value, error) {
	out := value{kind: list}
	for _, item := range v.list {
		w, err := f(item)
		if err != nil {
			return value{}, err
		}
		out.list = append(out.list, w)
	}
	return out, nil
}

// mapValue applies f to each number of v.
func mapValue(v value, f func(float64) float64) value {
	switch v.kind {
	case number:
		return value{number: f(v.number)}
	case timeSeries:
		out := value{kind: timeSeries, series: make([]float64, len(v.series))}
		for i, x := range v.series {
			out.series[i] = finite(f(x)) // NaN stays NaN
		}
		return out
	default:
		out := value{kind: list}
		for _, item := range v.list {
			out.list = append(out.list, mapValue(item, f))
		}
		return out
	}
}

// parseExpression parses an expression. The error says where parsing failed.
func parseExpression(text string) (expression, error) {
	p := &parser{text: text}
	if err := p.advance(); err != nil {
		return nil, err
	}
	e, err := p.binary(0)
	if err != nil {
		return nil, err
	}
	if p.token != "" {
		return nil, fmt.Errorf("unexpected %q at position %d", p.token, p.from+1)
	}
	return e, nil
}

type parser struct {
	text     string
	from, to int    // positions of the present token
	token    string // empty at the end
	quoted   bool   // whether the token is a string literal, whose quotes are removed
	depth    int
}

// maxDepth limits the nesting of an expression, and thereby the use of the stack.
const maxDepth = 100

func (p *parser) advance() error {
	i := p.to
	for i < len(p.text) && (p.text[i] == ' ' || p.text[i] == '\t' || p.text[i] == '\n' || p.text[i] == '\r') {
		i++
	}
	p.from, p.quoted = i, false
	if i == len(p.text) {
		p.token, p.to = "", i
		return nil
	}
	c := p.text[i]
	end := i + 1
	switch {
	case isWord(c):
		for end < len(p.text) && (isWord(p.text[end]) || p.text[end] == '.' && unicode.IsDigit(rune(c))) {
			end++
		}
	case c == '"' || c == '\'':
		for end < len(p.text) && p.text[end] != c {
			end++
		}
		if end == len(p.text) {
			return fmt.Errorf("the text that begins at position %d has no closing quote", i+1)
		}
		p.token, p.to, p.quoted = p.text[i+1:end], end+1, true
		return nil
	case end < len(p.text) && operators[p.text[i:end+1]] != nil:
		end++
	case strings.IndexByte("+-*/^<>()[],", c) < 0:
		return fmt.Errorf("unexpected character %q at position %d", c, i+1)
	}
	p.token, p.to = p.text[i:end], end
	return nil
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// levels lists the operators from the loosest binding to the tightest.
var levels = [][]string{{"||"}, {"&&"}, {"<", "<=", ">", ">=", "==", "!="}, {"+", "-"}, {"*", "/"}, {"^"}}

func (p *parser) operator(level int) (string, bool) {
	op := p.token
	if p.quoted {
		return "", false
	}
	switch op {
	case "AND":
		op = "&&"
	case "OR":
		op = "||"
	}
	for _, candidate := range levels[level] {
		if op == candidate {
			return op, true
		}
	}
	return "", false
}

func (p *parser) binary(level int) (expression, error) {
	if level == len(levels) {
		return p.unary()
	}
	left, err := p.binary(level + 1)
	if err != nil {
		return nil, err
	}
	for {
		op, ok := p.operator(level)
		if !ok {
			return left, nil
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		right, err := p.binary(level + 1)
		if err != nil {
			return nil, err
		}
		left = binaryExpr{op, left, right}
	}
}

func (p *parser) unary() (expression, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, fmt.Errorf("it is nested more than %d levels deep", maxDepth)
	}
	token, quoted, at := p.token, p.quoted, p.from+1
	if token == "" && !quoted {
		return nil, fmt.Errorf("it ends, but a value is expected")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	switch {
	case quoted:
		return stringExpr(token), nil
	case token == "-":
		of, err := p.unary()
		return negateExpr{of}, err
	case token == "(":
		e, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		return e, p.expect(")")
	case token == "[":
		items, err := p.items("]")
		return listExpr(items), err
	case token[0] >= '0' && token[0] <= '9':
		n, err := strconv.ParseFloat(token, 64)
		if err != nil {
			return nil, fmt.Errorf("%q at position %d is not a number", token, at)
		}
		return numberExpr(n), nil
	case !isWord(token[0]):
		return nil, fmt.Errorf("unexpected %q at position %d", token, at)
	case p.token == "(" && !p.quoted:
		if err := p.advance(); err != nil {
			return nil, err
		}
		args, err := p.items(")")
		if err != nil {
			return nil, err
		}
		if functions[token] == nil {
			return nil, fmt.Errorf("the function %s is not supported by the embedded AWS", token)
		}
		return callExpr{token, args}, nil
	default:
		return idExpr(token), nil
	}
}

// items parses a list up to its closing bracket.
func (p *parser) items(closing string) ([]expression, error) {
	var items []expression
	for p.token != closing || p.quoted {
		if len(items) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		e, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		items = append(items, e)
	}
	return items, p.advance()
}

func (p *parser) expect(token string) error {
	if p.token != token || p.quoted {
		return fmt.Errorf("%q is expected at position %d", token, p.from+1)
	}
	return p.advance()
}
