package magewright.rules.bucket_public_test

import data.magewright.rules.bucket_public

bucket(block) := {"template": {"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"PublicAccessBlockConfiguration": block}}}}}

closed := {"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true}

test_keeps if {
	bucket_public.subjects == {"B"} with input as bucket(closed)
	count(bucket_public.violations) == 0 with input as bucket(closed)
}

test_breaks_one_switch if {
	{v.id | some v in bucket_public.violations} == {"B"} with input as bucket(object.union(closed, {"IgnorePublicAcls": false}))
}

test_breaks_unset if {
	bare := {"template": {"Resources": {"B": {"Type": "AWS::S3::Bucket"}}}}
	count(bucket_public.violations) == 4 with input as bare
}

test_breaks_parameter if {
	count(bucket_public.violations) == 1 with input as bucket(object.union(closed, {"BlockPublicAcls": {"Ref": "P"}}))
}
