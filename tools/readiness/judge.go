package readiness

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// A Judge says whose code has judged a release.
type Judge struct {
	evidence.Made
	// Outside says that the release's own code has judged it, in the checkout of somebody who
	// wants to know the verdict. In the pipeline, the last release's code judges.
	Outside bool `json:"outside,omitempty"`
	// Commit is the release that contains the code, or "" if none was promoted before: then
	// the code is the release's own.
	Commit string `json:"commit,omitempty"`
	// Version is the version of Magewright in a repository that pins it, and Pinned is the
	// version that the release pins.
	Version string `json:"version,omitempty"`
	Pinned  string `json:"pinned,omitempty"`
	// Rules are the changed files that would judge this release if its own code judged.
	Rules []string `json:"rules,omitempty"`
}

// PredicateType implements [evidence.Predicate].
func (Judge) PredicateType() string { return base + "judge/v1" }

// String says in one or two lines who has judged.
func (j Judge) String() string {
	if j.Outside {
		return "Judged by the release's own code, outside of the pipeline, where the last release's code decides."
	}
	if j.Commit == "" {
		return "NO JUDGE BEFORE IT: no release was promoted before, so this release was judged by its own code. A person must sign for it."
	}
	said := fmt.Sprintf("Judged by the code of release %.12s", j.Commit)
	if j.Version != "" {
		said += ", Magewright " + j.Version
	}
	if j.Pinned != "" && j.Pinned != j.Version {
		said += fmt.Sprintf(". It pins Magewright %s, which judges from the next release on", j.Pinned)
	}
	if n := len(j.Rules); n > 0 {
		const few = 3
		names := strings.Join(j.Rules[:min(n, few)], ", ")
		if n > few {
			names += fmt.Sprintf(" and %d more", n-few)
		}
		said += fmt.Sprintf(". IT CHANGES THE RULES, and is judged by the old ones: %s of the judge, %s", count(n, "file"), names)
	}
	return said + "."
}

// Notice says in a few words what an approver must know about the judge, or "".
func (j Judge) Notice() string {
	switch {
	case j.Outside:
		return ""
	case j.Commit == "":
		return "no judge before it"
	case len(j.Rules) > 0:
		return "it changes the rules"
	}
	return ""
}

// ruling has patterns for the files that judge a release, or that build the judge. A pattern
// that ends with a slash stands for everything below. Some are in every repository, and
// others only in Magewright's own or in one that adopts it.
var ruling = struct{ all, own, adopted []string }{
	all: []string{
		"magefile.go", "magefile_*.go", "magefiles/", "go.mod", "go.sum", "go.work", "go.work.sum",
		".golangci.yml", ".golangci.yaml", ".golangci.toml", ".golangci.json", ".gitleaks.toml", ".gitleaksignore",
	},
	own:     []string{"buildspec.yml", "tools/", "infra/policy/", "infra/pipeline/", "infra/delivery/", "infra/standalone/", "infra/settings/", "infra/nag/", "infra/main.go", "infra/cdk.json", "infra/package.json", "infra/package-lock.json"},
	adopted: []string{"magewright/", "magewright.yml"},
}

// Rules returns the changed files that judge a release.
func Rules(changes []Change, adopted bool) []string {
	patterns := slices.Concat(ruling.all, ruling.own)
	if adopted {
		patterns = slices.Concat(ruling.all, ruling.adopted)
	}
	matches := func(name string) bool {
		return name != "" && slices.ContainsFunc(patterns, func(pattern string) bool {
			if strings.HasSuffix(pattern, "/") {
				return strings.HasPrefix(name, pattern)
			}
			ok, err := path.Match(pattern, name)
			return ok && err == nil
		})
	}
	var found []string
	for _, c := range changes {
		switch {
		case matches(c.Path):
			found = append(found, c.Path)
		case matches(c.From): // it was moved from here
			found = append(found, c.From)
		}
	}
	return found
}

// judgedBy checks that a release is not judged by its own code, unless a person has signed
// for that.
func judgedBy() Check {
	return Check{
		ID: "judge", Item: CodeReview,
		Title: "The last release's code has judged this one",
		Doc: `In the pipeline, the code of the release that was promoted last decides, by its own
rules. Before the first promotion there is no such code, so that somebody who is not
an author must have signed a review of this tree. In a rehearsal, whoever answers the
approval stands in for that person. Outside of the pipeline the release's own code
decides for whoever wants to know; promote in the pipeline refuses such evidence.`,
		Inputs:  []evidence.Predicate{Judge{}},
		Never:   true,
		Always:  true,
		StandIn: true,
		Next:    `go tool mage attest -review -what="...", by somebody whom the policy names and who is not an author; then git push origin refs/notes/magewright`,
		Decide: func(in Inputs) Result {
			j := read(in, &Judge{})
			if j.Outside {
				return Inapplicable("this was decided outside of the pipeline, where promote refuses it")
			}
			if j.Commit != "" {
				return Passed("1 judge, release %.12s", j.Commit)
			}
			by, authors := in.signers()
			switch {
			case len(by) > 0:
				return Passed("no judge; %s, who is not an author, has signed a review of tree %.12s", by[0], in.Candidate.Tree)
			case len(authors) > 0:
				return Failed("no judge, 0 reviews signed by others than the authors", authors...)
			}
			return Undecided("no release was promoted before, so the release was judged by its own code, and nobody who is not an author has signed a review of it")
		},
	}
}

// signers returns the people named in the policy who have signed a review of the candidate's
// tree. It also returns findings about those of them who are authors.
func (in Inputs) signers() (others, authors []string) {
	var signed Attestations
	if reason, _ := in.unusable(signed.PredicateType()); reason != "" || in.Read(&signed) != nil || !in.Candidate.AuthorsKnown() {
		return nil, nil
	}
	for _, a := range signed.Attestations {
		person, named := in.Policy.Named(a.By)
		if a.Kind != evidence.Review || a.Tree != in.Candidate.Tree || !named {
			continue
		}
		if address := person.Wrote(in.Candidate); address != "" {
			authors = append(authors, fmt.Sprintf("%s has signed a review, but is an author of the change (%s)", a.By, address))
			continue
		}
		others = append(others, a.By)
	}
	return others, authors
}
