package synth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// secondName is the name of the statement that Second leaves.
const secondName = "second"

// Second synthesizes the commit again from a clean clone, and leaves the digests of the
// result in .magewright/second.intoto.json. cdk.out stays as it is. The judge of the release
// compares the two results, and runs nothing of the commit.
func Second(ctx context.Context, cfg project.Config) error {
	files, err := FromClone(ctx, cfg, Again)
	if err != nil {
		return exit.Failed("go tool mage synth", "synthesizing commit %.12s again: %w", cfg.Commit, err)
	}
	err = evidence.Keep(cfg.Evidence, secondName, cfg.Commit, evidence.Synthesis{
		Made:  evidence.Made{FinishedOn: clock.System().Now(), Dirty: cfg.Dirty},
		Files: files,
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(cfg.Stdout, "synth: commit %.12s again, %d files\n", cfg.Commit, len(files))
	return nil
}

// FromClone synthesizes the commit from a clone in a temporary directory, and returns
// the SHA-256 of the files of the assembly.
func FromClone(ctx context.Context, cfg project.Config, synthesize func(context.Context, project.Config) error) (_ map[string]string, err error) {
	dir, err := os.MkdirTemp("", "again-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	clone := filepath.Join(dir, "clone")
	if err := gitcmd.Clone(ctx, cfg.Dir, cfg.Commit, clone); err != nil {
		return nil, err
	}
	var said bytes.Buffer
	second := project.Config{
		Dir: clone, Evidence: filepath.Join(dir, "evidence"), Assembly: filepath.Join(dir, "cdk.out"),
		Commit: cfg.Commit, Stdout: io.Discard, Stderr: &said,
	}
	if err := synthesize(ctx, second); err != nil {
		if e, ok := errors.AsType[*exit.Error](err); ok {
			err = e.Err // the next command would be for the clone
		}
		if last := lastLines(said.String()); last != "" {
			err = fmt.Errorf("%w: %s", err, last)
		}
		return nil, err
	}
	return cdk.Digests(second.Assembly)
}

// lastLines returns the end of a program's output, which contains the error.
func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}
