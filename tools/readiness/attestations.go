package readiness

import "github.com/magewright/magewright/tools/evidence"

// Attestations are what people have signed about the candidate. Signatures
// were verified against the keys that the policy pins.
type Attestations struct {
	evidence.Made
	Attestations []Attested `json:"attestations,omitempty"`
	// Refused are those that can't be believed, each with its reason.
	Refused []string       `json:"refused,omitempty"`
	Waivers []SignedWaiver `json:"waivers,omitempty"`
	// RefusedWaivers are waivers that can't be believed, each with its reason.
	RefusedWaivers []string `json:"refusedWaivers,omitempty"`
	// Problem is why more may have been signed than is here.
	Problem string `json:"problem,omitempty"`
}

// PredicateType implements [evidence.Predicate].
func (Attestations) PredicateType() string { return base + "attestations/v1" }

// An Attested is an attestation and who has signed it.
type Attested struct {
	By      string `json:"by"`                // the person's name in the policy
	Package string `json:"package,omitempty"` // SHA-256 of the deployment package, where it names one
	evidence.Attestation
}

// A SignedWaiver is a waiver and who has signed it.
type SignedWaiver struct {
	By string `json:"by"` // the person's name in the policy
	evidence.Waiver
}
