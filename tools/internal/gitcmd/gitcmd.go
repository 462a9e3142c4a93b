// Package gitcmd runs git, always in a way that shows commits as they are.
//
// git can show something else: replace refs and grafts give a commit other content
// or other parents, a commit-graph file says what the parents are, and the user's
// configuration hides files and changes how differences look. None of these is in
// the commit, so none may decide about it.
package gitcmd

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/internal/command"
)

// A Cmd runs git. Make it with In or AsUser, and then set Stdin, Stdout and Stderr
// if necessary.
type Cmd struct{ command.Cmd }

// In returns a Cmd that runs in dir with additional variables ("NAME=value"). It
// reads no configuration but the repository's own.
func In(dir string, set ...string) Cmd {
	return Cmd{command.Cmd{Dir: dir, Env: Environ(set...)}}
}

// AsUser returns a Cmd that also reads the configuration of the user and the
// machine, such as credentials, proxies and names. It is for what is sent to or
// fetched from others, and for asking who the user is.
func AsUser(dir string, set ...string) Cmd {
	return Cmd{command.Cmd{Dir: dir, Env: append(environ(keptForUser, nil), set...)}}
}

// Run runs git to its end.
func (c Cmd) Run(ctx context.Context, args ...string) error {
	return c.Cmd.Run(ctx, "git", args...)
}

// Output runs git and returns its output without surrounding white space.
func (c Cmd) Output(ctx context.Context, args ...string) (string, error) {
	return c.Cmd.Output(ctx, "git", args...)
}

// File returns a file of a commit, and whether the commit has it. The name is
// relative to c.Dir, with slashes. It uses none of c's streams.
func (c Cmd) File(ctx context.Context, commit, name string) (text []byte, found bool, err error) {
	listed, err := c.Output(ctx, "ls-tree", "--name-only", commit, "--", name)
	if err != nil {
		return nil, false, fmt.Errorf("looking for %s in %.12s: %w", name, commit, err)
	}
	if listed == "" {
		return nil, false, nil
	}
	var blob, said bytes.Buffer
	c.Stdout, c.Stderr = &blob, &said
	if err := c.Run(ctx, "cat-file", "blob", commit+":./"+name); err != nil {
		return nil, false, fmt.Errorf("reading %s of %.12s: %w: %s", name, commit, err, bytes.TrimSpace(said.Bytes()))
	}
	return blob.Bytes(), true, nil
}

// Clone makes dir a clone of the repository in from, with the files of a commit.
func Clone(ctx context.Context, from, commit, dir string) error {
	// git starts the other side of a clone without our settings.
	if _, err := In("").Output(ctx, "clone", "--quiet", "--no-checkout", "--upload-pack=git -c safe.directory=* upload-pack", from, dir); err != nil {
		return fmt.Errorf("cloning the commit: %w", err)
	}
	if _, err := In(dir).Output(ctx, "checkout", "--quiet", "--detach", commit); err != nil {
		return fmt.Errorf("cloning the commit: %w", err)
	}
	return nil
}

// settings take the place of what the repository's own configuration says, which
// is in no commit either.
var settings = [][2]string{
	// Who runs a target runs the code of the repository anyway, whoever owns it. Git
	// accepts this setting only from the user or from the command line.
	{"safe.directory", "*"},
	// environ names a file of grafts, so that git does not read the repository's own. git
	// may warn of it, and gitleaks takes what git says on stderr for an error.
	{"advice.graftFileDeprecated", "false"},
	// As many processes as processors write the files of a checkout.
	{"checkout.workers", "0"},
	{"core.commitGraph", "false"},
	{"core.fsmonitor", "false"},
	{"core.untrackedCache", "false"},
	{"core.ignoreStat", "false"},
	{"core.checkStat", "default"},
	{"core.trustctime", "true"},
	{"core.excludesFile", os.DevNull},
	{"core.attributesFile", os.DevNull},
	{"core.hooksPath", os.DevNull},
	{"core.quotePath", "false"},
	{"color.ui", "false"},
	{"status.showUntrackedFiles", "all"},
	{"status.relativePaths", "true"},
	{"diff.ignoreSubmodules", "none"},
	{"diff.submodule", "short"},
	{"diff.noprefix", "false"},
	{"diff.srcPrefix", "a/"},
	{"diff.dstPrefix", "b/"},
	{"diff.mnemonicPrefix", "false"},
	{"diff.orderFile", os.DevNull},
	{"format.pretty", "medium"},
	{"log.date", "default"},
	{"log.decorate", "false"},
	{"log.showRoot", "true"},
	{"log.showSignature", "false"},
	{"log.mailmap", "false"},
}

// keptForUser are git's variables that AsUser takes over.
var keptForUser = []string{"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_TERMINAL_PROMPT", "GIT_SSL_CAINFO"}

// Environ returns the environment that In gives to git, for programs that run git
// themselves. Of this process's variables it has none of git's own: they could name
// another repository, index or configuration.
func Environ(set ...string) []string {
	env := environ(nil, settings)
	env = append(env, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0")
	return append(env, set...)
}

func environ(keep []string, settings [][2]string) []string {
	env := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return strings.HasPrefix(name, "GIT_") && !slices.Contains(keep, name)
	})
	// The file of grafts does not exist. If it did, even empty, git would say on each
	// run that it is deprecated, and gitleaks takes that for a failure.
	env = append(env, "GIT_NO_REPLACE_OBJECTS=1", "GIT_GRAFT_FILE="+filepath.Join(os.DevNull, "none"), "LC_ALL=C")
	if len(settings) > 0 {
		env = append(env, fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(settings)))
	}
	for i, s := range settings {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, s[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, s[1]))
	}
	return env
}
