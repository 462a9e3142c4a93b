package magewright.rules.managed_policies_test

import data.magewright.rules.managed_policies

role(arns) := {"template": {"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {"ManagedPolicyArns": arns}}}}}

test_keeps if {
	managed_policies.subjects == {"R"} with input as role(["arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited"])
	count(managed_policies.violations) == 0 with input as role(["arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited"])
}

test_breaks if {
	every arn in ["arn:aws:iam::aws:policy/AdministratorAccess", {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":iam::aws:policy/AmazonS3FullAccess"]]}] {
		count(managed_policies.violations) == 1 with input as role([arn])
	}
}
