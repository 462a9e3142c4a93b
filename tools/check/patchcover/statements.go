package patchcover

import (
	"bytes"
	"go/ast"
	"go/token"
	"strings"
)

// A statement is one executable statement of a file, or the header of a case.
type statement struct {
	start token.Pos
	// measured is the position at which the compiler counts it: the block that contains this
	// position.
	measured token.Pos
	// lines are the statement's own lines. The bodies of an if, a for or a function literal
	// are not included, because they have statements of their own.
	lines map[int]bool
}

// statements returns the executable statements of a file in order. Declarations outside of
// functions, constants and types are not executable.
func statements(fset *token.FileSet, file *ast.File, source []byte) []statement {
	w := walker{fset: fset, headers: map[ast.Stmt]bool{}, labels: map[ast.Stmt]token.Pos{}, comments: commentLines(fset, file, source)}
	ast.Inspect(file, w.visit)
	return w.found
}

type walker struct {
	fset     *token.FileSet
	headers  map[ast.Stmt]bool      // these belong to another statement
	labels   map[ast.Stmt]token.Pos // where a label in front of it begins
	comments map[int]bool           // lines that have only a comment
	found    []statement
}

// visit is the argument of [ast.Inspect].
func (w *walker) visit(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.FuncDecl:
		return n.Name.Name != "_" // nobody can call it
	case *ast.LabeledStmt:
		w.labels[n.Stmt] = n.Pos()
	case *ast.IfStmt:
		w.header(n, n.Body.Lbrace, n.Init, n.Cond)
	case *ast.ForStmt:
		w.header(n, n.Body.Lbrace, n.Init, n.Cond, n.Post)
	case *ast.RangeStmt:
		w.header(n, n.Body.Lbrace, n.X)
	case *ast.SwitchStmt:
		w.header(n, n.Body.Lbrace, n.Init, n.Tag)
	case *ast.TypeSwitchStmt:
		w.header(n, n.Body.Lbrace, n.Init, n.Assign)
	case *ast.SelectStmt:
		w.header(n, n.Body.Lbrace)
	case *ast.CaseClause:
		w.add(n.Pos(), n.Colon+1, n.Colon, exprs(n.List)...)
	case *ast.CommClause:
		w.headers[n.Comm] = true
		w.add(n.Pos(), n.Colon+1, n.Colon, n.Comm)
	case *ast.DeclStmt:
		if d, ok := n.Decl.(*ast.GenDecl); ok && d.Tok == token.VAR {
			w.simple(n)
		}
	case *ast.BlockStmt, *ast.EmptyStmt:
	case ast.Stmt:
		if !w.headers[n] {
			w.simple(n)
		}
	}
	return true
}

// header adds a statement whose own part ends before its body.
func (w *walker) header(s ast.Stmt, body token.Pos, parts ...ast.Node) {
	for _, part := range parts {
		if inner, ok := part.(ast.Stmt); ok {
			w.headers[inner] = true
		}
	}
	w.add(s.Pos(), s.Pos(), body, parts...)
	w.label(s)
}

func (w *walker) simple(s ast.Stmt) {
	w.add(s.Pos(), s.Pos(), s.End()-1, s)
	w.label(s)
}

// label adds the lines of a label to the statement that was added last.
func (w *walker) label(s ast.Stmt) {
	at, ok := w.labels[s]
	if !ok {
		return
	}
	last := w.found[len(w.found)-1]
	for line := w.line(at); line < w.line(s.Pos()); line++ {
		last.lines[line] = true
	}
}

// add adds a statement whose own text goes from start to last, without the bodies of the
// function literals in parts.
func (w *walker) add(start, measured, last token.Pos, parts ...ast.Node) {
	s := statement{start: start, measured: measured, lines: map[int]bool{}}
	for line := w.line(start); line <= w.line(last); line++ {
		if !w.comments[line] {
			s.lines[line] = true
		}
	}
	for _, part := range parts {
		if part == nil {
			continue // for example an if without an init statement
		}
		ast.Inspect(part, func(n ast.Node) bool {
			literal, ok := n.(*ast.FuncLit)
			if ok {
				for line := w.line(literal.Body.Lbrace) + 1; line < w.line(literal.Body.Rbrace); line++ {
					delete(s.lines, line)
				}
			}
			return !ok
		})
	}
	w.found = append(w.found, s)
}

// line is the line in the file itself, whatever //line comments say.
func (w *walker) line(p token.Pos) int { return w.fset.PositionFor(p, false).Line }

func exprs(list []ast.Expr) []ast.Node {
	nodes := make([]ast.Node, len(list))
	for i, e := range list {
		nodes[i] = e
	}
	return nodes
}

// commentLines returns the lines that have only a // comment.
func commentLines(fset *token.FileSet, file *ast.File, source []byte) map[int]bool {
	lines := map[int]bool{}
	for _, group := range file.Comments {
		for _, c := range group.List {
			if at := fset.PositionFor(c.Pos(), false); strings.HasPrefix(c.Text, "//") && alone(source, at) {
				lines[at.Line] = true
			}
		}
	}
	return lines
}

// alone reports whether there is only white space before a position in its line.
func alone(source []byte, at token.Position) bool {
	return len(bytes.TrimSpace(source[at.Offset-at.Column+1:at.Offset])) == 0
}
