# METADATA
# title: Buckets are closed to the public
# description: >-
#   All four switches of a bucket's public access block are on, in the
#   template: a new bucket has them by default, and a template that says
#   nothing lets anybody turn them off unseen.
#   https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-
#   block-public-access.html
package magewright.rules.bucket_public

import data.magewright.lib

switches := {"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"}

subjects contains id if some id, _ in lib.resources("AWS::S3::Bucket")

violations contains {"id": id, "message": sprintf("PublicAccessBlockConfiguration.%s is not true", [switch])} if {
	some id, bucket in lib.resources("AWS::S3::Bucket")
	some switch in switches
	not bucket.Properties.PublicAccessBlockConfiguration[switch] == true
}
