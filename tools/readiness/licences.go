package readiness

import (
	"fmt"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// licences: every module of the shipped program is under allowed licences.
func licences() Check {
	return Check{
		ID: "licences", Item: Security,
		Title: "Every module of the shipped program is under a licence that the policy allows",
		Doc: `The modules are those of the build information in the program of the deployment
package, with the standard library; the main module is the team's own. The texts
are the licence files beside the packages that are in the program and above them,
in modules whose hash is the one in the program, identified by
github.com/google/licensecheck. All licences of all texts must be on the policy's
list: of a choice of licences nobody has recorded which was made. A module without
text, or with a text that is not identified, is undecided; the policy may say of a
text, by its SHA-256 and with a reason, what it is.`,
		Inputs: []evidence.Predicate{Shipped{}},
		Next:   "go tool mage synth readiness",
		Decide: func(in Inputs) Result {
			if len(in.Policy.Licences) == 0 {
				r := Undecided("the policy's `licences` allows none")
				r.Next = "write the SPDX identifiers of allowed licences into " + PolicyFile + " and release that first"
				return r
			}
			shipped := read(in, &Shipped{})
			undecided := shipped.untold(in.Candidate.Package)
			var findings, found []string
			texts := 0
			for _, m := range shipped.Modules {
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
			counted := fmt.Sprintf("%s, %s: %s", count(len(shipped.Modules), "module"), count(texts, "text"), strings.Join(slices.Compact(found), ", "))
			return concluded(counted, findings, undecided, "Terms in the headers of source files, and what was copied without its terms. The main module's own licence.")
		},
	}
}

// untold says why the modules of a shipped program are not known.
func (s Shipped) untold(pkg string) (undecided []string) {
	if s.Package != pkg {
		undecided = append(undecided, fmt.Sprintf("the program of another package was read, %.12s", s.Package))
	}
	if !slices.ContainsFunc(s.Modules, func(m ShippedModule) bool { return m.Path == StandardLibrary }) {
		undecided = append(undecided, "the standard library was not counted")
	}
	if len(s.Others) > 0 {
		undecided = append(undecided, "the package also holds "+strings.Join(s.Others, ", "))
	}
	return undecided
}
