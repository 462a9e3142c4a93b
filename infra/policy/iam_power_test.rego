package magewright.rules.iam_power_test

import data.magewright.rules.iam_power

allow(action, resource) := with_statement({"Effect": "Allow", "Action": action, "Resource": resource})

with_statement(statement) := {"template": {"Resources": {"P": {"Type": "AWS::IAM::Policy", "Properties": {"PolicyDocument": {"Statement": [statement]}}}}}}

test_keeps if {
	iam_power.subjects == {"P"} with input as allow("s3:GetObject", "*")
	every statement in [
		{"Effect": "Allow", "Action": ["s3:GetObject", "iam:GetRole", "iam:List*"], "Resource": "*"},
		{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::111122223333:role/one"},
		{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::*:role/cdk-*"},
		{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*", "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}},
		{"Effect": "Allow", "Action": "iam:PassRole", "Resource": {"Fn::GetAtt": ["Role", "Arn"]}},
		{"Effect": "Allow", "Action": "iam:PassRole", "Resource": {"Fn::Join": ["", ["arn:aws:iam::1:role/", {"Ref": "Prefix"}]]}},
		{"Effect": "Allow", "Action": "iam:PassRole", "Resource": ["arn:aws:iam::1:role/service-role/*", "arn:aws:iam::1:role/*-suffix"]},
		{"Effect": "Deny", "Action": "iam:*", "Resource": "*"},
	] {
		count(iam_power.violations) == 0 with input as with_statement(statement)
	}
}

test_breaks if {
	every action in ["iam:PassRole", "IAM:passrole", "iam:Put*", "iam:Create*", "iam:Attach*", "iam:Pass?ole", "sts:Assume*", "sts:AssumeRole", "iam:*", "*"] {
		count(iam_power.violations) > 0 with input as allow(["s3:GetObject", action], "*")
	}
	every resource in ["*", "**", ["arn:aws:s3:::b", "*"], "arn:aws:iam::111122223333:role/*", {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":iam::1:role/*"]]},
		"arn:aws:iam::111122223333:*", "arn:*", "arn:aws:iam::*:ro?e/*", "arn:aws:iam::111122223333:r*", {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:*"},
		{"Fn::Join": ["", ["arn:aws:iam::", {"Ref": "AWS::AccountId"}, ":*"]]}, "arn:aws:iam::111122223333:user/*"] {
		count(iam_power.violations) > 0 with input as allow("iam:PassRole", resource)
	}
}

test_breaks_in_other_words if {
	every statement in [
		{"Effect": "Allow", "Action": "iam:PassRole", "NotResource": "arn:aws:iam::1:role/one"},
		{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*", "Condition": {"StringLike": {"iam:PassedToService": "*"}}},
		{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*", "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}},
	] {
		count(iam_power.violations) > 0 with input as with_statement(statement)
	}
}
