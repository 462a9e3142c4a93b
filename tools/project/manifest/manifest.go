// Package manifest reads the names of what is delivered from the cloud assembly, where the
// CDK app has written them: stacks, functions, aliases, outputs. Package infra/delivery
// defines them, and infra/docs/manifest.md explains them.
package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/agreed"
	"github.com/magewright/magewright/tools/project/exit"
)

// File is the file of the assembly that has the manifest.
const File = agreed.ManifestFile

// RepositoryTag is the tag of a stack that names the repository which delivers the stack.
const RepositoryTag = agreed.RepositoryTag

// SchemaVersion is the newest version of the manifest that this code understands.
const SchemaVersion = agreed.ManifestVersion

// MetadataKey is the key under which synth writes into the metadata of templates. It does so
// for another CDK app, whose functions' descriptions name no commit.
const MetadataKey = "magewright"

// Metadata is the value under that key.
type Metadata struct {
	Commit string `json:"commit"`
}

// ErrNone says that there is no manifest: either there is no assembly, or it is older than
// manifests.
var ErrNone = errors.New("no manifest names the stacks")

// A Manifest names what is delivered.
type Manifest struct {
	Name       string `json:"name"`
	Repository string `json:"repository"`
	// Untagged says that stacks with these names and without a tag belong to the repository.
	Untagged bool    `json:"untagged,omitempty"`
	Stages   []Stage `json:"stages"` // in order; one or more
	// Pipeline is the stack of the pipeline. It has no name if the assembly has no pipeline.
	Pipeline Pipeline `json:"pipeline,omitzero"`
	// Annotated says from what the manifest was made if the CDK app has not written it
	// itself.
	Annotated string `json:"annotated,omitempty"`
	// Replaced are the accounts of the CDK app's stacks, if those of the assembly are for
	// another account.
	Replaced []string `json:"replaced,omitempty"`
}

// A Place says where a stack is. Without an account or region, it is in those of the
// credentials.
type Place struct {
	Stack    string `json:"stack"`    // its name
	Template string `json:"template"` // its file in the assembly, with slashes
	Account  string `json:"account,omitempty"`
	Region   string `json:"region,omitempty"`
}

// A Pipeline is the stack of the pipeline.
type Pipeline struct {
	Place
	// Judge is the SSM parameter that pins the commit whose code judges releases. It is "" if
	// the code that made the assembly can't judge other releases.
	Judge string `json:"judge,omitempty"`
	// Evidence is where the pipeline keeps the evidence of releases. It is nil if a stage
	// keeps it, or if nobody does.
	Evidence *Evidence `json:"evidence,omitempty"`
}

// A Stage is one deployment of what is delivered.
type Stage struct {
	Name string `json:"name"`
	Place
	Approval bool `json:"approval,omitempty"`
	// Wave is the name that stages have in common if a release reaches them side by side.
	Wave      string     `json:"wave,omitempty"`
	Functions []Function `json:"functions"`
	Evidence  *Evidence  `json:"evidence,omitempty"`

	command string // the command that deploys it
}

// Deploys returns the command that deploys the stage.
func (s Stage) Deploys() string {
	if s.command == "" {
		return "go tool mage deploy-stage -stage=" + s.Name
	}
	return s.command
}

// A Function is a function that is delivered. Outputs are the keys of the stack's outputs, by
// names that are the same for every function. What a function does not have is "": in an
// annotated manifest, a function can be without an alias.
type Function struct {
	Function        string            `json:"function"` // logical id
	Alias           string            `json:"alias,omitempty"`
	Application     string            `json:"application,omitempty"`     // logical id
	DeploymentGroup string            `json:"deploymentGroup,omitempty"` // logical id
	URL             string            `json:"url,omitempty"`             // logical id of the function URL
	Outputs         map[string]string `json:"outputs"`
	Sources         []Source          `json:"sources,omitempty"`
}

// A Source says where a function's events come from, apart from its URL.
type Source struct {
	Kind     string `json:"kind"`
	Resource string `json:"resource,omitempty"` // logical id
}

// Evidence says where a stage or the pipeline keeps evidence.
type Evidence struct {
	Stack  string `json:"stack"`
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	Output string `json:"output"`
}

// Read reads the manifest of an assembly that can be delivered, which has two stages or more.
// The error is ErrNone if there is no manifest.
func Read(cfg project.Config) (Manifest, error) {
	m, err := ReadAny(cfg)
	if err == nil && len(m.Stages) < 2 {
		err = exit.Missing("add a stage to the CDK app, then go tool mage synth", "reading the manifest: %s has only the stage %s, but a delivery needs two or more: releases are tried in the first one", filepath.Join(cfg.Assembly, File), m.Last().Name)
	}
	return m, err
}

// AsDeployed returns an error unless the stages are those with which a pipeline was deployed.
// They are given as NAME=STACK, separated by commas. Without this check, a commit could call
// another stack the first stage, which would then be deployed before anybody is asked. The
// empty text means that there is no pipeline.
func (m Manifest) AsDeployed(stages string) error {
	if stages == "" || m.StageList() == stages {
		return nil
	}
	return exit.Failed("go tool mage pipeline:deploy, by somebody who may deploy the pipeline and has looked at the stages",
		"the stages are %s, but the deployed pipeline delivers %s: a commit can't choose others", m.StageList(), stages)
}

// StageList returns the stages and their stacks in the form in which a pipeline is deployed
// with them.
func (m Manifest) StageList() string {
	all := make([]string, len(m.Stages))
	for i, s := range m.Stages {
		all[i] = s.Name + "=" + s.Stack
	}
	return strings.Join(all, ",")
}

// ReadAny reads the manifest of an assembly that may have only one stage. It is for code that
// judges or shows, and deploys nothing.
func ReadAny(cfg project.Config) (Manifest, error) {
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
		return m, exit.Missing(next, "an older Magewright synthesized %s: %w", file, ErrNone)
	case read.SchemaVersion > SchemaVersion:
		return m, exit.Missing("go get -tool github.com/magewright/magewright@latest, then "+next, "%s has schema version %d, but this Magewright reads at most %d", file, read.SchemaVersion, SchemaVersion)
	default:
		if err := m.check(); err != nil {
			return m, exit.Missing(next, "reading the manifest: %s: %w", file, err)
		}
		m.setCommands()
		return m, m.AsDeployed(os.Getenv("MAGEWRIGHT_STAGES"))
	}
}

// setCommands notes the commands that deploy the first stage and the last.
func (m Manifest) setCommands() {
	m.Stages[0].command = "go tool mage deploy-staging"
	m.Stages[len(m.Stages)-1].command = "go tool mage promote"
}

// check refuses a manifest with which nothing could be delivered.
func (m Manifest) check() error {
	if m.Repository == "" {
		return errors.New("it names no repository")
	}
	if len(m.Stages) == 0 {
		return errors.New("it has no stage")
	}
	seen := map[string]bool{}
	for _, s := range m.places() {
		if s.Stack == "" || s.Template == "" || !filepath.IsLocal(filepath.FromSlash(s.Template)) {
			return fmt.Errorf("stack %q has the template %q", s.Stack, s.Template)
		}
		if seen[s.Stack] {
			return fmt.Errorf("two of its stacks are called %s", s.Stack)
		}
		seen[s.Stack] = true
	}
	for _, name := range m.Stacks() {
		if !stackName.MatchString(name) {
			return fmt.Errorf("%q is not the name of a stack", name)
		}
	}
	return nil
}

// stackName is what CloudFormation takes for the name of a stack. The CDK CLI, which is
// given the names, would take others for flags or for patterns of names. See
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html.
var stackName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]{0,127}$`)

func (m Manifest) places() []Place {
	all := make([]Place, len(m.Stages))
	for i, s := range m.Stages {
		all[i] = s.Place
	}
	if m.Pipeline != (Pipeline{}) {
		all = append(all, m.Pipeline.Place)
	}
	return all
}

// Old returns the names that this repository's stacks already had before assemblies had
// manifests.
func Old() Manifest {
	outputs := map[string]string{}
	for _, name := range []string{"FunctionUrl", "FunctionName", "AliasName", "DeploymentApplication", "DeploymentGroup", "NotificationTopic"} {
		outputs[name] = name
	}
	of := func(stack string) Place { return Place{Stack: stack, Template: stack + ".template.json"} }
	stage := func(name, stack string) Stage {
		return Stage{Name: name, Place: of(stack), Approval: name == "production", Functions: []Function{{Alias: "live", Outputs: outputs}}}
	}
	m := Manifest{
		Stages:   []Stage{stage("staging", project.StagingStack), stage("production", project.ProductionStack)},
		Pipeline: Pipeline{Place: of(project.PipelineStack)},
	}
	m.setCommands()
	return m
}

// ReadOrOld reads the manifest of the assembly, or returns the old names if there is none. It
// is for targets that need no assembly.
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

// Between returns the stages that a release passes through after the first and before
// the last.
func (m Manifest) Between() []Stage {
	if len(m.Stages) < 3 {
		return nil
	}
	return m.Stages[1 : len(m.Stages)-1]
}

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

// Call returns what people call a stack: the name of its stage, or pipeline. If it is
// neither, it is the stack's own name.
func (m Manifest) Call(stack string) string {
	if stack == m.Pipeline.Stack {
		return "pipeline"
	}
	for _, stage := range m.Stages {
		if stage.Stack == stack {
			return stage.Name
		}
	}
	return stack
}

// Stacks returns the names of all stacks, without duplicates, in the order in which a release
// reaches them.
func (m Manifest) Stacks() []string {
	var all []string
	for _, stage := range m.Stages {
		for _, name := range stage.Stacks() {
			if !slices.Contains(all, name) { // stages may share the stack that keeps their evidence
				all = append(all, name)
			}
		}
	}
	if m.Pipeline.Stack != "" {
		all = append(all, m.Pipeline.Stack)
	}
	return all
}

// OwnRoles returns where the stacks are that CloudFormation deploys by a role of their own:
// those of a pipeline's account. In another account it works by the role of cdk bootstrap, and
// the account is the boundary. Without a pipeline, people deploy.
func (m Manifest) OwnRoles() []Place {
	if m.Pipeline.Stack == "" {
		return nil
	}
	var all []Place
	add := func(p Place) {
		if p.Account == "" || p.Account == m.Pipeline.Account {
			all = append(all, p)
		}
	}
	for _, stage := range m.Stages {
		for _, name := range stage.Stacks() {
			p := stage.Place
			if name != stage.Stack {
				p.Stack, p.Template = name, path.Join(path.Dir(stage.Template), name+".template.json")
			}
			if !slices.ContainsFunc(all, func(other Place) bool { return other.Stack == name }) {
				add(p)
			}
		}
	}
	add(m.Pipeline.Place)
	return all
}

// NeedsPipeline returns an error if the assembly has no pipeline.
func (m Manifest) NeedsPipeline() error {
	if m.Pipeline.Stack != "" {
		return nil
	}
	return exit.Missing("add a pipeline to the CDK app, then go tool mage synth", "%s names no stack that has a pipeline", File)
}

// TemplateFile returns the path of a stack's template.
func (p Place) TemplateFile(cfg project.Config) string {
	return filepath.Join(cfg.Assembly, filepath.FromSlash(p.Template))
}

// Stacks returns the names of the stacks of a stage: its own first, and then that of its
// evidence if it is another one.
func (s Stage) Stacks() []string {
	if s.Evidence == nil || s.Evidence.Stack == "" || s.Evidence.Stack == s.Stack {
		return []string{s.Stack}
	}
	return []string{s.Stack, s.Evidence.Stack}
}
