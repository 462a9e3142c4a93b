package readiness

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// SBOMInput is the name of the only input that is not a stack.
const SBOMInput = "sbom"

// Policies holds the results of the organisation's rules for the release.
type Policies struct {
	evidence.Made
	// From is the commit that the rules were read from: the base, or the
	// candidate itself if the base has none.
	From   string            `json:"from"`
	Files  map[string]string `json:"files"`  // files of the rules, and their SHA-256
	Inputs []PolicyInput     `json:"inputs"` // sorted by name
	Rules  []PolicyRule      `json:"rules"`
	// Problems are the reasons why the rules can't be trusted.
	Problems []string `json:"problems,omitempty"`
}

// PredicateType implements [evidence.Predicate].
func (Policies) PredicateType() string { return base + "policies/v1" }

// A PolicyInput is a document that the rules were applied to.
type PolicyInput struct {
	Name string `json:"name"` // name of the stack, or SBOMInput
	// Subjects is the number of its resources or components.
	Subjects int    `json:"subjects"`
	Digest   string `json:"digest"` // from DocumentDigest
}

// A PolicyRule is one rule and its result for each input.
type PolicyRule struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	// Optional is the reason why the rule may apply to nothing.
	Optional string         `json:"optional,omitempty"`
	Tests    int            `json:"tests"` // number of tests of the rule itself; they pass
	Results  []PolicyResult `json:"results"`
}

// A PolicyResult is the result of a rule for one input.
type PolicyResult struct {
	Input      string            `json:"input"`
	Subjects   []string          `json:"subjects"` // logical ids or modules that the rule examined
	Violations []PolicyViolation `json:"violations"`
}

// A PolicyViolation is a subject that breaks a rule.
type PolicyViolation struct {
	ID      string `json:"id"`
	Message string `json:"message"`
}

// DocumentDigest returns the SHA-256 of a JSON document, independent of its
// white space and the order of its keys.
func DocumentDigest(document json.RawMessage) (string, error) {
	var value any
	if err := json.Unmarshal(document, &value); err != nil {
		return "", fmt.Errorf("reading a document: %w", err)
	}
	canonical, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("reading a document: %w", err)
	}
	return evidence.Digest(canonical), nil
}

// policies checks that no stack and no module breaks a rule of the
// organisation.
func policies() Check {
	return Check{
		ID: "policies", Item: Security,
		Title: "No stack and no module breaks a rule of the organisation",
		Doc: `The rules are written in Rego in the directory of the policy. Open Policy Agent applies them to
the template of each stack and to the SBOM. Like the policy, they are read from the
base. A rule must have tests for both outcomes and must report what it examined. A
rule that examined nothing is not accepted, unless its METADATA says why that is
right. A document that no rule examined counts as not judged. A file that does not
compile, or that is in a package that nothing evaluates, leaves everything undecided;
conftest would let it pass. Source:
https://www.openpolicyagent.org/docs/policy-testing.`,
		Inputs: []evidence.Predicate{Policies{}, Assembly{}, SBOM{}},
		Next:   "go tool mage readiness",
		Decide: decidePolicies,
	}
}

func decidePolicies(in Inputs) Result {
	p := read(in, &Policies{})
	undecided := slices.Clone(p.Problems)
	if len(p.Rules) == 0 && len(undecided) == 0 {
		undecided = append(undecided, "no rule was evaluated")
	}
	// met holds the subjects that a rule examined, by input.
	met := map[string]map[string]bool{}
	var findings, idle []string
	tests := 0
	for _, rule := range p.Rules {
		tests += rule.Tests
		subjects := 0
		for _, result := range rule.Results {
			subjects += len(result.Subjects)
			for _, id := range result.Subjects {
				if met[result.Input] == nil {
					met[result.Input] = map[string]bool{}
				}
				met[result.Input][id] = true
			}
			for _, v := range result.Violations {
				findings = append(findings, fmt.Sprintf("%s %s: %s: %s", result.Input, v.ID, rule.ID, v.Message))
			}
		}
		switch {
		case subjects > 0:
		case rule.Optional != "":
			idle = append(idle, fmt.Sprintf("%s (%s)", rule.ID, rule.Optional))
		case len(p.Problems) == 0:
			undecided = append(undecided, fmt.Sprintf("rule %s applied to nothing: fix it, or give it METADATA custom.optional with a reason", rule.ID))
		}
	}
	undecided = append(undecided, unjudged(in, p)...)
	all, looked := 0, 0
	for _, input := range p.Inputs {
		all += input.Subjects
		looked += len(met[input.Name])
		if len(met[input.Name]) == 0 && len(p.Problems) == 0 {
			undecided = append(undecided, fmt.Sprintf("no rule examined %s", input.Name))
		}
	}
	notChecked := fmt.Sprintf("Resources and modules without a rule (%d), and what the rules do not ask.", all-looked)
	switch {
	case p.From == in.Candidate.Base && p.From != "":
	case p.From == in.Candidate.Commit:
		notChecked += " The base has no rules, so the change is judged by its own."
	default:
		undecided = append(undecided, fmt.Sprintf("the rules are from commit %.12s, which is neither the base nor the candidate", p.From))
	}
	if len(idle) > 0 {
		notChecked += " Rules that applied to nothing: " + strings.Join(idle, ", ") + "."
	}
	counted := fmt.Sprintf("%s (%s) of %.12s over %s: %d of %d resources and modules",
		count(len(p.Rules), "rule"), count(tests, "test"), p.From, count(len(p.Inputs), "input"), looked, all)
	return concluded(counted, findings, undecided, notChecked)
}

// unjudged returns which documents of the release are missing from the inputs
// or differ from them.
func unjudged(in Inputs, p *Policies) (undecided []string) {
	documents := map[string]json.RawMessage{SBOMInput: read(in, &SBOM{}).Document}
	assembly := read(in, &Assembly{})
	for name, stack := range assembly.Stacks {
		documents[name] = stack.Template
	}
	for _, name := range append(assembly.Manifest.Stacks(), SBOMInput) {
		i := slices.IndexFunc(p.Inputs, func(input PolicyInput) bool { return input.Name == name })
		if i < 0 {
			undecided = append(undecided, "the rules were not asked about "+name)
			continue
		}
		if digest, err := DocumentDigest(documents[name]); err != nil || digest != p.Inputs[i].Digest {
			undecided = append(undecided, fmt.Sprintf("the rules were asked about a different %s than the release's", name))
		}
	}
	return undecided
}
