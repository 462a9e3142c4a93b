package evidence

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// A Deployment records that a release was deployed to a stage and answered there.
type Deployment struct {
	Made
	Stage   string `json:"stage"`
	URL     string `json:"url"`
	Version string `json:"version,omitempty"` // version of the function
	// Bundle is the SHA-256 of the evidence that allowed the deployment, or ""
	// for a stage that needs no evidence.
	Bundle  string `json:"bundle,omitempty"`
	Verdict string `json:"verdict,omitempty"` // verdict of that evidence
	// Approval says who approved it in the pipeline. It is nil outside a pipeline.
	Approval *Approval `json:"approval,omitempty"`
	// BreakGlass says why it was deployed although it was refused.
	BreakGlass *BreakGlass `json:"breakGlass,omitempty"`
	// ReadBack is what AWS had after the deployment.
	ReadBack *ReadBack `json:"readBack,omitempty"`
	// Stopped says why the deployment was taken back before it had all traffic, such as
	// by the canary, or is "". The version before has served all the time.
	Stopped string `json:"stopped,omitempty"`
}

// Failed says why the deployment failed, as far as its record knows, or is "".
func (d Deployment) Failed() string {
	switch {
	case d.Stopped != "":
		return d.Stopped
	case d.ReadBack != nil && len(d.ReadBack.Differs) > 0:
		return "AWS had something else than what was to be deployed: " + strings.Join(d.ReadBack.Differs, "; ")
	}
	return ""
}

// PredicateType implements [Predicate].
func (Deployment) PredicateType() string { return Base + "deployment/v1" }

// SealDeployment signs the record of a deployment and returns it as JSON.
func SealDeployment(ctx context.Context, signer Signer, commit, pkg string, d Deployment) ([]byte, error) {
	s, err := NewStatement(commit, pkg, d)
	if err != nil {
		return nil, err
	}
	sealed, err := Seal(ctx, signer, s)
	if err != nil {
		return nil, err
	}
	record, err := json.Marshal(sealed)
	if err != nil {
		return nil, fmt.Errorf("recording the deployment: %w", err)
	}
	return record, nil
}

// A ReadBack compares what AWS has after a deployment with what should have been deployed.
type ReadBack struct {
	// Templates has the stacks whose templates were read, with the SHA-256 of each template
	// as JSON with sorted keys and no white space.
	Templates map[string]string `json:"templates"`
	// Package is the SHA-256 of the zip file from which the serving version is made.
	Package string `json:"package"`
	// Differs says what differs from what should have been deployed.
	Differs []string `json:"differs,omitempty"`
}

// An Approval is an approval that CodePipeline has recorded.
type Approval struct {
	Execution string `json:"execution"` // id of the pipeline execution
	By        string `json:"by"`        // ARN, as in CodePipeline
	Summary   string `json:"summary,omitempty"`
	Action    string `json:"action"`
}

// A BreakGlass records a deployment against the evidence.
type BreakGlass struct {
	Reason  string `json:"reason"`
	By      string `json:"by"`      // ARN of the caller
	Refused string `json:"refused"` // the reason why promote would have refused
}

// A Page is the HTML page for an approver.
type Page struct {
	Made
	HTML string `json:"html"`
}

// PredicateType implements [Predicate].
func (Page) PredicateType() string { return Base + "page/v1" }
