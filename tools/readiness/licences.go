package readiness

import (
	"fmt"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// licences checks that every module of the shipped program is under allowed licences.
func licences() Check {
	return Check{
		ID: "licences", Item: Security,
		Title: "Every module of the shipped program is under a licence that the policy allows",
		Doc: `The modules are those in the build information of the programs in the deployment
packages, and the standard library; the modules of the repository are the team's own,
and those of which no program ships are named. The texts are
the licence files in the directories of the packages in the program and in the
directories above them. Modules must have the hash that the program records.
github.com/google/licensecheck identifies the texts. All licences in all texts must be
on the policy's list, because nobody has recorded a choice between licences. A module
without a text, or with a text that is not identified, is undecided. The policy can
say what such a text is, by its SHA-256 and with a reason.`,
		Inputs: []evidence.Predicate{Shipped{}},
		Next:   "go tool mage synth readiness",
		Decide: func(in Inputs) Result {
			if len(in.Policy.Licences) == 0 {
				r := Undecided("the policy's `licences` allows no licence")
				r.Next = "write the SPDX identifiers of allowed licences into " + in.policyFile() + " and release that first"
				return r
			}
			shipped := read(in, &Shipped{})
			undecided := shipped.untold(in.Candidate.Package)
			var findings, found []string
			texts := 0
			modules := shipped.AllModules()
			for _, m := range modules {
				name := m.Path + " " + m.Version
				if m.Problem != "" {
					undecided = append(undecided, name+": "+m.Problem)
				} else if len(m.Licences) == 0 {
					undecided = append(undecided, name+" has no licence text")
				}
				for _, text := range m.Licences {
					texts++
					is := text.Is
					if told, ok := in.Policy.LicenceTexts[text.SHA256]; ok {
						is = told.Is
					}
					if len(is) == 0 {
						undecided = append(undecided, fmt.Sprintf("%s: %s is not identified: read it, and say in the policy's `licenceTexts` what %s is", name, text.File, text.SHA256))
					}
					for _, id := range is {
						found = append(found, id)
						if !slices.Contains(in.Policy.Licences, id) {
							findings = append(findings, fmt.Sprintf("%s: %s is %s, which the policy does not allow", name, text.File, id))
						}
					}
				}
			}
			slices.Sort(found)
			counted := fmt.Sprintf("%s, %s: %s", count(len(modules), "module"), count(texts, "text"), strings.Join(slices.Compact(found), ", "))
			return concluded(counted, findings, undecided, "Terms in the headers of source files, and code that was copied without its terms. The repository's own licences."+shipped.left())
		},
	}
}

// untold returns the reasons why the modules of the shipped programs are unknown.
func (s Shipped) untold(pkg string) (undecided []string) {
	if s.Package != pkg {
		undecided = append(undecided, fmt.Sprintf("the program in another package, %.12s, was read", s.Package))
	}
	for _, p := range s.Programs() {
		of := ""
		if len(s.Further) > 0 {
			of = p.Program + ": "
		}
		if !slices.ContainsFunc(p.Modules, func(m ShippedModule) bool { return m.Path == StandardLibrary }) {
			undecided = append(undecided, of+"the standard library was not counted")
		}
		if len(p.Others) > 0 {
			undecided = append(undecided, of+"the package also holds "+strings.Join(p.Others, ", "))
		}
	}
	return undecided
}
