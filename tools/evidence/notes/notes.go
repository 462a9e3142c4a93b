// Package notes carries what people sign about a commit as git notes on it, one
// envelope in JSON a line: they need no commit of their own.
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
)

// Ref is where the notes are.
const Ref = "refs/notes/magewright"

// Push is the command that shares them.
const Push = "git push origin " + Ref

// patience is how long the remote may take.
const patience = 30 * time.Second

// A Repository is a directory in a git repository.
type Repository string

func (r Repository) git(set ...string) command.Cmd {
	return command.Cmd{Dir: string(r), Env: command.Environ(append(set, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0")...)}
}

// Fetch gets the notes from origin where this clone has none. That origin has
// none either is no error.
func (r Repository) Fetch(ctx context.Context) error {
	tip, err := r.tip(ctx)
	if err != nil || tip != "" {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("origin did not answer within %s", patience))
	defer cancel()
	git := r.git()
	_, err = git.Output(ctx, "git", "ls-remote", "--exit-code", "origin", Ref)
	if command.ExitCode(err) == 2 { // git-ls-remote(1): no matching ref
		return nil
	}
	if err == nil {
		_, err = git.Output(ctx, "git", "fetch", "--quiet", "--no-tags", "origin", Ref+":"+Ref)
	}
	if err != nil {
		// What git says first is why; the rest is advice.
		why, _, _ := strings.Cut(err.Error(), "\n")
		return fmt.Errorf("fetching what was signed: %s", why)
	}
	return nil
}

// tip returns the commit that the notes are at, or "".
func (r Repository) tip(ctx context.Context) (string, error) {
	tip, err := r.git().Output(ctx, "git", "rev-parse", "--verify", "--quiet", Ref)
	if command.ExitCode(err) == 1 { // --quiet: there is no such ref
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", Ref, err)
	}
	return tip, nil
}

// Lines returns what is noted on commits that have this tree, each line once.
func (r Repository) Lines(ctx context.Context, tree string) ([]string, error) {
	git := r.git()
	listed, err := git.Output(ctx, "git", "notes", "--ref="+Ref, "list")
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", Ref, err)
	}
	var blobs, asked []string
	for line := range strings.Lines(listed) {
		if fields := strings.Fields(line); len(fields) == 2 { // the note and what it is on
			blobs, asked = append(blobs, fields[0]), append(asked, fields[1]+"^{tree}")
		}
	}
	if len(asked) == 0 {
		return nil, nil
	}
	// One process for all of them. A commit that this clone lacks is "missing".
	trees := git
	trees.Stdin = strings.NewReader(strings.Join(asked, "\n") + "\n")
	answered, err := trees.Output(ctx, "git", "cat-file", "--batch-check=%(objectname)")
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
		note, err := git.Output(ctx, "git", "cat-file", "blob", blobs[i])
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

// An Author is who the commit that keeps a note is by. Nobody reads it: what
// counts is the signature.
type Author struct{ Name, Email string }

// Append adds a line to the note on a commit. `git notes append` loses a line
// where two run at once, so the new notes are made under a ref of their own,
// and Ref moves to them only from where it was; else it is done again.
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
		// Also after ctx has ended: nothing may be left behind.
		_, gone := git.Output(context.WithoutCancel(ctx), "git", "update-ref", "-d", own)
		err = errors.Join(err, gone)
	}()
	if was != "" {
		if _, err := git.Output(ctx, "git", "update-ref", own, was); err != nil {
			return false, err
		}
	}
	before, err := git.Output(ctx, "git", "notes", "--ref="+own, "show", commit)
	if err != nil && command.ExitCode(err) != 1 { // 1: there is no note on it
		return false, err
	}
	add := git
	add.Stdin = strings.NewReader(strings.TrimSpace(before+"\n"+line) + "\n")
	if _, err := add.Output(ctx, "git", "notes", "--ref="+own, "add", "--force", "--file=-", commit); err != nil {
		return false, err
	}
	now, err := git.Output(ctx, "git", "rev-parse", "--verify", own)
	if err != nil {
		return false, err
	}
	// An empty old value would ask nothing: zeros ask that there is no such ref.
	if was == "" {
		was = strings.Repeat("0", len(now))
	}
	_, err = git.Output(ctx, "git", "update-ref", "-m", "noted", Ref, now, was)
	return err == nil, err
}
