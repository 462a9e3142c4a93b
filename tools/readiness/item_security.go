package readiness

// securityChecks are those of the item Security.
func securityChecks() []Check {
	return []Check{staticAnalysis(), vulnerabilities(), secrets(), licences(), sbom(), policies()}
}
