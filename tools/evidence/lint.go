package evidence

// Lint is the result of `mage lint`.
type Lint struct {
	Made
	Files  int      `json:"files"`            // number of Go files that were checked
	Broken []string `json:"broken,omitempty"` // the tools that had findings
}

// PredicateType implements [Predicate].
func (Lint) PredicateType() string { return Base + "lint/v1" }

// Base is the prefix of the types of this project's own predicates.
const Base = "https://github.com/magewright/magewright/evidence/"

// ReviewsType is the type of what package readiness says about the commits of a release. The
// ledger, which does not import that package, reads their subjects there.
const ReviewsType = Base + "reviews/v1"
