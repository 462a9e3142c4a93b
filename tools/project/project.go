// Package project knows where things are: the repository, the commit that it is at, and the
// files that targets leave for one another.
package project

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/project/exit"
)

// Config has what every target needs to know. Discover fills it in. A caller may change any
// field before it passes it on.
type Config struct {
	Dir      string // root of the repository, in which mage finds its targets
	Evidence string // directory for machine-readable results, .magewright by default
	Assembly string // the cloud assembly, cdk.out by default
	Commit   string // full hash of the present commit
	Dirty    bool   // whether files differ from that commit
	Stdout   io.Writer
	Stderr   io.Writer

	// Judge is the code that runs, if that is not the code in Dir.
	Judge Judge

	Force bool // repeat work whose result is known
	Why   bool // if work is repeated, name every input that has changed
}

// A Judge is the code that judges a project. The project is only data to it: nothing in the
// project's directory is run. In the pipeline, the judge is the code of the last release.
type Judge struct {
	Dir string // its checkout, or "" if the project's own code runs
	// Commit is the release that contains the code. It is "" if no release was promoted
	// before: then the code is the project's own, in another checkout.
	Commit string
	// Parameter is the name of the SSM parameter that pins the judge.
	Parameter string
}

// noJudge is the pipeline's value instead of a commit if no release was promoted before.
const noJudge = "none"

// Judged reports whether code other than the project's own runs.
func (c Config) Judged() bool { return c.Judge.Dir != "" }

// Code returns the checkout that contains the running code and what it pins. It is c itself
// unless c is judged.
func (c Config) Code() Config {
	if c.Judged() {
		c.Dir, c.Judge = c.Judge.Dir, Judge{}
	}
	return c
}

// judged makes this project the judge of another one, if the environment names one. Results
// are left in the judge's checkout, because the other project could have prepared files in
// its own.
func (c *Config) judged() error {
	candidate, commit := os.Getenv("MAGEWRIGHT_CANDIDATE"), os.Getenv("MAGEWRIGHT_JUDGE")
	const next = "unset MAGEWRIGHT_CANDIDATE"
	switch {
	case candidate == "":
		return nil
	case !filepath.IsAbs(candidate) || filepath.Clean(candidate) == c.Dir:
		return exit.Missing(next, "MAGEWRIGHT_CANDIDATE is %s: it must be the absolute path of a checkout other than %s", candidate, c.Dir)
	case commit == "":
		return exit.Missing(next, "MAGEWRIGHT_JUDGE does not name the commit whose code judges %s", candidate)
	case commit == noJudge:
		commit = ""
	}
	c.Judge = Judge{Dir: c.Dir, Commit: commit, Parameter: os.Getenv("MAGEWRIGHT_JUDGE_PARAMETER")}
	c.Dir, c.Assembly = filepath.Clean(candidate), filepath.Join(candidate, "cdk.out")
	// The go.mod of the project must not choose the toolchain that examines it.
	return os.Setenv("GOTOOLCHAIN", "local")
}

// Discover finds the project around the current directory. If MAGEWRIGHT_CANDIDATE names
// another checkout, that is the project, and the one around the current directory is its
// judge.
//
// In CodeBuild, the commit is CODEBUILD_RESOLVED_SOURCE_VERSION, and the cloud assembly is
// the input artifact named Assembly if there is one. See
// https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html.
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
	if err := cfg.judged(); err != nil {
		return Config{}, err
	}
	if assembly := os.Getenv("CODEBUILD_SRC_DIR_Assembly"); assembly != "" {
		cfg.Assembly = assembly
	}
	head, err := gitcmd.In(cfg.Dir).Output(ctx, "rev-parse", "--verify", "HEAD")
	if err != nil && cfg.Commit == "" {
		return Config{}, withoutCommit(ctx, cfg.Dir, err)
	}
	if cfg.Commit == "" {
		cfg.Commit = head
	}
	cfg.Dirty = cfg.differs(ctx, head)
	if refused := gocmd.Refused(); len(refused) > 0 {
		fmt.Fprintf(cfg.Stderr, "GOFLAGS: %s is ignored, because it would change what is built, tested or examined\n", strings.Join(refused, " "))
	}
	return cfg, nil
}

// withoutCommit explains why git finds no commit in a directory.
func withoutCommit(ctx context.Context, dir string, err error) error {
	const commit = `git add -A && git commit -m "Begin"`
	_, inside := gitcmd.In(dir).Output(ctx, "rev-parse", "--git-dir")
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, exec.ErrNotFound):
		return exit.Missing("install git, then try again", "git is not installed, but every target needs it to find the commit: %w", err)
	case command.ExitCode(inside) > 0:
		return exit.Missing("git init && "+commit, "%s is not in a git repository, but every target works on a commit: was it downloaded without .git?", dir)
	case inside == nil:
		return exit.Missing(commit, "the git repository of %s has no commit yet", dir)
	}
	return exit.Missing("git -C "+dir+" status", "finding the commit of %s: %w", dir, err)
}

// differs reports whether the files differ from the present commit. If git can't tell, they
// count as different. It prints the reason if git status would not show it.
func (c Config) differs(ctx context.Context, head string) bool {
	say := func(format string, args ...any) bool {
		fmt.Fprintf(c.Stderr, "the files do not count as those of commit %.12s: "+format+"\n", append([]any{c.Commit}, args...)...)
		return true
	}
	if head != c.Commit {
		return say("the checkout is at %q", head)
	}
	changes, err := gitcmd.Changes(ctx, c.Dir)
	if err != nil {
		return say("%v", err)
	}
	if hidden := slices.IndexFunc(changes, func(d gitcmd.Difference) bool { return d.Is == gitcmd.Hidden }); hidden >= 0 {
		name := changes[hidden].Path
		next := "git update-index --no-assume-unchanged --no-skip-worktree " + name
		if sparse, err := gitcmd.In(c.Dir).Output(ctx, "config", "--type=bool", "core.sparseCheckout"); err == nil && sparse == "true" {
			next = "git sparse-checkout disable"
		}
		return say("git was told not to look at %s; %s", name, next)
	}
	return len(changes) > 0
}

// Pin is the directory, below the root of a repository that adopts Magewright, with the
// module that pins Magewright and with the settings.
const Pin = "magewright"

// Adopted reports whether the repository adopts Magewright, which means that it pins
// Magewright and is not Magewright's own. In a judge, the judge's checkout decides that for
// the project that it judges.
func (c Config) Adopted() bool {
	_, err := os.Stat(filepath.Join(c.Code().Dir, Pin, "go.mod"))
	return err == nil
}

// Settings returns the directory, relative to the root, in which a team tells Magewright what
// it wants: the CDK context, the probes, the policy.
func (c Config) Settings() string { return SettingsDir(c.Adopted()) }

// SettingsDir returns the directory of the settings. It depends on whether the repository
// adopts Magewright.
func SettingsDir(adopted bool) string {
	if adopted {
		return Pin
	}
	return "infra"
}

// Module is the module path that the project's packages start with.
const Module = "github.com/magewright/magewright"

// root returns the nearest directory, from the current one upwards, in which mage finds
// targets: the magefiles of a module, a workspace or a repository, or a directory magefiles
// there.
func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for d := dir; ; d = filepath.Dir(d) {
		found, err := hasTargets(d)
		if found || err != nil {
			return d, err
		}
		if d == filepath.Dir(d) {
			return "", exit.Missing("cd to the project", "neither %s nor a directory above it has a magefile.go or a directory magefiles/ beside a go.mod, a go.work or a .git", dir)
		}
	}
}

// hasTargets reports whether mage finds targets in a directory. A file with any name is a
// magefile if its build constraint says so. See https://magefile.org/magefiles/.
func hasTargets(dir string) (bool, error) {
	has := func(names ...string) (bool, error) {
		for _, name := range names {
			_, err := os.Stat(filepath.Join(dir, name))
			// A file may have the name of a directory, such as a program that is called magewright.
			if err == nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
				return err == nil, err
			}
		}
		return false, nil
	}
	module, err := has("go.mod", "go.work", "magefiles/go.mod", "magewright/go.mod", ".git")
	if !module || err != nil {
		return false, err
	}
	info, err := os.Stat(filepath.Join(dir, "magefiles"))
	if err == nil && info.IsDir() {
		return true, nil
	}
	if named, err := has("magefile.go"); named || err != nil {
		return named, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	for _, entry := range entries {
		if name := entry.Name(); !entry.Type().IsRegular() || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		if _, mages := compiles(filepath.Join(dir, entry.Name())); mages {
			return true, nil
		}
	}
	return false, nil
}

// Path returns the path of a file below the evidence directory. It creates the directories on
// the way.
func (c Config) Path(elem ...string) (string, error) {
	path := filepath.Join(append([]string{c.Evidence}, elem...)...)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return "", fmt.Errorf("making a place for evidence: %w", err)
	}
	return path, nil
}

// ExportsFile has the variables, as NAME=value, that a target leaves for later actions of the
// pipeline. buildspec.yml exports them.
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
