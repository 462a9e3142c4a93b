package readiness

// rollbackChecks are those of the item Rollback.
func rollbackChecks() []Check {
	return nil
}
