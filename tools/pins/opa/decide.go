package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
)

// test runs the rules' own tests. A rule is only trusted if its tests have seen it break and
// have seen it keep.
func (s *set) test(ctx context.Context) (problems []string) {
	results, err := tester.NewRunner().SetCompiler(s.compiler).SetStore(inmem.New()).RunTests(ctx, nil)
	if err != nil {
		return []string{fmt.Sprintf("running the tests: %v", err)}
	}
	breaks, keeps := map[string]int{}, map[string]int{}
	for r := range results {
		id := strings.TrimSuffix(strings.TrimPrefix(r.Package, rulesPath), "_test")
		switch {
		case !r.Pass():
			problems = append(problems, fmt.Sprintf("%s: %s did not pass", r.Package, r.Name))
		case strings.HasPrefix(r.Name, "test_breaks"):
			breaks[id]++
		case strings.HasPrefix(r.Name, "test_keeps"):
			keeps[id]++
		default:
			problems = append(problems, fmt.Sprintf("%s: %s is named neither test_breaks... nor test_keeps...", r.Package, r.Name))
		}
	}
	for i := range s.rules {
		rule := &s.rules[i]
		rule.Tests = breaks[rule.ID] + keeps[rule.ID]
		if breaks[rule.ID] == 0 || keeps[rule.ID] == 0 {
			problems = append(problems, fmt.Sprintf("rule %s has %d tests that break it and %d that keep it, and needs both", rule.ID, breaks[rule.ID], keeps[rule.ID]))
		}
		delete(breaks, rule.ID)
		delete(keeps, rule.ID)
	}
	for _, left := range []map[string]int{breaks, keeps} {
		for _, id := range slices.Sorted(maps.Keys(left)) {
			problems = append(problems, fmt.Sprintf("there are tests of %s, which is no rule", id))
		}
	}
	slices.Sort(problems)
	return slices.Compact(problems)
}

// decide applies every rule to every input.
func (s *set) decide(ctx context.Context, inputs map[string]any) (problems []string) {
	for i := range s.rules {
		rule := &s.rules[i]
		query, err := rego.New(
			rego.Compiler(s.compiler),
			rego.Query("result := {\"subjects\": "+rulesPath+rule.ID+".subjects, \"violations\": "+rulesPath+rule.ID+".violations}"),
			rego.StrictBuiltinErrors(true),
		).PrepareForEval(ctx)
		if err != nil {
			problems = append(problems, fmt.Sprintf("rule %s: %v", rule.ID, err))
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(inputs)) {
			result, err := ask(ctx, query, inputs[name])
			if err != nil {
				problems = append(problems, fmt.Sprintf("rule %s of %s: %v", rule.ID, name, err))
				continue
			}
			result.Input = name
			for _, v := range result.Violations {
				if !slices.Contains(result.Subjects, v.ID) || v.Message == "" {
					problems = append(problems, fmt.Sprintf("rule %s of %s: %q breaks it and is none of its subjects, or has no message", rule.ID, name, v.ID))
				}
			}
			rule.Results = append(rule.Results, result)
		}
	}
	return problems
}

func ask(ctx context.Context, query rego.PreparedEvalQuery, input any) (Result, error) {
	answer := Result{Subjects: []string{}, Violations: []Violation{}}
	results, err := query.Eval(ctx, rego.EvalInput(input))
	if err != nil {
		return answer, err
	}
	if len(results) != 1 {
		return answer, fmt.Errorf("it has %d answers", len(results))
	}
	data, err := json.Marshal(results[0].Bindings["result"])
	if err != nil {
		return answer, err
	}
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&answer); err != nil {
		return answer, fmt.Errorf("subjects are not texts, or violations not {id, message}: %w", err)
	}
	return answer, nil
}
