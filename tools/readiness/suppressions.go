package readiness

import (
	"fmt"

	"github.com/magewright/magewright/tools/evidence"
)

// Suppressions says what the change tells the scanners to leave out.
type Suppressions struct {
	evidence.Made
	Base string `json:"base,omitempty"`
	// New are the lines that suppress something and are not in the base, and the
	// configurations of scanners that differ from the base's.
	New []Suppression `json:"new,omitempty"`
	// Lines is the total number of such lines.
	Lines int `json:"lines"`
}

// PredicateType implements [evidence.Predicate].
func (Suppressions) PredicateType() string { return base + "suppressions/v1" }

// A Suppression is a line that suppresses something, or a configuration.
type Suppression struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"` // 0 for a configuration
	Text string `json:"text"`
}

func (s Suppression) String() string {
	if s.Line == 0 {
		return s.File + ": " + s.Text
	}
	return fmt.Sprintf("%s:%d: %s", s.File, s.Line, s.Text)
}

func suppressions() Check {
	return Check{
		ID:    "suppressions",
		Item:  Security,
		Title: "The change silences no more findings than the policy lets it",
		Doc: `Counted are the lines which the base does not have and which tell a scanner to leave
something out: #nosec and gosec:disable, //nolint, //lint:ignore, and gitleaks:allow. So
are the configurations of scanners that differ from the base's: .gitleaks.toml,
.gitleaksignore, .golangci.*, and .gitattributes, which can hide a file's content. A line
that was moved within its file is not new. The policy's "suppressions" is how many a change
may have; the default is none. The page lists all of them, so that whoever approves sees
them. Of gitleaks's files those of the base are what counts for the check secrets, so that
a change of them only takes effect with the release after.`,
		Inputs: []evidence.Predicate{Suppressions{}},
		Next:   "fix what is suppressed; or raise suppressions in the policy, one release ahead",
		Decide: func(in Inputs) Result {
			s := read(in, &Suppressions{})
			if s.Base != in.Candidate.Base {
				return Undecided("the suppressions were compared with %.12s, not with the base %.12s", s.Base, in.Candidate.Base)
			}
			if in.Candidate.First() {
				return Inapplicable("there is no previous release, so none of %s is new", count(s.Lines, "suppression"))
			}
			counted := fmt.Sprintf("%d new of %s; %d allowed", len(s.New), count(s.Lines, "suppression"), in.Policy.Suppressions)
			findings := make([]string, len(s.New))
			for i, one := range s.New {
				findings[i] = one.String()
			}
			if len(s.New) > in.Policy.Suppressions {
				return Failed(counted, findings...)
			}
			r := Passed("%s", counted)
			r.Findings = findings
			r.NotChecked = "Whether the reasons of suppressions are good ones."
			return r
		},
	}
}
