package readiness

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// parity: what worked in staging is what production gets.
func parity() Check {
	return Check{
		ID: "parity", Item: PreProduction,
		Title: "Staging mirrors production, but for the differences that are declared",
		Doc: `Both stages' templates of the assembly are written in canonical form (account,
region and stack name as pseudo-parameters, logical ids without hashes, each text as
Fn::Sub has it) and compared value by value. The policy's parity declares a difference
by its JSON Pointer in that form, with a reason; it covers that value and nothing else.
A difference that is not declared fails, and so does a declaration without a difference:
it would cover the next one unseen. The policy is the base's, so a declaration is made,
or taken away, one release before what it is about.
Asset keys are compared as they are: another key is another content.`,
		Inputs: []evidence.Predicate{Assembly{}},
		Next:   "mend infra/service, or declare the difference in " + PolicyFile + ", one release ahead",
		Decide: func(in Inputs) Result {
			assembly := read(in, &Assembly{})
			stages := map[string]map[string]any{}
			resources := map[string]bool{}
			for _, name := range []string{stagingStack, productionStack} {
				stack, ok := assembly.Stacks[name]
				if !ok {
					return Undecided("the assembly has no stack %s", name)
				}
				stage, err := canonicalTemplate(stack.Template, name, stack.Environment)
				if err != nil {
					return Undecided("%s: %v", name, err)
				}
				stages[name] = stage
				for id := range stage["Resources"].(map[string]any) {
					resources[id] = true
				}
			}
			found, compared := differences(stages[stagingStack], stages[productionStack])
			var findings, declared []string
			unused := maps.Clone(in.Policy.Parity)
			for _, d := range found {
				if reason, ok := in.Policy.Parity[d.path]; ok {
					declared = append(declared, fmt.Sprintf("%s (%s)", d.path, reason))
					delete(unused, d.path)
					continue
				}
				findings = append(findings, d.describe("staging", "production"))
			}
			for _, path := range slices.Sorted(maps.Keys(unused)) {
				findings = append(findings, path+" is declared and is no difference: take it out of "+PolicyFile)
			}
			notChecked := "What templates do not hold: termination protection, tags, quotas, data."
			if len(declared) > 0 {
				notChecked += " Declared to differ: " + strings.Join(declared, "; ") + "."
			}
			return concluded(fmt.Sprintf("%s, %s; %s, %d declared", count(len(resources), "resource"), count(compared, "value"), count(len(found), "difference"), len(declared)),
				findings, nil, notChecked)
		},
	}
}
