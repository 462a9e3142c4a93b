# METADATA
# title: Buckets are closed to the public
# description: >-
#   The template turns on all four switches of the bucket's public access block.
#   A new bucket has them by default, but if the template does not mention them,
#   somebody could turn them off unnoticed.
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
