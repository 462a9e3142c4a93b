package s3

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// PutObject stores an object. With IfNoneMatch "*" or IfMatch, it checks the
// condition and stores the object atomically; if the condition fails, it
// returns PreconditionFailed. A wrong checksum is a BadDigest error.
func (s *Service) PutObject(ctx context.Context, in *awss3.PutObjectInput) (*awss3.PutObjectOutput, error) {
	if err := s.supported(in); err != nil {
		return nil, err
	}
	data, err := readAll(in.Body, aws.ToInt64(in.ContentLength))
	if err != nil {
		return nil, err
	}
	if in.ContentLength != nil && *in.ContentLength != int64(len(data)) {
		return nil, fail("IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header: %d, not %d", len(data), *in.ContentLength)
	}
	etag, err := digest(data, in.ContentMD5)
	if err != nil {
		return nil, err
	}
	sums, err := verify(data, given(in.ChecksumCRC32, in.ChecksumCRC32C, in.ChecksumCRC64NVME, in.ChecksumSHA1, in.ChecksumSHA256), in.ChecksumAlgorithm)
	if err != nil {
		return nil, err
	}
	tags, err := parseTags(in.Tagging)
	if err != nil {
		return nil, err
	}
	if in.StorageClass != "" && !slices.Contains(in.StorageClass.Values(), in.StorageClass) {
		return nil, fail("InvalidStorageClass", "The storage class you specified is not valid")
	}
	v := &version{
		data: data, etag: etag, checksums: sums, tags: tags, storageClass: in.StorageClass,
		headers: headers{
			cacheControl: in.CacheControl, contentDisposition: in.ContentDisposition, contentEncoding: in.ContentEncoding,
			contentLanguage: in.ContentLanguage, contentType: in.ContentType, expires: in.Expires, metadata: maps.Clone(in.Metadata),
		},
		encryption: encryption{in.ServerSideEncryption, in.SSEKMSKeyId, in.BucketKeyEnabled},
		lock:       retention{in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus},
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	if err := s.store(b, aws.ToString(in.Key), v, in.IfMatch, in.IfNoneMatch); err != nil {
		return nil, err
	}
	s.notify(ctx, b, occurrence{event: "ObjectCreated:Put", key: aws.ToString(in.Key), v: v, id: b.versionID(v), reason: "PutObject"})
	return &awss3.PutObjectOutput{
		ETag: aws.String(v.etag), VersionId: b.versionID(v), ChecksumType: v.checksums.kind,
		ChecksumCRC32:     v.checksums.get(types.ChecksumAlgorithmCrc32),
		ChecksumCRC32C:    v.checksums.get(types.ChecksumAlgorithmCrc32c),
		ChecksumCRC64NVME: v.checksums.get(types.ChecksumAlgorithmCrc64nvme),
		ChecksumSHA1:      v.checksums.get(types.ChecksumAlgorithmSha1),
		ChecksumSHA256:    v.checksums.get(types.ChecksumAlgorithmSha256),

		ServerSideEncryption: v.encryption.algorithm, SSEKMSKeyId: v.encryption.keyID, BucketKeyEnabled: v.encryption.bucketKey,
	}, nil
}

// store makes v the current version of key if the conditions hold. The bucket's
// defaults apply to what v leaves open. s is locked.
func (s *Service) store(b *bucket, key string, v *version, ifMatch, ifNoneMatch *string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := checkMetadata(v.headers.metadata); err != nil {
		return err
	}
	if err := b.writable(key, ifMatch, ifNoneMatch); err != nil {
		return err
	}
	v.modified = s.now()
	if v.headers.contentType == nil {
		v.headers.contentType = aws.String("binary/octet-stream")
	}
	if v.storageClass == "" {
		v.storageClass = types.StorageClassStandard
	}
	b.encrypt(&v.encryption)
	lock, err := b.retain(v.lock, s.account.Clock.Now())
	if err != nil {
		return err
	}
	v.lock = lock
	b.add(key, v)
	return nil
}

// writable checks the conditions of a conditional write.
// See https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html.
func (b *bucket) writable(key string, ifMatch, ifNoneMatch *string) error {
	current := b.current(key)
	if ifNoneMatch != nil {
		if *ifNoneMatch != "*" {
			return fail("NotImplemented", "If-None-Match of a write accepts only the value *")
		}
		if current != nil {
			return preconditionFailed("If-None-Match")
		}
	}
	if ifMatch != nil {
		if current == nil {
			return noSuchKey(key)
		}
		if !sameETag(*ifMatch, current.etag) {
			return preconditionFailed("If-Match")
		}
	}
	return nil
}

func preconditionFailed(condition string) error {
	return detailed{error: fail("PreconditionFailed", "At least one of the pre-conditions you specified did not hold"), elements: [][2]string{{"Condition", condition}}}
}

func sameETag(wanted, etag string) bool {
	for tag := range strings.SplitSeq(wanted, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || strings.Trim(tag, `"`) == strings.Trim(etag, `"`) {
			return true
		}
	}
	return false
}

// encrypt fills in the bucket's default encryption, which is SSE-S3 if nothing
// else is configured.
func (b *bucket) encrypt(e *encryption) {
	if e.algorithm != "" {
		return
	}
	e.algorithm = types.ServerSideEncryptionAes256
	if b.encryption == nil {
		return
	}
	for _, rule := range b.encryption.Rules {
		if d := rule.ApplyServerSideEncryptionByDefault; d != nil {
			e.algorithm, e.keyID = d.SSEAlgorithm, d.KMSMasterKeyID
			if e.algorithm != types.ServerSideEncryptionAes256 {
				e.bucketKey = rule.BucketKeyEnabled
			}
		}
	}
}

// read finds the version that a read requests, and checks the request's
// conditions. s is locked.
func (b *bucket) read(key string, versionID *string) (*version, error) {
	if versionID == nil {
		v := b.current(key)
		if v == nil {
			return nil, b.gone(key)
		}
		return v, nil
	}
	i := b.find(key, *versionID)
	if i < 0 {
		return nil, noSuchVersion(key, *versionID)
	}
	v := b.keys[key][i]
	if v.deleteMarker {
		return nil, detailed{
			error: fail("MethodNotAllowed", "The specified method is not allowed against this resource."),
			headers: [][2]string{
				{"X-Amz-Delete-Marker", "true"}, {"X-Amz-Version-Id", v.id}, {"Last-Modified", v.modified.Format(http.TimeFormat)}, {"Allow", http.MethodDelete},
			},
			elements: [][2]string{{"Method", http.MethodGet}, {"ResourceType", "DeleteMarker"}},
		}
	}
	return v, nil
}

// gone returns the error for a key that has no current object. A delete marker shows
// in the headers.
func (b *bucket) gone(key string) error {
	err := noSuchKey(key)
	if versions := b.keys[key]; len(versions) > 0 {
		if marker := versions[len(versions)-1]; marker.deleteMarker {
			err.headers = [][2]string{{"X-Amz-Delete-Marker", "true"}, {"X-Amz-Version-Id", marker.id}}
		}
	}
	return err
}

// notModified returns the answer to a conditional read. It has the headers that a
// cache needs.
// See https://www.rfc-editor.org/rfc/rfc9110#name-304-not-modified.
func (v *version) notModified() error {
	err := detailed{error: fail("NotModified", "Not Modified"), headers: [][2]string{{"ETag", v.etag}, {"Last-Modified", v.modified.Format(http.TimeFormat)}}}
	for name, value := range map[string]*string{"Cache-Control": v.headers.cacheControl, "Expires": httpTime(v.headers.expires)} {
		if value != nil {
			err.headers = append(err.headers, [2]string{name, *value})
		}
	}
	return err
}

// readable checks the conditions of a conditional read.
// See https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-reads.html.
func (v *version) readable(ifMatch, ifNoneMatch *string, ifModifiedSince, ifUnmodifiedSince *time.Time) error {
	if ifMatch != nil {
		if !sameETag(*ifMatch, v.etag) {
			return preconditionFailed("If-Match")
		}
	} else if ifUnmodifiedSince != nil && v.modified.After(*ifUnmodifiedSince) {
		return preconditionFailed("If-Unmodified-Since")
	}
	if ifNoneMatch != nil {
		if sameETag(*ifNoneMatch, v.etag) {
			return v.notModified()
		}
	} else if ifModifiedSince != nil && !v.modified.After(*ifModifiedSince) {
		return v.notModified()
	}
	return nil
}

// GetObject returns an object, one of its versions, or a range or part of it.
// The caller need not close the body.
func (s *Service) GetObject(_ context.Context, in *awss3.GetObjectInput) (*awss3.GetObjectOutput, error) {
	if err := s.supported(in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	v, err := b.read(aws.ToString(in.Key), in.VersionId)
	if err != nil {
		return nil, err
	}
	if err := v.readable(in.IfMatch, in.IfNoneMatch, in.IfModifiedSince, in.IfUnmodifiedSince); err != nil {
		return nil, err
	}
	part, err := v.slice(in.Range, in.PartNumber)
	if err != nil {
		return nil, err
	}
	out := &awss3.GetObjectOutput{
		Body: io.NopCloser(newBody(v.data[part.start:part.end])), ContentLength: aws.Int64(part.end - part.start),
		ContentRange: part.header(len(v.data)), PartsCount: v.partsCount(in.PartNumber), AcceptRanges: aws.String("bytes"),
		ETag: aws.String(v.etag), LastModified: aws.Time(v.modified), VersionId: b.versionID(v), StorageClass: v.reportedClass(),
		CacheControl: v.headers.cacheControl, ContentDisposition: v.headers.contentDisposition, ContentEncoding: v.headers.contentEncoding,
		ContentLanguage: v.headers.contentLanguage, ContentType: v.headers.contentType,
		ExpiresString: httpTime(v.headers.expires), Metadata: maps.Clone(v.headers.metadata),
		ServerSideEncryption: v.encryption.algorithm, SSEKMSKeyId: v.encryption.keyID, BucketKeyEnabled: v.encryption.bucketKey,
		ObjectLockMode: v.lock.mode, ObjectLockRetainUntilDate: v.lock.until, ObjectLockLegalHoldStatus: v.lock.legalHold,
		TagCount: tagCount(v.tags),
	}
	if in.ChecksumMode == types.ChecksumModeEnabled && part.header(len(v.data)) == nil {
		out.ChecksumType = v.checksums.kind
		out.ChecksumCRC32 = v.checksums.get(types.ChecksumAlgorithmCrc32)
		out.ChecksumCRC32C = v.checksums.get(types.ChecksumAlgorithmCrc32c)
		out.ChecksumCRC64NVME = v.checksums.get(types.ChecksumAlgorithmCrc64nvme)
		out.ChecksumSHA1 = v.checksums.get(types.ChecksumAlgorithmSha1)
		out.ChecksumSHA256 = v.checksums.get(types.ChecksumAlgorithmSha256)
	}
	override(&out.CacheControl, in.ResponseCacheControl)
	override(&out.ContentDisposition, in.ResponseContentDisposition)
	override(&out.ContentEncoding, in.ResponseContentEncoding)
	override(&out.ContentLanguage, in.ResponseContentLanguage)
	override(&out.ContentType, in.ResponseContentType)
	override(&out.ExpiresString, httpTime(in.ResponseExpires))
	return out, nil
}

func override(field **string, value *string) {
	if value != nil {
		*field = value
	}
}

// HeadObject is GetObject without the object's data. For a key that doesn't
// exist it returns types.NotFound, because the response of a HEAD has no body
// that could contain an error code.
func (s *Service) HeadObject(ctx context.Context, in *awss3.HeadObjectInput) (*awss3.HeadObjectOutput, error) {
	got, err := s.GetObject(ctx, &awss3.GetObjectInput{
		Bucket: in.Bucket, Key: in.Key, VersionId: in.VersionId, Range: in.Range, PartNumber: in.PartNumber, ChecksumMode: in.ChecksumMode,
		IfMatch: in.IfMatch, IfNoneMatch: in.IfNoneMatch, IfModifiedSince: in.IfModifiedSince, IfUnmodifiedSince: in.IfUnmodifiedSince,
		ResponseCacheControl: in.ResponseCacheControl, ResponseContentDisposition: in.ResponseContentDisposition,
		ResponseContentEncoding: in.ResponseContentEncoding, ResponseContentLanguage: in.ResponseContentLanguage,
		ResponseContentType: in.ResponseContentType, ResponseExpires: in.ResponseExpires, ExpectedBucketOwner: in.ExpectedBucketOwner,
		SSECustomerAlgorithm: in.SSECustomerAlgorithm, SSECustomerKey: in.SSECustomerKey, SSECustomerKeyMD5: in.SSECustomerKeyMD5,
	})
	if err != nil {
		if _, ok := errors.AsType[*types.NoSuchKey](err); ok {
			missing := detailed{error: &types.NotFound{Message: aws.String("Not Found: " + aws.ToString(in.Key))}}
			if d, ok := errors.AsType[detailed](err); ok {
				missing.headers = d.headers
			}
			return nil, missing
		}
		return nil, err
	}
	return &awss3.HeadObjectOutput{
		ContentLength: got.ContentLength, ContentRange: got.ContentRange, PartsCount: got.PartsCount, AcceptRanges: got.AcceptRanges,
		ETag: got.ETag, LastModified: got.LastModified, VersionId: got.VersionId, StorageClass: got.StorageClass,
		CacheControl: got.CacheControl, ContentDisposition: got.ContentDisposition, ContentEncoding: got.ContentEncoding,
		ContentLanguage: got.ContentLanguage, ContentType: got.ContentType, ExpiresString: got.ExpiresString, Metadata: got.Metadata,
		ServerSideEncryption: got.ServerSideEncryption, SSEKMSKeyId: got.SSEKMSKeyId, BucketKeyEnabled: got.BucketKeyEnabled,
		ObjectLockMode: got.ObjectLockMode, ObjectLockRetainUntilDate: got.ObjectLockRetainUntilDate, ObjectLockLegalHoldStatus: got.ObjectLockLegalHoldStatus,
		TagCount: got.TagCount, ChecksumType: got.ChecksumType, ChecksumCRC32: got.ChecksumCRC32, ChecksumCRC32C: got.ChecksumCRC32C,
		ChecksumCRC64NVME: got.ChecksumCRC64NVME, ChecksumSHA1: got.ChecksumSHA1, ChecksumSHA256: got.ChecksumSHA256,
	}, nil
}

// reportedClass returns a version's storage class. S3 leaves out STANDARD.
func (v *version) reportedClass() types.StorageClass {
	if v.storageClass == types.StorageClassStandard {
		return ""
	}
	return v.storageClass
}

func (v *version) partsCount(partNumber *int32) *int32 {
	if partNumber == nil || len(v.parts) == 0 {
		return nil
	}
	return aws.Int32(int32(len(v.parts))) // #nosec G115 -- at most 10000 parts
}

// An extent is the range of an object's bytes that a read returns.
type extent struct {
	start, end int64 // half-open
	partial    bool
}

func (e extent) header(size int) *string {
	if !e.partial {
		return nil
	}
	return aws.String("bytes " + strconv.FormatInt(e.start, 10) + "-" + strconv.FormatInt(e.end-1, 10) + "/" + strconv.Itoa(size))
}

// slice returns the range that a Range header or a part number selects. It
// ignores a header that does not have the form bytes=first-last, as RFC 9110 requires.
func (v *version) slice(header *string, partNumber *int32) (extent, error) {
	size := int64(len(v.data))
	all := extent{end: size}
	invalid := func() error {
		return detailed{error: fail("InvalidRange", "The requested range is not satisfiable"), elements: [][2]string{
			{"ActualObjectSize", strconv.FormatInt(size, 10)}, {"RangeRequested", aws.ToString(header)},
		}}
	}
	switch {
	case header != nil && partNumber != nil:
		return all, fail("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
	case partNumber != nil:
		n := int(*partNumber)
		// The whole object is its only part.
		if len(v.parts) == 0 && n == 1 {
			all.partial = size > 0
			return all, nil
		}
		if n < 1 || n > len(v.parts) {
			return all, detailed{error: fail("InvalidPartNumber", "The requested partnumber is not satisfiable"), elements: [][2]string{
				{"ActualPartCount", strconv.Itoa(max(1, len(v.parts)))}, {"PartNumberRequested", strconv.Itoa(n)},
			}}
		}
		var start int64
		for _, part := range v.parts[:n-1] {
			start += part
		}
		return extent{start, start + v.parts[n-1], true}, nil
	case header == nil:
		return all, nil
	}
	first, last, ok := strings.Cut(strings.TrimPrefix(*header, "bytes="), "-")
	if !ok || !strings.HasPrefix(*header, "bytes=") || strings.Contains(last, ",") {
		return all, nil
	}
	if first == "" {
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil {
			return all, nil
		}
		if n <= 0 || size == 0 {
			return all, invalid()
		}
		return extent{max(0, size-n), size, true}, nil
	}
	start, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return all, nil
	}
	end := size
	if last != "" {
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil || n < start {
			return all, nil
		}
		end = min(size, n+1)
	}
	if start >= size {
		return all, invalid()
	}
	return extent{start, end, true}, nil
}

func httpTime(t *time.Time) *string {
	if t == nil {
		return nil
	}
	return aws.String(t.UTC().Format(http.TimeFormat))
}

// DeleteObject deletes an object. In a versioned bucket, it adds a delete
// marker, or removes one version permanently. It refuses to delete a version
// under Object Lock.
func (s *Service) DeleteObject(ctx context.Context, in *awss3.DeleteObjectInput) (*awss3.DeleteObjectOutput, error) {
	if err := s.supported(in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	if in.IfMatch != nil {
		if err := b.writable(aws.ToString(in.Key), in.IfMatch, nil); err != nil {
			return nil, err
		}
	}
	return s.delete(ctx, "DeleteObject", b, aws.ToString(in.Key), in.VersionId, aws.ToBool(in.BypassGovernanceRetention))
}

// delete deletes a key or one version of it for an operation. s is locked.
func (s *Service) delete(ctx context.Context, operation string, b *bucket, key string, versionID *string, bypass bool) (*awss3.DeleteObjectOutput, error) {
	if versionID != nil {
		out := &awss3.DeleteObjectOutput{VersionId: versionID}
		i := b.find(key, *versionID)
		if i < 0 {
			return out, nil
		}
		v := b.keys[key][i]
		if v.lock.holds(s.account.Clock.Now(), bypass) {
			return nil, fail("AccessDenied", "Access Denied because object protected by object lock.")
		}
		if v.deleteMarker {
			out.DeleteMarker = aws.Bool(true)
		}
		b.remove(key, *versionID)
		s.notify(ctx, b, occurrence{event: "ObjectRemoved:Delete", key: key, v: v, id: versionID, reason: operation})
		return out, nil
	}
	if b.versioning == "" {
		if b.current(key) != nil {
			s.notify(ctx, b, occurrence{event: "ObjectRemoved:Delete", key: key, reason: operation})
		}
		b.remove(key, nullVersion)
		return &awss3.DeleteObjectOutput{}, nil
	}
	marker := &version{deleteMarker: true, modified: s.now()}
	b.add(key, marker)
	s.notify(ctx, b, occurrence{event: "ObjectRemoved:DeleteMarkerCreated", key: key, v: marker, id: &marker.id, reason: operation})
	return &awss3.DeleteObjectOutput{DeleteMarker: aws.Bool(true), VersionId: aws.String(marker.id)}, nil
}

// DeleteObjects deletes up to 1000 objects or versions independently.
func (s *Service) DeleteObjects(ctx context.Context, in *awss3.DeleteObjectsInput) (*awss3.DeleteObjectsOutput, error) {
	if err := s.supported(in); err != nil {
		return nil, err
	}
	if in.Delete == nil || len(in.Delete.Objects) == 0 || len(in.Delete.Objects) > 1000 {
		return nil, fail("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	out := &awss3.DeleteObjectsOutput{}
	for _, o := range in.Delete.Objects {
		if o.ETag != nil || o.LastModifiedTime != nil || o.Size != nil {
			return nil, fail("NotImplemented", "conditions in DeleteObjects are not supported by the embedded S3")
		}
		deleted, err := s.delete(ctx, "DeleteObjects", b, aws.ToString(o.Key), o.VersionId, aws.ToBool(in.BypassGovernanceRetention))
		if err != nil {
			out.Errors = append(out.Errors, types.Error{Key: o.Key, VersionId: o.VersionId, Code: aws.String("AccessDenied"), Message: aws.String(err.Error())})
			continue
		}
		if aws.ToBool(in.Delete.Quiet) {
			continue
		}
		d := types.DeletedObject{Key: o.Key, VersionId: o.VersionId, DeleteMarker: deleted.DeleteMarker}
		if aws.ToBool(deleted.DeleteMarker) {
			d.DeleteMarkerVersionId = deleted.VersionId
		}
		out.Deleted = append(out.Deleted, d)
	}
	return out, nil
}

// CopyObject copies an object within the account.
func (s *Service) CopyObject(ctx context.Context, in *awss3.CopyObjectInput) (*awss3.CopyObjectOutput, error) {
	if err := s.supported(in); err != nil {
		return nil, err
	}
	tags, err := parseTags(in.Tagging)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	from, source, err := s.copySource(in.CopySource, in.CopySourceIfMatch, in.CopySourceIfNoneMatch, in.CopySourceIfModifiedSince, in.CopySourceIfUnmodifiedSince)
	if err != nil {
		return nil, err
	}
	to, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	replace := in.MetadataDirective == types.MetadataDirectiveReplace
	v := &version{
		data: source.data, etag: source.etag, headers: source.headers, tags: source.tags, checksums: source.checksums, storageClass: in.StorageClass,
		encryption: encryption{in.ServerSideEncryption, in.SSEKMSKeyId, in.BucketKeyEnabled},
		lock:       retention{in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus},
	}
	if from == to && to.current(aws.ToString(in.Key)) == source && !replace && in.StorageClass == "" && in.ServerSideEncryption == "" {
		return nil, fail("InvalidRequest", "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	if replace {
		v.headers = headers{
			cacheControl: in.CacheControl, contentDisposition: in.ContentDisposition, contentEncoding: in.ContentEncoding,
			contentLanguage: in.ContentLanguage, contentType: in.ContentType, expires: in.Expires, metadata: maps.Clone(in.Metadata),
		}
	}
	if in.TaggingDirective == types.TaggingDirectiveReplace {
		v.tags = tags
	}
	if len(source.parts) > 0 || (in.ChecksumAlgorithm != "" && v.checksums.get(in.ChecksumAlgorithm) == nil) {
		if v.etag, err = digest(v.data, nil); err != nil {
			return nil, err
		}
		if v.checksums, err = verify(v.data, nil, in.ChecksumAlgorithm); err != nil {
			return nil, err
		}
	}
	if err := s.store(to, aws.ToString(in.Key), v, in.IfMatch, in.IfNoneMatch); err != nil {
		return nil, err
	}
	s.notify(ctx, to, occurrence{event: "ObjectCreated:Copy", key: aws.ToString(in.Key), v: v, id: to.versionID(v), reason: "CopyObject"})
	return &awss3.CopyObjectOutput{
		CopyObjectResult: &types.CopyObjectResult{
			ETag: aws.String(v.etag), LastModified: aws.Time(v.modified), ChecksumType: v.checksums.kind,
			ChecksumCRC32:     v.checksums.get(types.ChecksumAlgorithmCrc32),
			ChecksumCRC32C:    v.checksums.get(types.ChecksumAlgorithmCrc32c),
			ChecksumCRC64NVME: v.checksums.get(types.ChecksumAlgorithmCrc64nvme),
			ChecksumSHA1:      v.checksums.get(types.ChecksumAlgorithmSha1),
			ChecksumSHA256:    v.checksums.get(types.ChecksumAlgorithmSha256),
		},
		VersionId: to.versionID(v), CopySourceVersionId: from.versionID(source),
		ServerSideEncryption: v.encryption.algorithm, SSEKMSKeyId: v.encryption.keyID, BucketKeyEnabled: v.encryption.bucketKey,
	}, nil
}

// copySource finds the version that bucket/key?versionId=id refers to. s is locked.
func (s *Service) copySource(source, ifMatch, ifNoneMatch *string, ifModifiedSince, ifUnmodifiedSince *time.Time) (*bucket, *version, error) {
	path, query, _ := strings.Cut(aws.ToString(source), "?")
	var versionID *string
	if id, ok := strings.CutPrefix(query, "versionId="); ok {
		versionID = aws.String(id)
	}
	path, err := url.PathUnescape(path)
	if err != nil {
		return nil, nil, fail("InvalidArgument", "Copy Source must mention the source bucket and key: %v", err)
	}
	name, key, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ok {
		return nil, nil, fail("InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
	}
	b, err := s.bucket(&name)
	if err != nil {
		return nil, nil, err
	}
	v, err := b.read(key, versionID)
	if err != nil {
		return nil, nil, err
	}
	if err := v.readable(ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince); err != nil {
		return nil, nil, preconditionFailed("copy source")
	}
	return b, v, nil
}

// parseTags reads the tags in an x-amz-tagging header.
func parseTags(header *string) ([]types.Tag, error) {
	values, err := url.ParseQuery(aws.ToString(header))
	if err != nil {
		return nil, fail("InvalidArgument", "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters: %v", err)
	}
	var tags []types.Tag
	for _, key := range slices.Sorted(maps.Keys(values)) {
		tags = append(tags, types.Tag{Key: aws.String(key), Value: aws.String(values.Get(key))})
	}
	return tags, checkObjectTags(tags)
}

func tagCount(tags []types.Tag) *int32 {
	if len(tags) == 0 {
		return nil
	}
	return aws.Int32(int32(len(tags))) // #nosec G115 -- a handful
}

// PutObjectTagging replaces an object's tags.
func (s *Service) PutObjectTagging(ctx context.Context, in *awss3.PutObjectTaggingInput) (*awss3.PutObjectTaggingOutput, error) {
	return readVersion(s, in, in.Bucket, in.Key, in.VersionId, func(b *bucket, v *version) (*awss3.PutObjectTaggingOutput, error) {
		if in.Tagging == nil {
			return nil, fail("MalformedXML", "Tagging is missing")
		}
		if err := checkObjectTags(in.Tagging.TagSet); err != nil {
			return nil, err
		}
		v.tags = slices.Clone(in.Tagging.TagSet)
		s.notify(ctx, b, occurrence{event: "ObjectTagging:Put", key: aws.ToString(in.Key), v: v, id: b.versionID(v), reason: "PutObjectTagging"})
		return &awss3.PutObjectTaggingOutput{VersionId: b.versionID(v)}, nil
	})
}

// DeleteObjectTagging removes an object's tags.
func (s *Service) DeleteObjectTagging(ctx context.Context, in *awss3.DeleteObjectTaggingInput) (*awss3.DeleteObjectTaggingOutput, error) {
	return readVersion(s, in, in.Bucket, in.Key, in.VersionId, func(b *bucket, v *version) (*awss3.DeleteObjectTaggingOutput, error) {
		v.tags = nil
		s.notify(ctx, b, occurrence{event: "ObjectTagging:Delete", key: aws.ToString(in.Key), v: v, id: b.versionID(v), reason: "DeleteObjectTagging"})
		return &awss3.DeleteObjectTaggingOutput{VersionId: b.versionID(v)}, nil
	})
}

// GetObjectTagging returns an object's tags.
func (s *Service) GetObjectTagging(_ context.Context, in *awss3.GetObjectTaggingInput) (*awss3.GetObjectTaggingOutput, error) {
	return readVersion(s, in, in.Bucket, in.Key, in.VersionId, func(b *bucket, v *version) (*awss3.GetObjectTaggingOutput, error) {
		return &awss3.GetObjectTaggingOutput{TagSet: append([]types.Tag{}, v.tags...), VersionId: b.versionID(v)}, nil
	})
}
