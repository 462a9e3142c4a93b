# METADATA
# title: No permission lets everybody invoke a function
# description: >-
#   A permission to Principal * opens a function, or a layer, to every account of
#   AWS. What a public function URL needs is decided by function_url.
package magewright.rules.lambda_permission

import data.magewright.lib

types := {"AWS::Lambda::Permission": "PrincipalOrgID", "AWS::Lambda::LayerVersionPermission": "OrganizationId"}

subjects contains id if {
	some type, _ in types
	some id, _ in lib.resources(type)
}

violations contains {"id": id, "message": "it is for Principal *, of any account"} if {
	some type, organization in types
	some id, permission in lib.resources(type)
	permission.Properties.Principal == "*"
	object.get(permission, ["Properties", organization], "") == ""
	not through_url(permission)
}

through_url(permission) if {
	permission.Properties.Action == "lambda:InvokeFunctionUrl"
	permission.Properties.FunctionUrlAuthType == "NONE"
}

through_url(permission) if {
	permission.Properties.Action == "lambda:InvokeFunction"
	permission.Properties.InvokedViaFunctionUrl == true
}
