# METADATA
# title: A public function URL has a reason
# description: >-
#   A URL with AuthType NONE is for everybody. Where that is meant, the
#   resource's Metadata says why: {"magewright": {"public": REASON}}.
package magewright.rules.function_url

import data.magewright.lib

subjects contains id if some id, _ in lib.resources("AWS::Lambda::Url")

violations contains {"id": id, "message": "AuthType is not AWS_IAM, and Metadata.magewright.public gives no reason"} if {
	some id, url in lib.resources("AWS::Lambda::Url")
	not url.Properties.AuthType == "AWS_IAM"
	not reasoned(url)
}

reasoned(url) if {
	reason := url.Metadata.magewright.public
	is_string(reason)
	trim_space(reason) != ""
}
