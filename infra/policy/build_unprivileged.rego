# METADATA
# title: Builds have no privileged container
# description: >-
#   A privileged build is root on its host; nothing here needs Docker.
package magewright.rules.build_unprivileged

import data.magewright.lib

subjects contains id if some id, _ in lib.resources("AWS::CodeBuild::Project")

violations contains {"id": id, "message": "Environment.PrivilegedMode is not false"} if {
	some id, project in lib.resources("AWS::CodeBuild::Project")
	not object.get(project, ["Properties", "Environment", "PrivilegedMode"], false) == false
}
