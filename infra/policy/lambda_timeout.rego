# METADATA
# title: Functions have a timeout of at most one minute
# description: >-
#   Nobody waits longer than that for the answer of a URL, and a function that
#   hangs costs money until its timeout.
package magewright.rules.lambda_timeout

import data.magewright.lib

most := 60

subjects contains id if some id, _ in lib.resources("AWS::Lambda::Function")

violations contains {"id": id, "message": sprintf("Timeout is not set to %d s or less", [most])} if {
	some id, function in lib.resources("AWS::Lambda::Function")
	not bounded(function)
}

bounded(function) if {
	is_number(function.Properties.Timeout)
	function.Properties.Timeout <= most
}
