package types_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/internal/cfnschema"
	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
	"github.com/magewright/magewright/tools/localaws/cloudformation/types"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// A step is one request of the engine to a type.
type step struct {
	Do           string         `json:"do"` // create, update or delete
	Properties   map[string]any `json:"properties"`
	UpdatePolicy map[string]any `json:"updatePolicy"`
	Tags         map[string]string
}

// TestTypes creates, updates and deletes a resource of each type. It compares
// the calls, Ref and the attributes with golden files. Every property that a
// type lists must occur.
func TestTypes(t *testing.T) {
	t.Parallel()
	registry := types.Registry(newRecorder().deps())
	maps.DeleteFunc(registry, func(name string, typ resource.Type) bool {
		// TestRecorded has the recorded ones. The tests of tools/localaws have those that
		// functions make, or wait for.
		return typ.Recorded || typ.Open || strings.HasPrefix(name, "AWS::CloudFormation::Wait")
	})
	names := slices.Sorted(maps.Keys(registry))
	if len(names) < 30 {
		t.Errorf("the registry holds %d types", len(names))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join("testdata", strings.ReplaceAll(strings.TrimPrefix(name, "AWS::"), "::", "-"))
			script, err := os.ReadFile(file + ".json")
			if err != nil {
				t.Fatalf("each type needs a case: %v", err)
			}
			var steps []step
			if err := json.Unmarshal(script, &steps); err != nil {
				t.Fatalf("reading %s.json: %v", file, err)
			}
			rec := newRecorder()
			typ := types.Registry(rec.deps())[name]
			checkCoverage(t, typ, steps)
			got := life(t, rec, typ, steps)
			if *update {
				if err := os.WriteFile(file+".golden", []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file + ".golden")
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("%s.golden (-want +got):\n%s", file, d)
			}
		})
	}
}

// checkCoverage reports a listed property that no step uses, so that a property
// can't be listed without being supported.
func checkCoverage(t *testing.T, typ resource.Type, steps []step) {
	t.Helper()
	used := map[string]bool{}
	done := map[string]bool{}
	for _, s := range steps {
		done[s.Do] = true
		for name := range s.Properties {
			used[name] = true
		}
	}
	for _, name := range typ.Properties {
		if !used[name] {
			t.Errorf("no step uses the property %s", name)
		}
	}
	if !cfnschema.Known(typ.Name) {
		t.Error("what replaces it is not in the tables")
	}
	for _, name := range typ.Properties {
		if got, want := slices.Contains(typ.CreateOnly, name), slices.Contains(cfnschema.CreateOnly(typ.Name), name); got != want {
			t.Errorf("a change of %s replaces it: %t, want %t", name, got, want)
		}
	}
	if !done["create"] || !done["delete"] || done["update"] != (typ.Update != nil) {
		t.Errorf("the steps leave out a handler: %v", done)
	}
}

// life runs the steps and returns their effects as text.
func life(t *testing.T, rec *recorder, typ resource.Type, steps []step) string {
	t.Helper()
	var b strings.Builder
	last := &resource.Result{}
	var properties map[string]any
	for _, s := range steps {
		r := &resource.Request{
			StackID:   "arn:aws:cloudformation:us-east-1:000000000000:stack/magewright-staging/1",
			StackName: "magewright-staging", LogicalID: "Ledger5EB1", PhysicalID: last.PhysicalID,
			Properties: s.Properties, UpdatePolicy: s.UpdatePolicy, Tags: s.Tags, Token: "token-1",
		}
		var err error
		switch s.Do {
		case "create":
			last, err = typ.Create(t.Context(), r)
		case "update":
			r.OldProperties = properties
			last, err = typ.Update(t.Context(), r)
		case "delete":
			r.Properties = properties
			err = typ.Delete(t.Context(), r)
		default:
			t.Fatalf("unknown step %q", s.Do)
		}
		fmt.Fprintf(&b, "# %s\n", s.Do)
		for _, c := range rec.taken() {
			fmt.Fprintln(&b, c)
		}
		if err != nil {
			t.Errorf("%s: %v", s.Do, err)
			return b.String()
		}
		if s.Do != "delete" {
			fmt.Fprintf(&b, "Ref %s\n", unrandom(last.PhysicalID))
			for _, name := range slices.Sorted(maps.Keys(last.Attributes)) {
				fmt.Fprintf(&b, "GetAtt %s %s\n", name, unrandom(fmt.Sprint(last.Attributes[name])))
			}
		}
		properties = s.Properties
	}
	return b.String()
}

func TestIdentifiersAreProperties(t *testing.T) {
	t.Parallel()
	names := 0
	for name, typ := range types.Registry(newRecorder().deps()) {
		if typ.Identifier == "" {
			continue
		}
		names++
		if !slices.Contains(typ.Properties, typ.Identifier) {
			t.Errorf("%s has no property %s", name, typ.Identifier)
		}
	}
	if names < 15 {
		t.Errorf("%d types have names", names)
	}
}
