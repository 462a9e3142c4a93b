package localaws_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/localawstest"
)

// An embedded AWS may be another region. What it makes is there, and requests for any
// other region are refused.
func TestRegion(t *testing.T) {
	t.Parallel()
	const region = "eu-central-1"
	server := localawstest.StartServer(t, func(c *localaws.Config) { c.Region = region })
	cfg := server.Client()
	if got := server.Environment()["AWS_REGION"]; got != region || cfg.Region != region {
		t.Errorf("clients are told %s and %s", got, cfg.Region)
	}
	queue, err := sqs.NewFromConfig(cfg).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q")})
	if err != nil {
		t.Fatal(err)
	}
	attributes, err := sqs.NewFromConfig(cfg).GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: queue.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{"QueueArn"}})
	if err != nil || attributes.Attributes["QueueArn"] != "arn:aws:sqs:"+region+":000000000000:q" {
		t.Errorf("the queue is %v, %v", attributes, err)
	}
	_, err = sqs.NewFromConfig(cfg, func(o *sqs.Options) { o.Region = localaws.DefaultRegion }).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q")})
	if err == nil || !strings.Contains(err.Error(), region) {
		t.Errorf("a request for another region: %v", err)
	}
	d := deployer{t, server, cloudformation.NewFromConfig(cfg)}
	if status, reasons := d.apply("s", `{"Resources":{"B":{"Type":"AWS::S3::Bucket","Properties":{"BucketName":"of-a-stack"}}}}`); status != cfntypes.StackStatusCreateComplete {
		t.Fatal(reasons)
	}
	buckets := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	location, err := buckets.GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{Bucket: aws.String("of-a-stack")})
	if err != nil || location.LocationConstraint != region {
		t.Errorf("the stack's bucket is in %v, %v", location, err)
	}
}

// A bucket is made in the region that the request is sent to. Only us-east-1 is not named.
func TestBucketLocation(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ region, said, code string }{
		{"us-east-1", "", ""},
		{"us-east-1", "eu-west-1", "IllegalLocationConstraintException"},
		{"us-east-1", "us-east-1", "InvalidLocationConstraint"},
		{"eu-west-1", "", "IllegalLocationConstraintException"},
		{"eu-west-1", "eu-central-1", "IllegalLocationConstraintException"},
		{"eu-west-1", "eu-west-1", ""},
	} {
		cfg := localawstest.Start(t, func(c *localaws.Config) { c.Region = tt.region })
		in := &s3.CreateBucketInput{Bucket: aws.String("bucket")}
		if tt.said != "" {
			in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(tt.said)}
		}
		_, err := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }).CreateBucket(t.Context(), in)
		code := ""
		if api, ok := errors.AsType[smithy.APIError](err); ok {
			code = api.ErrorCode()
		}
		if code != tt.code || (err == nil) != (code == "") {
			t.Errorf("%s, %q: %v, want %q", tt.region, tt.said, err, tt.code)
		}
	}
}

func TestNoRegion(t *testing.T) {
	t.Parallel()
	if _, err := localaws.Start(t.Context(), localaws.Config{Region: "the moon"}); err == nil || !strings.Contains(err.Error(), `"the moon" is not the name of a region`) {
		t.Error(err)
	}
	for _, name := range []string{"us-east-1", "ap-southeast-5", "us-gov-west-1", "eusc-de-east-1", "us-iso-east-1"} {
		if err := localaws.CheckRegion(name); err != nil {
			t.Error(err)
		}
	}
}
