package value_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/magewright/magewright/tools/localaws/dynamodb/value"
)

func number(t *testing.T, text string) value.Value {
	t.Helper()
	v, err := value.ParseNumber(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func TestNumbersAreNormalised(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0": "0", "-0": "0", "0.000": "0", "+1": "1", "1.0": "1", "100": "100", "1e2": "100", "1E+2": "100", "12.50": "12.5", ".5": "0.5", "5.": "5",
		"-0.001": "-0.001", "1e-130": "0." + strings.Repeat("0", 129) + "1", "9.9e125": "99" + strings.Repeat("0", 124),
		"123456789012345678901234567890.12345678":   "123456789012345678901234567890.12345678",
		"00000000000000000000000000000000000000001": "1",
	} {
		if got := value.FormatNumber(number(t, text)); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"": "The parameter cannot be converted to a numeric value", "abc": "The parameter cannot be converted to a numeric value: abc",
		"1e": "The parameter cannot be converted to a numeric value: 1e", "1 2": "The parameter cannot be converted to a numeric value: 1 2", ".": "The parameter cannot be converted to a numeric value: .",
		"123456789012345678901234567890123456789": "Attempting to store more than 38 significant digits in a Number",
		"1e126":                   "Number overflow. Attempting to store a number with magnitude larger than supported range",
		"1e-131":                  "Number underflow. Attempting to store a number with magnitude smaller than supported range",
		"1e999999999999999999999": "Number overflow. Attempting to store a number with magnitude larger than supported range",
	} {
		if _, err := value.ParseNumber(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// Random numbers compare, add and subtract as big.Rat does.
func TestNumbersAgainstRationals(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	draw := func() string {
		var b strings.Builder
		if random.IntN(2) == 0 {
			b.WriteByte('-')
		}
		for range 1 + random.IntN(9) {
			b.WriteByte("0123456789"[random.IntN(10)])
		}
		if random.IntN(2) == 0 {
			b.WriteByte('.')
			for range 1 + random.IntN(9) {
				b.WriteByte("0123456789"[random.IntN(10)])
			}
		}
		return fmt.Sprintf("%se%d", &b, random.IntN(12)-6)
	}
	rat := func(text string) *big.Rat {
		r, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatal(text)
		}
		return r
	}
	for range 20000 {
		x, y := draw(), draw()
		a, b := number(t, x), number(t, y)
		if rat(value.FormatNumber(a)).Cmp(rat(x)) != 0 {
			t.Fatalf("%s is %s", x, value.FormatNumber(a))
		}
		if got, want := value.Compare(a, b), rat(x).Cmp(rat(y)); got != want {
			t.Fatalf("%s and %s compare as %d, want %d", x, y, got, want)
		}
		total, err := value.Add(a, b)
		if err != nil || rat(value.FormatNumber(total)).Cmp(new(big.Rat).Add(rat(x), rat(y))) != 0 {
			t.Fatalf("%s + %s = %s, %v", x, y, value.FormatNumber(total), err)
		}
		difference, err := value.Subtract(a, b)
		if err != nil || rat(value.FormatNumber(difference)).Cmp(new(big.Rat).Sub(rat(x), rat(y))) != 0 {
			t.Fatalf("%s - %s = %s, %v", x, y, value.FormatNumber(difference), err)
		}
	}
	if _, err := value.Add(number(t, "1e50"), number(t, "1e-50")); err == nil {
		t.Error("a sum of 101 digits was stored")
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	deep := types.AttributeValue(&types.AttributeValueMemberBOOL{})
	for range 33 {
		deep = &types.AttributeValueMemberL{Value: []types.AttributeValue{deep}}
	}
	for want, in := range map[string]types.AttributeValue{
		"Supplied AttributeValue is empty, must contain exactly one of the supported datatypes":                   nil,
		"One or more parameter values were invalid: Null attribute value types must have the value of true":       &types.AttributeValueMemberNULL{},
		"One or more parameter values were invalid: An string set  may not be empty":                              &types.AttributeValueMemberSS{},
		"One or more parameter values were invalid: An number set  may not be empty":                              &types.AttributeValueMemberNS{},
		"One or more parameter values were invalid: Binary sets should not be empty":                              &types.AttributeValueMemberBS{},
		"One or more parameter values were invalid: Input collection [a, b, a] contains duplicates.":              &types.AttributeValueMemberSS{Value: []string{"a", "b", "a"}},
		"Input collection contains duplicates":                                                                    &types.AttributeValueMemberNS{Value: []string{"1", "1.0"}},
		"One or more parameter values were invalid: Input collection [YQ==, YQ==]of type BS contains duplicates.": &types.AttributeValueMemberBS{Value: [][]byte{[]byte("a"), []byte("a")}},
		"Nesting Levels have exceeded supported limits":                                                           deep,
	} {
		if _, err := value.FromAWS(in); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   types.AttributeValue
		want int
	}{
		{&types.AttributeValueMemberS{Value: "é"}, 2},
		{&types.AttributeValueMemberN{Value: "0"}, 1}, {&types.AttributeValueMemberN{Value: "100"}, 2}, {&types.AttributeValueMemberN{Value: "123"}, 3}, {&types.AttributeValueMemberN{Value: "-123"}, 4},
		{&types.AttributeValueMemberBOOL{}, 1}, {&types.AttributeValueMemberNULL{Value: true}, 1},
		{&types.AttributeValueMemberSS{Value: []string{"a", "bc"}}, 3},
		{&types.AttributeValueMemberL{}, 3},
		{&types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberS{Value: "ab"}}}, 6},
		{&types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"k": &types.AttributeValueMemberS{Value: "ab"}}}, 7},
	} {
		v, err := value.FromAWS(c.in)
		if err != nil || v.Size() != c.want {
			t.Errorf("%v has %d bytes, %v, want %d", c.in, v.Size(), err, c.want)
		}
	}
}

// FuzzNumber holds that what is read is written as the same number.
func FuzzNumber(f *testing.F) {
	for _, s := range []string{"0", "-1.5e10", "1e-130", "99999999999999999999999999999999999999", "."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := value.ParseNumber(text)
		if err != nil {
			return
		}
		again, err := value.ParseNumber(value.FormatNumber(v))
		if err != nil || !value.Equal(v, again) {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// random returns a value, nested up to a depth.
func random(r *rand.Rand, depth int) value.Value {
	text := func() string { return strings.Repeat(string(rune('a'+r.IntN(4))), r.IntN(200)) }
	n, _ := value.ParseNumber(fmt.Sprint(r.IntN(1000)-500, ".", r.IntN(100)))
	switch kind := r.IntN(8); {
	case kind == 0:
		return value.NewString(text())
	case kind == 1:
		return n
	case kind == 2:
		return value.NewBinary(text())
	case kind == 3:
		v, _ := value.FromAWS(&types.AttributeValueMemberBOOL{Value: r.IntN(2) == 0})
		return v
	case kind == 4:
		return value.NewSet(value.StringSet, []value.Value{value.NewString(text()), value.NewString(text())})
	case kind == 5:
		return value.NewSet(value.NumberSet, []value.Value{n})
	case kind == 6 && depth > 0:
		return value.NewList([]value.Value{random(r, depth-1), random(r, depth-1)})
	case depth > 0:
		return value.NewMap(value.Item{text(): random(r, depth-1), text(): random(r, depth-1)})
	default:
		return n
	}
}

func TestEncodingRoundTrip(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		item := value.Item{}
		for i := range r.IntN(6) {
			item[fmt.Sprint("attribute", i)] = random(r, 4)
		}
		text := item.Encode()
		if !value.EqualItems(item, value.Decode(text)) {
			t.Fatalf("%v became %v", item.ToAWS(), value.Decode(text).ToAWS())
		}
		back, err := value.ItemFromAWS(item.ToAWS())
		if err != nil || !value.EqualItems(item, back) {
			t.Fatalf("%v became %v, %v", item.ToAWS(), back.ToAWS(), err)
		}
		for name, v := range item {
			if got, ok := value.Lookup(text, name); !ok || !value.Equal(got, v) {
				t.Fatalf("%s is %v, want %v", name, got, v)
			}
		}
		if _, ok := value.Lookup(text, "attribute00"); ok {
			t.Fatal("an attribute that is not there was found")
		}
	}
}
