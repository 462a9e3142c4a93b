// Package manifest reads the names of what is delivered from the cloud assembly,
// where the CDK app has written them: stacks, functions, aliases, outputs. The
// package infra/delivery defines them, and infra/docs/manifest.md explains them.
package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// File is the file of the assembly that the manifest is in.
const File = "magewright.json"

// RepositoryTag is the tag of a stack that names the repository which delivers it.
const RepositoryTag = "magewright:repository"

// schemaVersion is the newest that is understood here.
const schemaVersion = 1

// ErrNone says that there is no manifest: no assembly, or one that is older than
// manifests.
var ErrNone = errors.New("no manifest names the stacks")

// A Manifest names what is delivered.
type Manifest struct {
	Name       string
	Repository string
	// Untagged says that stacks by these names without a tag are the repository's.
	Untagged bool
	Stages   []Stage // in order; two or more
	Pipeline Place
}

// A Place is where a stack is. Without an account or region it is where the
// credentials are of.
type Place struct {
	Stack    string // its name
	Template string // its file in the assembly
	Account  string
	Region   string
}

// A Stage is one deployment of what is delivered.
type Stage struct {
	Name string
	Place
	Approval  bool
	Functions []Function
	Evidence  *Evidence
}

// A Function is a function that is delivered. Outputs are the keys of the stack's
// outputs, by what they are of every function.
type Function struct {
	Function        string // logical id
	Alias           string
	Application     string // logical id
	DeploymentGroup string // logical id
	Outputs         map[string]string
	Sources         []Source
}

// A Source is where a function's events come from, other than its URL.
type Source struct{ Kind, Resource string }

// Evidence is where a stage keeps evidence.
type Evidence struct{ Stack, Bucket, Key, Output string }

// Read reads the manifest of the assembly. An error that is ErrNone says that there
// is none.
func Read(cfg project.Config) (Manifest, error) {
	const next = "go tool mage synth"
	file := filepath.Join(cfg.Assembly, File)
	data, err := os.ReadFile(file) // #nosec G304 -- a file of the assembly
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, exit.Missing(next, "there is no cloud assembly in %s: %w", cfg.Assembly, ErrNone)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("reading the manifest: %w", err)
	}
	var read struct {
		SchemaVersion int
		Manifest
	}
	if err := json.Unmarshal(data, &read); err != nil {
		return Manifest{}, exit.Missing(next, "reading the manifest: %s: %w", file, err)
	}
	switch m := read.Manifest; {
	case read.SchemaVersion == 0:
		return m, exit.Missing(next, "an older Magewright has synthesized %s: %w", file, ErrNone)
	case read.SchemaVersion > schemaVersion:
		return m, exit.Missing("go get -tool github.com/magewright/magewright@latest, then "+next, "%s has schema version %d, and this Magewright reads %d at most", file, read.SchemaVersion, schemaVersion)
	default:
		if err := m.check(); err != nil {
			return m, exit.Missing(next, "reading the manifest: %s: %w", file, err)
		}
		return m, nil
	}
}

// check refuses a manifest by which nothing could be delivered.
func (m Manifest) check() error {
	if m.Repository == "" {
		return errors.New("it names no repository")
	}
	if len(m.Stages) < 2 {
		return fmt.Errorf("it has %d stages, and a delivery has two or more", len(m.Stages))
	}
	seen := map[string]bool{}
	for _, s := range append([]Place{m.Pipeline}, m.places()...) {
		if s.Stack == "" || s.Template == "" || filepath.Base(s.Template) != s.Template {
			return fmt.Errorf("stack %q has the template %q", s.Stack, s.Template)
		}
		if seen[s.Stack] {
			return fmt.Errorf("two of its stacks are called %s", s.Stack)
		}
		seen[s.Stack] = true
	}
	return nil
}

func (m Manifest) places() []Place {
	all := make([]Place, len(m.Stages))
	for i, s := range m.Stages {
		all[i] = s.Place
	}
	return all
}

// Old returns the names that this repository's stacks have had since before
// assemblies had manifests.
func Old() Manifest {
	outputs := map[string]string{}
	for _, name := range []string{"FunctionUrl", "FunctionName", "AliasName", "DeploymentApplication", "DeploymentGroup", "NotificationTopic"} {
		outputs[name] = name
	}
	of := func(stack string) Place { return Place{Stack: stack, Template: stack + ".template.json"} }
	stage := func(name, stack string) Stage {
		return Stage{Name: name, Place: of(stack), Approval: name == "production", Functions: []Function{{Alias: "live", Outputs: outputs}}}
	}
	return Manifest{
		Stages:   []Stage{stage("staging", project.StagingStack), stage("production", project.ProductionStack)},
		Pipeline: of(project.PipelineStack),
	}
}

// ReadOrOld reads the manifest of the assembly, or returns the old names where there
// is none. It is for targets that need no assembly.
func ReadOrOld(cfg project.Config) (Manifest, error) {
	m, err := Read(cfg)
	if errors.Is(err, ErrNone) {
		return Old(), nil
	}
	return m, err
}

// First returns the stage in which releases are tried.
func (m Manifest) First() Stage { return m.Stages[0] }

// Last returns the stage that users have.
func (m Manifest) Last() Stage { return m.Stages[len(m.Stages)-1] }

// Stage returns a stage by its name; "" is the first.
func (m Manifest) Stage(name string) (Stage, error) {
	if name == "" {
		return m.First(), nil
	}
	i := slices.IndexFunc(m.Stages, func(s Stage) bool { return s.Name == name })
	if i < 0 {
		names := make([]string, len(m.Stages))
		for i, s := range m.Stages {
			names[i] = s.Name
		}
		return Stage{}, &exit.Error{Code: exit.Usage, Err: fmt.Errorf("there is no stage %q: the stages are %q", name, names), Next: "go tool mage -l"}
	}
	return m.Stages[i], nil
}

// Stacks returns the names of all stacks, in the order in which a release reaches
// them, each once.
func (m Manifest) Stacks() []string {
	var all []string
	for _, stage := range m.Stages {
		for _, name := range stage.Stacks() {
			if !slices.Contains(all, name) { // stages may share what keeps their evidence
				all = append(all, name)
			}
		}
	}
	return append(all, m.Pipeline.Stack)
}

// TemplateFile returns the path of a stack's template.
func (p Place) TemplateFile(cfg project.Config) string {
	return filepath.Join(cfg.Assembly, p.Template)
}

// Stacks returns the names of the stacks that a stage consists of: its own first,
// and that of its evidence where it is another.
func (s Stage) Stacks() []string {
	if s.Evidence == nil || s.Evidence.Stack == "" || s.Evidence.Stack == s.Stack {
		return []string{s.Stack}
	}
	return []string{s.Stack, s.Evidence.Stack}
}
