// Command opa decides an organisation's rules, written in Rego, over documents.
// It is a module of its own, because Open Policy Agent's dependencies must not
// become ours: it reads a request from standard input and writes an answer to
// standard output, both JSON, and imports nothing of this project.
//
//	{"modules": {"FILE": "TEXT"}, "inputs": {"NAME": DOCUMENT}}
//
// A rule is a package magewright.rules.NAME with a title in its METADATA. For
// an input it says in subjects what it has looked at, and in violations, as
// {"id": SUBJECT, "message": TEXT}, what breaks it. Its tests are in package
// magewright.rules.NAME_test: some named test_breaks..., which show that it can
// fail, and some test_keeps.... Package magewright.lib holds what rules share;
// a file anywhere else would be evaluated by nobody and is a problem.
//
// The exit code is 0 where there is an answer, whatever it says.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/open-policy-agent/opa/v1/version"
)

// A Request is what is to be decided.
type Request struct {
	Modules map[string]string `json:"modules"` // by file name
	Inputs  map[string]any    `json:"inputs"`  // by name
}

// An Answer is what the rules say. Where it has problems, it decides nothing.
type Answer struct {
	Engine   string   `json:"engine"` // OPA's version
	Rules    []Rule   `json:"rules"`
	Problems []string `json:"problems"`
}

// A Rule is one rule and what it says of each input.
type Rule struct {
	ID    string `json:"id"` // the last part of its package's name
	Title string `json:"title"`
	// Optional is why the rule may meet nothing, from its METADATA.
	Optional string   `json:"optional,omitempty"`
	Tests    int      `json:"tests"` // that passed
	Results  []Result `json:"results"`
}

// A Result is what a rule says of one input.
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
