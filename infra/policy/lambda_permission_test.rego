package magewright.rules.lambda_permission_test

import data.magewright.rules.lambda_permission

permission(properties) := {"template": {"Resources": {"P": {"Type": "AWS::Lambda::Permission", "Properties": properties}}}}

test_keeps if {
	every properties in [
		{"Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"},
		{"Action": "lambda:InvokeFunctionUrl", "Principal": "*", "FunctionUrlAuthType": "NONE"},
		{"Action": "lambda:InvokeFunction", "Principal": "*", "InvokedViaFunctionUrl": true},
		{"Action": "lambda:InvokeFunction", "Principal": "*", "PrincipalOrgID": "o-1"},
	] {
		lambda_permission.subjects == {"P"} with input as permission(properties)
		count(lambda_permission.violations) == 0 with input as permission(properties)
	}
}

test_breaks if {
	every properties in [
		{"Action": "lambda:InvokeFunction", "Principal": "*"},
		{"Action": "lambda:InvokeFunction", "Principal": "*", "FunctionUrlAuthType": "NONE"},
		{"Action": "lambda:InvokeFunctionUrl", "Principal": "*", "FunctionUrlAuthType": "AWS_IAM"},
		{"Action": "lambda:InvokeFunction", "Principal": "*", "InvokedViaFunctionUrl": false},
	] {
		count(lambda_permission.violations) == 1 with input as permission(properties)
	}
	layer := {"template": {"Resources": {"L": {"Type": "AWS::Lambda::LayerVersionPermission", "Properties": {"Action": "lambda:GetLayerVersion", "Principal": "*"}}}}}
	count(lambda_permission.violations) == 1 with input as layer
}
