package collect

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/magewright/magewright/tools/check/sec"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/readiness"
)

// silencers are the texts with which a line tells a scanner to leave something out.
var silencers = []string{"#nosec", "gosec:disable", "nolint", "lint:ignore", "lint:file-ignore", "gitleaks:allow"}

// silencing reports whether a file of a commit configures what scanners leave out.
func silencing(name string) bool {
	file := path.Base(name)
	return file == ".gitleaks.toml" || file == ".gitleaksignore" || file == ".gitattributes" || strings.HasPrefix(file, ".golangci.")
}

// Suppressions finds what the change tells scanners to leave out.
func Suppressions(ctx context.Context, e Env) (evidence.Predicate, error) {
	s := readiness.Suppressions{Made: evidence.Made{FinishedOn: e.Clock.Now(), Dirty: e.Project.Dirty}, Base: e.Candidate.Base}
	now, err := suppressing(ctx, e.Project.Dir, e.Candidate.Commit)
	if err != nil {
		return nil, err
	}
	s.Lines = len(now)
	if e.Candidate.First() {
		return s, nil
	}
	before, err := suppressing(ctx, e.Project.Dir, e.Candidate.Base)
	if err != nil {
		return nil, err
	}
	was := map[string]string{} // the path in the base, by the present path
	for _, change := range e.Candidate.Changed {
		if change.From != "" {
			was[change.Path] = change.From
		}
		if silencing(change.Path) || silencing(change.From) {
			s.New = append(s.New, readiness.Suppression{File: change.Path, Text: "differs from the base's"})
		}
	}
	left := map[readiness.Suppression]int{} // lines of the base, without their numbers
	for _, one := range before {
		one.Line = 0
		left[one]++
	}
	for _, one := range now {
		there := readiness.Suppression{File: one.File, Text: one.Text}
		if from, renamed := was[one.File]; renamed {
			there.File = from
		}
		if left[there]--; left[there] < 0 {
			s.New = append(s.New, one)
		}
	}
	return s, nil
}

// suppressing returns the lines of a commit that suppress something.
func suppressing(ctx context.Context, dir, commit string) ([]readiness.Suppression, error) {
	args := []string{"grep", "-z", "-n", "--full-name", "--text", "--fixed-strings"}
	for _, text := range silencers {
		args = append(args, "-e", text)
	}
	var out, said bytes.Buffer
	git := gitcmd.In(dir)
	git.Stdout, git.Stderr = &out, &said
	err := git.Run(ctx, append(args, commit)...)
	if command.ExitCode(err) == 1 { // the commit has none
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for suppressions in %.12s: %w: %s", commit, err, bytes.TrimSpace(said.Bytes()))
	}
	var found []readiness.Suppression
	for line := range strings.Lines(out.String()) {
		// COMMIT:FILE NUL LINE NUL TEXT
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), "\x00", 3)
		number := 0
		if len(fields) == 3 {
			number, err = strconv.Atoi(fields[1])
		}
		if number == 0 || err != nil {
			return nil, fmt.Errorf("looking for suppressions in %.12s: git grep says %q", commit, line)
		}
		const most = 200
		text := strings.TrimSpace(fields[2])
		if len(text) > most {
			text = strings.ToValidUTF8(text[:most], "") + "…"
		}
		found = append(found, readiness.Suppression{File: strings.TrimPrefix(fields[0], commit+":"), Line: number, Text: strings.ToValidUTF8(text, "?")})
	}
	return found, nil
}

// Rescan looks for secrets again, with the base's configuration.
func Rescan(ctx context.Context, e Env) (evidence.Predicate, error) {
	scan, version, err := sec.Rescan(ctx, e.Project, e.Candidate.Base)
	if err != nil {
		return nil, err
	}
	return readiness.Rescan{
		Made: evidence.Made{FinishedOn: e.Clock.Now(), Dirty: e.Project.Dirty, Tools: map[string]string{scan.Tool: version}},
		Base: e.Candidate.Base, Scan: scan,
	}, nil
}
