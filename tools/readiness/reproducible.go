package readiness

import (
	"fmt"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// reproducible checks that another synthesis of the commit gives the same files.
func reproducible() Check {
	return Check{
		ID: "reproducible", Item: Infrastructure,
		Title: "A second synthesis, from a clean clone, gives the same files",
		Doc: `The commit is reviewed, but the assembly is deployed. They are equivalent only if the
commit always gives the same assembly. The check compares all files by SHA-256,
including the packages.`,
		Inputs: []evidence.Predicate{Assembly{}},
		Next:   "go tool mage synth, in two clones, and diff -r their cdk.out",
		Decide: func(in Inputs) Result {
			again := read(in, &Assembly{}).Again
			if again.Reason != "" {
				return Undecided("there was no second synthesis: %s", again.Reason)
			}
			if again.Files == 0 {
				return Undecided("the second synthesis compared no files")
			}
			excluded := "nothing is excluded"
			if len(again.Excluded) > 0 {
				excluded = "excluded: " + strings.Join(again.Excluded, ", ")
			}
			return concluded(fmt.Sprintf("%s; %s", count(again.Files, "file"), excluded), again.Differ, nil,
				"Another machine, operating system or Go version: both syntheses used this one.")
		},
	}
}
