# METADATA
# title: Functions say how long they may take, a minute at most
# description: >-
#   Behind a URL nobody waits for longer, and a function that hangs is paid
#   for until its timeout.
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
