package expression

import (
	"strings"

	"github.com/magewright/magewright/tools/localaws/dynamodb/value"
)

// BeginsWith is the operator of a KeyTest for a prefix, and Between that for two
// bounds. The others are the comparators.
const (
	BeginsWith = "begins_with"
	Between    = "BETWEEN"
)

// A KeyTest is the condition on one attribute of a key.
type KeyTest struct {
	Attribute string
	Operator  string // =, <, <=, >, >=, BeginsWith or Between
	Value     value.Value
	High      value.Value // the upper bound of Between
}

// ParseKeyCondition reads a key condition. It returns the tests, at most one for
// each attribute, which an item's key has to meet all.
func ParseKeyCondition(text string, s *Substitutions) ([]KeyTest, error) {
	p, err := newParser(KeyCondition, text, s)
	if err != nil {
		return nil, err
	}
	root, err := p.whole()
	if err != nil {
		return nil, err
	}
	var tests []KeyTest
	if err := keyTests(root, &tests); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, t := range tests {
		if seen[t.Attribute] {
			return nil, Error("KeyConditionExpressions must only contain one condition per key")
		}
		seen[t.Attribute] = true
	}
	return tests, nil
}

func keyTests(n node, tests *[]KeyTest) error {
	switch n := n.(type) {
	case both:
		if err := keyTests(n.left, tests); err != nil {
			return err
		}
		return keyTests(n.right, tests)
	case comparison:
		if n.operator == "<>" {
			return badOperator("<>")
		}
		if _, reversed := n.left.(literal); reversed {
			n.left, n.right = n.right, n.left
			n.operator = strings.NewReplacer("<", ">", ">", "<").Replace(n.operator)
		}
		return keyTest(tests, n.operator, n.left, n.right)
	case between:
		return keyTest(tests, Between, n.operand, n.low, n.high)
	case predicate:
		if n.name != BeginsWith {
			return badOperator(n.name)
		}
		return keyTest(tests, BeginsWith, n.operands[0], n.operands[1])
	case either:
		return badOperator("OR")
	case not:
		return badOperator("NOT")
	default:
		return badOperator("IN")
	}
}

func badOperator(name string) error {
	return Error("Invalid operator used in KeyConditionExpression: " + name)
}

func keyTest(tests *[]KeyTest, operator string, on operand, bounds ...operand) error {
	path, ok := on.(Path)
	if _, sized := on.(size); sized {
		return Error("KeyConditionExpressions cannot contain nested operations")
	}
	if !ok {
		return Error("Invalid condition in KeyConditionExpression: No key attribute specified")
	}
	if path.Nested() {
		return Error("KeyConditionExpressions cannot have conditions on nested attributes")
	}
	t := KeyTest{Attribute: path.Attribute(), Operator: operator}
	for i, b := range bounds {
		l, ok := b.(literal)
		if !ok {
			if _, sized := b.(size); sized {
				return Error("KeyConditionExpressions cannot contain nested operations")
			}
			return Error("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition")
		}
		if i == 0 {
			t.Value = l.Value
		} else {
			t.High = l.Value
		}
	}
	*tests = append(*tests, t)
	return nil
}

// Matches reports whether a key attribute's value, of the test's type, meets the test.
func (t KeyTest) Matches(v value.Value) bool {
	switch t.Operator {
	case BeginsWith:
		return strings.HasPrefix(v.Text(), t.Value.Text())
	case Between:
		return value.Compare(v, t.Value) >= 0 && value.Compare(v, t.High) <= 0
	default:
		return holds(t.Operator, value.Compare(v, t.Value))
	}
}
