package evidence

// Synthesis is what a synthesis gave that was made only to be compared: the second one
// of a commit, by a build that can't have seen the first.
type Synthesis struct {
	Made
	// Files are the files of the cloud assembly with their SHA-256.
	Files map[string]string `json:"files"`
}

// PredicateType implements [Predicate].
func (Synthesis) PredicateType() string { return Base + "synthesis/v1" }
