package magewright.rules.lambda_runtime_test

import data.magewright.rules.lambda_runtime

function(properties) := {"template": {"Resources": {"F": {"Type": "AWS::Lambda::Function", "Properties": properties}}}}

test_keeps if {
	lambda_runtime.subjects == {"F"} with input as function({"Runtime": "provided.al2023"})
	count(lambda_runtime.violations) == 0 with input as function({"Runtime": "provided.al2023"})
}

test_breaks if {
	every properties in [{}, {"Runtime": "go1.x"}, {"Runtime": {"Ref": "Runtime"}}] {
		count(lambda_runtime.violations) == 1 with input as function(properties)
	}
}
