package magewright.rules.log_retention_test

import data.magewright.rules.log_retention

group(properties) := {"template": {"Resources": {"L": {"Type": "AWS::Logs::LogGroup", "Properties": properties}}}}

test_keeps if {
	log_retention.subjects == {"L"} with input as group({"RetentionInDays": 30})
	count(log_retention.violations) == 0 with input as group({"RetentionInDays": 30})
}

test_breaks if {
	every properties in [{}, {"RetentionInDays": 7}, {"RetentionInDays": {"Ref": "Days"}}] {
		count(log_retention.violations) == 1 with input as group(properties)
	}
}
