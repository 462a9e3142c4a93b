package readiness

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/magewright/magewright/tools/evidence"
)

// The verdicts.
const (
	Go          = "GO"
	GoWaivers   = "GO-WITH-WAIVERS"
	GoRehearsal = "GO (rehearsal)"
	NoGo        = "NO-GO"
)

// An Outcome is the result of one check and what it counts for.
type Outcome struct {
	ID       string `json:"id"`
	Item     Item   `json:"item"`
	Title    string `json:"title"`
	Required bool   `json:"required"`
	// Tolerated says that the check is UNKNOWN and that the policy tolerates
	// this in a rehearsal.
	Tolerated bool `json:"tolerated,omitempty"`
	Result
	// Evidence lists the predicate types that the decision used.
	Evidence []string `json:"evidence,omitempty"`
}

// blocks reports whether the outcome keeps the release out of production.
func (o Outcome) blocks() bool {
	return o.Required && !o.Tolerated && (o.State == Fail || o.State == Unknown)
}

// An Assessment is a verdict and the results that it is based on.
type Assessment struct {
	// Judged says who has judged the release, and comes before everything else: see [Judge].
	Judged string `json:"judged,omitempty"`
	// Notice is the part of it that is shown beside the verdict everywhere.
	Notice string `json:"notice,omitempty"`
	evidence.Made
	Verdict   string `json:"verdict"`
	Commit    string `json:"commit"`
	Base      string `json:"base,omitempty"`
	Package   string `json:"package"`
	Account   string `json:"account,omitempty"`
	Tolerated int    `json:"tolerated"` // UNKNOWN, but tolerated in a rehearsal
	Waived    int    `json:"waived"`
	// Waivers lists all signed waivers, including invalid ones.
	Waivers  []JudgedWaiver `json:"waivers,omitempty"`
	Outcomes []Outcome      `json:"outcomes"`
}

// PredicateType implements [evidence.Predicate].
func (Assessment) PredicateType() string { return base + "assessment/v1" }

// Blocking returns the outcomes that keep the release out of production.
func (a Assessment) Blocking() []Outcome {
	return slices.DeleteFunc(slices.Clone(a.Outcomes), func(o Outcome) bool { return !o.blocks() })
}

// Evaluate decides all checks from statements, as of the time now.
func Evaluate(statements []evidence.Statement, now time.Time) (Assessment, error) {
	in := Inputs{Statements: statements, Now: now}
	var policy PolicyUsed
	if err := errors.Join(in.Read(&in.Candidate), in.Read(&policy)); err != nil {
		return Assessment{}, fmt.Errorf("assessing: %w", err)
	}
	in.Policy = policy.Policy
	a := Assessment{
		Made:   evidence.Made{FinishedOn: now, Dirty: in.Candidate.Dirty},
		Commit: in.Candidate.Commit, Base: in.Candidate.Base, Package: in.Candidate.Package, Account: in.Candidate.Account,
	}
	var judge Judge
	if reason, _ := in.unusable(judge.PredicateType()); reason == "" && in.Read(&judge) == nil {
		a.Judged, a.Notice = judge.String(), judge.Notice()
	}
	rehearsal := in.Policy.Rehearsal.Account != "" && in.Policy.Rehearsal.Account == a.Account
	for _, check := range Checks() {
		o := Outcome{ID: check.ID, Item: check.Item, Title: check.Title, Required: slices.Contains(in.Policy.Required, check.ID)}
		o.Result = in.decide(check)
		o.Required = o.Required || check.Always && o.State != NotApplicable && in.given(check)
		for _, p := range check.Inputs {
			o.Evidence = append(o.Evidence, p.PredicateType())
		}
		if o.State != Pass && o.State != NotApplicable && o.Next == "" {
			o.Next = check.Next
		}
		a.Outcomes = append(a.Outcomes, o)
	}
	a.waive(in)
	for i := range a.Outcomes {
		o := &a.Outcomes[i]
		o.Tolerated = rehearsal && o.Required && o.State == Unknown && !o.Refused && (slices.Contains(in.Policy.Rehearsal.Tolerates, o.ID) || standIn(o.ID))
		if o.Tolerated {
			a.Tolerated++
		}
		if o.State == Waived {
			a.Waived++
		}
	}
	a.Verdict = a.verdict(rehearsal)
	return a, nil
}

// always reports whether every policy requires a check.
func always(id string) bool {
	check, ok := Find(id)
	return ok && check.Always
}

// standIn reports whether somebody stands in, in a rehearsal, for whom a check asks for.
func standIn(id string) bool {
	check, ok := Find(id)
	return ok && check.StandIn
}

// verdict derives the verdict from the outcomes. If the policy requires nothing,
// nothing is known.
func (a Assessment) verdict(rehearsal bool) string {
	required := slices.ContainsFunc(a.Outcomes, func(o Outcome) bool { return o.Required && !always(o.ID) })
	waived := slices.ContainsFunc(a.Outcomes, func(o Outcome) bool { return o.State == Waived })
	switch {
	case len(a.Blocking()) > 0 || len(a.RefusedWaivers()) > 0 || !required:
		return NoGo
	case rehearsal:
		return GoRehearsal
	case waived:
		return GoWaivers
	default:
		return Go
	}
}

// decide runs a check if each of its inputs is present, complete, for this
// candidate and not too old.
func (in Inputs) decide(check Check) (r Result) {
	for _, p := range check.Inputs {
		if reason, next := in.unusable(p.PredicateType()); reason != "" {
			r := Undecided("%s", reason)
			r.Next, r.Refused = next, in.refused(p.PredicateType())
			return r
		}
	}
	defer func() {
		if cause := recover(); cause != nil {
			r = Undecided("the check did not finish: %v", cause)
		}
	}()
	r = check.Decide(in)
	if (r.State == Pass || r.State == Fail) && r.Counted == "" {
		return Undecided("the check does not say what it has examined")
	}
	if (r.State == NotApplicable) && r.Reason == "" {
		return Undecided("the check does not prove that it is not applicable")
	}
	return r
}

// given reports whether somebody has tried to collect everything that a check decides from.
// If something could not be collected, that is an answer too.
func (in Inputs) given(check Check) bool {
	return !slices.ContainsFunc(check.Inputs, func(p evidence.Predicate) bool {
		reason, _ := in.unusable(p.PredicateType())
		return reason == noEvidence
	})
}

// noEvidence is the reason if there is neither a statement nor an absence.
const noEvidence = "there is no evidence"

// unusable returns the reason why evidence of a type can't be used, or "".
func (in Inputs) unusable(predicateType string) (reason, next string) {
	var found []evidence.Statement
	for _, s := range in.Statements {
		if s.PredicateType == predicateType {
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		return in.absent(predicateType)
	}
	if len(found) > 1 {
		return fmt.Sprintf("there are %d statements of %s, and it is unknown which one is true", len(found), predicateType), ""
	}
	return in.outdated(found[0])
}

// outdated returns the reason why a statement can't be used for this release, or "".
func (in Inputs) outdated(s evidence.Statement) (reason, next string) {
	var made evidence.Made
	if err := json.Unmarshal(s.Predicate, &made); err != nil {
		return fmt.Sprintf("the statement of %s can't be read: %v", s.PredicateType, err), ""
	}
	switch commit, pkg := s.Digest(evidence.GitCommit), s.Digest(evidence.SHA256); {
	case commit != in.Candidate.Commit:
		return fmt.Sprintf("the evidence is for commit %.12s, not for %.12s", commit, in.Candidate.Commit), ""
	case pkg != "" && pkg != in.Candidate.Package:
		return fmt.Sprintf("the evidence is for another deployment package, %.12s", pkg), ""
	case made.Dirty:
		return "the evidence was made from files that are not committed", "git commit"
	case made.FinishedOn.IsZero():
		return "the evidence does not say when it was made", ""
	case made.FinishedOn.After(in.Now):
		return fmt.Sprintf("the evidence has a time in the future: %s", made.FinishedOn.Format(time.RFC3339)), ""
	case in.Now.Sub(made.FinishedOn) > time.Duration(in.Policy.MaxAge):
		return fmt.Sprintf("the evidence is from %s, older than %s", made.FinishedOn.Format(time.RFC3339), time.Duration(in.Policy.MaxAge)), ""
	}
	return "", ""
}

func (in Inputs) absent(predicateType string) (reason, next string) {
	if a, ok := in.absence(predicateType); ok {
		return a.Reason, a.Next
	}
	return noEvidence, ""
}

// refused reports whether evidence is absent because AWS has refused to answer.
func (in Inputs) refused(predicateType string) bool {
	a, ok := in.absence(predicateType)
	return ok && a.Refused
}

// absence returns what says why there is no evidence of a type.
func (in Inputs) absence(predicateType string) (Absence, bool) {
	for _, s := range in.Statements {
		var a Absence
		if s.PredicateType == a.PredicateType() && s.Decode(&a) == nil && a.Of == predicateType {
			return a, true
		}
	}
	return Absence{}, false
}
