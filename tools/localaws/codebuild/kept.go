package codebuild

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/magewright/magewright/tools/internal/command"
)

// A tree is what a commit has at which names. It leaves out symbolic links and
// submodules.
type tree struct {
	files map[string]fs.FileMode // 0o777 for what can be executed, else 0o666
	dirs  map[string]bool
	// attributes says that git may write other contents than the commit's.
	attributes bool
}

// readTree returns the tree of a commit.
func readTree(ctx context.Context, git command.Cmd, commit string) (tree, error) {
	listed, err := git.Output(ctx, "git", "ls-tree", "-r", "-z", "--full-tree", commit)
	if err != nil {
		return tree{}, err
	}
	t := tree{files: map[string]fs.FileMode{}, dirs: map[string]bool{".": true}}
	for entry := range strings.SplitSeq(strings.Trim(listed, "\x00"), "\x00") {
		// The format is: mode SP type SP object TAB name.
		about, name, ok := strings.Cut(entry, "\t")
		if !ok || !strings.HasPrefix(about, "100") {
			continue
		}
		t.files[name] = 0o666
		if strings.HasPrefix(about, "100755") {
			t.files[name] = 0o777
		}
		t.attributes = t.attributes || path.Base(name) == ".gitattributes"
		for dir := path.Dir(name); !t.dirs[dir]; dir = path.Dir(dir) {
			t.dirs[dir] = true
		}
	}
	return t, nil
}

// prune removes from a directory what does not have the name and kind of a file
// of the tree. The others get the permissions that a checkout gives them, of which
// it takes those of perm. It does not look at contents.
func (t tree) prune(dir string, perm fs.FileMode) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && t.dirs[name]:
			return root.Chmod(name, perm)
		case d.IsDir():
			if err := root.RemoveAll(name); err != nil {
				return err
			}
			return fs.SkipDir
		case !d.Type().IsRegular() || t.files[name] == 0:
			return root.Remove(name)
		}
		return root.Chmod(name, t.files[name]&perm)
	})
	return errors.Join(err, root.Close())
}

// reuse makes a checkout that an earlier build has left the working tree of a new
// clone without one. Nothing in it is believed: what is not in the commit is
// removed, and git compares the content of each file with the commit's before it
// leaves that file as it is. Most files of two commits are the same, and making a
// thousand files costs ext4 more than a second, if as many have just been removed.
func reuse(ctx context.Context, git command.Cmd, commit, kept string, t tree) error {
	if t.attributes {
		return removeAll(kept)
	}
	fresh, err := os.Stat(git.Dir)
	if err != nil {
		return err
	}
	if err := t.prune(kept, fresh.Mode().Perm()); err != nil {
		return removeAll(kept)
	}
	if err := os.Rename(filepath.Join(git.Dir, ".git"), filepath.Join(kept, ".git")); err != nil {
		return err
	}
	if err := errors.Join(os.Remove(git.Dir), os.Rename(kept, git.Dir)); err != nil {
		return err
	}
	// This index knows of no file's times and size, so that git reads each of them.
	if _, err := git.Output(ctx, "git", "read-tree", commit); err != nil {
		return fmt.Errorf("reading the tree: %w", err)
	}
	// It fails if there are differences, which the checkout undoes.
	_, _ = git.Output(ctx, "git", "update-index", "-q", "--refresh")
	return ctx.Err()
}
