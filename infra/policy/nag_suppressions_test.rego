package magewright.rules.nag_suppressions_test

import data.magewright.rules.nag_suppressions

suppressing(rule) := {"template": {"Resources": {"R": {"Type": "AWS::IAM::Role", "Metadata": {"cdk_nag": {"rules_to_suppress": [rule]}}}, "B": {"Type": "AWS::S3::Bucket"}}}}

test_keeps if {
	every rule in [{"id": "AwsSolutions-S1", "reason": "x"}, {"id": "AwsSolutions-IAM5", "reason": "x", "applies_to": ["Action::s3:GetObject*"]}] {
		nag_suppressions.subjects == {"R"} with input as suppressing(rule)
		count(nag_suppressions.violations) == 0 with input as suppressing(rule)
	}
}

test_breaks if {
	every rule in [{"id": "AwsSolutions-IAM5", "reason": "x"}, {"id": "AwsSolutions-IAM4", "reason": "x", "applies_to": []}] {
		count(nag_suppressions.violations) == 1 with input as suppressing(rule)
	}
}
