package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/s3"
)

// start returns the service, an HTTP client for it, and its clock.
func start(t *testing.T) (*s3.Service, *awss3.Client, *clock.Manual, string) {
	t.Helper()
	now := clock.NewManual(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))
	service := s3.New(account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: now})
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	client := awss3.New(awss3.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(server.URL), UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	})
	return service, client, now, server.URL
}

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// fetch sends a request that no AWS client would send.
func fetch(t *testing.T, r *http.Request) (status int, text string) {
	t.Helper()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
	}()
	return response.StatusCode, string(must[[]byte](t)(io.ReadAll(response.Body)))
}

func makeBucket(t *testing.T, c *awss3.Client, name string, versioned bool) {
	t.Helper()
	must[*awss3.CreateBucketOutput](t)(c.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: &name}))
	if versioned {
		must[*awss3.PutBucketVersioningOutput](t)(c.PutBucketVersioning(t.Context(), &awss3.PutBucketVersioningInput{
			Bucket: &name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
		}))
	}
}

func put(ctx context.Context, c *awss3.Client, bucket, key, body string) (*awss3.PutObjectOutput, error) {
	return c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)})
}

func body(t *testing.T, out *awss3.GetObjectOutput, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	text := must[[]byte](t)(io.ReadAll(out.Body))
	if err := out.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestObjectRoundTrip(t *testing.T) {
	t.Parallel()
	service, c, _, _ := start(t)
	makeBucket(t, c, "trip", false)
	for _, algorithm := range []types.ChecksumAlgorithm{"", types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c,
		types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256} {
		key := "a dir/ü+&<" + string(algorithm)
		out, err := c.PutObject(t.Context(), &awss3.PutObjectInput{
			Bucket: aws.String("trip"), Key: &key, Body: strings.NewReader("hello"), ChecksumAlgorithm: algorithm,
			ContentType: aws.String("text/plain"), CacheControl: aws.String("no-cache"), Metadata: map[string]string{"commit": "abc"}, Tagging: aws.String("a=b"),
		})
		if err != nil {
			t.Fatalf("%s: %v", algorithm, err)
		}
		if *out.ETag != `"5d41402abc4b2a76b9719d911017c592"` || out.ServerSideEncryption != types.ServerSideEncryptionAes256 || out.VersionId != nil {
			t.Errorf("%s: put answered ETag %s, encryption %s, version %v", algorithm, *out.ETag, out.ServerSideEncryption, out.VersionId)
		}
		got, err := c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: aws.String("trip"), Key: &key, ChecksumMode: types.ChecksumModeEnabled})
		if text := body(t, got, err); text != "hello" {
			t.Errorf("%s: got %q", algorithm, text)
		}
		if *got.ContentType != "text/plain" || *got.CacheControl != "no-cache" || got.Metadata["commit"] != "abc" || *got.TagCount != 1 || got.ContentEncoding != nil {
			t.Errorf("%s: headers were not kept: %+v", algorithm, got)
		}
	}
	in := must[*awss3.GetObjectOutput](t)(service.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: aws.String("trip"), Key: aws.String("a dir/ü+&<SHA256"), ChecksumMode: types.ChecksumModeEnabled}))
	if got := aws.ToString(in.ChecksumSHA256); got != "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=" {
		t.Errorf("in-process: ChecksumSHA256 = %q", got)
	}
	ranged, err := c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: aws.String("trip"), Key: aws.String("a dir/ü+&<"), Range: aws.String("bytes=1-3")})
	if text := body(t, ranged, err); text != "ell" || *ranged.ContentRange != "bytes 1-3/5" {
		t.Errorf("range: %q, %s", text, *ranged.ContentRange)
	}
	_, err = c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: aws.String("trip"), Key: aws.String("none")})
	if _, ok := errors.AsType[*types.NoSuchKey](err); !ok {
		t.Errorf("missing key: %v", err)
	}
	_, err = c.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: aws.String("trip"), Key: aws.String("none")})
	if _, ok := errors.AsType[*types.NotFound](err); !ok {
		t.Errorf("missing key, HEAD: %v", err)
	}
	copied := must[*awss3.CopyObjectOutput](t)(c.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: aws.String("trip"), Key: aws.String("copy"), CopySource: aws.String("trip/a%20dir/%C3%BC%2B%26%3CSHA1")}))
	if aws.ToString(copied.CopyObjectResult.ETag) != `"5d41402abc4b2a76b9719d911017c592"` {
		t.Errorf("copy: %+v", copied.CopyObjectResult)
	}
}

// Only in-process callers send an unseekable body over plain HTTP. The test
// therefore builds every form of aws-chunked by hand and sends it over the wire.
func TestChunkedUploads(t *testing.T) {
	t.Parallel()
	_, c, _, endpoint := start(t)
	makeBucket(t, c, "chunks", false)
	const signed = "5;chunk-signature=ab\r\nhello\r\n" + "6;chunk-signature=cd\r\n world\r\n0;chunk-signature=ef\r\n"
	tests := []struct {
		name, kind, trailer, body, length string
		want                              string // error code
	}{
		{"unsigned with trailer", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-checksum-crc32", "b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n", "11", ""},
		{"signed with trailer", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "x-amz-checksum-sha256", signed + "x-amz-checksum-sha256:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=\r\nx-amz-trailer-signature:ff\r\n\r\n", "11", ""},
		{"signed without trailer", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "", signed + "\r\n", "11", ""},
		{"crc64nvme", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-checksum-crc64nvme", "9\r\n123456789\r\n0\r\nx-amz-checksum-crc64nvme:rosUhgoUiJA=\r\n\r\n", "9", "BadDigest"},
		{"crc64nvme of the specification", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-checksum-crc64nvme", "9\r\n123456789\r\n0\r\nx-amz-checksum-crc64nvme:rosUhgp5mIg=\r\n\r\n", "9", ""},
		{"empty", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-checksum-crc32", "0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "0", ""},
		{"wrong checksum", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-checksum-crc32", "b\r\nhello worlD\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n", "11", "BadDigest"},
		{"missing trailer", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-checksum-crc32", "b\r\nhello world\r\n0\r\n\r\n", "11", "MalformedTrailerError"},
		{"wrong length", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "", "b\r\nhello world\r\n0\r\n\r\n", "12", "IncompleteBody"},
		{"cut short", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "", "b\r\nhello", "11", "IncompleteBody"},
		{"chunk too long", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "", "2\r\nhello\r\n0\r\n\r\n", "5", "IncompleteBody"},
		{"absurd size", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "", "7fffffffffffffff\r\n", "5", "EntityTooLarge"},
		{"not chunked", "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9", "", "hello world", "", ""},
		{"not chunked, wrong hash", strings.Repeat("0", 64), "", "hello world", "", "XAmzContentSHA256Mismatch"},
	}
	for _, tt := range tests {
		r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodPut, endpoint+"/chunks/o", strings.NewReader(tt.body)))
		r.Header.Set("X-Amz-Content-Sha256", tt.kind)
		if strings.HasPrefix(tt.kind, "STREAMING") {
			r.Header.Set("Content-Encoding", "aws-chunked,gzip")
			r.Header.Set("X-Amz-Decoded-Content-Length", tt.length)
		}
		if tt.trailer != "" {
			r.Header.Set("X-Amz-Trailer", tt.trailer)
		}
		status, text := fetch(t, r)
		switch {
		case tt.want == "" && status != http.StatusOK:
			t.Errorf("%s: %d %s", tt.name, status, text)
		case tt.want != "" && (status != http.StatusBadRequest || !strings.Contains(text, "<Code>"+tt.want+"</Code>")):
			t.Errorf("%s: %d %s; want %s", tt.name, status, text, tt.want)
		}
	}
	got := must[*awss3.HeadObjectOutput](t)(c.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: aws.String("chunks"), Key: aws.String("o")}))
	if got.ContentEncoding != nil {
		t.Errorf("Content-Encoding of the object not chunked = %q", *got.ContentEncoding)
	}
}

func TestConditionalPutIsAtomic(t *testing.T) {
	t.Parallel()
	service, c, _, _ := start(t)
	makeBucket(t, c, "once", true)
	var wg sync.WaitGroup
	results := make(chan string, 20)
	for i := range 20 {
		wg.Go(func() {
			_, err := service.PutObject(t.Context(), &awss3.PutObjectInput{
				Bucket: aws.String("once"), Key: aws.String("k"), Body: strings.NewReader(strconv.Itoa(i)), IfNoneMatch: aws.String("*"),
			})
			results <- code(err)
		})
	}
	wg.Wait()
	close(results)
	won := 0
	for result := range results {
		switch result {
		case "":
			won++
		case "PreconditionFailed":
		default:
			t.Error(result)
		}
	}
	if won != 1 {
		t.Errorf("%d of 20 puts won", won)
	}
	_, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("once"), Key: aws.String("k"), Body: strings.NewReader("x"), IfNoneMatch: aws.String("*")})
	if status, ok := errors.AsType[*smithyhttp.ResponseError](err); !ok || status.HTTPStatusCode() != http.StatusPreconditionFailed {
		t.Errorf("over HTTP: %v", err)
	}
	for _, tt := range []struct{ key, match, want string }{
		{"k", `"nope"`, "PreconditionFailed"}, {"absent", `"nope"`, "NoSuchKey"}, {"k", "", ""},
	} {
		match := tt.match
		if match == "" {
			match = *must[*awss3.HeadObjectOutput](t)(c.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: aws.String("once"), Key: aws.String("k")})).ETag
		}
		_, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("once"), Key: &tt.key, Body: strings.NewReader("y"), IfMatch: &match})
		if code(err) != tt.want {
			t.Errorf("If-Match %s of %s: %v, want %q", match, tt.key, err, tt.want)
		}
	}
	// A delete marker permits a new object.
	must[*awss3.DeleteObjectOutput](t)(c.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: aws.String("once"), Key: aws.String("k")}))
	if _, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("once"), Key: aws.String("k"), Body: strings.NewReader("z"), IfNoneMatch: aws.String("*")}); err != nil {
		t.Error(err)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	_, c, _, _ := start(t)
	ctx := t.Context()
	makeBucket(t, c, "versions", false)
	must[*awss3.PutObjectOutput](t)(put(ctx, c, "versions", "k", "null"))
	must[*awss3.PutBucketVersioningOutput](t)(c.PutBucketVersioning(ctx, &awss3.PutBucketVersioningInput{
		Bucket: aws.String("versions"), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}))
	one := must[*awss3.PutObjectOutput](t)(put(ctx, c, "versions", "k", "one")).VersionId
	two := must[*awss3.PutObjectOutput](t)(put(ctx, c, "versions", "k", "two")).VersionId
	get := func(version *string) (string, error) {
		out, err := c.GetObject(ctx, &awss3.GetObjectInput{Bucket: aws.String("versions"), Key: aws.String("k"), VersionId: version})
		if err != nil {
			return "", err
		}
		return body(t, out, nil), nil
	}
	for want, version := range map[string]*string{"null": aws.String("null"), "one": one, "two": two} {
		if got, err := get(version); got != want {
			t.Errorf("version %s = %q, %v", *version, got, err)
		}
	}
	marker := must[*awss3.DeleteObjectOutput](t)(c.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: aws.String("versions"), Key: aws.String("k")}))
	if !aws.ToBool(marker.DeleteMarker) {
		t.Error("no delete marker was made")
	}
	if _, err := get(nil); code(err) != "NoSuchKey" {
		t.Errorf("deleted: %v", err)
	}
	if _, err := c.DeleteBucket(ctx, &awss3.DeleteBucketInput{Bucket: aws.String("versions")}); code(err) != "BucketNotEmpty" {
		t.Errorf("DeleteBucket: %v", err)
	}
	var all []string
	paginator := awss3.NewListObjectVersionsPaginator(c, &awss3.ListObjectVersionsInput{Bucket: aws.String("versions"), MaxKeys: aws.Int32(1)})
	for paginator.HasMorePages() {
		page := must[*awss3.ListObjectVersionsOutput](t)(paginator.NextPage(ctx))
		for _, m := range page.DeleteMarkers {
			all = append(all, *m.VersionId)
		}
		for _, v := range page.Versions {
			all = append(all, *v.VersionId)
		}
	}
	if want := strings.Join([]string{*marker.VersionId, *two, *one, "null"}, " "); strings.Join(all, " ") != want {
		t.Errorf("versions are %v, want %s", all, want)
	}
	// Removing the marker and then the current version makes the previous
	// version current.
	for _, step := range []struct {
		remove *string
		want   string
	}{{marker.VersionId, "two"}, {two, "one"}} {
		must[*awss3.DeleteObjectOutput](t)(c.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: aws.String("versions"), Key: aws.String("k"), VersionId: step.remove}))
		if got, err := get(nil); got != step.want {
			t.Errorf("current = %q, %v, want %q", got, err, step.want)
		}
	}
	deleted := must[*awss3.DeleteObjectsOutput](t)(c.DeleteObjects(ctx, &awss3.DeleteObjectsInput{Bucket: aws.String("versions"), Delete: &types.Delete{
		Objects: []types.ObjectIdentifier{{Key: aws.String("k"), VersionId: one}, {Key: aws.String("k"), VersionId: aws.String("null")}},
	}}))
	if len(deleted.Deleted) != 2 || len(deleted.Errors) != 0 {
		t.Errorf("DeleteObjects: %+v", deleted)
	}
	must[*awss3.DeleteBucketOutput](t)(c.DeleteBucket(ctx, &awss3.DeleteBucketInput{Bucket: aws.String("versions")}))
	if _, err := c.HeadBucket(ctx, &awss3.HeadBucketInput{Bucket: aws.String("versions")}); code(err) != "NotFound" {
		t.Errorf("HeadBucket after delete: %v", err)
	}
}

func TestSuspendedVersioningReplacesOnlyTheNullVersion(t *testing.T) {
	t.Parallel()
	_, c, _, _ := start(t)
	ctx := t.Context()
	makeBucket(t, c, "suspended", true)
	kept := must[*awss3.PutObjectOutput](t)(put(ctx, c, "suspended", "k", "kept")).VersionId
	must[*awss3.PutBucketVersioningOutput](t)(c.PutBucketVersioning(ctx, &awss3.PutBucketVersioningInput{
		Bucket: aws.String("suspended"), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended},
	}))
	for _, text := range []string{"a", "b"} {
		if id := must[*awss3.PutObjectOutput](t)(put(ctx, c, "suspended", "k", text)).VersionId; aws.ToString(id) != "null" {
			t.Errorf("version is %v", aws.ToString(id))
		}
	}
	out := must[*awss3.ListObjectVersionsOutput](t)(c.ListObjectVersions(ctx, &awss3.ListObjectVersionsInput{Bucket: aws.String("suspended")}))
	if len(out.Versions) != 2 || *out.Versions[0].VersionId != "null" || *out.Versions[1].VersionId != *kept || !*out.Versions[0].IsLatest {
		t.Errorf("versions: %+v", out.Versions)
	}
}

func TestObjectLock(t *testing.T) {
	t.Parallel()
	_, c, now, _ := start(t)
	ctx := t.Context()
	bucket := aws.String("locked")
	must[*awss3.CreateBucketOutput](t)(c.CreateBucket(ctx, &awss3.CreateBucketInput{Bucket: bucket, ObjectLockEnabledForBucket: aws.Bool(true)}))
	must[*awss3.PutObjectLockConfigurationOutput](t)(c.PutObjectLockConfiguration(ctx, &awss3.PutObjectLockConfigurationInput{
		Bucket: bucket, ObjectLockConfiguration: &types.ObjectLockConfiguration{
			ObjectLockEnabled: types.ObjectLockEnabledEnabled,
			Rule:              &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{Mode: types.ObjectLockRetentionModeGovernance, Days: aws.Int32(2)}},
		},
	}))
	got := must[*awss3.GetObjectLockConfigurationOutput](t)(c.GetObjectLockConfiguration(ctx, &awss3.GetObjectLockConfigurationInput{Bucket: bucket}))
	if d := got.ObjectLockConfiguration.Rule.DefaultRetention; *d.Days != 2 || d.Mode != types.ObjectLockRetentionModeGovernance {
		t.Errorf("configuration came back as %+v", d)
	}
	id := must[*awss3.PutObjectOutput](t)(put(ctx, c, "locked", "k", "v")).VersionId
	remove := func(bypass bool) string {
		_, err := c.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: bucket, Key: aws.String("k"), VersionId: id, BypassGovernanceRetention: aws.Bool(bypass)})
		return code(err)
	}
	if got := remove(false); got != "AccessDenied" {
		t.Errorf("deleting a locked version: %q", got)
	}
	head := must[*awss3.HeadObjectOutput](t)(c.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: bucket, Key: aws.String("k")}))
	if want := now.Now().AddDate(0, 0, 2); head.ObjectLockRetainUntilDate == nil || !head.ObjectLockRetainUntilDate.Equal(want) {
		t.Errorf("retained until %v, want %v", head.ObjectLockRetainUntilDate, want)
	}
	// Overwriting adds a version and keeps the locked one. Deleting adds a marker.
	must[*awss3.PutObjectOutput](t)(put(ctx, c, "locked", "k", "w"))
	must[*awss3.DeleteObjectOutput](t)(c.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: bucket, Key: aws.String("k")}))
	old, err := c.GetObject(ctx, &awss3.GetObjectInput{Bucket: bucket, Key: aws.String("k"), VersionId: id})
	if text := body(t, old, err); text != "v" {
		t.Errorf("the locked version reads %q", text)
	}
	hold := func(status types.ObjectLockLegalHoldStatus) {
		must[*awss3.PutObjectLegalHoldOutput](t)(c.PutObjectLegalHold(ctx, &awss3.PutObjectLegalHoldInput{Bucket: bucket, Key: aws.String("k"), VersionId: id, LegalHold: &types.ObjectLockLegalHold{Status: status}}))
	}
	hold(types.ObjectLockLegalHoldStatusOn)
	if got := remove(true); got != "AccessDenied" {
		t.Errorf("deleting under legal hold: %q", got)
	}
	hold(types.ObjectLockLegalHoldStatusOff)
	until := now.Now().AddDate(0, 0, 3)
	must[*awss3.PutObjectRetentionOutput](t)(c.PutObjectRetention(ctx, &awss3.PutObjectRetentionInput{Bucket: bucket, Key: aws.String("k"), VersionId: id,
		Retention: &types.ObjectLockRetention{Mode: types.ObjectLockRetentionModeCompliance, RetainUntilDate: &until}}))
	if got := remove(true); got != "AccessDenied" {
		t.Errorf("deleting in compliance mode with bypass: %q", got)
	}
	now.Advance(3*24*time.Hour + time.Second)
	if got := remove(false); got != "" {
		t.Errorf("deleting after the retention: %q", got)
	}
	if _, err := c.PutBucketVersioning(ctx, &awss3.PutBucketVersioningInput{Bucket: bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended}}); code(err) != "InvalidBucketState" {
		t.Errorf("suspending: %v", err)
	}
}

func TestListing(t *testing.T) {
	t.Parallel()
	_, c, _, _ := start(t)
	ctx := t.Context()
	makeBucket(t, c, "list", false)
	for _, key := range []string{"a", "b/1", "b/2", "b/c/3", "d e", "z"} {
		must[*awss3.PutObjectOutput](t)(put(ctx, c, "list", key, key))
	}
	tests := []struct {
		prefix, delimiter, after, want string
	}{
		{"", "", "", "a b/1 b/2 b/c/3 d e z"},
		{"", "/", "", "a b/* d e z"},
		{"b/", "/", "", "b/1 b/2 b/c/*"},
		{"", "/", "b/1", "b/* d e z"},
		{"x", "", "", ""},
	}
	for _, tt := range tests {
		for _, size := range []int32{1, 2, 1000} {
			var got []string
			in := &awss3.ListObjectsV2Input{Bucket: aws.String("list"), Prefix: &tt.prefix, MaxKeys: &size}
			if tt.delimiter != "" {
				in.Delimiter = &tt.delimiter
			}
			if tt.after != "" {
				in.StartAfter = &tt.after
			}
			pages := awss3.NewListObjectsV2Paginator(c, in)
			for pages.HasMorePages() {
				page := must[*awss3.ListObjectsV2Output](t)(pages.NextPage(ctx))
				if int(*page.KeyCount) != len(page.Contents)+len(page.CommonPrefixes) || *page.KeyCount > size {
					t.Errorf("KeyCount %d", *page.KeyCount)
				}
				names := map[string]bool{}
				for _, o := range page.Contents {
					names[*o.Key] = true
				}
				for _, p := range page.CommonPrefixes {
					names[*p.Prefix+"*"] = true
				}
				for _, name := range []string{"a", "b/*", "b/1", "b/2", "b/c/*", "b/c/3", "d e", "z"} {
					if names[name] {
						got = append(got, name)
					}
				}
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("prefix %q delimiter %q after %q, pages of %d: %q, want %q", tt.prefix, tt.delimiter, tt.after, size, got, tt.want)
			}
		}
	}
	first := must[*awss3.ListObjectsOutput](t)(c.ListObjects(ctx, &awss3.ListObjectsInput{Bucket: aws.String("list"), EncodingType: types.EncodingTypeUrl, Prefix: aws.String("d ")}))
	if len(first.Contents) != 1 || *first.Contents[0].Key != "d%20e" {
		t.Errorf("url-encoded: %+v", first.Contents)
	}
}

func TestSubresources(t *testing.T) {
	t.Parallel()
	_, c, _, endpoint := start(t)
	ctx := t.Context()
	b := aws.String("config")
	makeBucket(t, c, *b, false)
	if out := must[*awss3.GetBucketLocationOutput](t)(c.GetBucketLocation(ctx, &awss3.GetBucketLocationInput{Bucket: b})); out.LocationConstraint != "" {
		t.Errorf("location %q", out.LocationConstraint)
	}
	if out := must[*awss3.GetBucketVersioningOutput](t)(c.GetBucketVersioning(ctx, &awss3.GetBucketVersioningInput{Bucket: b})); out.Status != "" {
		t.Errorf("versioning %q", out.Status)
	}
	if out := must[*awss3.GetBucketEncryptionOutput](t)(c.GetBucketEncryption(ctx, &awss3.GetBucketEncryptionInput{Bucket: b})); out.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm != types.ServerSideEncryptionAes256 {
		t.Error("the default encryption is not AES256")
	}
	must[*awss3.PutBucketEncryptionOutput](t)(c.PutBucketEncryption(ctx, &awss3.PutBucketEncryptionInput{Bucket: b, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
		Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: aws.String("arn:key")}, BucketKeyEnabled: aws.Bool(true)}},
	}}))
	if out := must[*awss3.PutObjectOutput](t)(put(ctx, c, *b, "k", "v")); out.ServerSideEncryption != types.ServerSideEncryptionAwsKms || aws.ToString(out.SSEKMSKeyId) != "arn:key" || !aws.ToBool(out.BucketKeyEnabled) {
		t.Errorf("encrypted with %s %v", out.ServerSideEncryption, out.SSEKMSKeyId)
	}
	missing := map[string]func() error{
		"NoSuchBucketPolicy": func() error {
			_, err := c.GetBucketPolicy(ctx, &awss3.GetBucketPolicyInput{Bucket: b})
			return err
		},
		"NoSuchTagSet": func() error {
			_, err := c.GetBucketTagging(ctx, &awss3.GetBucketTaggingInput{Bucket: b})
			return err
		},
		"NoSuchLifecycleConfiguration": func() error {
			_, err := c.GetBucketLifecycleConfiguration(ctx, &awss3.GetBucketLifecycleConfigurationInput{Bucket: b})
			return err
		},
		"NoSuchPublicAccessBlockConfiguration": func() error {
			_, err := c.GetPublicAccessBlock(ctx, &awss3.GetPublicAccessBlockInput{Bucket: b})
			return err
		},
		"ObjectLockConfigurationNotFoundError": func() error {
			_, err := c.GetObjectLockConfiguration(ctx, &awss3.GetObjectLockConfigurationInput{Bucket: b})
			return err
		},
		"MalformedPolicy": func() error {
			_, err := c.PutBucketPolicy(ctx, &awss3.PutBucketPolicyInput{Bucket: b, Policy: aws.String("no")})
			return err
		},
		"NoSuchBucket": func() error {
			_, err := c.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{Bucket: aws.String("nope")})
			return err
		},
		"BucketAlreadyOwnedByYou": func() error {
			_, err := c.CreateBucket(ctx, &awss3.CreateBucketInput{Bucket: b})
			return err
		},
		"NotImplemented": func() error {
			_, err := c.PutBucketCors(ctx, &awss3.PutBucketCorsInput{Bucket: b, CORSConfiguration: &types.CORSConfiguration{CORSRules: []types.CORSRule{{AllowedMethods: []string{"GET"}, AllowedOrigins: []string{"*"}}}}})
			return err
		},
	}
	for want, call := range missing {
		if err := call(); code(err) != want {
			t.Errorf("want %s: %v", want, err)
		}
	}
	const policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}]}`
	_, err := c.PutBucketPolicy(ctx, &awss3.PutBucketPolicyInput{Bucket: b, Policy: aws.String(`{"Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}`)})
	if code(err) != "MalformedPolicy" {
		t.Errorf("a policy of nobody: %v", err)
	}
	must[*awss3.PutBucketPolicyOutput](t)(c.PutBucketPolicy(ctx, &awss3.PutBucketPolicyInput{Bucket: b, Policy: aws.String(policy)}))
	if out := must[*awss3.GetBucketPolicyOutput](t)(c.GetBucketPolicy(ctx, &awss3.GetBucketPolicyInput{Bucket: b})); *out.Policy != policy {
		t.Errorf("policy %s", *out.Policy)
	}
	must[*awss3.PutBucketTaggingOutput](t)(c.PutBucketTagging(ctx, &awss3.PutBucketTaggingInput{Bucket: b, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a<"), Value: aws.String("b&")}}}}))
	if out := must[*awss3.GetBucketTaggingOutput](t)(c.GetBucketTagging(ctx, &awss3.GetBucketTaggingInput{Bucket: b})); len(out.TagSet) != 1 || *out.TagSet[0].Key != "a<" || *out.TagSet[0].Value != "b&" {
		t.Errorf("tags %+v", out.TagSet)
	}
	must[*awss3.PutBucketLifecycleConfigurationOutput](t)(c.PutBucketLifecycleConfiguration(ctx, &awss3.PutBucketLifecycleConfigurationInput{Bucket: b, LifecycleConfiguration: &types.BucketLifecycleConfiguration{
		Rules: []types.LifecycleRule{{
			ID: aws.String("old"), Status: types.ExpirationStatusEnabled, Expiration: &types.LifecycleExpiration{Days: aws.Int32(30)},
			Filter:      &types.LifecycleRuleFilter{And: &types.LifecycleRuleAndOperator{Prefix: aws.String("x"), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}},
			Transitions: []types.Transition{{Days: aws.Int32(5), StorageClass: types.TransitionStorageClassGlacier}},
		}},
	}}))
	rule := must[*awss3.GetBucketLifecycleConfigurationOutput](t)(c.GetBucketLifecycleConfiguration(ctx, &awss3.GetBucketLifecycleConfigurationInput{Bucket: b})).Rules[0]
	if *rule.ID != "old" || *rule.Expiration.Days != 30 || *rule.Filter.And.Tags[0].Key != "k" || *rule.Transitions[0].Days != 5 {
		t.Errorf("lifecycle rule %+v", rule)
	}
	must[*awss3.PutPublicAccessBlockOutput](t)(c.PutPublicAccessBlock(ctx, &awss3.PutPublicAccessBlockInput{Bucket: b, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{BlockPublicAcls: aws.Bool(true), RestrictPublicBuckets: aws.Bool(false)}}))
	if out := must[*awss3.GetPublicAccessBlockOutput](t)(c.GetPublicAccessBlock(ctx, &awss3.GetPublicAccessBlockInput{Bucket: b})).PublicAccessBlockConfiguration; !*out.BlockPublicAcls || *out.RestrictPublicBuckets {
		t.Errorf("public access block %+v", out)
	}
	buckets := must[*awss3.ListBucketsOutput](t)(c.ListBuckets(ctx, &awss3.ListBucketsInput{}))
	if len(buckets.Buckets) != 1 || *buckets.Buckets[0].Name != "config" || buckets.Buckets[0].CreationDate.IsZero() {
		t.Errorf("buckets %+v", buckets.Buckets)
	}
	// A presigned URL and an anonymous request read the same object.
	signed := must[string](t)(func() (string, error) {
		r, err := awss3.NewPresignClient(c).PresignGetObject(ctx, &awss3.GetObjectInput{Bucket: b, Key: aws.String("k")})
		return r.URL, err
	}())
	for _, url := range []string{signed, endpoint + "/config/k"} {
		r := must[*http.Request](t)(http.NewRequestWithContext(ctx, http.MethodGet, url, nil))
		if status, text := fetch(t, r); text != "v" {
			t.Errorf("%s: %d %s", url, status, text)
		}
	}
}

func TestMultipart(t *testing.T) {
	t.Parallel()
	_, c, _, _ := start(t)
	ctx := t.Context()
	makeBucket(t, c, "parts", true)
	b, k := aws.String("parts"), aws.String("big")
	for _, algorithm := range []types.ChecksumAlgorithm{"", types.ChecksumAlgorithmSha256, types.ChecksumAlgorithmCrc64nvme} {
		parts := [][]byte{bytes.Repeat([]byte("a"), 5<<20), []byte("tail")}
		created := must[*awss3.CreateMultipartUploadOutput](t)(c.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: b, Key: k, ChecksumAlgorithm: algorithm}))
		var completed []types.CompletedPart
		for i, data := range parts {
			n := aws.Int32(int32(i + 1))
			up := must[*awss3.UploadPartOutput](t)(c.UploadPart(ctx, &awss3.UploadPartInput{Bucket: b, Key: k, UploadId: created.UploadId, PartNumber: n, Body: bytes.NewReader(data), ChecksumAlgorithm: algorithm}))
			completed = append(completed, types.CompletedPart{ETag: up.ETag, PartNumber: n, ChecksumSHA256: up.ChecksumSHA256})
		}
		if listed := must[*awss3.ListPartsOutput](t)(c.ListParts(ctx, &awss3.ListPartsInput{Bucket: b, Key: k, UploadId: created.UploadId})); len(listed.Parts) != 2 || *listed.Parts[1].Size != 4 {
			t.Errorf("parts %+v", listed.Parts)
		}
		done := must[*awss3.CompleteMultipartUploadOutput](t)(c.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{Bucket: b, Key: k, UploadId: created.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: completed}}))
		if !strings.HasSuffix(*done.ETag, `-2"`) || done.VersionId == nil {
			t.Errorf("%s: ETag %s version %v", algorithm, *done.ETag, done.VersionId)
		}
		got, err := c.GetObject(ctx, &awss3.GetObjectInput{Bucket: b, Key: k, ChecksumMode: types.ChecksumModeEnabled})
		if text := body(t, got, err); text != string(parts[0])+"tail" {
			t.Errorf("%s: %d bytes came back", algorithm, len(text))
		}
	}
	created := must[*awss3.CreateMultipartUploadOutput](t)(c.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: b, Key: k}))
	var completed []types.CompletedPart
	for i := range 2 {
		n := aws.Int32(int32(i + 1))
		up := must[*awss3.UploadPartOutput](t)(c.UploadPart(ctx, &awss3.UploadPartInput{Bucket: b, Key: k, UploadId: created.UploadId, PartNumber: n, Body: strings.NewReader("small")}))
		completed = append(completed, types.CompletedPart{ETag: up.ETag, PartNumber: n})
	}
	complete := func(ifNoneMatch *string, parts ...types.CompletedPart) string {
		_, err := c.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{Bucket: b, Key: k, UploadId: created.UploadId, IfNoneMatch: ifNoneMatch, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
		return code(err)
	}
	if got := complete(nil, completed...); got != "EntityTooSmall" {
		t.Errorf("a small first part: %q", got)
	}
	if got := complete(nil, completed[1], completed[0]); got != "InvalidPartOrder" {
		t.Errorf("parts out of order: %q", got)
	}
	if got := complete(aws.String("*"), completed[0]); got != "PreconditionFailed" {
		t.Errorf("conditional: %q", got)
	}
	must[*awss3.AbortMultipartUploadOutput](t)(c.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{Bucket: b, Key: k, UploadId: created.UploadId}))
	if got := complete(nil, completed[0]); got != "NoSuchUpload" {
		t.Errorf("after abort: %q", got)
	}
}

// The aws CLI is a client that differs from ours: it chooses multipart uploads,
// checksums and encodings on its own.
func TestAWSCommandLine(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("the aws CLI takes seconds")
	}
	cli, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("the aws CLI is not installed")
	}
	_, c, _, endpoint := start(t)
	makeBucket(t, c, "cli", false)
	dir := t.TempDir()
	// The CLI splits this into two parts.
	big := make([]byte, 9<<20)
	random := rand.NewChaCha8([32]byte{1})
	if _, err := random.Read(big); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "big"), big, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(arguments ...string) string {
		cmd := exec.CommandContext(t.Context(), cli, append([]string{"--endpoint-url", endpoint}, arguments...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
		out, err := cmd.CombinedOutput()
		if err != nil {
			return "failed: " + string(out)
		}
		return string(out)
	}
	if out := run("--version"); strings.HasPrefix(out, "failed") {
		t.Skipf("the aws CLI does not run: %s", out)
	}
	run("s3", "cp", "big", "s3://cli/a b/big", "--no-progress")
	if out := run("s3", "ls", "s3://cli/a b/"); !strings.Contains(out, "9437184 big") {
		t.Errorf("ls: %s", out)
	}
	run("s3", "cp", "s3://cli/a b/big", "back", "--no-progress")
	if back := must[[]byte](t)(os.ReadFile(filepath.Join(dir, "back"))); !bytes.Equal(back, big) {
		t.Errorf("%d bytes came back, or others", len(back))
	}
	if out := run("s3api", "put-object", "--bucket", "cli", "--key", "a b/big", "--if-none-match", "*"); !strings.Contains(out, "PreconditionFailed") {
		t.Errorf("conditional put: %s", out)
	}
}
