package readiness

// codeReviewChecks returns the checks of the item CodeReview.
func codeReviewChecks() []Check {
	return []Check{peerReview(), codingStandards(), judgedBy()}
}
