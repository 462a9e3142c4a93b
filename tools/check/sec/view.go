package sec

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
	for file, hides := range map[string]func(string) bool{
		attributes:                            canHide,
		filepath.Join(dir, ".gitleaksignore"): func(text string) bool { return text != "" },
	} {
		text, err := os.ReadFile(file) // #nosec G304 -- of the clone
		if err == nil && hides(string(text)) {
			v.hides = file + ", which is in no commit, could leave something out: remove it"
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return view{}, err
		}
	}
	return v, nil
}

// canHide reports whether attributes can keep git from showing text: by diff, by binary, or
// by a macro, which has them under another name. Those about merges or ends of lines can't.
func canHide(attributes string) bool {
	return slices.ContainsFunc([]string{"diff", "binary", "[attr]"}, func(word string) bool { return strings.Contains(attributes, word) })
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
