package collect

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/magewright/magewright/tools/assembly/annotate"
	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/assembly/synth"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/readiness"
)

// Assembly reads the candidate's cloud assembly. It also synthesizes another
// one from a clean clone, to compare the two. A judge leaves that to a build that may
// touch nothing.
func Assembly(ctx context.Context, e Env) (evidence.Predicate, error) {
	return assembly(ctx, e, synth.Again)
}

func assembly(ctx context.Context, e Env, synthesize func(context.Context, project.Config) error) (evidence.Predicate, error) {
	a, err := readAssembly(ctx, e)
	if err != nil {
		return nil, err
	}
	if e.Project.Judged() {
		a.Again = secondOfABuild(e)
	} else {
		a.Again = secondSynthesis(ctx, e.Project, synthesize)
	}
	a.NagAgain = nagAgain(ctx, e, a, cdk.Nag)
	a.FinishedOn = e.Clock.Now()
	return a, nil
}

// readAssembly reads the existing assembly and does not synthesize another one.
func readAssembly(ctx context.Context, e Env) (readiness.Assembly, error) {
	release, err := cdk.ReadRelease(e.Project)
	if err != nil {
		return readiness.Assembly{}, err
	}
	a := readiness.Assembly{Commit: release.Commit, Package: release.Package, Stacks: map[string]readiness.AssemblyStack{}}
	if a.Manifest, a.Unwritten, err = namesOf(ctx, e.Project); err != nil {
		return a, err
	}
	if err := readStacks(e.Project.Assembly, &a); err != nil {
		return a, exit.Missing("go tool mage synth", "reading the cloud assembly %s: %w", e.Project.Assembly, err)
	}
	if a.Files, err = cdk.Digests(e.Project.Assembly); err != nil {
		return a, exit.Missing("go tool mage synth", "%w", err)
	}
	broken, err := cdk.Errors(e.Project.Assembly)
	if err != nil {
		return a, exit.Missing("go tool mage synth", "%w", err)
	}
	for _, message := range broken {
		a.NagErrors = append(a.NagErrors, readiness.NagError(message))
	}
	a.Made = evidence.Made{FinishedOn: e.Clock.Now(), Dirty: release.Dirty}
	return a, nil
}

// namesOf returns the names of what is delivered. Where the assembly has no manifest
// of them, they are those that its templates give, and unwritten says why they may
// not be used to deploy. There are no stages if the templates don't give them.
func namesOf(ctx context.Context, cfg project.Config) (names manifest.Manifest, unwritten string, err error) {
	names, err = manifest.ReadAny(cfg)
	if !errors.Is(err, manifest.ErrNone) {
		return names, "", err
	}
	found, findErr := annotate.Find(ctx, cfg)
	if ctx.Err() != nil {
		return names, "", ctx.Err()
	}
	if findErr != nil {
		return manifest.Manifest{}, plain(err) + "; " + plain(findErr), nil
	}
	return found.Manifest, plain(err), nil
}

// plain returns an error without the next command.
func plain(err error) string {
	if e, ok := errors.AsType[*exit.Error](err); ok {
		err = e.Err
	}
	return err.Error()
}

// names returns the names of what is delivered, for asking AWS. This repository's
// stacks have had the same names since before assemblies had manifests.
func (e Env) names(ctx context.Context) (manifest.Manifest, error) {
	names, unwritten, err := namesOf(ctx, e.Project)
	switch {
	case err != nil:
		return names, err
	case len(names.Stages) > 0:
		return names, nil
	case e.Project.Adopted():
		return names, exit.Missing("go tool mage synth", "it is unknown which stacks are delivered: %s", unwritten)
	}
	return manifest.Old(), nil
}

// cdkManifest holds those parts of manifest.json that are read.
type cdkManifest struct {
	Artifacts map[string]struct {
		Type        string `json:"type"`
		Environment string `json:"environment"`
		Properties  struct {
			TemplateFile string `json:"templateFile"`
			StackName    string `json:"stackName"`
		} `json:"properties"`
	} `json:"artifacts"`
}

func readStacks(dir string, a *readiness.Assembly) error {
	var m cdkManifest
	if err := decodeFile(dir, "manifest.json", &m); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(m.Artifacts)) {
		artifact := m.Artifacts[id]
		// Of nested assemblies, the stacks that are named are read below.
		if artifact.Type != "aws:cloudformation:stack" {
			continue
		}
		name := id
		if artifact.Properties.StackName != "" {
			name = artifact.Properties.StackName
		}
		var template json.RawMessage
		if err := decodeFile(dir, artifact.Properties.TemplateFile, &template); err != nil {
			return err
		}
		nag, err := readNag(dir, id)
		if err != nil {
			return err
		}
		a.Stacks[name] = readiness.AssemblyStack{Environment: artifact.Environment, Template: template, Nag: nag}
		packages, err := cdk.FunctionPackages(dir, artifact.Properties.TemplateFile)
		if err != nil {
			return err
		}
		for _, p := range packages {
			a.Functions = append(a.Functions, readiness.FunctionPackage{Stack: name, LogicalID: p.LogicalID, File: p.File, SHA256: p.SHA256})
		}
	}
	return readNested(dir, a)
}

// readNested reads the stacks that the manifest names and that are in an assembly
// within the assembly: a Stage of the CDK has one.
func readNested(dir string, a *readiness.Assembly) error {
	places := []manifest.Place{a.Manifest.Pipeline.Place}
	for _, stage := range a.Manifest.Stages {
		places = append(places, stage.Place)
	}
	for _, place := range places {
		if _, ok := a.Stacks[place.Stack]; ok || path.Dir(place.Template) == "." {
			continue
		}
		stack := readiness.AssemblyStack{Environment: "aws://" + cmp.Or(place.Account, "unknown-account") + "/" + cmp.Or(place.Region, "unknown-region")}
		if err := decodeFile(dir, filepath.FromSlash(place.Template), &stack.Template); err != nil {
			return err
		}
		var err error
		if stack.Nag, err = readNag(filepath.Join(dir, filepath.FromSlash(path.Dir(place.Template))), place.Stack); err != nil {
			return err
		}
		a.Stacks[place.Stack] = stack
		packages, err := cdk.FunctionPackages(dir, place.Template)
		if err != nil {
			return err
		}
		for _, p := range packages {
			a.Functions = append(a.Functions, readiness.FunctionPackage{Stack: place.Stack, LogicalID: p.LogicalID, File: p.File, SHA256: p.SHA256})
		}
	}
	return nil
}

func decodeFile(dir, name string, into any) error {
	if !filepath.IsLocal(name) {
		return fmt.Errorf("%q is not a file of the assembly", name)
	}
	data, err := os.ReadFile(filepath.Join(dir, name)) // #nosec G304 -- a file of the assembly
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// secondSynthesis synthesizes the commit again from a clone in a temporary
// directory. The comparison excludes nothing, because an assembly contains
// neither times nor paths of the machine.
func secondSynthesis(ctx context.Context, cfg project.Config, synthesize func(context.Context, project.Config) error) readiness.SecondSynthesis {
	first, err := cdk.Digests(cfg.Assembly)
	if err != nil {
		return readiness.SecondSynthesis{Reason: err.Error()}
	}
	second, err := synth.FromClone(ctx, cfg, synthesize)
	if err != nil {
		return readiness.SecondSynthesis{Reason: err.Error()}
	}
	return compareFiles(first, second)
}

func compareFiles(first, second map[string]string) readiness.SecondSynthesis {
	var again readiness.SecondSynthesis
	all := maps.Clone(first)
	maps.Copy(all, second)
	again.Files = len(all)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		switch a, b := first[name], second[name]; {
		case a == "":
			again.Differ = append(again.Differ, name+" is only in the second synthesis")
		case b == "":
			again.Differ = append(again.Differ, name+" is only in the assembly")
		case a != b:
			again.Differ = append(again.Differ, fmt.Sprintf("%s: SHA-256 %.12s, in the second synthesis %.12s", name, a, b))
		}
	}
	return again
}
