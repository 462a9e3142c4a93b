package readiness

import (
	"fmt"
	"maps"
	"slices"

	"github.com/magewright/magewright/tools/evidence"
)

// A Reference compares the generated reference with the committed one.
type Reference struct {
	evidence.Made
	File string `json:"file"`
	// Absent says that the commit has no such file.
	Absent bool `json:"absent,omitempty"`
	// Never says that the base has none either, and that the repository is one that
	// adopts Magewright: it keeps no reference.
	Never bool `json:"never,omitempty"`
	// Entries counts the documented items by section.
	Entries map[string]int `json:"entries"`
	// Diff lists the lines that differ. "- " marks committed lines, "+ " the
	// lines that the source gives.
	Diff []string `json:"diff,omitempty"`
}

// PredicateType implements [evidence.Predicate].
func (Reference) PredicateType() string { return base + "reference/v1" }

// referenceIsGenerated checks that the reference agrees with the source.
func referenceIsGenerated() Check {
	return Check{
		ID: "reference", Item: Documentation,
		Title: "The committed reference is up to date",
		Doc: `The reference of targets, flags, exit codes, environment variables, settings, routes,
outputs, alarms and Go packages is generated again from the candidate's files in git
and from its assembly, and compared with the committed file line by line. If a section
has no entry, it was not found, and the check is undecided. A repository that adopts
Magewright need not keep a reference.`,
		Inputs: []evidence.Predicate{Reference{}},
		Next:   "go tool mage synth, go tool mage docs, then git commit",
		Decide: func(in Inputs) Result {
			r := read(in, &Reference{})
			if r.Never && r.Absent {
				return Inapplicable("the repository keeps no generated reference: neither the base nor the commit has %s", r.File)
			}
			total := 0
			var empty, findings []string
			for _, section := range slices.Sorted(maps.Keys(r.Entries)) {
				total += r.Entries[section]
				if r.Entries[section] == 0 {
					empty = append(empty, "the section "+section+" is empty")
				}
			}
			if total == 0 && len(empty) == 0 {
				empty = append(empty, "nothing was found that could be documented")
			}
			if r.Absent {
				findings = append(findings, "the commit has no "+r.File)
			}
			findings = append(findings, shortened(r.Diff, 40)...)
			return concluded(fmt.Sprintf("%s in %s of %s", count(total, "entry"), count(len(r.Entries), "section"), r.File), findings, empty,
				"Whether the comments that it is generated from are true.")
		},
	}
}

// shortened returns the first lines of a list, and how many more there are.
func shortened(lines []string, most int) []string {
	if len(lines) <= most {
		return lines
	}
	return append(slices.Clone(lines[:most]), fmt.Sprintf("and %d more lines", len(lines)-most))
}
