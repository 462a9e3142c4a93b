// Package surface finds what others rely on: targets and their flags,
// environment variables, CDK settings, HTTP routes, exported Go, and the
// outputs and alarms of stacks. It reads source files and templates. It does
// not run them.
package surface

import (
	"cmp"
	"errors"
	"slices"

	"github.com/magewright/magewright/tools/surface/magefile"
)

// A Kind is a kind of surface. A policy maps kinds to documents.
type Kind string

// The kinds.
const (
	KindTarget      Kind = "targets"
	KindFlag        Kind = "flags"
	KindEnvironment Kind = "environment"
	KindSetting     Kind = "settings"
	KindRoute       Kind = "routes"
	KindAPI         Kind = "api"
	KindOutput      Kind = "outputs"
	KindAlarm       Kind = "alarms"
)

// Kinds lists all kinds.
var Kinds = []Kind{KindTarget, KindFlag, KindEnvironment, KindSetting, KindRoute, KindAPI, KindOutput, KindAlarm}

// A Surface is one thing that others rely on.
type Surface struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
	// Text is what must not change unnoticed: a signature, a type, a threshold.
	// It does not include explanations.
	Text string `json:"text,omitempty"`
}

// The ways in which a surface can change.
const (
	Added   = "added"
	Changed = "changed"
	Removed = "removed"
)

// A Change is a surface that differs between two releases.
type Change struct {
	Surface
	What string `json:"what"` // Added, Changed or Removed
}

// Diff returns the changes of surfaces, sorted by kind and name.
func Diff(before, after []Surface) []Change {
	type key struct {
		kind Kind
		name string
	}
	old := map[key]Surface{}
	for _, s := range before {
		old[key{s.Kind, s.Name}] = s
	}
	var changes []Change
	for _, s := range after {
		k := key{s.Kind, s.Name}
		was, there := old[k]
		delete(old, k)
		switch {
		case !there:
			changes = append(changes, Change{s, Added})
		case was.Text != s.Text:
			changes = append(changes, Change{s, Changed})
		}
	}
	for _, s := range old {
		changes = append(changes, Change{s, Removed})
	}
	slices.SortFunc(changes, func(a, b Change) int { return compare(a.Surface, b.Surface) })
	return changes
}

func compare(a, b Surface) int {
	return cmp.Or(cmp.Compare(slices.Index(Kinds, a.Kind), slices.Index(Kinds, b.Kind)), cmp.Compare(a.Name, b.Name))
}

// Surfaces returns all surfaces of a tree, sorted by kind and name. The
// surfaces of stacks are in templates; see [ReadTemplate].
func (t Tree) Surfaces() ([]Surface, error) {
	var targets []magefile.Target
	var settings []Setting
	var packages []Package
	var targetErr, settingErr, packageErr error
	// A repository that adopts Magewright need not have these.
	if t.has(magefiles) {
		targets, targetErr = t.Targets()
	}
	if t.has(in("infra/settings")) {
		settings, settingErr = t.Settings()
	}
	if t.has(in("tools/project")) {
		packages, packageErr = t.Packages()
	}
	variables, variableErr := t.Environment()
	routes, routeErr := t.Routes()
	if err := errors.Join(targetErr, variableErr, settingErr, routeErr, packageErr); err != nil {
		return nil, err
	}
	var all []Surface
	for _, target := range targets {
		all = append(all, Surface{KindTarget, target.Name, ""})
		for _, flag := range target.Flags {
			all = append(all, Surface{KindFlag, target.Name + " -" + flag.Name, flag.Type})
		}
	}
	for _, v := range variables {
		all = append(all, Surface{KindEnvironment, v.Name, ""})
	}
	for _, s := range settings {
		all = append(all, Surface{KindSetting, s.Name, s.Type})
	}
	for _, r := range routes {
		all = append(all, Surface{KindRoute, r.Pattern, ""})
	}
	for _, p := range packages {
		for _, s := range p.Symbols {
			all = append(all, Surface{KindAPI, p.Name + "." + s.Name, s.Signature})
		}
	}
	slices.SortFunc(all, compare)
	return all, nil
}
