package evidence

import "time"

// MaxWaiver is how long a waiver may be valid.
const MaxWaiver = 30 * 24 * time.Hour

// A Waiver is a person's signed statement that a release may go to production
// although a check is not PASS. The signer approves the release. FinishedOn is
// the time of the signature.
type Waiver struct {
	Made
	Check   string    `json:"check"` // id of the check
	Scope   Scope     `json:"scope"`
	Reason  string    `json:"reason"`
	Owner   string    `json:"owner"`   // who makes sure that the waiver is not needed again
	Expires time.Time `json:"expires"` // the waiver is not valid from then on
}

// PredicateType implements [Predicate].
func (Waiver) PredicateType() string { return Base + "waiver/v1" }

// A Scope is what a waiver covers: a deployment package, or otherwise the
// change from one commit to another. The change is identified by its base and
// its tree, so that a rebase that changes nothing keeps the waiver.
type Scope struct {
	Package string `json:"package,omitempty"` // SHA-256
	Base    string `json:"base,omitempty"`    // the previous release; "" for the first release
	Commit  string `json:"commit,omitempty"`
	Tree    string `json:"tree,omitempty"`
}
