package surface

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A Target is a target of the magefile.
type Target struct {
	Name  string // as in mage -l
	Alias string // another spelling, or ""
	Doc   string // the first sentence on one line
	Flags []Flag
}

// A Flag is an optional argument of a target.
type Flag struct {
	Name, Type, Doc string
}

// CheckCommand returns what mage would not understand of the words after mage:
// names of targets, in any case or by their alias, each with its flags after it.
func CheckCommand(words []string, targets []Target) error {
	var target Target
	for _, word := range words {
		if flag, isFlag := strings.CutPrefix(word, "-"); isFlag {
			flag, _, _ = strings.Cut(flag, "=")
			// A flag before the first target is mage's own, such as -l.
			if target.Name != "" && !slices.ContainsFunc(target.Flags, func(f Flag) bool { return f.Name == flag }) {
				return fmt.Errorf("target %s has no flag -%s", target.Name, flag)
			}
			continue
		}
		i := slices.IndexFunc(targets, func(t Target) bool {
			return strings.EqualFold(t.Name, word) || t.Alias != "" && strings.EqualFold(t.Alias, word)
		})
		if i < 0 {
			return fmt.Errorf("there is no target %s", word)
		}
		target = targets[i]
	}
	return nil
}

// magefiles picks the files at the root that only mage compiles.
func magefiles(name string, text []byte) bool {
	return path.Dir(name) == "." && bytes.Contains(text, []byte("//go:build mage\n"))
}

// Targets returns the targets of the magefiles at the root, sorted by name.
func (t Tree) Targets() ([]Target, error) {
	files, err := t.parse(magefiles)
	if err != nil {
		return nil, err
	}
	namespaces, aliases := map[string]bool{}, map[string]string{}
	for _, f := range files {
		for _, declaration := range f.file.Decls {
			if general, ok := declaration.(*ast.GenDecl); ok {
				readNamespaces(general, namespaces)
				readAliases(general, aliases)
			}
		}
	}
	var targets []Target
	for _, f := range files {
		comments := lineComments(f)
		for _, declaration := range f.file.Decls {
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
			target := Target{Name: name, Alias: aliases[function.Name.Name], Doc: targetDoc(function)}
			for _, field := range function.Type.Params.List {
				if pointer, ok := field.Type.(*ast.StarExpr); ok {
					for _, parameter := range field.Names {
						target.Flags = append(target.Flags, Flag{parameter.Name, typeName(pointer.X), comments[f.set.Position(parameter.Pos()).Line]})
					}
				}
			}
			targets = append(targets, target)
		}
	}
	if len(targets) == 0 {
		return nil, errors.New("reading the targets: no magefile at the root has one")
	}
	slices.SortFunc(targets, func(a, b Target) int { return strings.Compare(a.Name, b.Name) })
	return targets, nil
}

// readNamespaces notes types such as `type Pipeline mg.Namespace`.
func readNamespaces(d *ast.GenDecl, namespaces map[string]bool) {
	for _, spec := range d.Specs {
		if t, ok := spec.(*ast.TypeSpec); ok && typeName(t.Type) == "mg.Namespace" {
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
			alias, ok := text(pair.Key)
			function, named := pair.Value.(*ast.Ident)
			if ok && named {
				aliases[function.Name] = alias
			}
		}
	}
}

// lineComments returns the comments by line number, because the parser attaches
// none to parameters.
func lineComments(f source) map[int]string {
	comments := map[int]string{}
	for _, group := range f.file.Comments {
		comments[f.set.Position(group.Pos()).Line] = strings.TrimSpace(group.Text())
	}
	return comments
}

// targetDoc returns a target's comment without the function's name.
func targetDoc(f *ast.FuncDecl) string {
	doc := oneLine(f.Doc.Text())
	return strings.TrimPrefix(doc, f.Name.Name+" ")
}

func lowerFirst(name string) string {
	for i, r := range name {
		return string(unicode.ToLower(r)) + name[i+len(string(r)):]
	}
	return name
}

// typeName returns a name, such as string or mg.Namespace, and "" for another
// expression.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return typeName(e.X) + "." + e.Sel.Name
	}
	return ""
}

// text returns the value of a string literal.
func text(e ast.Expr) (string, bool) {
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", false
	}
	value, err := strconv.Unquote(literal.Value)
	return value, err == nil
}
