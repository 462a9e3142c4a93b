package readiness

import "github.com/magewright/magewright/tools/evidence"

// Attestations holds what people have signed about the candidate. The
// signatures were verified with the keys that the policy pins.
type Attestations struct {
	evidence.Made
	Attestations []Attested `json:"attestations,omitempty"`
	// Refused lists attestations that can't be trusted, each with the reason.
	Refused []string       `json:"refused,omitempty"`
	Waivers []SignedWaiver `json:"waivers,omitempty"`
	// RefusedWaivers lists waivers that can't be trusted, each with the reason.
	RefusedWaivers []string `json:"refusedWaivers,omitempty"`
	// Problem says why there may be further signed records.
	Problem string `json:"problem,omitempty"`
}

// PredicateType implements [evidence.Predicate].
func (Attestations) PredicateType() string { return base + "attestations/v1" }

// An Attested is an attestation and its signer.
type Attested struct {
	By      string `json:"by"`                // the person's name in the policy
	Package string `json:"package,omitempty"` // SHA-256 of the deployment package, if the attestation names one
	evidence.Attestation
}

// A SignedWaiver is a waiver and its signer.
type SignedWaiver struct {
	By string `json:"by"` // the person's name in the policy
	evidence.Waiver
}
