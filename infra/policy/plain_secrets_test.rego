package magewright.rules.plain_secrets_test

import data.magewright.rules.plain_secrets

function(variables) := {"template": {"Resources": {"F": {"Type": "AWS::Lambda::Function", "Properties": {"Environment": {"Variables": variables}}}}}}

project(variable) := {"template": {"Resources": {"C": {"Type": "AWS::CodeBuild::Project", "Properties": {"Environment": {"EnvironmentVariables": [variable]}}}}}}

test_keeps if {
	plain_secrets.subjects == {"F"} with input as function({"STAGE": "production", "TOKEN_ARN": {"Ref": "Token"}})
	count(plain_secrets.violations) == 0 with input as function({"STAGE": "production", "TOKEN_ARN": {"Ref": "Token"}})
	count(plain_secrets.violations) == 0 with input as project({"Name": "TOKEN", "Type": "SECRETS_MANAGER", "Value": "id"})
}

test_breaks if {
	count(plain_secrets.violations) == 1 with input as function({"DB_PASSWORD": "hunter2"})
	count(plain_secrets.violations) == 1 with input as project({"Name": "API_KEY", "Value": "k"})
}
