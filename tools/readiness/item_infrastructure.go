package readiness

import (
	"fmt"
	"slices"
	"strings"
)

// infrastructureChecks returns the checks of the item Infrastructure.
func infrastructureChecks() []Check {
	return []Check{synthesized(), reproducible(), builds(), nag(), changeSet(), broadening(), leastPrivilege(), drift()}
}

// settled lists the stack states in which the template describes what is deployed.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html.
var settled = []string{"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}

// stackDiff compares a deployed stack with the candidate's. If there is nothing
// to compare, ok is false and the result says why: either the stack is not
// deployed, with CloudFormation's answer as proof, or it can't be read.
func stackDiff(in Inputs, stack string) (d templateDiff, why Result, ok bool) {
	assembly, deployed := read(in, &Assembly{}), read(in, &Deployed{})
	there, found := deployed.Stacks[stack]
	if !found {
		return d, Undecided("CloudFormation was not asked for %s", stack), false
	}
	candidate, found := assembly.Stacks[stack]
	if !found {
		return d, Undecided("the assembly has no %s", stack), false
	}
	if other := elsewhere(in, candidate.Environment, deployed.Account, deployed.Region); other != "" {
		return d, Undecided("%s is for %s: what is deployed there was not examined", stack, other), false
	}
	if there.Absent != "" {
		return d, Inapplicable("%s is not deployed, so all of it is new; account %s, region %s: %s", stack, deployed.Account, deployed.Region, there.Absent), false
	}
	if !slices.Contains(settled, there.Status) {
		return d, Undecided("%s is %s, so what is deployed is unknown", stack, there.Status), false
	}
	before, err := parseTemplate(there.Template)
	if err != nil {
		return d, Undecided("%s as it is deployed: %v", stack, err), false
	}
	after, err := parseTemplate(candidate.Template)
	if err != nil {
		return d, Undecided("%s of the assembly: %v", stack, err), false
	}
	if before.Transform != nil || after.Transform != nil {
		return d, Undecided("%s has a Transform, so its template does not say what is deployed", stack), false
	}
	return diffTemplates(before, after), Result{}, true
}

// eachOfProduction compares the stacks that promote deploys with what is deployed, and
// returns what f counts in each. The stacks besides the one that users have must exist for
// the comparison, or must not be deployed at all. If ok is false, the result says why.
func eachOfProduction(in Inputs, f func(stack string, d templateDiff) string) (counted string, why Result, ok bool) {
	var all []string
	for i, stack := range read(in, &Assembly{}).production() {
		d, why, ok := stackDiff(in, stack)
		switch {
		case ok:
			all = append(all, f(stack, d))
		case i > 0 && why.State == NotApplicable:
			all = append(all, stack+" is new")
		default:
			return "", why, false
		}
	}
	return strings.Join(all, "; "), Result{}, true
}

// elsewhere returns the account and region that a stack is for, if they differ
// from those that were examined, or "".
func elsewhere(in Inputs, environment, account, region string) string {
	wantAccount, wantRegion, _ := strings.Cut(strings.TrimPrefix(environment, "aws://"), "/")
	if wantAccount == "unknown-account" || wantAccount == "" {
		wantAccount = in.Candidate.Account
	}
	if wantAccount != "" && wantAccount != account || wantRegion != "unknown-region" && wantRegion != "" && wantRegion != region {
		return fmt.Sprintf("account %s, %s, but %s, %s was asked", wantAccount, wantRegion, account, region)
	}
	return ""
}

// summary describes the effect of a deployment, with names.
func (d templateDiff) summary(stack string) string {
	list := func(n int, word string, ids []string) string {
		if n == 0 {
			return "0 " + word
		}
		return fmt.Sprintf("%d %s (%s)", n, word, strings.Join(ids, ", "))
	}
	replaced := slices.DeleteFunc(d.after.ids(), func(id string) bool { return d.replaced[id] == "" })
	return fmt.Sprintf("%s of %s: %s, %s, %s, %s", count(d.compared(), "resource"), stack,
		list(len(d.added), "added", d.added), list(len(d.changed), "changed", d.changed),
		list(len(replaced), "replaced", replaced), list(len(d.removed), "removed", d.removed))
}

// concluded fails if there are findings. Otherwise it is undecided if something
// is unknown, and passes if not.
func concluded(counted string, findings, undecided []string, notChecked string) Result {
	r := Passed("%s", counted)
	switch {
	case len(findings) > 0:
		r = Failed(counted, findings...)
		if len(undecided) > 0 {
			r.Reason += "; unknown: " + strings.Join(undecided, "; ")
		}
	case len(undecided) > 0:
		r = Undecided("%s", strings.Join(undecided, "; "))
		r.Counted = counted
	}
	r.NotChecked = notChecked
	return r
}
