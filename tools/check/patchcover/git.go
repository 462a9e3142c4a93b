package patchcover

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gitcmd"
)

// ReadPatch reads the differences between two trees or commits of the repository in dir.
func ReadPatch(ctx context.Context, dir, from, to string) (Patch, error) {
	var p Patch
	var diff bytes.Buffer
	args := append(append([]string{}, diffArgs...), from, to, "--", "*.go")
	git := gitcmd.In(dir)
	git.Stdout = &diff
	if err := git.Run(ctx, args...); err != nil {
		return p, fmt.Errorf("comparing Go files: %w", err)
	}
	var err error
	if p.Changes, err = ParseDiff(&diff); err != nil {
		return p, err
	}
	tree, err := gitcmd.In(dir).Output(ctx, "ls-tree", "-r", "-z", "--name-only", "--full-tree", to)
	if err != nil {
		return p, fmt.Errorf("looking for modules: %w", err)
	}
	var modules, changed []string
	for name := range strings.SplitSeq(tree, "\x00") {
		if path.Base(name) == "go.mod" {
			modules = append(modules, name)
		}
	}
	for _, c := range p.Changes {
		if c.Path != "" {
			changed = append(changed, c.Path)
		}
	}
	if p.Sources, err = readFiles(ctx, dir, to, append(changed, modules...)); err != nil {
		return p, err
	}
	for _, name := range modules {
		p.Modules = append(p.Modules, Module{path.Dir(name), modfile.ModulePath(p.Sources[name])})
	}
	var before []string
	for _, c := range p.Changes {
		if c.Path != "" && c.Old != "" && generated(p.Sources[c.Path]) {
			before = append(before, c.Old)
		}
	}
	if p.Before, err = readFiles(ctx, dir, from, before); err != nil {
		return p, err
	}
	p.Mentioned, err = p.mentioned(ctx, dir, to)
	return p, err
}

// mentioned looks for the import paths of changed packages in testdata.
func (p Patch) mentioned(ctx context.Context, dir, tree string) (map[string]bool, error) {
	found := map[string]bool{}
	for _, c := range p.Changes {
		name := profileName(p.Modules, c.Path)
		if name == "" || !isTestSupport(c.Path) {
			continue
		}
		err := gitcmd.In(dir).Run(ctx, "grep", "--quiet", "--text", "--fixed-strings", "-e", path.Dir(name), tree, "--", "*.go", ":(exclude)*_test.go")
		if err != nil && command.ExitCode(err) != 1 {
			return nil, fmt.Errorf("looking for who imports %s: %w", path.Dir(name), err)
		}
		found[c.Path] = err == nil
	}
	return found, nil
}

// readFiles reads files of a tree with a single process. It returns them by path.
func readFiles(ctx context.Context, dir, tree string, files []string) (map[string][]byte, error) {
	var names strings.Builder
	for _, file := range files {
		if strings.Contains(file, "\n") {
			return nil, fmt.Errorf("reading %q of %s: git can't be asked for a name of two lines", file, tree)
		}
		_, _ = fmt.Fprintf(&names, "%s:%s\n", tree, file) // never fails
	}
	var out bytes.Buffer
	if len(files) > 0 {
		git := gitcmd.In(dir)
		git.Stdin, git.Stdout = strings.NewReader(names.String()), &out
		if err := git.Run(ctx, "cat-file", "--batch"); err != nil {
			return nil, fmt.Errorf("reading files of %s: %w", tree, err)
		}
	}
	found := map[string][]byte{}
	in := bufio.NewReader(&out)
	for _, file := range files {
		data, err := readObject(in)
		if err != nil {
			return nil, fmt.Errorf("reading %s of %s: %w", file, tree, err)
		}
		found[file] = data
	}
	return found, nil
}

// readObject reads one answer of git cat-file --batch.
func readObject(in *bufio.Reader) ([]byte, error) {
	header, err := in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(header)
	if len(fields) != 3 || fields[1] != "blob" {
		return nil, errors.New(strings.TrimSpace(header))
	}
	size, err := strconv.Atoi(fields[2])
	if err != nil {
		return nil, err
	}
	data := make([]byte, size+1) // with the newline that follows
	if _, err := io.ReadFull(in, data); err != nil {
		return nil, err
	}
	return data[:size], nil
}
