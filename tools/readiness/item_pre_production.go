package readiness

// preProductionChecks returns the checks of the item PreProduction.
func preProductionChecks() []Check {
	return []Check{parity(), stagingDeployed(), endToEnd(), manualTests(), manualApproval()}
}
