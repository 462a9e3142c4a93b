package lint

import (
	"context"
	"testing"

	"github.com/magewright/magewright/tools/internal/inputs"
	"github.com/magewright/magewright/tools/internal/inputs/inputstest"
	"github.com/magewright/magewright/tools/project"
)

const listed, others = "files that git lists", "names of the other files"

func TestInputs(t *testing.T) {
	inputstest.Run(t, func(ctx context.Context, cfg project.Config) (inputs.Set, error) { return read(ctx, cfg, noted) }, map[string]string{
		"go.mod": "module example\n\ngo 1.26\n", "a.go": "package a\n", "b.go": "package a\n", "a_test.go": "package a\n", "page/index.html": "", "infra/policy.yml": "", "README.md": "",
		".golangci.yml": "version: \"2\"\n", ".gitignore": "ignored.*\n", "ignored.go": "package a\n", "testdata/p/p.go": "package p\n",
	},
		inputstest.File("a.go", "package b\n", "file a.go"),
		inputstest.File("a_test.go", "package b\n", "file a_test.go"),
		inputstest.File("ignored.go", "package b\n", "file ignored.go"),
		inputstest.File("testdata/p/p.go", "package q\n", "file testdata/p/p.go"),
		inputstest.File("go.mod", "module example\n\ngo 1.25\n", "file go.mod"),
		inputstest.File(".golangci.yml", "version: \"2\"\nlinters: {}\n", "file .golangci.yml"),
		inputstest.File("page/.golangci.toml", "", "file page/.golangci.toml", listed),
		inputstest.File("new.go", "package a\n", "file new.go", listed),
		inputstest.File("page/new.html", "", listed, others),
		inputstest.File("ignored.html", "", others),
		inputstest.File(".gitignore", "b.go\n", listed),
		inputstest.File("infra/policy.yml", "required: []\n", "file infra/policy.yml"),
		inputstest.File("README.md", "not read"),
		inputstest.File(".magewright/x", "not read"),
		inputstest.Executable("a.go", "file a.go"),
		inputstest.Link("a.go", "b.go", "file a.go"),
		inputstest.Toolchain,
		inputstest.Environment("GOFLAGS", "-tags=x", "go GOFLAGS"),
		inputstest.Environment("LANG", "x", "env LANG"),
		// The tools do not get these.
		inputstest.Environment("GOPACKAGESDRIVER", "driver"),
		inputstest.Environment("SETTING", "x"),
		inputstest.Environment("TERM", "dumb"),
		inputstest.Environment("GOMAXPROCS", "1"),
		inputstest.Committed(),
	)
}
