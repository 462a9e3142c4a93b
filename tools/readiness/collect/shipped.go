package collect

import (
	"archive/zip"
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/assembly/build"
	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
)

// largest is Lambda's limit for the unzipped size of a package, in bytes.
// See https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
const largest = 250 << 20

// Shipped reads which modules the programs in the deployment packages were made
// from, and their licences.
func Shipped(ctx context.Context, e Env) (evidence.Predicate, error) {
	shipped, err := shipped(ctx, e)
	if err != nil {
		return nil, err
	}
	return shipped, nil
}

func shipped(ctx context.Context, e Env) (readiness.Shipped, error) {
	var s readiness.Shipped
	release, err := cdk.ReadRelease(e.Project)
	if err != nil {
		return s, err
	}
	files, err := deliveredFiles(ctx, e.Project, release)
	if err != nil {
		return s, err
	}
	modules, err := e.Project.Modules(ctx)
	if err != nil {
		return s, err
	}
	s.Package = release.Package
	for i, f := range files {
		p, err := shippedProgram(ctx, e.Project, modules, f)
		if err != nil {
			return s, err
		}
		if i == 0 {
			s.ShippedProgram = p
			continue
		}
		s.Further = append(s.Further, p)
	}
	if len(files) == 1 {
		s.SHA256 = "" // it is the release's package
	}
	s.LeftOut = leftOut(modules, s.Programs())
	s.Made = evidence.Made{
		FinishedOn: e.Clock.Now(), Dirty: e.Project.Dirty,
		Tools: map[string]string{"licensecheck": toolVersion("github.com/google/licensecheck")},
	}
	return s, nil
}

// deliveredFiles returns the zip files that the delivered functions are made from,
// each once. They must be the release's packages.
func deliveredFiles(ctx context.Context, cfg project.Config, release cdk.Release) ([]readiness.FunctionPackage, error) {
	a := readiness.Assembly{Stacks: map[string]readiness.AssemblyStack{}}
	var err error
	if a.Manifest, _, err = namesOf(ctx, cfg); err != nil {
		return nil, err
	}
	if err := readStacks(cfg.Assembly, &a); err != nil {
		return nil, exit.Missing("go tool mage synth", "reading the cloud assembly %s: %w", cfg.Assembly, err)
	}
	if len(a.Manifest.Stages) > 0 {
		if files := a.Packages(a.Manifest.Last()); a.PackageDigest(a.Manifest.Last()) == release.Package {
			slices.SortStableFunc(files, func(a, b readiness.FunctionPackage) int { return strings.Compare(a.SHA256, b.SHA256) })
			return slices.CompactFunc(files, func(a, b readiness.FunctionPackage) bool { return a.SHA256 == b.SHA256 }), nil
		}
	}
	i := slices.IndexFunc(a.Functions, func(f readiness.FunctionPackage) bool { return f.SHA256 == release.Package })
	if i < 0 {
		return nil, exit.Missing("go tool mage synth", "no function in the cloud assembly is made from the package %.12s", release.Package)
	}
	return a.Functions[i : i+1], nil
}

// shippedProgram reads the program in a zip file of the assembly.
func shippedProgram(ctx context.Context, cfg project.Config, modules project.Modules, f readiness.FunctionPackage) (readiness.ShippedProgram, error) {
	var s readiness.ShippedProgram
	info, others, err := readProgram(filepath.Join(cfg.Assembly, filepath.FromSlash(f.File)))
	if err != nil {
		return s, exit.Missing("go tool mage synth", "reading the deployment package of %s %s: %w", f.Stack, f.LogicalID, err)
	}
	i := slices.IndexFunc(modules.All, func(m project.GoModule) bool { return m.Path == info.Main.Path })
	if i < 0 {
		return s, exit.Missing("go tool mage synth", "no module of the repository has the path %s, from which %s was built", info.Main.Path, info.Path)
	}
	main := modules.All[i]
	s = readiness.ShippedProgram{SHA256: f.SHA256, Program: info.Path, Main: info.Main.Path, Others: others}
	packages, err := programPackages(ctx, main, info)
	if err != nil {
		return s, exit.Missing("go mod download", "listing the packages of %s: %w", info.Path, err)
	}
	if err := listModules(&s, info, packages, modules); err != nil {
		return s, err
	}
	return s, licences(ctx, main, s.Modules, packages)
}

// leftOut names the modules of the repository that no program is made from.
func leftOut(modules project.Modules, programs []readiness.ShippedProgram) []string {
	left := slices.Clone(modules.LeftOut)
	for _, m := range modules.All {
		ships := slices.ContainsFunc(programs, func(p readiness.ShippedProgram) bool { return p.Main == m.Path || slices.Contains(p.Own, m.Path) })
		if !ships {
			left = append(left, fmt.Sprintf("%s (%s)", m.Dir, m.Path))
		}
	}
	slices.Sort(left)
	return left
}

// toolVersion returns the version of a module that this program was built with.
func toolVersion(module string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == module {
				return dep.Version
			}
		}
	}
	return "unknown"
}

// readProgram reads the build information of the program in a deployment
// package, and returns the names of the other files in the package.
func readProgram(path string) (*debug.BuildInfo, []string, error) {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = archive.Close() }()
	var info *debug.BuildInfo
	var others []string
	for _, file := range archive.File {
		if file.Name != build.Executable || info != nil {
			others = append(others, file.Name)
			continue
		}
		if info, err = readInfo(file); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file.Name, err)
		}
	}
	if info == nil {
		return nil, nil, fmt.Errorf("%s contains no %s", path, build.Executable)
	}
	return info, others, nil
}

func readInfo(file *zip.File) (*debug.BuildInfo, error) {
	program, err := file.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = program.Close() }()
	data, err := io.ReadAll(io.LimitReader(program, largest+1))
	if err != nil {
		return nil, err
	}
	if len(data) > largest {
		return nil, fmt.Errorf("it has more than %d bytes, which Lambda does not accept", largest)
	}
	return buildinfo.Read(bytes.NewReader(data))
}

// aPackage holds those parts of `go list -json` that are read.
type aPackage struct {
	ImportPath string
	Dir        string
	Standard   bool
	Imports    []string
	Module     *struct {
		Path    string
		Version string
		Main    bool
		Dir     string
		Replace *struct{ Path, Version string }
	}
}

// listModules fills in the modules of a program. The build information names
// the modules. The source determines which of their packages are in the
// program, and must give the same modules.
func listModules(s *readiness.ShippedProgram, info *debug.BuildInfo, packages []aPackage, modules project.Modules) error {
	own := func(path string) bool {
		return slices.ContainsFunc(modules.All, func(m project.GoModule) bool { return m.Path == path })
	}
	index := map[string]*readiness.ShippedModule{}
	add := func(m readiness.ShippedModule) { index[m.Path] = &m }
	add(readiness.ShippedModule{Path: readiness.StandardLibrary, Version: info.GoVersion})
	for _, dep := range info.Deps {
		// Another module of the repository, in a workspace or by a replacement.
		if own(dep.Path) && (dep.Replace == nil && dep.Sum == "" || dep.Replace != nil && dep.Replace.Version == "") {
			s.Own = append(s.Own, dep.Path)
			continue
		}
		if dep.Replace != nil {
			// The replacement is in the program, and can be fetched.
			dep = dep.Replace
		}
		add(readiness.ShippedModule{Path: dep.Path, Version: dep.Version, Sum: dep.Sum})
	}
	moduleOf := map[string]string{} // by import path
	for _, p := range packages {
		moduleOf[p.ImportPath] = p.module()
	}
	for _, p := range packages {
		needs := &s.MainNeeds
		if p.Module == nil || !p.Module.Main && !slices.Contains(s.Own, p.Module.Path) {
			m := index[p.module()]
			if m == nil {
				return exit.Missing("go tool mage synth", "the program in the package has no module %s, but its source does", p.module())
			}
			m.Packages++
			needs = &m.Needs
		}
		for _, path := range p.Imports {
			if other := moduleOf[path]; other != "" && other != p.module() && index[other] != nil {
				*needs = append(*needs, other)
			}
		}
	}
	s.MainNeeds = sortedOnce(s.MainNeeds)
	for _, path := range slices.Sorted(maps.Keys(index)) {
		m := index[path]
		if m.Packages == 0 {
			return exit.Missing("go tool mage synth", "the program in the package has module %s, but its source does not", path)
		}
		m.Needs = sortedOnce(m.Needs)
		s.Modules = append(s.Modules, *m)
	}
	return nil
}

func sortedOnce(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// module returns the path of the package's module under the name that the
// program uses.
func (p aPackage) module() string {
	switch {
	case p.Standard || p.Module == nil:
		return readiness.StandardLibrary
	case p.Module.Replace != nil:
		return p.Module.Replace.Path
	}
	return p.Module.Path
}

// programPackages lists the packages of a program, using the settings that it
// was built with.
func programPackages(ctx context.Context, m project.GoModule, info *debug.BuildInfo) ([]aPackage, error) {
	args := []string{"list", "-deps", "-json=ImportPath,Dir,Standard,Imports,Module"}
	var env []string
	for _, s := range info.Settings {
		switch s.Key {
		case "-tags":
			args = append(args, "-tags="+s.Value)
		case "GOOS", "GOARCH", "CGO_ENABLED", "GOEXPERIMENT", "GOFIPS140":
			env = append(env, s.Key+"="+s.Value)
		}
	}
	// The program may say that it is called like a flag.
	out, err := m.Go(env...).Output(ctx, append(args, "--", info.Path)...)
	if err != nil {
		return nil, err
	}
	var packages []aPackage
	decoder := json.NewDecoder(strings.NewReader(out))
	for {
		var p aPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading go list -json: %w", err)
		}
		packages = append(packages, p)
	}
}
