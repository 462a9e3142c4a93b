package readiness

import "github.com/magewright/magewright/tools/evidence"

// base is the prefix of the types of this project's own predicates.
const base = evidence.Base

// A Candidate is the release being assessed.
type Candidate struct {
	evidence.Made
	Commit  string   `json:"commit"`         // full hash
	Tree    string   `json:"tree"`           // hash of the commit's tree
	Base    string   `json:"base,omitempty"` // the previous release; "" for the first release
	BaseIs  string   `json:"baseIs"`         // how the base was found
	Package string   `json:"package"`        // SHA-256 of the deployment package
	Account string   `json:"account,omitempty"`
	Commits []string `json:"commits"` // the range's commits, newest first
	Changed []Change `json:"changed"` // files that differ from the base
	// Authors are the e-mail addresses of the range's authors, co-authors and
	// committers, in lower case.
	Authors []string `json:"authors,omitempty"`
	Shallow bool     `json:"shallow,omitempty"`
	// Looking says that a flag has chosen another base than the release that the
	// commit follows. promote refuses such evidence.
	Looking bool `json:"looking,omitempty"`
}

// A Change is a file that differs from the base.
type Change struct {
	Path   string `json:"path"`
	Status string `json:"status"`         // A, M, D or R, as in git diff
	From   string `json:"from,omitempty"` // the previous path of a renamed file
}

// PredicateType implements [evidence.Predicate].
func (Candidate) PredicateType() string { return base + "candidate/v1" }

// First reports whether there is no previous release.
func (c Candidate) First() bool { return c.Base == "" }

// AuthorsKnown reports whether Authors is complete. In a shallow clone it is not.
func (c Candidate) AuthorsKnown() bool {
	return !c.Shallow && (len(c.Authors) > 0 || len(c.Commits) == 0)
}

// An Absence says why there is no statement of a certain type.
type Absence struct {
	evidence.Made
	Of     string `json:"of"` // the missing predicate type
	Reason string `json:"reason"`
	Next   string `json:"next,omitempty"`
	// Refused says that AWS was asked and that IAM has refused the question.
	Refused bool `json:"refused,omitempty"`
}

// PredicateType implements [evidence.Predicate].
func (Absence) PredicateType() string { return base + "absence/v1" }
