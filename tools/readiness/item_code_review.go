package readiness

// codeReviewChecks are those of the item CodeReview.
func codeReviewChecks() []Check {
	return []Check{peerReview(), codingStandards()}
}
