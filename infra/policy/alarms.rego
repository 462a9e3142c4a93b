# METADATA
# title: Every function has an alarm on its errors
# description: >-
#   An alarm of the stack, with an action, whose metric is Errors of
#   AWS/Lambda with the function's name as a dimension, alone or in an
#   expression. What the alarm is worth is decided by the check rollback-
#   configured.
package magewright.rules.alarms

import data.magewright.lib

metrics(alarm) := array.concat(
	[alarm.Properties],
	[m.MetricStat.Metric | some m in alarm.Properties.Metrics],
)

watched contains function if {
	some _, alarm in lib.resources("AWS::CloudWatch::Alarm")
	not alarm.Properties.ActionsEnabled == false
	count(alarm.Properties.AlarmActions) > 0
	some metric in metrics(alarm)
	metric.Namespace == "AWS/Lambda"
	metric.MetricName == "Errors"
	some dimension in metric.Dimensions
	dimension.Name == "FunctionName"
	function := dimension.Value.Ref
}

subjects contains id if some id, _ in lib.resources("AWS::Lambda::Function")

violations contains {"id": id, "message": "no alarm with an action watches its Errors"} if {
	some id, _ in lib.resources("AWS::Lambda::Function")
	not id in watched
}
