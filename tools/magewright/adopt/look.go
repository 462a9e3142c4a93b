package adopt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// A Repository is what init found in another repository. Paths are relative to its root, with
// slashes.
type Repository struct {
	Dir       string // the root
	Remote    string // the URL of origin, or of the only remote; "" if there is none
	Workspace bool   // there is a go.work at the root
	Vendored  bool   // dependencies of the root module are in vendor
	Modules   []Module
	Functions []string // directories of Lambda functions: main packages that import aws-lambda-go
	CDK       []CDK
	Mage      Mage

	branch string          // the branch that is delivered
	listed []string        // files that git lists and that belong to the repository itself
	events map[string]bool // types of package events that functions use, such as SQSEvent

	packages map[string]*goPackage // by directory
}

// A goPackage is what init needs to know of a Go package.
type goPackage struct {
	main    bool
	imports []string // import paths
	starts  bool     // it calls a function Start... of aws-lambda-go, as the main function of a Lambda does
}

// A Module is a Go module with packages.
type Module struct {
	Dir  string // "." for the root
	Path string
}

// CDK is a CDK app.
type CDK struct {
	Dir   string // directory with cdk.json
	App   string // the command that synthesizes it
	Build string // the command to run before that; "" if there is none
}

// Mage is what the repository already has for Mage.
type Mage struct {
	Dir    string   // "." or "magefiles"; "" if there is nothing
	Names  []string // top-level declarations of its files
	Pinned bool     // go.mod has mage as a tool

	Command string // the command that runs mage here
}

// look finds out what is in the repository around dir.
func look(ctx context.Context, dir string) (Repository, error) {
	var r Repository
	git := gitcmd.In(dir)
	var err error
	if r.Dir, err = git.Output(ctx, "rev-parse", "--show-toplevel"); err != nil {
		return r, exit.Missing("git init", "%s is in no git repository: %w", dir, err)
	}
	git.Dir = r.Dir
	r.Remote, r.branch = remote(ctx, git), branch(ctx, git)
	listed, err := git.Output(ctx, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	if err != nil {
		return r, fmt.Errorf("listing the files of %s: %w", r.Dir, err)
	}
	r.events, r.packages = map[string]bool{}, map[string]*goPackage{}
	for name := range strings.SplitSeq(listed, "\x00") {
		r.Vendored = r.Vendored || name == "vendor/modules.txt"
		if name == "" || elsewhere(name) {
			continue
		}
		r.listed = append(r.listed, name)
		if err := r.file(name); err != nil {
			return r, fmt.Errorf("reading %s: %w", name, err)
		}
	}
	for dir, p := range r.packages {
		if p.main && (slices.ContainsFunc(p.imports, isLambda) || r.starts(p, map[string]bool{})) {
			r.Functions = append(r.Functions, dir)
		}
	}
	slices.Sort(r.Functions)
	slices.SortFunc(r.Modules, func(a, b Module) int { return strings.Compare(a.Dir, b.Dir) })
	return r, nil
}

// isLambda reports whether an import path is one of the packages of aws-lambda-go that a
// function needs.
func isLambda(path string) bool {
	return strings.HasPrefix(path, "github.com/aws/aws-lambda-go/lambda")
}

// starts reports whether a package starts a function, or a package of the repository that it
// imports does. A team may have a package of its own that starts all of its functions.
func (r *Repository) starts(p *goPackage, seen map[string]bool) bool {
	return p.starts || slices.ContainsFunc(p.imports, func(path string) bool {
		if seen[path] {
			return false
		}
		seen[path] = true
		imported := r.packages[r.dirOf(path)]
		return imported != nil && r.starts(imported, seen)
	})
}

// dirOf returns the directory of a package of the repository by its import path.
func (r *Repository) dirOf(importPath string) string {
	dir, longest := "", -1
	for _, m := range r.Modules {
		if below, ok := strings.CutPrefix(importPath+"/", m.Path+"/"); ok && len(m.Path) > longest {
			dir, longest = path.Join(m.Dir, below), len(m.Path)
		}
	}
	return dir
}

// elsewhere reports whether a file belongs to somebody else or is test data.
func elsewhere(name string) bool {
	for part := range strings.SplitSeq(path.Dir(name), "/") {
		if part == "vendor" || part == "testdata" || part == "node_modules" || part == "cdk.out" {
			return true
		}
	}
	return strings.HasPrefix(name, pinDir+"/")
}

// remote returns the URL of origin, or else of the only remote.
func remote(ctx context.Context, git gitcmd.Cmd) string {
	names, err := git.Output(ctx, "remote")
	if err != nil {
		return ""
	}
	all := strings.Fields(names)
	if !slices.Contains(all, "origin") && len(all) != 1 {
		return ""
	}
	name := "origin"
	if len(all) == 1 {
		name = all[0]
	}
	url, err := git.Output(ctx, "remote", "get-url", name)
	if err != nil {
		return ""
	}
	return url
}

// branch returns the branch that origin has checked out, or otherwise the one that is checked
// out here.
func branch(ctx context.Context, git gitcmd.Cmd) string {
	for _, ref := range []string{"refs/remotes/origin/HEAD", "HEAD"} {
		if name, err := git.Output(ctx, "symbolic-ref", "--quiet", "--short", ref); err == nil {
			return strings.TrimPrefix(name, "origin/")
		}
	}
	return "main"
}

// file evaluates a file.
func (r *Repository) file(name string) error {
	switch base := path.Base(name); {
	case name == "go.work":
		r.Workspace = true
	case base == "go.mod":
		return r.module(name)
	case base == "cdk.json":
		return r.cdk(name)
	case path.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go"):
		return r.source(name)
	}
	return nil
}

func (r *Repository) read(name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(r.Dir, filepath.FromSlash(name))) // #nosec G304 -- git lists it
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // it was deleted, but that is not committed
	}
	return data, err
}

func (r *Repository) module(name string) error {
	data, err := r.read(name)
	if err != nil || data == nil {
		return err
	}
	parsed, err := modfile.Parse(name, data, nil)
	if err != nil {
		return err
	}
	if parsed.Module == nil {
		return errors.New("it does not name a module")
	}
	dir := path.Dir(name)
	r.Modules = append(r.Modules, Module{dir, parsed.Module.Mod.Path})
	if dir == "." {
		for _, tool := range parsed.Tool {
			r.Mage.Pinned = r.Mage.Pinned || tool.Path == mageModule
		}
	}
	return nil
}

func (r *Repository) cdk(name string) error {
	data, err := r.read(name)
	if err != nil || data == nil {
		return err
	}
	var cdk struct{ App, Build string }
	// The CDK CLI accepts a byte order mark, too.
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\ufeff")), &cdk); err != nil {
		return err
	}
	r.CDK = append(r.CDK, CDK{path.Dir(name), cdk.App, cdk.Build})
	return nil
}

// source notes what a Go file says about its package, and whether it is for Mage. A file that
// can't be parsed is left to the compiler.
func (r *Repository) source(name string) error {
	data, err := r.read(name)
	if err != nil || data == nil {
		return err
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), name, data, parser.ParseComments|parser.SkipObjectResolution)
	if dir := path.Dir(name); err != nil && parsed != nil && (dir == "magefiles" || dir == "." && forMage(parsed)) {
		// It is unknown which targets there are.
		return exit.Failed("correct it, then run init again", "a file for Mage can't be parsed: %w", err)
	}
	if err != nil || parsed.Name == nil {
		return nil //nolint:nilerr // go build says it better
	}
	if dir := path.Dir(name); dir == "magefiles" || dir == "." && forMage(parsed) {
		r.Mage.Dir = dir
		r.Mage.Names = append(r.Mage.Names, declared(parsed)...)
	}
	if project.Ignored(name) || !built(parsed, forLambda) {
		return nil
	}
	p := r.packages[path.Dir(name)]
	if p == nil {
		p = &goPackage{}
		r.packages[path.Dir(name)] = p
	}
	p.main = p.main || parsed.Name.Name == "main"
	for _, imported := range parsed.Imports {
		importPath, err := strconv.Unquote(imported.Path.Value)
		if err != nil {
			continue
		}
		p.imports = append(p.imports, importPath)
		switch importPath {
		case "github.com/aws/aws-lambda-go/lambda":
			p.starts = p.starts || slices.ContainsFunc(uses(parsed, "lambda"), func(name string) bool { return strings.HasPrefix(name, "Start") })
		case "github.com/aws/aws-lambda-go/events":
			// Types of package events, such as SQSEvent.
			for _, name := range uses(parsed, "events") {
				r.events[name] = true
			}
		}
	}
	return nil
}

// uses returns the names that a file uses of a package.
func uses(file *ast.File, pkg string) []string {
	var names []string
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == pkg {
				names = append(names, s.Sel.Name)
			}
		}
		return true
	})
	return names
}

// forMage reports whether a file is only built with the tag mage.
func forMage(file *ast.File) bool {
	return built(file, func(tag string) bool { return tag == "mage" }) && !built(file, func(string) bool { return false })
}

// forLambda reports whether a tag is set when a function is built.
func forLambda(tag string) bool {
	return slices.Contains([]string{"linux", "unix", "amd64", "arm64", "gc", "lambda.norpc"}, tag) || strings.HasPrefix(tag, "go1.")
}

// built reports whether a file is built with certain tags.
func built(file *ast.File, tags func(string) bool) bool {
	for _, group := range file.Comments {
		if group.Pos() > file.Package {
			break
		}
		for _, comment := range group.List {
			if expr, err := constraint.Parse(comment.Text); err == nil {
				return expr.Eval(tags)
			}
		}
	}
	return true
}

// declared returns the names that a file declares at the top level.
func declared(file *ast.File) []string {
	var names []string
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				names = append(names, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					names = append(names, spec.Name.Name)
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						names = append(names, name.Name)
					}
				}
			}
		}
	}
	return names
}
