package template

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Parameter is a parameter's declaration.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html.
type Parameter struct {
	Type           string
	Description    string
	Default        *string
	NoEcho         bool
	AllowedValues  []string
	allowedPattern *pattern
	constraint     string // ConstraintDescription
	minLength      *float64
	maxLength      *float64
	minValue       *float64
	maxValue       *float64
}

const (
	typeString     = "String"
	typeNumber     = "Number"
	typeList       = "CommaDelimitedList"
	typeNumberList = "List<Number>"
	ssmValue       = "AWS::SSM::Parameter::Value<"
)

// SSM reports whether the parameter's value names a Systems Manager parameter
// that provides the value to use.
func (p Parameter) SSM() bool { return strings.HasPrefix(p.Type, ssmValue) }

func (p Parameter) list() bool {
	typ := strings.TrimPrefix(p.Type, ssmValue)
	return strings.HasPrefix(typ, typeList) || strings.HasPrefix(typ, "List<")
}

// existing are the types whose values name something that exists in the account, with
// what such a name looks like. The embedded AWS has none of these, so that it checks
// no more than that.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html.
var existing = map[string]*regexp.Regexp{
	"AWS::EC2::AvailabilityZone::Name":   regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$`),
	"AWS::EC2::Image::Id":                regexp.MustCompile(`^ami-[0-9a-f]{8,17}$`),
	"AWS::EC2::Instance::Id":             regexp.MustCompile(`^i-[0-9a-f]{8,17}$`),
	"AWS::EC2::KeyPair::KeyName":         regexp.MustCompile(`.`),
	"AWS::EC2::SecurityGroup::GroupName": regexp.MustCompile(`.`),
	"AWS::EC2::SecurityGroup::Id":        regexp.MustCompile(`^sg-[0-9a-f]{8,17}$`),
	"AWS::EC2::Subnet::Id":               regexp.MustCompile(`^subnet-[0-9a-f]{8,17}$`),
	"AWS::EC2::VPC::Id":                  regexp.MustCompile(`^vpc-[0-9a-f]{8,17}$`),
	"AWS::EC2::Volume::Id":               regexp.MustCompile(`^vol-[0-9a-f]{8,17}$`),
	"AWS::Route53::HostedZone::Id":       regexp.MustCompile(`^Z[0-9A-Z]+$`),
}

// knownParameterType reports whether a parameter may have the type.
func knownParameterType(name string) bool {
	if inner, ok := strings.CutPrefix(name, ssmValue); ok {
		name = strings.TrimSuffix(inner, ">")
		if name == typeNumber || name == typeNumberList {
			return false
		}
	}
	inner, list := strings.CutPrefix(name, "List<")
	inner = strings.TrimSuffix(inner, ">")
	if existing[inner] != nil {
		return !list || inner != "AWS::EC2::KeyPair::KeyName"
	}
	return slices.Contains([]string{typeString, typeNumber, typeList, typeNumberList, "List<String>", "AWS::SSM::Parameter::Name"}, name)
}

func (t *Template) readParameters(sections map[string]any) error {
	t.Parameters = map[string]Parameter{}
	return members(sections, "Parameters", func(name string, m map[string]any) error {
		if !alphanumeric.MatchString(name) {
			return formatErrorf("Parameter name %s is non alphanumeric.", name)
		}
		p, err := readParameter(name, m)
		t.Parameters[name] = p
		return err
	})
}

func readParameter(name string, m map[string]any) (Parameter, error) {
	var p Parameter
	for key, v := range m {
		var ok bool
		switch key {
		case "Type":
			p.Type, ok = v.(string)
		case "Description":
			p.Description, ok = v.(string)
		case "ConstraintDescription":
			p.constraint, ok = v.(string)
		case "Default":
			var s string
			if s, ok = scalar(v); !ok {
				return p, formatErrorf("Every Default member must be a string.")
			}
			p.Default = &s
		case "NoEcho":
			var s string
			s, ok = scalar(v)
			p.NoEcho = strings.EqualFold(s, "true")
		case "AllowedValues":
			var list []any
			list, ok = v.([]any)
			for _, e := range list {
				s, isScalar := scalar(e)
				ok = ok && isScalar
				p.AllowedValues = append(p.AllowedValues, s)
			}
		case "AllowedPattern":
			var s string
			s, ok = v.(string)
			var err error
			if p.allowedPattern, err = readPattern(s); err != nil {
				return p, formatErrorf("[/Parameters/%s/AllowedPattern] is a pattern that the embedded AWS does not support: %v", name, err)
			}
		case "MinLength":
			p.minLength, ok = numberPointer(v)
		case "MaxLength":
			p.maxLength, ok = numberPointer(v)
		case "MinValue":
			p.minValue, ok = numberPointer(v)
		case "MaxValue":
			p.maxValue, ok = numberPointer(v)
		default:
			return p, errorf("Invalid template parameter property '%s'", key)
		}
		if !ok {
			return p, formatErrorf("[/Parameters/%s/%s] has an invalid value.", name, key)
		}
	}
	switch {
	case p.Type == "":
		return p, formatErrorf("Every Parameters object must contain a Type member.")
	case p.Type != "List<String>" && knownParameterType(p.Type):
		return p, nil
	}
	return p, formatErrorf("Unrecognized parameter type: %s", p.Type)
}

func numberPointer(v any) (*float64, bool) {
	s, _ := scalar(v)
	f, err := strconv.ParseFloat(s, 64)
	return &f, err == nil
}

// Value checks a parameter's text against its declaration. It returns the value
// of Ref: a string or a list of strings. For an SSM parameter, text is the
// value that was found; constraints do not apply to it.
func (p Parameter) Value(name, text string) (any, error) {
	if !p.SSM() {
		if err := p.validate(name, text); err != nil {
			return nil, err
		}
	}
	if !p.list() {
		return text, nil
	}
	list := []any{}
	if text == "" {
		return list, nil
	}
	for item := range strings.SplitSeq(text, ",") {
		list = append(list, strings.TrimSpace(item))
	}
	return list, nil
}

func (p Parameter) validate(name, text string) error {
	items := []string{text}
	if p.list() {
		items = strings.Split(text, ",")
		for i := range items {
			items[i] = strings.TrimSpace(items[i])
		}
		if text == "" {
			items = nil
		}
	}
	for _, item := range items {
		if reason := p.violation(name, item); reason != "" {
			if p.constraint != "" {
				return errorf("Parameter '%s' failed to satisfy constraint: %s", name, p.constraint)
			}
			return errorf("%s", reason)
		}
	}
	return nil
}

// violation says which constraint an item of a parameter's value violates.
func (p Parameter) violation(name, item string) string {
	if len(p.AllowedValues) > 0 && !slices.Contains(p.AllowedValues, item) {
		return "Parameter '" + name + "' must be one of AllowedValues"
	}
	if p.allowedPattern != nil {
		if matches, err := p.allowedPattern.match(item); err != nil || !matches {
			return "Parameter '" + name + "' must match pattern " + p.allowedPattern.text
		}
	}
	if p.Type == typeNumber || p.Type == typeNumberList {
		f, err := strconv.ParseFloat(item, 64)
		switch {
		case err != nil:
			return "Parameter validation failed: parameter value " + item + " for parameter name " + name + " is not a number"
		case p.minValue != nil && f < *p.minValue:
			return "Parameter '" + name + "' must be a number not less than " + formatNumber(*p.minValue)
		case p.maxValue != nil && f > *p.maxValue:
			return "Parameter '" + name + "' must be a number not greater than " + formatNumber(*p.maxValue)
		}
		return ""
	}
	if form := existing[strings.TrimSuffix(strings.TrimPrefix(p.Type, "List<"), ">")]; form != nil && !form.MatchString(item) {
		return "Parameter validation failed: parameter value " + item + " for parameter name " + name + " does not exist"
	}
	length := float64(utf8.RuneCountInString(item))
	switch {
	case p.minLength != nil && length < *p.minLength:
		return "Parameter '" + name + "' must contain at least " + formatNumber(*p.minLength) + " characters"
	case p.maxLength != nil && length > *p.maxLength:
		return "Parameter '" + name + "' must contain at most " + formatNumber(*p.maxLength) + " characters"
	}
	return ""
}
