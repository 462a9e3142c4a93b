package project_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/magewright/magewright/tools/internal/testinput"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/surface"
	"github.com/magewright/magewright/tools/surface/magefile"
	"github.com/magewright/magewright/tools/surface/reference"
)

// dir is the root of the repository.
const dir = "../.."

// readRepository makes all that programs started here read an input of the test.
func readRepository(t *testing.T) {
	t.Helper()
	testinput.Read(t, "app", "infra", "tools", "magefile.go", "go.mod", "go.sum", "buildspec.yml", ".gitignore")
}

// list returns what `go list` prints of packages, in words.
func list(ctx context.Context, args ...string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"list"}, args...)...) // #nosec G204 -- arguments of this file
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w\n%s", strings.Join(args, " "), err, &stderr)
	}
	return strings.Fields(string(out)), nil
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	readRepository(t)
	words, err := list(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return words
}

// A listed package of this module: what it imports, and all that it depends on.
type listed struct {
	path          string
	imports, deps []string
}

// listAll lists the packages of the module once for all tests: go takes a second.
var listAll = sync.OnceValues(func() ([]listed, error) {
	lines, err := list(context.Background(), `-f={{.ImportPath}}:{{join .Imports ","}}:{{join .Deps ","}}`, "./...")
	var all []listed
	for _, line := range lines {
		parts := strings.Split(line, ":")
		all = append(all, listed{parts[0], strings.Split(parts[1], ","), strings.Split(parts[2], ",")})
	}
	return all, err
})

// packages returns the packages of the module below a directory, which is "" for all.
func packages(t *testing.T, below string) []listed {
	t.Helper()
	readRepository(t)
	all, err := listAll()
	if err != nil {
		t.Fatal(err)
	}
	found := slices.DeleteFunc(slices.Clone(all), func(p listed) bool {
		return !strings.HasPrefix(p.path+"/", strings.TrimSuffix(project.Module+"/"+below, "/")+"/")
	})
	if len(found) == 0 {
		t.Fatalf("go list found no package below %q", below)
	}
	return found
}

// TestTheMagefileIsLight holds that the first target on a fresh machine does
// not compile what it does not need.
func TestTheMagefileIsLight(t *testing.T) {
	t.Parallel()
	heavy := []string{
		"github.com/aws/aws-sdk-go-v2", "github.com/aws/aws-cdk-go/", "github.com/aws/jsii-runtime-go", "github.com/securego/gosec",
		"github.com/golangci/golangci-lint", "github.com/google/licensecheck", "github.com/CycloneDX/cyclonedx-go", project.Module + "/tools/localaws", project.Module + "/infra",
	}
	dependencies := goList(t, "-deps", "-tags=mage", ".")
	if !slices.Contains(dependencies, project.Module+"/tools/check/lint") {
		t.Fatal("go list did not see the magefile")
	}
	for _, dependency := range dependencies {
		for _, h := range heavy {
			if strings.HasPrefix(dependency, h) {
				t.Errorf("the magefile depends on %s", dependency)
			}
		}
	}
}

// TestDependencyArrows holds that infra and app stay apart from the tools, the
// function from the CDK, and the stacks from the SDK.
func TestDependencyArrows(t *testing.T) {
	t.Parallel()
	for below, never := range map[string][]string{
		"app":            {project.Module + "/tools", project.Module + "/infra", "github.com/aws/aws-cdk-go"},
		"infra":          {project.Module + "/tools", "github.com/aws/aws-sdk-go-v2"},
		"infra/delivery": {project.Module + "/infra/pipeline", project.Module + "/infra/service", project.Module + "/infra/settings"},
		"tools":          {project.Module + "/infra", project.Module + "/app"},
		"":               {"github.com/open-policy-agent/opa"},
	} {
		for _, p := range packages(t, below) {
			for _, dependency := range p.deps {
				// What evidence is called, how it is signed and how it is shown is said in one place.
				if slices.Contains([]string{project.Module + "/tools/evidence", project.Module + "/tools/evidence/timeline", project.Module + "/tools/project/agreed"}, dependency) {
					continue
				}
				for _, prefix := range never {
					if strings.HasPrefix(dependency, prefix) {
						t.Errorf("%s depends on %s", p.path, dependency)
					}
				}
			}
		}
	}
}

// floors are the rooms below tools from the ground up; those on one floor stand
// side by side. A package that has a floor of its own is named beside its room.
var floors = [][]string{
	{"tools/internal"},
	{"tools/project"},
	{"tools/evidence", "tools/pins", "tools/surface"},
	{"tools/check"},
	{"tools/assembly"},
	// The commands read their flags by it. The rest of its room imports all of
	// the commands.
	{"tools/magewright/program"},
	{"tools/readiness"},
	// Only rehearsals and measurements know the embedded AWS. Other targets know
	// an endpoint.
	{"tools/deliver", "tools/localaws"},
	{"tools/rehearse"},
	{"tools/magewright"},
}

// foundations are all that the embedded AWS may import from other rooms.
var foundations = []string{"tools/internal/clock", "tools/internal/command", "tools/internal/cfnschema"}

// An arrow is an import of one of our packages by another.
type arrow struct{ from, to string }

// exceptions are the arrows that the rules forbid and that are there today.
var exceptions = []arrow{
	// It makes projects, by which tests attack what a target says it depends on.
	{"tools/internal/inputs/inputstest", "tools/project"},
	// It serves a stage to tests of drills and promotions, on the embedded AWS.
	{"tools/deliver/stagetest", "tools/localaws"},
	// It names the key that was meant by a misspelt one.
	{"tools/localaws/buildspec", "tools/internal/suggest"},
	// It compiles the function that it deploys with the flags of all builds.
	{"tools/localaws/traffic", "tools/internal/gocmd"},
}

// roomOf returns the room or the named package that a package belongs to, and its
// floor; "" where it belongs to none.
func roomOf(pkg string) (room string, floor int) {
	for i, rooms := range floors {
		for _, r := range rooms {
			if len(r) > len(room) && strings.HasPrefix(pkg+"/", r+"/") {
				room, floor = r, i
			}
		}
	}
	return room, floor
}

// misplaced returns why an arrow is against the rules, or "".
func misplaced(a arrow) string {
	from, high := roomOf(a.from)
	to, low := roomOf(a.to)
	switch {
	case from == "":
		return a.from + " is in none of the rooms: move it into one"
	case to == "":
		return a.to + " is in none of the rooms: move it into one"
	case from == to:
		return ""
	case from == "tools/localaws" && !slices.Contains(foundations, a.to):
		return fmt.Sprintf("%s imports %s: the embedded AWS knows nothing of the product", a.from, a.to)
	case low >= high:
		return fmt.Sprintf("%s imports %s: %s does not stand below %s", a.from, a.to, to, from)
	}
	return ""
}

// TestRooms holds that every package below tools is in a room, and that a room
// imports only rooms below it.
func TestRooms(t *testing.T) {
	t.Parallel()
	var arrows []arrow
	for _, p := range packages(t, "tools") {
		pkg := strings.TrimPrefix(p.path, project.Module+"/")
		if room, _ := roomOf(pkg); room == "" {
			t.Errorf("%s is in none of the rooms: move it into one", pkg)
		}
		for _, imported := range p.imports {
			if to, ours := strings.CutPrefix(imported, project.Module+"/"); ours && strings.HasPrefix(to, "tools/") {
				arrows = append(arrows, arrow{pkg, to})
			}
		}
	}
	if len(arrows) < 100 {
		t.Errorf("go list saw %d imports", len(arrows))
	}
	for _, a := range arrows {
		if why := misplaced(a); why != "" && !slices.Contains(exceptions, a) {
			t.Error(why)
		}
	}
	for _, a := range exceptions {
		if !slices.Contains(arrows, a) || misplaced(a) == "" {
			t.Errorf("%s no longer imports %s, or may do so: remove it from the exceptions", a.from, a.to)
		}
	}
	// The rule itself sees what it must.
	for a, want := range map[arrow]bool{
		{"tools/deliver/promote", "tools/readiness"}:           true,
		{"tools/readiness", "tools/deliver/promote"}:           false,
		{"tools/deliver/smoke", "tools/localaws"}:              false,
		{"tools/rehearse", "tools/localaws/account"}:           true,
		{"tools/localaws/s3", "tools/localaws/account"}:        true,
		{"tools/localaws/s3", "tools/internal/clock"}:          true,
		{"tools/localaws/s3", "tools/internal/inputs"}:         false,
		{"tools/localaws/s3", "tools/evidence"}:                false,
		{"tools/readiness/assess", "tools/magewright/program"}: true,
		{"tools/readiness/assess", "tools/magewright/bench"}:   false,
		{"tools/magewright/program", "tools/readiness"}:        false,
		{"tools/magewright", "tools/readiness/assess"}:         true,
		{"tools/other", "tools/internal/clock"}:                false,
		{"tools/magewright", "tools/projects"}:                 false,
	} {
		if got := misplaced(a) == ""; got != want {
			t.Errorf("that %s imports %s is allowed: %t, want %t", a.from, a.to, got, want)
		}
	}
}

// A parsed source file of this repository.
type parsed struct {
	name string // from the root, with slashes
	file *ast.File
}

// positions are those of the parsed sources.
var positions = token.NewFileSet()

// parseAll parses the sources that git lists once for all tests, without tests and their data.
var parseAll = sync.OnceValues(func() ([]parsed, error) {
	list := exec.CommandContext(context.Background(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate", "--", "*.go", ":!:*_test.go", ":!:*/testdata/*")
	list.Dir = dir
	out, err := list.Output()
	if err != nil {
		return nil, err
	}
	var all []parsed
	for name := range strings.SplitSeq(strings.Trim(string(out), "\x00"), "\x00") {
		file, err := parser.ParseFile(positions, filepath.Join(dir, filepath.FromSlash(name)), nil, parser.SkipObjectResolution)
		if errors.Is(err, os.ErrNotExist) {
			continue // removed, and not yet committed
		}
		if err != nil {
			return nil, err
		}
		all = append(all, parsed{name, file})
	}
	if len(all) < 100 {
		return nil, fmt.Errorf("git listed %d files", len(all))
	}
	return all, nil
})

// sources returns the sources of the repository.
func sources(t *testing.T) []parsed {
	t.Helper()
	all, err := parseAll()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// commandsOf returns where a file starts a program: a call of Run,
// Output, exec.Command, exec.CommandContext or a helper by such a name, with "go"
// as the program. A command line that somebody types is no program's name.
func commandsOf(program string, file *ast.File) []string {
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		name := ""
		switch f := call.Fun.(type) {
		case *ast.Ident:
			name = f.Name
		case *ast.SelectorExpr:
			name = f.Sel.Name
		}
		if !slices.Contains([]string{"run", "output", "command", "commandcontext", "commandin", "execute"}, strings.ToLower(name)) {
			return true
		}
		for _, argument := range call.Args {
			literal, ok := argument.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				continue
			}
			if text, err := strconv.Unquote(literal.Value); err == nil && text == program {
				found = append(found, positions.Position(call.Pos()).String())
			}
		}
		return true
	})
	return found
}

// startedBy returns where source files start a program, but for those below some
// directories.
func startedBy(t *testing.T, program string, but ...string) []string {
	t.Helper()
	var all []string
	for _, source := range sources(t) {
		if !slices.ContainsFunc(but, func(below string) bool { return strings.HasPrefix(source.name, below+"/") }) {
			all = append(all, commandsOf(program, source.file)...)
		}
	}
	return all
}

// TestGoIsRunWithOneSetOfFlags holds that the go command is started by gocmd
// alone: the flags of a build are part of the key of what it compiles.
func TestGoIsRunWithOneSetOfFlags(t *testing.T) {
	t.Parallel()
	for _, position := range startedBy(t, "go", "tools/internal/gocmd") {
		t.Errorf("%s: the go command is started without the flags of all builds; use tools/internal/gocmd", position)
	}
	// The rule itself sees what it must.
	for call, want := range map[string]int{
		`exec.Command("go", "build")`: 1, `exec.CommandContext(ctx, "go")`: 1, `command.Cmd{}.Output(ctx, "go", "env")`: 1, `cmd.Run(ctx, ` + "`go`" + `, args...)`: 1,
		`b.command(ctx, nil, "go", append([]string{"build"}, args...)...)`: 1,
		`gocmd.In(dir).Run(ctx, "build")`:                                  0, `strings.TrimPrefix(version, "go")`: 0, `typed(ctx, "go test")`: 0,
	} {
		file, err := parser.ParseFile(positions, "x.go", "package x\n\nfunc f() {\n\t"+call+"\n}\n", parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if found := commandsOf("go", file); len(found) != want {
			t.Errorf("%s: found %v", call, found)
		}
	}
	for _, program := range []string{"go", "git"} {
		name := "tools/internal/" + program + "cmd/" + program + "cmd.go"
		all := sources(t)
		at := slices.IndexFunc(all, func(source parsed) bool { return source.name == name })
		if at < 0 {
			t.Errorf("there is no %s", name)
		} else if found := commandsOf(program, all[at].file); len(found) != 2 {
			t.Errorf("%s itself starts it at %v", name, found)
		}
	}
}

// TestGitIsRunInOnePlace holds that git is started by gitcmd alone, which shows
// commits as they are. The embedded AWS and the measurements decide nothing.
func TestGitIsRunInOnePlace(t *testing.T) {
	t.Parallel()
	for _, position := range startedBy(t, "git", "tools/internal/gitcmd", "tools/localaws", "tools/magewright/bench", "tools/internal/inputs/inputstest") {
		t.Errorf("%s: git is started with whatever replaces, hides and configures; use tools/internal/gitcmd", position)
	}
}

// TestTheRootHasAMagefile holds that in a nested module, whose go.mod is nearer,
// the project is found all the same.
func TestTheRootHasAMagefile(t *testing.T) {
	root, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(root, "tools", "pins", "opa"))
	if cfg, err := project.Discover(t.Context()); err != nil || cfg.Dir != root {
		t.Errorf("from tools/pins/opa the project is at %s, %v, want %s", cfg.Dir, err, root)
	}
}

// stackName matches the text of a Go string that holds the name of a stack, or
// what all their names begin with.
var stackName = regexp.MustCompile(`magewright-(staging|production|pipeline|\*|%)|^magewright-$`)

// TestStackNamesAreSaidOnce holds that no other file of the tools, of the CDK app
// and of the magefile writes the name of a stack than the one that says them.
func TestStackNamesAreSaidOnce(t *testing.T) {
	t.Parallel()
	var found []string
	for _, source := range sources(t) {
		ast.Inspect(source.file, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			if text, err := strconv.Unquote(literal.Value); err == nil && stackName.MatchString(text) && !temporary(source.file, literal) {
				found = append(found, source.name)
			}
			return true
		})
	}
	slices.Sort(found)
	if want := []string{"tools/project/stacks.go"}; !slices.Equal(found, want) {
		t.Errorf("names of stacks are written in %v, want %v", found, want)
	}
}

// temporary reports whether a text is the pattern of a temporary directory.
func temporary(file *ast.File, literal *ast.BasicLit) bool {
	found := false
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if f, ok := call.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "MkdirTemp" && slices.Contains(call.Args, ast.Expr(literal)) {
				found = true
			}
		}
		return true
	})
	return found
}

// TestModules holds that lint and sec see the programs in modules of their own.
func TestModules(t *testing.T) {
	t.Parallel()
	modules, err := project.Config{Dir: dir}.Modules(t.Context())
	var got []string
	for _, module := range modules.All {
		got = append(got, module.Dir)
	}
	if want := []string{".", "tools/pins/opa"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("modules are %v, %v, want %v", got, err, want)
	}
	for _, dependency := range goList(t, "-C", "tools/pins/opa", "-deps", ".") {
		if strings.HasPrefix(dependency, project.Module+"/") && dependency != project.Module+"/tools/pins/opa" {
			t.Errorf("tools/pins/opa depends on %s", dependency)
		}
	}
}

// targets returns the targets of the magefile.
func targets(t *testing.T) []magefile.Target {
	t.Helper()
	readRepository(t)
	tree, err := surface.OfFiles(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	all, err := tree.Targets()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestTheTargetsAreMages holds that what is read of the magefile is what mage
// itself lists.
func TestTheTargetsAreMages(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "tool", "mage", "-l")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("mage -l: %v", err)
	}
	known, listed := targets(t), 0
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); strings.HasPrefix(line, "  ") && len(fields) > 1 {
			listed++
			if err := magefile.Check(fields[:1], known); err != nil {
				t.Errorf("mage lists what was not read: %v", err)
			}
		}
	}
	if listed != len(known) {
		t.Errorf("mage lists %d targets, and %d were read", listed, len(known))
	}
}

// TestTheReferenceIsGenerated holds that the committed reference is what the
// source says. The sections that are made of templates are held where the
// templates are synthesized.
func TestTheReferenceIsGenerated(t *testing.T) {
	t.Parallel()
	readRepository(t)
	tree, err := surface.OfFiles(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	generated, _, err := reference.Generate(tree, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := reference.Diff(withoutStacks(t, string(tree[reference.File])), withoutStacks(t, string(generated))); len(diff) > 0 {
		t.Errorf("%s is not what the source says; go tool mage docs writes it:\n%s", reference.File, strings.Join(diff, "\n"))
	}
}

// withoutStacks returns a reference without the sections on stacks.
func withoutStacks(t *testing.T, text string) string {
	t.Helper()
	before, rest, found := strings.Cut(text, "\n## Stack outputs\n")
	_, after, ended := strings.Cut(rest, "\n## Go packages\n")
	if !found || !ended {
		t.Fatal("the reference has no sections on stacks before those on packages")
	}
	return before + after
}
