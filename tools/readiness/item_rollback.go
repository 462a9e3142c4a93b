package readiness

// rollbackChecks are those of the item Rollback.
func rollbackChecks() []Check {
	return []Check{rollbackConfigured(), backups(), previousVersion(), reversible(), rollbackDrill()}
}

// productionTemplate reads production's template of the assembly.
func productionTemplate(in Inputs) (cfnTemplate, error) {
	return parseTemplate(read(in, &Assembly{}).Stacks[productionStack].Template)
}
