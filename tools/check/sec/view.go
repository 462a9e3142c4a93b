package sec

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/project"
)

// A view shows the commits of a clone to gitleaks without what a commit wants to hide: git
// reads attributes from the checkout and from the index, and an attribute can keep it from
// showing what was added to a file.
type view struct {
	// dir is git's own directory. It has no files of the commits, in which gitleaks and git
	// would look for more configuration.
	dir string
	// hides says which file of this clone, which is in no commit, could leave something out.
	hides string
}

func plainView(ctx context.Context, cfg project.Config) (view, error) {
	git := gitcmd.In(cfg.Dir)
	dir, err := git.Output(ctx, "rev-parse", "--absolute-git-dir")
	if err != nil {
		return view{}, fmt.Errorf("finding git's directory: %w", err)
	}
	attributes, err := git.Output(ctx, "rev-parse", "--path-format=absolute", "--git-path", "info/attributes")
	if err != nil {
		return view{}, fmt.Errorf("finding git's attributes: %w", err)
	}
	v := view{dir: dir}
	for _, file := range []string{attributes, filepath.Join(dir, ".gitleaksignore")} {
		if info, err := os.Stat(file); err == nil && info.Size() > 0 {
			v.hides = file + ", which is in no commit, could leave something out: remove it"
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return view{}, err
		}
	}
	return v, nil
}

// noIndex names an index that does not exist, and so has no attributes.
func (v view) noIndex() string {
	return "GIT_INDEX_FILE=" + filepath.Join(v.dir, "magewright-has-no-index")
}

func (v view) git() gitcmd.Cmd { return gitcmd.In(v.dir, v.noIndex()) }

// environ is that of gitleaks. A configuration of this machine would not be recorded
// anywhere.
func (v view) environ() []string {
	return gitcmd.Environ(v.noIndex(), "GITLEAKS_CONFIG=", "GITLEAKS_CONFIG_TOML=")
}
