package readiness

// testingChecks returns the checks of the item Testing.
func testingChecks() []Check {
	return []Check{testsPass(), changedCode(), integrationTests()}
}
