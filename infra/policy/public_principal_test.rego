package magewright.rules.public_principal_test

import data.magewright.rules.public_principal

policy(statement) := {"template": {"Resources": {"P": {"Type": "AWS::S3::BucketPolicy", "Properties": {"PolicyDocument": {"Statement": [statement]}}}}}}

test_keeps if {
	every statement in [
		{"Effect": "Deny", "Principal": "*"},
		{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}},
		{"Effect": "Allow", "Principal": {"AWS": "*"}, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
	] {
		public_principal.subjects == {"P"} with input as policy(statement)
		count(public_principal.violations) == 0 with input as policy(statement)
	}
}

test_breaks if {
	every statement in [
		{"Effect": "Allow", "Principal": "*"},
		{"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::111122223333:root", "*"]}},
		{"Effect": "Allow", "Principal": {"AWS": "*"}, "Condition": {}},
		{"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::111122223333:root"}},
	] {
		count(public_principal.violations) == 1 with input as policy(statement)
	}
}

test_breaks_trust if {
	every principal in ["*", {"AWS": "*"}, {"AWS": ["*"]}, {"Federated": "*"}] {
		role := {"template": {"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}]}}}}}}
		count(public_principal.violations) == 1 with input as role
	}
}

test_breaks_untold if {
	count(public_principal.violations) == 1 with input as policy({"Fn::If": ["C", {}, {}]})
	count(public_principal.violations) == 1 with input as {"template": {"Resources": {"K": {"Type": "AWS::KMS::Key"}}}}
}
