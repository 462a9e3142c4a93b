package surface

import (
	"bytes"
	"fmt"
	"go/ast"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/magewright/magewright/tools/surface/syntax"
)

// A Variable is an environment variable that the code reads.
type Variable struct {
	Name string
	In   []string // the directories of the files that read it, sorted
}

// Meanings is the file that says what each environment variable does.
const Meanings = "tools/surface/reference/environment.yml"

// Meanings returns what the environment variables do, each in one line, by name. The file
// belongs to the tree, so that a release is judged by its own.
func (t Tree) Meanings() (map[string]string, error) {
	var meanings map[string]string
	if err := yaml.Unmarshal(t[Meanings], &meanings); err != nil {
		return nil, fmt.Errorf("reading %s: %w", Meanings, err)
	}
	return meanings, nil
}

// Environment returns the variables that app, infra and tools read with
// os.Getenv and os.LookupEnv, by name. A name that is not a literal is an
// error, because nobody could look it up. Variables that libraries read, such
// as the AWS SDK, are not found.
func (t Tree) Environment() ([]Variable, error) {
	files, err := t.parse(func(name string, text []byte) bool {
		top, _, _ := strings.Cut(name, "/")
		return slices.Contains([]string{"app", "infra", "tools"}, top) &&
			(bytes.Contains(text, []byte("os.Getenv")) || bytes.Contains(text, []byte("os.LookupEnv")))
	})
	if err != nil {
		return nil, err
	}
	found := map[string][]string{}
	for _, f := range files {
		var hidden error
		ast.Inspect(f.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			if called := syntax.TypeName(call.Fun); called != "os.Getenv" && called != "os.LookupEnv" {
				return true
			}
			name, ok := syntax.Text(call.Args[0])
			if !ok {
				hidden = fmt.Errorf("reading the environment variables: %s: the name is not a literal", f.line(call))
				return true
			}
			if dir := path.Dir(f.name); !slices.Contains(found[name], dir) {
				found[name] = append(found[name], dir)
			}
			return true
		})
		if hidden != nil {
			return nil, hidden
		}
	}
	var variables []Variable
	for _, name := range slices.Sorted(maps.Keys(found)) {
		slices.Sort(found[name])
		variables = append(variables, Variable{name, found[name]})
	}
	return variables, nil
}
