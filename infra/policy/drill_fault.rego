# METADATA
# title: No function is told to fail
# description: >-
#   DRILL_FAULT makes the app fail on purpose. A rollback drill gives it to a
#   version of staging for a while; no template does. Outside of staging the app
#   refuses to start with it.
package magewright.rules.drill_fault

import data.magewright.lib

subjects contains id if some id, _ in lib.resources("AWS::Lambda::Function")

violations contains {"id": id, "message": "Environment.Variables.DRILL_FAULT is set"} if {
	some id, function in lib.resources("AWS::Lambda::Function")
	"DRILL_FAULT" in object.keys(object.get(function, ["Properties", "Environment", "Variables"], {}))
}
