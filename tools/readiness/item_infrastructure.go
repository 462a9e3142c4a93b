package readiness

// infrastructureChecks are those of the item Infrastructure.
func infrastructureChecks() []Check {
	return nil
}
