package s3

import (
	"crypto/md5"  // #nosec G501 -- S3's ETag and Content-MD5 are defined by it
	"crypto/sha1" // #nosec G505 -- one of S3's checksum algorithms
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// checksums are an object's checksum values in base64, by algorithm.
// See https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html.
type checksums struct {
	values map[types.ChecksumAlgorithm]string
	kind   types.ChecksumType
}

// nvme is the reflected table of CRC-64/NVME.
var nvme = sync.OnceValue(func() *crc64.Table { return crc64.MakeTable(0x9a6c9329ac4bc9b5) })

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var algorithms = map[types.ChecksumAlgorithm]func() hash.Hash{
	types.ChecksumAlgorithmCrc32:     func() hash.Hash { return crc32.NewIEEE() },
	types.ChecksumAlgorithmCrc32c:    func() hash.Hash { return crc32.New(castagnoli) },
	types.ChecksumAlgorithmCrc64nvme: func() hash.Hash { return crc64.New(nvme()) },
	types.ChecksumAlgorithmSha1:      sha1.New,
	types.ChecksumAlgorithmSha256:    sha256.New,
}

func sum(a types.ChecksumAlgorithm, data []byte) ([]byte, error) {
	create, ok := algorithms[a]
	if !ok {
		return nil, fail("NotImplemented", "the checksum algorithm %s is not supported by the embedded S3", a)
	}
	h := create()
	h.Write(data)
	return h.Sum(nil), nil
}

// given collects the checksum values in a request.
func given(crc32, crc32c, crc64nvme, sha1, sha256 *string) map[types.ChecksumAlgorithm]string {
	values := map[types.ChecksumAlgorithm]string{}
	for a, v := range map[types.ChecksumAlgorithm]*string{
		types.ChecksumAlgorithmCrc32: crc32, types.ChecksumAlgorithmCrc32c: crc32c,
		types.ChecksumAlgorithmCrc64nvme: crc64nvme, types.ChecksumAlgorithmSha1: sha1, types.ChecksumAlgorithmSha256: sha256,
	} {
		if v != nil {
			values[a] = *v
		}
	}
	return values
}

// get returns the value of an algorithm for the SDK's field, or nil.
func (c checksums) get(a types.ChecksumAlgorithm) *string {
	if v, ok := c.values[a]; ok {
		return aws.String(v)
	}
	return nil
}

func (c checksums) algorithms() []types.ChecksumAlgorithm {
	var names []types.ChecksumAlgorithm
	for a := range c.values {
		names = append(names, a)
	}
	return names
}

// verify compares data with the checksums in the request, and returns the
// checksum to keep. That is the request's checksum, otherwise that of the
// algorithm that the request names, otherwise CRC64NVME, which S3 computes by default.
func verify(data []byte, values map[types.ChecksumAlgorithm]string, named types.ChecksumAlgorithm) (checksums, error) {
	if len(values) > 1 {
		return checksums{}, fail("InvalidRequest", "Expecting a single x-amz-checksum- header")
	}
	kept := checksums{values: map[types.ChecksumAlgorithm]string{}, kind: types.ChecksumTypeFullObject}
	for a, want := range values {
		raw, err := sum(a, data)
		if err != nil {
			return checksums{}, err
		}
		if got := base64.StdEncoding.EncodeToString(raw); got != want {
			return checksums{}, fail("BadDigest", "The %s you specified did not match the calculated checksum.", a)
		}
		kept.values[a] = want
		return kept, nil
	}
	if named == "" {
		named = types.ChecksumAlgorithmCrc64nvme
	}
	raw, err := sum(named, data)
	if err != nil {
		return checksums{}, err
	}
	kept.values[named] = base64.StdEncoding.EncodeToString(raw)
	return kept, nil
}

// digest returns the ETag of data and compares its MD5 with Content-MD5.
func digest(data []byte, contentMD5 *string) (etag string, err error) {
	raw := md5.Sum(data) // #nosec G401 -- the ETag is defined by it
	if contentMD5 != nil {
		want, err := base64.StdEncoding.DecodeString(*contentMD5)
		if err != nil || len(want) != md5.Size {
			return "", fail("InvalidDigest", "The Content-MD5 you specified was invalid.")
		}
		if string(want) != string(raw[:]) {
			return "", fail("BadDigest", "The Content-MD5 you specified did not match what we received.")
		}
	}
	return fmt.Sprintf("%q", fmt.Sprintf("%x", raw)), nil
}
