package readiness

// rollbackChecks returns the checks of the item Rollback.
func rollbackChecks() []Check {
	return []Check{rollbackConfigured(), backups(), previousVersion(), reversible(), rollbackDrill()}
}

// productionTemplate reads the template in the assembly of the stack that users have.
func productionTemplate(in Inputs) (stack string, t cfnTemplate, err error) {
	a := read(in, &Assembly{})
	t, err = parseTemplate(a.Stacks[a.last()].Template)
	return a.last(), t, err
}
