package readiness

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project/agreed"
	"github.com/magewright/magewright/tools/surface"
)

// PolicyFile is the path of a repository's policy below the directory of its
// settings: infra, or magewright in a repository that adopts Magewright. It is read
// from the base, not from the change that it judges.
const PolicyFile = "policy/readiness.yml"

// StartingPolicy is the policy of a repository that adopts Magewright and has no policy yet.
// It requires the checks for which the target check gives evidence and which need no setup.
const StartingPolicy = `# What a release needs to go to production. It is read from the release before, not
# from the change that it judges: a change here counts from the next one on.
# "mage readiness -missing" lists the other checks, and what each of them needs.
required: [coding-standards, tests-pass, static-analysis, vulnerabilities, secrets]

# How old evidence may be.
maxAge: 24h

# In a rehearsal, and nowhere else, these may stay UNKNOWN: a rehearsal may have no
# vulnerability database.
rehearsal:
  account: "000000000000"
  tolerates: [vulnerabilities]
`

// A Policy says what a team requires of a release.
type Policy struct {
	// Required lists the checks that must pass. Other checks are evaluated and
	// shown, but do not influence the verdict.
	Required []string `yaml:"required" json:"required"`
	// MaxAge is how old evidence may be.
	MaxAge Duration `yaml:"maxAge" json:"maxAge"`
	// Coverage is the percentage of changed statements that tests must cover.
	// The default is 100.
	Coverage *float64 `yaml:"coverage" json:"coverage,omitempty"`
	// CoverageAllowance is the number of uncovered changed statements that is
	// always accepted.
	CoverageAllowance int `yaml:"coverageAllowance" json:"coverageAllowance,omitempty"`
	// CoverageWaivers is the number of statements that comments in the code may
	// waive, each with a reason.
	CoverageWaivers int `yaml:"coverageWaivers" json:"coverageWaivers"`
	// Suppressions is the number of findings of scanners that a change may silence.
	Suppressions int `yaml:"suppressions" json:"suppressions,omitempty"`
	// Databases are the vulnerability databases that count. The default is
	// DefaultDatabase.
	Databases []string `yaml:"databases" json:"databases,omitempty"`
	// Integration lists patterns of packages whose tests are integration tests.
	Integration []string `yaml:"integration" json:"integration,omitempty"`
	// Licences are the SPDX identifiers that the shipped binary may contain.
	Licences []string `yaml:"licences" json:"licences,omitempty"`
	// LicenceTexts says what a text is that could not be identified, by its SHA-256.
	LicenceTexts map[string]LicenceIs `yaml:"licenceTexts" json:"licenceTexts,omitempty"`
	// DatabaseMaxAge limits the time since the last change of the vulnerability
	// database. The default is DefaultDatabaseAge.
	DatabaseMaxAge Duration `yaml:"databaseMaxAge" json:"databaseMaxAge,omitempty"`
	// Documents maps each kind of surface to documents. One of them must
	// describe the surface.
	Documents map[string][]string `yaml:"documents" json:"documents,omitempty"`
	// Owner is responsible for a release, and Contacts answer questions about
	// it. Both are in the deployment plan.
	Owner    string   `yaml:"owner" json:"owner,omitempty"`
	Contacts []string `yaml:"contacts" json:"contacts,omitempty"`
	// Parity declares differences between staging and production. It maps a
	// JSON Pointer into the canonical template to a reason; see the check parity.
	Parity map[string]string `yaml:"parity" json:"parity,omitempty"`
	// People lists those whose signatures count.
	People []Person `yaml:"people" json:"people,omitempty"`
	// Review says where changes are reviewed.
	Review ReviewPolicy `yaml:"review" json:"review,omitzero"`
	// Unneeded declares statements of roles that a rehearsal does not need; see the
	// check least-privilege.
	Unneeded []Unneeded `yaml:"unneeded" json:"unneeded,omitempty"`
	// Rehearsal says which checks may stay UNKNOWN in a rehearsal.
	Rehearsal Rehearsal `yaml:"rehearsal" json:"rehearsal"`
}

// A LicenceIs says what a licence text is, according to somebody who has read it.
type LicenceIs struct {
	Is     []string `yaml:"is" json:"is"` // SPDX identifiers
	Reason string   `yaml:"reason" json:"reason"`
}

// DefaultDatabaseAge is a week, because https://vuln.go.dev changes every few days.
const DefaultDatabaseAge = Duration(7 * 24 * time.Hour)

// DefaultDatabase is the Go project's vulnerability database.
const DefaultDatabase = "https://vuln.go.dev"

// Knows reports whether a vulnerability database counts.
func (p Policy) Knows(database string) bool {
	known := p.Databases
	if len(known) == 0 {
		known = []string{DefaultDatabase}
	}
	return slices.Contains(known, strings.TrimSuffix(database, "/"))
}

// DatabaseAge returns DatabaseMaxAge, or its default.
func (p Policy) DatabaseAge() time.Duration {
	if p.DatabaseMaxAge == 0 {
		return time.Duration(DefaultDatabaseAge)
	}
	return time.Duration(p.DatabaseMaxAge)
}

// A Rehearsal is a release to an account that can't be real.
type Rehearsal struct {
	Account   string   `yaml:"account" json:"account"`
	Tolerates []string `yaml:"tolerates" json:"tolerates"`
	// ForbidRecorded refuses a release with resources that the embedded AWS only
	// records: the check staging-deployed fails.
	ForbidRecorded bool `yaml:"forbidRecorded" json:"forbidRecorded,omitempty"`
}

// A Duration is a time.Duration that is written as 24h, for example.
type Duration time.Duration

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

var sha256Digest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// ParsePolicy reads a policy from the text of a file. An unknown key or check is an error, because a
// misspelt requirement would require nothing.
func ParsePolicy(file string, data []byte) (Policy, error) {
	var p Policy
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&p); err != nil && !errors.Is(err, io.EOF) {
		return p, fmt.Errorf("reading %s: %w", file, err)
	}
	if len(p.Required) == 0 {
		return p, fmt.Errorf("reading %s: it requires no check", file)
	}
	for _, id := range slices.Concat(p.Required, p.Rehearsal.Tolerates) {
		if _, ok := Find(id); !ok {
			return p, fmt.Errorf("reading %s: there is no check %q", file, id)
		}
	}
	if p.DatabaseMaxAge < 0 {
		return p, fmt.Errorf("reading %s: databaseMaxAge is negative", file)
	}
	if p.MaxAge <= 0 {
		return p, fmt.Errorf("reading %s: maxAge is not set", file)
	}
	for path, reason := range p.Parity {
		if !strings.HasPrefix(path, "/") {
			return p, fmt.Errorf("reading %s: parity: %q is not a JSON Pointer such as /Resources/Function/Properties/MemorySize", file, path)
		}
		if strings.TrimSpace(reason) == "" {
			return p, fmt.Errorf("reading %s: parity: %s has no reason", file, path)
		}
	}
	// The condition is negated so that it is also true for .nan.
	if c := p.Threshold(); !(c > 0 && c <= 100) {
		return p, fmt.Errorf("reading %s: coverage is %v: want more than 0 and at most 100 percent", file, c)
	}
	if p.CoverageWaivers < 0 || p.CoverageAllowance < 0 {
		return p, fmt.Errorf("reading %s: coverageWaivers is %d, coverageAllowance %d", file, p.CoverageWaivers, p.CoverageAllowance)
	}
	if p.Suppressions < 0 {
		return p, fmt.Errorf("reading %s: suppressions is %d", file, p.Suppressions)
	}
	if err := p.Review.check(); err != nil {
		return p, fmt.Errorf("reading %s: %w", file, err)
	}
	for kind := range p.Documents {
		if !slices.Contains(surface.Kinds, surface.Kind(kind)) {
			return p, fmt.Errorf("reading %s: documents: there is no surface %q; the surfaces are %v", file, kind, surface.Kinds)
		}
	}
	if slices.Contains(p.Required, "plan") && (p.Owner == "" || len(p.Contacts) == 0) {
		return p, fmt.Errorf("reading %s: it requires a plan, which needs an owner and contacts", file)
	}
	for digest, text := range p.LicenceTexts {
		if !sha256Digest.MatchString(digest) || len(text.Is) == 0 || strings.TrimSpace(text.Reason) == "" {
			return p, fmt.Errorf("reading %s: licenceTexts: %q is not a SHA-256, or `is` or the reason is missing", file, digest)
		}
	}
	if a := p.Rehearsal.Account; a != "" && a != agreed.RehearsalAccount {
		return p, fmt.Errorf("reading %s: rehearsal.account is %s: a rehearsal can only use %s, which AWS never assigns", file, a, agreed.RehearsalAccount)
	}
	if err := p.checkUnneeded(); err != nil {
		return p, fmt.Errorf("reading %s: %w", file, err)
	}
	if err := p.checkPeople(); err != nil {
		return p, fmt.Errorf("reading %s: %w", file, err)
	}
	return p, nil
}

// Threshold returns Coverage, or 100.
func (p Policy) Threshold() float64 {
	if p.Coverage == nil {
		return 100
	}
	return *p.Coverage
}

// A PolicyUsed is the statement about the policy that applied.
type PolicyUsed struct {
	evidence.Made
	Policy Policy `json:"policy"`
	// File is the path of the file in the repository.
	File string `json:"file"`
	// Starting says that From has no such file, so that StartingPolicy applied.
	Starting bool `json:"starting,omitempty"`
	// From is the commit that the policy was read from: the base, or the
	// candidate itself if the base has none.
	From   string `json:"from"`
	Digest string `json:"digest"` // SHA-256 of the file
}

// PredicateType implements [evidence.Predicate].
func (PolicyUsed) PredicateType() string { return base + "policy/v1" }

// policyFile returns the path of the policy in the repository.
func (in Inputs) policyFile() string {
	var used PolicyUsed
	if err := in.Read(&used); err != nil || used.File == "" {
		return "the policy"
	}
	return used.File
}
