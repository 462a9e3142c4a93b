# METADATA
# title: Functions run on provided.al2023
# description: >-
#   Lambda has no runtime for Go, and Amazon Linux 2 reaches the end of its
#   support. A function without Runtime is a container image, whose content is
#   not checked here. https://docs.aws.amazon.com/lambda/latest/dg/lambda-
#   runtimes.html
package magewright.rules.lambda_runtime

import data.magewright.lib

subjects contains id if some id, _ in lib.resources("AWS::Lambda::Function")

violations contains {"id": id, "message": sprintf("Runtime is %v", [object.get(function, ["Properties", "Runtime"], "not set")])} if {
	some id, function in lib.resources("AWS::Lambda::Function")
	not function.Properties.Runtime == "provided.al2023"
}
