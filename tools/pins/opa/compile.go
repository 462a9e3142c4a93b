package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

const (
	rulesPath = "data.magewright.rules."
	libPath   = "data.magewright.lib"
)

// A set has the rules of a request, compiled together with their tests.
type set struct {
	compiler *ast.Compiler
	rules    []Rule
}

// inputSchema describes what an input can have, so that a reference to anything else does not
// compile. In Rego it would be undefined, and undefined breaks no rule.
const inputSchema = `{
	"type": "object",
	"properties": {
		"name": {"type": "string"},
		"template": {"type": "object", "properties": {
			"Resources": {"type": "object", "additionalProperties": true},
			"Parameters": {"type": "object", "additionalProperties": true},
			"Outputs": {"type": "object", "additionalProperties": true}
		}},
		"sbom": {"type": "object", "properties": {
			"metadata": {"type": "object", "additionalProperties": true},
			"components": {"type": "array", "items": {"type": "object", "additionalProperties": true}}
		}}
	}
}`

// compile compiles the modules in strict mode and lists their rules. Rules can't use anything
// that is not in their input, such as a clock, a network or an environment.
func compile(modules map[string]string) (*set, []string) {
	var problems []string
	parsed := map[string]*ast.Module{}
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		module, err := ast.ParseModuleWithOpts(name, modules[name], ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
		switch {
		case err != nil:
			problems = append(problems, err.Error())
		case module == nil:
			problems = append(problems, name+": it is empty")
		default:
			parsed[name] = module
			problems = append(problems, unsure(module)...)
		}
	}
	capabilities := ast.CapabilitiesForThisVersion()
	capabilities.Builtins = slices.DeleteFunc(capabilities.Builtins, func(b *ast.Builtin) bool { return b.Nondeterministic })
	capabilities.AllowNet = []string{}
	schemas := ast.NewSchemaSet()
	var schema any
	if err := util.UnmarshalJSON([]byte(inputSchema), &schema); err != nil {
		return nil, append(problems, err.Error())
	}
	schemas.Put(ast.SchemaRootRef, schema)
	s := &set{compiler: ast.NewCompiler().WithCapabilities(capabilities).WithStrict(true).WithSchemas(schemas).WithUseTypeCheckAnnotations(true)}
	if len(problems) > 0 {
		return s, problems
	}
	if s.compiler.Compile(parsed); s.compiler.Failed() {
		for _, err := range s.compiler.Errors {
			problems = append(problems, err.Error())
		}
		return s, problems
	}
	problems = s.list(parsed)
	if len(s.rules) == 0 {
		problems = append(problems, "there is no rule: no package magewright.rules.NAME")
	}
	return s, problems
}

// list finds the rules in the modules' packages.
func (s *set) list(modules map[string]*ast.Module) (problems []string) {
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		module := modules[name]
		path := module.Package.Path.String()
		id, ok := strings.CutPrefix(path, rulesPath)
		switch {
		case path == libPath:
			continue
		case !ok || strings.ContainsAny(id, ".["):
			problems = append(problems, fmt.Sprintf("%s: %s is neither magewright.rules.NAME nor magewright.lib, so nobody evaluates it", name, module.Package))
			continue
		case strings.HasSuffix(id, "_test"):
			continue
		}
		if slices.ContainsFunc(s.rules, func(r Rule) bool { return r.ID == id }) {
			problems = append(problems, fmt.Sprintf("%s: there are two packages of rule %s", name, id))
			continue
		}
		rule := Rule{ID: id, Results: []Result{}}
		for _, a := range module.Annotations {
			if a.Scope != "package" {
				continue
			}
			rule.Title = a.Title
			rule.Optional, _ = a.Custom["optional"].(string)
		}
		if rule.Title == "" {
			problems = append(problems, fmt.Sprintf("%s: rule %s has no title in the METADATA of its package", name, id))
		}
		for _, want := range []string{"subjects", "violations"} {
			if !slices.ContainsFunc(module.Rules, func(r *ast.Rule) bool {
				return r.Head.RuleKind() == ast.MultiValue && r.Head.Ref().String() == want
			}) {
				problems = append(problems, fmt.Sprintf("%s: rule %s says nothing by `%s contains`", name, id, want))
			}
		}
		s.rules = append(s.rules, rule)
	}
	return problems
}
