package project

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// leaves lists the files that the targets of an action leave in the evidence directory, by
// the action's name in the pipeline. If a target leaves another file, it must be added here,
// because later actions accept no others. Add it one release before it is left:
// the judge is the release before, and accepts only the files that it knows.
var leaves = map[string][]string{
	"Lint":      {"lint.intoto.json"},
	"Test":      {"test.intoto.json", "test.json", "junit.xml", "coverage.out", "sources.json"},
	"Sec":       {"sec.intoto.json", "sec.json", "sec/*.json", "gosec.sarif", "govulncheck.json", "govulncheck.sarif", "gitleaks.json", "gitleaks.sarif", "second.intoto.json"},
	"Smoke":     {"smoke-*.intoto.json"},
	"Drill":     {"drill.dsse.json"},
	"Readiness": {"plan.md", "plan.intoto.json", "readiness.json", "readiness.html", "readiness.intoto.jsonl", "sbom.cdx.json"},
}

// verifiers are the actions of the stage Verify. They run side by side with separate roles,
// and pass on only what they leave themselves. Later actions also pass on what they were
// given.
var verifiers = []string{"Lint", "Test", "Sec"}

// ownDir is the directory in which an action that is not one of ours leaves its files, below
// its name.
const ownDir = "own"

// mayLeave reports whether an action is declared to leave a file, or to pass it on.
func mayLeave(action, name string) bool {
	if slices.Contains(verifiers, action) {
		return matches(leaves[action], name)
	}
	for _, patterns := range leaves {
		if matches(patterns, name) {
			return true
		}
	}
	return strings.HasPrefix(name, ownDir+"/")
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// artifact is the prefix of the variables that name the directories of an action's input
// artifacts. Those of evidence end with evidenceSuffix. See
// https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeBuild.html.
const (
	artifact       = "CODEBUILD_SRC_DIR_"
	evidenceSuffix = "Evidence"
)

// Gather copies what earlier actions of the pipeline have left, in output artifacts named
// NAMEEvidence, into the evidence directory. So a target finds everything where it would be
// if one machine ran all targets. A file that exists already stays as it is.
//
// An artifact may contain only files that its action is declared to leave. Anything else is
// an error. It is also an error if two artifacts have different files with the same name. See
// https://docs.aws.amazon.com/codebuild/latest/userguide/sample-pipeline-multi-input-output.html.
func (c Config) Gather() error {
	given := map[string]gathered{}
	variables := os.Environ()
	slices.Sort(variables)
	for _, variable := range variables {
		name, dir, _ := strings.Cut(variable, "=")
		action, ours := strings.CutPrefix(name, artifact)
		action, evidence := strings.CutSuffix(action, evidenceSuffix)
		if !ours || !evidence || dir == "" {
			continue
		}
		if err := c.gather(action, dir, given); err != nil {
			return fmt.Errorf("gathering the evidence of action %s (%s): %w", action, name, err)
		}
	}
	return nil
}

// A gathered file is the copy of a file in an action's artifact.
type gathered struct {
	action string
	data   []byte
}

func (c Config) gather(action, dir string, given map[string]gathered) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || entry.IsDir():
			return err
		case !entry.Type().IsRegular():
			return fmt.Errorf("%s is not a regular file", name)
		case !mayLeave(action, name):
			return fmt.Errorf("%s is not among the files that the action is declared to leave", name)
		}
		data, err := root.ReadFile(name)
		if err != nil {
			return err
		}
		if other, twice := given[name]; twice && !bytes.Equal(other.data, data) {
			return fmt.Errorf("%s differs from the file of the same name from action %s, and it is unknown which one is right", name, other.action)
		}
		given[name] = gathered{action, data}
		path, err := c.Path(filepath.FromSlash(name))
		if err != nil {
			return err
		}
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // #nosec G304 -- below the evidence directory
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		if err != nil {
			return err
		}
		_, err = file.Write(data)
		return errors.Join(err, file.Close())
	})
}
