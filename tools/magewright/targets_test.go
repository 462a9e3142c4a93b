package main

import (
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/internal/testinput"
	"github.com/magewright/magewright/tools/magewright/targets"
	"github.com/magewright/magewright/tools/surface/magefile"
)

// internal are the commands that no magefile offers. The pipeline runs judge, which runs recheck.
// Those that run other people's code start the program again as enclosed.
var internal = []string{"enclosed", "gosec", "init", "judge", "recheck", "settings"}

// TestTheListOfTargets holds that the magefile of this repository and the commands of
// the program are those of the one list, with the same flags.
func TestTheListOfTargets(t *testing.T) {
	t.Parallel()
	testinput.Read(t, "magefile.go")
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "../../magefile.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	if said, want := strings.Join(strings.Fields(file.Doc.Text()), " "), targets.Start(targets.All()); !strings.HasSuffix(said, want) {
		t.Errorf("mage -l begins with %q, and not with %q", said, want)
	}
	has := map[string]magefile.Target{}
	for _, own := range magefile.Targets(magefile.File{Set: set, File: file}) {
		has[own.Name] = own
	}
	offered := slices.Clone(internal)
	for _, listed := range targets.All() {
		offered = append(offered, listed.Command)
		name := strings.ToLower(listed.Name[:1]) + listed.Name[1:]
		if strings.Contains(listed.Alias, ":") {
			name = listed.Alias // a namespace here
		}
		own, found := has[name]
		delete(has, name)
		if !found {
			// Here synth writes the names itself.
			if name != "annotate" {
				t.Errorf("the magefile has no target %s", name)
			}
			continue
		}
		var want []magefile.Flag
		for _, a := range listed.Args {
			want = append(want, magefile.Flag{Name: a.Name, Type: a.Type, Doc: a.Doc})
		}
		byName := func(a, b magefile.Flag) int { return strings.Compare(a.Name, b.Name) }
		slices.SortFunc(want, byName)
		slices.SortFunc(own.Flags, byName)
		if diff := cmp.Diff(want, own.Flags); diff != "" {
			t.Errorf("%s has other flags in the magefile than in the list:\n%s", name, diff)
		}
	}
	for name := range has {
		t.Errorf("the list has no target %s", name)
	}
	for name := range commands {
		if !slices.Contains(offered, name) {
			t.Errorf("no target runs the command %s", name)
		}
	}
	for _, name := range offered {
		if name != "" && commands[name] == nil {
			t.Errorf("there is no command %s", name)
		}
	}
}
