package readiness

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/surface"
)

// Surfaces are what others rely on in the candidate's source, how it differs
// from the base's, and the documents that must tell of it.
type Surfaces struct {
	evidence.Made
	Counted   map[surface.Kind]int `json:"counted"` // in the candidate
	Changed   []surface.Change     `json:"changed,omitempty"`
	Documents map[string]Document  `json:"documents"` // that the policy names
}

// PredicateType implements [evidence.Predicate].
func (Surfaces) PredicateType() string { return base + "surfaces/v1" }

// A Document is a file of the candidate that tells of surfaces.
type Document struct {
	Absent bool `json:"absent,omitempty"`
	// Changed says that its words differ from the base's; white space does not
	// count.
	Changed bool   `json:"changed"`
	Text    string `json:"text"`
}

// documented: who relies on something can read that it has changed.
func documented() Check {
	return Check{
		ID: "documents", Item: Documentation,
		Title: "Whatever others rely on and has changed is in its document",
		Doc: `Surfaces are targets, flags, environment variables, settings, routes and the exported
Go of packages that others import, compared between the git trees of base and
candidate, and outputs and alarms, compared between the deployed template and the
assembly's. The policy maps each kind to documents. For a surface that is added or
changed, one of them must have changed, in more than white space, and mention it; for
one that is removed, one must have changed. Where there was nothing before, one must
mention it. A kind that the policy maps to no document is a finding once a surface of it
changes.`,
		Inputs: []evidence.Predicate{Surfaces{}, Assembly{}, Deployed{}},
		Next:   "write what has changed into the document, then git commit",
		Decide: func(in Inputs) Result {
			s := read(in, &Surfaces{})
			if len(in.Policy.Documents) == 0 {
				return Undecided("the policy maps no surface to a document: set documents in %s", PolicyFile)
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
			for _, stack := range []string{productionStack, pipelineStack} {
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
				"Whether what the document says is true; staging's outputs and alarms, which are taken for production's; Go packages that the magefile does not import.")
		},
	}
}

// stackSurfaces returns how the outputs and alarms of a stack change, those
// that it will have, and whether it had none before. Where that can't be told,
// why says so.
func stackSurfaces(in Inputs, stack string) (changes []surface.Change, isNew bool, after []surface.Surface, why string) {
	_, result, ok := stackDiff(in, stack)
	if !ok && result.State != NotApplicable {
		return nil, false, nil, result.Reason
	}
	stage := strings.TrimPrefix(stack, project.StackPrefix)
	candidate, err := surface.ReadTemplate(read(in, &Assembly{}).Stacks[stack].Template)
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

// undocumented returns what is wrong where no document tells of a change.
// Where everything is new, a document need not have changed.
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

// mentions reports whether a document has the surface's name as a word.
func mentions(text string, s surface.Surface) bool {
	word := s.Name
	switch s.Kind {
	case surface.KindAPI: // tools/project.Config.Path is written Path or Config.Path
		word = word[strings.LastIndex(word, ".")+1:]
	case surface.KindTarget: // mage takes any case
		text, word = strings.ToLower(text), strings.ToLower(word)
	default: // a flag after its target, a path after its method, an output after its stack
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

// DocumentFiles are the documents that the policy names, sorted, each once.
func (p Policy) DocumentFiles() []string {
	var names []string
	for _, documents := range p.Documents {
		names = append(names, documents...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
