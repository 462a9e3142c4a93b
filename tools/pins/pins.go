// Package pins has the versions of other people's tools that targets run.
//
// Each tool has a module file of its own, so that its dependencies don't get into this module
// or into the repositories that use Magewright. To change a version:
//
//	go get -modfile=tools/pins/gitleaks.mod -tool github.com/zricethezav/gitleaks/v8@VERSION
//	go mod tidy -modfile=tools/pins/gitleaks.mod
package pins

import (
	"context"
	"embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/magewright/magewright/tools/internal/executable"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/internal/inputs"
	"github.com/magewright/magewright/tools/project/exit"
)

// The module files can't be in directories of their own: everything below a go.mod is not
// part of the module that others download.
//
//go:embed *.mod *.sum
var files embed.FS

// A Tool is the name of a pinned program.
type Tool string

// The pinned tools.
const (
	Actionlint   Tool = "actionlint" // only tests run it
	GolangciLint Tool = "golangci-lint"
	Govulncheck  Tool = "govulncheck"
	Gitleaks     Tool = "gitleaks"
)

// A pin is the content of a tool's module file.
type pin struct {
	mod, sum []byte
	command  string // import path
	module   string // the path of the module that contains the command
	version  string // the version of that module
}

// read reads the tool's module file, which names one tool.
func (t Tool) read() (pin, error) {
	var p pin
	var err error
	if p.mod, err = files.ReadFile(string(t) + ".mod"); err != nil {
		return p, fmt.Errorf("reading the pin of %s: %w", t, err)
	}
	if p.sum, err = files.ReadFile(string(t) + ".sum"); err != nil {
		return p, fmt.Errorf("reading the pin of %s: %w", t, err)
	}
	parsed, err := modfile.Parse(string(t)+".mod", p.mod, nil)
	if err != nil {
		return p, fmt.Errorf("reading the pin of %s: %w", t, err)
	}
	for _, tool := range parsed.Tool {
		p.command = tool.Path
	}
	for _, required := range parsed.Require {
		if p.command == required.Mod.Path || strings.HasPrefix(p.command, required.Mod.Path+"/") {
			p.module, p.version = required.Mod.Path, required.Mod.Version
		}
	}
	if p.command == "" || p.version == "" {
		return p, fmt.Errorf("%s.mod pins no tool", t)
	}
	return p, nil
}

// Version returns the version of the tool's module, such as v1.2.3.
func (t Tool) Version() (string, error) {
	p, err := t.read()
	return p.version, err
}

// Inputs adds the identity of the tool to a set: its name and the digest of its pin.
func (t Tool) Inputs(set inputs.Set) error {
	p, err := t.read()
	if err != nil {
		return err
	}
	set["pin "+string(t)] = inputs.Hash(string(p.mod) + string(p.sum))
	return nil
}

// Executable returns the path of the tool. If the tool is not in the user's cache, Executable
// builds it and says so on stderr. If it can't be built, that is an error of the environment.
func (t Tool) Executable(ctx context.Context, stderr io.Writer) (string, error) {
	p, err := t.read()
	if err != nil {
		return "", err
	}
	set := inputs.Set{}
	if err := t.Inputs(set); err != nil {
		return "", err
	}
	if err := set.Go(ctx, os.TempDir()); err != nil {
		return "", err
	}
	built, err := executable.Of(ctx, string(t), set.Key(string(t)), stderr, func(ctx context.Context, out string, stdout, stderr io.Writer) error {
		dir := filepath.Dir(out)
		for name, data := range map[string][]byte{"go.mod": p.mod, "go.sum": p.sum} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				return err
			}
		}
		// Settings of the repository's developer for the repository's own module, such as
		// -mod=vendor, do not apply to this one.
		build := gocmd.In(dir, "GOWORK=off", "GOFLAGS="+gocmd.Flags)
		build.Stdout, build.Stderr = stdout, stderr
		return build.Run(ctx, "build", "-o", out, p.command)
	})
	if err != nil {
		return "", exit.Missing("go mod download "+p.module+"@"+p.version, "%w", err)
	}
	return built, nil
}
