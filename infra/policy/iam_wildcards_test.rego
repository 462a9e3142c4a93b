package magewright.rules.iam_wildcards_test

import data.magewright.rules.iam_wildcards

policy(statement) := {"template": {"Resources": {"P": {"Type": "AWS::IAM::Policy", "Properties": {"PolicyDocument": {"Statement": statement}}}}}}

allow(action) := policy([{"Effect": "Allow", "Action": action, "Resource": "*"}])

test_keeps if {
	iam_wildcards.subjects == {"P"} with input as allow(["s3:GetObject*", "logs:PutLogEvents"])
	count(iam_wildcards.violations) == 0 with input as allow(["s3:GetObject*", "logs:PutLogEvents"])
	count(iam_wildcards.violations) == 0 with input as policy({"Effect": "Deny", "Action": "*", "Resource": "*"})
}

test_breaks if {
	every action in ["*", "s3:*", "s3:?*", "s3:*?", "s3:**", "*:*", "s?:GetObject", "**", ["s3:GetObject", "iam:*"], {"Ref": "Action"}] {
		count(iam_wildcards.violations) == 1 with input as allow(action)
	}
}

test_breaks_not_action if {
	count(iam_wildcards.violations) == 1 with input as policy({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})
}

test_breaks_inline if {
	role := {"template": {"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyDocument": {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}}]}}}}}
	{v.id | some v in iam_wildcards.violations} == {"R"} with input as role
}

test_breaks_untold if {
	every statement in [{"Fn::If": ["C", {}, {}]}, {"Fn::Transform": {}}] {
		count(iam_wildcards.violations) == 1 with input as policy([statement])
	}
	count(iam_wildcards.violations) == 1 with input as {"template": {"Resources": {"P": {"Type": "AWS::IAM::Policy", "Properties": {"PolicyDocument": {"Fn::If": ["C", {}, {}]}}}}}}
}
