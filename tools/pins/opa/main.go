// Command opa applies an organisation's rules, written in Rego, to documents. It is a
// separate module, so that Open Policy Agent's dependencies don't become ours. It reads a
// request from standard input and writes an answer to standard output, both in JSON, and
// imports nothing of this project.
//
//	{"modules": {"FILE": "TEXT"}, "inputs": {"NAME": DOCUMENT}}
//
// A rule is a package magewright.rules.NAME with a title in its METADATA. For each input, its
// subjects say what it has examined, and its violations, as {"id": SUBJECT, "message": TEXT},
// say what breaks the rule. Its tests are in package magewright.rules.NAME_test. Tests called
// test_breaks... show that the rule can fail, and tests called test_keeps... show that it can
// hold. Package magewright.lib has what rules share. A file in any other package is a
// problem, because nobody would evaluate it.
//
// The exit code is 0 if there is an answer, whatever the answer is.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/open-policy-agent/opa/v1/version"
)

// A Request says what to decide.
type Request struct {
	Modules map[string]string `json:"modules"` // by file name
	Inputs  map[string]any    `json:"inputs"`  // by name
}

// An Answer has the results of the rules. If it has problems, it decides nothing.
type Answer struct {
	Engine   string   `json:"engine"` // OPA's version
	Rules    []Rule   `json:"rules"`
	Problems []string `json:"problems"`
}

// A Rule is one rule with its results for each input.
type Rule struct {
	ID    string `json:"id"` // the last part of its package's name
	Title string `json:"title"`
	// Optional, from the rule's METADATA, says why the rule may find nothing to examine.
	Optional string   `json:"optional,omitempty"`
	Tests    int      `json:"tests"` // number of tests that passed
	Results  []Result `json:"results"`
}

// A Result is the result of one rule for one input.
type Result struct {
	Input      string      `json:"input"`
	Subjects   []string    `json:"subjects"`
	Violations []Violation `json:"violations"`
}

// A Violation is a subject that breaks a rule.
type Violation struct {
	ID      string `json:"id"`
	Message string `json:"message"`
}

func main() {
	if err := run(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "opa: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, in io.Reader, out io.Writer) error {
	var request Request
	decoder := json.NewDecoder(in)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	answer := Answer{Engine: version.Version, Rules: []Rule{}, Problems: []string{}}
	set, problems := compile(request.Modules)
	if len(problems) == 0 {
		problems = set.test(ctx)
	}
	if len(problems) == 0 {
		problems = set.decide(ctx, request.Inputs)
	}
	answer.Problems = append(answer.Problems, problems...)
	if set != nil {
		answer.Rules = append(answer.Rules, set.rules...)
	}
	if err := json.NewEncoder(out).Encode(answer); err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	return nil
}
