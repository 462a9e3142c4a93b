package value

import (
	"encoding/base64"
	"math/big"
	"strconv"
	"strings"
)

// The limits of a number: 38 significant digits, and magnitudes from 1E-130 to
// 9.99...E+125.
const (
	maxDigits   = 38
	maxExponent = 126
	minExponent = -129
)

// A number has one form, its sortable form: the order of the forms as bytes is
// the order of the numbers, and equal numbers have equal forms. With the number
// written as 0.DDD times ten to the power of e, the first D not zero:
//
//   - zero is the byte 0x80;
//   - a positive number is 0x81, e as a byte, and for each two digits one byte;
//   - a negative number has 0x7f and the complements of those bytes, and ends
//     with 0xff, because the shorter of two such numbers is the greater one.
const (
	negative = 0x7f
	zero     = 0x80
	positive = 0x81
	end      = 0xff
	// Pairs of digits are the bytes 1 to 100, and their complements are, too.
	pairs = 101
)

// A decimal is a number as 0.digits times ten to the power of exponent. Digits
// begin and end with a digit other than 0. Zero has no digits.
type decimal struct {
	negative bool
	digits   string
	exponent int
}

// ParseNumber reads a number as DynamoDB does. It returns an Error if the text
// is no number or if the number exceeds DynamoDB's precision or range.
func ParseNumber(text string) (Value, error) {
	d, ok := parseDecimal(text)
	if !ok {
		if text == "" {
			return Value{}, Error("The parameter cannot be converted to a numeric value")
		}
		return Value{}, Error("The parameter cannot be converted to a numeric value: " + text)
	}
	return d.value()
}

// value checks a number's limits and returns it in its sortable form.
func (d decimal) value() (Value, error) {
	switch {
	case d.digits == "":
		return Value{kind: Number, text: string([]byte{zero})}, nil
	case len(d.digits) > maxDigits:
		return Value{}, Error("Attempting to store more than 38 significant digits in a Number")
	case d.exponent > maxExponent:
		return Value{}, Error("Number overflow. Attempting to store a number with magnitude larger than supported range")
	case d.exponent < minExponent:
		return Value{}, Error("Number underflow. Attempting to store a number with magnitude smaller than supported range")
	}
	b := make([]byte, 0, 3+(len(d.digits)+1)/2)
	b = append(b, positive, byte(d.exponent-minExponent)) // #nosec G115 -- the limits leave 256 exponents
	for i := 0; i < len(d.digits); i += 2 {
		pair := (d.digits[i] - '0') * 10
		if i+1 < len(d.digits) {
			pair += d.digits[i+1] - '0'
		}
		b = append(b, pair+1)
	}
	if d.negative {
		b[0], b[1] = negative, ^b[1]
		for i := 2; i < len(b); i++ {
			b[i] = pairs - b[i]
		}
		b = append(b, end)
	}
	return Value{kind: Number, text: string(b)}, nil
}

// parseDecimal reads [+-]digits[.digits][e[+-]digits].
func parseDecimal(text string) (decimal, bool) {
	d := decimal{negative: strings.HasPrefix(text, "-")}
	if text != "" && (text[0] == '-' || text[0] == '+') {
		text = text[1:]
	}
	mantissa, power := text, 0
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa = text[:i]
		var ok bool
		if power, ok = parsePower(text[i+1:]); !ok {
			return d, false
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if whole == "" && fraction == "" || !decimalDigits(whole) || !decimalDigits(fraction) {
		return d, false
	}
	d.digits, d.exponent = whole+fraction, len(whole)+power
	return d.normal(), true
}

// parsePower reads an exponent. Its value is limited, because the number is
// then out of range anyway.
func parsePower(text string) (int, bool) {
	const limit = 1 << 20
	sign := 1
	if text != "" && (text[0] == '-' || text[0] == '+') {
		if text[0] == '-' {
			sign = -1
		}
		text = text[1:]
	}
	if text == "" || !decimalDigits(text) {
		return 0, false
	}
	power, err := strconv.Atoi(text)
	if err != nil {
		power = limit
	}
	return sign * min(power, limit), true
}

func decimalDigits(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// normal removes zeros at both ends of the digits.
func (d decimal) normal() decimal {
	trimmed := strings.TrimLeft(d.digits, "0")
	d.exponent -= len(d.digits) - len(trimmed)
	d.digits = strings.TrimRight(trimmed, "0")
	if d.digits == "" {
		return decimal{}
	}
	return d
}

// decimalOf reads the sortable form.
func decimalOf(text string) decimal {
	if text == "" || text[0] == zero {
		return decimal{}
	}
	d := decimal{negative: text[0] == negative, exponent: int(text[1]) + minExponent}
	body := text[2:]
	if d.negative {
		d.exponent = int(^text[1]) + minExponent
		body = body[:len(body)-1]
	}
	digits := make([]byte, 0, 2*len(body))
	for i := range len(body) {
		pair := body[i]
		if d.negative {
			pair = pairs - pair
		}
		digits = append(digits, '0'+(pair-1)/10, '0'+(pair-1)%10)
	}
	d.digits = strings.TrimRight(string(digits), "0")
	return d
}

// FormatNumber returns a number as DynamoDB does: without an exponent and
// without superfluous zeros.
func FormatNumber(v Value) string {
	d := decimalOf(v.text)
	if d.digits == "" {
		return "0"
	}
	text := ""
	switch {
	case d.exponent <= 0:
		text = "0." + strings.Repeat("0", -d.exponent) + d.digits
	case d.exponent >= len(d.digits):
		text = d.digits + strings.Repeat("0", d.exponent-len(d.digits))
	default:
		text = d.digits[:d.exponent] + "." + d.digits[d.exponent:]
	}
	if d.negative {
		return "-" + text
	}
	return text
}

// Add returns the sum of two numbers, or an Error if it exceeds the limits.
func Add(a, b Value) (Value, error) { return sum(decimalOf(a.text), decimalOf(b.text)) }

// Subtract returns the difference of two numbers, or an Error if it exceeds the limits.
func Subtract(a, b Value) (Value, error) {
	subtrahend := decimalOf(b.text)
	subtrahend.negative = !subtrahend.negative
	return sum(decimalOf(a.text), subtrahend)
}

func sum(a, b decimal) (Value, error) {
	// Both become integers times ten to the power of the smaller unit.
	unit := min(a.exponent-len(a.digits), b.exponent-len(b.digits))
	total := new(big.Int).Add(a.scaled(unit), b.scaled(unit))
	d := decimal{negative: total.Sign() < 0, digits: new(big.Int).Abs(total).String()}
	d.exponent = len(d.digits) + unit
	return d.normal().value()
}

// scaled returns d as an integer number of units of ten to the power of unit.
func (d decimal) scaled(unit int) *big.Int {
	i := new(big.Int)
	if d.digits == "" {
		return i
	}
	i.SetString(d.digits+strings.Repeat("0", d.exponent-len(d.digits)-unit), 10)
	if d.negative {
		i.Neg(i)
	}
	return i
}

// numberSize returns the size of a number: one byte for each two digits and one
// more, and one for a sign.
func numberSize(text string) int {
	if text[0] == zero {
		return 1
	}
	return len(text) - 1
}

// Seconds returns a number's integer part as Unix time. It reports false for a
// value that is no number, or one out of the range of int64.
func (v Value) Seconds() (int64, bool) {
	if v.kind != Number {
		return 0, false
	}
	d := decimalOf(v.text)
	if d.digits == "" || d.exponent <= 0 {
		return 0, true
	}
	whole := d.digits
	// An int64 has at most 19 digits.
	switch {
	case d.exponent < len(whole):
		whole = whole[:d.exponent]
	case d.exponent <= 19:
		whole += strings.Repeat("0", d.exponent-len(whole))
	default:
		return 0, false
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if d.negative {
		n = -n
	}
	return n, err == nil
}

// plain returns a scalar without its type.
func (v Value) plain() string {
	switch v.kind {
	case Number:
		return FormatNumber(v)
	case Binary:
		return base64.StdEncoding.EncodeToString([]byte(v.text))
	default:
		return v.text
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
