# METADATA
# title: What holds data is encrypted at rest with a key of ours
# description: >-
#   Buckets, topics, queues and tables name a KMS key: AWS encrypts some of
#   them by default with keys that no policy of ours governs.
package magewright.rules.encrypted

import data.magewright.lib

kinds := {"AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::DynamoDB::Table"}

subjects contains id if {
	some kind in kinds
	some id, _ in lib.resources(kind)
}

violations contains {"id": id, "message": sprintf("%s names no KMS key", [kind])} if {
	some kind in kinds
	some id, resource in lib.resources(kind)
	not keyed(resource)
}

keyed(r) if {
	r.Type == "AWS::S3::Bucket"
	some e in r.Properties.BucketEncryption.ServerSideEncryptionConfiguration
	e.ServerSideEncryptionByDefault.SSEAlgorithm in {"aws:kms", "aws:kms:dsse"}
	e.ServerSideEncryptionByDefault.KMSMasterKeyID
}

keyed(r) if {
	r.Type in {"AWS::SNS::Topic", "AWS::SQS::Queue"}
	r.Properties.KmsMasterKeyId
}

keyed(r) if {
	r.Type == "AWS::DynamoDB::Table"
	r.Properties.SSESpecification.SSEEnabled == true
	r.Properties.SSESpecification.KMSMasterKeyId
}
