package readiness

// preProductionChecks are those of the item PreProduction.
func preProductionChecks() []Check {
	return []Check{manualTests()}
}
