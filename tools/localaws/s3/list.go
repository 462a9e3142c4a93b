package s3

import (
	"cmp"
	"context"
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// maxPage is the number of items on one page of any listing.
const maxPage = 1000

// A listing walks the names below a prefix in order. It groups names that share
// a common prefix, and stops at the end of a page.
type listing struct {
	prefix, delimiter string
	after             string // names up to and including this one are skipped
	limit             int
	prefixes          []types.CommonPrefix
	count             int
	last              string // the last name or common prefix on the page
	truncated         bool
}

func newListing(prefix, delimiter *string, after string, maxKeys *int32) (*listing, error) {
	limit := maxPage
	if maxKeys != nil {
		if *maxKeys < 0 {
			return nil, fail("InvalidArgument", "Argument maxKeys must be an integer between 0 and 2147483647")
		}
		limit = min(limit, int(*maxKeys))
	}
	return &listing{prefix: aws.ToString(prefix), delimiter: aws.ToString(delimiter), after: after, limit: limit}, nil
}

// walk calls emit for each name on the page that is not part of a common prefix.
func (l *listing) walk(names []string, encode func(string) *string, emit func(name string)) {
	for _, name := range names {
		rest, ok := strings.CutPrefix(name, l.prefix)
		if !ok {
			continue
		}
		item, rolled := name, false
		if l.delimiter != "" {
			if i := strings.Index(rest, l.delimiter); i >= 0 {
				item, rolled = l.prefix+rest[:i+len(l.delimiter)], true
			}
		}
		if name <= l.after || rolled && (item == l.after || item == l.last) {
			continue
		}
		if l.count >= l.limit {
			l.truncated = l.limit > 0
			return
		}
		l.last = item
		l.count++
		if rolled {
			l.prefixes = append(l.prefixes, types.CommonPrefix{Prefix: encode(item)})
		} else {
			emit(name)
		}
	}
}

// encoder returns how a listing writes names: unchanged or URL-encoded.
func encoder(t types.EncodingType) (func(string) *string, error) {
	switch t {
	case "":
		return aws.String, nil
	case types.EncodingTypeUrl:
		return func(s string) *string {
			return aws.String(strings.NewReplacer("%2F", "/", "+", "%20").Replace(url.QueryEscape(s)))
		}, nil
	default:
		return nil, fail("InvalidArgument", "Invalid Encoding Method specified in Request: %s", t)
	}
}

func optional(encode func(string) *string, s *string) *string {
	if s == nil {
		return nil
	}
	return encode(*s)
}

func (v *version) object(key *string) types.Object {
	return types.Object{
		Key: key, ETag: aws.String(v.etag), LastModified: aws.Time(v.modified), Size: aws.Int64(int64(len(v.data))),
		StorageClass: types.ObjectStorageClass(v.storageClass), ChecksumAlgorithm: v.checksums.algorithms(), ChecksumType: v.checksums.kind,
	}
}

// currentKeys returns the keys that have a current version, sorted.
func (b *bucket) currentKeys() []string {
	var keys []string
	for key := range b.keys {
		if b.current(key) != nil {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// ListObjectsV2 lists the current objects of a bucket, sorted by key.
func (s *Service) ListObjectsV2(_ context.Context, in *awss3.ListObjectsV2Input) (*awss3.ListObjectsV2Output, error) {
	encode, err := encoder(in.EncodingType)
	if err != nil {
		return nil, err
	}
	after := aws.ToString(in.StartAfter)
	if in.ContinuationToken != nil {
		text, err := base64.RawURLEncoding.DecodeString(*in.ContinuationToken)
		if err != nil {
			return nil, fail("InvalidArgument", "The continuation token provided is incorrect")
		}
		after = string(text)
	}
	l, err := newListing(in.Prefix, in.Delimiter, after, in.MaxKeys)
	if err != nil {
		return nil, err
	}
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.ListObjectsV2Output, error) {
		out := &awss3.ListObjectsV2Output{
			Name: aws.String(b.name), Prefix: encode(l.prefix), Delimiter: optional(encode, in.Delimiter), EncodingType: in.EncodingType,
			MaxKeys: aws.Int32(int32(l.limit)), ContinuationToken: in.ContinuationToken, StartAfter: optional(encode, in.StartAfter), // #nosec G115 -- at most 1000
		}
		l.walk(b.currentKeys(), encode, func(key string) {
			o := b.current(key).object(encode(key))
			if aws.ToBool(in.FetchOwner) {
				o.Owner = s.owner()
			}
			out.Contents = append(out.Contents, o)
		})
		out.CommonPrefixes, out.IsTruncated, out.KeyCount = l.prefixes, aws.Bool(l.truncated), aws.Int32(int32(l.count)) // #nosec G115 -- at most 1000
		if l.truncated {
			out.NextContinuationToken = aws.String(base64.RawURLEncoding.EncodeToString([]byte(l.last)))
		}
		return out, nil
	})
}

// ListObjects is the older version of ListObjectsV2.
func (s *Service) ListObjects(_ context.Context, in *awss3.ListObjectsInput) (*awss3.ListObjectsOutput, error) {
	encode, err := encoder(in.EncodingType)
	if err != nil {
		return nil, err
	}
	l, err := newListing(in.Prefix, in.Delimiter, aws.ToString(in.Marker), in.MaxKeys)
	if err != nil {
		return nil, err
	}
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.ListObjectsOutput, error) {
		out := &awss3.ListObjectsOutput{
			Name: aws.String(b.name), Prefix: encode(l.prefix), Delimiter: optional(encode, in.Delimiter), EncodingType: in.EncodingType,
			MaxKeys: aws.Int32(int32(l.limit)), Marker: encode(aws.ToString(in.Marker)), // #nosec G115 -- at most 1000
		}
		l.walk(b.currentKeys(), encode, func(key string) {
			o := b.current(key).object(encode(key))
			o.Owner = s.owner()
			out.Contents = append(out.Contents, o)
		})
		out.CommonPrefixes, out.IsTruncated = l.prefixes, aws.Bool(l.truncated)
		if l.truncated && in.Delimiter != nil {
			out.NextMarker = encode(l.last)
		}
		return out, nil
	})
}

// ListObjectVersions lists all versions and delete markers, sorted by key.
// Within a key, the newest comes first.
func (s *Service) ListObjectVersions(_ context.Context, in *awss3.ListObjectVersionsInput) (*awss3.ListObjectVersionsOutput, error) {
	encode, err := encoder(in.EncodingType)
	if err != nil {
		return nil, err
	}
	if in.VersionIdMarker != nil && in.KeyMarker == nil {
		return nil, fail("InvalidArgument", "A version-id marker cannot be specified without a key marker.")
	}
	l, err := newListing(in.Prefix, in.Delimiter, "", in.MaxKeys)
	if err != nil {
		return nil, err
	}
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.ListObjectVersionsOutput, error) {
		out := &awss3.ListObjectVersionsOutput{
			Name: aws.String(b.name), Prefix: encode(l.prefix), Delimiter: optional(encode, in.Delimiter), EncodingType: in.EncodingType,
			MaxKeys: aws.Int32(int32(l.limit)), KeyMarker: encode(aws.ToString(in.KeyMarker)), VersionIdMarker: in.VersionIdMarker, // #nosec G115 -- at most 1000
		}
		resume := in.VersionIdMarker != nil && *in.VersionIdMarker != ""
		l.after = aws.ToString(in.KeyMarker)
		var lastVersion *string
		emit := func(key string) {
			versions := slices.Clone(b.keys[key])
			slices.Reverse(versions)
			skipping := resume && key == *in.KeyMarker
			// walk has counted the key, but each version counts.
			l.count--
			for i, v := range versions {
				if skipping {
					skipping = v.id != *in.VersionIdMarker
					continue
				}
				if l.count >= l.limit {
					l.truncated = l.limit > 0
					return
				}
				l.count++
				lastVersion = aws.String(v.id)
				if v.deleteMarker {
					out.DeleteMarkers = append(out.DeleteMarkers, types.DeleteMarkerEntry{
						Key: encode(key), VersionId: aws.String(v.id), IsLatest: aws.Bool(i == 0), LastModified: aws.Time(v.modified), Owner: s.owner(),
					})
					continue
				}
				out.Versions = append(out.Versions, types.ObjectVersion{
					Key: encode(key), VersionId: aws.String(v.id), IsLatest: aws.Bool(i == 0), LastModified: aws.Time(v.modified), Owner: s.owner(),
					ETag: aws.String(v.etag), Size: aws.Int64(int64(len(v.data))), StorageClass: types.ObjectVersionStorageClass(v.storageClass),
					ChecksumAlgorithm: v.checksums.algorithms(), ChecksumType: v.checksums.kind,
				})
			}
		}
		keys := slices.Sorted(maps.Keys(b.keys))
		if resume {
			// The marker's own key still has older versions to list.
			if i, found := slices.BinarySearch(keys, *in.KeyMarker); found && strings.HasPrefix(keys[i], l.prefix) {
				l.last = keys[i]
				l.count++
				emit(keys[i])
			}
		}
		if !l.truncated {
			l.walk(keys, encode, emit)
		}
		out.CommonPrefixes, out.IsTruncated = l.prefixes, aws.Bool(l.truncated)
		if l.truncated {
			out.NextKeyMarker, out.NextVersionIdMarker = encode(l.last), lastVersion
			if n := len(l.prefixes); n > 0 && aws.ToString(l.prefixes[n-1].Prefix) == *encode(l.last) {
				out.NextVersionIdMarker = nil
			}
		}
		return out, nil
	})
}

// ListMultipartUploads lists the uploads in progress, sorted by key and age.
func (s *Service) ListMultipartUploads(_ context.Context, in *awss3.ListMultipartUploadsInput) (*awss3.ListMultipartUploadsOutput, error) {
	if in.Delimiter != nil || in.KeyMarker != nil || in.UploadIdMarker != nil {
		return nil, fail("NotImplemented", "a delimiter or a marker in ListMultipartUploads is not supported by the embedded S3")
	}
	encode, err := encoder(in.EncodingType)
	if err != nil {
		return nil, err
	}
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.ListMultipartUploadsOutput, error) {
		out := &awss3.ListMultipartUploadsOutput{
			Bucket: aws.String(b.name), Prefix: optional(encode, in.Prefix), EncodingType: in.EncodingType, IsTruncated: aws.Bool(false),
		}
		uploads := slices.SortedFunc(maps.Values(b.uploads), func(x, y *upload) int {
			return cmp.Or(cmp.Compare(x.key, y.key), x.initiated.Compare(y.initiated), cmp.Compare(x.id, y.id))
		})
		for _, u := range uploads {
			if strings.HasPrefix(u.key, aws.ToString(in.Prefix)) {
				out.Uploads = append(out.Uploads, types.MultipartUpload{
					Key: encode(u.key), UploadId: aws.String(u.id), Initiated: aws.Time(u.initiated), Owner: s.owner(),
					StorageClass: u.object.storageClass, ChecksumAlgorithm: u.algorithm, ChecksumType: u.kind,
				})
			}
		}
		return out, nil
	})
}
