package magewright.rules.licences_denied_test

import data.magewright.rules.licences_denied

sbom(licence) := {"sbom": {"components": [{"name": "example.com/m", "licenses": [licence]}]}}

test_keeps if {
	every id in ["MIT", "Apache-2.0", "BSD-3-Clause", "MPL-2.0"] {
		licences_denied.subjects == {"example.com/m"} with input as sbom({"license": {"id": id}})
		count(licences_denied.violations) == 0 with input as sbom({"license": {"id": id}})
	}
}

test_breaks if {
	every licence in [{"license": {"id": "AGPL-3.0"}}, {"license": {"name": "GPL-2.0-only"}}, {"expression": "MIT OR SSPL-1.0"}, {"license": {"name": "CommonsClause"}}] {
		count(licences_denied.violations) == 1 with input as sbom(licence)
	}
}
