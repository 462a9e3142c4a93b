package patchcover

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/magewright/magewright/tools/internal/gitcmd"
)

// Impossible returns what can't be true of the sources of a commit, in a profile and in
// the digests of the sources that it was made of: files that are not there or were
// others, places that no file has, and blocks that hold another number of statements.
// The profile is written by the change's own code, so that it may say anything. It says
// both, what is claimed and what the commit has.
func Impossible(ctx context.Context, dir, commit string, profile Profile, measured Digests) ([]string, error) {
	tree, err := gitcmd.In(dir).Output(ctx, "ls-tree", "-r", "-z", "--full-tree", commit)
	if err != nil {
		return nil, fmt.Errorf("listing the sources of %.12s: %w", commit, err)
	}
	var modules, files []string
	for entry := range strings.SplitSeq(tree, "\x00") {
		attributes, name, _ := strings.Cut(entry, "\t")
		switch {
		case !strings.HasPrefix(attributes, "100"): // no regular file
		case path.Base(name) == "go.mod":
			modules = append(modules, name)
		case path.Ext(name) == ".go":
			files = append(files, name)
		}
	}
	sources, err := readFiles(ctx, dir, commit, append(modules, files...))
	if err != nil {
		return nil, err
	}
	var in []Module
	for _, name := range modules {
		in = append(in, Module{path.Dir(name), modfile.ModulePath(sources[name])})
	}
	var wrong []string
	fileOf := map[string]string{}
	for _, file := range files {
		fileOf[profileName(in, file)] = file
		sum := sha256.Sum256(sources[file])
		if was, ok := measured[file]; ok && was != hex.EncodeToString(sum[:]) {
			wrong = append(wrong, fmt.Sprintf("%s had SHA-256 %.12s when the tests ran, and has %.12s in the commit", file, was, hex.EncodeToString(sum[:])))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(profile)) {
		file, ok := fileOf[name]
		if !ok {
			wrong = append(wrong, fmt.Sprintf("the profile has %s in %s, and the commit has no such file", blocks(len(profile[name])), name))
			continue
		}
		wrong = append(wrong, profile.of(name).impossible(file, sources[file])...)
	}
	return wrong, nil
}

func blocks(n int) string {
	if n == 1 {
		return "1 block"
	}
	return fmt.Sprintf("%d blocks", n)
}

// impossible returns what can't be true of one file.
func (m measure) impossible(name string, source []byte) []string {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return []string{fmt.Sprintf("the profile has %s in %s, which is not a Go source", blocks(len(m.spans)), name)}
	}
	if displaced(file) {
		return nil // its places are those of the comments, and nothing in it counts as covered
	}
	lines := strings.Split(string(source), "\n")
	within := func(p position) bool { return p.line <= len(lines) && p.column <= len(lines[p.line-1])+1 }
	// At most as many as there are nodes, at least as many as are counted here.
	most, least := map[span]int{}, map[span]int{}
	labels := map[position]int{} // the compiler counts a label in the block that ends before it
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.LabeledStmt); ok {
			labels[place(fset, s.Pos())]++
		}
		if s, ok := n.(ast.Stmt); ok {
			if held, ok := m.holder(place(fset, s.Pos())); ok {
				most[held]++
			}
		}
		return true
	})
	for _, s := range statements(fset, file, source) {
		if held, ok := m.holder(place(fset, s.measured)); ok && s.start == s.measured {
			least[held]++
		}
	}
	var wrong []string
	for _, s := range m.spans {
		n, most := m.blocks[s].statements, most[s]+labels[s.to]
		where := fmt.Sprintf("%s:%d.%d,%d.%d", name, s.from.line, s.from.column, s.to.line, s.to.column)
		switch {
		case !within(s.from) || !within(s.to):
			wrong = append(wrong, fmt.Sprintf("the profile has a block at %s, and the file has %d lines without that place", where, len(lines)))
		case n > most:
			wrong = append(wrong, fmt.Sprintf("the profile has %d statements at %s, and the source has at most %d", n, where, most))
		case n < least[s]:
			wrong = append(wrong, fmt.Sprintf("the profile has %d statements at %s, and the source has at least %d", n, where, least[s]))
		}
	}
	return wrong
}

// place is where a file itself has a position, whatever //line comments say.
func place(fset *token.FileSet, p token.Pos) position {
	at := fset.PositionFor(p, false)
	return position{at.Line, at.Column}
}
