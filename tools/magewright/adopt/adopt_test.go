package adopt

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
	"golang.org/x/tools/txtar"

	"github.com/magewright/magewright/tools/project/exit"
)

// version is that of the Magewright which the tests pin.
const version = "v0.1.0"

// serve makes the go command find a module of Magewright's path: one whose
// program says how it is called, and fails with 4 where the command is sec.
func serve(t *testing.T) {
	t.Helper()
	source := txtar.Parse([]byte(`
-- go.mod --
module github.com/magewright/magewright

go 1.26
-- infra/standalone/main.go --
package main

func main() {}
-- tools/magewright/main.go --
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Printf("magewright%q GOWORK=%q\n", os.Args[1:], os.Getenv("GOWORK"))
	if os.Args[1] == "sec" {
		os.Exit(4)
	}
}
`))
	dir := t.TempDir()
	write(t, dir, source.Files)
	// The module cache has what other commands needed. A repository of a test can need more,
	// such as the go.mod of an older version.
	t.Setenv("GOPROXY", strings.Join([]string{
		publish(t, dir, version), "file://" + filepath.Join(moduleCache(t), "cache", "download"), strings.TrimSpace(run(t, ".", 0, "go", "env", "GOPROXY")),
	}, ","))
	t.Setenv("GOSUMDB", "off")
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Cleanup(func() {
		if out, err := exec.CommandContext(context.Background(), "go", "clean", "-modcache").CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
}

// moduleCache returns the directory of the machine's own module cache.
func moduleCache(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(run(t, ".", 0, "go", "env", "GOMODCACHE"))
}

// publish returns a proxy that serves what is in dir as a version of the module, and of
// the modules in it that have a go.mod and programs of their own.
func publish(t *testing.T, dir, version string) (proxy string) {
	t.Helper()
	root := t.TempDir()
	for _, below := range []string{"", "/tools/pins/opa"} {
		path := "github.com/magewright/magewright" + below
		mod, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(below), "go.mod"))
		if errors.Is(err, fs.ErrNotExist) && below != "" {
			continue
		}
		at := filepath.Join(root, filepath.FromSlash(path), "@v")
		if err == nil {
			err = os.MkdirAll(at, 0o750)
		}
		var packed bytes.Buffer
		if err == nil {
			err = zip.CreateFromDir(&packed, module.Version{Path: path, Version: version}, filepath.Join(dir, filepath.FromSlash(below)))
		}
		for name, data := range map[string][]byte{"zip": packed.Bytes(), "mod": mod, "info": []byte(`{"Version":"` + version + `"}`), "": []byte(version + "\n")} {
			file := "list"
			if name != "" {
				file = version + "." + name
			}
			err = errors.Join(err, os.WriteFile(filepath.Join(at, file), data, 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return "file://" + root
}

func write(t *testing.T, dir string, files []txtar.File) {
	t.Helper()
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o750), os.WriteFile(name, f.Data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// repository makes a repository of an archive. It returns its root and the
// archive's file "want".
func repository(t *testing.T, archive string) (dir, want string) {
	t.Helper()
	parsed, err := txtar.ParseFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	files := slices.DeleteFunc(parsed.Files, func(f txtar.File) bool {
		if f.Name == "want" {
			want = string(f.Data)
		}
		return f.Name == "want"
	})
	write(t, dir, files)
	git(t, dir, "init", "-q")
	git(t, dir, "add", "-A")
	git(t, dir, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "theirs")
	return dir, want
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return run(t, dir, 0, "git", args...)
}

// run runs a program, which must end with a code, and returns what it printed.
func run(t *testing.T, dir string, code int, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...) // #nosec G204 -- of the test
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	ended := &exec.ExitError{}
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	if cmd.ProcessState.ExitCode() != code {
		t.Fatalf("%s %q ended with %d, want %d:\n%s", name, args, cmd.ProcessState.ExitCode(), code, out)
	}
	return string(out)
}

// initialize runs init and returns what it says, without the repository's path.
func initialize(t *testing.T, dir string, dry bool) string {
	t.Helper()
	var out bytes.Buffer
	if err := Init(t.Context(), dir, Options{Version: version, Dry: dry}, &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	root := git(t, dir, "rev-parse", "--show-toplevel")
	return strings.Replace(out.String(), " in "+strings.TrimSpace(root), "", 1)
}

// TestInit holds what init finds and writes in repositories of several shapes,
// that the targets run there, and that deleting it leaves nothing.
func TestInit(t *testing.T) {
	serve(t)
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no repositories: %v", err)
	}
	for _, archive := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(archive), ".txtar"), func(t *testing.T) {
			dir, want := repository(t, archive)
			if *update {
				want = rewrite(t, archive, initialize(t, dir, true))
			}
			if said := initialize(t, dir, true); said != strings.ReplaceAll(want, "wrote", "would write") {
				t.Errorf("-dry-run says\n%s\nwant\n%s", said, strings.ReplaceAll(want, "wrote", "would write"))
			}
			if left := git(t, dir, "status", "--porcelain"); left != "" {
				t.Errorf("-dry-run wrote %s", left)
			}
			if said := initialize(t, dir, false); said != want {
				t.Errorf("it says\n%s\nwant\n%s", said, want)
			}
			git(t, dir, "add", "-A")
			tree := git(t, dir, "write-tree")
			_, next, _ := strings.Cut(want, "next:")
			if said := initialize(t, dir, false); !strings.Contains(said, "nothing to write") || !strings.HasSuffix(said, next) {
				t.Errorf("the second time it says\n%s", said)
			}
			git(t, dir, "add", "-A")
			if again := git(t, dir, "write-tree"); again != tree {
				t.Errorf("the second time it wrote\n%s", git(t, dir, "diff", strings.TrimSpace(tree), strings.TrimSpace(again)))
			}
			offered(t, dir, next)
			git(t, dir, "reset", "-q", "--hard")
			if left := git(t, dir, "status", "--porcelain", "--ignored"); left != "" {
				t.Errorf("left behind: %s", left)
			}
		})
	}
}

var update = flag.Bool("update", false, "write anew what init says of the repositories")

// rewrite writes what init says into an archive.
func rewrite(t *testing.T, name, said string) string {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	said = strings.ReplaceAll(said, "would write", "wrote")
	archive.Files[len(archive.Files)-1].Data = []byte(said)
	if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
		t.Fatal(err)
	}
	return said
}

// offered runs some in a repository, by the command that init prints.
func offered(t *testing.T, dir, next string) {
	t.Helper()
	command, _, _ := strings.Cut(strings.TrimSpace(next), " -l ")
	mage := strings.Fields(command)
	// On a slow machine it says that it compiles.
	compiling := regexp.MustCompile(`(?m)^compiling Magewright: .*\n`)
	call := func(code int, args ...string) string {
		return compiling.ReplaceAllString(run(t, dir, code, mage[0], append(mage[1:len(mage):len(mage)], args...)...), "")
	}
	if said := call(0, "-l"); !strings.Contains(said, "runs lint, test and sec") {
		t.Errorf("-l says\n%s", said)
	}
	if said := call(0, "lint"); said != `magewright["lint"] GOWORK=""`+"\n" {
		t.Errorf("lint says\n%s", said)
	}
	if said := call(0, "check", "-force"); said != `magewright["check" "-force=true"] GOWORK=""`+"\n" {
		t.Errorf("check -force says\n%s", said)
	}
	code := 4
	if mage[1] == "run" {
		code = 1 // go run has no other
	}
	if said := call(code, "sec"); !strings.HasPrefix(said, `magewright["sec"] GOWORK=""`+"\n") {
		t.Errorf("sec says\n%s", said)
	}
}

// TestWhatIsTheirsStays holds that init overwrites nothing.
func TestWhatIsTheirsStays(t *testing.T) {
	serve(t)
	dir, _ := repository(t, "testdata/hello.txtar")
	write(t, dir, []txtar.File{{Name: "magewright/notes.txt", Data: []byte("ours")}})
	var out bytes.Buffer
	err := Init(t.Context(), dir, Options{Version: version}, &out)
	if exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), "the directory magewright has other files in it") {
		t.Errorf("with a directory of the name: %v", err)
	}
	write(t, dir, []txtar.File{{Name: "magefile.go", Data: []byte("//go:build mage\n\npackage main\n\nfunc Lint() {}\n")}})
	if err := os.RemoveAll(filepath.Join(dir, "magewright")); err != nil {
		t.Fatal(err)
	}
	if said := initialize(t, dir, false); !strings.Contains(said, "wrote magewright.go: a target a line; you have Lint, so ours is magewrightLint\n") {
		t.Errorf("with a magefile it says\n%s", said)
	}
}

// TestTheirTargetsStay holds that the pipeline runs ours where a target of theirs has the
// name, whatever their file for Mage has already.
func TestTheirTargetsStay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		names    []string
		run      string
		deploys  string
		function string
	}{
		{nil, "mage $V", "deploy-staging", "func Test("},
		{[]string{"Test", "Clean"}, `mage $(echo " $V " | sed -e 's/ clean / magewrightClean /' -e 's/ test / magewrightTest /')`, "deploy-staging", "func MagewrightTest("},
		{[]string{"DeployStaging"}, `mage $(echo " $V " | sed -e 's/ deploy-staging / magewrightDeployStaging /')`, "magewrightDeployStaging", "func MagewrightDeployStaging("},
		{[]string{"Aliases"}, `mage $(echo " $V " | sed -e 's/ deploy-stage / deployStage /' -e 's/ deploy-staging / deployStaging /'`, "deployStaging", "func DeployStaging("},
	} {
		r := Repository{Dir: t.TempDir(), CDK: []CDK{{Dir: "."}}, Mage: Mage{Dir: ".", Names: tt.names, Command: "mage"}}
		if got := r.run("V"); !strings.HasPrefix(got, tt.run) || len(tt.names) == 0 && got != tt.run {
			t.Errorf("with %q: %s, want %s", tt.names, got, tt.run)
		}
		if got := r.target("deploy-staging"); got != tt.deploys {
			t.Errorf("with %q: %s, want %s", tt.names, got, tt.deploys)
		}
		f, err := r.magefile()
		if err != nil || !strings.Contains(string(f.data), tt.function) {
			t.Errorf("with %q: %v, no %s in\n%s", tt.names, err, tt.function, f.data)
		}
		for _, name := range tt.names {
			if name != "Aliases" && strings.Contains(string(f.data), "func "+name+"(") {
				t.Errorf("%s is defined twice", name)
			}
		}
	}
}

// TestACDKAppComesLater holds that a repository without a CDK app gets nothing of its
// delivery, and that it gets it once it has one.
func TestACDKAppComesLater(t *testing.T) {
	serve(t)
	dir := t.TempDir()
	git(t, dir, "init", "-q")
	write(t, dir, []txtar.File{{Name: "go.mod", Data: []byte("module example.com/library\n\ngo 1.26\n")}, {Name: "a.go", Data: []byte("package library\n")}})
	said := initialize(t, dir, false)
	left, err := os.ReadDir(filepath.Join(dir, pinDir))
	if err != nil || len(left) != 2 || strings.Contains(said, "rehearse") {
		t.Errorf("%v, %v, and it says\n%s", left, err, said)
	}
	mage, err := os.ReadFile(filepath.Join(dir, "magefile.go")) // #nosec G304 -- of the test
	if err != nil || strings.Contains(string(mage), "Synth") {
		t.Errorf("%v, the magefile is\n%s", err, mage)
	}
	write(t, dir, []txtar.File{{Name: "cdk.json", Data: []byte(`{"app": "npx ts-node bin/app.ts"}`)}})
	said = initialize(t, dir, false)
	for _, want := range []string{
		"wrote magewright/cdk.json: the CDK app is .", "wrote magewright/go.mod", "has no target Build, Synth, Rehearse, Dev, Local, Bootstrap, DeployStaging",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	if pinned, err := os.ReadFile(filepath.Join(dir, pinDir, "go.mod")); err != nil || !strings.Contains(string(pinned), pipeline) { // #nosec G304 -- of the test
		t.Errorf("%v, the pin is\n%s", err, pinned)
	}
	if said = initialize(t, dir, false); !strings.Contains(said, "nothing to write") {
		t.Errorf("the second time it says\n%s", said)
	}
}

// TestAssets holds what is found in the sources of CDK apps: what something has to
// build, and of which function.
func TestAssets(t *testing.T) {
	several := Repository{Functions: []string{"cmd/intake", "cmd/stream"}}
	for asset, want := range map[string]string{
		"dist": `, such as "functions": {"cmd/intake": "dist/intake"}`, "build/f.zip": `, such as "functions": {"cmd/intake": "build/f.zip"}`,
	} {
		if got := several.example(asset); got != want {
			t.Errorf("of %s: %q, want %q", asset, got, want)
		}
	}
	t.Parallel()
	for _, tt := range []struct {
		name, source string
		functions    []string
		tracked      []string
		built        map[string]string
		unknown      []string
	}{
		{name: "infra/main.go", source: `awslambda.Code_FromAsset(jsii.String("../dist/hello.zip"), nil)`, functions: []string{"cmd/other"}, built: map[string]string{"cmd/other": "dist/hello.zip"}},
		{name: "infra/main.go", source: `awslambda.Code_FromAsset(jsii.String("../bin/a"), nil); awslambda.Code_FromAsset(jsii.String("../bin/c"), nil)`, functions: []string{"cmd/a", "cmd/b"}, built: map[string]string{"cmd/a": "bin/a"}, unknown: []string{"bin/c"}},
		{name: "infra/lib/stack.ts", source: "lambda.Code.fromAsset(path.join(__dirname, '..', '..', 'build', 'api'), {})", functions: []string{"api"}, built: map[string]string{"api": "build/api"}},
		{name: "infra/lib/stack.ts", source: "lambda.Code.fromAsset(`${dir}/api`)", functions: []string{"api"}, built: map[string]string{}},
		{name: "infra/main.go", source: `awslambda.Code_FromAsset(jsii.String("../lambda/a/function.zip"), nil); awslambda.Code_FromAsset(jsii.String("../lambda/b"), nil)`, functions: []string{"lambda/a", "lambda/b"}, built: map[string]string{"lambda/a": "lambda/a/function.zip", "lambda/b": "lambda/b"}},
		{name: "infra/main.go", source: `awslambda.Code_FromAsset(jsii.String("../build/a/function.zip"), nil); awslambda.Code_FromAsset(jsii.String("../build/b/bin"), nil)`, functions: []string{"cmd/a", "cmd/b"}, built: map[string]string{"cmd/a": "build/a/function.zip", "cmd/b": "build/b/bin"}},
		{name: "infra/main.go", source: `awslambda.Code_FromAsset(jsii.String("../a/one.zip"), nil); awslambda.Code_FromAsset(jsii.String("../a/two.zip"), nil)`, functions: []string{"a", "b"}, built: map[string]string{"a": "a/one.zip"}, unknown: []string{"a/two.zip"}},
		{name: "infra/app.py", source: "_lambda.Code.from_asset('build')", functions: []string{"a", "b"}, built: map[string]string{}, unknown: []string{"infra/build"}},
		{name: "infra/main.go", source: `awslambda.Code_FromAsset(jsii.String("../lambda"), nil)`, functions: []string{"lambda"}, tracked: []string{"lambda/main.go"}, built: map[string]string{"lambda": "lambda"}},
		{name: "infra/main.go", source: `awslambda.Code_FromAsset(jsii.String("../lambda"), &awss3assets.AssetOptions{Bundling: x})`, functions: []string{"lambda"}, tracked: []string{"lambda/main.go"}, built: map[string]string{}},
		{name: "infra/main.go", source: `awslambda.Code_FromAsset(jsii.String("../web"), nil)`, functions: []string{"lambda"}, tracked: []string{"web/index.html"}, built: map[string]string{}},
		{name: "infra/main.go", source: `awslambda.Code_FromAsset(jsii.String("../../elsewhere"), nil)`, functions: []string{"a"}, built: map[string]string{}},
		{name: "other/main.go", source: `awslambda.Code_FromAsset(jsii.String("x"), nil)`, functions: []string{"a"}, built: map[string]string{}},
	} {
		dir := t.TempDir()
		write(t, dir, []txtar.File{{Name: tt.name, Data: []byte(tt.source)}})
		r := Repository{Dir: dir, Functions: tt.functions, listed: append(tt.tracked, tt.name)}
		assets, _, err := r.assets(CDK{Dir: "infra"})
		built, unknown := r.built(assets)
		if err != nil || !maps.Equal(built, tt.built) || !slices.Equal(unknown, tt.unknown) {
			t.Errorf("%s: %v, %v, %v", tt.source, built, unknown, err)
		}
	}
}

// TestProductsAreIgnored holds that what is built beside its source is never left for
// somebody to commit.
func TestProductsAreIgnored(t *testing.T) {
	t.Parallel()
	const function = "package main\n\nimport \"github.com/aws/aws-lambda-go/lambda\"\n\nfunc main() { lambda.Start(nil) }\n"
	for ignore, want := range map[string]string{
		"cdk.out\n":                "/.magewright/\n/lambda/a/bootstrap\n/lambda/b/function.zip\n",
		"cdk.out\nbootstrap\n":     "/.magewright/\n/lambda/b/function.zip\n",
		"bootstrap\n*.zip\n/a.out": "\n/.magewright/\n/cdk.out/\n",
	} {
		dir := t.TempDir()
		write(t, dir, []txtar.File{
			{Name: "go.mod", Data: []byte("module example.com/a\n\ngo 1.26\n")}, {Name: ".gitignore", Data: []byte(ignore)},
			{Name: "cdk.json", Data: []byte(`{"app": "go run app.go"}`)}, {Name: "lambda/a/main.go", Data: []byte(function)}, {Name: "lambda/b/main.go", Data: []byte(function)},
			{Name: "app.go", Data: []byte("package main\n\nvar _, _ = code.Code_FromAsset(\"lambda/a\"), code.Code_FromAsset(\"lambda/b/function.zip\")\n\nfunc main() {}\n")},
		})
		git(t, dir, "init", "-q")
		git(t, dir, "add", "-A")
		r, err := look(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		files, err := r.files(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(files, func(f file) bool { return f.name == ".gitignore" })
		if i < 0 {
			t.Fatalf("to %q it adds nothing, want %q", ignore, want)
		}
		if string(files[i].data) != want {
			t.Errorf("to %q it adds %q, want %q", ignore, files[i].data, want)
		}
	}
}

// TestRepositoryName holds that the remote names the repository where the module's
// path names another one.
func TestRepositoryName(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"git@github.com:acme/shop.git": "acme/shop", "https://github.com/acme/shop": "acme/shop", "ssh://git@gitlab.example:22/acme/shop.git": "acme/shop",
		"https://github.com/acme/hello.git": "", "": "", "/srv/git/acme/shop": "", "file:///srv/acme/shop": "",
		"git@gitlab.com:acme/platform/orders.git": "acme/platform/orders", "https://gitlab.com/acme/platform/orders/": "acme/platform/orders", "https://host/alone.git": "",
	} {
		r := Repository{Remote: remote, Modules: []Module{{".", "github.com/acme/hello"}}}
		if got := r.repositoryName(); got != want {
			t.Errorf("%q: %q, want %q", remote, got, want)
		}
	}
}

// TestABrokenMagefile holds that a file for Mage that can't be parsed is named with its
// line, and that nothing is written.
func TestABrokenMagefile(t *testing.T) {
	for name, text := range map[string]string{
		"magefile.go":        "//go:build mage\n\npackage main\n\nfunc Hello() { println(1 }\n",
		"magefiles/build.go": "package main\n\nfunc Hello( {}\n",
	} {
		dir, _ := repository(t, "testdata/hello.txtar")
		write(t, dir, []txtar.File{{Name: name, Data: []byte(text)}})
		git(t, dir, "add", "-A")
		err := Init(t.Context(), dir, Options{Version: version}, &bytes.Buffer{})
		if exit.Status(err) != exit.Gate || !strings.Contains(err.Error(), name+":") || !strings.HasSuffix(err.Error(), "next: correct it, then run init again") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "magewright")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: something was written", name)
		}
	}
}

// TestGoModIsTheirs holds that mage goes into go.mod only where nothing else
// changes there.
func TestGoModIsTheirs(t *testing.T) {
	serve(t)
	for name, test := range map[string]struct {
		file txtar.File
		why  string // what init says of it
	}{
		"dependencies are vendored": {file: txtar.File{Name: "vendor/modules.txt"}},
		"go.mod is for another version": {
			file: txtar.File{Name: "go.mod", Data: []byte("module example.com/hello\n\nrequire github.com/magefile/mage v1.99.0\n")},
			why:  "go.mod stays as it is, so mage is not a tool of it: running go get -tool github.com/magefile/mage@" + mageVersion,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := repository(t, "testdata/hello.txtar")
			write(t, dir, []txtar.File{test.file})
			before, err := os.ReadFile(filepath.Join(dir, "go.mod"))
			if err != nil {
				t.Fatal(err)
			}
			if said := initialize(t, dir, false); !strings.Contains(said, "next:\n  go run github.com/magefile/mage@"+mageVersion+" -l") || !strings.Contains(said, test.why) {
				t.Errorf("it says\n%s", said)
			}
			after, err := os.ReadFile(filepath.Join(dir, "go.mod"))
			if err != nil || !bytes.Equal(after, before) {
				t.Errorf("go.mod is now %v\n%s", err, after)
			}
			if _, err := os.Stat(filepath.Join(dir, "go.sum")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("go.sum: %v", err)
			}
		})
	}
}

// TestWhatIsFound holds what init says of repositories in which something is unusual,
// and that it writes nothing where it fails.
func TestWhatIsFound(t *testing.T) {
	t.Parallel()
	const function = "package main\n\nimport _ \"github.com/aws/aws-lambda-go/lambda\"\n\nfunc main() {}\n"
	for _, tt := range []struct {
		name   string
		files  map[string]string
		remote string
		says   string
		fails  string
	}{
		{"functions that the go command ignores", map[string]string{"_examples/a/main.go": function, "b/main.go": function, ".tools/c/main.go": function}, "", "  functions  b\n  CDK", ""},
		{"functions that a package of the repository starts", map[string]string{
			"go.mod": "module a.example/a\n", "fn/go.mod": "module a.example/a/fn\n", "fn/boot/boot.go": "package boot\n\nimport \"github.com/aws/aws-lambda-go/lambda\"\n\nfunc Start(h any) { lambda.StartWithOptions(h) }\n",
			"fn/api/main.go": "package main\n\nimport \"a.example/a/middle\"\n\nfunc main() { middle.Start(nil) }\n", "middle/middle.go": "package middle\n\nimport \"a.example/a/fn/boot\"\n\nvar Start = boot.Start\n",
			"cli/main.go": "package main\n\nimport _ \"a.example/a/context\"\n\nfunc main() {}\n", "context/c.go": "package context\n\nimport \"github.com/aws/aws-lambda-go/lambda\"\n\ntype H = lambda.Handler\n",
		}, "", "  functions  fn/api\n  CDK", ""},
		{"a library beside a program that no function is built with", map[string]string{
			"lib.go": "package a\n\nimport \"github.com/aws/aws-lambda-go/lambda\"\n\nfunc Serve(h any) { lambda.Start(h) }\n", "magefile.go": "//go:build mage\n\npackage main\n", "gen.go": "//go:build ignore\n\npackage main\n",
		}, "", "  functions  none: no main package uses", ""},
		{"a cdk.json with a byte order mark", map[string]string{"cdk.json": "\ufeff{\"app\": \"npx x\"}"}, "", "  CDK        . (npx x)\n", ""},
		{"a cdk.json without an app", map[string]string{"cdk.json": "{}"}, "", "  CDK        . (its cdk.json names no app)\n", ""},
		{"a remote with a password", nil, "https://user:secret@github.com/acme/shop.git", "  remote     https://github.com/acme/shop.git\n", ""},
		{"a remote with a token", nil, "https://secret@github.com/acme/shop.git", "  remote     https://github.com/acme/shop.git\n", ""},
		{"a remote by ssh", nil, "git@github.com:acme/shop.git", "  remote     git@github.com:acme/shop.git\n", ""},
		{"a file in the place of a directory", map[string]string{"magewright": "x"}, "", "", "magewright is a file, and what pins Magewright goes into a directory of that name\n  next: give it another name"},
	} {
		dir := t.TempDir()
		git(t, dir, "init", "-q")
		files := []txtar.File{{Name: "go.mod", Data: []byte("module a\n\ngo 1.26\n")}}
		for name, text := range tt.files {
			files = append(files, txtar.File{Name: name, Data: []byte(text)})
		}
		write(t, dir, files)
		git(t, dir, "add", "-A")
		if tt.remote != "" {
			git(t, dir, "remote", "add", "origin", tt.remote)
		}
		var out bytes.Buffer
		if tt.fails == "" {
			r, err := look(t.Context(), dir)
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			r.describe(&out)
		} else if err := Init(t.Context(), dir, Options{Version: version}, &out); err == nil || !strings.Contains(err.Error(), tt.fails) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.fails)
		}
		if !strings.Contains(out.String(), tt.says) || strings.Contains(out.String(), "secret") {
			t.Errorf("%s: it says\n%s", tt.name, &out)
		}
		if changed := git(t, dir, "diff"); changed != "" {
			t.Errorf("%s: it changed\n%s", tt.name, changed)
		}
	}
}

// TestWhereThereIsNothingToAdopt holds what init says where it can do nothing.
func TestWhereThereIsNothingToAdopt(t *testing.T) {
	t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
	dir := t.TempDir()
	if err := Init(t.Context(), dir, Options{Version: version}, &bytes.Buffer{}); exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), "next: git init") {
		t.Errorf("without a repository: %v", err)
	}
	git(t, dir, "init", "-q")
	if err := Init(t.Context(), dir, Options{Version: version}, &bytes.Buffer{}); exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), "there is no go.mod") {
		t.Errorf("without Go: %v", err)
	}
	if err := Main(t.Context(), nil); exit.Status(err) != exit.Usage || !strings.Contains(err.Error(), "go run "+tool+"@latest init") {
		t.Errorf("from a working tree: %v", err)
	}
}

func TestOnlyMage(t *testing.T) {
	t.Parallel()
	const before = "module a\n\ngo 1.26\n\nrequire b.example/b v1.0.0\n"
	for after, want := range map[string]bool{
		before: true,
		before + "\ntool github.com/magefile/mage\n\nrequire github.com/magefile/mage v1.17.2 // indirect\n": true,
		strings.Replace(before, "v1.0.0", "v1.1.0", 1):                                                       false,
		strings.Replace(before, "1.26", "1.26.1", 1):                                                         false,
		before + "\ntoolchain go1.26.8\n":                                                                    false,
		before + "\nrequire c.example/c v1.0.0\n":                                                            false,
		"module": false,
	} {
		if got := onlyMage([]byte(before), []byte(after)); got != want {
			t.Errorf("%v with\n%s", got, after)
		}
	}
}
