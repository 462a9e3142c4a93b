package readiness

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// PolicyRules is where a repository keeps its rules as code, in Rego. Like
// PolicyFile they are read from the base.
const PolicyRules = "infra/policy"

// SBOMInput is the name of the input that is not a stack.
const SBOMInput = "sbom"

// Policies is what the organisation's rules say of the release.
type Policies struct {
	evidence.Made
	// From is the commit that the rules were read from: the base, or the
	// candidate itself where the base has none.
	From   string            `json:"from"`
	Files  map[string]string `json:"files"`  // of the rules, and their SHA-256
	Inputs []PolicyInput     `json:"inputs"` // in the order of their names
	Rules  []PolicyRule      `json:"rules"`
	// Problems are why the rules can't be believed.
	Problems []string `json:"problems,omitempty"`
}

// PredicateType implements [evidence.Predicate].
func (Policies) PredicateType() string { return base + "policies/v1" }

// A PolicyInput is a document that the rules were asked about.
type PolicyInput struct {
	Name string `json:"name"` // of the stack, or SBOMInput
	// Subjects are how many resources or components it has.
	Subjects int    `json:"subjects"`
	Digest   string `json:"digest"` // by DocumentDigest
}

// A PolicyRule is one rule and what it says of each input.
type PolicyRule struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	// Optional is why the rule may meet nothing.
	Optional string         `json:"optional,omitempty"`
	Tests    int            `json:"tests"` // of the rule itself; they pass
	Results  []PolicyResult `json:"results"`
}

// A PolicyResult is what a rule says of one input.
type PolicyResult struct {
	Input      string            `json:"input"`
	Subjects   []string          `json:"subjects"` // logical ids or modules that it looked at
	Violations []PolicyViolation `json:"violations"`
}

// A PolicyViolation is a subject that breaks a rule.
type PolicyViolation struct {
	ID      string `json:"id"`
	Message string `json:"message"`
}

// DocumentDigest is the SHA-256 of a JSON document whatever its white space and
// the order of its keys.
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

// policies: no stack and no module breaks a rule of the organisation.
func policies() Check {
	return Check{
		ID: "policies", Item: Security,
		Title: "No stack and no module breaks a rule of the organisation",
		Doc: `The rules are Rego below infra/policy, decided by Open Policy Agent over the
template of each stack and over the SBOM. They are read from the base, as the
policy is. A rule must be tested both ways, must say what it looked at, and is
not believed where it looked at nothing, unless its METADATA says why it may; a
document that no rule looked at was not judged. A file that does not compile, or
is in a package that nobody evaluates, leaves everything undecided: conftest
would pass it. Source: https://www.openpolicyagent.org/docs/policy-testing.`,
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
	met := map[string]map[string]bool{} // subjects that a rule looked at, by input
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
			undecided = append(undecided, fmt.Sprintf("rule %s met nothing: mend it, or give it METADATA custom.optional with a reason", rule.ID))
		}
	}
	undecided = append(undecided, unjudged(in, p)...)
	all, looked := 0, 0
	for _, input := range p.Inputs {
		all += input.Subjects
		looked += len(met[input.Name])
		if len(met[input.Name]) == 0 && len(p.Problems) == 0 {
			undecided = append(undecided, fmt.Sprintf("no rule looked at %s", input.Name))
		}
	}
	notChecked := fmt.Sprintf("Resources and modules for which there is no rule (%d), and what a rule does not ask.", all-looked)
	switch {
	case p.From == in.Candidate.Base && p.From != "":
	case p.From == in.Candidate.Commit:
		notChecked += " The base has no rules, so that the change is judged by its own."
	default:
		undecided = append(undecided, fmt.Sprintf("the rules are of commit %.12s, which is neither the base nor the candidate", p.From))
	}
	if len(idle) > 0 {
		notChecked += " Rules that met nothing: " + strings.Join(idle, ", ") + "."
	}
	counted := fmt.Sprintf("%s (%s) of %.12s over %s: %d of %d resources and modules",
		count(len(p.Rules), "rule"), count(tests, "test"), p.From, count(len(p.Inputs), "input"), looked, all)
	return concluded(counted, findings, undecided, notChecked)
}

// unjudged says which documents of the release are not among the inputs, or are
// not those that the rules were asked about.
func unjudged(in Inputs, p *Policies) (undecided []string) {
	documents := map[string]json.RawMessage{SBOMInput: read(in, &SBOM{}).Document}
	for name, stack := range read(in, &Assembly{}).Stacks {
		documents[name] = stack.Template
	}
	for _, name := range append(slices.Clone(releaseStacks), SBOMInput) {
		i := slices.IndexFunc(p.Inputs, func(input PolicyInput) bool { return input.Name == name })
		if i < 0 {
			undecided = append(undecided, "the rules were not asked about "+name)
			continue
		}
		if digest, err := DocumentDigest(documents[name]); err != nil || digest != p.Inputs[i].Digest {
			undecided = append(undecided, fmt.Sprintf("the rules were asked about another %s than the release's", name))
		}
	}
	return undecided
}
