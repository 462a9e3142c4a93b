package readiness

// documentationChecks are those of the item Documentation.
func documentationChecks() []Check {
	return nil
}
