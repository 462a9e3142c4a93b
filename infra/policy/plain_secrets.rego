# METADATA
# title: No secret is written into an environment
# description: >-
#   Everybody who may read the stack can read its template. A variable of a
#   function or build whose name contains secret, password, token or key must get
#   its value from elsewhere.
package magewright.rules.plain_secrets

import data.magewright.lib

suspicious(name) if regex.match(`(?i)(secret|passw(or)?d|token|credential|api_?key|private_?key)`, name)

subjects contains id if {
	some type in {"AWS::Lambda::Function", "AWS::CodeBuild::Project"}
	some id, _ in lib.resources(type)
}

violations contains {"id": id, "message": sprintf("variable %s has its value in the template", [name])} if {
	some id, function in lib.resources("AWS::Lambda::Function")
	some name, value in function.Properties.Environment.Variables
	suspicious(name)
	lib.fixed(value)
}

violations contains {"id": id, "message": sprintf("variable %s is PLAINTEXT", [variable.Name])} if {
	some id, project in lib.resources("AWS::CodeBuild::Project")
	some variable in project.Properties.Environment.EnvironmentVariables
	suspicious(variable.Name)
	object.get(variable, "Type", "PLAINTEXT") == "PLAINTEXT"
	lib.fixed(variable.Value)
}
