package readiness

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/surface"
)

// Surfaces holds what others rely on in the candidate's source, its differences
// from the base, and the documents that must describe it.
type Surfaces struct {
	evidence.Made
	Counted   map[surface.Kind]int `json:"counted"` // in the candidate
	Changed   []surface.Change     `json:"changed,omitempty"`
	Documents map[string]Document  `json:"documents"` // documents that the policy names
}

// PredicateType implements [evidence.Predicate].
func (Surfaces) PredicateType() string { return base + "surfaces/v1" }

// A Document is a file of the candidate that describes surfaces.
type Document struct {
	Absent bool `json:"absent,omitempty"`
	// Changed says that its words differ from the base's. White space does not count.
	Changed bool   `json:"changed"`
	Text    string `json:"text"`
}

// documented checks that people who rely on something can read that it has changed.
func documented() Check {
	return Check{
		ID: "documents", Item: Documentation,
		Title: "Changes to what others rely on are documented",
		Doc: `Surfaces are targets, flags, environment variables, settings, routes and the exported
Go of packages that others import, compared between the git trees of base and
candidate, and outputs and alarms, compared between the deployed template and the
assembly's. The policy maps each kind to documents. If a surface is added or changed,
one of its documents must mention it and must have changed in more than white space.
If a surface is removed, one of the documents must have changed. If there was nothing
before, one must mention it. If a surface changes whose kind the policy maps to no
document, that is a finding.`,
		Inputs: []evidence.Predicate{Surfaces{}, Assembly{}, Deployed{}},
		Next:   "write what has changed into the document, then git commit",
		Decide: func(in Inputs) Result {
			s := read(in, &Surfaces{})
			if len(in.Policy.Documents) == 0 {
				r := Undecided("the policy maps no surfaces to documents")
				r.Next = "name the documents of each kind under documents in " + in.policyFile()
				return r
			}
			counted := maps.Clone(s.Counted)
			if counted == nil {
				counted = map[surface.Kind]int{}
			}
			var findings, undecided []string
			total := len(s.Changed)
			for _, c := range s.Changed {
				findings = append(findings, in.undocumented(s.Documents, c, in.Candidate.First())...)
			}
			for _, stack := range read(in, &Assembly{}).promised() {
				changes, isNew, after, why := stackSurfaces(in, stack)
				if why != "" {
					undecided = append(undecided, why)
					continue
				}
				for _, one := range after {
					counted[one.Kind]++
				}
				total += len(changes)
				for _, c := range changes {
					findings = append(findings, in.undocumented(s.Documents, c, isNew)...)
				}
			}
			var parts []string
			for _, kind := range surface.Kinds {
				if counted[kind] > 0 {
					parts = append(parts, fmt.Sprintf("%d %s", counted[kind], kind))
				}
			}
			if len(parts) == 0 {
				undecided = append(undecided, "no surface was found")
			}
			return concluded(fmt.Sprintf("%s; %d added, changed or removed; %s", strings.Join(parts, ", "), total, count(len(s.Documents), "document")), findings, undecided,
				"Whether the documents are true; staging's outputs and alarms, which are assumed to equal production's; Go packages that the magefile does not import.")
		},
	}
}

// promised returns the stacks on whose outputs and alarms others rely.
func (a *Assembly) promised() []string {
	stacks := []string{a.last()}
	if a.Manifest.Pipeline.Stack != "" {
		stacks = append(stacks, a.Manifest.Pipeline.Stack)
	}
	return stacks
}

// stackSurfaces returns how the outputs and alarms of a stack change, which
// ones it will have, and whether it had none before. If that is unknown, why
// gives the reason.
func stackSurfaces(in Inputs, stack string) (changes []surface.Change, isNew bool, after []surface.Surface, why string) {
	_, result, ok := stackDiff(in, stack)
	if !ok && result.State != NotApplicable {
		return nil, false, nil, result.Reason
	}
	assembly := read(in, &Assembly{})
	stage := assembly.Manifest.Call(stack)
	candidate, err := surface.ReadTemplate(assembly.Stacks[stack].Template)
	if err != nil {
		return nil, false, nil, fmt.Sprintf("%s of the assembly: %v", stack, err)
	}
	after = candidate.Surfaces(stage)
	if !ok {
		return surface.Diff(nil, after), true, after, ""
	}
	deployed, err := surface.ReadTemplate(read(in, &Deployed{}).Stacks[stack].Template)
	if err != nil {
		return nil, false, nil, fmt.Sprintf("%s as it is deployed: %v", stack, err)
	}
	return surface.Diff(deployed.Surfaces(stage), after), false, after, ""
}

// undocumented returns a finding for each way in which no document describes a
// change. If everything is new, a document need not have changed.
func (in Inputs) undocumented(documents map[string]Document, c surface.Change, isNew bool) []string {
	names := in.Policy.Documents[string(c.Kind)]
	what := fmt.Sprintf("%s: %s is %s", c.Kind, c.Name, c.What)
	if len(names) == 0 {
		return []string{what + ", and the policy names no document for it"}
	}
	var why []string
	for _, name := range names {
		d, ok := documents[name]
		switch {
		case !ok || d.Absent:
			why = append(why, "there is no "+name)
		case !isNew && !d.Changed:
			why = append(why, name+" has not changed")
		case c.What != surface.Removed && !mentions(d.Text, c.Surface):
			why = append(why, name+" does not mention it")
		default:
			return nil
		}
	}
	return []string{what + ", and " + strings.Join(why, ", ")}
}

// mentions reports whether a document contains the surface's name as a word.
func mentions(text string, s surface.Surface) bool {
	word := s.Name
	switch s.Kind {
	// Documents write tools/project.Config.Path as Path or Config.Path.
	case surface.KindAPI:
		word = word[strings.LastIndex(word, ".")+1:]
	// mage ignores case.
	case surface.KindTarget:
		text, word = strings.ToLower(text), strings.ToLower(word)
	// The target before a flag, the method before a path and the stack before
	// an output are not part of the name.
	default:
		word = word[strings.LastIndex(word, " ")+1:]
	}
	inWord := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '-' || r == '/'
	}
	for rest := text; ; {
		i := strings.Index(rest, word)
		if i < 0 {
			return false
		}
		before := strings.LastIndexFunc(rest[:i], inWord) == i-1 && i > 0
		rest = rest[i+len(word):]
		after := strings.IndexFunc(rest, inWord) == 0
		if !before && !after {
			return true
		}
	}
}

// DocumentFiles returns the documents that the policy names, sorted, without
// duplicates.
func (p Policy) DocumentFiles() []string {
	var names []string
	for _, documents := range p.Documents {
		names = append(names, documents...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
