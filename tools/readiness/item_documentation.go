package readiness

// documentationChecks returns the checks of the item Documentation.
func documentationChecks() []Check {
	return []Check{referenceIsGenerated(), documented(), changelog(), planSent()}
}
