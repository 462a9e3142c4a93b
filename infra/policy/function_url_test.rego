package magewright.rules.function_url_test

import data.magewright.rules.function_url

url(auth, metadata) := {"template": {"Resources": {"U": {"Type": "AWS::Lambda::Url", "Properties": {"AuthType": auth}, "Metadata": metadata}}}}

reason := {"magewright": {"public": "readers have link tokens"}}

test_keeps if {
	function_url.subjects == {"U"} with input as url("NONE", reason)
	count(function_url.violations) == 0 with input as url("NONE", reason)
	count(function_url.violations) == 0 with input as url("AWS_IAM", {})
}

test_breaks if {
	every metadata in [{}, {"magewright": {"public": " "}}, {"magewright": {"public": true}}] {
		count(function_url.violations) == 1 with input as url("NONE", metadata)
	}
}
