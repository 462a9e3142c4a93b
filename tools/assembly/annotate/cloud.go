package annotate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
)

// cloudFile is the file that lists the contents of an assembly.
const cloudFile = "manifest.json"

// A cloud is a cloud assembly of the CDK.
type cloud struct {
	dir    string
	stacks []*stack // sorted by name
}

// A stack is one stack of the assembly.
type stack struct {
	manifest.Place
	file string // the file that lists the stack: manifest.json of the assembly or of a nested one
	id   string // the stack's key in that file
	tags map[string]string
	// copyOf is the key of the stack of which this one is a copy; "" if the app has made it.
	copyOf string
	template
	// byPath has logical ids by the construct's path, which begins with the construct of the
	// stack.
	byPath map[string]string
	root   string // the path of the stack's own construct
}

// A template has the parts of a template that are read.
type template struct {
	Resources map[string]resource
	Outputs   map[string]struct{ Value, Export any }
}

// A resource is one of a template.
type resource struct {
	Type         string
	Properties   map[string]any
	UpdatePolicy map[string]any
	Metadata     map[string]any
}

// artifacts has the parts of an assembly's list that are read.
type artifacts struct {
	Artifacts map[string]struct {
		Type                   string
		Environment            string
		DisplayName            string
		AdditionalMetadataFile string
		Metadata               map[string][]metadata
		Properties             struct {
			TemplateFile  string
			StackName     string
			DirectoryName string
			Tags          map[string]string
		}
	}
}

type metadata struct {
	Type string
	Data any
}

// readCloud reads the assembly in dir.
func readCloud(dir string) (*cloud, error) {
	c := &cloud{dir: dir}
	if err := c.read("."); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, exit.Missing("cdk synth --output "+filepath.Base(dir), "there is no cloud assembly in %s: %w", dir, err)
		}
		return nil, exit.Missing("cdk synth --output "+filepath.Base(dir), "reading the cloud assembly in %s: %w", dir, err)
	}
	slices.SortFunc(c.stacks, func(a, b *stack) int { return strings.Compare(a.Stack, b.Stack) })
	for i := 1; i < len(c.stacks); i++ {
		if a, b := c.stacks[i-1], c.stacks[i]; a.Stack == b.Stack {
			return nil, exit.Failed("give one of them another stackName in the CDK app", "two stacks of the assembly have the name %s: %s and %s", a.Stack, a.Template, b.Template)
		}
	}
	return c, nil
}

// read reads the assembly in a directory below the root. "." is the root itself.
func (c *cloud) read(below string) error {
	var list artifacts
	file := path.Join(below, cloudFile)
	if err := c.decode(file, &list); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(list.Artifacts)) {
		a := list.Artifacts[id]
		switch a.Type {
		case "cdk:cloud-assembly":
			// A Stage of the CDK has an assembly of its own.
			if err := c.read(path.Join(below, a.Properties.DirectoryName)); err != nil {
				return err
			}
		case "aws:cloudformation:stack":
			if a.Properties.Tags[copyTag] != "" {
				continue // it is made again
			}
			s := &stack{file: file, id: id, tags: a.Properties.Tags, byPath: map[string]string{}}
			s.Stack, s.Template = id, path.Join(below, a.Properties.TemplateFile)
			if a.Properties.StackName != "" {
				s.Stack = a.Properties.StackName
			}
			s.Account, s.Region = environment(a.Environment)
			if err := c.decode(s.Template, &s.template); err != nil {
				return err
			}
			all := []map[string][]metadata{a.Metadata}
			if a.AdditionalMetadataFile != "" {
				var more map[string][]metadata
				if err := c.decode(path.Join(below, a.AdditionalMetadataFile), &more); err != nil {
					return err
				}
				all = append(all, more)
			}
			// For the stacks of CDK Stages, the display name is longer than the id.
			s.root = a.DisplayName
			if s.root == "" {
				s.root = id
			}
			s.paths(all)
			c.stacks = append(c.stacks, s)
		}
	}
	return nil
}

// decode reads a file of the assembly.
func (c *cloud) decode(name string, into any) error {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return fmt.Errorf("%q is not a file of the assembly", name)
	}
	data, err := os.ReadFile(filepath.Join(c.dir, filepath.FromSlash(name))) // #nosec G304 -- a file of the assembly
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// environment returns the account and region in aws://ACCOUNT/REGION. It returns "" for those
// that the credentials decide. See
// https://docs.aws.amazon.com/cdk/v2/guide/environments.html.
func environment(text string) (account, region string) {
	account, region, _ = strings.Cut(strings.TrimPrefix(text, "aws://"), "/")
	if account == "unknown-account" {
		account = ""
	}
	if region == "unknown-region" {
		region = ""
	}
	return account, region
}

// paths learns the paths of the resources from the template, where the CDK writes them by
// default, and from the assembly's metadata.
func (s *stack) paths(all []map[string][]metadata) {
	for _, entries := range all {
		for at, list := range entries {
			for _, m := range list {
				if id, ok := m.Data.(string); ok && m.Type == "aws:cdk:logicalId" {
					s.byPath[strings.TrimPrefix(at, "/")] = id
				}
			}
		}
	}
	for id, r := range s.Resources {
		if at, ok := r.Metadata["aws:cdk:path"].(string); ok {
			s.byPath[at] = id
		}
	}
}

// resolve returns the logical id for a name. The name is a logical id or the path of a
// construct, with or without the stack's path and with or without the /Resource that the CDK
// appends. It returns "" if there is none.
func (s *stack) resolve(name string) string {
	if _, ok := s.Resources[name]; ok {
		return name
	}
	name = strings.Trim(name, "/")
	for _, at := range []string{name, s.root + "/" + name} {
		for _, behind := range []string{"", "/Resource"} {
			if id := s.byPath[at+behind]; s.Resources[id].Type != "" {
				return id
			}
		}
	}
	return ""
}

// names returns the names that resources of some types can have: their paths from the stack,
// and their logical ids.
func (s *stack) names(types ...string) []string {
	var all []string
	for _, id := range s.ofType(types...) {
		all = append(all, id)
		if at := s.path(id); at != id {
			all = append(all, at)
		}
	}
	return all
}

// path returns the name of a resource for a person: its construct's path from the stack, or
// its logical id if the path is unknown.
func (s *stack) path(id string) string {
	best := ""
	for at, of := range s.byPath {
		if of == id && (best == "" || at < best) {
			best = at
		}
	}
	short, ok := strings.CutPrefix(strings.TrimSuffix(best, "/Resource"), s.root+"/")
	if !ok || s.resolve(short) != id {
		return id
	}
	return short
}

// ofType returns the logical ids of the resources of types, sorted.
func (s *stack) ofType(types ...string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.Resources)), func(id string) bool { return !slices.Contains(types, s.Resources[id].Type) })
}

// property returns a property of a resource at a path of keys.
func (s *stack) property(id string, keys ...string) any {
	return at(s.Resources[id].Properties, keys...)
}

// at returns the value at a path of keys, or nil.
func at(v any, keys ...string) any {
	for _, key := range keys {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

// substituted matches the references in Fn::Sub. ${!X} is text.
var substituted = regexp.MustCompile(`\$\{([A-Za-z0-9:]+)[.}]`)

// references calls yield with each logical id to which a value refers.
func references(v any, yield func(id string)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			references(e, yield)
		}
	case map[string]any:
		for key, e := range v {
			switch e := e.(type) {
			case string:
				switch key {
				case "Ref":
					yield(e)
				case "Fn::GetAtt":
					id, _, _ := strings.Cut(e, ".")
					yield(id)
				case "Fn::Sub":
					substitutes(e, yield)
				}
			case []any:
				if len(e) == 0 {
					continue
				}
				first, _ := e[0].(string)
				switch key {
				case "Fn::GetAtt":
					yield(first)
				case "Fn::Sub":
					substitutes(first, yield)
				}
				references(e, yield)
			default:
				references(e, yield)
			}
		}
	}
}

func substitutes(text string, yield func(id string)) {
	for _, match := range substituted.FindAllStringSubmatch(text, -1) {
		yield(match[1])
	}
}

// refers reports whether a value refers to one of some resources.
func refers(v any, ids ...string) bool {
	found := false
	references(v, func(id string) { found = found || id != "" && slices.Contains(ids, id) })
	return found
}

// target returns the first resource of some types to which a value refers, or "".
func (s *stack) target(v any, types ...string) string {
	var found []string
	references(v, func(id string) {
		if slices.Contains(types, s.Resources[id].Type) {
			found = append(found, id)
		}
	})
	if len(found) == 0 {
		return ""
	}
	return slices.Min(found)
}
