package gotest

import (
	"testing"

	"github.com/magewright/magewright/tools/internal/inputs/inputstest"
)

func TestInputs(t *testing.T) {
	const listed = "files that git lists"
	inputstest.Run(t, read, map[string]string{
		"go.mod": "module example\n\ngo 1.26\n", "a.go": "package a\n", "README.md": "", "testdata/golden": "", ".gitignore": "ignored\n/.magewright\n", "ignored": "",
		"link": "", "run.sh": "echo $SETTING",
	},
		inputstest.File("a.go", "package b\n", "file a.go"),
		inputstest.File("README.md", "read by a test", "file README.md"),
		inputstest.File("testdata/golden", "other", "file testdata/golden"),
		inputstest.File("ignored", "other", "file ignored"),
		inputstest.File("testdata/new", "", "file testdata/new", listed),
		inputstest.File(".magewright/new", "not read"),
		inputstest.Executable("run.sh", "file run.sh"),
		inputstest.Link("link", "a.go", "file link"),
		inputstest.Toolchain,
		inputstest.Environment("GOFLAGS", "-tags=x", "env GOFLAGS", "go GOFLAGS"),
		// It would leave out tests, and is left out itself.
		inputstest.Environment("GOFLAGS", "-short"),
		inputstest.Environment("GODEBUG", "panicnil=1", "env GODEBUG", "go GODEBUG"),
		inputstest.Environment("SETTING", "x", "env SETTING"),
		// Tests do not get what no file names, so a shell and a build have the same key.
		inputstest.Environment("UNNAMED", "x"),
		inputstest.Environment("AWS_REGION", "tests do not see it"),
		inputstest.Environment("CODEBUILD_BUILD_ID", "tests do not see it"),
		inputstest.Committed(),
	)
}

func TestInputsWithoutARepository(t *testing.T) {
	inputstest.Isolate(t)
	cfg, _ := module(t, map[string]string{"a.go": "package a\n"})
	if set, err := read(t.Context(), cfg); err != nil || set["file a.go"] == "" {
		t.Errorf("inputs are %v, %v", set, err)
	}
}
