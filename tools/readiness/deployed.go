package readiness

import (
	"encoding/json"

	"github.com/magewright/magewright/tools/evidence"
)

// A Deployed is what CloudFormation knows about the release's stacks.
type Deployed struct {
	evidence.Made
	Account string                   `json:"account"`
	Region  string                   `json:"region"`
	Stacks  map[string]DeployedStack `json:"stacks"` // by name
}

// PredicateType implements [evidence.Predicate].
func (Deployed) PredicateType() string { return base + "deployed/v1" }

// A DeployedStack is one stack as it is deployed.
type DeployedStack struct {
	// Absent is CloudFormation's answer if the stack does not exist, else "".
	Absent   string          `json:"absent,omitempty"`
	Status   string          `json:"status,omitempty"`
	Template json.RawMessage `json:"template,omitempty"`
	// NotRehearsed lists the resources that the embedded AWS does not run, or not as
	// the template says, each with the reason. On AWS there are none.
	NotRehearsed []string `json:"notRehearsed,omitempty"`
	Drift        Drift    `json:"drift"`
}

// A Drift says how a stack's resources differ from its template.
type Drift struct {
	// Reason is why drift could not be detected, or "".
	Reason string `json:"reason,omitempty"`
	// Refused says that AWS was asked and that IAM has refused the question.
	Refused bool   `json:"refused,omitempty"`
	Status  string `json:"status,omitempty"` // DRIFTED or IN_SYNC
	Checked int    `json:"checked"`          // number of resources compared
	// Unchecked lists resources that CloudFormation can't compare.
	Unchecked []string `json:"unchecked,omitempty"`
	Drifted   []string `json:"drifted,omitempty"`
}

// A Production is what serves production before the release: one version of each function. A
// rollback returns to these versions.
type Production struct {
	evidence.Made
	Account string `json:"account"`
	Region  string `json:"region"`
	// Absent is CloudFormation's answer if the stack does not exist, else "".
	Absent string `json:"absent,omitempty"`
	Serving
	// Others are the versions of further functions.
	Others []Serving `json:"others,omitempty"`
}

// A Serving is the version of a function that serves.
type Serving struct {
	// LogicalID is the function's logical id in the template; "" if the manifest has none.
	LogicalID string `json:"logicalId,omitempty"`
	Function  string `json:"function,omitempty"`
	Alias     string `json:"alias,omitempty"`
	// Version is the version that the alias points to. CodeSHA256 is in base64,
	// as in Lambda.
	Version    string `json:"version,omitempty"`
	CodeSHA256 string `json:"codeSha256,omitempty"`
	// State is Active if the version can be invoked.
	State string `json:"state,omitempty"`
	// Weights holds further versions that get a share of the traffic.
	Weights  map[string]float64 `json:"weights,omitempty"`
	Retained []RetainedVersion  `json:"retained,omitempty"`
}

// All returns the versions of all functions.
func (p Production) All() []Serving { return append([]Serving{p.Serving}, p.Others...) }

// PredicateType implements [evidence.Predicate].
func (Production) PredicateType() string { return base + "production/v1" }

// A Staging is the version that serves staging.
type Staging Production

// PredicateType implements [evidence.Predicate].
func (Staging) PredicateType() string { return base + "staging/v1" }

// A RetainedVersion is a published version of the function.
type RetainedVersion struct {
	Version    string `json:"version"`
	CodeSHA256 string `json:"codeSha256"`
}
