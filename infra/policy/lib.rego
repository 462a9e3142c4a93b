# METADATA
# description: What the rules share.
package magewright.lib

# resources are the resources of a type, by logical id; none where the input is
# no template.
resources(type) := {id: r | some id, r in input.template.Resources; r.Type == type}

# identities are the policy documents of each policy and identity, by logical id.
identities[id] contains document if {
	some type in {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy", "AWS::IAM::UserPolicy", "AWS::IAM::GroupPolicy"}
	some id, policy in resources(type)
	document := object.get(policy, ["Properties", "PolicyDocument"], {})
}

identities[id] contains document if {
	some type in {"AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"}
	some id, identity in resources(type)
	some policy in identity.Properties.Policies
	document := policy.PolicyDocument
}

# components are the modules of the shipped binary, by name; none where the
# input is no SBOM.
components := {c.name: c | some c in input.sbom.components}

# listed is a value as a list: CloudFormation takes one statement, action or
# principal without its list.
listed(x) := x if is_array(x)

listed(x) := [x] if not is_array(x)

# statements are those of a policy document; one that says nothing where the
# document does not have them written out.
statements(document) := listed(object.get(document, "Statement", {}))

# told says that a statement's Effect is written out, so that what it does can be
# told.
told(statement) if is_string(statement.Effect)

# fixed says that a value is written in the template, and not left to an
# intrinsic function or a parameter.
fixed(x) if is_string(x)

fixed(x) if is_number(x)

fixed(x) if is_boolean(x)
