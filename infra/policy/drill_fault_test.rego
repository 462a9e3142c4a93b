package magewright.rules.drill_fault_test

import data.magewright.rules.drill_fault

function(variables) := {"template": {"Resources": {"F": {"Type": "AWS::Lambda::Function", "Properties": {"Environment": {"Variables": variables}}}}}}

test_keeps if {
	drill_fault.subjects == {"F"} with input as function({"STAGE": "production"})
	count(drill_fault.violations) == 0 with input as function({"STAGE": "production"})
	count(drill_fault.violations) == 0 with input as {"template": {"Resources": {"F": {"Type": "AWS::Lambda::Function"}}}}
}

test_breaks if {
	every fault in ["errors:0.5", "", {"Ref": "Fault"}] {
		count(drill_fault.violations) == 1 with input as function({"STAGE": "staging", "DRILL_FAULT": fault})
	}
}
