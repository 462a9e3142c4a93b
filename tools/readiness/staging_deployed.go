package readiness

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/magewright/magewright/tools/evidence"
)

// stagingDeployed checks that staging runs this release and answers.
func stagingDeployed() Check {
	return Check{
		ID: "staging-deployed", Item: PreProduction,
		Title: "The same assembly is deployed to staging, and answers there",
		Doc: `CloudFormation's template of staging equals the assembly's, value by value. The alias
names one published version. This version is Active and gets all traffic, and its
CodeSha256 is the package's SHA-256 in base64. The smoke test of staging passed: the
candidate's package served before and after it, and each step succeeded as declared.`,
		Inputs: []evidence.Predicate{Assembly{}, Deployed{}, Staging{}, evidence.Smoke{}},
		Next:   "go tool mage deploy-staging smoke",
		Decide: func(in Inputs) Result {
			compared, findings, why := stagingTemplate(in)
			if why != "" {
				return Undecided("%s", why)
			}
			staging, smoke := *read(in, &Staging{}), *read(in, &evidence.Smoke{})
			if want := in.Candidate.Account; want != "" && staging.Account != want {
				return Undecided("staging in account %s was asked, but the release is for %s", staging.Account, want)
			}
			digest, err := hex.DecodeString(in.Candidate.Package)
			if err != nil || len(digest) != 32 {
				return Undecided("the candidate has no package")
			}
			findings = append(findings, staging.notServing(base64.StdEncoding.EncodeToString(digest))...)
			findings = append(findings, notAnswering(smoke, in.Candidate)...)
			return concluded(fmt.Sprintf("%s of the template; version %s, CodeSha256 %s; %s answered%s, the slowest in %.0f ms", count(compared, "value"),
				staging.Version, staging.CodeSHA256, count(len(smoke.Checks), "request"), place(smoke.URL), slowest(smoke)), findings, nil,
				"Anything that is not in the template, such as manual changes: see drift. Load: the requests came one at a time.")
		},
	}
}

// stagingTemplate compares the deployed staging template with the assembly's.
// why says why they can't be compared, or is "".
func stagingTemplate(in Inputs) (compared int, findings []string, why string) {
	assembly, deployed := read(in, &Assembly{}), read(in, &Deployed{})
	candidate, found := assembly.Stacks[stagingStack]
	if !found {
		return 0, nil, "the assembly has no " + stagingStack
	}
	there, found := deployed.Stacks[stagingStack]
	if !found {
		return 0, nil, "CloudFormation was not asked for " + stagingStack
	}
	if other := elsewhere(in, candidate.Environment, deployed.Account, deployed.Region); other != "" {
		return 0, nil, fmt.Sprintf("%s is for %s: what is deployed there was not examined", stagingStack, other)
	}
	if there.Absent != "" {
		return 0, []string{stagingStack + " is not deployed: " + there.Absent}, ""
	}
	if !slices.Contains(settled, there.Status) {
		return 0, nil, fmt.Sprintf("%s is %s, so what is deployed is unknown", stagingStack, there.Status)
	}
	var one, other any
	if err := json.Unmarshal(there.Template, &one); err != nil {
		return 0, nil, fmt.Sprintf("%s as it is deployed: %v", stagingStack, err)
	}
	if err := json.Unmarshal(candidate.Template, &other); err != nil {
		return 0, nil, fmt.Sprintf("%s of the assembly: %v", stagingStack, err)
	}
	differ, compared := differences(one, other)
	for _, d := range differ {
		findings = append(findings, d.describe("staging", "the assembly"))
	}
	if compared == 0 {
		return 0, nil, stagingStack + ": its template is empty"
	}
	return compared, findings, ""
}

// notServing returns the reasons why a stage does not serve exactly the package
// with a digest.
func (s Staging) notServing(digest string) (findings []string) {
	if s.Absent != "" {
		return []string{"no version serves: " + s.Absent}
	}
	if s.Version == "" || s.Version == "$LATEST" {
		findings = append(findings, fmt.Sprintf("alias %s names %q, which is not a published version", s.Alias, s.Version))
	}
	if s.CodeSHA256 != digest {
		findings = append(findings, fmt.Sprintf("version %s has CodeSha256 %q, but the package has %s", s.Version, s.CodeSHA256, digest))
	}
	if s.State != "Active" {
		findings = append(findings, fmt.Sprintf("version %s is %q, not Active", s.Version, s.State))
	}
	if len(s.Weights) > 0 {
		findings = append(findings, fmt.Sprintf("alias %s is being shifted: %s besides %s", s.Alias, count(len(s.Weights), "version"), s.Version))
	}
	return findings
}

// notAnswering returns the reasons why a smoke test does not show that the
// candidate answers in staging.
func notAnswering(smoke evidence.Smoke, c Candidate) (findings []string) {
	if smoke.Stage != "staging" {
		findings = append(findings, fmt.Sprintf("the smoke test is for stage %q", smoke.Stage))
	}
	if smoke.Result != evidence.TestsPassed || smoke.Problem != "" {
		findings = append(findings, fmt.Sprintf("the smoke test is %s: %s", smoke.Result, smoke.Problem))
	}
	if smoke.Commit != c.Commit {
		findings = append(findings, fmt.Sprintf("commit %.12q served, not %.12s", smoke.Commit, c.Commit))
	}
	if smoke.Package != c.Package {
		findings = append(findings, fmt.Sprintf("the smoke test is for package %.12q, not for %.12s", smoke.Package, c.Package))
	}
	if len(smoke.Checks) == 0 {
		findings = append(findings, "no request was answered")
	}
	return findings
}

// place says where requests were answered.
func place(url string) string {
	if url == "" {
		return ""
	}
	return " at " + url
}

// slowest returns the longest duration of a request in milliseconds.
func slowest(smoke evidence.Smoke) float64 {
	longest := 0.0
	for _, check := range smoke.Checks {
		longest = max(longest, check.Milliseconds)
	}
	return longest
}
