# METADATA
# title: No module of the binary is under a licence that binds its users' code
# description: >-
#   Code under a copyleft licence of the GPL family, or under a source-available
#   one, is never shipped, whatever the list of allowed licences says. https://spdx.org/licenses
package magewright.rules.licences_denied

import data.magewright.lib

subjects contains name if some name, _ in lib.components

violations contains {"id": name, "message": sprintf("it is under %s", [id])} if {
	some name, component in lib.components
	some choice in component.licenses
	some id in names(choice)
	regex.match(`(?i)(^|[^L])GPL|SSPL|BUSL|CommonsClause|Commons-Clause|^Elastic|^CC-BY-NC`, id)
}

names(choice) := {choice.license.id} if choice.license.id

names(choice) := {choice.license.name} if choice.license.name

names(choice) := {choice.expression} if choice.expression
