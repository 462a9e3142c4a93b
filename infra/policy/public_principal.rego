# METADATA
# title: No resource policy lets everybody in
# description: >-
#   A statement that allows Principal * without a Condition opens a bucket,
#   topic, queue, key, secret or role to every account of AWS.
package magewright.rules.public_principal

import data.magewright.lib

fields := {
	"AWS::S3::BucketPolicy": "PolicyDocument",
	"AWS::SNS::TopicPolicy": "PolicyDocument",
	"AWS::SQS::QueuePolicy": "PolicyDocument",
	"AWS::KMS::Key": "KeyPolicy",
	"AWS::SecretsManager::ResourcePolicy": "ResourcePolicy",
	"AWS::IAM::Role": "AssumeRolePolicyDocument",
}

subjects contains id if {
	some type, _ in fields
	some id, _ in lib.resources(type)
}

violations contains {"id": id, "message": sprintf("%s allows Principal * without a Condition", [field])} if {
	some type, field in fields
	some id, resource in lib.resources(type)
	some statement in lib.statements(object.get(resource, ["Properties", field], {}))
	not statement.Effect == "Deny"
	everybody(statement)
	count(object.get(statement, "Condition", {})) == 0
}

everybody(statement) if statement.Principal == "*"

everybody(statement) if {
	some _, principal in statement.Principal
	"*" in lib.listed(principal)
}

everybody(statement) if statement.NotPrincipal

violations contains {"id": id, "message": sprintf("a statement of %s has its Effect from an intrinsic function, so what it allows is not told", [field])} if {
	some type, field in fields
	some id, resource in lib.resources(type)
	some statement in lib.statements(object.get(resource, ["Properties", field], {}))
	not lib.told(statement)
}
