package magewright.rules.build_unprivileged_test

import data.magewright.rules.build_unprivileged

project(environment) := {"template": {"Resources": {"C": {"Type": "AWS::CodeBuild::Project", "Properties": {"Environment": environment}}}}}

test_keeps if {
	build_unprivileged.subjects == {"C"} with input as project({})
	count(build_unprivileged.violations) == 0 with input as project({"PrivilegedMode": false})
}

test_breaks if {
	every mode in [true, {"Ref": "Mode"}] {
		count(build_unprivileged.violations) == 1 with input as project({"PrivilegedMode": mode})
	}
}
