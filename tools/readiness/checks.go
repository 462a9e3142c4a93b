package readiness

import "slices"

// Checks returns all checks, in the order of the checklist.
func Checks() []Check {
	return slices.Concat(codeReviewChecks(), testingChecks(), securityChecks(), infrastructureChecks(),
		rollbackChecks(), documentationChecks(), preProductionChecks())
}

// Find returns the check with an id.
func Find(id string) (Check, bool) {
	for _, c := range Checks() {
		if c.ID == id {
			return c, true
		}
	}
	return Check{}, false
}
