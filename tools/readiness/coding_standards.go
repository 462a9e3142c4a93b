package readiness

import (
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

func codingStandards() Check {
	return Check{
		ID:    "coding-standards",
		Item:  CodeReview,
		Title: "The code follows the project's standards",
		Doc: `gofmt, go vet and golangci-lint have no findings in this commit. The check does not
see what the linters are configured to ignore (.golangci.yml, nolint with a reason).
What the build of the candidate says is a claim. The judge runs these tools itself, as
the base's .golangci.yml configures them, and a difference fails.`,
		Inputs: []evidence.Predicate{evidence.Lint{}, Recheck{}},
		Next:   "go tool mage lint",
		Decide: func(in Inputs) Result {
			lint := read(in, &evidence.Lint{})
			if lint.Files == 0 {
				return Undecided("no Go file was checked")
			}
			counted := count(lint.Files, "Go file")
			again, claimed, reason := in.again()
			if reason != "" {
				return Undecided("%s", reason)
			}
			if findings := differs(sayLint(*lint), sayLint(again.Lint)); !claimed && len(findings) > 0 {
				return Failed(counted, append(findings, again.Said...)...)
			}
			if len(lint.Broken) > 0 {
				r := Failed(counted)
				r.Reason = "findings by " + strings.Join(lint.Broken, ", ")
				return r
			}
			return Passed("%s%s", counted, origin(lint.Reused))
		},
	}
}
