package patchcover_test

import (
	"fmt"
	"reflect"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/magewright/magewright/tools/check/patchcover"
)

// TestConfigurationChangesNothing holds that what users set for their own eyes
// does not change what is read. With diff.external git finds no moves, though the
// program is not run: all is new then, which is strict and no test's matter.
func TestConfigurationChangesNothing(t *testing.T) {
	for _, name := range []string{"moved_code", "renamed_file", "strange_names"} {
		archive, err := txtar.ParseFile("testdata/" + name + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		c := newCase(t, archive)
		want, err := patchcover.ReadPatch(t.Context(), c.dir, "base", "head")
		if err != nil {
			t.Fatal(err)
		}
		settings := [][2]string{
			{"diff.noprefix", "true"}, {"diff.mnemonicPrefix", "true"}, {"diff.context", "9"}, {"diff.interHunkContext", "9"},
			{"diff.renames", "false"}, {"diff.relative", "true"}, {"diff.colorMoved", "no"},
			{"diff.colorMovedWS", "ignore-all-space"}, {"diff.wsErrorHighlight", "all"}, {"diff.suppressBlankEmpty", "true"},
			{"core.quotePath", "true"}, {"color.ui", "never"}, {"color.diff.new", "blue"}, {"color.diff.meta", "green"},
		}
		t.Setenv("GIT_CONFIG_COUNT", fmt.Sprint(len(settings)))
		for i, s := range settings {
			t.Setenv(fmt.Sprintf("GIT_CONFIG_KEY_%d", i), s[0])
			t.Setenv(fmt.Sprintf("GIT_CONFIG_VALUE_%d", i), s[1])
		}
		got, err := patchcover.ReadPatch(t.Context(), c.dir, "base", "head")
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v\nwant %+v", name, got.Changes, want.Changes)
		}
		t.Setenv("GIT_CONFIG_COUNT", "0")
	}
}
