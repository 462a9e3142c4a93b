package readiness

import (
	"fmt"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// synthesized checks that the assembly is for this commit and this package.
func synthesized() Check {
	return Check{
		ID: "synthesized", Item: Infrastructure,
		Title: "All stacks are synthesized from this commit, around this package",
		Doc: `The cloud assembly contains staging, production and the pipeline, and its manifest
names these stacks and no others. Its release file names the candidate's commit and
package. The zip file that each function is made from has the package's SHA-256. The
check hashes the file's own bytes, because the CDK's asset hash is not the hash of
the zip.`,
		Inputs: []evidence.Predicate{Assembly{}},
		Never:  true, // it decides about the digest of what is deployed
		Next:   "go tool mage synth",
		Decide: func(in Inputs) Result {
			a := read(in, &Assembly{})
			var findings, undecided []string
			resources := 0
			for _, name := range releaseStacks {
				stack, ok := a.Stacks[name]
				if !ok {
					findings = append(findings, "the assembly has no stack "+name)
					continue
				}
				t, err := parseTemplate(stack.Template)
				if err != nil {
					findings = append(findings, fmt.Sprintf("%s: %v", name, err))
					continue
				}
				resources += len(t.Resources)
				for _, id := range t.ofType("AWS::Lambda::Function") {
					if !a.looked(name, id) {
						undecided = append(undecided, fmt.Sprintf("the package of %s %s was not examined", name, id))
					}
				}
			}
			// What is deployed must be what is judged.
			if a.Manifest != nil && !slices.Equal(a.Manifest, releaseStacks) {
				findings = append(findings, fmt.Sprintf("the manifest names the stacks %s, and those that are judged are %s", strings.Join(a.Manifest, ", "), strings.Join(releaseStacks, ", ")))
			}
			if a.Commit != in.Candidate.Commit {
				findings = append(findings, fmt.Sprintf("the assembly is for commit %.12s, not for %.12s", a.Commit, in.Candidate.Commit))
			}
			if a.Package != in.Candidate.Package {
				findings = append(findings, fmt.Sprintf("the assembly names package %.12s, not %.12s", a.Package, in.Candidate.Package))
			}
			for _, f := range a.Functions {
				if f.SHA256 != in.Candidate.Package {
					findings = append(findings, fmt.Sprintf("%s %s: %s has SHA-256 %.12s, but the package has %.12s", f.Stack, f.LogicalID, f.File, f.SHA256, in.Candidate.Package))
				}
			}
			if len(a.Functions) == 0 {
				undecided = append(undecided, "no function of the assembly was examined")
			}
			return concluded(fmt.Sprintf("%s, %s, %s", count(len(a.Stacks), "stack"), count(resources, "resource"), count(len(a.Functions), "package")), findings, undecided, "")
		},
	}
}

// looked reports whether the package of a function was hashed.
func (a Assembly) looked(stack, id string) bool {
	for _, f := range a.Functions {
		if f.Stack == stack && f.LogicalID == id {
			return true
		}
	}
	return false
}
