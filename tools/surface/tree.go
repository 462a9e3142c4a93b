package surface

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/internal/gitcmd"
)

// A Tree holds the text files of a repository, by path with slashes: Go files,
// go.mod, Markdown, and what the environment variables mean. It does not include tests and the files that they read.
type Tree map[string][]byte

// wanted reports whether a file belongs to a tree.
func wanted(name string) bool {
	for part := range strings.SplitSeq(path.Dir(name), "/") {
		if part == "testdata" || part == "node_modules" || strings.HasPrefix(part, "_") {
			return false
		}
	}
	return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") || name == "go.mod" || name == Meanings || strings.HasSuffix(name, ".md")
}

// AtCommit returns the tree of a commit of the repository in dir.
func AtCommit(ctx context.Context, dir, commit string) (Tree, error) {
	var archive, stderr bytes.Buffer
	git := gitcmd.In(dir)
	git.Stdout, git.Stderr = &archive, &stderr
	if err := git.Run(ctx, "archive", "--format=tar", commit); err != nil {
		return nil, fmt.Errorf("reading the files of %.12s: %w: %s", commit, err, bytes.TrimSpace(stderr.Bytes()))
	}
	t := Tree{}
	files := tar.NewReader(&archive)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading the files of %.12s: %w", commit, err)
		}
		if header.Typeflag != tar.TypeReg || !wanted(header.Name) {
			continue
		}
		if t[header.Name], err = io.ReadAll(files); err != nil {
			return nil, fmt.Errorf("reading the files of %.12s: %w", commit, err)
		}
	}
	return t, nil
}

// OfFiles returns the tree of the present files in dir, except those that git ignores.
func OfFiles(ctx context.Context, dir string) (Tree, error) {
	listed, err := gitcmd.In(dir).Output(ctx, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return nil, fmt.Errorf("listing the files of %s: %w", dir, err)
	}
	t := Tree{}
	for name := range strings.SplitSeq(listed, "\x00") {
		if !wanted(name) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name))) // #nosec G304 -- a file that git lists
		if errors.Is(err, fs.ErrNotExist) {
			// The file is deleted, but that is not committed yet.
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the files of %s: %w", dir, err)
		}
		t[name] = data
	}
	return t, nil
}

// A source is a parsed file of a tree.
type source struct {
	name string
	file *ast.File
	set  *token.FileSet
}

// line returns the position of a node as file:line.
func (s source) line(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.name, s.set.Position(n.Pos()).Line)
}

// parse parses the Go files that pick selects, sorted by name.
func (t Tree) parse(pick func(name string, text []byte) bool) ([]source, error) {
	var sources []source
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if !strings.HasSuffix(name, ".go") || !pick(name, t[name]) {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, t[name], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("reading what is documented: %w", err)
		}
		sources = append(sources, source{name, file, set})
	}
	return sources, nil
}

// has reports whether the tree has a Go file that is picked.
func (t Tree) has(pick func(name string, text []byte) bool) bool {
	for name, text := range t {
		if strings.HasSuffix(name, ".go") && pick(name, text) {
			return true
		}
	}
	return false
}

// in returns a pick function for the files of a directory.
func in(dir string) func(string, []byte) bool {
	return func(name string, _ []byte) bool { return path.Dir(name) == dir }
}
