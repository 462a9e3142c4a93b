package evidence

// The kinds of an [Attestation].
const (
	Review     = "review"      // I have read the change and agree
	ManualTest = "manual-test" // I have tried this release by hand
)

// An Attestation is what a person says about a release, signed with the
// person's own key. It applies to a tree. A rebase that changes nothing
// therefore keeps it, but an amended commit does not.
type Attestation struct {
	Made
	Kind string `json:"kind"` // Review or ManualTest
	Tree string `json:"tree"` // hash of the commit's tree
	What string `json:"what"` // in the person's words
}

// PredicateType implements [Predicate].
func (Attestation) PredicateType() string { return Base + "attestation/v1" }
