package evidence

// The kinds of an [Attestation].
const (
	Review     = "review"      // I have read the change and agree
	ManualTest = "manual-test" // I have tried this release by hand
	Approve    = "approval"    // it may go to production, on this evidence
)

// An Attestation is what a person says about a release, signed with the
// person's own key. It applies to a tree. A rebase that changes nothing
// therefore keeps it, but an amended commit does not.
type Attestation struct {
	Made
	Kind string `json:"kind"` // Review, ManualTest or Approve
	Tree string `json:"tree"` // hash of the commit's tree
	What string `json:"what"` // in the person's words
	// Bundle is the SHA-256 of the evidence that an approval is given on.
	Bundle string `json:"bundle,omitempty"`
}

// PredicateType implements [Predicate].
func (Attestation) PredicateType() string { return Base + "attestation/v1" }
