package template

import (
	"slices"
	"strings"
)

// functions lists the known functions, in CloudFormation's order.
var functions = []string{
	"Fn::Base64", "Fn::GetAtt", "Fn::GetAZs", "Fn::ImportValue", "Fn::Join", "Fn::Split",
	"Fn::FindInMap", "Fn::Select", "Ref", "Fn::Equals", "Fn::If", "Fn::Not", "Condition",
	"Fn::And", "Fn::Or", "Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn", "Fn::Sub", "Fn::Cidr",
}

// PseudoParameters are the names that Ref accepts in every template.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html.
var PseudoParameters = []string{
	"AWS::AccountId", "AWS::NoValue", "AWS::NotificationARNs", "AWS::Partition",
	"AWS::Region", "AWS::StackId", "AWS::StackName", "AWS::URLSuffix",
}

// check verifies everything that does not depend on values.
func (t *Template) check() error {
	for _, name := range sortedKeys(t.Parameters) {
		if _, both := t.Resources[name]; both {
			return formatErrorf("%s is defined as both a parameter and a resource.", name)
		}
	}
	if err := t.checkConditions(); err != nil {
		return err
	}
	resources := map[string]any{}
	for name, r := range t.Resources {
		resources[name] = r.functions()
	}
	if err := t.checkBlock("Resources", resources); err != nil {
		return err
	}
	outputs := map[string]any{}
	for name, o := range t.Outputs {
		outputs[name] = map[string]any{"Value": o.Value, "Export": []any{o.Export}}
		if err := t.checkExport(name, o); err != nil {
			return err
		}
	}
	if err := t.checkBlock("Outputs", outputs); err != nil {
		return err
	}
	for _, name := range sortedKeys(t.Resources) {
		for _, d := range t.Resources[name].DependsOn {
			if _, ok := t.Resources[d]; !ok {
				return unresolved([]string{d}, "Resources")
			}
		}
	}
	if err := t.checkConditionNames(); err != nil {
		return err
	}
	needs := map[string][]string{}
	for name, r := range t.Resources {
		needs[name] = t.needs(name, r)
	}
	return Circular(needs)
}

// functions returns the parts of a resource that may contain functions.
func (r Resource) functions() any {
	return map[string]any{"Properties": r.Properties, "Metadata": r.Metadata, "UpdatePolicy": r.UpdatePolicy, "CreationPolicy": r.CreationPolicy}
}

// needs returns the resources that a resource depends on.
func (t *Template) needs(logicalID string, r Resource) []string {
	names := slices.Clone(r.DependsOn)
	for _, ref := range References(r.functions()) {
		if _, ok := t.Resources[ref.Name]; ok {
			names = append(names, ref.Name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if i := slices.Index(names, logicalID); i >= 0 && !slices.Contains(r.DependsOn, logicalID) && !selfReference(r, logicalID) {
		names = slices.Delete(names, i, i+1)
	}
	return names
}

// selfReference reports whether a resource's properties refer to the resource
// itself, which is a cycle of length one. Its metadata may do so.
func selfReference(r Resource, logicalID string) bool {
	for _, ref := range References(map[string]any{"Properties": r.Properties}) {
		if ref.Name == logicalID {
			return true
		}
	}
	return false
}

func unresolved(names []string, block string) error {
	slices.Sort(names)
	return formatErrorf("Unresolved resource dependencies [%s] in the %s block of the template", strings.Join(slices.Compact(names), ", "), block)
}

func (t *Template) known(name string) bool {
	if slices.Contains(PseudoParameters, name) {
		return true
	}
	_, parameter := t.Parameters[name]
	return parameter
}

func (t *Template) checkBlock(block string, members map[string]any) error {
	var missing []string
	for _, name := range sortedKeys(members) {
		if err := t.checkFunctions(members[name]); err != nil {
			return err
		}
		for _, ref := range References(members[name]) {
			_, resource := t.Resources[ref.Name]
			switch {
			case resource:
			case ref.Attribute != "":
				return templateErrorf("instance of Fn::GetAtt references undefined resource %s", ref.Name)
			case !t.known(ref.Name):
				missing = append(missing, ref.Name)
			}
		}
	}
	if len(missing) > 0 {
		return unresolved(missing, block)
	}
	return nil
}

func (t *Template) checkExport(name string, o Output) error {
	for _, ref := range References([]any{o.Export}) {
		if _, resource := t.Resources[ref.Name]; resource {
			return formatErrorf("Output %s is malformed. The Name field of every Export member must be specified and consist of a literal, or of parameters and pseudo parameters", name)
		}
	}
	return nil
}

func (t *Template) checkFunctions(v any) error {
	failed := mixedFunction(v)
	collect(v, func(name string, arg any) {
		if failed != nil {
			return
		}
		if !slices.Contains(functions, name) && (!t.extended || name != toJSONString) {
			failed = templateErrorf("Encountered unsupported function: %s Supported functions are: [%s]", name, strings.Join(functions, ", "))
			return
		}
		failed = t.checkArguments(name, arg)
	})
	return failed
}

// mixedFunction finds a function that shares its object with other members.
// Such an object would otherwise be taken for a literal.
func mixedFunction(v any) error {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if err := mixedFunction(e); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, key := range sortedKeys(v) {
			if len(v) > 1 && strings.HasPrefix(key, "Fn::") {
				return templateErrorf("%s must be the only member of its object", key)
			}
			if err := mixedFunction(v[key]); err != nil {
				return err
			}
		}
	}
	return nil
}

// inConditions refuses a function that may only stand in resources and outputs.
func inConditions(function string) error {
	return templateErrorf("Cannot use %s in Conditions.", function)
}

// checkConditions verifies that conditions refer only to parameters and to each
// other, and that all conditions named exist.
func (t *Template) checkConditions() error {
	needs := map[string][]string{}
	for _, name := range sortedKeys(t.Conditions) {
		v := t.Conditions[name]
		if noBoolean(v) || slices.ContainsFunc(ruleFunctions, func(name string) bool { return uses(v, name) }) {
			return formatErrorf(conditionOnly)
		}
		if err := t.checkFunctions(v); err != nil {
			return err
		}
		for _, name := range []string{"Fn::ImportValue", "Fn::If"} {
			if uses(v, name) {
				return inConditions(name)
			}
		}
		for _, ref := range References(v) {
			if !t.known(ref.Name) || ref.Attribute != "" {
				return formatErrorf("Unresolved dependencies [%s]. Cannot reference resources in the Conditions block of the template", ref.Name)
			}
		}
		needs[name] = conditionNames(v)
		for _, c := range needs[name] {
			if _, ok := t.Conditions[c]; !ok {
				return undefinedCondition(c, "Conditions")
			}
		}
	}
	if cycle := cyclic(needs); len(cycle) > 0 {
		return circularConditions(cycle)
	}
	for _, name := range sortedKeys(t.Rules) {
		rule := t.Rules[name]
		all := []any{rule.Condition}
		for _, a := range rule.Assertions {
			all = append(all, a.Assert)
		}
		if err := t.checkFunctions(all); err != nil {
			return err
		}
		if namesCondition(all) {
			return formatErrorf("Following functions are not supported in the Rules block of the template: [Condition].")
		}
		for _, ref := range References(all) {
			if !t.known(ref.Name) || ref.Attribute != "" {
				return formatErrorf("Unresolved dependencies [%s]. Cannot reference resources in the Rules block of the template", ref.Name)
			}
		}
	}
	return nil
}

// checkConditionNames verifies the conditions that resources and outputs use.
func (t *Template) checkConditionNames() error {
	use := func(block, condition string, v any) error {
		for _, name := range ifConditions(v) {
			if _, ok := t.Conditions[name]; !ok {
				return undefinedBranch(name)
			}
		}
		if _, ok := t.Conditions[condition]; condition != "" && !ok {
			return undefinedCondition(condition, block)
		}
		return nil
	}
	for _, name := range sortedKeys(t.Resources) {
		r := t.Resources[name]
		if err := use("Resources", r.Condition, r.functions()); err != nil {
			return err
		}
	}
	for _, name := range sortedKeys(t.Outputs) {
		o := t.Outputs[name]
		if err := use("Outputs", o.Condition, []any{o.Value, o.Export}); err != nil {
			return err
		}
	}
	return nil
}

func undefinedCondition(name, block string) error {
	return formatErrorf("Unresolved condition dependency %s in the %s block of the template", name, block)
}

func circularConditions(names []string) error {
	return formatErrorf("Circular dependencies for conditions: [%s]", strings.Join(names, ", "))
}

// undefinedBranch is the error for an Fn::If whose condition does not exist.
func undefinedBranch(name string) error {
	return templateErrorf("unresolved condition dependency %s in Fn::If", name)
}

// uses reports whether a value contains a function.
func uses(v any, wanted string) bool {
	found := false
	collect(v, func(name string, _ any) { found = found || name == wanted })
	return found
}

// namesCondition reports whether an expression refers to a condition by name.
func namesCondition(v any) bool { return len(conditionNames(v)) > len(ifConditions(v)) }

// conditionNames returns the conditions that a condition's expression uses.
func conditionNames(v any) []string {
	names := ifConditions(v)
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			if name, ok := v["Condition"].(string); ok && len(v) == 1 {
				names = append(names, name)
				return
			}
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(v)
	slices.Sort(names)
	return slices.Compact(names)
}

func ifConditions(v any) []string {
	var names []string
	collect(v, func(name string, arg any) {
		if list, ok := arg.([]any); ok && name == "Fn::If" && len(list) > 0 {
			if c, ok := list[0].(string); ok {
				names = append(names, c)
			}
		}
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// Circular returns CloudFormation's error if the graph has a cycle. In the
// graph, each name points to the names it needs.
func Circular(needs map[string][]string) error {
	if cycle := cyclic(needs); len(cycle) > 0 {
		return errorf("Circular dependency between resources: [%s]", strings.Join(cycle, ", "))
	}
	return nil
}

// cyclic returns the names that are on cycles or between two of them. It
// repeatedly removes the names that need nothing and those that nothing needs,
// and returns the rest.
func cyclic(needs map[string][]string) []string {
	left := map[string]bool{}
	for name := range needs {
		left[name] = true
	}
	for changed := true; changed; {
		changed = false
		needed := map[string]bool{}
		for name := range left {
			for _, n := range needs[name] {
				needed[n] = true
			}
		}
		for name := range left {
			if !needed[name] || !slices.ContainsFunc(needs[name], func(n string) bool { return left[n] }) {
				delete(left, name)
				changed = true
			}
		}
	}
	return sortedKeys(left)
}
