package gitcmd

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// A Difference is why the files of a checkout are not those of its commit.
type Difference struct {
	Path string
	Is   string // modified, not committed, hidden from git
}

// Hidden is the difference of a file that git was told not to look at.
const Hidden = "hidden from git"

// Changes returns how the files of the checkout around dir differ from HEAD. It
// finds what git was told not to show: files that are assumed to be unchanged or
// left out of the checkout (git update-index), and untracked files that only this
// clone ignores. A directory that is not in the checkout that git looks at is an
// error.
func Changes(ctx context.Context, dir string) ([]Difference, error) {
	git := In(dir)
	top, err := git.Output(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, fmt.Errorf("looking for changes: %w", err)
	}
	if err := within(dir, top); err != nil {
		return nil, err
	}
	git.Dir = top
	var found []Difference
	tracked, err := raw(ctx, git, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=no", "--ignore-submodules=none")
	if err != nil {
		return nil, fmt.Errorf("looking for changes: %w", err)
	}
	for _, entry := range tracked {
		if len(entry) > 3 {
			found = append(found, Difference{entry[3:], "modified"})
		}
	}
	// Only the .gitignore files of the commit say what is left out.
	others, err := raw(ctx, git, "ls-files", "-z", "--others", "--exclude-per-directory=.gitignore")
	if err != nil {
		return nil, fmt.Errorf("looking for files that are not committed: %w", err)
	}
	for _, name := range others {
		found = append(found, Difference{name, "not committed"})
	}
	flags, err := raw(ctx, git, "ls-files", "-z", "-v")
	if err != nil {
		return nil, fmt.Errorf("looking for files that are hidden: %w", err)
	}
	for _, entry := range flags {
		// A lower-case letter is for a file that is assumed to be unchanged, S for
		// one that is left out of the checkout. See git-ls-files(1), -v and -t.
		if tag, name, ok := strings.Cut(entry, " "); ok && (tag == "S" || tag != strings.ToUpper(tag)) {
			found = append(found, Difference{name, Hidden})
		}
	}
	return found, nil
}

// raw returns the entries of an output that NULs end.
func raw(ctx context.Context, git Cmd, args ...string) ([]string, error) {
	var out, said bytes.Buffer
	git.Stdout, git.Stderr = &out, &said
	if err := git.Run(ctx, args...); err != nil {
		return nil, fmt.Errorf("%w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	return strings.FieldsFunc(out.String(), func(r rune) bool { return r == 0 }), nil
}

// within returns an error unless dir is top or below it. The setting core.worktree
// can make git look at another directory.
func within(dir, top string) error {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for _, path := range []*string{&absolute, &top} {
		if real, err := filepath.EvalSymlinks(*path); err == nil {
			*path = real
		}
	}
	if relative, err := filepath.Rel(top, absolute); err != nil || !filepath.IsLocal(relative) {
		return fmt.Errorf("looking for changes: git looks at the files in %s, and the project is in %s (git config core.worktree)", top, absolute)
	}
	return nil
}
