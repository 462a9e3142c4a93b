# METADATA
# title: Suppressions of cdk-nag name what they suppress
# description: >-
#   A suppression of AwsSolutions-IAM4 or IAM5 without appliesTo also covers the
#   policies and wildcards that somebody adds later.
package magewright.rules.nag_suppressions

rules[id] := listed if {
	some id, resource in input.template.Resources
	listed := resource.Metadata.cdk_nag.rules_to_suppress
}

subjects contains id if some id, _ in rules

violations contains {"id": id, "message": sprintf("it suppresses %s whatever it finds", [rule.id])} if {
	some id, listed in rules
	some rule in listed
	rule.id in {"AwsSolutions-IAM4", "AwsSolutions-IAM5"}
	count(object.get(rule, "applies_to", [])) == 0
}
