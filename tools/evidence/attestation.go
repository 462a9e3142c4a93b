package evidence

// The kinds of an [Attestation].
const (
	Review     = "review"      // I have read the change and agree
	ManualTest = "manual-test" // I have tried this release by hand
)

// An Attestation is what a person says of a release, signed by the person's own
// key. It holds for a tree, so that a rebase that changes nothing keeps it, and
// an amended commit does not.
type Attestation struct {
	Made
	Kind string `json:"kind"` // Review or ManualTest
	Tree string `json:"tree"` // hash of the commit's tree
	What string `json:"what"` // in the person's words
}

// PredicateType implements [Predicate].
func (Attestation) PredicateType() string { return Base + "attestation/v1" }
