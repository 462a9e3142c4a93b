package readiness

// securityChecks returns the checks of the item Security.
func securityChecks() []Check {
	return []Check{staticAnalysis(), vulnerabilities(), secrets(), suppressions(), licences(), sbom(), policies()}
}
