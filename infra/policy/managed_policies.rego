# METADATA
# title: No role has one of AWS's broad managed policies
# description: >-
#   AdministratorAccess, PowerUserAccess and the policies named FullAccess are
#   for people at consoles. A service's role gets only what it needs.
package magewright.rules.managed_policies

import data.magewright.lib

subjects contains id if some id, _ in lib.resources("AWS::IAM::Role")

violations contains {"id": id, "message": sprintf("it has %s", [arn])} if {
	some id, role in lib.resources("AWS::IAM::Role")
	some policy in role.Properties.ManagedPolicyArns
	arn := json.marshal(policy)
	regex.match(`AdministratorAccess|PowerUserAccess|FullAccess`, arn)
}
