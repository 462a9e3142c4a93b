package localaws

import (
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/wire"
)

var modelsDir = flag.String("models", "", "with -update, the directory of botocore's data; by default that of python3")

// TestConstraints holds that the constraints of each operation are known. With
// -update it writes them from the service models of botocore.
func TestConstraints(t *testing.T) {
	t.Parallel()
	registered := operations(t)
	if *update {
		if err := writeConstraints("wire/constraints.tsv", registered); err != nil {
			t.Fatal(err)
		}
		return
	}
	known := wire.Constrained()
	for service, names := range registered {
		for _, name := range names {
			if !slices.Contains(known[service], name) && !newerThanModels[service+" "+name] {
				t.Errorf("the constraints of %s %s are unknown: run go test ./tools/localaws -run TestConstraints -update, which needs botocore", service, name)
			}
		}
	}
}

// newerThanModels has operations that botocore does not know.
var newerThanModels = map[string]bool{}

// operations returns the names of the operations of each service that package wire serves.
func operations(t *testing.T) map[string][]string {
	t.Helper()
	server := &Server{}
	a := account.Account{ID: account.DefaultID, Region: DefaultRegion, Dir: t.TempDir(), Clock: clock.System(), Log: slog.New(slog.DiscardHandler)}
	all := map[string][]string{}
	for _, s := range server.services(a, Config{}) {
		if s.Impl != nil {
			all[s.Name] = slices.Sorted(maps.Keys(inputs(s.Impl)))
		}
	}
	for _, c := range server.closers {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	return all
}

// A serviceModel is a service in botocore's data.
type serviceModel struct {
	Metadata struct {
		APIVersion string `json:"apiVersion"`
	} `json:"metadata"`
	Operations map[string]struct {
		Input struct {
			Shape string `json:"shape"`
		} `json:"input"`
	} `json:"operations"`
	Shapes map[string]*modelShape `json:"shapes"`
}

type modelShape struct {
	Type      string               `json:"type"`
	Required  []string             `json:"required"`
	Members   map[string]shapeName `json:"members"`
	Member    shapeName            `json:"member"`
	Key       shapeName            `json:"key"`
	Value     shapeName            `json:"value"`
	Min       *json.Number         `json:"min"`
	Max       *json.Number         `json:"max"`
	Pattern   string               `json:"pattern"`
	Enum      []string             `json:"enum"`
	Sensitive bool                 `json:"sensitive"`
}

type shapeName struct {
	Shape string `json:"shape"`
}

// writeConstraints writes the data of package wire.
func writeConstraints(file string, registered map[string][]string) error {
	dir, version := *modelsDir, "unknown"
	if out, err := exec.Command("python3", "-c", "import botocore; print(botocore.__version__, botocore.__path__[0])").Output(); err == nil {
		v, path, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
		version = v
		dir = cmp.Or(dir, filepath.Join(path, "data"))
	}
	if dir == "" {
		return errors.New("python3 has no botocore: install it, or name the directory of its data with -models")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Constraints on the inputs of the operations that the embedded AWS has, from the service models in\n"+
		"# botocore %s (Apache License 2.0, Copyright Amazon.com, Inc. or its affiliates), read on %s.\n"+
		"# go test ./tools/localaws -run TestConstraints -update writes this file.\n"+
		"# A shape has its kind, for lists and maps their elements, its bounds and its pattern. ! means required, or secret.\n",
		version, clock.System().Now().UTC().Format("2006-01-02"))
	for _, service := range slices.Sorted(maps.Keys(registered)) {
		m, err := readModel(dir, service)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "service\t%s\t%s\n", service, m.Metadata.APIVersion)
		w := shapeWriter{model: m, lines: map[string]string{}}
		for _, name := range registered[service] {
			op, ok := m.Operations[name]
			if !ok {
				continue
			}
			fmt.Fprintf(&b, "operation\t%s\t%s\n", name, op.Input.Shape)
			w.shape(op.Input.Shape)
		}
		for _, name := range slices.Sorted(maps.Keys(w.lines)) {
			if line := w.lines[name]; line != "" {
				fmt.Fprintf(&b, "%s\t%s\n", name, line)
			}
		}
	}
	return os.WriteFile(file, []byte(b.String()), 0o600)
}

// readModel reads the newest model of a service.
func readModel(dir, service string) (_ *serviceModel, err error) {
	name := map[string]string{"monitoring": "cloudwatch"}[service]
	files, err := filepath.Glob(filepath.Join(dir, cmp.Or(name, service), "*", "service-2.json.gz"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("there is no model of %s in %s: %w", service, dir, err)
	}
	f, err := os.Open(slices.Max(files))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	m := &serviceModel{}
	return m, json.NewDecoder(z).Decode(m)
}

// A shapeWriter writes those shapes of a model that have constraints.
type shapeWriter struct {
	model *serviceModel
	lines map[string]string // empty while a shape is written, and if it has none
}

// shape writes a shape, and reports whether it has constraints.
func (w *shapeWriter) shape(name string) bool {
	if line, ok := w.lines[name]; ok {
		return line != ""
	}
	w.lines[name] = ""
	s := w.model.Shapes[name]
	if s == nil {
		return false
	}
	bounds := ""
	if s.Min != nil || s.Max != nil {
		bounds = fmt.Sprintf("%s..%s", number(s.Min), number(s.Max))
	}
	secret := ""
	if s.Sensitive {
		secret = "!"
	}
	switch s.Type {
	case "structure":
		var members []string
		for _, member := range slices.Sorted(maps.Keys(s.Members)) {
			required := slices.Contains(s.Required, member)
			if has := w.shape(s.Members[member].Shape); !has && !required {
				continue
			}
			mark := ""
			if required {
				mark = "!"
			}
			members = append(members, member+mark+"="+s.Members[member].Shape)
		}
		if len(members) > 0 {
			w.lines[name] = "structure" + secret + "\t" + strings.Join(members, " ")
		}
	case "list":
		if w.shape(s.Member.Shape) || bounds != "" {
			w.lines[name] = strings.TrimSuffix("list"+secret+"\t"+s.Member.Shape+"\t"+bounds, "\t")
		}
	case "map":
		key := w.shape(s.Key.Shape)
		if value := w.shape(s.Value.Shape); key || value || bounds != "" {
			w.lines[name] = strings.TrimSuffix("map"+secret+"\t"+s.Key.Shape+"\t"+s.Value.Shape+"\t"+bounds, "\t")
		}
	default:
		kind := map[string]string{"string": "text", "integer": "number", "long": "number", "blob": "blob"}[s.Type]
		pattern := s.Pattern
		// Java has patterns that Go can't read.
		if _, err := wire.Pattern(pattern); err != nil || strings.ContainsAny(pattern, "\t\n") {
			pattern = ""
		}
		if kind != "" && (bounds != "" || pattern != "") {
			w.lines[name] = strings.TrimSuffix(kind+secret+"\t"+bounds+"\t"+pattern, "\t")
		}
	}
	return w.lines[name] != "" || len(s.Enum) > 0
}

func number(n *json.Number) string {
	if n == nil {
		return ""
	}
	return n.String()
}
