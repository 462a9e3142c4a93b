package access

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssecretsmanager "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/magewright/magewright/tools/localaws/iam/policy"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// A use of a key is what a service does with it on behalf of its caller, who
// needs the permission.
type keyUse struct {
	action, key string
	context     map[string]string // the encryption context
}

// encryption decides whether the caller of an operation may use the key that
// protects what the operation reads or writes. A key that AWS manages for the
// service needs no permission.
// See https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html and
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html.
func (g *Guard) encryption(ctx context.Context, p principal.Principal, service, name string, in any) error {
	var use *keyUse
	switch service {
	case "s3":
		use = g.objectKey(ctx, name, in)
	case "secretsmanager":
		use = g.secretKey(ctx, name, in)
	}
	if use == nil || use.key == "" || strings.Contains(use.key, "alias/aws/") {
		return nil
	}
	p.Via = service + ".amazonaws.com"
	keys := policy.Context{}
	for k, v := range use.context {
		keys.Set("kms:EncryptionContext:"+k, v)
		keys["kms:encryptioncontextkeys"] = append(keys["kms:encryptioncontextkeys"], k)
	}
	g.keyTags(ctx, keys, use.key)
	q := query{action: use.action, resource: g.key(ctx, use.key), keys: keys}
	q.policy, q.required = g.resourcePolicy(ctx, q.resource)
	return g.decide(ctx, p, q)
}

// objectKey returns how an operation of S3 uses a key, or nil.
func (g *Guard) objectKey(ctx context.Context, name string, in any) *keyUse {
	bucket, key := value(in, "Bucket"), value(in, "Key")
	use := &keyUse{context: map[string]string{"aws:s3:arn": "arn:aws:s3:::" + bucket + "/" + key}}
	switch name {
	case "PutObject", "CopyObject", "CreateMultipartUpload":
		use.action = "kms:GenerateDataKey"
		use.key = value(in, "SSEKMSKeyId")
		if use.key == "" && len(values(in, "ServerSideEncryption")) == 0 {
			use.key = g.bucketKey(ctx, bucket)
		}
	case "GetObject":
		use.action = "kms:Decrypt"
		version := aws.String(value(in, "VersionId"))
		if *version == "" {
			version = nil
		}
		out, err := g.world.Buckets.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &bucket, Key: &key, VersionId: version})
		if err != nil {
			return nil
		}
		use.key = aws.ToString(out.SSEKMSKeyId)
	default:
		return nil
	}
	return use
}

// bucketKey returns the key that encrypts a bucket's objects by default.
func (g *Guard) bucketKey(ctx context.Context, bucket string) string {
	out, err := g.world.Buckets.GetBucketEncryption(ctx, &awss3.GetBucketEncryptionInput{Bucket: &bucket})
	if err != nil || out.ServerSideEncryptionConfiguration == nil {
		return ""
	}
	for _, rule := range out.ServerSideEncryptionConfiguration.Rules {
		if d := rule.ApplyServerSideEncryptionByDefault; d != nil {
			return aws.ToString(d.KMSMasterKeyID)
		}
	}
	return ""
}

// secretKey returns how an operation of Secrets Manager uses a key, or nil.
func (g *Guard) secretKey(ctx context.Context, name string, in any) *keyUse {
	use := &keyUse{}
	switch name {
	case "GetSecretValue":
		use.action = "kms:Decrypt"
	case "PutSecretValue", "UpdateSecret":
		use.action = "kms:GenerateDataKey"
	case "CreateSecret":
		return &keyUse{action: "kms:GenerateDataKey", key: value(in, "KmsKeyId")}
	default:
		return nil
	}
	out, err := g.world.Secrets.DescribeSecret(ctx, &awssecretsmanager.DescribeSecretInput{SecretId: aws.String(value(in, "SecretId"))})
	if err != nil {
		return nil
	}
	use.key = aws.ToString(out.KmsKeyId)
	use.context = map[string]string{"SecretARN": aws.ToString(out.ARN)}
	return use
}
