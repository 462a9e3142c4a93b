# METADATA
# title: Every module of the binary has a version and a hash
# description: >-
#   A module that a replace directive takes from a directory has neither, so
#   nobody could fetch what was shipped. The version of Go identifies the
#   standard library.
package magewright.rules.modules_pinned

import data.magewright.lib

subjects contains name if some name, _ in lib.components

violations contains {"id": name, "message": "it has no version"} if {
	some name, component in lib.components
	not regex.match(`^(v|go)[0-9]`, object.get(component, "version", ""))
}

violations contains {"id": name, "message": "it has no SHA-256"} if {
	some name, component in lib.components
	name != "std"
	not hashed(component)
}

hashed(component) if {
	some hash in component.hashes
	hash.alg == "SHA-256"
}
