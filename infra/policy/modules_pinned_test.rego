package magewright.rules.modules_pinned_test

import data.magewright.rules.modules_pinned

sbom(component) := {"sbom": {"components": [component]}}

whole := {"name": "example.com/m", "version": "v1.2.3", "hashes": [{"alg": "SHA-256", "content": "00"}]}

test_keeps if {
	modules_pinned.subjects == {"example.com/m"} with input as sbom(whole)
	count(modules_pinned.violations) == 0 with input as sbom(whole)
	count(modules_pinned.violations) == 0 with input as sbom({"name": "std", "version": "go1.26.8"})
}

test_breaks if {
	count(modules_pinned.violations) == 1 with input as sbom(object.remove(whole, {"hashes"}))
	count(modules_pinned.violations) == 1 with input as sbom(object.union(whole, {"version": "(devel)"}))
}
