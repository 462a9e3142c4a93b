package readiness

// rollbackChecks returns the checks of the item Rollback.
func rollbackChecks() []Check {
	return []Check{rollbackConfigured(), backups(), previousVersion(), reversible(), rollbackDrill()}
}

// productionTemplate reads production's template in the assembly.
func productionTemplate(in Inputs) (cfnTemplate, error) {
	return parseTemplate(read(in, &Assembly{}).Stacks[productionStack].Template)
}
