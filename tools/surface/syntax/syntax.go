// Package syntax reads small pieces of Go source.
package syntax

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
)

// TypeName returns a name, such as string or mg.Namespace, and "" for another
// expression.
func TypeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return TypeName(e.X) + "." + e.Sel.Name
	}
	return ""
}

// Text returns the value of a string literal.
func Text(e ast.Expr) (string, bool) {
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", false
	}
	value, err := strconv.Unquote(literal.Value)
	return value, err == nil
}

// Sentence returns the first sentence of a comment on one line.
func Sentence(comment string) string {
	text := strings.Join(strings.Fields(comment), " ")
	if first, _, more := strings.Cut(text, ". "); more {
		return first + "."
	}
	return text
}

// Doc returns the first sentence of a function's comment without the function's
// name.
func Doc(f *ast.FuncDecl) string {
	return strings.TrimPrefix(Sentence(f.Doc.Text()), f.Name.Name+" ")
}
