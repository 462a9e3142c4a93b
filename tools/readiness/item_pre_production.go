package readiness

// preProductionChecks are those of the item PreProduction.
func preProductionChecks() []Check {
	return []Check{parity(), stagingDeployed(), endToEnd(), manualTests(), manualApproval()}
}
