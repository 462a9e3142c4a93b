package template

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// CloudFormation's texts for functions whose arguments it refuses. Some are
// used twice: for the template as written, and for values that are only known
// after functions inside the argument are resolved.
const (
	equalsArguments   = "every Fn::Equals object requires a list of 2 string parameters."
	notArguments      = "every Fn::Not object requires one boolean parameter."
	ifArguments       = "Fn::If requires a list argument with three elements"
	ifCondition       = "Fn::If requires a list argument with the first element being a condition"
	joinArguments     = "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined."
	selectArguments   = "Fn::Select requires a list argument with two elements: an integer index and a list"
	selectIndex       = "Fn::Select requires a list argument with a valid index value as its first element"
	splitArguments    = "every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split."
	findArguments     = "every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value"
	getAttArguments   = "every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"
	subArgumentsText  = "One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string"
	subVariableName   = "variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons"
	importDepends     = "the attribute in Fn::ImportValue must not depend on any resources, imported values, or Fn::GetAZs"
	importArgument    = "the attribute in Fn::ImportValue must be a string or a function that returns a string"
	refArgument       = "every Ref object must have a single String value."
	conditionOnly     = "Conditions can only be boolean operations on parameters and other conditions"
	conditionIsString = "Every Condition member must be a string."
)

// booleanArguments is the text for Fn::And and Fn::Or.
func booleanArguments(name string) string {
	return "every " + name + " object requires a list of at least 2 and at most 10 boolean parameters."
}

func stringArgument(name string) string {
	return "every " + name + " object must have a String-typed value."
}

// checkArguments verifies the argument of a function as far as it is written in
// the template. An argument that contains functions can only be verified in
// full when it is resolved.
func (t *Template) checkArguments(name string, arg any) error {
	list, _ := arg.([]any)
	refuse := func(wrong bool, text string) error {
		if wrong {
			return templateErrorf("%s", text)
		}
		return nil
	}
	switch name {
	case "Ref":
		_, ok := arg.(string)
		return refuse(!ok, refArgument)
	case "Fn::GetAtt":
		_, ok := attributeReference(arg)
		return refuse(!ok, getAttArguments)
	case "Fn::Sub":
		return checkSub(arg)
	case "Fn::If":
		if len(list) == 0 {
			return templateErrorf(ifArguments)
		}
		if _, ok := list[0].(string); !ok {
			return templateErrorf(ifCondition)
		}
		return refuse(len(list) != 3, ifArguments)
	case "Fn::Equals":
		return refuse(len(list) != 2 || slices.ContainsFunc(list, t.noString), equalsArguments)
	case "Fn::And", "Fn::Or":
		return refuse(len(list) < 2 || len(list) > 10 || slices.ContainsFunc(list, noBoolean), booleanArguments(name))
	case "Fn::Not":
		return refuse(len(list) != 1 || slices.ContainsFunc(list, noBoolean), notArguments)
	case "Fn::Join":
		return refuse(len(list) != 2 || !isText(list[0]) || !listOrFunction(list[1]) || slices.ContainsFunc(literals(list[1]), noScalar), joinArguments)
	case "Fn::Split":
		return refuse(len(list) != 2 || !isText(list[0]) || list[0] == "" || t.noString(list[1]), splitArguments)
	case "Fn::Select":
		return checkSelect(list)
	case "Fn::FindInMap":
		return t.checkFindInMap(list)
	case "Fn::Cidr":
		return checkCIDR(list)
	case "Fn::Base64", "Fn::GetAZs":
		return refuse(t.noString(arg), stringArgument(name))
	case "Fn::ImportValue":
		return t.checkImport(arg)
	}
	return nil
}

func checkSub(arg any) error {
	text, variables, ok := subArguments(arg)
	if !ok {
		return templateErrorf(subArgumentsText)
	}
	if subWithoutName.MatchString(text) {
		return templateErrorf(subVariableName)
	}
	for _, p := range subParts(text) {
		if _, local := variables[p.name]; p.literal == "" && !local && !subName(p.name) {
			return templateErrorf(subVariableName)
		}
	}
	return nil
}

var subWithoutName = regexp.MustCompile(`\$\{\s*\}`)

// subName reports whether a name may stand in ${}. The literal parts of a text
// have no name.
func subName(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("_.:", r)
	})
}

func checkSelect(list []any) error {
	if len(list) != 2 || !listOrFunction(list[1]) {
		return templateErrorf(selectArguments)
	}
	text, ok := scalar(list[0])
	if !ok {
		if isFunction(list[0]) {
			return nil
		}
		return templateErrorf(selectIndex)
	}
	index, err := strconv.Atoi(text)
	if err != nil {
		return templateErrorf(selectIndex)
	}
	if items, literal := list[1].([]any); index < 0 || literal && index >= len(items) {
		return templateErrorf("Fn::Select cannot select nonexistent value at index %d", index)
	}
	return nil
}

func (t *Template) checkFindInMap(list []any) error {
	if len(list) == 4 && t.extended {
		// Only the language extensions have a default.
		if _, ok := defaultValue(list[3]); !ok {
			return templateErrorf(findArguments)
		}
		return nil
	}
	if len(list) != 3 || slices.ContainsFunc(list, noScalar) {
		return templateErrorf(findArguments)
	}
	if name, literal := scalar(list[0]); literal {
		if _, ok := t.Mappings[name]; !ok {
			return templateErrorf("Mapping named '%s' is not present in the 'Mappings' section of template.", name)
		}
	}
	return nil
}

// defaultValue returns the value of an object {DefaultValue: value}.
func defaultValue(v any) (any, bool) {
	m, _ := v.(map[string]any)
	value, ok := m["DefaultValue"]
	return value, ok && len(m) == 1
}

func (t *Template) checkImport(arg any) error {
	if t.noString(arg) {
		return templateErrorf(importArgument)
	}
	depends := false
	collect(arg, func(name string, _ any) {
		depends = depends || slices.Contains([]string{"Fn::GetAtt", "Fn::GetAZs", "Fn::ImportValue"}, name)
	})
	for _, ref := range References(arg) {
		_, resource := t.Resources[ref.Name]
		depends = depends || resource
	}
	if depends {
		return templateErrorf(importDepends)
	}
	return nil
}

// isFunction reports whether a value is the call of a function.
func isFunction(v any) bool {
	m, _ := v.(map[string]any)
	_, _, ok := function(m)
	return ok
}

func isText(v any) bool {
	_, ok := v.(string)
	return ok
}

func noScalar(v any) bool {
	_, ok := scalar(v)
	return !ok && !isFunction(v)
}

func listOrFunction(v any) bool {
	_, ok := v.([]any)
	return ok || isFunction(v)
}

// literals returns the members of a list that is written in the template.
func literals(v any) []any {
	list, _ := v.([]any)
	return list
}

// noString reports whether a value can't become a string: an object, a list, or
// a reference to a parameter that is a list.
func (t *Template) noString(v any) bool {
	if noScalar(v) {
		return true
	}
	m, _ := v.(map[string]any)
	name, arg, _ := function(m)
	if logical, ok := arg.(string); ok && name == "Ref" {
		return t.Parameters[logical].list()
	}
	return false
}

// booleans are the functions that conditions are made of.
var booleans = append([]string{"Condition", "Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or"}, ruleFunctions...)

// ruleFunctions are those of the booleans that may only be used in rules.
var ruleFunctions = []string{"Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn"}

// noBoolean reports whether a value is something other than the call of a
// function that is true or false.
func noBoolean(v any) bool {
	m, ok := v.(map[string]any)
	return !ok || len(m) != 1 || !slices.Contains(booleans, sortedKeys(m)[0])
}
