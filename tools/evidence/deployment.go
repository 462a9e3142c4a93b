package evidence

// A Deployment is that a release was deployed to a stage and answered there.
type Deployment struct {
	Made
	Stage   string `json:"stage"`
	URL     string `json:"url"`
	Version string `json:"version,omitempty"` // of the function
	// Bundle is the SHA-256 of the evidence that allowed it, "" for a stage that
	// needs none.
	Bundle  string `json:"bundle,omitempty"`
	Verdict string `json:"verdict,omitempty"` // of that evidence
	// Approval is who approved it in the pipeline, nil outside of one.
	Approval *Approval `json:"approval,omitempty"`
	// BreakGlass is why it was deployed although it was refused.
	BreakGlass *BreakGlass `json:"breakGlass,omitempty"`
}

// PredicateType implements [Predicate].
func (Deployment) PredicateType() string { return Base + "deployment/v1" }

// An Approval is the answer that CodePipeline recorded.
type Approval struct {
	Execution string `json:"execution"` // of the pipeline
	By        string `json:"by"`        // ARN, as CodePipeline has it
	Summary   string `json:"summary,omitempty"`
	Action    string `json:"action"`
}

// A BreakGlass is a deployment against the evidence.
type BreakGlass struct {
	Reason  string `json:"reason"`
	By      string `json:"by"`      // ARN of the caller
	Refused string `json:"refused"` // why promote would not have deployed
}

// A Page is what an approver is shown, as HTML.
type Page struct {
	Made
	HTML string `json:"html"`
}

// PredicateType implements [Predicate].
func (Page) PredicateType() string { return Base + "page/v1" }
