package readiness

import (
	"fmt"
	"slices"
	"time"

	"github.com/magewright/magewright/tools/evidence"
)

// A JudgedWaiver is a waiver and the decision about it.
type JudgedWaiver struct {
	SignedWaiver
	// Was is the original state of a waived check.
	Was State `json:"was,omitempty"`
	// Refused says why the waiver is not valid. One such waiver means NO-GO,
	// because somebody relies on something that is not true.
	Refused string `json:"refused,omitempty"`
}

// String describes a waiver in one line.
func (w JudgedWaiver) String() string {
	if w.Check == "" {
		return w.Refused
	}
	s := fmt.Sprintf("signed by %s, until %s, owner %s: %s", w.By, w.Expires.UTC().Format("2006-01-02 15:04 MST"), w.Owner, w.Reason)
	if w.Refused != "" {
		return w.Refused + " (" + s + ")"
	}
	return fmt.Sprintf("was %s; %s", w.Was, s)
}

// RefusedWaivers returns the waivers that are not valid.
func (a Assessment) RefusedWaivers() []JudgedWaiver {
	return slices.DeleteFunc(slices.Clone(a.Waivers), func(w JudgedWaiver) bool { return w.Refused == "" })
}

// MendWaivers returns the command for withdrawing an invalid waiver: its line
// has to be deleted from the note.
func (a Assessment) MendWaivers() string { return "git notes --ref=magewright edit " + a.Commit }

// waive judges the signed waivers and changes the outcomes that they cover to
// WAIVED. If a check has several waivers, the newest counts, so that a new one
// can replace an expired one.
func (a *Assessment) waive(in Inputs) {
	var signed Attestations
	if reason, _ := in.unusable(signed.PredicateType()); reason != "" || in.Read(&signed) != nil {
		return
	}
	for _, reason := range signed.RefusedWaivers {
		a.Waivers = append(a.Waivers, JudgedWaiver{Refused: "a waiver can't be trusted: " + reason})
	}
	newest := slices.Clone(signed.Waivers)
	slices.SortStableFunc(newest, func(x, y SignedWaiver) int { return y.FinishedOn.Compare(x.FinishedOn) })
	judged := map[string]bool{}
	for _, w := range newest {
		if judged[w.Check] {
			continue
		}
		judged[w.Check] = true
		a.Waivers = append(a.Waivers, a.judge(in, w))
	}
}

func (a *Assessment) judge(in Inputs, w SignedWaiver) JudgedWaiver {
	j := JudgedWaiver{SignedWaiver: w, Refused: in.refusal(w)}
	i := slices.IndexFunc(a.Outcomes, func(o Outcome) bool { return o.ID == w.Check })
	switch {
	case j.Refused != "":
	case i < 0:
		j.Refused = fmt.Sprintf("%s was not decided", w.Check)
	case !a.Outcomes[i].Required:
		j.Refused = fmt.Sprintf("the waiver is unused: the policy does not require %s", w.Check)
	case a.Outcomes[i].State != Fail && a.Outcomes[i].State != Unknown:
		j.Refused = fmt.Sprintf("the waiver is unused: %s is %s", w.Check, a.Outcomes[i].State)
	default:
		o := &a.Outcomes[i]
		j.Was = o.State
		o.State = Waived
		o.Reason = fmt.Sprintf("%s: %s; waived by %s: %s", j.Was, o.Reason, w.By, w.Reason)
		o.Evidence = append(o.Evidence, Attestations{}.PredicateType())
	}
	return j
}

// refusal returns the reason why a waiver is not valid for this candidate now, or "".
func (in Inputs) refusal(w SignedWaiver) string {
	check, known := Find(w.Check)
	person, named := in.Policy.Named(w.By)
	const when = time.RFC3339
	switch {
	case !known:
		return fmt.Sprintf("the waiver is malformed: there is no check %q", w.Check)
	case check.Never:
		return fmt.Sprintf("nobody may waive %s", w.Check)
	case w.Reason == "" || w.Owner == "":
		return "the waiver is malformed: it has no reason or no owner"
	case w.FinishedOn.IsZero() || w.Expires.IsZero():
		return "the waiver is malformed: it does not say when it was signed or when it expires"
	case w.FinishedOn.After(in.Now):
		return "the waiver has a time in the future: " + w.FinishedOn.Format(when)
	case w.Expires.Sub(w.FinishedOn) > evidence.MaxWaiver:
		return fmt.Sprintf("the waiver is malformed: it is valid for longer than %.0f days", evidence.MaxWaiver.Hours()/24)
	case !in.Now.Before(w.Expires):
		return "the waiver has expired on " + w.Expires.Format(when)
	case !named:
		return fmt.Sprintf("the waiver is signed by %q, whom the policy does not name", w.By)
	case !in.Candidate.AuthorsKnown():
		return "it is unknown whether the approver is an author, as in a shallow clone"
	case person.Wrote(in.Candidate) != "":
		return fmt.Sprintf("the approver, %s, is an author of the change (%s)", w.By, person.Wrote(in.Candidate))
	}
	return otherScope(w.Scope, in.Candidate)
}

// otherScope returns the reason why a waiver's scope does not include this
// candidate, or "".
func otherScope(s evidence.Scope, c Candidate) string {
	switch {
	case s.Package != "" && s.Tree != "" || s.Package == "" && s.Tree == "":
		return "the waiver is malformed: its scope must be a package, or the commits from a base to a tree"
	case s.Package != "" && s.Package != c.Package:
		return fmt.Sprintf("the waiver is for deployment package %.12s, not for %.12s", s.Package, c.Package)
	case s.Package != "":
		return ""
	case s.Tree != c.Tree:
		return fmt.Sprintf("the waiver is for the tree of commit %.12s, not of %.12s", s.Commit, c.Commit)
	case s.Base != c.Base:
		return fmt.Sprintf("the waiver is for the change since %s, not since %s", baseName(s.Base), baseName(c.Base))
	}
	return ""
}

func baseName(base string) string {
	if base == "" {
		return "the beginning"
	}
	return fmt.Sprintf("%.12s", base)
}
