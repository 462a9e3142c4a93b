package s3

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
)

// What exceeds S3's limits is refused with S3's own codes and texts.
func TestLimits(t *testing.T) {
	t.Parallel()
	s := New(account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: clock.System()})
	ctx, bucket := t.Context(), aws.String("bucket")
	if _, err := s.CreateBucket(ctx, &awss3.CreateBucketInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	put := func(in *awss3.PutObjectInput) error {
		in.Bucket, in.Body = bucket, strings.NewReader("0123456789")
		if in.Key == nil {
			in.Key = aws.String("k")
		}
		_, err := s.PutObject(ctx, in)
		return err
	}
	if err := put(&awss3.PutObjectInput{Key: aws.String(strings.Repeat("k", 1024)), Metadata: map[string]string{"a": strings.Repeat("v", 2047)}, Tagging: aws.String("a=1&b=2")}); err != nil {
		t.Errorf("at the limits: %v", err)
	}
	if err := put(&awss3.PutObjectInput{}); err != nil {
		t.Fatal(err)
	}
	upload, err := s.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: bucket, Key: aws.String("m")})
	if err != nil {
		t.Fatal(err)
	}
	tags := func(n int) []types.Tag {
		var list []types.Tag
		for i := range n {
			list = append(list, types.Tag{Key: aws.String(fmt.Sprint("k", i)), Value: aws.String("v")})
		}
		return list
	}
	tagged := func(list []types.Tag) error {
		_, err := s.PutObjectTagging(ctx, &awss3.PutObjectTaggingInput{Bucket: bucket, Key: aws.String("k"), Tagging: &types.Tagging{TagSet: list}})
		return err
	}
	bucketTagged := func(list []types.Tag) error {
		_, err := s.PutBucketTagging(ctx, &awss3.PutBucketTaggingInput{Bucket: bucket, Tagging: &types.Tagging{TagSet: list}})
		return err
	}
	get := func(in *awss3.GetObjectInput) error {
		in.Bucket, in.Key = bucket, aws.String("k")
		_, err := s.GetObject(ctx, in)
		return err
	}
	part := func(number int32) error {
		_, err := s.UploadPart(ctx, &awss3.UploadPartInput{Bucket: bucket, Key: aws.String("m"), UploadId: upload.UploadId, PartNumber: &number, Body: strings.NewReader("x")})
		return err
	}
	header := url.Values{}
	for i := range 11 {
		header.Set(fmt.Sprint(i), "v")
	}
	if err := bucketTagged(tags(50)); err != nil {
		t.Errorf("50 tags of a bucket: %v", err)
	}
	for name, c := range map[string]struct {
		err        error
		code, text string
	}{
		"a key":                    {put(&awss3.PutObjectInput{Key: aws.String(strings.Repeat("k", 1025))}), "KeyTooLongError", "Your key is too long (Size: 1025) (MaxSizeAllowed: 1024)"},
		"metadata":                 {put(&awss3.PutObjectInput{Metadata: map[string]string{"a": strings.Repeat("v", 2048)}}), "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size (Size: 2049) (MaxSizeAllowed: 2048)"},
		"tags in a header":         {put(&awss3.PutObjectInput{Tagging: aws.String(header.Encode())}), "BadRequest", "Object tags cannot be greater than 10"},
		"tags":                     {tagged(tags(11)), "BadRequest", "Object tags cannot be greater than 10"},
		"tags of a bucket":         {bucketTagged(tags(51)), "BadRequest", "Bucket tag count cannot be greater than 50"},
		"a tag twice":              {tagged(append(tags(1), tags(1)...)), "InvalidTag", "Cannot provide multiple Tags with the same key (TagKey: k0)"},
		"a long tag":               {tagged([]types.Tag{{Key: aws.String(strings.Repeat("k", 129)), Value: aws.String("v")}}), "InvalidTag", "The TagKey you have provided is invalid"},
		"a long value":             {tagged([]types.Tag{{Key: aws.String("k"), Value: aws.String(strings.Repeat("v", 257))}}), "InvalidTag", "The TagValue you have provided is invalid"},
		"AWS's tag":                {bucketTagged([]types.Tag{{Key: aws.String("aws:k"), Value: aws.String("v")}}), "InvalidTag", "System tags cannot be added/updated by requester"},
		"a range behind the end":   {get(&awss3.GetObjectInput{Range: aws.String("bytes=10-")}), "InvalidRange", "The requested range is not satisfiable (ActualObjectSize: 10) (RangeRequested: bytes=10-)"},
		"a part that is not there": {get(&awss3.GetObjectInput{PartNumber: aws.Int32(2)}), "InvalidPartNumber", "The requested partnumber is not satisfiable (ActualPartCount: 1) (PartNumberRequested: 2)"},
		"part zero":                {part(0), "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive (ArgumentName: partNumber) (ArgumentValue: 0)"},
		"part 10001":               {part(10001), "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive"},
	} {
		api, ok := errors.AsType[smithy.APIError](c.err)
		if !ok || api.ErrorCode() != c.code || !strings.Contains(c.err.Error(), c.text) {
			t.Errorf("%s: %v, want %s %s", name, c.err, c.code, c.text)
		}
	}
	for name, want := range map[string]bool{
		"a.b": true, "my-bucket-1": true, "0ab": true, "ab": false, "Ab1": false, "a_b": false, "a..b": false, "192.168.0.1": false, "xn--a": false,
		"sthree-a": false, "amzn-s3-demo-bucket": false, "a-s3alias": false, "a--ol-s3": false, "a.mrap": false, "-ab": false, "ab-": false, strings.Repeat("a", 64): false,
	} {
		if err := checkBucketName(name); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The checksum of an empty body, which is in some presigned URLs, is not that of the upload.
func TestIgnoredInURLs(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"x-amz-checksum-crc32": true, "x-amz-checksum-sha256": true, "x-amz-sdk-checksum-algorithm": true,
		"x-amz-checksum-mode": false, "x-amz-server-side-encryption": false, "x-amz-signature": false,
	} {
		if got := ignoredInURL(name); got != want {
			t.Errorf("%s is ignored: %t", name, got)
		}
	}
}
