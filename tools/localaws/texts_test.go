package localaws_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/magewright/magewright/tools/internal/clock"
)

// Programs and people read what AWS says about a mistake, so that its texts are AWS's.
func TestTexts(t *testing.T) {
	t.Parallel()
	cfg, ctx := clientsOf(serve(t, clock.NewElastic(1))), t.Context()
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	parameters, secrets, topics := ssm.NewFromConfig(cfg), secretsmanager.NewFromConfig(cfg), sns.NewFromConfig(cfg)
	bucket, key := aws.String("texts"), aws.String("a")
	if _, err := objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	if _, err := objects.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("1")}); err != nil {
		t.Fatal(err)
	}
	topic, err := topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("texts")})
	if err != nil {
		t.Fatal(err)
	}
	token := strings.Repeat("t", 32)
	secret, err := secrets.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("texts"), SecretString: aws.String("x"), ClientRequestToken: &token})
	if err != nil {
		t.Fatal(err)
	}
	// A list without elements is there all the same.
	tags, err := objects.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: bucket, Key: key})
	if err != nil || tags.TagSet == nil || len(tags.TagSet) > 0 {
		t.Errorf("the tags of an object without tags: %+v, %v", tags, err)
	}
	parameter := func(name, value string, tier ssmtypes.ParameterTier) error {
		_, err := parameters.PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: &value, Type: ssmtypes.ParameterTypeString, Tier: tier})
		return err
	}
	deletion := func(days int64, force *bool) error {
		_, err := secrets.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: aws.String("texts"), RecoveryWindowInDays: &days, ForceDeleteWithoutRecovery: force})
		return err
	}
	publish := func(arn, subject *string) error {
		_, err := topics.Publish(ctx, &sns.PublishInput{TopicArn: arn, Subject: subject, Message: aws.String("m")})
		return err
	}
	_, stored := objects.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: bytes.NewReader(nil), StorageClass: "COLD"})
	upload, err := objects.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	_, ordered := objects.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: bucket, Key: key, UploadId: upload.UploadId, MultipartUpload: &s3types.CompletedMultipartUpload{
		Parts: []s3types.CompletedPart{{PartNumber: aws.Int32(2), ETag: key}, {PartNumber: aws.Int32(1), ETag: key}},
	}})
	_, again := secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: aws.String("texts"), SecretString: aws.String("y"), ClientRequestToken: &token})
	_, short := secrets.GetRandomPassword(ctx, &secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(3)})
	for _, test := range []struct {
		err  error
		want string
	}{
		{stored, "InvalidStorageClass: The storage class you specified is not valid"},
		{ordered, "InvalidPartOrder: The list of parts was not in ascending order. The parts list must be specified in order by part number."},
		{parameter("/aws/x", "v", ""), "AccessDeniedException: No access to reserved parameter name: /aws/x."},
		{parameter("AWSx", "v", ""), `ValidationException: Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive).`},
		{parameter("/ssm/x", "v", ""), `ValidationException: Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_`},
		{parameter(strings.Repeat("/a", 15), "v", ""), "<nil>"},
		{parameter(strings.Repeat("/a", 16), "v", ""), "HierarchyLevelLimitExceededException: Hierarchy level is over the limit. It should be at max 15 levels."},
		{parameter("long", strings.Repeat("v", 4097), ""), "ValidationException: Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"},
		{parameter("long", strings.Repeat("v", 4097), ssmtypes.ParameterTierAdvanced), "<nil>"},
		{again, "ResourceExistsException: You can't use ClientRequestToken " + token + " because that value is already in use for a version of secret " + *secret.ARN + "."},
		{short, "InvalidParameterException: Password length is too short based on the required types."},
		{deletion(6, nil), "InvalidParameterException: The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."},
		{deletion(7, aws.Bool(true)), "InvalidParameterException: You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."},
		{publish(aws.String("topic"), nil), "InvalidParameter: Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1"},
		{publish(topic.TopicArn, aws.String(strings.Repeat("s", 101))), "InvalidParameter: Invalid parameter: Subject"},
		{publish(topic.TopicArn, aws.String("two\nlines")), "InvalidParameter: Invalid parameter: Subject"},
		{publish(topic.TopicArn, aws.String(strings.Repeat("s", 100))), "<nil>"},
	} {
		if got := refused(test.err); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}
