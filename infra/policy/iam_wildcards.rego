# METADATA
# title: No policy allows every action of a service
# description: >-
#   An allowed Action of *, SERVICE:* or SERVICE:?*, or an Allow by NotAction, grants what
#   AWS adds tomorrow. Policies of identities are looked at; those of
#   resources, such as a key's, are the subjects of public_principal.
package magewright.rules.iam_wildcards

import data.magewright.lib

subjects contains id if some id, _ in lib.identities

violations contains {"id": id, "message": sprintf("it allows %v", [action])} if {
	some id, policies in lib.identities
	some document in policies
	some statement in lib.statements(document)
	not statement.Effect == "Deny"
	some action in lib.listed(statement.Action)
	wild(action)
}

violations contains {"id": id, "message": "it allows by NotAction"} if {
	some id, policies in lib.identities
	some document in policies
	some statement in lib.statements(document)
	not statement.Effect == "Deny"
	statement.NotAction
}

wild(action) if not is_string(action)

# A service's name may have a wildcard too, and a question mark is one.
wild(action) if {
	is_string(action)
	regex.match(`(^[^:]*$)|(^[^:]*[*?][^:]*:)|(:[*?]*$)`, action)
}

violations contains {"id": id, "message": "a statement's Effect is left to an intrinsic function, so what it allows is not told"} if {
	some id, policies in lib.identities
	some document in policies
	some statement in lib.statements(document)
	not lib.told(statement)
}
