# METADATA
# title: No policy lets its holder gain more permissions
# description: >-
#   Whoever may pass or assume every role, or write the policies and keys of every
#   identity, may do everything that these may do. Such actions must name their
#   resources or, for iam:PassRole, the service in iam:PassedToService.
package magewright.rules.iam_power

import data.magewright.lib

# powers are the actions by which a holder gets what others have.
powers := {
	"iam:PassRole", "sts:AssumeRole",
	"iam:PutRolePolicy", "iam:PutUserPolicy", "iam:PutGroupPolicy", "iam:PutRolePermissionsBoundary", "iam:PutUserPermissionsBoundary",
	"iam:AttachRolePolicy", "iam:AttachUserPolicy", "iam:AttachGroupPolicy",
	"iam:CreatePolicyVersion", "iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:CreateRole", "iam:CreateUser", "iam:CreatePolicy",
	"iam:SetDefaultPolicyVersion", "iam:UpdateAssumeRolePolicy", "iam:UpdateLoginProfile", "iam:AddUserToGroup",
	"iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary",
}

subjects contains id if some id, _ in lib.identities

violations contains {"id": id, "message": sprintf("it allows %s on %v", [action, resource])} if {
	some id, policies in lib.identities
	some document in policies
	some statement in lib.statements(document)
	not statement.Effect == "Deny"
	some action in lib.listed(statement.Action)
	is_string(action)
	some power in powers
	regex.match(matching(action), power)
	not passes(power, statement)
	some resource in reached(statement)
	every_one(resource)
}

# matching is a pattern of an action as a regular expression.
matching(action) := concat("", ["(?i)^", replace(replace(action, "*", ".*"), "?", "."), "$"])

# passes says that roles are passed to one service only.
passes(power, statement) if {
	power == "iam:PassRole"
	some operator in ["StringEquals", "StringLike"]
	some service in lib.listed(statement.Condition[operator]["iam:PassedToService"])
	is_string(service)
	not contains(service, "*")
}

reached(statement) := lib.listed(statement.Resource)

reached(statement) := ["NotResource"] if statement.NotResource

every_one(resource) if resource == "NotResource"

# What is written last, by hand or by an intrinsic function, matches a role or the like that
# nobody has named: behind its last colon, because a wildcard reaches over colons too.
every_one(resource) if {
	written := regex.find_n(`"([^"]*)"[\]}]*$`, json.marshal(resource), 1)[0]
	last := regex.replace(written, `^.*[:"]([^:"]*)"[\]}]*$`, "$1")
	some kind in ["role", "user", "group", "policy"]
	regex.match(matching(last), concat("", [kind, "/zz9.plural-z"]))
}
