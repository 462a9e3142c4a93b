package evidence

// Lint is what `mage lint` found.
type Lint struct {
	Made
	Files  int      `json:"files"`            // Go files that were looked at
	Broken []string `json:"broken,omitempty"` // the tools that had findings
}

// PredicateType implements [Predicate].
func (Lint) PredicateType() string { return Base + "lint/v1" }

// Base is the prefix of the types of this project's own predicates.
const Base = "https://github.com/magewright/magewright/evidence/"
