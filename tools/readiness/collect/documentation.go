package collect

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/surface"
	"github.com/magewright/magewright/tools/surface/reference"
)

// Reference generates the reference from the candidate's commit and assembly,
// and compares it with the committed reference.
func Reference(ctx context.Context, e Env) (evidence.Predicate, error) {
	tree, err := treeOf(ctx, e, e.Candidate.Commit)
	if err != nil {
		return nil, err
	}
	if e.Project.Adopted() {
		before, err := baseTree(ctx, e)
		if err != nil {
			return nil, err
		}
		if before[reference.File] == nil && tree[reference.File] == nil {
			return readiness.Reference{Made: evidence.Made{FinishedOn: e.Clock.Now()}, File: reference.File, Absent: true, Never: true}, nil
		}
	}
	if _, err := cdk.ReadRelease(e.Project); err != nil {
		return nil, err
	}
	templates, err := reference.ReadTemplates(e.Project)
	if err != nil {
		return nil, err
	}
	generated, entries, err := reference.Generate(tree, templates)
	if err != nil {
		return nil, err
	}
	r := readiness.Reference{File: reference.File, Entries: entries}
	committed, ok := tree[reference.File]
	if r.Absent = !ok; ok {
		r.Diff = reference.Diff(string(committed), string(generated))
	}
	r.FinishedOn = e.Clock.Now()
	return r, nil
}

func treeOf(ctx context.Context, e Env, commit string) (surface.Tree, error) {
	tree, err := surface.AtCommit(ctx, e.Project.Dir, commit)
	if err != nil {
		return nil, exit.Missing("git fetch --unshallow", "%w", err)
	}
	return tree, nil
}

// baseTree returns the base's tree, or an empty tree if there is no base.
func baseTree(ctx context.Context, e Env) (surface.Tree, error) {
	if e.Candidate.First() {
		return surface.Tree{}, nil
	}
	return treeOf(ctx, e, e.Candidate.Base)
}

// Surfaces compares the surfaces (what others rely on) in the base's tree with
// those in the candidate's. It also reads the documents that must describe them.
func Surfaces(ctx context.Context, e Env) (evidence.Predicate, error) {
	before, err := baseTree(ctx, e)
	if err != nil {
		return nil, err
	}
	after, err := treeOf(ctx, e, e.Candidate.Commit)
	if err != nil {
		return nil, err
	}
	s := readiness.Surfaces{Counted: map[surface.Kind]int{}, Documents: map[string]readiness.Document{}}
	var was []surface.Surface
	if !e.Candidate.First() {
		if was, err = before.Surfaces(); err != nil {
			return nil, fmt.Errorf("base %.12s: %w", e.Candidate.Base, err)
		}
	}
	is, err := after.Surfaces()
	if err != nil {
		return nil, fmt.Errorf("commit %.12s: %w", e.Candidate.Commit, err)
	}
	for _, one := range is {
		s.Counted[one.Kind]++
	}
	s.Changed = surface.Diff(was, is)
	for _, name := range e.Policy.DocumentFiles() {
		text, ok := after[name]
		s.Documents[name] = readiness.Document{
			Absent: !ok, Text: string(text),
			Changed: !slices.EqualFunc(bytes.Fields(before[name]), bytes.Fields(text), bytes.Equal),
		}
	}
	s.FinishedOn = e.Clock.Now()
	return s, nil
}

// changelogFile is the path of the changelog.
const changelogFile = "CHANGELOG.md"

// Changelog reads the changelogs of the base and the candidate.
func Changelog(ctx context.Context, e Env) (evidence.Predicate, error) {
	before, err := baseTree(ctx, e)
	if err != nil {
		return nil, err
	}
	after, err := treeOf(ctx, e, e.Candidate.Commit)
	if err != nil {
		return nil, err
	}
	text, ok := after[changelogFile]
	return readiness.Changelog{
		Made: evidence.Made{FinishedOn: e.Clock.Now()},
		File: changelogFile, Absent: !ok, Before: string(before[changelogFile]), After: string(text),
	}, nil
}
