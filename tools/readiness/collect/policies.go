package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/rego"
)

// Policies applies the organisation's rules, read from the base, to the
// templates of the assembly and to the bill of materials that SBOM has left.
func Policies(ctx context.Context, e Env) (evidence.Predicate, error) {
	return policies(ctx, e, rego.Of(e.Project.Code().Dir))
}

// policies uses an engine.
func policies(ctx context.Context, e Env, ask rego.Engine) (evidence.Predicate, error) {
	if _, err := cdk.ReadRelease(e.Project); err != nil {
		return nil, err
	}
	p, rules, err := policyRules(ctx, e)
	if err != nil {
		return nil, err
	}
	documents, err := policyDocuments(ctx, e.Project)
	if err != nil {
		return nil, err
	}
	inputs := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(documents)) {
		digest, err := readiness.DocumentDigest(documents[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		var subjects struct {
			Resources  map[string]struct{}
			Components []struct{}
		}
		if err := json.Unmarshal(documents[name], &subjects); err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		kind := "template"
		if name == readiness.SBOMInput {
			kind = "sbom"
		}
		inputs[name] = map[string]any{"name": name, kind: documents[name]}
		p.Inputs = append(p.Inputs, readiness.PolicyInput{Name: name, Subjects: len(subjects.Resources) + len(subjects.Components), Digest: digest})
	}
	answer, err := ask.Ask(ctx, rules, inputs)
	if err != nil {
		return nil, err
	}
	p.Made = evidence.Made{FinishedOn: e.Clock.Now(), Tools: map[string]string{"opa": answer.Engine}}
	p.Rules, p.Problems = answer.Rules, answer.Problems
	return p, nil
}

// policyRules reads the rules of the base, or of the candidate if the base has
// none. The result maps files to their text.
func policyRules(ctx context.Context, e Env) (readiness.Policies, map[string]string, error) {
	git := gitcmd.In(e.Project.Dir)
	p := readiness.Policies{Files: map[string]string{}}
	rules := map[string]string{}
	dir := path.Join(e.Project.Settings(), path.Dir(readiness.PolicyFile))
	for _, commit := range []string{e.Candidate.Base, e.Candidate.Commit} {
		if commit == "" {
			continue
		}
		listed, err := git.Output(ctx, "ls-tree", "-r", "--name-only", commit, "--", dir+"/")
		if err != nil {
			return p, nil, exit.Missing("git fetch --unshallow", "listing the rules of %.12s: %w", commit, err)
		}
		for name := range strings.Lines(listed) {
			name = strings.TrimSpace(name)
			if filepath.Ext(name) != ".rego" {
				continue
			}
			text, _, err := git.File(ctx, commit, name)
			if err != nil {
				return p, nil, fmt.Errorf("reading the rules: %w", err)
			}
			p.Files[name], rules[name] = evidence.Digest(text), string(text)
		}
		if p.From = commit; len(rules) > 0 {
			return p, rules, nil
		}
	}
	return p, nil, exit.Missing("write a rule in "+dir+" and commit it", "there are no rules: %s has no Rego file", dir)
}

// policyDocuments reads the documents that the rules are applied to, by name.
func policyDocuments(ctx context.Context, cfg project.Config) (map[string]json.RawMessage, error) {
	a := readiness.Assembly{Stacks: map[string]readiness.AssemblyStack{}}
	var err error
	if a.Manifest, _, err = namesOf(ctx, cfg); err != nil {
		return nil, err
	}
	if err := readStacks(cfg.Assembly, &a); err != nil {
		return nil, exit.Missing("go tool mage synth", "reading the cloud assembly %s: %w", cfg.Assembly, err)
	}
	documents := map[string]json.RawMessage{}
	for name, stack := range a.Stacks {
		documents[name] = stack.Template
	}
	document, err := os.ReadFile(filepath.Join(cfg.Evidence, sbomFile)) // #nosec G304 -- below the evidence directory
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// The check notices that the rules were not applied to it.
	case err != nil:
		return nil, fmt.Errorf("reading the bill of materials: %w", err)
	default:
		documents[readiness.SBOMInput] = document
	}
	return documents, nil
}
