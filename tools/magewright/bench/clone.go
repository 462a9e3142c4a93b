package bench

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/command"
)

// A clone is a clone of HEAD in a temporary directory. Measurements change and commit files
// there, and never in the user's own checkout.
type clone struct {
	bench *bench
	temp  string   // what remove deletes
	dir   string   // the clone, in temp
	env   []string // in addition to those of the bench

	changes int               // that were made
	changed map[string]string // by file, the text that replaces the line's text now
}

// clone clones HEAD. With fresh caches, the clone behaves as on a machine on which nothing
// was built yet. Otherwise the caches are the user's.
func (b *bench) clone(ctx context.Context, fresh bool) (_ *clone, err error) {
	temp, err := os.MkdirTemp("", "magewright-bench-")
	if err != nil {
		return nil, fmt.Errorf("cloning HEAD: %w", err)
	}
	c := &clone{bench: b, temp: temp, dir: filepath.Join(temp, "repository"), changed: map[string]string{}}
	if fresh {
		c.env = emptyCaches(filepath.Join(temp, "caches"))
	}
	if err := b.cloneTo(ctx, c.dir); err != nil {
		c.remove()
		return nil, err
	}
	if fresh {
		if err := b.download(ctx, c); err != nil {
			c.remove()
			return nil, err
		}
	}
	return c, nil
}

// cloneTo makes a clean clone of HEAD, without uncommitted changes.
func (b *bench) cloneTo(ctx context.Context, dir string) error {
	if b.cfg.Dirty && !b.leftOut {
		changed, err := b.command(ctx, nil, "git", "status", "--porcelain")
		if err != nil {
			return fmt.Errorf("cloning HEAD: looking for uncommitted changes: %w", err)
		}
		fmt.Fprintf(b.cfg.Stderr, "left out, because they are not committed:\n%s", changed)
		b.leftOut = true
	}
	for _, args := range [][]string{
		{"clone", "--quiet", "--no-checkout", "file://" + b.cfg.Dir, dir},
		{"-C", dir, "checkout", "--quiet", "--detach", b.cfg.Commit},
	} {
		if _, err := b.commandIn(ctx, b.cfg.Dir, nil, "git", args...); err != nil {
			return fmt.Errorf("cloning HEAD: %w", err)
		}
	}
	return nil
}

// emptyCaches returns the variables that put every cache into a directory that does not exist
// yet. The modules and npm's downloads stay where they are, because the speed of the network
// is not a property of the project.
func emptyCaches(dir string) []string {
	return []string{
		"GOCACHE=" + filepath.Join(dir, "go-build"),
		"XDG_CACHE_HOME=" + filepath.Join(dir, "xdg"),
		"MAGEFILE_CACHE=" + filepath.Join(dir, "magefile"),
		"GOLANGCI_LINT_CACHE=" + filepath.Join(dir, "golangci-lint"),
		"JSII_RUNTIME_PACKAGE_CACHE_ROOT=" + filepath.Join(dir, "jsii"),
		"npm_config_prefer_offline=true",
	}
}

// freshNote describes the effect of emptyCaches.
const freshNote = "empty Go build, XDG, mage, golangci-lint and jsii caches; modules and npm packages downloaded before"

// download fills the module cache and npm's cache, once, with everything that the targets
// would download.
func (b *bench) download(ctx context.Context, c *clone) error {
	if b.downloaded {
		return nil
	}
	fmt.Fprintln(b.cfg.Stderr, "downloading the Go modules and npm packages, which no figure includes")
	modules, err := c.run(ctx, "git", "ls-files", "-z", "--", "go.mod", "*/go.mod")
	if err != nil {
		return fmt.Errorf("downloading modules: %w", err)
	}
	for file := range strings.SplitSeq(modules, "\x00") {
		module := path.Dir(file)
		if file == "" || strings.Contains(module, "testdata") {
			continue
		}
		if _, err := b.typed(ctx, filepath.Join(c.dir, module), nil, "go mod download"); err != nil {
			return fmt.Errorf("downloading the modules of %s: %w", module, err)
		}
	}
	// npm ci fills npm's cache, which a fresh installation then uses.
	aside := filepath.Join(c.temp, "npm")
	for _, name := range []string{"package.json", "package-lock.json"} {
		data, err := os.ReadFile(filepath.Join(c.dir, "infra", name)) // #nosec G304 -- a file of the project
		if err != nil {
			return fmt.Errorf("downloading npm packages: %w", err)
		}
		if err := writeAll(aside, map[string]string{name: string(data)}); err != nil {
			return fmt.Errorf("downloading npm packages: %w", err)
		}
	}
	if _, err := b.commandIn(ctx, aside, nil, "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"); err != nil {
		return fmt.Errorf("downloading npm packages: %w", err)
	}
	b.downloaded = true
	return nil
}

// remove deletes the clone and its caches. A process that was just stopped may still write
// files for a moment, which delays the deletion.
func (c *clone) remove() {
	err := os.RemoveAll(c.temp)
	for try := 0; err != nil && try < 3; try++ {
		_ = clock.Sleep(context.Background(), c.bench.clock, command.Grace)
		err = os.RemoveAll(c.temp)
	}
	if err != nil {
		fmt.Fprintf(c.bench.cfg.Stderr, "left behind: %s: %v\n", c.temp, err)
	}
}

// run runs a command in the clone and returns its standard output.
func (c *clone) run(ctx context.Context, name string, args ...string) (string, error) {
	return c.bench.commandIn(ctx, c.dir, c.env, name, args...)
}

// mage runs mage in the clone and returns how many seconds it took.
func (c *clone) mage(ctx context.Context, args ...string) (float64, error) {
	return c.typed(ctx, mageCommand, args...)
}

// typed runs a command in the clone as a developer types it, and returns how many seconds it
// took.
func (c *clone) typed(ctx context.Context, command string, args ...string) (float64, error) {
	return c.bench.seconds(func() error {
		_, err := c.bench.typed(ctx, c.dir, c.env, command, args...)
		return err
	})
}

// A line is a line of a file that measurements change.
type line struct {
	file string
	text string             // a part of the line that occurs once in the file
	with func(n int) string // the replacement, different for each n
}

// The lines that are changed. Tests run both of them and pass with each replacement. A
// changed line still contains the text that is searched for, because the tests of this
// package also run in the clone.
var (
	lineOfApp = line{
		file: "app/ledger/observe.go",
		text: "the log has the reason under this request's id",
		with: func(n int) string { return fmt.Sprintf("the log has the reason under this request's id (%d)", n) },
	}
	lineOfLeaf = line{
		file: "tools/internal/suggest/suggest.go",
		text: "if len(a) > 64",
		with: func(n int) string { return fmt.Sprintf("if len(a) > 64+%d", n) },
	}
)

// change changes a line, each time to something new.
func (c *clone) change(l line) error {
	name := filepath.Join(c.dir, l.file)
	data, err := os.ReadFile(name) // #nosec G304 -- a file of the clone
	if err != nil {
		return fmt.Errorf("changing a line: %w", err)
	}
	before := cmp.Or(c.changed[l.file], l.text)
	if bytes.Count(data, []byte(before)) != 1 {
		return fmt.Errorf("changing a line: %s does not hold %q exactly once; name another line in tools/magewright/bench/clone.go", l.file, before)
	}
	c.changes++
	after := l.with(c.changes)
	c.changed[l.file] = after
	return c.write(l.file, strings.Replace(string(data), before, after, 1))
}

// changeProgram adds a line to the program in a directory, so that it is a different program.
func (c *clone) changeProgram(dir string) error {
	files, err := filepath.Glob(filepath.Join(c.dir, dir, "*.go"))
	if err != nil {
		return fmt.Errorf("changing a program: %w", err)
	}
	i := slices.IndexFunc(files, func(file string) bool { return !strings.HasSuffix(file, "_test.go") })
	if i < 0 {
		return fmt.Errorf("changing a program: %s has no Go files; name another in tools/magewright/bench/waits.go", dir)
	}
	data, err := os.ReadFile(files[i])
	if err != nil {
		return fmt.Errorf("changing a program: %w", err)
	}
	c.changes++
	name, err := filepath.Rel(c.dir, files[i])
	if err != nil {
		return fmt.Errorf("changing a program: %w", err)
	}
	return c.write(name, fmt.Sprintf("%s\n\nvar Bench%d = %d\n", bytes.TrimRight(data, "\n"), c.changes, c.changes))
}

func (c *clone) write(name, text string) error {
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil { // #nosec G703 -- a file of the clone
		return fmt.Errorf("changing a line: %w", err)
	}
	return nil
}

// commit commits what has changed.
func (c *clone) commit(ctx context.Context) error {
	// The user's own signing key and hooks are not needed here.
	_, err := c.run(ctx, "git", "-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "commit.gpgSign=false",
		"commit", "--quiet", "--all", "--no-verify", "-m", "Change a line")
	if err != nil {
		return fmt.Errorf("committing the changed line: %w", err)
	}
	return nil
}

// warmClone returns the clone that all measurements with warm caches share, so that each of
// them finds what the earlier ones built.
func (b *bench) warmClone(ctx context.Context) (*clone, error) {
	if b.warm == nil {
		var err error
		if b.warm, err = b.clone(ctx, false); err != nil {
			return nil, err
		}
	}
	return b.warm, nil
}

// removeClone removes the shared clone.
func (b *bench) removeClone() {
	if b.warm != nil {
		b.warm.remove()
		b.warm = nil
	}
}
