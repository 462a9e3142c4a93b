package annotate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/magewright/magewright/tools/internal/suggest"
	"github.com/magewright/magewright/tools/project/exit"
)

// fileNames are the names that the file can have, at the root of the repository.
var fileNames = []string{"magewright.yml", "magewright.yaml", "magewright.json"}

// A text is a word of the file, with its line.
type text struct {
	value string
	line  int
}

// written is the content of the file. What it leaves out is found in the templates.
type written struct {
	name, repository, pipeline text
	untagged                   bool
	stages                     []writtenStage
	functions                  []writtenFunction // for every stage that names no functions of its own
}

type writtenStage struct {
	line        int
	name, stack text
	copyOf      text
	wave        text
	approval    *bool
	functions   []writtenFunction
	evidence    *writtenEvidence
}

type writtenFunction struct {
	line                                  int
	function, alias, deploymentGroup, url text
	sources                               []text
}

type writtenEvidence struct {
	line               int
	stack, bucket, key text
}

// A reader reads the file and collects the errors in it.
type reader struct {
	name   string
	errors []error
}

func (r *reader) wrong(line int, format string, args ...any) {
	r.errors = append(r.errors, fmt.Errorf("%s:%d: %s", r.name, line, fmt.Sprintf(format, args...)))
}

// err returns the errors in the file, with a line for each, or nil.
func (r *reader) err() error {
	if len(r.errors) == 0 {
		return nil
	}
	return exit.Failed("correct "+r.name+", whose keys infra/docs/annotate.md of Magewright explains", "%w", errors.Join(r.errors...))
}

// readFile reads the file of a repository. The name is "" if there is no file.
func readFile(dir string) (name string, data []byte, err error) {
	for _, candidate := range fileNames {
		read, err := os.ReadFile(filepath.Join(dir, candidate)) // #nosec G304 -- a file of the repository
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", nil, fmt.Errorf("reading what is delivered: %w", err)
		}
		if name != "" {
			return "", nil, exit.Failed("git rm "+candidate, "there are both %s and %s", name, candidate)
		}
		name, data = candidate, read
	}
	return name, data, nil
}

// parse reads a file.
func (r *reader) parse(data []byte) written {
	if strings.HasSuffix(r.name, ".json") {
		// The YAML parser also reads JSON, except for tabs, which JSON only has between
		// words.
		data = bytes.ReplaceAll(data, []byte("\t"), []byte(" "))
	}
	var w written
	var document yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) { // the file is empty, so everything is found
			return w
		}
		r.errors = append(r.errors, fmt.Errorf("%s: %w", r.name, err))
		return w
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		r.errors = append(r.errors, fmt.Errorf("%s has more than one document", r.name))
	}
	if len(document.Content) != 1 {
		return w
	}
	r.mapping(document.Content[0], "the file", map[string]func(*yaml.Node){
		"name":       r.text(&w.name),
		"repository": r.text(&w.repository),
		"pipeline":   r.text(&w.pipeline),
		"untagged":   r.boolean(func(b bool) { w.untagged = b }),
		"functions":  r.functions(&w.functions),
		"stages": r.list("stages", func(n *yaml.Node) {
			w.stages = append(w.stages, r.stage(n))
		}),
	})
	return w
}

func (r *reader) stage(n *yaml.Node) writtenStage {
	s := writtenStage{line: n.Line}
	r.mapping(n, "a stage", map[string]func(*yaml.Node){
		"name":      r.text(&s.name),
		"stack":     r.text(&s.stack),
		"copyOf":    r.text(&s.copyOf),
		"wave":      r.text(&s.wave),
		"approval":  r.boolean(func(b bool) { s.approval = &b }),
		"functions": r.functions(&s.functions),
		"evidence": func(n *yaml.Node) {
			s.evidence = &writtenEvidence{line: n.Line}
			r.mapping(n, "evidence", map[string]func(*yaml.Node){
				"stack":  r.text(&s.evidence.stack),
				"bucket": r.text(&s.evidence.bucket),
				"key":    r.text(&s.evidence.key),
			})
			r.needs(n.Line, "evidence", map[string]text{"bucket": s.evidence.bucket, "key": s.evidence.key})
		},
	})
	if s.stack.value == "" && s.copyOf.value != "" {
		s.stack = text{s.copyOf.value + "-" + s.name.value, s.copyOf.line}
	}
	r.needs(n.Line, "a stage", map[string]text{"name": s.name, "stack": s.stack})
	return s
}

func (r *reader) functions(into *[]writtenFunction) func(*yaml.Node) {
	return r.list("functions", func(n *yaml.Node) {
		f := writtenFunction{line: n.Line}
		if n.Kind == yaml.ScalarNode { // only the stack's name
			r.text(&f.function)(n)
			*into = append(*into, f)
			return
		}
		r.mapping(n, "a function", map[string]func(*yaml.Node){
			"function":        r.text(&f.function),
			"alias":           r.text(&f.alias),
			"deploymentGroup": r.text(&f.deploymentGroup),
			"url":             r.text(&f.url),
			"sources": r.list("sources", func(n *yaml.Node) {
				var t text
				r.text(&t)(n)
				f.sources = append(f.sources, t)
			}),
		})
		r.needs(n.Line, "a function", map[string]text{"function": f.function})
		*into = append(*into, f)
	})
}

// needs checks that keys are given.
func (r *reader) needs(line int, what string, keys map[string]text) {
	var missing []string
	for key, t := range keys {
		if t.value == "" {
			missing = append(missing, key)
		}
	}
	if slices.Sort(missing); len(missing) > 0 {
		r.wrong(line, "%s has no %s", what, strings.Join(missing, " and no "))
	}
}

// once checks that a word occurs only once. Lines has the lines of the words before.
func (r *reader) once(lines map[string]int, t text) {
	if before := lines[t.value]; before > 0 {
		r.wrong(t.line, "%q occurs a second time, after line %d", t.value, before)
	}
	lines[t.value] = t.line
}

// mapping reads the keys of a mapping.
func (r *reader) mapping(n *yaml.Node, what string, keys map[string]func(*yaml.Node)) {
	n = resolved(n)
	if n.Kind != yaml.MappingNode {
		r.wrong(n.Line, "%s is not a mapping of keys to values", what)
		return
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		read, ok := keys[key]
		if before := lines[key]; before > 0 {
			r.wrong(n.Content[i].Line, "%s has the key %q a second time, after line %d", what, key, before)
			continue
		}
		lines[key] = n.Content[i].Line
		if !ok {
			known := make([]string, 0, len(keys))
			for k := range keys {
				known = append(known, k)
			}
			slices.Sort(known)
			hint := suggest.DidYouMean(key, known)
			if hint == "" {
				hint = ": the keys are " + strings.Join(known, ", ")
			}
			r.wrong(n.Content[i].Line, "%s has no key %q%s", what, key, hint)
			continue
		}
		read(n.Content[i+1])
	}
}

func (r *reader) list(what string, element func(*yaml.Node)) func(*yaml.Node) {
	return func(n *yaml.Node) {
		n = resolved(n)
		if n.Kind != yaml.SequenceNode {
			r.wrong(n.Line, "%s is not a list", what)
			return
		}
		for _, e := range n.Content {
			element(resolved(e))
		}
	}
}

func (r *reader) text(into *text) func(*yaml.Node) {
	return func(n *yaml.Node) {
		n = resolved(n)
		if n.Kind != yaml.ScalarNode || n.Value == "" || n.Tag == "!!null" {
			r.wrong(n.Line, "this must be a word")
			return
		}
		*into = text{n.Value, n.Line}
	}
}

func (r *reader) boolean(set func(bool)) func(*yaml.Node) {
	return func(n *yaml.Node) {
		n = resolved(n)
		var b bool
		if err := n.Decode(&b); err != nil || n.Tag != "!!bool" {
			r.wrong(n.Line, "this must be true or false, not %q", n.Value)
			return
		}
		set(b)
	}
}

// resolved follows a YAML alias.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
