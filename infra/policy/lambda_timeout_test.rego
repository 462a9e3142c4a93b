package magewright.rules.lambda_timeout_test

import data.magewright.rules.lambda_timeout

function(properties) := {"template": {"Resources": {"F": {"Type": "AWS::Lambda::Function", "Properties": properties}}}}

test_keeps if {
	lambda_timeout.subjects == {"F"} with input as function({"Timeout": 60})
	count(lambda_timeout.violations) == 0 with input as function({"Timeout": 60})
}

test_breaks if {
	every properties in [{}, {"Timeout": 900}, {"Timeout": {"Ref": "Timeout"}}] {
		count(lambda_timeout.violations) == 1 with input as function(properties)
	}
}
