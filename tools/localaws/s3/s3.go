// Package s3 is the embedded AWS's object store.
//
// Every operation is a method on the SDK's own types; ServeHTTP speaks S3's
// REST-XML for the same methods, so that what another service stores
// in-process and what a client uploads are one store.
//
// The store is our own and not that of the library gofakes3 (v1.2.0): there,
// deleting the current version by its id does not make the previous one
// current, a suspended bucket does not keep its null version, completing a
// multipart upload takes no condition and keeps no checksums, and nothing can
// check a retention in the same step as the delete.
//
// Objects are kept in memory. Nothing expires by a lifecycle rule, and no
// access log is delivered: AWS does both with hours of delay, at best effort.
// Encryption settings are kept and reported; bytes in memory are not encrypted.
package s3

import (
	"crypto/rand"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/magewright/magewright/tools/localaws/account"
)

// MaxObjectSize is the size in bytes of the largest object that is accepted.
// AWS's own limit is higher; this one protects the host's memory.
const MaxObjectSize = 1 << 30

// Service is the object store of one account and region.
type Service struct {
	account account.Account

	mu      sync.Mutex
	buckets map[string]*bucket
}

// New returns an empty object store.
func New(a account.Account) *Service {
	if a.Log == nil {
		a.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{account: a, buckets: map[string]*bucket{}}
}

// now returns the time as S3 stamps it, in whole seconds.
func (s *Service) now() time.Time { return s.account.Clock.Now().UTC().Truncate(time.Second) }

// A bucket holds versions by key and the bucket's subresources.
type bucket struct {
	name       string
	created    time.Time
	versioning types.BucketVersioningStatus // empty: never enabled
	keys       map[string][]*version        // by age; the last is the current one; never empty
	uploads    map[string]*upload

	policy       string
	encryption   *types.ServerSideEncryptionConfiguration
	publicAccess *types.PublicAccessBlockConfiguration
	lock         *types.ObjectLockConfiguration
	lifecycle    []types.LifecycleRule
	tags         []types.Tag
	ownership    *types.OwnershipControls
	logging      *types.LoggingEnabled
}

// nullVersion is the id of an object stored while versioning was not enabled.
const nullVersion = "null"

// A version is one version of an object, or a delete marker. Except for lock
// and tags it never changes, so its data may be read without holding a lock.
type version struct {
	id           string
	deleteMarker bool
	data         []byte
	parts        []int64 // sizes, if it was uploaded in parts
	etag         string  // quoted
	modified     time.Time
	headers      headers
	storageClass types.StorageClass
	encryption   encryption
	checksums    checksums
	tags         []types.Tag
	lock         retention
}

// headers are the HTTP headers and metadata that S3 returns as they were given.
type headers struct {
	cacheControl, contentDisposition, contentEncoding, contentLanguage, contentType *string
	expires                                                                         *time.Time
	metadata                                                                        map[string]string
}

type encryption struct {
	algorithm types.ServerSideEncryption
	keyID     *string
	bucketKey *bool
}

func newID() string { return rand.Text() }

// bucket returns the named bucket; s is locked.
func (s *Service) bucket(name *string) (*bucket, error) {
	b, ok := s.buckets[aws.ToString(name)]
	if !ok {
		return nil, &types.NoSuchBucket{Message: aws.String("The specified bucket does not exist: " + aws.ToString(name))}
	}
	return b, nil
}

// current returns the current version of a key, or nil if there is none or it
// is a delete marker.
func (b *bucket) current(key string) *version {
	v := b.latest(key)
	if v == nil || v.deleteMarker {
		return nil
	}
	return v
}

// latest returns the newest version of a key, delete markers included, or nil.
func (b *bucket) latest(key string) *version {
	versions := b.keys[key]
	if len(versions) == 0 {
		return nil
	}
	return versions[len(versions)-1]
}

// find returns the position of a version of a key, or -1.
func (b *bucket) find(key, id string) int {
	for i, v := range b.keys[key] {
		if v.id == id {
			return i
		}
	}
	return -1
}

// add makes v the current version of key. Unless versioning is enabled it
// takes the place of the null version.
func (b *bucket) add(key string, v *version) {
	if b.versioning == types.BucketVersioningStatusEnabled {
		v.id = newID()
	} else {
		v.id = nullVersion
		b.remove(key, nullVersion)
	}
	b.keys[key] = append(b.keys[key], v)
}

// remove removes a version for good.
func (b *bucket) remove(key, id string) {
	i := b.find(key, id)
	if i < 0 {
		return
	}
	versions := b.keys[key]
	if len(versions) == 1 {
		delete(b.keys, key)
		return
	}
	kept := make([]*version, 0, len(versions)-1)
	b.keys[key] = append(append(kept, versions[:i]...), versions[i+1:]...)
}

// versionID returns a version's id as S3 reports it: not at all while the
// bucket was never versioned.
func (b *bucket) versionID(v *version) *string {
	if b.versioning == "" {
		return nil
	}
	return aws.String(v.id)
}

// supported refuses what no operation honours, and a request that expects
// another owner of the bucket.
func (s *Service) supported(in any) error {
	v := reflect.ValueOf(in).Elem()
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() || v.Field(i).IsZero() {
			continue
		}
		switch field.Name {
		case "ExpectedBucketOwner", "ExpectedSourceBucketOwner":
			if owner := v.Field(i).Elem().String(); owner != s.account.ID {
				return fail("AccessDenied", "Access Denied: the bucket is owned by %s, not by %s", s.account.ID, owner)
			}
		case "ACL":
			if acl := v.Field(i).String(); acl != "private" && acl != "bucket-owner-full-control" {
				return fail("AccessControlListNotSupported", "The bucket does not allow ACLs: %s", acl)
			}
		default:
			if unsupported[field.Name] {
				return fail("NotImplemented", "%s is not supported by the embedded S3", field.Name)
			}
		}
	}
	return nil
}

var unsupported = map[string]bool{
	"AnnotationDirective": true, "BucketNamespace": true,
	"ChecksumMD5": true, "ChecksumSHA512": true, "ChecksumXXHASH128": true, "ChecksumXXHASH3": true, "ChecksumXXHASH64": true,
	"CopySourceSSECustomerAlgorithm": true, "CopySourceSSECustomerKey": true, "CopySourceSSECustomerKeyMD5": true,
	"GrantFullControl": true, "GrantRead": true, "GrantReadACP": true, "GrantWrite": true, "GrantWriteACP": true,
	"IfMatchLastModifiedTime": true, "IfMatchSize": true, "MFA": true,
	"ObjectLockEventHold": true, "ObjectLockEventHoldDurationDays": true, "ObjectLockEventHoldDurationYears": true,
	"SSECustomerAlgorithm": true, "SSECustomerKey": true, "SSECustomerKeyMD5": true,
	"WebsiteRedirectLocation": true, "WriteOffsetBytes": true,
}
