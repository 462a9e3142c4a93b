// Package lint checks formatting and code: gofmt, go vet, and golangci-lint,
// the magefile included.
package lint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/magewright/magewright/tools/check/reuse"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/internal/inputs"
	"github.com/magewright/magewright/tools/pins"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// Run prints each finding as file:line and fails if there is one. Where nothing
// has changed since there was none, nothing is run.
func Run(ctx context.Context, cfg project.Config) error {
	return reuse.Work{
		Name:    "lint",
		Inputs:  read,
		Outputs: []string{reuse.Evidence + "/lint" + evidence.Suffix},
		Run:     run,
		Adopt:   reuse.Adopt("lint"),
	}.Do(ctx, cfg)
}

// read returns what the linters read: sources and module files, the names of
// other files, which embed directives match, which files git lists, and the
// configuration and the pin of golangci-lint.
func read(ctx context.Context, cfg project.Config) (inputs.Set, error) {
	tree, err := inputs.ReadTree(cfg.Dir, cfg.Evidence, cfg.Assembly)
	if err != nil {
		return nil, err
	}
	set := inputs.Set{}
	reads := func(name string) bool {
		return inputs.GoSource(name) || strings.HasPrefix(path.Base(name), ".golangci.")
	}
	set.Files(tree, reads)
	set.Names(tree, func(name string) bool { return !reads(name) })
	set.Environ(os.Environ(), inputs.Offline)
	if err := set.Listed(ctx, cfg.Dir); err != nil {
		return nil, err
	}
	if err := pins.GolangciLint.Inputs(set); err != nil {
		return nil, err
	}
	return set, set.Go(ctx, cfg.Dir)
}

func run(ctx context.Context, cfg project.Config) error {
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
	linter, err := pins.GolangciLint.Executable(ctx, cfg.Stderr)
	if err != nil {
		return err
	}
	var vet, golangci error
	var mu sync.Mutex // of both, and of what is printed
	var group sync.WaitGroup
	for _, module := range modules {
		group.Go(func() {
			var said bytes.Buffer
			vetErr, golangciErr := lintModule(ctx, cfg, linter, module, &said)
			mu.Lock()
			defer mu.Unlock()
			vet, golangci = worse(vet, vetErr), worse(golangci, golangciErr)
			_, _ = said.WriteTo(cfg.Stdout) // as every line that is printed
		})
	}
	group.Wait()
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

// lintModule runs go vet and golangci-lint on a module. One after the other: the
// second finds what the first has compiled.
func lintModule(ctx context.Context, cfg project.Config, linter, module string, out io.Writer) (vet, golangci error) {
	goVet := gocmd.In(filepath.Join(cfg.Dir, module))
	goVet.Stdout, goVet.Stderr = out, out
	vet = goVet.Run(ctx, "vet", "-tags=mage", "./...")
	lint := command.Cmd{Dir: filepath.Join(cfg.Dir, module), Env: gocmd.Environ("GOWORK=off"), Stdout: out, Stderr: out}
	golangci = lint.Run(ctx, linter, "run", "--allow-parallel-runners", "--path-prefix="+module, "./...")
	return vet, golangci
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
