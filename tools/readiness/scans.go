package readiness

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/evidence"
)

// scan returns the answer for one tool of `mage sec`, and the scan itself.
func scan(in Inputs, tool, notChecked string) (Result, evidence.Scan) {
	security := read(in, &evidence.Security{})
	i := slices.IndexFunc(security.Scans, func(s evidence.Scan) bool { return s.Tool == tool })
	if i < 0 {
		return Undecided("%s was not run", tool), evidence.Scan{}
	}
	s := security.Scans[i]
	var r Result
	switch {
	case s.State == string(Fail):
		r = Failed(s.Counted, strings.Split(s.Findings, "\n")...)
	case s.State != string(Pass):
		r = Undecided("%s", s.Findings)
		r.Counted = s.Counted
	case security.Tools[tool] == "":
		r = Undecided("the evidence does not say which version of %s was run", tool)
		r.Counted = s.Counted
	default:
		r = Passed("%s%s", s.Counted, origin(s.Reused))
	}
	r.NotChecked = notChecked
	if len(s.Config) > 0 {
		r.NotChecked += " What " + strings.Join(slices.Sorted(maps.Keys(s.Config)), " and ") + " leaves out."
	}
	return r, s
}

// origin says where a result comes from that was not computed for this commit.
// It is empty otherwise.
func origin(r *evidence.Reused) string {
	if r == nil {
		return ""
	}
	build := ""
	if r.Build != "" {
		build = ", in build " + r.Build
	}
	return fmt.Sprintf("; for the same inputs, at commit %.12s on %s%s (key %.12s)", r.Commit, r.FinishedOn.UTC().Format(time.DateTime), build, r.Key)
}

// A Rescan is a scan that readiness itself has made, by the base's configuration.
type Rescan struct {
	evidence.Made
	Base string        `json:"base,omitempty"` // "" if all commits were scanned
	Scan evidence.Scan `json:"scan"`
}

// PredicateType implements [evidence.Predicate].
func (Rescan) PredicateType() string { return base + "rescan/v1" }

func staticAnalysis() Check {
	return Check{
		ID:    "static-analysis",
		Item:  Security,
		Title: "Static analysis finds no insecure code",
		Doc: `gosec has no findings, except for those that are suppressed with a reason. Its taint
rules G701 to G710 are not deterministic (gosec#1712): what they find must be mended or
suppressed, but they may find it only in another run. What the build of the candidate
says is a claim: the judge runs gosec itself, and a difference fails.`,
		Inputs: []evidence.Predicate{evidence.Security{}, Recheck{}},
		Next:   "go tool mage sec",
		Decide: func(in Inputs) Result {
			r, claim := scan(in, "gosec", "What #nosec suppresses with a reason, and flows of data that the taint rules did not see this time.")
			again, claimed, reason := in.again()
			if claimed || r.Counted == "" {
				return r
			}
			if reason != "" {
				return Undecided("%s", reason)
			}
			if findings := differs(sayScan(claim), sayScan(again.Gosec)); len(findings) > 0 {
				if again.Gosec.State == string(Fail) {
					findings = append(findings, strings.Split(again.Gosec.Findings, "\n")...)
				}
				return Failed(claim.Counted, findings...)
			}
			return r
		},
	}
}

// otherDatabase is what to type where the vulnerability database can't be reached or
// is too old.
const otherDatabase = "GOVULNDB=file:///a/copy/of/the/database go tool mage sec"

func vulnerabilities() Check {
	return Check{
		ID:    "vulnerabilities",
		Item:  Security,
		Title: "No function with a known vulnerability is called",
		Doc: `govulncheck finds no call of a vulnerable function. The check is UNKNOWN if the
database can't be reached, has no entries, is none of the policy's databases
(https://vuln.go.dev by default), or if its last change is older than the policy's
databaseMaxAge (a week by default). Vulnerable functions that are present but not
called are counted; they do not fail the check.`,
		Inputs: []evidence.Predicate{evidence.Security{}},
		Next:   "go tool mage sec",
		Decide: func(in Inputs) Result {
			r, s := scan(in, "govulncheck", "Calls by reflection, and vulnerabilities that nobody has reported.")
			if r.State == Unknown {
				r.Next = otherDatabase
			}
			if r.State != Pass {
				return r
			}
			if stale := in.stale(s.Database); stale != "" {
				counted := r.Counted
				r = Undecided("%s", stale)
				r.Counted, r.Next = counted, otherDatabase
			}
			return r
		},
	}
}

// stale says why a database can't be relied on, or "".
func (in Inputs) stale(db *evidence.Database) string {
	if db == nil || db.ModifiedOn.IsZero() {
		return "the evidence does not give the date of the database"
	}
	if !in.Policy.Knows(db.Name) {
		return fmt.Sprintf("the database %q is none that the policy knows: its databases are %q by default", db.Name, DefaultDatabase)
	}
	changed := db.ModifiedOn.Format(time.RFC3339)
	switch age := in.Now.Sub(db.ModifiedOn); {
	case age < 0:
		return fmt.Sprintf("the database %s has a last change in the future: %s", db.Name, changed)
	case age > in.Policy.DatabaseAge():
		return fmt.Sprintf("the database %s last changed on %s, more than %s ago", db.Name, changed, in.Policy.DatabaseAge())
	}
	return ""
}

func secrets() Check {
	return Check{
		ID:    "secrets",
		Item:  Security,
		Title: "No secret is in the history",
		Doc: `gitleaks finds no secret in the history. It must have scanned as many commits as git
counts, without merges. What "mage sec" said is only a claim: readiness scans the commits
since the base again, with the base's .gitleaks.toml and .gitleaksignore and without git's
attributes. What the change itself says is to be left out does not count.`,
		Inputs: []evidence.Predicate{evidence.Security{}, Rescan{}},
		Never:  true,
		Next:   "go tool mage sec",
		Decide: func(in Inputs) Result {
			r, _ := scan(in, "gitleaks", "Merges that change what they merge, lines marked gitleaks:allow, and secrets in a form that no rule covers.")
			again := read(in, &Rescan{})
			if r.Counted == "" || again.Scan.Counted == "" && again.Scan.State == string(Pass) {
				r.Counted = ""
				return r
			}
			counted := strings.TrimSuffix(r.Counted+"; again, "+again.Scan.Counted, "; again, ")
			switch {
			case again.Base != in.Candidate.Base:
				r = Undecided("the commits were scanned again since %.12s, not since the base %.12s", again.Base, in.Candidate.Base)
			case again.Scan.State == string(Fail):
				r = Failed(counted, strings.Split(again.Scan.Findings, "\n")...)
				r.Reason += " with the base's configuration"
			case again.Scan.State != string(Pass) && r.State == Pass:
				r = Undecided("scanning again: %s", again.Scan.Findings)
			}
			r.Counted = counted
			return r
		},
	}
}
