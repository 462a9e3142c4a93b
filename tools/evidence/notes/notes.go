// Package notes stores what people sign about a commit as git notes on it, with
// one JSON envelope on each line. Notes need no commit on the branch.
// See https://git-scm.com/docs/git-notes.
package notes

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gitcmd"
)

// Ref is the ref of the notes.
const Ref = "refs/notes/magewright"

// Push is the command that shares the notes.
const Push = "git push origin " + Ref

// patience is how long the remote may take to answer.
const patience = 30 * time.Second

// A Repository is a directory in a git repository.
type Repository string

func (r Repository) git(set ...string) gitcmd.Cmd { return gitcmd.In(string(r), set...) }

// Fetch gets the notes from origin if this clone has none. It is no error if
// origin has none either.
func (r Repository) Fetch(ctx context.Context) error {
	tip, err := r.tip(ctx)
	if err != nil || tip != "" {
		return err
	}
	// git-remote(1) exits with 2 if there is no such remote.
	if _, err := r.git().Output(ctx, "remote", "get-url", "origin"); command.ExitCode(err) == 2 {
		return errors.New("there is no remote origin, so it is unknown what was signed elsewhere")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("origin did not answer within %s", patience))
	defer cancel()
	// Whoever fetches may need credentials and a proxy.
	git := gitcmd.AsUser(string(r), "GIT_TERMINAL_PROMPT=0")
	_, err = git.Output(ctx, "ls-remote", "--exit-code", "origin", Ref)
	// git-ls-remote(1) exits with 2 if there is no matching ref.
	if command.ExitCode(err) == 2 {
		return nil
	}
	if err == nil {
		_, err = git.Output(ctx, "fetch", "--quiet", "--no-tags", "origin", Ref+":"+Ref)
	}
	if err != nil {
		// git's first line says why; the rest is advice.
		why, _, _ := strings.Cut(err.Error(), "\n")
		return fmt.Errorf("fetching what was signed: %s", why)
	}
	return nil
}

// tip returns the commit of the notes, or "".
func (r Repository) tip(ctx context.Context) (string, error) {
	tip, err := r.git().Output(ctx, "rev-parse", "--verify", "--quiet", Ref)
	// With --quiet, exit code 1 means that there is no such ref.
	if command.ExitCode(err) == 1 {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", Ref, err)
	}
	return tip, nil
}

// Lines returns the lines of the notes on commits with this tree, without
// duplicates.
func (r Repository) Lines(ctx context.Context, tree string) ([]string, error) {
	git := r.git()
	listed, err := git.Output(ctx, "notes", "--ref="+Ref, "list")
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", Ref, err)
	}
	var blobs, asked []string
	for line := range strings.Lines(listed) {
		// The fields are the note and the object that it is on.
		if fields := strings.Fields(line); len(fields) == 2 {
			blobs, asked = append(blobs, fields[0]), append(asked, fields[1]+"^{tree}")
		}
	}
	if len(asked) == 0 {
		return nil, nil
	}
	// Ask one process about all of them. It answers "missing" for a commit that
	// is not in this clone.
	trees := git
	trees.Stdin = strings.NewReader(strings.Join(asked, "\n") + "\n")
	answered, err := trees.Output(ctx, "cat-file", "--batch-check=%(objectname)")
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", Ref, err)
	}
	answers := strings.Split(answered, "\n")
	if len(answers) != len(blobs) {
		return nil, fmt.Errorf("reading %s: git answers %d of %d questions", Ref, len(answers), len(blobs))
	}
	var lines []string
	seen := map[string]bool{"": true}
	for i, answer := range answers {
		if answer != tree {
			continue
		}
		note, err := git.Output(ctx, "cat-file", "blob", blobs[i])
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", Ref, err)
		}
		for line := range strings.Lines(note) {
			if line = strings.TrimSpace(line); !seen[line] {
				seen[line] = true
				lines = append(lines, line)
			}
		}
	}
	return lines, nil
}

// An Author is the author of the commit that stores a note. Nobody relies on
// it, because only the signature counts.
type Author struct{ Name, Email string }

// Append adds a line to the note on a commit. `git notes append` loses a line
// if two processes run it concurrently. Append therefore makes the new notes
// under a ref of its own, and moves Ref to them only if Ref has not changed
// meanwhile. Otherwise it tries again.
func (r Repository) Append(ctx context.Context, commit, line string, by Author) error {
	const attempts = 10
	var err error
	for range attempts {
		var moved bool
		if moved, err = r.append(ctx, commit, line, by); moved {
			return err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return fmt.Errorf("noting on commit %.12s: %w", commit, err)
}

func (r Repository) append(ctx context.Context, commit, line string, by Author) (moved bool, err error) {
	git := r.git("GIT_AUTHOR_NAME="+by.Name, "GIT_AUTHOR_EMAIL="+by.Email, "GIT_COMMITTER_NAME="+by.Name, "GIT_COMMITTER_EMAIL="+by.Email)
	was, err := r.tip(ctx)
	if err != nil {
		return false, err
	}
	own := Ref + "-" + strings.ToLower(rand.Text())
	defer func() {
		// Do this even if ctx has ended, so that nothing is left behind.
		_, gone := git.Output(context.WithoutCancel(ctx), "update-ref", "-d", own)
		err = errors.Join(err, gone)
	}()
	if was != "" {
		if _, err := git.Output(ctx, "update-ref", own, was); err != nil {
			return false, err
		}
	}
	before, err := git.Output(ctx, "notes", "--ref="+own, "show", commit)
	// Exit code 1 means that there is no note on it.
	if err != nil && command.ExitCode(err) != 1 {
		return false, err
	}
	add := git
	add.Stdin = strings.NewReader(strings.TrimSpace(before+"\n"+line) + "\n")
	if _, err := add.Output(ctx, "notes", "--ref="+own, "add", "--force", "--file=-", commit); err != nil {
		return false, err
	}
	now, err := git.Output(ctx, "rev-parse", "--verify", own)
	if err != nil {
		return false, err
	}
	// An empty old value would match anything. Zeros require that the ref does
	// not exist.
	if was == "" {
		was = strings.Repeat("0", len(now))
	}
	_, err = git.Output(ctx, "update-ref", "-m", "noted", Ref, now, was)
	return err == nil, err
}
