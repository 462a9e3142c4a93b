package readiness

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project/manifest"
)

// parity checks that production gets what worked in staging.
func parity() Check {
	return Check{
		ID: "parity", Item: PreProduction,
		Title: "Staging mirrors production, except for declared differences",
		Doc: `The templates of both stages in the assembly are put into a canonical form and
compared value by value. In this form, account, region and stack name are
pseudo-parameters, logical ids have neither hashes nor the stack's name, and each text
is written as in Fn::Sub.
The policy's parity can declare a difference, by its JSON Pointer in this form and
with a reason; the declaration covers that value only. An undeclared difference fails.
A declaration without a difference fails as well, because it would hide the next one.
The policy is the base's, so a declaration must be added or removed one release ahead.
Asset keys are compared unchanged, because another key means other content.`,
		Inputs: []evidence.Predicate{Assembly{}},
		Next:   "fix the CDK app, or declare the difference under parity in the policy, one release ahead",
		Decide: func(in Inputs) Result {
			assembly := read(in, &Assembly{})
			stages := map[string]map[string]any{}
			resources := map[string]bool{}
			if len(assembly.Manifest.Stages) < 2 {
				r := Undecided("%s is the only stage, so there is none in which a release is tried", assembly.last())
				r.Next = "define the stack a second time in the CDK app, for a stage before it"
				return r
			}
			first, last := assembly.Manifest.First(), assembly.Manifest.Last()
			for i, stage := range []manifest.Stage{first, last} {
				name := stage.Stack
				other := assembly.Stacks[[]string{last.Stack, first.Stack}[i]].Template
				stack, ok := assembly.Stacks[name]
				if !ok {
					return Undecided("the assembly has no stack %s", name)
				}
				template, err := canonicalBeside(stack.Template, other, name, stack.Environment)
				if err != nil {
					return Undecided("%s: %v", name, err)
				}
				stages[name] = template
				for id := range template["Resources"].(map[string]any) {
					resources[id] = true
				}
			}
			found, compared := differences(stages[first.Stack], stages[last.Stack])
			var findings, declared []string
			unused := maps.Clone(in.Policy.Parity)
			for _, d := range found {
				if reason, ok := in.Policy.Parity[d.path]; ok {
					declared = append(declared, fmt.Sprintf("%s (%s)", d.path, reason))
					delete(unused, d.path)
					continue
				}
				findings = append(findings, d.describe(first.Name, last.Name))
			}
			for _, path := range slices.Sorted(maps.Keys(unused)) {
				findings = append(findings, path+" is declared, but is not a difference: remove it from "+in.policyFile())
			}
			notChecked := "What templates do not contain: termination protection, tags, quotas, data."
			if len(declared) > 0 {
				notChecked += " Declared to differ: " + strings.Join(declared, "; ") + "."
			}
			return concluded(fmt.Sprintf("%s, %s; %s, %d declared", count(len(resources), "resource"), count(compared, "value"), count(len(found), "difference"), len(declared)),
				findings, nil, notChecked)
		},
	}
}
