// Package s3 is the embedded AWS's object store.
//
// Every operation is a method on the SDK's own types. ServeHTTP serves the same
// methods in S3's REST-XML protocol. Objects that another service stores
// in-process and objects that a client uploads are therefore in the same store.
//
// We do not use the library gofakes3 (v1.2.0), for these reasons: deleting the
// current version by its id does not make the previous version current. A
// bucket with suspended versioning does not keep its null version. Completing a
// multipart upload accepts no conditions and keeps no checksums. Nothing can
// check a retention and delete in one step.
//
// Objects are kept in memory. Lifecycle rules expire nothing, and no access
// logs are delivered; AWS does both on a best-effort basis, with hours of
// delay. Encryption settings are stored and reported, but bytes in memory are
// not encrypted.
package s3

import (
	"context"
	"crypto/rand"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/delivery"
)

// MaxObjectSize is the size limit of an object in bytes. AWS's own limit is
// higher; this one protects the host's memory.
const MaxObjectSize = 1 << 30

// Service is the object store of one account and region.
type Service struct {
	// Authorize decides whether the principal of ctx may call an operation with an
	// input. It is called for requests of clients. It must be set before the service
	// is used. If it is nil, everyone may do everything.
	Authorize func(ctx context.Context, service, operation string, in any) error

	// Sender delivers notifications. It must be set before the service is used. If it
	// is nil, buckets notify nobody.
	Sender *delivery.Sender

	account account.Account

	life       context.Context // ends with Close
	end        context.CancelFunc
	deliveries sync.WaitGroup

	mu      sync.Mutex
	buckets map[string]*bucket
}

// New returns an empty object store.
func New(a account.Account) *Service {
	if a.Log == nil {
		a.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{account: a, buckets: map[string]*bucket{}}
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

// Close ends the notifications that are being delivered.
func (s *Service) Close() error {
	s.mu.Lock()
	s.end()
	s.mu.Unlock()
	s.deliveries.Wait()
	return nil
}

// now returns the time in S3's precision, which is whole seconds.
func (s *Service) now() time.Time { return s.account.Clock.Now().UTC().Truncate(time.Second) }

// A bucket holds versions by key, and the bucket's subresources.
type bucket struct {
	name       string
	created    time.Time
	versioning types.BucketVersioningStatus // empty if never enabled
	keys       map[string][]*version        // sorted by age; the last one is current; never empty
	uploads    map[string]*upload

	policy       string
	encryption   *types.ServerSideEncryptionConfiguration
	publicAccess *types.PublicAccessBlockConfiguration
	lock         *types.ObjectLockConfiguration
	lifecycle    []types.LifecycleRule
	tags         []types.Tag
	ownership    *types.OwnershipControls
	logging      *types.LoggingEnabled

	notifications *types.NotificationConfiguration
	subscribers   []subscriber // those of notifications
	sequence      int          // of the notifications
}

// nullVersion is the id of an object that was stored while versioning was not enabled.
const nullVersion = "null"

// A version is one version of an object, or a delete marker. Apart from lock
// and tags it is immutable, so its data may be read without holding a lock.
type version struct {
	id           string
	deleteMarker bool
	data         []byte
	parts        []int64 // sizes of the parts, for a multipart upload
	etag         string  // including the quotes
	modified     time.Time
	headers      headers
	storageClass types.StorageClass
	encryption   encryption
	checksums    checksums
	tags         []types.Tag
	lock         retention
}

// headers holds the HTTP headers and metadata that S3 returns unchanged.
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
		return nil, detailed{error: &types.NoSuchBucket{Message: aws.String("The specified bucket does not exist")}, elements: [][2]string{{"BucketName", aws.ToString(name)}}}
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

// latest returns the newest version of a key, which may be a delete marker, or nil.
func (b *bucket) latest(key string) *version {
	versions := b.keys[key]
	if len(versions) == 0 {
		return nil
	}
	return versions[len(versions)-1]
}

// find returns the index of a version of a key, or -1.
func (b *bucket) find(key, id string) int {
	for i, v := range b.keys[key] {
		if v.id == id {
			return i
		}
	}
	return -1
}

// add makes v the current version of key. If versioning is not enabled, v
// replaces the null version.
func (b *bucket) add(key string, v *version) {
	if b.versioning == types.BucketVersioningStatusEnabled {
		v.id = newID()
	} else {
		v.id = nullVersion
		b.remove(key, nullVersion)
	}
	b.keys[key] = append(b.keys[key], v)
}

// remove removes a version permanently.
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

// versionID returns a version's id as S3 reports it. It is nil as long as the
// bucket has never been versioned.
func (b *bucket) versionID(v *version) *string {
	if b.versioning == "" {
		return nil
	}
	return aws.String(v.id)
}

// supported refuses what no operation supports, and a request that expects
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
