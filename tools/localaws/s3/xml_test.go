package s3

import (
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Any document is decoded, or refused as malformed.
func FuzzDecodeXML(f *testing.F) {
	f.Add([]byte("<Delete><Object><Key>a</Key></Object><Quiet>true</Quiet></Delete>"))
	f.Add([]byte("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;e&quot;</ETag></Part></CompleteMultipartUpload>"))
	f.Add([]byte(`<?xml version="1.0"?><LifecycleConfiguration xmlns="x"><Rule><Expiration><Date>2026-01-01T00:00:00Z</Date></Expiration><Filter><And><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter></Rule></LifecycleConfiguration>`))
	f.Add([]byte("<NotificationConfiguration><CloudFunctionConfiguration><Event>s3:ObjectCreated:*</Event></CloudFunctionConfiguration></NotificationConfiguration>"))
	f.Add([]byte("<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, into := range []any{
			&types.Delete{}, &types.CompletedMultipartUpload{}, &types.BucketLifecycleConfiguration{}, &types.NotificationConfiguration{},
			&types.Tagging{}, &types.VersioningConfiguration{}, &types.ServerSideEncryptionConfiguration{}, &types.CreateBucketConfiguration{},
		} {
			if err := decodeXML(text, reflect.ValueOf(into).Elem()); err != nil && err.Error() == "" {
				t.Error("a refusal without a reason")
			}
		}
	})
}
