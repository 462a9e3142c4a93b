package surface

import (
	"bytes"
	"go/ast"
	"regexp"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/surface/syntax"
)

// A Route is a pattern in the app's HTTP interface.
type Route struct {
	Pattern string // method and path, as in net/http
	Doc     string // comment of the handler; may be empty
}

var routePattern = regexp.MustCompile(`^[A-Z]+ /`)

// Routes returns the patterns with a method and a path that app passes to
// Handle and HandleFunc, sorted.
func (t Tree) Routes() ([]Route, error) {
	files, err := t.parse(func(name string, text []byte) bool {
		return strings.HasPrefix(name, "app/") && bytes.Contains(text, []byte(".Handle"))
	})
	if err != nil {
		return nil, err
	}
	var routes []Route
	for _, f := range files {
		docs := map[string]string{}
		for _, d := range f.file.Decls {
			if function, ok := d.(*ast.FuncDecl); ok {
				docs[function.Name.Name] = syntax.Doc(function)
			}
		}
		ast.Inspect(f.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 2 {
				return true
			}
			called, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || called.Sel.Name != "Handle" && called.Sel.Name != "HandleFunc" {
				return true
			}
			if pattern, ok := syntax.Text(call.Args[0]); ok && routePattern.MatchString(pattern) {
				name := syntax.TypeName(call.Args[1])
				routes = append(routes, Route{pattern, docs[name[strings.LastIndex(name, ".")+1:]]})
			}
			return true
		})
	}
	slices.SortFunc(routes, func(a, b Route) int { return strings.Compare(a.Pattern, b.Pattern) })
	return routes, nil
}
