package template

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The scalars of YAML 1.1, as CloudFormation reads them. Single letters such as
// y are strings, although YAML 1.1 lists them as booleans.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
// and https://yaml.org/type/.
var (
	yamlTrue  = regexp.MustCompile(`^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$`)
	yamlFalse = regexp.MustCompile(`^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$`)
	yamlNull  = regexp.MustCompile(`^(?:~|null|Null|NULL)?$`)

	yamlBinary      = regexp.MustCompile(`^[-+]?0b[01_]+$`)
	yamlOctal       = regexp.MustCompile(`^[-+]?0[0-7_]+$`)
	yamlHexadecimal = regexp.MustCompile(`^[-+]?0x[0-9a-fA-F_]+$`)
	yamlDecimal     = regexp.MustCompile(`^[-+]?(?:0|[1-9][0-9_]*)$`)
	yamlSexagesimal = regexp.MustCompile(`^[-+]?(?:[1-9][0-9_]*(?::[0-5]?[0-9])+|[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*)$`)
	yamlFloat       = regexp.MustCompile(`^[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*|[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?$`)
)

// yamlScalar returns the value of a scalar: a string, a bool or a number. What
// is quoted, and what has a tag of its own, is not guessed.
func yamlScalar(n *yaml.Node, path string) (any, error) {
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	tagged := n.Style&yaml.TaggedStyle != 0
	if n.Style&quoted != 0 && !tagged || tagged && n.Tag == "!!str" {
		return n.Value, nil
	}
	switch text := n.Value; {
	case yamlNull.MatchString(text):
		return nil, nullError(path)
	case yamlTrue.MatchString(text):
		return true, nil
	case yamlFalse.MatchString(text):
		return false, nil
	default:
		return yamlNumber(text), nil
	}
}

// yamlNumber converts text that is a number in YAML 1.1. Other text, such as a
// date or .inf, stays text.
func yamlNumber(text string) any {
	digits := strings.ReplaceAll(text, "_", "")
	switch {
	case yamlBinary.MatchString(text):
		return integer(text, strings.Replace(digits, "0b", "", 1), 2)
	case yamlOctal.MatchString(text):
		return integer(text, digits, 8)
	case yamlHexadecimal.MatchString(text):
		return integer(text, strings.Replace(digits, "0x", "", 1), 16)
	case yamlDecimal.MatchString(text):
		return integer(text, digits, 10)
	case yamlSexagesimal.MatchString(text):
		return sexagesimal(text, digits)
	case yamlFloat.MatchString(text):
		return number(strings.TrimPrefix(digits, "+"))
	}
	return text
}

// integer returns the number that the digits stand for. A number that a float64
// can't hold exactly becomes its decimal digits.
func integer(text, digits string, base int) any {
	i, ok := new(big.Int).SetString(digits, base)
	if !ok {
		return text
	}
	return number(i.String())
}

// sexagesimal returns a number of base 60, such as 12:30:45 or 1:30.5.
func sexagesimal(text, digits string) any {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign = "-"
	}
	sum := new(big.Rat)
	for part := range strings.SplitSeq(strings.TrimLeft(digits, "+-"), ":") {
		r, ok := new(big.Rat).SetString(strings.TrimSuffix(part, "."))
		if !ok {
			return text
		}
		sum.Add(sum.Mul(sum, big.NewRat(60, 1)), r)
	}
	_, decimals, _ := strings.Cut(digits, ".")
	return number(sign + sum.FloatString(len(decimals)))
}

// yamlKey returns the key of a mapping. CloudFormation refuses keys that YAML
// reads as something other than a string.
func yamlKey(k *yaml.Node, path string) (string, error) {
	if k.Kind == yaml.MappingNode || strings.HasPrefix(k.Tag, "!") && !strings.HasPrefix(k.Tag, "!!") {
		return "", keyError(path, "a map")
	}
	if k.Kind != yaml.ScalarNode || k.Tag == "!!merge" {
		return "", formatErrorf("YAML not well-formed. (line %d, column %d)", k.Line, k.Column)
	}
	v, err := yamlScalar(k, path)
	if err != nil {
		return "", keyError(path, "null")
	}
	switch v := v.(type) {
	case float64:
		return "", keyError(path, "numeric ["+formatNumber(v)+"]")
	case bool:
		return "", keyError(path, "boolean ["+strconv.FormatBool(v)+"]")
	}
	// As values, these stay text: a float64 can't hold them, or would lose
	// their leading zeros.
	if text, _ := v.(string); text != k.Value || k.Style == 0 && yamlFloat.MatchString(text) {
		return "", keyError(path, "numeric ["+text+"]")
	}
	return k.Value, nil
}

func keyError(path, received string) error {
	return formatErrorf("[%s] map keys must be strings; received %s instead", path, received)
}
