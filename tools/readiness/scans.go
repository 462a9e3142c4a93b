package readiness

import (
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// scan returns the answer of one tool of `mage sec`.
func scan(in Inputs, tool string) Result {
	security := read(in, &evidence.Security{})
	i := slices.IndexFunc(security.Scans, func(s evidence.Scan) bool { return s.Tool == tool })
	if i < 0 {
		return Undecided("%s was not run", tool)
	}
	switch s := security.Scans[i]; {
	case s.State == string(Fail):
		return Failed(s.Counted, strings.Split(s.Findings, "\n")...)
	case s.State != string(Pass):
		r := Undecided("%s", s.Findings)
		r.Counted = s.Counted
		return r
	default:
		return Passed("%s", s.Counted)
	}
}

func staticAnalysis() Check {
	return Check{
		ID:    "static-analysis",
		Item:  Security,
		Title: "Static analysis finds no insecure code",
		Doc: `gosec has no finding that is not suppressed with a reason. Its taint rules G701
to G710 are advisory, because they are not deterministic (gosec#1712).`,
		Inputs: []evidence.Predicate{evidence.Security{}},
		Next:   "go tool mage sec",
		Decide: func(in Inputs) Result { return scan(in, "gosec") },
	}
}

func vulnerabilities() Check {
	return Check{
		ID:    "vulnerabilities",
		Item:  Security,
		Title: "No function with a known vulnerability is called",
		Doc: `govulncheck finds no call of a vulnerable function. A database that can't be
reached is UNKNOWN. Vulnerable functions that are present and not called are
counted and do not fail.`,
		Inputs: []evidence.Predicate{evidence.Security{}},
		Next:   "GOVULNDB=file:///a/copy/of/the/database go tool mage sec",
		Decide: func(in Inputs) Result { return scan(in, "govulncheck") },
	}
}

func secrets() Check {
	return Check{
		ID:     "secrets",
		Item:   Security,
		Title:  "No secret is in the history",
		Doc:    `gitleaks finds no secret in as many commits as git counts. Merges are left out.`,
		Inputs: []evidence.Predicate{evidence.Security{}},
		Never:  true,
		Next:   "go tool mage sec",
		Decide: func(in Inputs) Result { return scan(in, "gitleaks") },
	}
}
