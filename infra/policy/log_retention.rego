# METADATA
# title: Logs are kept for at least 30 days, and not for ever
# description: >-
#   A log group without RetentionInDays keeps its events for ever. One that keeps
#   them for a few days has lost them before an incident is understood.
package magewright.rules.log_retention

import data.magewright.lib

least := 30

subjects contains id if some id, _ in lib.resources("AWS::Logs::LogGroup")

violations contains {"id": id, "message": sprintf("RetentionInDays is not set to %d or more", [least])} if {
	some id, group in lib.resources("AWS::Logs::LogGroup")
	not enough(group)
}

enough(group) if {
	is_number(group.Properties.RetentionInDays)
	group.Properties.RetentionInDays >= least
}
