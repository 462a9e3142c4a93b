package evidence

// Synthesis is the result of a synthesis that was only made for comparison: the second one of
// a commit, in a build that can't have seen the first.
type Synthesis struct {
	Made
	// Files are the files of the cloud assembly with their SHA-256.
	Files map[string]string `json:"files"`
}

// PredicateType implements [Predicate].
func (Synthesis) PredicateType() string { return Base + "synthesis/v1" }
