package surface

import (
	"errors"
	"go/ast"
	"go/token"
	"strings"
)

// An ExitCode is an exit code of targets and programs.
type ExitCode struct {
	Name, Value, Doc string
}

// ExitCodes returns the constants of tools/project/exit, in their order there.
func (t Tree) ExitCodes() ([]ExitCode, error) {
	files, err := t.parse(in("tools/project/exit"))
	if err != nil {
		return nil, err
	}
	var codes []ExitCode
	for _, f := range files {
		for _, d := range f.file.Decls {
			constants, ok := d.(*ast.GenDecl)
			if !ok || constants.Tok != token.CONST {
				continue
			}
			for _, spec := range constants.Specs {
				v, ok := spec.(*ast.ValueSpec)
				if !ok || len(v.Values) != 1 || !v.Names[0].IsExported() {
					continue
				}
				if value, ok := v.Values[0].(*ast.BasicLit); ok {
					codes = append(codes, ExitCode{v.Names[0].Name, value.Value, strings.TrimSpace(v.Comment.Text())})
				}
			}
		}
	}
	if len(codes) == 0 {
		return nil, errors.New("reading the exit codes: tools/project/exit has no constant")
	}
	return codes, nil
}
