// Package project knows where things are: the repository, the commit it is at,
// and the files that targets leave for one another.
package project

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/project/exit"
)

// Config is what every target needs to know. Discover fills it in; a caller
// may change any field before it passes it on.
type Config struct {
	Dir      string // root of the repository: where go.mod and magefile.go are
	Evidence string // directory for machine-readable results, .magewright by default
	Assembly string // the cloud assembly, cdk.out by default
	Commit   string // full hash of the commit that is being worked on
	Dirty    bool   // whether files differ from that commit
	Stdout   io.Writer
	Stderr   io.Writer

	Force bool // run also what is proven already
	Why   bool // name every input that has changed of what runs again
}

// Discover finds the project around the current directory.
//
// In CodeBuild the commit is CODEBUILD_RESOLVED_SOURCE_VERSION and the cloud
// assembly is the input artifact named Assembly, where there is one.
// See https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html.
func Discover(ctx context.Context) (Config, error) {
	dir, err := root()
	if err != nil {
		return Config{}, err
	}
	cfg := Config{
		Dir:      dir,
		Evidence: filepath.Join(dir, ".magewright"),
		Assembly: filepath.Join(dir, "cdk.out"),
		Commit:   os.Getenv("CODEBUILD_RESOLVED_SOURCE_VERSION"),
		Stdout:   os.Stdout,
		Stderr:   os.Stderr,
	}
	if assembly := os.Getenv("CODEBUILD_SRC_DIR_Assembly"); assembly != "" {
		cfg.Assembly = assembly
	}
	git := command.Cmd{Dir: dir}
	if cfg.Commit == "" {
		if cfg.Commit, err = git.Output(ctx, "git", "rev-parse", "--verify", "HEAD"); err != nil {
			return Config{}, exit.Missing("git add -A && git commit", "finding the commit of %s: %w", dir, err)
		}
	}
	if changed, err := git.Output(ctx, "git", "status", "--porcelain"); err == nil {
		cfg.Dirty = changed != ""
	}
	return cfg, nil
}

// Module is the module path that the project's packages start with.
const Module = "github.com/magewright/magewright"

// root returns the nearest directory, from the current one upwards, that has a
// go.mod beside a magefile.go. Nested modules have a go.mod and no magefile.
func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for d := dir; ; d = filepath.Dir(d) {
		_, err := os.Stat(filepath.Join(d, "go.mod"))
		if err == nil {
			if _, err := os.Stat(filepath.Join(d, "magefile.go")); err == nil {
				return d, nil
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if d == filepath.Dir(d) {
			return "", exit.Missing("cd to the project", "no magefile.go beside a go.mod in %s or above it", dir)
		}
	}
}

// Modules returns the directories, below c.Dir, of the modules that hold Go code
// of ours: "." and those of programs that must not share its dependencies. A
// go.mod that only pins a tool is not one.
func (c Config) Modules(ctx context.Context) ([]string, error) {
	git := command.Cmd{Dir: c.Dir}
	list := func(patterns ...string) ([]string, error) {
		out, err := git.Output(ctx, "git", append([]string{"ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "--"}, patterns...)...)
		if err != nil {
			return nil, fmt.Errorf("listing modules: %w", err)
		}
		return strings.Fields(out), nil
	}
	files, err := list("*/go.mod", ":!:*/testdata/*")
	if err != nil {
		return nil, err
	}
	modules := []string{"."}
	for _, file := range files {
		dir := path.Dir(file)
		code, err := list(dir + "/*.go")
		if err != nil {
			return nil, err
		}
		if len(code) > 0 {
			modules = append(modules, dir)
		}
	}
	return modules, nil
}

// Path returns the path of a file below the evidence directory and makes the
// directories that lead to it.
func (c Config) Path(elem ...string) (string, error) {
	path := filepath.Join(append([]string{c.Evidence}, elem...)...)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return "", fmt.Errorf("making a place for evidence: %w", err)
	}
	return path, nil
}

// ExportsFile holds, as NAME=value, what a target leaves for later actions of
// the pipeline: buildspec.yml exports it.
const ExportsFile = "exports.env"

// Export adds variables to ExportsFile. A value is quoted for a shell.
func (c Config) Export(variables map[string]string) error {
	path, err := c.Path(ExportsFile)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) // #nosec G304 -- below the evidence directory
	if err != nil {
		return fmt.Errorf("exporting variables: %w", err)
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		_, _ = fmt.Fprintf(&text, "%s='%s'\n", name, strings.ReplaceAll(variables[name], "'", `'\''`)) // never fails
	}
	_, err = file.WriteString(text.String())
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("exporting variables: %w", err)
	}
	return nil
}
