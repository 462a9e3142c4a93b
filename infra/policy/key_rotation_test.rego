package magewright.rules.key_rotation_test

import data.magewright.rules.key_rotation

key(properties) := {"template": {"Resources": {"K": {"Type": "AWS::KMS::Key", "Properties": properties}}}}

test_keeps if {
	key_rotation.subjects == {"K"} with input as key({"EnableKeyRotation": true})
	count(key_rotation.violations) == 0 with input as key({"EnableKeyRotation": true})
}

test_keeps_asymmetric if {
	count(key_rotation.subjects) == 0 with input as key({"KeySpec": "ECC_NIST_P256"})
}

test_breaks if {
	count(key_rotation.violations) == 1 with input as key({})
}
