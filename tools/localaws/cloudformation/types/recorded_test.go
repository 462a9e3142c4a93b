package types_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/internal/cfnschema"
	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
	"github.com/magewright/magewright/tools/localaws/cloudformation/template"
	"github.com/magewright/magewright/tools/localaws/cloudformation/types"
)

// recordedTypes returns the types that are recorded, by name.
func recordedTypes() []resource.Type {
	var recorded []resource.Type
	registry := types.Registry(newRecorder().deps())
	for _, name := range slices.Sorted(maps.Keys(registry)) {
		if registry[name].Recorded {
			recorded = append(recorded, registry[name])
		}
	}
	return recorded
}

// TestRecorded compares the ids and attributes of each recorded type, once with no
// property that it does not require, and once with all. Whatever AWS does not have is
// a mistake.
func TestRecorded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, typ := range recordedTypes() {
		known, ok := cfnschema.Lookup(typ.Name)
		if !ok {
			t.Errorf("%s is not in the schema", typ.Name)
		}
		for _, name := range typ.Attributes {
			if !slices.Contains(known.Attributes, name) {
				t.Errorf("%s has no attribute %s", typ.Name, name)
			}
		}
		fmt.Fprintf(&b, "# %s\n", typ.Name)
		for _, names := range [][]string{known.Required, known.Properties} {
			r := &resource.Request{StackName: "Shop", LogicalID: "Thing", Properties: map[string]any{}}
			for _, name := range names {
				r.Properties[name] = strings.ToLower(name) + "/a"
			}
			made, err := typ.Create(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "Ref %s\n", made.PhysicalID)
			for _, name := range slices.Sorted(maps.Keys(made.Attributes)) {
				fmt.Fprintf(&b, "GetAtt %s %v\n", name, made.Attributes[name])
			}
			if len(made.Attributes) != len(typ.Attributes) {
				t.Errorf("%s has %v", typ.Name, made.Attributes)
			}
			again, err := typ.Update(t.Context(), r)
			if d := cmp.Diff(made, again); err != nil || d != "" {
				t.Errorf("%s is not the same after an update: %v %s", typ.Name, err, d)
			}
		}
	}
	const file = "testdata/recorded.golden"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("%s (-want +got):\n%s", file, d)
	}
}

// What is foreseen of a recorded resource is what it becomes, or is not known.
func TestForeseen(t *testing.T) {
	t.Parallel()
	for _, typ := range recordedTypes() {
		known, _ := cfnschema.Lookup(typ.Name)
		full := &resource.Request{StackName: "Shop", LogicalID: "Thing", Properties: map[string]any{}}
		for _, name := range known.Properties {
			full.Properties[name] = strings.ToLower(name)
		}
		made, err := typ.Create(t.Context(), full)
		if err != nil {
			t.Fatal(err)
		}
		for _, unknown := range known.Properties {
			partly := *full
			partly.Properties = maps.Clone(full.Properties)
			partly.Properties[unknown] = template.Unknown{}
			foreseen := typ.Foresee(&partly)
			if foreseen == nil {
				continue
			}
			if foreseen.PhysicalID != made.PhysicalID {
				t.Errorf("%s without %s would be %s, and became %s", typ.Name, unknown, foreseen.PhysicalID, made.PhysicalID)
			}
			for name, value := range foreseen.Attributes {
				if cmp.Diff(value, made.Attributes[name]) != "" {
					t.Errorf("%s of %s without %s would be %v, and became %v", name, typ.Name, unknown, value, made.Attributes[name])
				}
			}
		}
	}
}

// A replacement is another resource.
func TestRecordedReplacement(t *testing.T) {
	t.Parallel()
	vpc := types.Registry(newRecorder().deps())["AWS::EC2::VPC"]
	id := func(stack, cidr string) string {
		made, err := vpc.Create(t.Context(), &resource.Request{StackName: stack, LogicalID: "Net", Properties: map[string]any{"CidrBlock": cidr}})
		if err != nil {
			t.Fatal(err)
		}
		return made.PhysicalID
	}
	one := id("Shop", "10.0.0.0/16")
	if one != id("Shop", "10.0.0.0/16") || one == id("Shop", "10.1.0.0/16") || one == id("Other", "10.0.0.0/16") {
		t.Error("the ids of networks don't tell them apart")
	}
}
