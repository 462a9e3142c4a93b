package s3

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5" // #nosec G501 -- the ETag of a multipart object is defined by it
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// minPart is the minimum size in bytes of every part except the last.
// See https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html.
const minPart = 5 << 20

// An upload is a multipart upload in progress.
type upload struct {
	id        string
	key       string
	initiated time.Time
	object    version // the attributes of the future object, without its data
	algorithm types.ChecksumAlgorithm
	kind      types.ChecksumType
	parts     map[int32]part
}

type part struct {
	data     []byte
	etag     string
	checksum checksums
	modified time.Time
}

// CreateMultipartUpload starts a multipart upload.
func (s *Service) CreateMultipartUpload(_ context.Context, in *awss3.CreateMultipartUploadInput) (*awss3.CreateMultipartUploadOutput, error) {
	if err := s.supported(in); err != nil {
		return nil, err
	}
	tags, err := parseTags(in.Tagging)
	if err == nil {
		err = checkKey(aws.ToString(in.Key))
	}
	if err == nil {
		err = checkMetadata(in.Metadata)
	}
	if err != nil {
		return nil, err
	}
	u := &upload{
		id: newID(), key: aws.ToString(in.Key), initiated: s.now(), algorithm: in.ChecksumAlgorithm, kind: in.ChecksumType, parts: map[int32]part{},
		object: version{
			tags: tags, storageClass: in.StorageClass,
			headers: headers{
				cacheControl: in.CacheControl, contentDisposition: in.ContentDisposition, contentEncoding: in.ContentEncoding,
				contentLanguage: in.ContentLanguage, contentType: in.ContentType, expires: in.Expires, metadata: maps.Clone(in.Metadata),
			},
			encryption: encryption{in.ServerSideEncryption, in.SSEKMSKeyId, in.BucketKeyEnabled},
			lock:       retention{in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus},
		},
	}
	if u.algorithm == "" {
		u.algorithm = types.ChecksumAlgorithmCrc64nvme
	}
	if _, err := sum(u.algorithm, nil); err != nil {
		return nil, err
	}
	if u.kind == "" {
		u.kind = types.ChecksumTypeComposite
		if u.algorithm == types.ChecksumAlgorithmCrc64nvme {
			u.kind = types.ChecksumTypeFullObject
		}
	}
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.CreateMultipartUploadOutput, error) {
		b.uploads[u.id] = u
		shown := u.object.encryption
		b.encrypt(&shown)
		out := &awss3.CreateMultipartUploadOutput{
			Bucket: in.Bucket, Key: in.Key, UploadId: aws.String(u.id),
			ServerSideEncryption: shown.algorithm, SSEKMSKeyId: shown.keyID, BucketKeyEnabled: shown.bucketKey,
		}
		if in.ChecksumAlgorithm != "" {
			out.ChecksumAlgorithm, out.ChecksumType = u.algorithm, u.kind
		}
		return out, nil
	})
}

// upload finds an upload in progress; s is locked.
func (b *bucket) upload(key, id *string) (*upload, error) {
	u, ok := b.uploads[aws.ToString(id)]
	if !ok || u.key != aws.ToString(key) {
		return nil, &types.NoSuchUpload{Message: aws.String("The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.")}
	}
	return u, nil
}

// UploadPart stores one part. It replaces a part with the same number.
func (s *Service) UploadPart(_ context.Context, in *awss3.UploadPartInput) (*awss3.UploadPartOutput, error) {
	if err := s.supported(in); err != nil {
		return nil, err
	}
	data, err := readAll(in.Body, aws.ToInt64(in.ContentLength))
	if err != nil {
		return nil, err
	}
	if in.ContentLength != nil && *in.ContentLength != int64(len(data)) {
		return nil, fail("IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
	}
	etag, err := digest(data, in.ContentMD5)
	if err != nil {
		return nil, err
	}
	values := given(in.ChecksumCRC32, in.ChecksumCRC32C, in.ChecksumCRC64NVME, in.ChecksumSHA1, in.ChecksumSHA256)
	sums, err := verify(data, values, in.ChecksumAlgorithm)
	if err != nil {
		return nil, err
	}
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.UploadPartOutput, error) {
		u, err := b.upload(in.Key, in.UploadId)
		if err != nil {
			return nil, err
		}
		if err := s.put(u, aws.ToInt32(in.PartNumber), part{data: data, etag: etag, checksum: sums}); err != nil {
			return nil, err
		}
		return &awss3.UploadPartOutput{
			ETag:              aws.String(etag),
			ChecksumCRC32:     sums.get(types.ChecksumAlgorithmCrc32),
			ChecksumCRC32C:    sums.get(types.ChecksumAlgorithmCrc32c),
			ChecksumCRC64NVME: sums.get(types.ChecksumAlgorithmCrc64nvme),
			ChecksumSHA1:      sums.get(types.ChecksumAlgorithmSha1),
			ChecksumSHA256:    sums.get(types.ChecksumAlgorithmSha256),
		}, nil
	})
}

// put adds a part with the type of checksum that the upload uses.
func (s *Service) put(u *upload, number int32, p part) error {
	if number < 1 || number > 10_000 {
		return detailed{error: fail("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive"), elements: [][2]string{
			{"ArgumentName", "partNumber"}, {"ArgumentValue", strconv.Itoa(int(number))},
		}}
	}
	if p.checksum.get(u.algorithm) == nil {
		sums, err := verify(p.data, nil, u.algorithm)
		if err != nil {
			return err
		}
		p.checksum = sums
	}
	p.modified = s.now()
	u.parts[number] = p
	return nil
}

// UploadPartCopy stores a part that is copied from an object or from a range of one.
func (s *Service) UploadPartCopy(_ context.Context, in *awss3.UploadPartCopyInput) (*awss3.UploadPartCopyOutput, error) {
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.UploadPartCopyOutput, error) {
		u, err := b.upload(in.Key, in.UploadId)
		if err != nil {
			return nil, err
		}
		from, source, err := s.copySource(in.CopySource, in.CopySourceIfMatch, in.CopySourceIfNoneMatch, in.CopySourceIfModifiedSince, in.CopySourceIfUnmodifiedSince)
		if err != nil {
			return nil, err
		}
		e, err := source.slice(in.CopySourceRange, nil)
		if err != nil {
			return nil, err
		}
		data := source.data[e.start:e.end]
		etag, err := digest(data, nil)
		if err != nil {
			return nil, err
		}
		if err := s.put(u, aws.ToInt32(in.PartNumber), part{data: data, etag: etag}); err != nil {
			return nil, err
		}
		p := u.parts[*in.PartNumber]
		return &awss3.UploadPartCopyOutput{
			CopySourceVersionId: from.versionID(source),
			CopyPartResult: &types.CopyPartResult{
				ETag: aws.String(etag), LastModified: aws.Time(p.modified),
				ChecksumCRC32:     p.checksum.get(types.ChecksumAlgorithmCrc32),
				ChecksumCRC32C:    p.checksum.get(types.ChecksumAlgorithmCrc32c),
				ChecksumCRC64NVME: p.checksum.get(types.ChecksumAlgorithmCrc64nvme),
				ChecksumSHA1:      p.checksum.get(types.ChecksumAlgorithmSha1),
				ChecksumSHA256:    p.checksum.get(types.ChecksumAlgorithmSha256),
			},
		}, nil
	})
}

// CompleteMultipartUpload joins the named parts into an object. The same
// conditions as in PutObject apply.
func (s *Service) CompleteMultipartUpload(ctx context.Context, in *awss3.CompleteMultipartUploadInput) (*awss3.CompleteMultipartUploadOutput, error) {
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.CompleteMultipartUploadOutput, error) {
		u, err := b.upload(in.Key, in.UploadId)
		if err != nil {
			return nil, err
		}
		if in.MultipartUpload == nil || len(in.MultipartUpload.Parts) == 0 {
			return nil, fail("MalformedXML", "You must specify at least one part")
		}
		v, err := u.join(in.MultipartUpload.Parts)
		if err != nil {
			return nil, err
		}
		if in.MpuObjectSize != nil && *in.MpuObjectSize != int64(len(v.data)) {
			return nil, fail("InvalidRequest", "The provided 'x-amz-mp-object-size' header does not match what was computed.")
		}
		if in.ChecksumType != "" && in.ChecksumType != u.kind {
			return nil, fail("InvalidRequest", "The upload was created using the %s checksum mode. The complete request must use the same checksum mode.", u.kind)
		}
		for a, want := range given(in.ChecksumCRC32, in.ChecksumCRC32C, in.ChecksumCRC64NVME, in.ChecksumSHA1, in.ChecksumSHA256) {
			got := aws.ToString(v.checksums.get(a))
			if u.kind == types.ChecksumTypeComposite && !strings.Contains(want, "-") {
				got, _, _ = strings.Cut(got, "-")
			}
			if got != want {
				return nil, fail("BadDigest", "The %s you specified did not match the calculated checksum.", a)
			}
		}
		if err := s.store(b, u.key, v, in.IfMatch, in.IfNoneMatch); err != nil {
			return nil, err
		}
		delete(b.uploads, u.id)
		s.notify(ctx, b, occurrence{event: "ObjectCreated:CompleteMultipartUpload", key: u.key, v: v, id: b.versionID(v), reason: "CompleteMultipartUpload"})
		return &awss3.CompleteMultipartUploadOutput{
			Bucket: in.Bucket, Key: in.Key, Location: aws.String(s.account.Endpoint + "/" + b.name + "/" + u.key),
			ETag: aws.String(v.etag), VersionId: b.versionID(v), ChecksumType: v.checksums.kind,
			ChecksumCRC32:        v.checksums.get(types.ChecksumAlgorithmCrc32),
			ChecksumCRC32C:       v.checksums.get(types.ChecksumAlgorithmCrc32c),
			ChecksumCRC64NVME:    v.checksums.get(types.ChecksumAlgorithmCrc64nvme),
			ChecksumSHA1:         v.checksums.get(types.ChecksumAlgorithmSha1),
			ChecksumSHA256:       v.checksums.get(types.ChecksumAlgorithmSha256),
			ServerSideEncryption: v.encryption.algorithm, SSEKMSKeyId: v.encryption.keyID, BucketKeyEnabled: v.encryption.bucketKey,
		}, nil
	})
}

// join builds the object from the wanted parts.
func (u *upload) join(wanted []types.CompletedPart) (*version, error) {
	v := u.object
	var data bytes.Buffer
	digests := md5.New() // #nosec G401 -- the ETag is defined by it
	var sums []byte
	if !slices.IsSortedFunc(wanted, func(x, y types.CompletedPart) int {
		// A number must not occur twice.
		return cmp.Or(cmp.Compare(aws.ToInt32(x.PartNumber), aws.ToInt32(y.PartNumber)), -1)
	}) {
		return nil, fail("InvalidPartOrder", "The list of parts was not in ascending order. The parts list must be specified in order by part number.")
	}
	for i, w := range wanted {
		number := aws.ToInt32(w.PartNumber)
		p, ok := u.parts[number]
		if !ok || !sameETag(aws.ToString(w.ETag), p.etag) {
			return nil, fail("InvalidPart", "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag: part %d", number)
		}
		for a, want := range given(w.ChecksumCRC32, w.ChecksumCRC32C, w.ChecksumCRC64NVME, w.ChecksumSHA1, w.ChecksumSHA256) {
			if aws.ToString(p.checksum.get(a)) != want {
				return nil, fail("InvalidPart", "The %s of part %d does not match", a, number)
			}
		}
		if i < len(wanted)-1 && len(p.data) < minPart {
			return nil, fail("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
		}
		if data.Len()+len(p.data) > MaxObjectSize {
			return nil, tooLarge()
		}
		data.Write(p.data)
		v.parts = append(v.parts, int64(len(p.data)))
		raw, err := hex.DecodeString(strings.Trim(p.etag, `"`))
		if err != nil {
			return nil, fmt.Errorf("decoding the ETag of part %d: %w", number, err)
		}
		digests.Write(raw)
		if raw, err = base64.StdEncoding.DecodeString(aws.ToString(p.checksum.get(u.algorithm))); err != nil {
			return nil, fmt.Errorf("decoding the checksum of part %d: %w", number, err)
		}
		sums = append(sums, raw...)
	}
	v.data = data.Bytes()
	v.etag = fmt.Sprintf("\"%x-%d\"", digests.Sum(nil), len(wanted))
	suffix := ""
	if u.kind == types.ChecksumTypeComposite {
		suffix = "-" + strconv.Itoa(len(wanted))
	} else {
		sums = v.data
	}
	raw, err := sum(u.algorithm, sums)
	if err != nil {
		return nil, err
	}
	v.checksums = checksums{kind: u.kind, values: map[types.ChecksumAlgorithm]string{u.algorithm: base64.StdEncoding.EncodeToString(raw) + suffix}}
	return &v, nil
}

// AbortMultipartUpload removes an upload and its parts.
func (s *Service) AbortMultipartUpload(_ context.Context, in *awss3.AbortMultipartUploadInput) (*awss3.AbortMultipartUploadOutput, error) {
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.AbortMultipartUploadOutput, error) {
		u, err := b.upload(in.Key, in.UploadId)
		if err != nil {
			return nil, err
		}
		delete(b.uploads, u.id)
		return &awss3.AbortMultipartUploadOutput{}, nil
	})
}

// ListParts lists the parts of an upload, sorted by number.
func (s *Service) ListParts(_ context.Context, in *awss3.ListPartsInput) (*awss3.ListPartsOutput, error) {
	marker := 0
	if in.PartNumberMarker != nil {
		n, err := strconv.Atoi(*in.PartNumberMarker)
		if err != nil {
			return nil, fail("InvalidArgument", "part-number-marker must be an integer: %v", err)
		}
		marker = n
	}
	limit := maxPage
	if in.MaxParts != nil && *in.MaxParts > 0 {
		limit = min(limit, int(*in.MaxParts))
	}
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.ListPartsOutput, error) {
		u, err := b.upload(in.Key, in.UploadId)
		if err != nil {
			return nil, err
		}
		out := &awss3.ListPartsOutput{
			Bucket: in.Bucket, Key: in.Key, UploadId: in.UploadId, Owner: s.owner(), StorageClass: types.StorageClassStandard,
			MaxParts: aws.Int32(int32(limit)), IsTruncated: aws.Bool(false), ChecksumAlgorithm: u.algorithm, ChecksumType: u.kind, // #nosec G115 -- at most 1000
		}
		for _, number := range slices.Sorted(maps.Keys(u.parts)) {
			if int(number) <= marker {
				continue
			}
			if len(out.Parts) == limit {
				out.IsTruncated = aws.Bool(true)
				out.NextPartNumberMarker = aws.String(strconv.Itoa(int(*out.Parts[limit-1].PartNumber)))
				break
			}
			p := u.parts[number]
			out.Parts = append(out.Parts, types.Part{
				PartNumber: aws.Int32(number), ETag: aws.String(p.etag), Size: aws.Int64(int64(len(p.data))), LastModified: aws.Time(p.modified),
				ChecksumCRC32:     p.checksum.get(types.ChecksumAlgorithmCrc32),
				ChecksumCRC32C:    p.checksum.get(types.ChecksumAlgorithmCrc32c),
				ChecksumCRC64NVME: p.checksum.get(types.ChecksumAlgorithmCrc64nvme),
				ChecksumSHA1:      p.checksum.get(types.ChecksumAlgorithmSha1),
				ChecksumSHA256:    p.checksum.get(types.ChecksumAlgorithmSha256),
			})
		}
		return out, nil
	})
}
