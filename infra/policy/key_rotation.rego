# METADATA
# title: Symmetric keys rotate
# description: >-
#   KMS rotates a symmetric key's material only where EnableKeyRotation says
#   so; asymmetric keys can't rotate and are not checked.
#   https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html
package magewright.rules.key_rotation

import data.magewright.lib

symmetric[id] := key if {
	some id, key in lib.resources("AWS::KMS::Key")
	object.get(key, ["Properties", "KeySpec"], "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT"
}

subjects contains id if some id, _ in symmetric

violations contains {"id": id, "message": "EnableKeyRotation is not true"} if {
	some id, key in symmetric
	not key.Properties.EnableKeyRotation == true
}
