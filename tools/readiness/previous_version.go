package readiness

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// previousVersion checks that there is a version to roll back to.
func previousVersion() Check {
	return Check{
		ID: "previous-version", Item: Rollback,
		Title: "The version to roll back to exists",
		Doc: `Production's alias of each function names one published version. This version gets all
traffic and is Active. Lambda gives the same CodeSha256 for the version itself and in the list of
versions. A traffic shift in progress is a finding, because a rollback would have no
single version to return to.`,
		Inputs: []evidence.Predicate{Production{}},
		Next:   "aws lambda get-alias --name live --function-name FUNCTION",
		Decide: func(in Inputs) Result {
			p := read(in, &Production{})
			if want := in.Candidate.Account; want != "" && p.Account != want {
				return Undecided("production in account %s was asked, but the release is for %s", p.Account, want)
			}
			if p.Absent != "" {
				return Inapplicable("production is not deployed, so there is nothing to roll back to; account %s, region %s: %s", p.Account, p.Region, p.Absent)
			}
			var findings, undecided, counted []string
			for _, serving := range p.All() {
				if len(serving.Retained) == 0 {
					undecided = append(undecided, fmt.Sprintf("no version of %s was listed", serving.Function))
					continue
				}
				found := serving.notRestorable()
				if len(p.Others) > 0 {
					for i, finding := range found {
						found[i] = serving.Function + ": " + finding
					}
				}
				findings = append(findings, found...)
				counted = append(counted, fmt.Sprintf("version %s, CodeSha256 %s, of %s retained", serving.Version, serving.CodeSHA256, count(len(serving.Retained), "version")))
			}
			return concluded(strings.Join(counted, "; "), findings, undecided,
				"Whether that CodeSha256 is the one that the last release recorded.")
		},
	}
}

// notRestorable returns why the version that serves could not be returned to.
func (s Serving) notRestorable() (findings []string) {
	if s.Version == "" || s.Version == "$LATEST" {
		findings = append(findings, fmt.Sprintf("alias %s names %q, which is not a published version", s.Alias, s.Version))
	}
	if digest, err := base64.StdEncoding.DecodeString(s.CodeSHA256); err != nil || len(digest) != 32 {
		findings = append(findings, fmt.Sprintf("version %s has no CodeSha256: %q", s.Version, s.CodeSHA256))
	}
	if s.State != "Active" {
		findings = append(findings, fmt.Sprintf("version %s is %q, not Active", s.Version, s.State))
	}
	if len(s.Weights) > 0 {
		findings = append(findings, fmt.Sprintf("alias %s is being shifted: %s besides %s", s.Alias, count(len(s.Weights), "version"), s.Version))
	}
	listed := ""
	for _, v := range s.Retained {
		if v.Version == s.Version {
			listed = v.CodeSHA256
		}
	}
	if listed != s.CodeSHA256 {
		findings = append(findings, fmt.Sprintf("version %s has CodeSha256 %s, but %q in the list of versions", s.Version, s.CodeSHA256, listed))
	}
	return findings
}
