package template

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Unknown stands for a value that is only known after a resource is created or
// updated. A function of an unknown value is unknown, too. What is known of it may say
// that it will be refused.
type Unknown struct {
	Type, Attribute string // of the resource whose attribute it is; Ref has none
	Prefix          string // that the text begins with
}

// HasUnknown reports whether a value or a part of it is unknown.
func HasUnknown(v any) bool {
	switch v := v.(type) {
	case Unknown:
		return true
	case []any:
		return slices.ContainsFunc(v, HasUnknown)
	case map[string]any:
		for _, e := range v {
			if HasUnknown(e) {
				return true
			}
		}
	}
	return false
}

// noValue is the result of Ref AWS::NoValue. It removes the member that holds it.
type noValue struct{}

// A Scope resolves a template using values.
type Scope struct {
	Template   *Template
	Pseudo     map[string]any // by name, for example AWS::Region
	Parameters map[string]any // as returned by Parameter.Value

	// Resource returns what Ref (if attribute is empty) or Fn::GetAtt yields
	// for a resource.
	Resource func(logicalID, attribute string) (any, error)
	// Import returns the value of an export.
	Import func(name string) (any, error)
	// Reference returns what takes the place of a dynamic reference. If it is
	// nil, dynamic references stay as they are.
	Reference func(DynamicReference) (string, error)
	// Include returns the file at an s3:// URI. If it is nil, nothing can be included.
	Include func(location string) (string, error)
	// Addresses replaces addresses in the results of Fn::Join and Fn::Sub by those at
	// which they can be called. If it is nil, they stay as they are.
	Addresses func(text string) string

	conditions map[string]bool
	evaluating bool // the conditions
}

// Conditions evaluates the template's conditions, once.
func (s *Scope) Conditions() (map[string]bool, error) {
	if s.conditions != nil {
		return s.conditions, nil
	}
	if s.evaluating {
		// A transform needs conditions before they are checked.
		return nil, inConditions("Fn::If")
	}
	s.evaluating = true
	defer func() { s.evaluating = false }()
	values := map[string]bool{}
	begun := map[string]bool{}
	var evaluate func(name string) (bool, error)
	evaluate = func(name string) (bool, error) {
		if v, ok := values[name]; ok {
			return v, nil
		}
		// A transform needs conditions before their cycles are checked.
		if begun[name] {
			return false, circularConditions([]string{name})
		}
		begun[name] = true
		expression, ok := s.Template.Conditions[name]
		if !ok {
			return false, undefinedCondition(name, "Conditions")
		}
		v, err := s.test(expression, evaluate)
		values[name] = v
		return v, err
	}
	for _, name := range sortedKeys(s.Template.Conditions) {
		if _, err := evaluate(name); err != nil {
			return nil, err
		}
	}
	s.conditions = values
	return values, nil
}

// CheckRules evaluates the template's rules. It returns an error that names the
// failed assertions. The wording is ours, because AWS documents none.
func (s *Scope) CheckRules() error {
	named := func(name string) (bool, error) { return false, undefinedCondition(name, "Rules") }
	for _, name := range sortedKeys(s.Template.Rules) {
		rule := s.Template.Rules[name]
		if rule.Condition != nil {
			applies, err := s.test(rule.Condition, named)
			if err != nil {
				return err
			}
			if !applies {
				continue
			}
		}
		var failed []string
		for _, a := range rule.Assertions {
			holds, err := s.test(a.Assert, named)
			if err != nil {
				return err
			}
			if !holds {
				failed = append(failed, a.Description)
			}
		}
		if len(failed) > 0 {
			return templateErrorf("Rule %s failed: %s", name, strings.Join(failed, " "))
		}
	}
	return nil
}

// test evaluates a condition function.
func (s *Scope) test(v any, named func(string) (bool, error)) (bool, error) {
	m, ok := v.(map[string]any)
	if !ok || len(m) != 1 {
		if text, isText := scalar(v); isText && (text == "true" || text == "false") {
			return text == "true", nil
		}
		return false, formatErrorf("Every Condition member must be a condition function, not %s", render(v))
	}
	name := sortedKeys(m)[0]
	if name == "Condition" {
		condition, ok := m[name].(string)
		if !ok {
			return false, formatErrorf("Every Condition must name a condition")
		}
		return named(condition)
	}
	args, ok := m[name].([]any)
	if !ok {
		return false, templateErrorf("%s requires a list argument", name)
	}
	switch name {
	case "Fn::And", "Fn::Or":
		result := name == "Fn::And"
		// Evaluate all of them, so that an error in any of them shows.
		for _, a := range args {
			v, err := s.test(a, named)
			if err != nil {
				return false, err
			}
			if name == "Fn::And" {
				result = result && v
			} else {
				result = result || v
			}
		}
		return result, nil
	case "Fn::Not":
		v, err := s.test(args[0], named)
		return !v, err
	}
	return s.compare(name, args)
}

// compare evaluates the functions that compare values.
func (s *Scope) compare(name string, args []any) (bool, error) {
	if len(args) != 2 {
		return false, templateErrorf("%s requires a list argument with two elements", name)
	}
	resolved, err := s.Resolve(args)
	if err != nil {
		return false, err
	}
	if unknownIn(resolved) {
		return false, ErrUndecided
	}
	values, ok := resolved.([]any)
	if name == "Fn::Equals" {
		if len(values) != 2 || slices.ContainsFunc(values, noScalar) {
			return false, templateErrorf(equalsArguments)
		}
		return equal(values[0], values[1]), nil
	}
	if !ok || len(values) != 2 {
		return false, templateErrorf("%s cannot be partially collapsed", name)
	}
	list, ok := values[0].([]any)
	if !ok {
		return false, templateErrorf("%s requires a list of strings as its first argument", name)
	}
	switch name {
	case "Fn::Contains":
		return slices.ContainsFunc(list, func(v any) bool { return equal(v, values[1]) }), nil
	case "Fn::EachMemberEquals":
		return !slices.ContainsFunc(list, func(v any) bool { return !equal(v, values[1]) }), nil
	case "Fn::EachMemberIn":
		set, ok := values[1].([]any)
		if !ok {
			return false, templateErrorf("Fn::EachMemberIn requires a list of strings as its second argument")
		}
		return !slices.ContainsFunc(list, func(v any) bool {
			return !slices.ContainsFunc(set, func(w any) bool { return equal(v, w) })
		}), nil
	}
	return false, formatErrorf("%s is not a condition function", name)
}

// equal compares values as text, as CloudFormation does.
func equal(a, b any) bool {
	s, ok := scalar(a)
	t, alsoOK := scalar(b)
	if ok && alsoOK {
		return s == t
	}
	return ok == alsoOK && render(a) == render(b)
}

// Prune applies only Fn::If and AWS::NoValue. The result refers to exactly what
// the value uses.
func (s *Scope) Prune(v any) (any, error) {
	pruned, err := s.prune(v)
	if _, none := pruned.(noValue); none {
		return nil, err
	}
	return pruned, err
}

func (s *Scope) prune(v any) (any, error) {
	if m, ok := v.(map[string]any); ok {
		name, arg, ok := function(m)
		switch {
		case ok && name == "Fn::If":
			branch, err := s.branch(arg)
			if err != nil {
				return nil, err
			}
			return s.prune(branch)
		case ok && name == "Ref" && arg == "AWS::NoValue":
			return noValue{}, nil
		}
	}
	return eachMember(v, s.prune)
}

func (s *Scope) branch(arg any) (any, error) {
	args, ok := arg.([]any)
	if !ok || len(args) != 3 {
		return nil, templateErrorf(ifArguments)
	}
	name, ok := args[0].(string)
	if !ok {
		return nil, templateErrorf(ifCondition)
	}
	conditions, err := s.Conditions()
	if err != nil {
		return nil, err
	}
	holds, ok := conditions[name]
	if !ok {
		return nil, undefinedBranch(name)
	}
	if holds {
		return args[1], nil
	}
	return args[2], nil
}

// eachMember applies f to the members of a list or map, and leaves out those
// that become no value. It returns anything else unchanged.
func eachMember(v any, f func(any) (any, error)) (any, error) {
	switch v := v.(type) {
	case []any:
		list := make([]any, 0, len(v))
		for _, e := range v {
			r, err := f(e)
			if err != nil {
				return nil, err
			}
			if _, none := r.(noValue); !none {
				list = append(list, r)
			}
		}
		return list, nil
	case map[string]any:
		m := make(map[string]any, len(v))
		for _, key := range sortedKeys(v) {
			r, err := f(v[key])
			if err != nil {
				return nil, err
			}
			if _, none := r.(noValue); !none {
				m[key] = r
			}
		}
		return m, nil
	}
	return v, nil
}

// Resolve returns a value without functions. The result is nil if the value is
// AWS::NoValue. Errors are of type [*Error], or come from Resource or Import.
func (s *Scope) Resolve(v any) (any, error) {
	r, err := s.resolve(v)
	if _, none := r.(noValue); none {
		return nil, err
	}
	return r, err
}

func (s *Scope) resolve(v any) (any, error) {
	switch v := v.(type) {
	case string:
		return s.dereference(v)
	case map[string]any:
		if name, arg, ok := function(v); ok {
			return s.call(name, arg)
		}
	}
	return eachMember(v, s.resolve)
}

func (s *Scope) call(name string, arg any) (any, error) {
	switch name {
	case "Ref":
		logical, ok := arg.(string)
		if !ok {
			return nil, templateErrorf(refArgument)
		}
		return s.ref(logical)
	case "Fn::GetAtt":
		return s.getAtt(arg)
	case "Fn::Sub":
		return s.sub(arg)
	case "Fn::If":
		branch, err := s.branch(arg)
		if err != nil {
			return nil, err
		}
		return s.resolve(branch)
	}
	resolved, err := s.Resolve(arg)
	if err != nil {
		return nil, err
	}
	switch name {
	case "Fn::Join":
		return s.join(resolved)
	case "Fn::Select":
		return selectItem(resolved)
	case "Fn::Split":
		return split(resolved)
	case "Fn::FindInMap":
		return s.findInMap(resolved)
	case toJSONString:
		if s.Template.extended {
			return toJSON(resolved)
		}
	case "Fn::ImportValue":
		return s.importValue(resolved)
	case "Fn::Base64":
		return textFunction(name, resolved, func(t string) any { return base64.StdEncoding.EncodeToString([]byte(t)) })
	case "Fn::GetAZs":
		return textFunction(name, resolved, s.zones)
	case "Fn::Cidr":
		return cidr(resolved)
	case "Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not", "Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn":
		return nil, templateErrorf("%s is only allowed in conditions and rules", name)
	}
	return nil, templateErrorf("Encountered unsupported function: %s Supported functions are: [%s]", name, strings.Join(functions, ", "))
}

func (s *Scope) ref(name string) (any, error) {
	if name == "AWS::NoValue" {
		return noValue{}, nil
	}
	if v, ok := s.Pseudo[name]; ok {
		return v, nil
	}
	if v, ok := s.Parameters[name]; ok {
		return v, nil
	}
	return s.resource(name, "")
}

func (s *Scope) resource(name, attribute string) (any, error) {
	if _, ok := s.Template.Resources[name]; !ok || s.Resource == nil {
		return nil, unresolved([]string{name}, "Resources")
	}
	return s.Resource(name, attribute)
}

func (s *Scope) getAtt(arg any) (any, error) {
	ref, ok := attributeReference(arg)
	if !ok {
		return nil, templateErrorf(getAttArguments)
	}
	if list, isList := arg.([]any); isList {
		v, err := s.Resolve(list[1])
		if err != nil {
			return nil, err
		}
		if ref.Attribute, ok = v.(string); !ok {
			return nil, templateErrorf(getAttArguments)
		}
	}
	return s.resource(ref.Name, ref.Attribute)
}

func (s *Scope) sub(arg any) (any, error) {
	text, variables, ok := subArguments(arg)
	if !ok {
		return nil, templateErrorf(subArgumentsText)
	}
	var b strings.Builder
	var unknown *Unknown
	for _, p := range subParts(text) {
		if p.name == "" {
			b.WriteString(p.literal)
			continue
		}
		v, err := s.subVariable(p.name, variables)
		if err != nil {
			return nil, err
		}
		if _, ok := v.(Unknown); ok {
			if unknown == nil {
				unknown = &Unknown{Prefix: b.String()}
			}
			continue
		}
		value, ok := scalar(v)
		if !ok {
			return nil, templateErrorf("Fn::Sub expression does not resolve to a string: ${%s}", p.name)
		}
		b.WriteString(value)
	}
	if unknown != nil {
		return *unknown, nil
	}
	return s.dereference(s.callable(b.String()))
}

// callable replaces the addresses in a text.
func (s *Scope) callable(text string) string {
	if s.Addresses == nil {
		return text
	}
	return s.Addresses(text)
}

func (s *Scope) subVariable(name string, variables map[string]any) (any, error) {
	if v, ok := variables[name]; ok {
		return s.Resolve(v)
	}
	logical, attribute, isAttribute := strings.Cut(name, ".")
	if !isAttribute {
		return s.ref(name)
	}
	return s.resource(logical, attribute)
}

// unknownIn reports whether an argument of a function is not known yet.
func unknownIn(v any) bool {
	switch v := v.(type) {
	case Unknown:
		return true
	case []any:
		return slices.ContainsFunc(v, unknownIn)
	}
	return false
}

func (s *Scope) join(arg any) (any, error) {
	args, ok := arg.([]any)
	if !ok || len(args) != 2 {
		return nil, templateErrorf(joinArguments)
	}
	delimiter, ok := args[0].(string)
	list, isList := args[1].([]any)
	if unknownIn(args) {
		return joinedBefore(delimiter, list), nil
	}
	if !ok || !isList {
		return nil, templateErrorf(joinArguments)
	}
	items := make([]string, len(list))
	for i, v := range list {
		if items[i], ok = scalar(v); !ok {
			return nil, templateErrorf(joinArguments)
		}
	}
	return s.dereference(s.callable(strings.Join(items, delimiter)))
}

// joinedBefore is a joined text that is not known from some item on.
func joinedBefore(delimiter string, list []any) Unknown {
	prefix := ""
	for _, v := range list {
		text, ok := scalar(v)
		if !ok {
			break
		}
		prefix += text + delimiter
	}
	return Unknown{Prefix: prefix}
}

func selectItem(arg any) (any, error) {
	args, ok := arg.([]any)
	if !ok || len(args) != 2 {
		return nil, templateErrorf(selectArguments)
	}
	if unknownIn(args[:1]) {
		return Unknown{}, nil
	}
	if _, unknown := args[1].(Unknown); unknown {
		return Unknown{}, nil
	}
	text, _ := scalar(args[0])
	index, err := strconv.Atoi(text)
	if err != nil {
		return nil, templateErrorf(selectIndex)
	}
	list, isList := args[1].([]any)
	if !isList {
		return nil, templateErrorf(selectArguments)
	}
	if index < 0 || index >= len(list) {
		return nil, templateErrorf("Fn::Select cannot select nonexistent value at index %d", index)
	}
	return list[index], nil
}

func split(arg any) (any, error) {
	args, ok := arg.([]any)
	if !ok || len(args) != 2 {
		return nil, templateErrorf(splitArguments)
	}
	if unknownIn(args) {
		return Unknown{}, nil
	}
	delimiter, ok := args[0].(string)
	text, isText := scalar(args[1])
	if !ok || delimiter == "" || !isText {
		return nil, templateErrorf(splitArguments)
	}
	list := []any{}
	for item := range strings.SplitSeq(text, delimiter) {
		list = append(list, item)
	}
	return list, nil
}

func (s *Scope) findInMap(arg any) (any, error) {
	args, ok := arg.([]any)
	if ok && len(args) == 4 && s.Template.extended {
		return s.findOrDefault(args)
	}
	if !ok || len(args) != 3 {
		return nil, templateErrorf(findArguments)
	}
	if unknownIn(args) {
		return Unknown{}, nil
	}
	var keys [3]string
	for i, a := range args {
		if keys[i], ok = scalar(a); !ok {
			return nil, templateErrorf(findArguments)
		}
	}
	if _, ok := s.Template.Mappings[keys[0]]; !ok {
		return nil, templateErrorf("Mapping named '%s' is not present in the 'Mappings' section of template.", keys[0])
	}
	v, ok := s.Template.Mappings[keys[0]][keys[1]][keys[2]]
	if !ok {
		return nil, templateErrorf("Unable to get mapping for %s::%s::%s", keys[0], keys[1], keys[2])
	}
	return s.resolve(v)
}

// findOrDefault is Fn::FindInMap with a fourth argument, {DefaultValue: value}.
func (s *Scope) findOrDefault(args []any) (any, error) {
	fallback, _ := args[3].(map[string]any)
	if v, err := s.findInMap(args[:3]); err == nil {
		return v, nil
	}
	v, ok := fallback["DefaultValue"]
	if !ok {
		// AWS::NoValue has removed the member.
		return noValue{}, nil
	}
	return v, nil
}

func (s *Scope) importValue(arg any) (any, error) {
	if unknownIn(arg) {
		return Unknown{}, nil
	}
	name, ok := scalar(arg)
	if !ok {
		return nil, templateErrorf(importArgument)
	}
	if s.Import == nil {
		return nil, fmt.Errorf("importing %s: imports are not allowed here", name)
	}
	return s.Import(name)
}

func textFunction(name string, arg any, f func(string) any) (any, error) {
	if unknownIn(arg) {
		return Unknown{}, nil
	}
	text, ok := scalar(arg)
	if !ok {
		return nil, templateErrorf("%s", stringArgument(name))
	}
	return f(text), nil
}

func (s *Scope) zones(region string) any {
	if region == "" {
		region, _ = s.Pseudo["AWS::Region"].(string)
	}
	return []any{region + "a", region + "b", region + "c"}
}
