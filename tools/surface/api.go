package surface

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/doc"
	"go/format"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/surface/syntax"
)

// A Package is a package that other repositories import.
type Package struct {
	Name    string // path below the module, for example tools/check/lint
	Doc     string // the first sentence on one line
	Symbols []Symbol
}

// A Symbol is an exported declaration.
type Symbol struct {
	Name      string // Run, or Config.Path for a method
	Signature string // without comments and unexported parts
}

// program is the command that runs the targets that the magefile must not import.
const program = "tools/magewright"

// Packages returns the packages for other repositories: those of this module
// that the magefile and the program for its heavy targets import, and
// tools/project, whose Config they take.
func (t Tree) Packages() ([]Package, error) {
	module := ""
	for line := range strings.Lines(string(t["go.mod"])) {
		if name, ok := strings.CutPrefix(line, "module "); ok {
			module = strings.TrimSpace(name)
		}
	}
	if module == "" {
		return nil, errors.New("reading the packages: go.mod names no module")
	}
	magefiles, err := t.parse(in("."))
	if err != nil {
		return nil, err
	}
	programs, err := t.parse(in(program))
	if err != nil {
		return nil, err
	}
	dirs := map[string]bool{"tools/project": true}
	for _, f := range slices.Concat(magefiles, programs) {
		for _, spec := range f.file.Imports {
			imported, _ := syntax.Text(spec.Path)
			if dir, ok := strings.CutPrefix(imported, module+"/"); ok {
				dirs[dir] = true
			}
		}
	}
	var packages []Package
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		p, err := t.packageOf(module, dir)
		if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
	return packages, nil
}

// linux returns the context in which the pipeline builds.
func (t Tree) linux() *build.Context {
	return &build.Context{
		GOOS: "linux", GOARCH: "arm64", Compiler: "gc", ReleaseTags: build.Default.ReleaseTags,
		OpenFile: func(name string) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(t[filepath.ToSlash(name)])), nil
		},
	}
}

func (t Tree) packageOf(module, dir string) (Package, error) {
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if path.Dir(name) != dir || !strings.HasSuffix(name, ".go") {
			continue
		}
		// Of a declaration that each system has its own of, that of the pipeline's counts.
		linux, err := t.linux().MatchFile(dir, path.Base(name))
		if err != nil {
			return Package{}, fmt.Errorf("reading package %s: %w", dir, err)
		}
		if !linux {
			continue
		}
		file, err := parser.ParseFile(set, name, t[name], parser.ParseComments)
		if err != nil {
			return Package{}, fmt.Errorf("reading package %s: %w", dir, err)
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		return Package{}, fmt.Errorf("reading package %s: it has no Go file", dir)
	}
	documented, err := doc.NewFromFiles(set, files, module+"/"+dir)
	if err != nil {
		return Package{}, fmt.Errorf("reading package %s: %w", dir, err)
	}
	p := Package{Name: dir, Doc: syntax.Sentence(documented.Doc)}
	add := func(name string, declaration ast.Decl) {
		p.Symbols = append(p.Symbols, Symbol{name, signature(set, declaration)})
	}
	values := func(all []*doc.Value) {
		for _, v := range all {
			for _, spec := range v.Decl.Specs {
				// List each name of a group separately. Adding a name to the
				// group then changes none of the others.
				for _, name := range spec.(*ast.ValueSpec).Names {
					if name.IsExported() {
						add(name.Name, &ast.GenDecl{Tok: v.Decl.Tok, Specs: []ast.Spec{spec}})
					}
				}
			}
		}
	}
	functions := func(prefix string, all []*doc.Func) {
		for _, f := range all {
			add(prefix+f.Name, f.Decl)
		}
	}
	values(documented.Consts)
	values(documented.Vars)
	functions("", documented.Funcs)
	for _, d := range documented.Types {
		add(d.Name, d.Decl)
		values(d.Consts)
		values(d.Vars)
		functions("", d.Funcs)
		functions(d.Name+".", d.Methods)
	}
	slices.SortFunc(p.Symbols, func(a, b Symbol) int { return strings.Compare(a.Name, b.Name) })
	return p, nil
}

// signature returns a declaration without bodies and comments.
func signature(set *token.FileSet, d ast.Decl) string {
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			n.Doc, n.Body = nil, nil
		case *ast.GenDecl:
			n.Doc = nil
		case *ast.TypeSpec:
			n.Doc, n.Comment = nil, nil
		case *ast.ValueSpec:
			n.Doc, n.Comment = nil, nil
		case *ast.Field:
			n.Doc, n.Comment = nil, nil
		}
		return true
	})
	var out bytes.Buffer
	if err := format.Node(&out, set, d); err != nil {
		// An AST from the parser can always be printed.
		return err.Error()
	}
	return out.String()
}
