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
see what the linters are configured to ignore (.golangci.yml, nolint with a reason).`,
		Inputs: []evidence.Predicate{evidence.Lint{}},
		Next:   "go tool mage lint",
		Decide: func(in Inputs) Result {
			lint := read(in, &evidence.Lint{})
			if lint.Files == 0 {
				return Undecided("no Go file was checked")
			}
			counted := count(lint.Files, "Go file")
			if len(lint.Broken) > 0 {
				r := Failed(counted)
				r.Reason = "findings by " + strings.Join(lint.Broken, ", ")
				return r
			}
			return Passed("%s%s", counted, origin(lint.Reused))
		},
	}
}
