package readiness

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project/manifest"
)

// stagingDeployed checks that staging runs this release and answers.
func stagingDeployed() Check {
	return Check{
		ID: "staging-deployed", Item: PreProduction,
		Title: "The same assembly is deployed to staging, and answers there",
		Doc: `CloudFormation's template of staging equals the assembly's, value by value. The alias
names one published version. This version is Active and gets all traffic, and its
CodeSha256 is the package's SHA-256 in base64. The smoke test of staging passed: the
candidate's package served before and after it, and each step succeeded as declared.
Between staging and the last stage, a release may pass through other stages. The smoke
test of each of these must have passed, too.
In a rehearsal, the embedded AWS only records some resources, such as state machines.
They are listed as NOT REHEARSED, and are a finding if the policy's rehearsal says
forbidRecorded.`,
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
			assembly := read(in, &Assembly{})
			var undecided, versions []string
			if staging.Absent != "" {
				findings = append(findings, "no version serves: "+staging.Absent)
			} else {
				for _, serving := range Production(staging).All() {
					digest, err := hex.DecodeString(assembly.packageOf(assembly.Manifest.First(), serving, in.Candidate.Package))
					if err != nil || len(digest) != 32 {
						undecided = append(undecided, "it is unknown from which package "+cmp.Or(serving.LogicalID, serving.Function)+" is made")
						continue
					}
					findings = append(findings, serving.notServing(base64.StdEncoding.EncodeToString(digest))...)
					versions = append(versions, fmt.Sprintf("version %s, CodeSha256 %s", serving.Version, serving.CodeSHA256))
				}
			}
			findings = append(findings, notAnswering(smoke, in.Candidate, in.firstStage())...)
			passed, problems, unknown := in.between(assembly.Manifest)
			findings, undecided = append(findings, problems...), append(undecided, unknown...)
			recorded := in.notRehearsed()
			if in.Policy.Rehearsal.ForbidRecorded {
				findings = append(findings, recorded...)
			}
			return concluded(fmt.Sprintf("%s of the template; %s; %s answered%s, the slowest in %.0f ms%s", count(compared, "value"),
				strings.Join(versions, "; "), count(len(smoke.Checks), "request"), place(smoke.URL), slowest(smoke), passed), findings, undecided,
				strings.Join(append([]string{"Anything that is not in the template, such as manual changes: see drift. Load: the requests came one at a time."}, recorded...), " "))
		},
	}
}

// between examines the stages between the first and the last: whether the release answered on
// each.
func (in Inputs) between(names manifest.Manifest) (passed string, findings, undecided []string) {
	tests := map[string][]evidence.Statement{}
	for _, s := range in.Statements {
		var smoke evidence.StageSmoke
		if s.PredicateType == smoke.PredicateType() && s.Decode(&smoke) == nil {
			tests[smoke.Stage] = append(tests[smoke.Stage], s)
		}
	}
	for _, stage := range names.Between() {
		found := tests[stage.Name]
		if len(found) != 1 {
			undecided = append(undecided, fmt.Sprintf("there are %d smoke tests of stage %s, and there must be one", len(found), stage.Name))
			continue
		}
		if reason, _ := in.outdated(found[0]); reason != "" {
			undecided = append(undecided, stage.Name+": "+reason)
			continue
		}
		var smoke evidence.StageSmoke
		if err := found[0].Decode(&smoke); err != nil {
			undecided = append(undecided, stage.Name+": "+err.Error())
			continue
		}
		problems := notAnswering(smoke.Smoke, in.Candidate, stage.Name)
		for _, problem := range problems {
			findings = append(findings, stage.Name+": "+problem)
		}
		if len(problems) == 0 {
			passed += fmt.Sprintf("; %s on %s%s", count(len(smoke.Checks), "request"), stage.Name, place(smoke.URL))
		}
	}
	return passed, findings, undecided
}

// notRehearsed returns the resources of staging that were not run. How the release works with
// them is unknown before it is on AWS.
func (in Inputs) notRehearsed() []string {
	var all []string
	for _, why := range read(in, &Deployed{}).Stacks[read(in, &Assembly{}).first()].NotRehearsed {
		all = append(all, "NOT REHEARSED: "+why+". What the release does with it is first seen on AWS.")
	}
	return all
}

// stagingTemplate compares the deployed staging template with the assembly's.
// why says why they can't be compared, or is "".
func stagingTemplate(in Inputs) (compared int, findings []string, why string) {
	assembly, deployed := read(in, &Assembly{}), read(in, &Deployed{})
	stack := assembly.first()
	if stack == unnamed {
		return 0, nil, assembly.last() + " is the only stage, so there is none in which a release is tried"
	}
	candidate, found := assembly.Stacks[stack]
	if !found {
		return 0, nil, "the assembly has no " + stack
	}
	there, found := deployed.Stacks[stack]
	if !found {
		return 0, nil, "CloudFormation was not asked for " + stack
	}
	if other := elsewhere(in, candidate.Environment, deployed.Account, deployed.Region); other != "" {
		return 0, nil, fmt.Sprintf("%s is for %s: what is deployed there was not examined", stack, other)
	}
	if there.Absent != "" {
		return 0, []string{stack + " is not deployed: " + there.Absent}, ""
	}
	if !slices.Contains(settled, there.Status) {
		return 0, nil, fmt.Sprintf("%s is %s, so what is deployed is unknown", stack, there.Status)
	}
	var one, other any
	if err := json.Unmarshal(there.Template, &one); err != nil {
		return 0, nil, fmt.Sprintf("%s as it is deployed: %v", stack, err)
	}
	if err := json.Unmarshal(candidate.Template, &other); err != nil {
		return 0, nil, fmt.Sprintf("%s of the assembly: %v", stack, err)
	}
	differ, compared := differences(withoutCommit(one), withoutCommit(other))
	for _, d := range differ {
		findings = append(findings, d.describe(assembly.Manifest.First().Name, "the assembly"))
	}
	if compared == 0 {
		return 0, nil, stack + ": its template is empty"
	}
	return compared, findings, ""
}

// withoutCommit removes the commit that synth writes into the metadata of a template.
// CloudFormation does not update a stack if only its template's metadata changes. See
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/metadata-section-structure.html.
func withoutCommit(template any) any {
	t, ok := template.(map[string]any)
	metadata, has := t["Metadata"].(map[string]any)
	if !ok || !has || metadata[manifest.MetadataKey] == nil {
		return template
	}
	t, metadata = maps.Clone(t), maps.Clone(metadata)
	delete(metadata, manifest.MetadataKey)
	if t["Metadata"] = metadata; len(metadata) == 0 {
		delete(t, "Metadata")
	}
	return t
}

// packageOf returns the digest of the package from which a function of a stage is made. If
// there is only one function, it is the release's package.
func (a *Assembly) packageOf(stage manifest.Stage, serving Serving, only string) string {
	for _, f := range a.Packages(stage) {
		if f.LogicalID == serving.LogicalID {
			return f.SHA256
		}
	}
	if len(stage.Functions) == 1 {
		return only
	}
	return ""
}

// firstStage returns the name of the stage in which releases are tried.
func (in Inputs) firstStage() string {
	var a Assembly
	if err := in.Read(&a); err != nil || len(a.Manifest.Stages) < 2 {
		return "staging"
	}
	return a.Manifest.First().Name
}

// notServing returns the reasons why a function does not serve exactly the package
// with a digest.
func (s Serving) notServing(digest string) (findings []string) {
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
func notAnswering(smoke evidence.Smoke, c Candidate, stage string) (findings []string) {
	if smoke.Stage != stage {
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
