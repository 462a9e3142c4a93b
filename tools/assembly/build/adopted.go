package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// Functions builds the functions that magewright/cdk.json names, to the paths from which the
// repository's CDK app reads them. The file names no functions if the CDK app builds them
// itself.
func Functions(ctx context.Context, cfg project.Config) error {
	settings, err := cdk.ReadAdopted(cfg)
	if err != nil {
		return err
	}
	if len(settings.Functions) == 0 {
		fmt.Fprintf(cfg.Stdout, "build: %s/cdk.json names no \"functions\": the CDK app builds them itself\n", project.Pin)
		return nil
	}
	goos, goarch, err := targetOf(cfg)
	if err != nil {
		return err
	}
	for _, from := range slices.Sorted(maps.Keys(settings.Functions)) {
		to := settings.Functions[from]
		if err := function(ctx, cfg, from, to, goos, goarch); err != nil {
			return fmt.Errorf("building %s: %w", from, err)
		}
		fmt.Fprintf(cfg.Stdout, "build: %s, for %s/%s, from %s\n", to, goos, goarch, from)
	}
	return nil
}

// function builds one function. Paths are relative to the root, with slashes.
func function(ctx context.Context, cfg project.Config, from, to, goos, goarch string) error {
	dir, path := filepath.Join(cfg.Dir, filepath.FromSlash(from)), filepath.Join(cfg.Dir, filepath.FromSlash(to))
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return exit.Missing(`fix "functions" of `+project.Pin+"/cdk.json", "%w", err)
	}
	// Two targets of check build it at the same time, and neither may read what the other has
	// only half written.
	work, err := cfg.Path("build", "functions", Executable)
	if err == nil {
		work, err = os.MkdirTemp(filepath.Dir(work), "function-")
	}
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	built := filepath.Join(work, Executable)
	if err := compile(ctx, cfg, dir, ".", built, goos, goarch); err != nil {
		return err
	}
	if strings.HasSuffix(to, ".zip") {
		executable := built
		built = filepath.Join(work, "function.zip")
		if _, err := pack(executable, built); err != nil {
			return err
		}
	} else {
		path = filepath.Join(path, Executable)
	}
	return replace(built, path)
}

// replace replaces a file. It leaves a file with the same content untouched: the go command
// then knows from its time that no test which reads it has to run again.
func replace(from, to string) error {
	fresh, err := os.ReadFile(from) // #nosec G304 -- what was just built
	if err != nil {
		return err
	}
	before, err := os.ReadFile(to) // #nosec G304 -- where the settings say
	if err == nil && bytes.Equal(before, fresh) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { // #nosec G301 -- a directory of the repository
		return err
	}
	return os.Rename(from, to)
}
