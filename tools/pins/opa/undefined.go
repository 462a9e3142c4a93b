package main

import (
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// unsure finds negations that don't do what they seem to do. In `not f(x.y)` and in `not
// f(x.y) == z`, OPA looks up x.y before the `not`. If x has no y, the whole expression is
// undefined, and not true. A rule that is written like this accepts everything that leaves
// out the property. `not x.y == z` and `not f(x)` are safe.
func unsure(module *ast.Module) (problems []string) {
	ast.WalkExprs(module, func(e *ast.Expr) bool {
		if !e.Negated || !e.IsCall() {
			return false
		}
		operator := e.Operator().String()
		for _, operand := range e.Operands() {
			if _, plain := operand.Value.(ast.Ref); plain && (operator == ast.Equal.Name || operator == ast.Equality.Name) {
				continue
			}
			if ref := firstRef(operand); ref != nil {
				problems = append(problems, fmt.Sprintf("%s: `%s` is undefined, and not true, where %s is: give a function the whole object, or use object.get", e.Location, e.Location.Text, ref))
				break
			}
		}
		return false
	})
	return problems
}

// firstRef returns the first reference into another value in an operand, apart from the names
// of the functions that the operand calls.
func firstRef(operand *ast.Term) (found ast.Ref) {
	var visitor *ast.GenericVisitor
	visitor = ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case ast.Call:
			for _, argument := range x[1:] {
				visitor.Walk(argument)
			}
			return true
		case ast.Ref:
			if found == nil && len(x) > 1 {
				found = x
			}
			return true
		}
		return false
	})
	visitor.Walk(operand)
	return found
}
