// Package annotate writes the manifest of names into the cloud assembly of a CDK app, in any
// language, that does not use our constructs. It finds most of the names in the templates. If
// a stage is one stack, CodeDeploy's deployment group names the alias, and the alias names
// its function. A short file in the repository has the names that it can't find.
// infra/docs/annotate.md explains that file.
package annotate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/internal/suggest"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/agreed"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
)

// found is the manifest's note that it was made from the templates alone.
const found = "the templates"

// A Found manifest is one that was made from an assembly.
type Found struct {
	manifest.Manifest
	// Notes have one line for each fact about the assembly that somebody should know.
	Notes []string

	assembly *cloud
}

// Run writes the manifest into cfg.Assembly, unless the CDK app has written it itself, and
// prints the names in it. It also gives the stacks in the assembly the tag that says to which
// repository a stack belongs.
func Run(ctx context.Context, cfg project.Config) error {
	ours, err := byApp(cfg)
	if err != nil {
		return err
	}
	if ours {
		if name, _, err := readFile(cfg.Dir); err != nil {
			return err
		} else if name != "" {
			return exit.Failed("git rm "+name, "the CDK app writes %s itself, with the constructs of infra/delivery, so %s must not say the same again", manifest.File, name)
		}
		fmt.Fprintf(cfg.Stdout, "annotate: the CDK app has written %s itself\n", manifest.File)
		return nil
	}
	f, err := Find(ctx, cfg)
	if err != nil {
		return err
	}
	if err := f.write(cfg); err != nil {
		return fmt.Errorf("writing %s: %w", manifest.File, err)
	}
	f.describe(cfg.Stdout)
	return nil
}

// byApp reports whether the CDK app has written the manifest itself.
func byApp(cfg project.Config) (bool, error) {
	data, err := os.ReadFile(filepath.Join(cfg.Assembly, manifest.File)) // #nosec G304 -- a file of the assembly
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the manifest: %w", err)
	}
	var m struct {
		SchemaVersion int
		Annotated     string
	}
	// A manifest that can't be read is written again.
	err = json.Unmarshal(data, &m)
	return err == nil && m.SchemaVersion > 0 && m.Annotated == "", nil
}

// Find makes the manifest of cfg.Assembly from the file in the repository and from the
// templates. It writes nothing.
func Find(ctx context.Context, cfg project.Config) (Found, error) {
	assembly, err := readCloud(cfg.Assembly)
	if err != nil {
		return Found{}, err
	}
	name, data, err := readFile(cfg.Dir)
	if err != nil {
		return Found{}, err
	}
	r := &reader{name: name}
	w := r.parse(data)
	f := Found{assembly: assembly}
	f.Annotated = name
	if name == "" {
		f.Annotated = found
	}
	f.Untagged = w.untagged
	f.stages(r, w)
	if err := r.err(); err != nil {
		return f, err
	}
	if len(f.Stages) == 0 {
		if err := f.byNames(w); err != nil {
			return f, err
		}
	}
	if err := r.err(); err != nil {
		return f, err
	}
	f.pipelineOf(r, w)
	if f.Repository, err = f.repository(ctx, cfg, w); err != nil {
		return f, err
	}
	if w.name.value != "" {
		f.Name = w.name.value
	}
	if f.Name == "" {
		f.Name = path.Base(f.Repository)
	}
	if err := r.err(); err != nil {
		return f, err
	}
	f.notes()
	return f, nil
}

// stages resolves the stages that the file names, and the functions in them.
func (f *Found) stages(r *reader, w written) {
	names, stacks := map[string]int{}, map[string]int{}
	for i, ws := range w.stages {
		r.once(names, ws.name)
		r.once(stacks, ws.stack)
		s := f.stackOrCopy(r, ws)
		if s == nil {
			continue
		}
		stage := manifest.Stage{Name: ws.name.value, Place: s.Place, Approval: i > 0 && i == len(w.stages)-1, Wave: ws.wave.value}
		if ws.approval != nil {
			stage.Approval = *ws.approval
		}
		functions := ws.functions
		if len(functions) == 0 {
			functions = w.functions
		}
		stage.Functions = s.functions(r, functions)
		if len(stage.Functions) == 0 && len(functions) == 0 {
			r.wrong(ws.line, "stack %s has no function that CodeDeploy shifts or that runs a program: name it under functions", s.Stack)
		}
		if ws.evidence != nil {
			stage.Evidence = f.evidence(r, s, *ws.evidence)
		}
		f.Stages = append(f.Stages, stage)
	}
}

// stackOf returns the stack that a text names.
func (f *Found) stackOf(r *reader, t text) *stack {
	if t.value == "" {
		return nil // it was already reported as missing
	}
	var names []string
	for _, s := range f.assembly.stacks {
		if s.Stack == t.value {
			return s
		}
		names = append(names, s.Stack)
	}
	hint := suggest.DidYouMean(t.value, names)
	if hint == "" {
		hint = ": the stacks are " + strings.Join(names, ", ")
	}
	r.wrong(t.line, "the assembly has no stack %q%s", t.value, hint)
	return nil
}

// byNames finds the stages by the names of the stacks.
func (f *Found) byNames(w written) error {
	stages, err := f.assembly.stages()
	if err != nil {
		return exit.Failed("go -C magewright tool magewright annotate -draft > magewright.yml, then put the stages there in order", "finding the stages in the cloud assembly: %w", err)
	}
	if trial := f.trial(stages); trial != nil {
		stages = append([]named{*trial}, stages...)
	}
	r := &reader{name: f.Annotated}
	for i, s := range stages {
		f.Stages = append(f.Stages, manifest.Stage{
			Name: s.word, Place: s.Place, Approval: i > 0 && i == len(stages)-1, Functions: s.functions(r, w.functions),
		})
		f.Name = s.base
	}
	return r.err()
}

// functions resolves the functions of a stage in a stack: those in the file, or otherwise all
// that are delivered.
func (s *stack) functions(r *reader, all []writtenFunction) []manifest.Function {
	var functions []manifest.Function
	if len(all) == 0 {
		for _, id := range s.delivered() {
			functions = append(functions, s.function(r, id, writtenFunction{}))
		}
		return functions
	}
	for _, wf := range all {
		id := s.resource(r, wf.function, functionType)
		if id == "" {
			continue
		}
		if slices.ContainsFunc(functions, func(f manifest.Function) bool { return f.Function == id }) {
			r.wrong(wf.line, "stack %s: function %s occurs a second time", s.Stack, wf.function.value)
			continue
		}
		functions = append(functions, s.function(r, id, wf))
	}
	return functions
}

// resource returns the logical id of the resource that a text names. The resource must have
// one of the given types. It returns "" if it can't be resolved.
func (s *stack) resource(r *reader, t text, types ...string) string {
	if t.value == "" {
		return ""
	}
	kinds := strings.Join(types, " or ")
	id := s.resolve(t.value)
	switch {
	case id == "":
		known := s.names(types...)
		hint := suggest.DidYouMean(t.value, known)
		switch {
		case hint != "":
		case len(known) == 0:
			hint = ": the stack has no " + kinds
		default:
			hint = ": it has " + strings.Join(known, ", ")
		}
		r.wrong(t.line, "stack %s has no %q%s", s.Stack, t.value, hint)
	case !slices.Contains(types, s.Resources[id].Type):
		r.wrong(t.line, "stack %s: %s has the type %s, but it must be %s", s.Stack, t.value, s.Resources[id].Type, kinds)
		return ""
	}
	return id
}

// function describes a function with what the file says and what was found.
func (s *stack) function(r *reader, id string, w writtenFunction) manifest.Function {
	f := manifest.Function{Function: id}
	alias := s.alias(r, id, w)
	if alias != "" {
		name, ok := s.property(alias, "Name").(string)
		if !ok {
			r.wrong(max(w.line, 1), "stack %s: the name of alias %s is not known before it is deployed; give it a fixed one", s.Stack, alias)
		}
		f.Alias = name
		if group := s.group(alias); group != "" {
			f.DeploymentGroup = group
		}
	}
	if group := s.resource(r, w.deploymentGroup, groupType); group != "" {
		if f.DeploymentGroup != group && alias != "" {
			r.wrong(w.deploymentGroup.line, "stack %s: deployment group %s does not shift alias %s: the alias's UpdatePolicy has no CodeDeployLambdaAliasUpdate with it", s.Stack, w.deploymentGroup.value, alias)
		}
		f.DeploymentGroup = group
	}
	if f.DeploymentGroup != "" {
		f.Application = s.target(s.property(f.DeploymentGroup, "ApplicationName"), applicationType)
	}
	f.URL = s.url(r, id, alias, w)
	s.sourcesOf(r, id, alias, w, &f)
	f.Outputs = s.outputs(id, alias, f.URL, f)
	return f
}

// alias returns the alias that serves a function, or "" if it has none.
func (s *stack) alias(r *reader, function string, w writtenFunction) string {
	all := s.aliases(function)
	if w.alias.value != "" {
		var names []string
		for _, id := range all {
			name, _ := s.property(id, "Name").(string)
			if name == w.alias.value || id == s.resolve(w.alias.value) {
				return id
			}
			names = append(names, name)
		}
		hint := suggest.DidYouMean(w.alias.value, names)
		if hint == "" {
			hint = ": its aliases are " + strings.Join(names, ", ")
		}
		if len(all) == 0 {
			hint = ", nor any other"
		}
		r.wrong(w.alias.line, "stack %s: function %s has no alias %q%s", s.Stack, s.path(function), w.alias.value, hint)
		return ""
	}
	shifted := slices.DeleteFunc(slices.Clone(all), func(id string) bool { return s.group(id) == "" })
	for _, some := range [][]string{shifted, all} {
		switch len(some) {
		case 0:
		case 1:
			return some[0]
		default:
			r.wrong(max(w.line, 1), "stack %s: function %s has the aliases %s: name the one that serves under alias", s.Stack, s.path(function), strings.Join(some, ", "))
			return ""
		}
	}
	return ""
}

// url returns the URL of a function, or "" if it has none.
func (s *stack) url(r *reader, function, alias string, w writtenFunction) string {
	all := s.urls(function, alias)
	if id := s.resource(r, w.url, urlType); id != "" {
		if !slices.Contains(all, id) {
			r.wrong(w.url.line, "stack %s: %s is not a URL of function %s", s.Stack, w.url.value, s.path(function))
		}
		return id
	}
	if len(all) == 0 || w.url.value != "" {
		return ""
	}
	return all[0]
}

// sourcesOf fills in where events come from.
func (s *stack) sourcesOf(r *reader, function, alias string, w writtenFunction, f *manifest.Function) {
	all := s.sources(function, alias)
	for _, t := range w.sources {
		id := s.resolve(t.value)
		i := slices.IndexFunc(all, func(from source) bool { return from.Resource == id || from.by == id })
		switch {
		case id == "":
			r.wrong(t.line, "stack %s has no %q%s", s.Stack, t.value, suggest.DidYouMean(t.value, s.sourceNames(all)))
		case i < 0:
			r.wrong(t.line, "stack %s: nothing there makes %s (%s) invoke function %s", s.Stack, t.value, s.Resources[id].Type, s.path(function))
		default:
			f.Sources = append(f.Sources, all[i].Source)
		}
	}
	if len(w.sources) == 0 {
		for _, from := range all {
			if !slices.Contains(f.Sources, from.Source) {
				f.Sources = append(f.Sources, from.Source)
			}
		}
	}
}

func (s *stack) sourceNames(all []source) []string {
	var names []string
	for _, from := range all {
		for _, id := range []string{from.Resource, from.by} {
			if id != "" {
				names = append(names, id, s.path(id))
			}
		}
	}
	return names
}

// evidence resolves where a stage keeps evidence.
func (f *Found) evidence(r *reader, s *stack, w writtenEvidence) *manifest.Evidence {
	if w.stack.value != "" {
		s = f.stackOf(r, w.stack)
	}
	if s == nil {
		return nil
	}
	e := &manifest.Evidence{Stack: s.Stack, Bucket: s.resource(r, w.bucket, bucketType), Key: s.resource(r, w.key, keyType)}
	for key, output := range s.Outputs {
		if at(output.Value, "Ref") == e.Bucket && (e.Output == "" || key < e.Output) {
			e.Output = key
		}
	}
	if e.Bucket != "" && e.Output == "" {
		r.wrong(w.bucket.line, "stack %s has no output with the name of bucket %s", s.Stack, w.bucket.value)
	}
	return e
}

// pipelineOf finds the stack of the pipeline if there is one.
func (f *Found) pipelineOf(r *reader, w written) {
	s := f.assembly.pipeline(f.Stages)
	if w.pipeline.value != "" {
		s = f.stackOf(r, w.pipeline)
		if s != nil && len(s.ofType(pipelineType)) == 0 {
			r.wrong(w.pipeline.line, "stack %s has no %s", s.Stack, pipelineType)
		}
	}
	if s != nil {
		f.Pipeline = manifest.Pipeline{Place: s.Place}
		for _, id := range s.ofType("AWS::SSM::Parameter") {
			if name, _ := s.property(id, "Name").(string); name == agreed.JudgeParameter(s.Stack) {
				f.Pipeline.Judge = name
			}
		}
	}
}

// repository returns the repository to which the stacks belong. The file or the stacks' tags
// name it, or otherwise the path of the first module. A git remote can be different in
// another clone, and a pipeline's copy of the source has none.
func (f *Found) repository(ctx context.Context, cfg project.Config, w written) (string, error) {
	if w.repository.value != "" {
		return w.repository.value, nil
	}
	tags := map[string]string{}
	for _, stage := range f.Stages {
		if tag := f.assembly.stack(stage.Stack).tags[manifest.RepositoryTag]; tag != "" && !annotated(cfg) {
			tags[tag] = stage.Stack
		}
	}
	if len(tags) > 1 {
		return "", exit.Failed("write repository: OWNER/NAME into magewright.yml", "the stacks' tags %s name several repositories: %v", manifest.RepositoryTag, tags)
	}
	for tag := range tags {
		return tag, nil
	}
	modules, err := cfg.Modules(ctx)
	if err != nil {
		return "", err
	}
	if len(modules.All) == 0 || modules.All[0].Path == "" {
		return "", exit.Failed("echo 'repository: OWNER/NAME' >> magewright.yml", "nothing says to which repository the stacks belong: there is no Go module in %s", cfg.Dir)
	}
	return ownerAndName(modules.All[0].Path), nil
}

// ownerAndName shortens the path of a module to OWNER/NAME if it begins with a host and has
// both.
func ownerAndName(module string) string {
	parts := strings.Split(module, "/")
	if len(parts) >= 3 && strings.Contains(parts[0], ".") {
		return parts[1] + "/" + parts[2]
	}
	return module
}

// annotated reports whether Run may have written the tags in the assembly.
func annotated(cfg project.Config) bool {
	data, err := os.ReadFile(filepath.Join(cfg.Assembly, manifest.File)) // #nosec G304 -- a file of the assembly
	var m struct{ Annotated string }
	return err == nil && json.Unmarshal(data, &m) == nil && m.Annotated != ""
}

func (c *cloud) stack(name string) *stack {
	return c.stacks[slices.IndexFunc(c.stacks, func(s *stack) bool { return s.Stack == name })]
}

// notes says what the assembly contains that will not be delivered as somebody may expect.
func (f *Found) notes() {
	note := func(format string, args ...any) { f.Notes = append(f.Notes, fmt.Sprintf(format, args...)) }
	named := f.Stacks()
	for _, s := range f.assembly.stacks {
		if !slices.Contains(named, s.Stack) {
			note("stack %s belongs to no stage, so no target deploys it and readiness does not judge it", s.Stack)
		}
	}
	for _, stage := range f.Stages {
		s := f.assembly.stack(stage.Stack)
		for _, function := range stage.Functions {
			name := stage.Stack + ": function " + s.path(function.Function)
			switch {
			case function.Alias == "":
				note("%s has no alias, so it can't return to an earlier version", name)
			case function.DeploymentGroup == "":
				note("%s has no CodeDeploy deployment group, so a new version gets all traffic at once", name)
			}
			for _, from := range s.sources(function.Function, s.aliasNamed(function)) {
				if from.direct {
					note("%s is invoked by %s without its alias %s, so CodeDeploy shifts none of these events", name, s.path(from.by), function.Alias)
				}
			}
		}
	}
}

// aliasNamed returns the logical id of a function's alias.
func (s *stack) aliasNamed(f manifest.Function) string {
	for _, id := range s.aliases(f.Function) {
		if s.property(id, "Name") == f.Alias {
			return id
		}
	}
	return ""
}

// describe prints the names in the manifest.
func (f *Found) describe(out io.Writer) {
	fmt.Fprintf(out, "annotate: %s of %s, from %s\n", f.Name, f.Repository, f.Annotated)
	for _, stage := range f.Stages {
		approval := ""
		if stage.Wave != "" {
			approval = ", in wave " + stage.Wave
		}
		if stage.Approval {
			approval += ", after an approval"
		}
		s := f.assembly.stack(stage.Stack)
		if s.copyOf != "" {
			approval = ", a copy of " + s.tags[copyTag] + approval
		}
		fmt.Fprintf(out, "  stage %s: stack %s%s\n", stage.Name, stage.Stack, approval)
		for _, function := range stage.Functions {
			words := []string{"function " + s.path(function.Function)}
			if function.Alias != "" {
				words = append(words, "alias "+function.Alias)
			}
			if function.DeploymentGroup != "" {
				words = append(words, "deployment group "+s.path(function.DeploymentGroup))
			}
			if function.URL != "" {
				words = append(words, "URL "+s.path(function.URL))
			}
			for _, from := range function.Sources {
				at := " from another stack"
				if from.Resource != "" {
					at = " " + s.path(from.Resource)
				}
				words = append(words, from.Kind+at)
			}
			fmt.Fprintf(out, "    %s\n", strings.Join(words, ", "))
		}
	}
	if f.Pipeline.Stack != "" {
		fmt.Fprintf(out, "  pipeline: stack %s\n", f.Pipeline.Stack)
	}
	for _, note := range f.Notes {
		fmt.Fprintf(out, "  note: %s\n", note)
	}
}

// write writes the manifest beside what synth has recorded, and the tags.
func (f *Found) write(cfg project.Config) error {
	file := filepath.Join(cfg.Assembly, manifest.File)
	all := map[string]json.RawMessage{}
	data, err := os.ReadFile(file) // #nosec G304 -- a file of the assembly
	if err == nil && json.Unmarshal(data, &all) != nil {
		all = map[string]json.RawMessage{} // a file that can't be read is written again
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	kept := map[string]json.RawMessage{}
	for _, key := range []string{"commit", "dirty", "package", "replaced"} { // these keys belong to synth; see package cdk
		if value, ok := all[key]; ok {
			kept[key] = value
		}
	}
	data, err = json.Marshal(struct {
		SchemaVersion int `json:"schemaVersion"`
		manifest.Manifest
	}{manifest.SchemaVersion, f.Manifest})
	if err == nil {
		err = json.Unmarshal(data, &kept)
	}
	if err == nil {
		data, err = json.MarshalIndent(kept, "", "  ")
	}
	if err != nil {
		return err
	}
	if err := f.tag(cfg); err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o600)
}

// tag gives the stacks the repository's tag in the files that list them. The CDK CLI reads
// tags only there.
func (f *Found) tag(cfg project.Config) error {
	byFile := map[string][]string{}
	for _, name := range f.Stacks() {
		s := f.assembly.stack(name)
		if s.tags[manifest.RepositoryTag] != f.Repository || s.copyOf != "" {
			byFile[s.file] = append(byFile[s.file], s.id)
		}
	}
	for name, ids := range byFile {
		file := filepath.Join(cfg.Assembly, filepath.FromSlash(name))
		err := cdk.Edit(file, func(list map[string]any) error {
			if err := f.copies(list, name); err != nil {
				return err
			}
			for _, id := range ids {
				properties, ok := at(list, "artifacts", id, "properties").(map[string]any)
				if !ok {
					return fmt.Errorf("stack %s has no properties", id)
				}
				tags, ok := properties["tags"].(map[string]any)
				if !ok {
					tags = map[string]any{}
					properties["tags"] = tags
				}
				tags[manifest.RepositoryTag] = f.Repository
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
