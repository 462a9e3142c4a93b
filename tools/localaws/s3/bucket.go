package s3

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/magewright/magewright/tools/localaws/iam/policy"
)

// CreateBucket makes an empty bucket. It is an error if the caller already owns
// the bucket, as in every region except us-east-1. An existing bucket is
// therefore never mistaken for a new one.
func (s *Service) CreateBucket(_ context.Context, in *awss3.CreateBucketInput) (*awss3.CreateBucketOutput, error) {
	if err := s.supported(in); err != nil {
		return nil, err
	}
	name := aws.ToString(in.Bucket)
	if err := checkBucketName(name); err != nil {
		return nil, err
	}
	if err := s.checkLocation(in.CreateBucketConfiguration); err != nil {
		return nil, err
	}
	b := &bucket{name: name, created: s.now(), keys: map[string][]*version{}, uploads: map[string]*upload{}}
	if c := in.CreateBucketConfiguration; c != nil {
		if c.Location != nil || c.Bucket != nil {
			return nil, fail("NotImplemented", "directory buckets are not supported by the embedded S3")
		}
		if err := checkBucketTags(c.Tags); err != nil {
			return nil, err
		}
		b.tags = slices.Clone(c.Tags)
	}
	if aws.ToBool(in.ObjectLockEnabledForBucket) {
		b.versioning = types.BucketVersioningStatusEnabled
		b.lock = &types.ObjectLockConfiguration{ObjectLockEnabled: types.ObjectLockEnabledEnabled}
	}
	if in.ObjectOwnership != "" {
		b.ownership = &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: in.ObjectOwnership}}}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, exists := s.buckets[name]; exists {
		return nil, &types.BucketAlreadyOwnedByYou{Message: aws.String("Your previous request to create the named bucket succeeded and you already own it: " + name)}
	}
	s.buckets[name] = b
	return &awss3.CreateBucketOutput{Location: aws.String("/" + name), BucketArn: aws.String(arn(name))}, nil
}

// checkLocation returns an error unless a bucket is to be in this region. A request to
// us-east-1 says so by saying nothing.
// See https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html.
func (s *Service) checkLocation(c *types.CreateBucketConfiguration) error {
	said := ""
	if c != nil {
		said = string(c.LocationConstraint)
	}
	switch {
	case said == "us-east-1":
		return fail("InvalidLocationConstraint", "The specified location-constraint is not valid")
	case said != s.account.LocationConstraint():
		return fail("IllegalLocationConstraintException", "The %s location constraint is incompatible for the region specific endpoint this request was sent to.", cmp.Or(said, "unspecified"))
	}
	return nil
}

// arn returns a bucket's ARN, which contains neither account nor region.
func arn(name string) string { return "arn:aws:s3:::" + name }

// DeleteBucket deletes a bucket that holds no version and no delete marker.
func (s *Service) DeleteBucket(_ context.Context, in *awss3.DeleteBucketInput) (*awss3.DeleteBucketOutput, error) {
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.DeleteBucketOutput, error) {
		if len(b.keys) > 0 {
			if b.versioning != "" {
				return nil, fail("BucketNotEmpty", "The bucket you tried to delete is not empty. You must delete all versions in the bucket.")
			}
			return nil, fail("BucketNotEmpty", "The bucket you tried to delete is not empty")
		}
		delete(s.buckets, b.name)
		return &awss3.DeleteBucketOutput{}, nil
	})
}

// HeadBucket reports whether a bucket exists. If not, it returns
// types.NotFound.
func (s *Service) HeadBucket(_ context.Context, in *awss3.HeadBucketInput) (*awss3.HeadBucketOutput, error) {
	if err := s.supported(in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, &types.NotFound{Message: aws.String("Not Found: " + aws.ToString(in.Bucket))}
	}
	return &awss3.HeadBucketOutput{BucketRegion: aws.String(s.account.Region), BucketArn: aws.String(arn(b.name)), AccessPointAlias: aws.Bool(false)}, nil
}

// GetBucketLocation returns the bucket's region. S3 leaves it empty for us-east-1.
func (s *Service) GetBucketLocation(_ context.Context, in *awss3.GetBucketLocationInput) (*awss3.GetBucketLocationOutput, error) {
	return read(s, in, in.Bucket, func(*bucket) (*awss3.GetBucketLocationOutput, error) {
		return &awss3.GetBucketLocationOutput{LocationConstraint: types.BucketLocationConstraint(s.account.LocationConstraint())}, nil
	})
}

// ListBuckets lists the account's buckets by name.
func (s *Service) ListBuckets(_ context.Context, in *awss3.ListBucketsInput) (*awss3.ListBucketsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awss3.ListBucketsOutput{Owner: s.owner(), Prefix: in.Prefix}
	limit := int(aws.ToInt32(in.MaxBuckets))
	if limit <= 0 {
		limit = 10_000
	}
	if r := aws.ToString(in.BucketRegion); r != "" && r != s.account.Region {
		return out, nil
	}
	for _, name := range slices.Sorted(maps.Keys(s.buckets)) {
		if !strings.HasPrefix(name, aws.ToString(in.Prefix)) || name <= aws.ToString(in.ContinuationToken) {
			continue
		}
		if len(out.Buckets) == limit {
			out.ContinuationToken = out.Buckets[limit-1].Name
			break
		}
		out.Buckets = append(out.Buckets, types.Bucket{
			Name: aws.String(name), CreationDate: aws.Time(s.buckets[name].created),
			BucketRegion: aws.String(s.account.Region), BucketArn: aws.String(arn(name)),
		})
	}
	return out, nil
}

func (s *Service) owner() *types.Owner { return &types.Owner{ID: aws.String(s.account.ID)} }

// read checks a request and calls f with its bucket while it holds the lock.
func read[O any](s *Service, in any, name *string, f func(*bucket) (*O, error)) (*O, error) {
	if err := s.supported(in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(name)
	if err != nil {
		return nil, err
	}
	return f(b)
}

// readVersion is read for an operation on a version of an object.
func readVersion[O any](s *Service, in any, bucketName, key, versionID *string, f func(*bucket, *version) (*O, error)) (*O, error) {
	return read(s, in, bucketName, func(b *bucket) (*O, error) {
		v, err := b.read(aws.ToString(key), versionID)
		if err != nil {
			return nil, err
		}
		return f(b, v)
	})
}

// write is read for an operation that sets a subresource. The value must not be nil.
func write[O, V any](s *Service, in any, name *string, value *V, set func(*bucket, *V) error) (*O, error) {
	return read(s, in, name, func(b *bucket) (*O, error) {
		if value == nil {
			return nil, fail("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema: the configuration is missing")
		}
		if err := set(b, clone(value)); err != nil {
			return nil, err
		}
		return new(O), nil
	})
}

// clone makes a deep copy of a configuration, which is plain data.
func clone[T any](v *T) *T {
	text, err := json.Marshal(v)
	if err != nil {
		panic("s3: a configuration that cannot be copied: " + err.Error())
	}
	c := new(T)
	if err := json.Unmarshal(text, c); err != nil {
		panic("s3: a configuration that cannot be copied: " + err.Error())
	}
	return c
}

// PutBucketVersioning enables or suspends versioning.
func (s *Service) PutBucketVersioning(_ context.Context, in *awss3.PutBucketVersioningInput) (*awss3.PutBucketVersioningOutput, error) {
	return write[awss3.PutBucketVersioningOutput](s, in, in.Bucket, in.VersioningConfiguration, func(b *bucket, c *types.VersioningConfiguration) error {
		switch {
		case c.MFADelete == types.MFADeleteEnabled:
			return fail("NotImplemented", "MFA delete is not supported by the embedded S3")
		case c.Status != types.BucketVersioningStatusEnabled && c.Status != types.BucketVersioningStatusSuspended:
			return fail("IllegalVersioningConfigurationException", "The Versioning element must be specified: Enabled or Suspended")
		case c.Status == types.BucketVersioningStatusSuspended && b.lock != nil:
			return fail("InvalidBucketState", "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.")
		}
		b.versioning = c.Status
		return nil
	})
}

// GetBucketVersioning returns the versioning state. It is empty if it was never set.
func (s *Service) GetBucketVersioning(_ context.Context, in *awss3.GetBucketVersioningInput) (*awss3.GetBucketVersioningOutput, error) {
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.GetBucketVersioningOutput, error) {
		return &awss3.GetBucketVersioningOutput{Status: b.versioning}, nil
	})
}

// PutBucketPolicy sets the bucket policy.
func (s *Service) PutBucketPolicy(_ context.Context, in *awss3.PutBucketPolicyInput) (*awss3.PutBucketPolicyOutput, error) {
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.PutBucketPolicyOutput, error) {
		if _, err := policy.Parse(aws.ToString(in.Policy), policy.Resource); err != nil {
			return nil, fail("MalformedPolicy", "%v", err)
		}
		b.policy = *in.Policy
		return &awss3.PutBucketPolicyOutput{}, nil
	})
}

// GetBucketPolicy returns the bucket policy unchanged.
func (s *Service) GetBucketPolicy(_ context.Context, in *awss3.GetBucketPolicyInput) (*awss3.GetBucketPolicyOutput, error) {
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.GetBucketPolicyOutput, error) {
		if b.policy == "" {
			return nil, fail("NoSuchBucketPolicy", "The bucket policy does not exist")
		}
		return &awss3.GetBucketPolicyOutput{Policy: aws.String(b.policy)}, nil
	})
}

// DeleteBucketPolicy removes the bucket policy.
func (s *Service) DeleteBucketPolicy(_ context.Context, in *awss3.DeleteBucketPolicyInput) (*awss3.DeleteBucketPolicyOutput, error) {
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.DeleteBucketPolicyOutput, error) {
		b.policy = ""
		return &awss3.DeleteBucketPolicyOutput{}, nil
	})
}

// PutBucketEncryption sets the default encryption of new objects.
func (s *Service) PutBucketEncryption(_ context.Context, in *awss3.PutBucketEncryptionInput) (*awss3.PutBucketEncryptionOutput, error) {
	return write[awss3.PutBucketEncryptionOutput](s, in, in.Bucket, in.ServerSideEncryptionConfiguration, func(b *bucket, c *types.ServerSideEncryptionConfiguration) error {
		if len(c.Rules) != 1 {
			return fail("MalformedXML", "an encryption configuration has one rule, not %d", len(c.Rules))
		}
		b.encryption = c
		return nil
	})
}

// GetBucketEncryption returns the default encryption, which is SSE-S3 if
// nothing else is set.
func (s *Service) GetBucketEncryption(_ context.Context, in *awss3.GetBucketEncryptionInput) (*awss3.GetBucketEncryptionOutput, error) {
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.GetBucketEncryptionOutput, error) {
		c := b.encryption
		if c == nil {
			c = &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{{
				ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256},
				BucketKeyEnabled:                   aws.Bool(false),
			}}}
		}
		return &awss3.GetBucketEncryptionOutput{ServerSideEncryptionConfiguration: clone(c)}, nil
	})
}

// DeleteBucketEncryption resets the default encryption to SSE-S3.
func (s *Service) DeleteBucketEncryption(_ context.Context, in *awss3.DeleteBucketEncryptionInput) (*awss3.DeleteBucketEncryptionOutput, error) {
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.DeleteBucketEncryptionOutput, error) {
		b.encryption = nil
		return &awss3.DeleteBucketEncryptionOutput{}, nil
	})
}

// PutPublicAccessBlock sets the public access block.
func (s *Service) PutPublicAccessBlock(_ context.Context, in *awss3.PutPublicAccessBlockInput) (*awss3.PutPublicAccessBlockOutput, error) {
	return write[awss3.PutPublicAccessBlockOutput](s, in, in.Bucket, in.PublicAccessBlockConfiguration, func(b *bucket, c *types.PublicAccessBlockConfiguration) error {
		b.publicAccess = c
		return nil
	})
}

// GetPublicAccessBlock returns the public access block.
func (s *Service) GetPublicAccessBlock(_ context.Context, in *awss3.GetPublicAccessBlockInput) (*awss3.GetPublicAccessBlockOutput, error) {
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.GetPublicAccessBlockOutput, error) {
		if b.publicAccess == nil {
			return nil, fail("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")
		}
		return &awss3.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: clone(b.publicAccess)}, nil
	})
}

// DeletePublicAccessBlock removes the public access block.
func (s *Service) DeletePublicAccessBlock(_ context.Context, in *awss3.DeletePublicAccessBlockInput) (*awss3.DeletePublicAccessBlockOutput, error) {
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.DeletePublicAccessBlockOutput, error) {
		b.publicAccess = nil
		return &awss3.DeletePublicAccessBlockOutput{}, nil
	})
}

// PutBucketLifecycleConfiguration sets the lifecycle rules.
func (s *Service) PutBucketLifecycleConfiguration(_ context.Context, in *awss3.PutBucketLifecycleConfigurationInput) (*awss3.PutBucketLifecycleConfigurationOutput, error) {
	return write[awss3.PutBucketLifecycleConfigurationOutput](s, in, in.Bucket, in.LifecycleConfiguration, func(b *bucket, c *types.BucketLifecycleConfiguration) error {
		if len(c.Rules) == 0 {
			return fail("MalformedXML", "a lifecycle configuration has at least one rule")
		}
		b.lifecycle = c.Rules
		return nil
	})
}

// GetBucketLifecycleConfiguration returns the lifecycle rules.
func (s *Service) GetBucketLifecycleConfiguration(_ context.Context, in *awss3.GetBucketLifecycleConfigurationInput) (*awss3.GetBucketLifecycleConfigurationOutput, error) {
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.GetBucketLifecycleConfigurationOutput, error) {
		if len(b.lifecycle) == 0 {
			return nil, fail("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
		}
		return &awss3.GetBucketLifecycleConfigurationOutput{Rules: *clone(&b.lifecycle)}, nil
	})
}

// DeleteBucketLifecycle removes the lifecycle rules.
func (s *Service) DeleteBucketLifecycle(_ context.Context, in *awss3.DeleteBucketLifecycleInput) (*awss3.DeleteBucketLifecycleOutput, error) {
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.DeleteBucketLifecycleOutput, error) {
		b.lifecycle = nil
		return &awss3.DeleteBucketLifecycleOutput{}, nil
	})
}

// PutBucketTagging replaces the bucket's tags.
func (s *Service) PutBucketTagging(_ context.Context, in *awss3.PutBucketTaggingInput) (*awss3.PutBucketTaggingOutput, error) {
	return write[awss3.PutBucketTaggingOutput](s, in, in.Bucket, in.Tagging, func(b *bucket, c *types.Tagging) error {
		if err := checkBucketTags(c.TagSet); err != nil {
			return err
		}
		b.tags = c.TagSet
		return nil
	})
}

// GetBucketTagging returns the bucket's tags, or NoSuchTagSet if it has none.
func (s *Service) GetBucketTagging(_ context.Context, in *awss3.GetBucketTaggingInput) (*awss3.GetBucketTaggingOutput, error) {
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.GetBucketTaggingOutput, error) {
		if len(b.tags) == 0 {
			return nil, fail("NoSuchTagSet", "The TagSet does not exist")
		}
		return &awss3.GetBucketTaggingOutput{TagSet: slices.Clone(b.tags)}, nil
	})
}

// DeleteBucketTagging removes the bucket's tags.
func (s *Service) DeleteBucketTagging(_ context.Context, in *awss3.DeleteBucketTaggingInput) (*awss3.DeleteBucketTaggingOutput, error) {
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.DeleteBucketTaggingOutput, error) {
		b.tags = nil
		return &awss3.DeleteBucketTaggingOutput{}, nil
	})
}

// PutBucketOwnershipControls sets who owns uploaded objects.
func (s *Service) PutBucketOwnershipControls(_ context.Context, in *awss3.PutBucketOwnershipControlsInput) (*awss3.PutBucketOwnershipControlsOutput, error) {
	return write[awss3.PutBucketOwnershipControlsOutput](s, in, in.Bucket, in.OwnershipControls, func(b *bucket, c *types.OwnershipControls) error {
		b.ownership = c
		return nil
	})
}

// GetBucketOwnershipControls returns who owns uploaded objects.
func (s *Service) GetBucketOwnershipControls(_ context.Context, in *awss3.GetBucketOwnershipControlsInput) (*awss3.GetBucketOwnershipControlsOutput, error) {
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.GetBucketOwnershipControlsOutput, error) {
		if b.ownership == nil {
			return nil, fail("OwnershipControlsNotFoundError", "The bucket ownership controls were not found")
		}
		return &awss3.GetBucketOwnershipControlsOutput{OwnershipControls: clone(b.ownership)}, nil
	})
}

// DeleteBucketOwnershipControls removes the ownership controls.
func (s *Service) DeleteBucketOwnershipControls(_ context.Context, in *awss3.DeleteBucketOwnershipControlsInput) (*awss3.DeleteBucketOwnershipControlsOutput, error) {
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.DeleteBucketOwnershipControlsOutput, error) {
		b.ownership = nil
		return &awss3.DeleteBucketOwnershipControlsOutput{}, nil
	})
}

// PutBucketLogging sets the bucket for server access logs, which must exist.
func (s *Service) PutBucketLogging(_ context.Context, in *awss3.PutBucketLoggingInput) (*awss3.PutBucketLoggingOutput, error) {
	return write[awss3.PutBucketLoggingOutput](s, in, in.Bucket, in.BucketLoggingStatus, func(b *bucket, c *types.BucketLoggingStatus) error {
		if c.LoggingEnabled != nil {
			if len(c.LoggingEnabled.TargetGrants) > 0 {
				return fail("NotImplemented", "TargetGrants is not supported by the embedded S3")
			}
			if _, err := s.bucket(c.LoggingEnabled.TargetBucket); err != nil {
				return fail("InvalidTargetBucketForLogging", "The target bucket for logging does not exist: %s", aws.ToString(c.LoggingEnabled.TargetBucket))
			}
		}
		b.logging = c.LoggingEnabled
		return nil
	})
}

// GetBucketLogging returns the destination of server access logs.
func (s *Service) GetBucketLogging(_ context.Context, in *awss3.GetBucketLoggingInput) (*awss3.GetBucketLoggingOutput, error) {
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.GetBucketLoggingOutput, error) {
		out := &awss3.GetBucketLoggingOutput{}
		if b.logging != nil {
			out.LoggingEnabled = clone(b.logging)
		}
		return out, nil
	})
}
