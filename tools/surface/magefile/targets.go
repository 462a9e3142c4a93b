// Package magefile reads the targets of magefiles, and what is wrong with a
// command line for them. It does not compile anything.
package magefile

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"unicode"

	"github.com/magewright/magewright/tools/surface/syntax"
)

// A Target is a target of the magefile.
type Target struct {
	Name  string // as in mage -l
	Alias string // another spelling, or ""
	Doc   string // the first sentence on one line
	Flags []Flag
	Args  int // how many words it takes after its name
}

// A Flag is an optional argument of a target.
type Flag struct {
	Name, Type, Doc string
}

// A File is a parsed magefile.
type File struct {
	Set  *token.FileSet
	File *ast.File
}

// Targets returns the targets of files, sorted by name.
func Targets(files ...File) []Target {
	namespaces, aliases := map[string]bool{}, map[string]string{}
	for _, f := range files {
		for _, declaration := range f.File.Decls {
			if general, ok := declaration.(*ast.GenDecl); ok {
				readNamespaces(general, namespaces)
				readAliases(general, aliases)
			}
		}
	}
	var targets []Target
	for _, f := range files {
		comments := lineComments(f)
		for _, declaration := range f.File.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || !function.Name.IsExported() {
				continue
			}
			name := lowerFirst(function.Name.Name)
			if function.Recv != nil {
				receiver, ok := function.Recv.List[0].Type.(*ast.Ident)
				if !ok || !namespaces[receiver.Name] {
					continue
				}
				name = lowerFirst(receiver.Name) + ":" + name
			}
			target := Target{Name: name, Alias: aliases[function.Name.Name], Doc: syntax.Doc(function)}
			for _, field := range function.Type.Params.List {
				pointer, ok := field.Type.(*ast.StarExpr)
				switch {
				case ok:
					for _, parameter := range field.Names {
						target.Flags = append(target.Flags, Flag{parameter.Name, syntax.TypeName(pointer.X), comments[f.Set.Position(parameter.Pos()).Line]})
					}
				case syntax.TypeName(field.Type) != "context.Context":
					target.Args += max(1, len(field.Names))
				}
			}
			targets = append(targets, target)
		}
	}
	slices.SortFunc(targets, func(a, b Target) int { return strings.Compare(a.Name, b.Name) })
	return targets
}

// readNamespaces notes types such as `type Pipeline mg.Namespace`.
func readNamespaces(d *ast.GenDecl, namespaces map[string]bool) {
	for _, spec := range d.Specs {
		if t, ok := spec.(*ast.TypeSpec); ok && syntax.TypeName(t.Type) == "mg.Namespace" {
			namespaces[t.Name.Name] = true
		}
	}
}

// readAliases notes the entries of `var Aliases = map[string]any{"name": Target}`.
func readAliases(d *ast.GenDecl, aliases map[string]string) {
	for _, spec := range d.Specs {
		v, ok := spec.(*ast.ValueSpec)
		if !ok || v.Names[0].Name != "Aliases" || len(v.Values) != 1 {
			continue
		}
		literal, ok := v.Values[0].(*ast.CompositeLit)
		if !ok {
			continue
		}
		for _, element := range literal.Elts {
			pair, ok := element.(*ast.KeyValueExpr)
			if !ok {
				continue
			}
			alias, ok := syntax.Text(pair.Key)
			function, named := pair.Value.(*ast.Ident)
			if ok && named {
				aliases[function.Name] = alias
			}
		}
	}
}

// lineComments returns the comments by line number, because the parser attaches
// none to parameters.
func lineComments(f File) map[int]string {
	comments := map[int]string{}
	for _, group := range f.File.Comments {
		comments[f.Set.Position(group.Pos()).Line] = strings.TrimSpace(group.Text())
	}
	return comments
}

func lowerFirst(name string) string {
	for i, r := range name {
		return string(unicode.ToLower(r)) + name[i+len(string(r)):]
	}
	return name
}
