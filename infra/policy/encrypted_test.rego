package magewright.rules.encrypted_test

import data.magewright.rules.encrypted

resource(type, properties) := {"template": {"Resources": {"R": {"Type": type, "Properties": properties}}}}

by(algorithm) := {"BucketEncryption": {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm, "KMSMasterKeyID": {"Ref": "Key"}}}]}}

cases := [
	["AWS::S3::Bucket", by("aws:kms"), by("AES256")],
	["AWS::SNS::Topic", {"KmsMasterKeyId": {"Ref": "Key"}}, {}],
	["AWS::SQS::Queue", {"KmsMasterKeyId": {"Ref": "Key"}}, {"SqsManagedSseEnabled": true}],
	["AWS::DynamoDB::Table", {"SSESpecification": {"SSEEnabled": true, "KMSMasterKeyId": {"Ref": "Key"}}}, {"SSESpecification": {"SSEEnabled": true}}],
]

test_keeps if {
	every case in cases {
		encrypted.subjects == {"R"} with input as resource(case[0], case[1])
		count(encrypted.violations) == 0 with input as resource(case[0], case[1])
	}
}

test_breaks if {
	every case in cases {
		count(encrypted.violations) == 1 with input as resource(case[0], case[2])
	}
}
