package readiness

// documentationChecks are those of the item Documentation.
func documentationChecks() []Check {
	return []Check{referenceIsGenerated(), documented(), changelog(), planSent()}
}
