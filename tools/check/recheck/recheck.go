// Package recheck computes again what the builds of a commit have reported: what the
// linters and gosec find, and which tests there are. The judge of the commit uses it.
//
// The commit is data. A process of the judge's program looks at a clone of it. The
// environment of that process has no credentials, and the commit chooses neither the
// toolchain nor what is run: GOTOOLCHAIN=local takes no other go command, no C compiler
// runs without cgo, and the base's files configure the linters. Nothing is generated,
// linked or tested. The compiler, go vet, golangci-lint and gosec read the code.
package recheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/magewright/magewright/tools/check/gotest"
	"github.com/magewright/magewright/tools/check/lint"
	"github.com/magewright/magewright/tools/check/sec"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/actioncache"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// Command is the command of the program that [Main] is.
const Command = "recheck"

// Program is the program that has the command. It names itself.
var Program []string

// Found is what was found in a commit.
type Found struct {
	Lint  evidence.Lint     `json:"lint"`
	Said  []string          `json:"said,omitempty"` // the first lines of what the linters said
	Gosec evidence.Scan     `json:"gosec"`
	Tools map[string]string `json:"tools"`
	// Declared counts the tests that each package declares.
	Declared []evidence.Suite `json:"declared,omitempty"`
	// Config are the configurations of linters of the base, with their SHA-256.
	Config map[string]string `json:"config,omitempty"`
}

// Of looks at the candidate that cfg judges, by the configuration of the base, "" for
// none.
func Of(ctx context.Context, cfg project.Config, base string) (found Found, err error) {
	if len(Program) == 0 || !cfg.Judged() {
		return found, errors.New("looking at the commit again: only the program of a judge does so")
	}
	// Beside the judge's checkout, where no go.work and no configuration of either
	// lies above it. golangci-lint knows files by their paths, which stay the same.
	clone := cfg.Judge.Dir + "-again"
	if err := os.RemoveAll(clone); err != nil {
		return found, fmt.Errorf("looking at the commit again: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(clone)) }()
	if err := gitcmd.Clone(ctx, cfg.Dir, cfg.Commit, clone); err != nil {
		return found, fmt.Errorf("looking at the commit again: %w", err)
	}
	config, err := configure(ctx, clone, base)
	if err != nil {
		return found, fmt.Errorf("configuring the linters as the base does: %w", err)
	}
	caches, err := os.UserCacheDir()
	if err != nil {
		return found, fmt.Errorf("looking at the commit again: %w", err)
	}
	var said bytes.Buffer
	child := command.Cmd{Dir: clone, Stdout: &said, Stderr: &said, Env: gocmd.ToolEnviron(
		"GOTOOLCHAIN=local", "CGO_ENABLED=0", "MAGEWRIGHT_RESULTS="+actioncache.Judge,
		"GOLANGCI_LINT_CACHE="+filepath.Join(caches, "magewright", "judge-golangci-lint"),
	)}
	// What the commit has under the names of results is no result.
	results, err := os.MkdirTemp("", "recheck-")
	if err != nil {
		return found, fmt.Errorf("looking at the commit again: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(results)) }()
	if err := child.Run(ctx, Program[0], append(Program[1:len(Program):len(Program)], cfg.Commit, results)...); err != nil {
		if ctx.Err() != nil {
			return found, ctx.Err()
		}
		return found, exit.Missing("look at the log of this build", "looking at the commit again: %w: %s", err, last(said.String()))
	}
	data, err := os.ReadFile(filepath.Join(results, resultFile)) // #nosec G304 -- in a directory that was just made
	if err == nil {
		err = json.Unmarshal(data, &found)
	}
	if err != nil {
		return found, fmt.Errorf("reading what was found again: %w", err)
	}
	found.Config = config
	return found, nil
}

// last returns the last lines of what was said.
func last(said string) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// defaults is the configuration of golangci-lint where the base has none. Without a
// configuration, golangci-lint would look for one above what it looks at.
const defaults = "version: \"2\"\n"

// isConfig reports whether golangci-lint takes a file for its configuration.
func isConfig(name string) bool { return strings.HasPrefix(path.Base(name), ".golangci.") }

// configure replaces the configurations of linters in a clone by those that the base
// has. A directory of the commit may be a link that leads out of the clone.
func configure(ctx context.Context, clone, base string) (map[string]string, error) {
	root, err := os.OpenRoot(clone)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	git := gitcmd.In(clone)
	list := func(args ...string) ([]string, error) {
		out, err := git.Output(ctx, args...)
		return strings.FieldsFunc(out, func(r rune) bool { return r == 0 }), err
	}
	own, err := list("ls-files", "-z")
	if err != nil {
		return nil, err
	}
	for _, name := range own {
		if !isConfig(name) {
			continue
		}
		if err := root.Remove(name); err != nil {
			return nil, err
		}
	}
	config := map[string]string{}
	put := func(name string, text []byte) error {
		if err := root.MkdirAll(path.Dir(name), 0o750); err != nil {
			return err
		}
		return root.WriteFile(name, text, 0o600)
	}
	var bases []string
	if base != "" {
		if bases, err = list("ls-tree", "-r", "-z", "--name-only", base); err != nil {
			return nil, err
		}
	}
	atRoot := false
	for _, name := range bases {
		if !isConfig(name) {
			continue
		}
		text, _, err := git.File(ctx, base, name)
		if err != nil {
			return nil, err
		}
		// Where the commit no longer has a directory, there is nothing to configure.
		if _, err := root.Stat(path.Dir(name)); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := put(name, text); err != nil {
			return nil, err
		}
		config[name] = evidence.Digest(text)
		atRoot = atRoot || path.Dir(name) == "."
	}
	if atRoot {
		return config, nil
	}
	return config, put(".golangci.yml", []byte(defaults))
}

// What is run. Tests have linters of their own.
var (
	linters = lint.With()
	analyse = sec.Code
)

// few is how many lines of what the linters say are kept.
const few = 20

// resultFile is the file that Run leaves.
const resultFile = "recheck.json"

// Main runs the command: it looks at the checkout of a commit in the current directory,
// and leaves what it has found in another directory.
func Main(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return &exit.Error{Code: exit.Usage, Err: fmt.Errorf("want a commit and a directory, not %q", args), Next: "go tool mage readiness"}
	}
	wd, err := os.Getwd()
	if err != nil {
		return err
	}
	// What it is told by the environment, or finds in directories above, is for others.
	return run(ctx, project.Config{
		Dir: wd, Evidence: args[1], Assembly: filepath.Join(wd, "cdk.out"), Commit: args[0], Stdout: os.Stdout, Stderr: os.Stderr,
	})
}

func run(ctx context.Context, cfg project.Config) error {
	var found Found
	var err error
	// It says what the go command can't read, such as a module for a newer Go.
	if found.Declared, err = gotest.Declared(ctx, cfg); err != nil {
		return err
	}
	var said bytes.Buffer
	linting := cfg
	linting.Stdout = &said
	if err := linters(ctx, linting); err != nil {
		// A finding is a result.
		if e, ok := errors.AsType[*exit.Error](err); !ok || e.Code != exit.Gate {
			return fmt.Errorf("%w\n%s", err, last(said.String()))
		}
	}
	if err := read(cfg, &found.Lint); err != nil {
		return err
	}
	if len(found.Lint.Broken) > 0 {
		for line := range strings.Lines(said.String()) {
			if len(found.Said) < few {
				found.Said = append(found.Said, strings.TrimSuffix(line, "\n"))
			}
		}
	}
	var version string
	if found.Gosec, version, err = analyse(ctx, cfg); err != nil {
		return err
	}
	found.Tools = map[string]string{found.Gosec.Tool: version}
	data, err := json.Marshal(found)
	if err != nil {
		return fmt.Errorf("keeping what was found: %w", err)
	}
	return os.WriteFile(filepath.Join(cfg.Evidence, resultFile), data, 0o600)
}

// read reads what the linters have left.
func read(cfg project.Config, into *evidence.Lint) error {
	statements, err := evidence.ReadDir(cfg.Evidence)
	if err != nil {
		return err
	}
	for _, s := range statements {
		if s.PredicateType == into.PredicateType() {
			return s.Decode(into)
		}
	}
	return errors.New("the linters have left no result")
}
