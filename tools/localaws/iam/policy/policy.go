// Package policy reads IAM's policy documents and evaluates them as AWS
// documents it. It knows nothing about services: a request is an action, a
// resource, a principal and a context.
//
// The account belongs to no organization, so there are no service control
// policies and no resource control policies.
//
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html.
package policy

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A Kind says what a document is attached to. It determines which elements a
// statement must have.
type Kind int

// The kinds of policies. Permissions boundaries and session policies have the
// form of identity-based policies.
const (
	Identity Kind = iota
	Resource
	Trust
)

// A Policy is a document that has been read.
type Policy struct {
	// Name identifies the policy in reports: the name of an inline policy, or the
	// ARN of another policy. The evaluation does not use it.
	Name       string
	Statements []Statement

	// variables says that the version knows policy variables.
	variables bool
}

// A Statement is one statement of a policy.
type Statement struct {
	SID   string
	Allow bool   // otherwise it denies
	Text  string // the statement's JSON

	actions       []pattern // in lower case
	notActions    bool
	resources     []pattern
	notResources  bool
	principals    *principals // nil in an identity-based policy
	notPrincipals bool
	conditions    []condition
}

// A SyntaxError says why a document is not a policy. The messages are those of
// IAM as far as they are documented.
type SyntaxError struct{ Message string }

func (e *SyntaxError) Error() string { return e.Message }

func syntax(message string) error { return &SyntaxError{message} }

// Messages of IAM.
const (
	invalidJSON    = "This policy contains invalid Json"
	syntaxErrors   = "Syntax errors in policy."
	invalidVersion = "The policy must contain a valid version string"
)

// Parse reads a document. If it does not have the form that its kind requires,
// Parse returns a *SyntaxError.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html.
func Parse(text string, kind Kind) (*Policy, error) {
	root, err := parseJSON(text)
	if err != nil {
		return nil, syntax(invalidJSON)
	}
	members, ok := root.(object)
	if !ok {
		return nil, syntax(syntaxErrors)
	}
	p := &Policy{}
	var list []any
	for _, m := range members {
		switch m.name {
		case "Version":
			switch m.value {
			case "2012-10-17":
				p.variables = true
			case "2008-10-17":
			default:
				return nil, syntax(invalidVersion)
			}
		case "Id":
			if _, ok := m.value.(string); !ok {
				return nil, syntax(syntaxErrors)
			}
		case "Statement":
			if list, ok = m.value.([]any); !ok {
				list = []any{m.value}
			}
		default:
			return nil, syntax(syntaxErrors)
		}
	}
	if len(list) == 0 {
		return nil, syntax(syntaxErrors)
	}
	seen := map[string]bool{}
	for _, v := range list {
		s, err := p.statement(v, kind)
		if err != nil {
			return nil, err
		}
		if s.SID != "" && seen[s.SID] {
			return nil, syntax("Statement IDs (SID) in a single policy must be unique.")
		}
		seen[s.SID] = true
		p.Statements = append(p.Statements, s)
	}
	return p, nil
}

var identitySID = regexp.MustCompile(`^[0-9A-Za-z]*$`)

func (p *Policy) statement(v any, kind Kind) (Statement, error) {
	s := Statement{}
	members, ok := v.(object)
	if !ok {
		return s, syntax(syntaxErrors)
	}
	s.Text = members.String()
	var effect string
	elements := map[string]bool{}
	for _, m := range members {
		var err error
		switch m.name {
		case "Sid":
			if s.SID, ok = m.value.(string); !ok {
				return s, syntax(syntaxErrors)
			}
			if kind == Identity && !identitySID.MatchString(s.SID) {
				return s, syntax("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*")
			}
		case "Effect":
			effect, _ = m.value.(string)
		case "Action", "NotAction":
			s.notActions = m.name == "NotAction"
			s.actions, err = p.actions(m.value)
		case "Resource", "NotResource":
			s.notResources = m.name == "NotResource"
			s.resources, err = p.resources(m.value, kind)
		case "Principal", "NotPrincipal":
			s.notPrincipals = m.name == "NotPrincipal"
			s.principals, err = parsePrincipals(m.value)
		case "Condition":
			s.conditions, err = p.conditions(m.value)
		default:
			err = syntax(syntaxErrors)
		}
		if err != nil {
			return s, err
		}
		elements[strings.TrimPrefix(m.name, "Not")] = true
	}
	if effect != "Allow" && effect != "Deny" {
		return s, syntax(syntaxErrors)
	}
	s.Allow = effect == "Allow"
	return s, s.check(kind, members, elements)
}

// check refuses a statement that lacks an element, has two that exclude each
// other, or has one that its kind prohibits.
func (s *Statement) check(kind Kind, members object, elements map[string]bool) error {
	for _, name := range []string{"Action", "Resource", "Principal"} {
		if members.has(name) && members.has("Not"+name) {
			return syntax(syntaxErrors)
		}
	}
	switch {
	case len(s.actions) == 0:
		return syntax("Policy statement must contain actions.")
	case kind == Identity && elements["Principal"]:
		return syntax("Policy document should not specify a principal.")
	case kind == Identity && len(s.resources) == 0:
		return syntax("Policy statement must contain resources.")
	case kind != Identity && s.principals == nil:
		return syntax("Missing required field Principal")
	case kind == Trust && elements["Resource"]:
		return syntax("Has prohibited field Resource")
	case kind == Resource && len(s.resources) == 0:
		return syntax("Missing required field Resource")
	default:
		return nil
	}
}

var vendor = regexp.MustCompile(`^[A-Za-z0-9-]+:[^:]+$`)

func (p *Policy) actions(v any) ([]pattern, error) {
	texts, err := stringList(v)
	if err != nil {
		return nil, err
	}
	patterns := make([]pattern, len(texts))
	for i, text := range texts {
		if text != "*" && !vendor.MatchString(text) {
			return nil, syntax("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
		}
		patterns[i] = compile(strings.ToLower(text), wildcards, false)
	}
	return patterns, nil
}

func (p *Policy) resources(v any, kind Kind) ([]pattern, error) {
	texts, err := stringList(v)
	if err != nil {
		return nil, err
	}
	patterns := make([]pattern, len(texts))
	for i, text := range texts {
		// A resource-based policy may name its resource in another way, such as
		// SQS's.
		if kind == Identity && text != "*" && !strings.HasPrefix(text, "arn:") && !strings.HasPrefix(text, "*") {
			return nil, syntax("Resource " + text + ` must be in ARN format or "*".`)
		}
		patterns[i] = compile(text, resource, p.variables)
	}
	return patterns, nil
}

// stringList returns a string or a list of strings.
func stringList(v any) ([]string, error) {
	switch v := v.(type) {
	case string:
		return []string{v}, nil
	case []any:
		texts := make([]string, len(v))
		for i, item := range v {
			text, ok := item.(string)
			if !ok {
				return nil, syntax(syntaxErrors)
			}
			texts[i] = text
		}
		return texts, nil
	default:
		return nil, syntax(syntaxErrors)
	}
}

// Keys returns the context keys that the policy's conditions and variables
// need, in lower case.
func (p *Policy) Keys() []string {
	keys := map[string]bool{}
	need := func(p *pattern) {
		for _, piece := range p.pieces {
			if piece.variable != "" {
				keys[piece.variable] = true
			}
		}
	}
	for i := range p.Statements {
		s := &p.Statements[i]
		for j := range s.resources {
			need(&s.resources[j])
		}
		for j := range s.conditions {
			keys[s.conditions[j].key] = true
			for k := range s.conditions[j].values {
				need(&s.conditions[j].values[k].pattern)
			}
		}
	}
	return slices.Sorted(maps.Keys(keys))
}
