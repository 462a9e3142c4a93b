package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/magewright/magewright/tools/check/patchcover"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
)

// ChangedCode compares the Go code that differs from the base with the coverage
// profile from `mage test`.
func ChangedCode(ctx context.Context, e Env) (evidence.Predicate, error) {
	code := readiness.ChangedCode{
		Made: evidence.Made{FinishedOn: e.Clock.Now(), Reports: map[string]string{}},
		Base: e.Candidate.Base,
	}
	profile, measured := patchcover.Profile{}, patchcover.Digests{}
	for _, report := range []struct {
		name string
		read func([]byte) error
	}{
		{"coverage.out", func(data []byte) error { return profile.Read(bytes.NewReader(data)) }},
		{"sources.json", func(data []byte) error { return json.Unmarshal(data, &measured) }},
	} {
		file := filepath.Join(e.Project.Evidence, report.name)
		data, err := os.ReadFile(file) // #nosec G304 -- below the evidence directory
		if errors.Is(err, fs.ErrNotExist) {
			return nil, exit.Missing("go tool mage test", "there is no %s of the tests", report.name)
		}
		if err == nil {
			err = report.read(data)
		}
		if err != nil {
			return nil, exit.Missing("go tool mage test", "reading what the tests cover: %s: %w", report.name, err)
		}
		code.Reports[report.name] = evidence.Digest(data)
	}
	var err error
	if code.Impossible, err = patchcover.Impossible(ctx, e.Project.Dir, e.Candidate.Commit, profile, measured); err != nil {
		return nil, fmt.Errorf("comparing the profile with the sources: %w", err)
	}
	from := emptyTree
	if base := e.Candidate.Base; base != "" {
		if from, err = gitcmd.In(e.Project.Dir).Output(ctx, "merge-base", base, e.Candidate.Commit); err != nil {
			return nil, exit.Missing("git fetch --unshallow", "comparing with the base: %w", err)
		}
	}
	patch, err := patchcover.ReadPatch(ctx, e.Project.Dir, from, e.Candidate.Commit)
	if err != nil {
		return nil, fmt.Errorf("reading what changed: %w", err)
	}
	if code.Result, err = patch.Cover(profile, measured); err != nil {
		return nil, exit.Missing("go tool mage test", "comparing what changed with what tests cover: %w", err)
	}
	return code, nil
}
