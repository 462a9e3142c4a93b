package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/project"
)

// A Program is the main package of a function.
type Program struct {
	Dir string // relative to the root, with slashes
}

// Programs returns the programs that [Run] builds, sorted. In a repository that adopts
// Magewright, these are the functions that the settings name.
func Programs(cfg project.Config) ([]Program, error) {
	if !cfg.Adopted() {
		return []Program{{Dir: "app"}}, nil
	}
	settings, err := cdk.ReadAdopted(cfg)
	if err != nil {
		return nil, err
	}
	var all []Program
	for _, dir := range slices.Sorted(maps.Keys(settings.Functions)) {
		all = append(all, Program{Dir: dir})
	}
	return all, nil
}

// Build builds the program exactly as it is in deployment packages.
func (p Program) Build(ctx context.Context, cfg project.Config, out string) error {
	goos, goarch, err := targetOf(cfg)
	if err != nil {
		return err
	}
	return compile(ctx, cfg, p.in(cfg), ".", out, goos, goarch)
}

// BuildForDebugger builds the program with the names and paths that a debugger needs, and
// without optimizations, which would hide variables and lines. See
// https://pkg.go.dev/cmd/compile.
func (p Program) BuildForDebugger(ctx context.Context, cfg project.Config, out string) error {
	goos, goarch, err := targetOf(cfg)
	if err != nil {
		return err
	}
	stamp, err := newStamp(ctx, cfg)
	if err != nil {
		return err
	}
	build := command(cfg, p.in(cfg), goos, goarch)
	if err := build.Run(ctx, "build", tags, "-trimpath=false", "-gcflags=all=-N -l", "-ldflags="+stamp.flags(), "-o", out, "."); err != nil {
		return fmt.Errorf("building the function for a debugger: %w", err)
	}
	return nil
}

// Sources returns the directories of the program's packages, and the files that are embedded
// in it. It leaves out other modules and Go itself. The paths are absolute.
func (p Program) Sources(ctx context.Context, cfg project.Config) (dirs, files []string, err error) {
	goos, goarch, err := targetOf(cfg)
	if err != nil {
		return nil, nil, err
	}
	listed, err := command(cfg, p.in(cfg), goos, goarch).Output(ctx, "list", tags, "-deps", "-e", "-json=Dir,EmbedFiles,Standard", ".")
	if err != nil {
		return nil, nil, fmt.Errorf("finding the sources of %s: %w", p.Dir, err)
	}
	for decoder := json.NewDecoder(strings.NewReader(listed)); ; {
		var pkg struct {
			Dir        string
			EmbedFiles []string
			Standard   bool
		}
		if err := decoder.Decode(&pkg); errors.Is(err, io.EOF) {
			return dirs, files, nil
		} else if err != nil {
			return nil, nil, fmt.Errorf("reading go list -json: %w", err)
		}
		if pkg.Standard || !strings.HasPrefix(pkg.Dir, cfg.Dir+string(filepath.Separator)) {
			continue
		}
		dirs = append(dirs, pkg.Dir)
		for _, name := range pkg.EmbedFiles {
			files = append(files, filepath.Join(pkg.Dir, name))
		}
	}
}

func (p Program) in(cfg project.Config) string {
	return filepath.Join(cfg.Dir, filepath.FromSlash(p.Dir))
}

// targetOf returns the platform for which functions are built, according to the CDK context.
func targetOf(cfg project.Config) (goos, goarch string, err error) {
	context, err := cdk.Context(cfg)
	if err != nil {
		return "", "", err
	}
	if context["architecture"] == nil && cfg.Adopted() {
		// This is the CDK's own default.
		context["architecture"] = "x86_64"
	}
	return cdk.Target(context)
}
