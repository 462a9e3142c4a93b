# METADATA
# title: Functions run on provided.al2023
# description: >-
#   Go programs have no runtime of their own, and Amazon Linux 2 is at its
#   end. A function without Runtime is a container image, which nobody here
#   has looked into. https://docs.aws.amazon.com/lambda/latest/dg/lambda-
#   runtimes.html
package magewright.rules.lambda_runtime

import data.magewright.lib

subjects contains id if some id, _ in lib.resources("AWS::Lambda::Function")

violations contains {"id": id, "message": sprintf("Runtime is %v", [object.get(function, ["Properties", "Runtime"], "not set")])} if {
	some id, function in lib.resources("AWS::Lambda::Function")
	not function.Properties.Runtime == "provided.al2023"
}
