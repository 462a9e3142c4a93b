package buildspec

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/magewright/magewright/tools/internal/suggest"
)

// Parse reads a buildspec. The error joins everything that is wrong with the
// file, each part with name:line:column.
func Parse(name string, data []byte) (*Spec, error) {
	d := &decoder{spec: &Spec{File: name}}
	doc, err := document(name, data)
	if err != nil {
		return nil, err
	}
	d.root(doc)
	if len(d.errs) > 0 {
		return nil, errors.Join(d.errs...)
	}
	d.bashisms()
	return d.spec, nil
}

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?((?s).*)$`)

func document(name string, data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s:1:1: the buildspec is empty", name)
	} else if err != nil {
		return nil, syntax(name, err)
	}
	switch err := dec.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return nil, syntax(name, err)
	case isNull(second.Content[0]):
	default:
		return nil, fmt.Errorf("%s:%d:%d: a second document: a buildspec must be a single document", name, second.Line, second.Column)
	}
	if isNull(doc.Content[0]) {
		return nil, fmt.Errorf("%s:1:1: the buildspec is empty", name)
	}
	return doc.Content[0], nil
}

func syntax(name string, err error) error {
	m := yamlError.FindStringSubmatch(err.Error())
	if m == nil || m[1] == "" {
		return fmt.Errorf("%s:1:1: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if strings.Contains(m[2], "cannot start any token") {
		m[2] += ": indent with blanks instead of tabs, and put quotes around a text that starts with @, % or `"
	}
	return fmt.Errorf("%s:%s:1: %s", name, m[1], m[2])
}

// A decoder walks the tree of a file and collects what is wrong with it.
type decoder struct {
	spec     *Spec
	errs     []error
	commands []shellCommand
}

// A shellCommand is a text that the build's shell will run.
type shellCommand struct {
	node *yaml.Node
	what string // the phase and the list that it stands in
}

func (d *decoder) fail(n *yaml.Node, format string, args ...any) {
	d.errs = append(d.errs, fmt.Errorf("%s:%d:%d: %w", d.spec.File, n.Line, n.Column, fmt.Errorf(format, args...)))
}

func (d *decoder) warn(n *yaml.Node, format string, args ...any) {
	d.spec.Warnings = append(d.spec.Warnings, Warning{d.spec.File, pos(n), fmt.Sprintf(format, args...)})
}

func pos(n *yaml.Node) Pos { return Pos{n.Line, n.Column} }

type entry struct{ key, value *yaml.Node }

// entries returns the entries of a mapping, including those that it merges. A
// key without a value is an empty mapping.
func (d *decoder) entries(n *yaml.Node, what string) []entry {
	return d.merged(n, what, 0)
}

func (d *decoder) merged(n *yaml.Node, what string, depth int) []entry {
	n = target(n)
	if isNull(n) {
		return nil
	}
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		d.warn(n, "%s is an empty list in the place of a mapping: it has no effect", what)
		return nil
	}
	if n.Kind != yaml.MappingNode {
		d.fail(n, "%s must be a mapping, not %s", what, kind(n))
		return nil
	}
	if depth > 8 {
		d.fail(n, "%s merges too deeply", what)
		return nil
	}
	var own, inherited []entry
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Tag == "!!merge":
			parents := []*yaml.Node{value}
			if t := target(value); t.Kind == yaml.SequenceNode {
				parents = t.Content
			}
			for _, p := range parents {
				inherited = append(inherited, d.merged(p, what, depth+1)...)
			}
		case target(key).Kind != yaml.ScalarNode:
			d.fail(key, "%s has a key that is %s, not a name", what, kind(target(key)))
		case seen[target(key).Value]:
			d.warn(key, "%s has %q twice: the last one counts", what, target(key).Value)
			i := slices.IndexFunc(own, func(e entry) bool { return e.key.Value == target(key).Value })
			own[i] = entry{target(key), value}
		default:
			seen[target(key).Value] = true
			own = append(own, entry{target(key), value})
		}
	}
	for _, e := range inherited {
		if !seen[e.key.Value] {
			seen[e.key.Value] = true
			own = append(own, e)
		}
	}
	return own
}

// isNull reports whether a key has no value, or the value null.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// target returns the node that an alias refers to.
func target(n *yaml.Node) *yaml.Node {
	// YAML can't nest aliases deeper than an alias of an alias.
	for range 8 {
		if n.Kind != yaml.AliasNode || n.Alias == nil {
			break
		}
		n = n.Alias
	}
	return n
}

func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if isNull(n) {
			return "empty"
		}
		return fmt.Sprintf("%q", n.Value)
	default:
		return "something else"
	}
}

// fields reads a mapping with known keys. CodeBuild ignores other keys, so they
// are warnings. It returns the keys that are present and have a value.
func (d *decoder) fields(n *yaml.Node, what string, known map[string]func(key, value *yaml.Node)) map[string]bool {
	has := map[string]bool{}
	for _, e := range d.entries(n, what) {
		read, ok := known[e.key.Value]
		if !ok {
			d.warn(e.key, "unknown key %q in %s is ignored%s", e.key.Value, what, meant(e.key.Value, known))
			continue
		}
		has[e.key.Value] = !isNull(target(e.value))
		read(e.key, e.value)
	}
	return has
}

// meant returns "; did you mean ...?" for the known key nearest to key.
func meant(key string, known map[string]func(key, value *yaml.Node)) string {
	return suggest.DidYouMean(key, slices.Sorted(maps.Keys(known)))
}

// text reads a scalar as it is written. Numbers and booleans also count as
// text. A key without a value is an empty text.
func (d *decoder) text(n *yaml.Node, what string) string {
	t := target(n)
	if isNull(t) {
		return ""
	}
	if t.Kind != yaml.ScalarNode {
		d.fail(n, "%s must be text, not %s", what, kind(t))
		return ""
	}
	if strings.ContainsRune(t.Value, 0) {
		d.fail(n, "%s contains a NUL character, which can't be passed to a process", what)
		return ""
	}
	return t.Value
}

// items returns the entries of a list. A scalar is a list of one entry, and a
// key without a value is an empty list.
func (d *decoder) items(n *yaml.Node, what string) []*yaml.Node {
	t := target(n)
	if isNull(t) {
		return nil
	}
	if t.Kind == yaml.ScalarNode {
		return []*yaml.Node{n}
	}
	if t.Kind != yaml.SequenceNode {
		d.fail(n, "%s must be a list, not %s", what, kind(t))
		return nil
	}
	var items []*yaml.Node
	for _, item := range t.Content {
		switch {
		case isNull(target(item)):
			d.warn(item, "an entry of %s is empty: it is left out", what)
		case target(item).Kind == yaml.MappingNode:
			d.fail(item, "an entry of %s is a mapping, not text: put quotes around a text that contains \": \"", what)
		default:
			items = append(items, item)
		}
	}
	return items
}

// list reads a list of strings.
func (d *decoder) list(n *yaml.Node, what string) []string {
	var texts []string
	for _, item := range d.items(n, what) {
		texts = append(texts, d.text(item, "an entry of "+what))
	}
	return texts
}

// flag reads yes or no, or one of YAML's equivalents.
func (d *decoder) flag(n *yaml.Node, what string) bool {
	switch text := d.text(n, what); strings.ToLower(text) {
	case "yes", "true", "on", "y":
		return true
	case "no", "false", "off", "n", "":
		return false
	default:
		d.fail(n, "%s must be yes or no, not %q", what, text)
		return false
	}
}

// choice reads one of a few words.
func (d *decoder) choice(n *yaml.Node, what string, words ...string) string {
	text := d.text(n, what)
	if text != "" && !slices.Contains(words, text) {
		d.fail(n, "%s must be one of %s, not %q%s", what, strings.Join(words, ", "), text, suggest.DidYouMean(text, words))
	}
	return text
}

func (d *decoder) root(n *yaml.Node) {
	known := map[string]func(_, v *yaml.Node){
		"version":   d.version,
		"run-as":    func(_, v *yaml.Node) { d.runAs(v, "run-as") },
		"env":       d.env,
		"proxy":     d.proxy,
		"batch":     d.batch,
		"phases":    d.phases,
		"reports":   d.reports,
		"artifacts": func(k, v *yaml.Node) { d.spec.Artifacts = d.artifacts(k, v, "artifacts", "") },
		"cache":     d.cache,
	}
	// Version 0.1 knows one more key, and the version may follow it in the file.
	var old entry
	known["environment_variables"] = func(k, v *yaml.Node) { old = entry{k, v} }
	has := d.fields(n, "the buildspec", known)
	delete(known, "environment_variables")
	switch {
	case old.key == nil:
	case d.spec.Isolated:
		d.fields(old.value, "environment_variables", map[string]func(_, v *yaml.Node){
			"plaintext": d.variables("environment_variables.plaintext", Plaintext),
		})
	default:
		d.warn(old.key, "environment_variables is ignored: since version 0.2 it is env.variables")
	}
	if len(d.errs) > 0 {
		return
	}
	if !has["version"] {
		d.required(n, "version", known)
	}
	if has["phases"] {
		return
	}
	switch mistaken := d.mistaken(n, "phases", known); {
	// Without phases, CodeBuild collects artifacts of the source.
	case has["artifacts"] && mistaken == nil:
		d.warn(n, "the buildspec has no phases: the build runs no command")
	case has["batch"] && mistaken == nil:
		d.fail(n, "the buildspec has no phases, only a batch: this host runs one build of a file, and none of its batch")
	default:
		d.required(n, "phases", known)
	}
}

// mistaken returns an unknown key that is probably meant to be key, or nil.
func (d *decoder) mistaken(n *yaml.Node, key string, known map[string]func(key, value *yaml.Node)) *yaml.Node {
	want := fmt.Sprintf("; did you mean %q?", key)
	content := target(n).Content
	for i := 0; i < len(content); i += 2 {
		if k := target(content[i]); known[k.Value] == nil && meant(k.Value, known) == want {
			return k
		}
	}
	return nil
}

// required fails for a key that the buildspec lacks.
func (d *decoder) required(n *yaml.Node, key string, known map[string]func(key, value *yaml.Node)) {
	if k := d.mistaken(n, key, known); k != nil {
		d.fail(k, "unknown key %q in the buildspec; did you mean %q?", k.Value, key)
		return
	}
	d.fail(n, "the buildspec has no %s", key)
}

// version reads 0.1 or 0.2, as a number or as a text.
func (d *decoder) version(_, v *yaml.Node) {
	text := d.text(v, "version")
	number, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	switch {
	case text == "":
		// The root says that there is none.
	case err == nil && number == 0.2:
	case err == nil && number == 0.1:
		d.spec.Isolated = true
	default:
		d.fail(v, "version %q is not supported: want 0.2 or 0.1", text)
	}
}

func (d *decoder) runAs(v *yaml.Node, what string) {
	if user := d.text(v, what); user != "" {
		d.warn(v, "%s %s has no effect: commands run as the user who runs the build on this host", what, user)
	}
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (d *decoder) env(_, n *yaml.Node) {
	e := &d.spec.Env
	d.fields(n, "env", map[string]func(_, v *yaml.Node){
		"shell": func(_, v *yaml.Node) {
			e.Shell = d.choice(v, "env.shell", "bash", "/bin/sh", "powershell.exe", "cmd.exe")
			e.ShellPos = pos(v)
		},
		"variables":       d.variables("env.variables", Plaintext),
		"parameter-store": d.variables("env.parameter-store", ParameterStore),
		"secrets-manager": d.variables("env.secrets-manager", SecretsManager),
		"exported-variables": func(_, v *yaml.Node) {
			e.Exported = d.list(v, "env.exported-variables")
			for _, name := range e.Exported {
				switch {
				case !variableName.MatchString(name):
					d.warn(v, "env.exported-variables has %q, which is not a variable name that a shell can set", name)
				case strings.HasPrefix(name, "AWS_"):
					d.warn(v, "env.exported-variables: %s is not exported: variables whose names start with AWS_ never are", name)
				}
			}
		},
		"git-credential-helper": func(_, v *yaml.Node) {
			if d.flag(v, "env.git-credential-helper") {
				d.warn(v, "env.git-credential-helper has no effect: git uses this host's own credentials")
			}
		},
	})
}

func (d *decoder) variables(what string, from Source) func(_, v *yaml.Node) {
	return func(_, v *yaml.Node) {
		for _, entry := range d.entries(v, what) {
			d.variable(entry, what, from)
		}
	}
}

func (d *decoder) variable(e entry, what string, from Source) {
	name := e.key.Value
	if name == "" || strings.ContainsAny(name, "=\x00") {
		d.fail(e.key, "%s has %q, which is not a valid variable name", what, name)
		return
	}
	if !variableName.MatchString(name) {
		d.warn(e.key, "%s.%s: a shell can't read a variable with this name", what, name)
	}
	if slices.ContainsFunc(d.spec.Env.Variables, func(v Variable) bool { return v.Name == name }) {
		d.fail(e.key, "env declares %s twice", name)
		return
	}
	if strings.HasPrefix(name, "CODEBUILD_") {
		d.warn(e.key, "%s.%s: names that start with CODEBUILD_ are reserved", what, name)
	}
	value := d.text(e.value, what+"."+name)
	if from != Plaintext && isNull(target(e.value)) {
		d.fail(e.key, "%s.%s is empty: it must name what holds the value", what, name)
	}
	if from == SecretsManager && value != "" {
		if _, err := ParseSecretRef(value); err != nil {
			d.fail(e.value, "%s.%s: %w", what, name, err)
		}
	}
	d.spec.Env.Variables = append(d.spec.Env.Variables, Variable{name, value, from})
}

func (d *decoder) proxy(k, n *yaml.Node) {
	if isNull(target(n)) {
		return
	}
	d.fields(n, "proxy", map[string]func(_, v *yaml.Node){
		"upload-artifacts": func(_, v *yaml.Node) { d.flag(v, "proxy.upload-artifacts") },
		"logs":             func(_, v *yaml.Node) { d.flag(v, "proxy.logs") },
	})
	d.warn(k, "proxy has no effect: a build on this host has no explicit proxy server")
}

func (d *decoder) batch(k, n *yaml.Node) {
	if isNull(target(n)) {
		return
	}
	anything := func(_, _ *yaml.Node) {}
	d.fields(n, "batch", map[string]func(_, v *yaml.Node){
		"fast-fail":    func(_, v *yaml.Node) { d.flag(v, "batch.fast-fail") },
		"build-list":   anything,
		"build-matrix": anything,
		"build-graph":  anything,
		"build-fanout": anything,
	})
	d.warn(k, "batch has no effect: this host runs the file as a single build")
}

func (d *decoder) phases(_, n *yaml.Node) {
	phases := map[string]*Phase{}
	names := []string{"install", "pre_build", "build", "post_build"}
	for _, e := range d.entries(n, "phases") {
		// This is one of the few keys that CodeBuild does not ignore: it ends the
		// build with "Invalid buildspec phase name".
		if !slices.Contains(names, e.key.Value) {
			d.fail(e.key, "unknown phase %q: CodeBuild knows %s%s", e.key.Value, strings.Join(names, ", "), suggest.DidYouMean(e.key.Value, names))
			continue
		}
		name := strings.ToUpper(e.key.Value)
		phases[name] = d.phase(e.key, e.value, name)
	}
	for _, name := range []string{Install, PreBuild, BuildStep, PostBuild} {
		if p := phases[name]; p != nil {
			d.spec.Phases = append(d.spec.Phases, *p)
		}
	}
	if len(d.spec.Phases) == 0 && len(d.errs) == 0 && !isNull(target(n)) {
		d.fail(n, "phases declares no phase")
	}
}

func (d *decoder) phase(k, n *yaml.Node, name string) *Phase {
	what := "phases." + strings.ToLower(name)
	p := &Phase{Name: name, Pos: pos(k)}
	known := map[string]func(_, v *yaml.Node){
		"run-as": func(_, v *yaml.Node) { d.runAs(v, what+".run-as") },
		"steps": func(k, _ *yaml.Node) {
			d.warn(k, "%s.steps is not honoured: this host runs no GitHub Actions", what)
		},
		"on-failure": func(_, v *yaml.Node) {
			text := d.text(v, what+".on-failure")
			if text == "" {
				return
			}
			var err error
			if p.OnFailure, err = parseOnFailure(text); err != nil {
				d.fail(v, "%s.on-failure: %w", what, err)
			}
		},
		"commands": func(_, v *yaml.Node) { p.Commands = d.script(v, what+".commands") },
		"finally":  func(_, v *yaml.Node) { p.Finally = d.script(v, what+".finally") },
	}
	if name == Install {
		known["runtime-versions"] = func(_, v *yaml.Node) {
			for _, e := range d.entries(v, what+".runtime-versions") {
				// CodeBuild ends the build with "Unknown runtime named".
				if runtimes := slices.Sorted(maps.Keys(versions)); !slices.Contains(runtimes, e.key.Value) {
					d.fail(e.key, "unknown runtime %q: CodeBuild knows %s%s", e.key.Value, strings.Join(runtimes, ", "), suggest.DidYouMean(e.key.Value, runtimes))
					continue
				}
				version := d.text(e.value, what+".runtime-versions."+e.key.Value)
				p.Runtimes = append(p.Runtimes, Runtime{e.key.Value, version, pos(e.key)})
			}
		}
	}
	d.fields(n, what, known)
	return p
}

// script reads a list of commands.
func (d *decoder) script(n *yaml.Node, what string) []string {
	var texts []string
	for _, item := range d.items(n, what) {
		texts = append(texts, d.text(item, "an entry of "+what))
		d.commands = append(d.commands, shellCommand{item, what})
	}
	return texts
}

func (d *decoder) artifacts(k, n *yaml.Node, what, identifier string) *Artifacts {
	a := &Artifacts{Identifier: identifier, Pos: pos(k)}
	known := map[string]func(_, v *yaml.Node){
		"files":           func(_, v *yaml.Node) { a.Files = d.globs(v, what+".files") },
		"name":            func(_, v *yaml.Node) { a.Name = d.text(v, what+".name") },
		"discard-paths":   func(_, v *yaml.Node) { a.DiscardPaths = d.flag(v, what+".discard-paths") },
		"base-directory":  func(_, v *yaml.Node) { a.BaseDirectory = d.text(v, what+".base-directory") },
		"enable-symlinks": func(_, v *yaml.Node) { a.EnableSymlinks = d.flag(v, what+".enable-symlinks") },
		"s3-prefix":       func(_, v *yaml.Node) { a.S3Prefix = d.text(v, what+".s3-prefix") },
		"exclude-paths":   func(_, v *yaml.Node) { a.ExcludePaths = d.globs(v, what+".exclude-paths") },
	}
	if identifier == "" {
		known["secondary-artifacts"] = func(_, v *yaml.Node) {
			for _, e := range d.entries(v, what+".secondary-artifacts") {
				id := e.key.Value
				if id == "" {
					d.fail(e.key, "%s.secondary-artifacts has an empty identifier", what)
					continue
				}
				a.Secondary = append(a.Secondary, *d.artifacts(e.key, e.value, what+".secondary-artifacts."+id, id))
			}
		}
	}
	d.fields(n, what, known)
	return a
}

func (d *decoder) reports(_, n *yaml.Node) {
	for _, e := range d.entries(n, "reports") {
		what := "reports." + e.key.Value
		g := ReportGroup{Name: e.key.Value, Pos: pos(e.key), Format: JUnit}
		d.fields(e.value, what, map[string]func(_, v *yaml.Node){
			"files":          func(_, v *yaml.Node) { g.Files = d.globs(v, what+".files") },
			"base-directory": func(_, v *yaml.Node) { g.BaseDirectory = d.text(v, what+".base-directory") },
			"discard-paths":  func(_, v *yaml.Node) { g.DiscardPaths = d.flag(v, what+".discard-paths") },
			"file-format": func(_, v *yaml.Node) {
				g.Format = cmp.Or(strings.ToUpper(d.text(v, what+".file-format")), JUnit)
				switch {
				case g.Format == JUnit:
				case !slices.Contains(formats, g.Format):
					d.fail(v, "%s.file-format: unknown format %q%s", what, g.Format, suggest.DidYouMean(g.Format, formats))
				default:
					d.warn(v, "%s: this host does not read reports in the format %s, only %s", what, g.Format, JUnit)
				}
			},
		})
		if len(g.Files) == 0 {
			d.warn(e.key, "%s has no files: there is nothing to report", what)
			continue
		}
		d.spec.Reports = append(d.spec.Reports, g)
	}
}

func (d *decoder) cache(k, n *yaml.Node) {
	c := &Cache{Pos: pos(k)}
	d.fields(n, "cache", map[string]func(_, v *yaml.Node){
		"key":    func(_, v *yaml.Node) { c.Key = d.text(v, "cache.key") },
		"action": func(_, v *yaml.Node) { c.Action = d.choice(v, "cache.action", "restore", "save") },
		"paths":  func(_, v *yaml.Node) { c.Paths = d.list(v, "cache.paths") },
		"fallback-keys": func(_, v *yaml.Node) {
			if c.FallbackKeys = d.list(v, "cache.fallback-keys"); len(c.FallbackKeys) > 5 {
				d.fail(v, "cache.fallback-keys has %d keys; AWS accepts at most 5", len(c.FallbackKeys))
			}
		},
	})
	d.spec.Cache = c
}

// globs reads a list of patterns and checks that each is valid.
func (d *decoder) globs(n *yaml.Node, what string) []string {
	patterns := d.list(n, what)
	for _, p := range patterns {
		if !validGlob(p) {
			d.fail(n, "%s: the pattern %q is invalid", what, p)
		}
	}
	return patterns
}
