package readiness

import (
	"encoding/base64"
	"fmt"

	"github.com/magewright/magewright/tools/evidence"
)

// previousVersion checks that there is a version to roll back to.
func previousVersion() Check {
	return Check{
		ID: "previous-version", Item: Rollback,
		Title: "The version to roll back to exists",
		Doc: `Production's alias names one published version. This version gets all traffic and is
Active. Lambda gives the same CodeSha256 for the version itself and in the list of
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
			if len(p.Retained) == 0 {
				return Undecided("no version of %s was listed", p.Function)
			}
			var findings []string
			if p.Version == "" || p.Version == "$LATEST" {
				findings = append(findings, fmt.Sprintf("alias %s names %q, which is not a published version", p.Alias, p.Version))
			}
			if digest, err := base64.StdEncoding.DecodeString(p.CodeSHA256); err != nil || len(digest) != 32 {
				findings = append(findings, fmt.Sprintf("version %s has no CodeSha256: %q", p.Version, p.CodeSHA256))
			}
			if p.State != "Active" {
				findings = append(findings, fmt.Sprintf("version %s is %q, not Active", p.Version, p.State))
			}
			if len(p.Weights) > 0 {
				findings = append(findings, fmt.Sprintf("alias %s is being shifted: %s besides %s", p.Alias, count(len(p.Weights), "version"), p.Version))
			}
			listed := ""
			for _, v := range p.Retained {
				if v.Version == p.Version {
					listed = v.CodeSHA256
				}
			}
			if listed != p.CodeSHA256 {
				findings = append(findings, fmt.Sprintf("version %s has CodeSha256 %s, but %q in the list of versions", p.Version, p.CodeSHA256, listed))
			}
			return concluded(fmt.Sprintf("version %s, CodeSha256 %s, of %s retained", p.Version, p.CodeSHA256, count(len(p.Retained), "version")),
				findings, nil, "Whether that CodeSha256 is the one that the last release recorded.")
		},
	}
}
