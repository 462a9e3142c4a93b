// Package lint checks formatting and code: gofmt, go vet, and golangci-lint,
// the magefile included.
package lint

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/clock"
	"github.com/magewright/magewright/tools/command"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/exit"
	"github.com/magewright/magewright/tools/project"
)

// Modfile is the module that pins golangci-lint, apart from go.mod: its
// dependencies must not become ours.
const Modfile = "tools/golangci-lint/go.mod"

// Run prints each finding as file:line and fails if there is one.
func Run(ctx context.Context, cfg project.Config) error {
	cmd := command.Cmd{Dir: cfg.Dir, Stdout: cfg.Stdout, Stderr: cfg.Stderr}
	formatted, err := unformatted(ctx, cfg)
	if err != nil {
		return err
	}
	for _, file := range formatted {
		fmt.Fprintf(cfg.Stdout, "%s:1: not formatted by gofmt\n", file)
	}
	modules, err := cfg.Modules(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(cfg.Stderr, "golangci-lint (its first build takes a minute or two)")
	var vet, golangci error
	for _, module := range modules {
		cmd.Dir, cmd.Env = filepath.Join(cfg.Dir, module), nil
		vet = worse(vet, cmd.Run(ctx, "go", "vet", "-trimpath", "-tags=mage", "./..."))
		cmd.Env = command.Environ("GOWORK=off", "GOFLAGS=-trimpath -buildvcs=false")
		golangci = worse(golangci, cmd.Run(ctx, "go", "tool", "-modfile="+filepath.Join(cfg.Dir, Modfile), "golangci-lint", "run",
			"--allow-parallel-runners", "--path-prefix="+module, "./..."))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var broken []string
	if len(formatted) > 0 {
		broken = append(broken, "gofmt")
	}
	for name, err := range map[string]error{"go vet": vet, "golangci-lint": golangci} {
		if err != nil && command.ExitCode(err) < 0 {
			return err // it could not be started
		}
		if err != nil {
			broken = append(broken, name)
		}
	}
	files, err := goFiles(ctx, cfg)
	if err != nil {
		return err
	}
	slices.Sort(broken)
	err = evidence.Keep(cfg.Evidence, "lint", cfg.Commit, evidence.Lint{
		Made:  evidence.Made{FinishedOn: clock.System().Now(), Dirty: cfg.Dirty},
		Files: len(files), Broken: broken,
	})
	if err != nil {
		return err
	}
	if len(broken) > 0 {
		return exit.Failed("go tool mage fmt for what can be formatted; then go tool mage lint", "lint: findings by %s", strings.Join(broken, ", "))
	}
	fmt.Fprintln(cfg.Stdout, "lint: no findings by gofmt, go vet and golangci-lint")
	return nil
}

// worse returns the error that says more: that a tool could not be started
// before that it had findings.
func worse(a, b error) error {
	if b == nil || a != nil && command.ExitCode(a) < 0 {
		return a
	}
	return b
}

// Format formats the project's Go files.
func Format(ctx context.Context, cfg project.Config) error {
	files, err := goFiles(ctx, cfg)
	if err != nil {
		return err
	}
	cmd := command.Cmd{Dir: cfg.Dir, Stdout: cfg.Stdout, Stderr: cfg.Stderr}
	return cmd.Run(ctx, "gofmt", append([]string{"-l", "-w", "-s"}, files...)...)
}

func unformatted(ctx context.Context, cfg project.Config) ([]string, error) {
	files, err := goFiles(ctx, cfg)
	if err != nil {
		return nil, err
	}
	out, err := command.Cmd{Dir: cfg.Dir}.Output(ctx, "gofmt", append([]string{"-l", "-s"}, files...)...)
	if err != nil {
		return nil, fmt.Errorf("gofmt: %w", err)
	}
	return strings.Fields(out), nil
}

// goFiles returns the Go files that git knows or does not ignore, apart from
// deleted ones and test data, which may be broken on purpose.
func goFiles(ctx context.Context, cfg project.Config) ([]string, error) {
	git := command.Cmd{Dir: cfg.Dir}
	out, err := git.Output(ctx, "git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate",
		"--", "*.go", ":!:*/testdata/*")
	if err != nil {
		return nil, fmt.Errorf("listing Go files: %w", err)
	}
	deleted, err := git.Output(ctx, "git", "ls-files", "--deleted", "--", "*.go")
	if err != nil {
		return nil, fmt.Errorf("listing Go files: %w", err)
	}
	gone := map[string]bool{}
	for _, file := range strings.Fields(deleted) {
		gone[file] = true
	}
	var files []string
	for _, file := range strings.Fields(out) {
		if !gone[file] {
			files = append(files, file)
		}
	}
	if len(files) == 0 {
		return nil, errors.New("listing Go files: git knows none")
	}
	return files, nil
}
