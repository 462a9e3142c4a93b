package readiness

import (
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

func codingStandards() Check {
	return Check{
		ID:    "coding-standards",
		Item:  CodeReview,
		Title: "The code keeps the project's standards",
		Doc: `gofmt, go vet and golangci-lint have no findings in this commit. What the
linters are set to overlook (.golangci.yml, nolint with a reason) is not seen.`,
		Inputs: []evidence.Predicate{evidence.Lint{}},
		Next:   "go tool mage lint",
		Decide: func(in Inputs) Result {
			lint := read(in, &evidence.Lint{})
			if lint.Files == 0 {
				return Undecided("no Go file was looked at")
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
