package readiness

// testingChecks are those of the item Testing.
func testingChecks() []Check {
	return []Check{testsPass(), changedCode(), integrationTests()}
}
