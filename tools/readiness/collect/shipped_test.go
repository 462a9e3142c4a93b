package collect

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/assembly/build"
	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/readiness"
)

// program is a function that needs one of the modules that this project uses.
const program = `package main

import (
	"time"

	"golang.org/x/sync/errgroup"
)

var commit, version, buildTime string

func main() {
	var g errgroup.Group
	g.Go(func() error { println(commit, version, buildTime, time.Now().String()); return nil })
	_ = g.Wait()
}
`

// shippedRepository builds the function of a repository and puts it into a
// cloud assembly.
func shippedRepository(t *testing.T) (repository, Env) {
	t.Helper()
	sums, err := os.ReadFile(filepath.Join(checkout, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	pins, err := os.ReadFile(filepath.Join(checkout, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	_, pin, _ := strings.Cut(string(pins), "\tgolang.org/x/sync ")
	version, _, _ := strings.Cut(pin, "\n")
	r := newRepository(t)
	commit := r.commit(map[string]string{
		"go.mod": "module example.com/ours\n\ngo 1.26.0\n\nrequire golang.org/x/sync " + version + "\n", "go.sum": string(sums),
		"app/main.go": program, "infra/cdk.json": `{"context":{"architecture":"x86_64"}}`,
	})
	cfg := r.at(commit)
	cfg.Evidence, cfg.Assembly = t.TempDir(), filepath.Join(t.TempDir(), "cdk.out")
	p, err := build.Build(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	layPackage(t, cfg, p.Path)
	return r, Env{Project: cfg, Clock: clock.System(), Candidate: readiness.Candidate{Commit: commit, Package: p.SHA256}}
}

// layPackage makes a cloud assembly with a package.
func layPackage(t *testing.T, cfg project.Config, path string) {
	t.Helper()
	data, err := os.ReadFile(path) // #nosec G304 -- made by the test
	if err != nil {
		t.Fatal(err)
	}
	sum, err := cdk.HashFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := assemblyFiles(cfg.Commit)
	files["asset.one.zip"] = string(data)
	files["magewright.json"] = fmt.Sprintf(`{"commit":%q,"package":%q}`, cfg.Commit, sum)
	writeFiles(t, cfg.Assembly, files)
}

func TestShipped(t *testing.T) {
	t.Setenv("CDK_CONTEXT_JSON", "")
	r, e := shippedRepository(t)
	s, err := shipped(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	if s.Package != e.Candidate.Package || s.Program != "example.com/ours/app" || s.Main != "example.com/ours" || s.Others != nil || s.Tools["licensecheck"] == "" {
		t.Errorf("shipped %+v", s)
	}
	if len(s.Modules) != 2 || s.Modules[0].Path != "golang.org/x/sync" || s.Modules[1].Path != readiness.StandardLibrary {
		t.Fatalf("modules %+v", s.Modules)
	}
	if want := []string{"golang.org/x/sync", "std"}; !slices.Equal(s.MainNeeds, want) {
		t.Errorf("the main module needs %v, want %v", s.MainNeeds, want)
	}
	for i, file := range []string{"LICENSE", "LICENSE"} {
		m := s.Modules[i]
		if m.Problem != "" || m.Packages == 0 || len(m.Licences) != 1 || m.Licences[0].File != file || !slices.Equal(m.Licences[0].Is, []string{"BSD-3-Clause"}) {
			t.Errorf("module %+v", m)
		}
	}

	if _, err := SBOM(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(filepath.Join(e.Project.Evidence, sbomFile)) // #nosec G304 -- made by the test
	if err != nil {
		t.Fatal(err)
	}
	e.Project.Evidence = t.TempDir()
	got, err := SBOM(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	second := got.(readiness.SBOM)
	if !bytes.Equal(first, second.Document) {
		t.Error("two bills of materials of one package differ")
	}
	var bom struct {
		Components   []struct{ Name, Version, PURL string }
		Dependencies []struct{ DependsOn []string }
	}
	if err := json.Unmarshal(first, &bom); err != nil || len(bom.Components) != 2 || bom.Components[1].Name != "std" || len(bom.Dependencies) != 3 || len(bom.Dependencies[0].DependsOn) != 2 {
		t.Errorf("bill of materials %+v, %v", bom, err)
	}

	// The sources must be those of the shipped program.
	commit := r.commit(map[string]string{"app/main.go": "package main\n\nfunc main() {}\n"})
	e.Project.Commit = commit
	layPackage(t, e.Project, filepath.Join(e.Project.Assembly, "asset.one.zip"))
	if _, err := shipped(t.Context(), e); err == nil || !strings.Contains(err.Error(), "has module golang.org/x/sync, but its source does not") {
		t.Errorf("error is %v", err)
	}
}

func TestReadProgram(t *testing.T) {
	t.Parallel()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile(executable) // #nosec G304 -- the test itself
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		files  []string
		text   []byte
		others int
		fails  string
	}{
		{"a program", []string{build.Executable}, self, 0, ""},
		{"more than a program", []string{build.Executable, "helper", build.Executable}, self, 2, ""},
		{"no program", []string{"helper"}, self, 0, "contains no bootstrap"},
		{"a script", []string{build.Executable}, []byte("#!/bin/sh\n"), 0, "bootstrap: "},
	} {
		path := filepath.Join(t.TempDir(), "app.zip")
		file, err := os.Create(path) // #nosec G304 -- below a temporary directory
		if err != nil {
			t.Fatal(err)
		}
		archive := zip.NewWriter(file)
		for _, name := range tt.files {
			// Compressing it would take a minute.
			entry, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
			if err != nil {
				t.Fatal(err)
			}
			text := tt.text
			// The test binary is large.
			if name != build.Executable {
				text = []byte("x")
			}
			if _, err := entry.Write(text); err != nil {
				t.Fatal(err)
			}
		}
		if err := archive.Close(); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		info, others, err := readProgram(path)
		if tt.fails != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fails) {
				t.Errorf("%s: error is %v, want %q", tt.name, err, tt.fails)
			}
			continue
		}
		if err != nil || info.Main.Path != project.Module || len(others) != tt.others {
			t.Errorf("%s: %+v, %v, %v", tt.name, info, others, err)
		}
	}
}

// TestShippedOfSeveralModules holds that the programs of all functions are read,
// wherever in the repository their modules are, and that a module of which nothing
// ships is named.
func TestShippedOfSeveralModules(t *testing.T) {
	t.Parallel()
	pins, err := os.ReadFile(filepath.Join(checkout, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(checkout, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	_, pin, _ := strings.Cut(string(pins), "\tgolang.org/x/sync ")
	version, _, _ := strings.Cut(pin, "\n")
	r := newRepository(t)
	commit := r.commit(map[string]string{
		"go.work":          "go 1.26.0\n\nuse (\n\t./api\n\t./shared\n)\n",
		"shared/go.mod":    "module example.com/shared\n\ngo 1.26.0\n",
		"shared/shared.go": "package shared\n\n// Name is one.\nconst Name = \"shared\"\n",
		"api/go.mod":       "module example.com/api\n\ngo 1.26.0\n",
		"api/main.go":      "package main\n\nimport \"example.com/shared\"\n\nfunc main() { println(shared.Name) }\n",
		"worker/go.mod":    "module example.com/worker\n\ngo 1.26.0\n\nrequire golang.org/x/sync " + version + "\n",
		"worker/go.sum":    string(sums),
		"worker/main.go":   program,
		"deploy/go.mod":    "module example.com/deploy\n\ngo 1.26.0\n",
		"deploy/main.go":   "package main\n\nfunc main() {}\n",
	})
	cfg := r.at(commit)
	cfg.Evidence, cfg.Assembly = t.TempDir(), filepath.Join(t.TempDir(), "cdk.out")
	modules, err := cfg.Modules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const template = `{"Resources":{"Api":{"Type":"AWS::Lambda::Function","Properties":{"Runtime":"provided.al2023","Code":{"S3Key":"api"}}},"Worker":{"Type":"AWS::Lambda::Function","Properties":{"Runtime":"provided.al2023","Code":{"S3Key":"worker"}}}}}`
	writeFiles(t, cfg.Assembly, map[string]string{
		"manifest.json":        `{"artifacts":{"s-live":{"type":"aws:cloudformation:stack","environment":"aws://1/r","properties":{"templateFile":"s-live.template.json"}}}}`,
		"s-live.template.json": template,
		"s-live.assets.json":   `{"files":{"a":{"source":{"path":"api.zip","packaging":"file"},"destinations":{"d":{"objectKey":"api"}}},"w":{"source":{"path":"worker.zip","packaging":"file"},"destinations":{"d":{"objectKey":"worker"}}}}}`,
	})
	var packages []cdk.FunctionPackage
	for id, dir := range map[string]string{"Api": "api", "Worker": "worker"} {
		i := slices.IndexFunc(modules.All, func(m project.GoModule) bool { return m.Dir == dir })
		executable := filepath.Join(t.TempDir(), build.Executable)
		if out, err := modules.All[i].Go("CGO_ENABLED=0").Output(t.Context(), "build", "-o", executable, "."); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		zipFile(t, filepath.Join(cfg.Assembly, dir+".zip"), executable)
		sum, err := cdk.HashFile(filepath.Join(cfg.Assembly, dir+".zip"))
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, cdk.FunctionPackage{LogicalID: id, SHA256: sum})
	}
	slices.SortFunc(packages, func(a, b cdk.FunctionPackage) int { return strings.Compare(a.LogicalID, b.LogicalID) })
	digest := cdk.PackageDigest(packages)
	writeFiles(t, cfg.Assembly, map[string]string{"magewright.json": fmt.Sprintf(`{"commit":%q,"package":%q}`, commit, digest)})
	e := Env{Project: cfg, Clock: clock.System(), Candidate: readiness.Candidate{Commit: commit, Package: digest}}
	s, err := shipped(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, p := range s.Programs() {
		var paths []string
		for _, m := range p.Modules {
			paths = append(paths, m.Path)
		}
		said = append(said, fmt.Sprintf("%s own %v needs %v of %v", p.Program, p.Own, p.MainNeeds, paths))
	}
	slices.Sort(said)
	want := []string{
		"example.com/api own [example.com/shared] needs [] of [std]",
		"example.com/worker own [] needs [golang.org/x/sync std] of [golang.org/x/sync std]",
	}
	if !slices.Equal(said, want) || !slices.Equal(s.LeftOut, []string{"deploy (example.com/deploy)"}) || s.Package != digest {
		t.Errorf("shipped %q, left out %q, want %q", said, s.LeftOut, want)
	}
	got, err := SBOM(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	bill := string(got.(readiness.SBOM).Document)
	for _, has := range []string{readiness.PackageProperty, digest, packages[0].SHA256, packages[1].SHA256, `"name": "example.com/api"`, `"name": "example.com/worker"`, `"name": "golang.org/x/sync"`} {
		if !strings.Contains(bill, has) {
			t.Errorf("the bill of materials has no %s", has)
		}
	}
}

// zipFile makes a deployment package of a program.
func zipFile(t *testing.T, path, executable string) {
	t.Helper()
	data, err := os.ReadFile(executable) // #nosec G304 -- made by the test
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	archive := zip.NewWriter(&packed)
	entry, err := archive.CreateHeader(&zip.FileHeader{Name: build.Executable, Method: zip.Store})
	if err == nil {
		_, err = entry.Write(data)
	}
	if err := errors.Join(err, archive.Close(), os.WriteFile(path, packed.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func TestModulesThatAreNotTheirSum(t *testing.T) {
	t.Parallel()
	modules := []readiness.ShippedModule{
		{Path: "golang.org/x/sync", Version: "v0.24.0", Sum: "h1:AAAA"},
		{Path: "example.com/local"},
		{Path: "std", Version: "go1.0"},
	}
	// To list the modules of this checkout would read every file of it, so that the tests
	// of this package would run again after any change.
	files := map[string]string{"main.go": "package main\n\nfunc main() {}\n"}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(checkout, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	}
	dir := t.TempDir()
	writeFiles(t, dir, files)
	own, err := project.Config{Dir: dir}.Modules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := licences(t.Context(), own.All[0], modules, nil); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"but the program's module has h1:AAAA", "no version or no hash", "the program was built with go1.0"} {
		if !strings.Contains(modules[i].Problem, want) || modules[i].Licences != nil {
			t.Errorf("%+v, want the problem %q", modules[i], want)
		}
	}
}

func TestLicenceNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"LICENSE": true, "LICENCE.md": true, "COPYING.LESSER": true, "LICENSE-APACHE": true, "MIT-LICENSE.txt": true, "UNLICENSE": true, "license.code": true,
		"README": false, "licenses": false, "relicensed.txt": false, "NOTICE": false,
	} {
		if got := licenceName.MatchString(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(checkout, "LICENSE"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"a licence", string(text), []string{"Apache-2.0"}},
		{"a licence with as much of something else", string(text) + strings.Repeat("You may not use this on Sundays, nor on any other day. ", 200), nil},
		{"the address of a licence", "https://www.apache.org/licenses/LICENSE-2.0", nil},
		{"nothing", "", nil},
	} {
		if got := identify([]byte(tt.text)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestAttackByAProgramsName ships a program that calls itself like a flag of the go command,
// which the judge asks about it.
func TestAttackByAProgramsName(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	modules, err := r.at(r.commit(map[string]string{"go.mod": "module example.com/m\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"})).Modules(t.Context())
	if err != nil || len(modules.All) != 1 {
		t.Fatalf("%+v, %v", modules, err)
	}
	m := modules.All[0]
	if packages, err := programPackages(t.Context(), m, &debug.BuildInfo{Path: "example.com/m"}); err != nil || len(packages) == 0 {
		t.Fatalf("%d packages, %v", len(packages), err)
	}
	for _, name := range []string{"-export", "-toolexec=/bin/false", "-overlay=/none"} {
		if packages, err := programPackages(t.Context(), m, &debug.BuildInfo{Path: name}); err == nil || !strings.Contains(err.Error(), "leading dash") {
			t.Errorf("%s: %d packages, %v", name, len(packages), err)
		}
	}
}
