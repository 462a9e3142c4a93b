package magewright.rules.alarms_test

import data.magewright.rules.alarms

metric := {"Namespace": "AWS/Lambda", "MetricName": "Errors", "Dimensions": [{"Name": "FunctionName", "Value": {"Ref": "F"}}]}

stack(alarm) := {"template": {"Resources": {"F": {"Type": "AWS::Lambda::Function"}, "A": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm}}}}

acting := {"AlarmActions": [{"Ref": "Topic"}]}

test_keeps if {
	every alarm in [object.union(metric, acting), object.union({"Metrics": [{"MetricStat": {"Metric": metric}}]}, acting)] {
		alarms.subjects == {"F"} with input as stack(alarm)
		count(alarms.violations) == 0 with input as stack(alarm)
	}
}

test_breaks if {
	every alarm in [
		metric,
		object.union(object.union(metric, acting), {"ActionsEnabled": false}),
		object.union(object.union(metric, acting), {"MetricName": "Throttles"}),
		object.union(object.union(metric, acting), {"Dimensions": [{"Name": "FunctionName", "Value": {"Ref": "Other"}}]}),
	] {
		count(alarms.violations) == 1 with input as stack(alarm)
	}
}

test_breaks_without_alarm if {
	count(alarms.violations) == 1 with input as {"template": {"Resources": {"F": {"Type": "AWS::Lambda::Function"}}}}
}
