package evidence

import "time"

// MaxWaiver is how long a waiver may hold.
const MaxWaiver = 30 * 24 * time.Hour

// A Waiver is a person's word, signed by the person's own key, that a release
// may go to production although a check is not PASS. Whoever signs approves it;
// FinishedOn is when.
type Waiver struct {
	Made
	Check   string    `json:"check"` // its id
	Scope   Scope     `json:"scope"`
	Reason  string    `json:"reason"`
	Owner   string    `json:"owner"`   // who sees to it that it is not needed again
	Expires time.Time `json:"expires"` // from then on it does not hold
}

// PredicateType implements [Predicate].
func (Waiver) PredicateType() string { return Base + "waiver/v1" }

// A Scope is what a waiver is for: a deployment package, or else the change
// from one commit to another. The change holds by its base and its tree, so
// that a rebase that changes nothing keeps it.
type Scope struct {
	Package string `json:"package,omitempty"` // SHA-256
	Base    string `json:"base,omitempty"`    // the release before, "" for the first
	Commit  string `json:"commit,omitempty"`
	Tree    string `json:"tree,omitempty"`
}
