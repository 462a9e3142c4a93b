package gotest

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
)

// Declared returns how many tests each package declares, as tests that passed. Packages
// without tests are left out. It reads the sources and runs none of them. go test runs at
// least these tests, and also their subtests. Files that need cgo are not counted.
func Declared(ctx context.Context, cfg project.Config) ([]evidence.Suite, error) {
	modules, err := cfg.Modules(ctx)
	if err != nil {
		return nil, err
	}
	var all []evidence.Suite
	for _, module := range modules.All {
		if !module.Code {
			continue
		}
		const tested = `{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{"\t"}}{{.Dir}}{{range .TestGoFiles}}{{"\t"}}{{.}}{{end}}{{range .XTestGoFiles}}{{"\t"}}{{.}}{{end}}{{end}}`
		out, err := module.Go().Output(ctx, "list", "-e", "-f", tested, "./...")
		if err != nil {
			return nil, fmt.Errorf("listing the tests of %s: %w", module.Dir, err)
		}
		for line := range strings.Lines(out) {
			fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			if len(fields) < 3 {
				continue
			}
			suite := evidence.Suite{Package: fields[0]}
			if module.Dir != "." {
				suite.Module = module.Dir
			}
			for _, name := range fields[2:] {
				n, err := testsIn(filepath.Join(fields[1], name))
				if err != nil {
					return nil, err
				}
				suite.Passed += n
			}
			if suite.Passed > 0 {
				all = append(all, suite)
			}
		}
	}
	return all, nil
}

// testsIn counts the tests and fuzz tests that a file declares.
func testsIn(file string) (int, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return 0, fmt.Errorf("reading the tests: %w", err)
	}
	n := 0
	for _, declaration := range parsed.Decls {
		if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv == nil && len(f.Type.Params.List) == 1 && takes(f.Type.Params.List[0].Type, isTest(f.Name.Name)) {
			n++
		}
	}
	return n, nil
}

// isTest returns T for the name of a test and F for the name of a fuzz test, like cmd/go, and
// "" for other names.
func isTest(name string) string {
	for prefix, of := range map[string]string{"Test": "T", "Fuzz": "F"} {
		rest, ok := strings.CutPrefix(name, prefix)
		if first, _ := utf8.DecodeRuneInString(rest); ok && (rest == "" || !unicode.IsLower(first)) {
			return of
		}
	}
	return ""
}

// takes reports whether a parameter is a pointer to a certain type of the package testing.
func takes(parameter ast.Expr, name string) bool {
	pointer, ok := parameter.(*ast.StarExpr)
	if !ok || name == "" {
		return false
	}
	switch to := pointer.X.(type) {
	case *ast.SelectorExpr:
		return to.Sel.Name == name
	case *ast.Ident: // after a dot import
		return to.Name == name
	}
	return false
}
