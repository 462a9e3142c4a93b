package s3

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// retention is the Object Lock of a version.
// See https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html.
type retention struct {
	mode      types.ObjectLockMode
	until     *time.Time
	legalHold types.ObjectLockLegalHoldStatus
}

// holds reports whether the version must not be deleted at the given time.
func (r retention) holds(now time.Time, bypassGovernance bool) bool {
	if r.legalHold == types.ObjectLockLegalHoldStatusOn {
		return true
	}
	if r.until == nil || !now.Before(*r.until) {
		return false
	}
	return r.mode == types.ObjectLockModeCompliance || !bypassGovernance
}

// retain returns the lock for a new version. If the version requests none, it
// is the bucket's default retention.
func (b *bucket) retain(wanted retention, now time.Time) (retention, error) {
	if b.lock == nil {
		if wanted != (retention{}) {
			return wanted, fail("InvalidRequest", "Bucket is missing Object Lock Configuration")
		}
		return wanted, nil
	}
	if (wanted.mode == "") != (wanted.until == nil) {
		return wanted, fail("InvalidArgument", "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied")
	}
	if wanted.until != nil && !wanted.until.After(now) {
		return wanted, fail("InvalidArgument", "The retain until date must be in the future!")
	}
	if wanted.mode != "" || b.lock.Rule == nil || b.lock.Rule.DefaultRetention == nil {
		return wanted, nil
	}
	d := b.lock.Rule.DefaultRetention
	wanted.mode = types.ObjectLockMode(d.Mode)
	wanted.until = aws.Time(now.UTC().AddDate(int(aws.ToInt32(d.Years)), 0, int(aws.ToInt32(d.Days))))
	return wanted, nil
}

// PutObjectLockConfiguration enables Object Lock on a versioned bucket and
// sets its default retention.
func (s *Service) PutObjectLockConfiguration(_ context.Context, in *awss3.PutObjectLockConfigurationInput) (*awss3.PutObjectLockConfigurationOutput, error) {
	if err := s.supported(in); err != nil {
		return nil, err
	}
	c := in.ObjectLockConfiguration
	if c == nil || c.ObjectLockEnabled != types.ObjectLockEnabledEnabled {
		return nil, fail("MalformedXML", "ObjectLockEnabled must be Enabled")
	}
	if c.Rule != nil && c.Rule.DefaultRetention != nil {
		d := c.Rule.DefaultRetention
		if (d.Days == nil) == (d.Years == nil) || aws.ToInt32(d.Days) < 0 || aws.ToInt32(d.Years) < 0 {
			return nil, fail("MalformedXML", "DefaultRetention must have either Days or Years")
		}
		if d.Mode != types.ObjectLockRetentionModeCompliance && d.Mode != types.ObjectLockRetentionModeGovernance {
			return nil, fail("MalformedXML", "DefaultRetention's mode must be GOVERNANCE or COMPLIANCE")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	if b.versioning != types.BucketVersioningStatusEnabled {
		return nil, fail("InvalidBucketState", "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
	}
	b.lock = clone(c)
	return &awss3.PutObjectLockConfigurationOutput{}, nil
}

// GetObjectLockConfiguration returns whether Object Lock is enabled, and the
// default retention.
func (s *Service) GetObjectLockConfiguration(_ context.Context, in *awss3.GetObjectLockConfigurationInput) (*awss3.GetObjectLockConfigurationOutput, error) {
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.GetObjectLockConfigurationOutput, error) {
		if b.lock == nil {
			return nil, fail("ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket")
		}
		return &awss3.GetObjectLockConfigurationOutput{ObjectLockConfiguration: clone(b.lock)}, nil
	})
}

// PutObjectRetention sets the retention of a version. A retention can always be
// extended. It can be shortened only in governance mode, with the bypass.
func (s *Service) PutObjectRetention(_ context.Context, in *awss3.PutObjectRetentionInput) (*awss3.PutObjectRetentionOutput, error) {
	return readVersion(s, in, in.Bucket, in.Key, in.VersionId, func(b *bucket, v *version) (*awss3.PutObjectRetentionOutput, error) {
		if b.lock == nil {
			return nil, fail("InvalidRequest", "Bucket is missing Object Lock Configuration")
		}
		var wanted retention
		if r := in.Retention; r != nil {
			if r.EventHold != "" || r.EventHoldDuration != nil {
				return nil, fail("NotImplemented", "event holds are not supported by the embedded S3")
			}
			wanted = retention{mode: types.ObjectLockMode(r.Mode), until: r.RetainUntilDate}
		}
		now := s.account.Clock.Now()
		if (wanted.mode == "") != (wanted.until == nil) || (wanted.until != nil && !wanted.until.After(now)) {
			return nil, fail("InvalidArgument", "a retention needs a mode and a date in the future")
		}
		old := retention{mode: v.lock.mode, until: v.lock.until}
		loosened := wanted.until == nil || (old.until != nil && wanted.until.Before(*old.until)) || wanted.mode != old.mode && wanted.mode != types.ObjectLockModeCompliance
		if loosened && old.holds(now, aws.ToBool(in.BypassGovernanceRetention)) {
			return nil, fail("AccessDenied", "Access Denied because object protected by object lock.")
		}
		v.lock.mode, v.lock.until = wanted.mode, wanted.until
		return &awss3.PutObjectRetentionOutput{}, nil
	})
}

// GetObjectRetention returns a version's retention.
func (s *Service) GetObjectRetention(_ context.Context, in *awss3.GetObjectRetentionInput) (*awss3.GetObjectRetentionOutput, error) {
	return readVersion(s, in, in.Bucket, in.Key, in.VersionId, func(_ *bucket, v *version) (*awss3.GetObjectRetentionOutput, error) {
		if v.lock.until == nil {
			return nil, fail("NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration")
		}
		return &awss3.GetObjectRetentionOutput{Retention: &types.ObjectLockRetention{
			Mode: types.ObjectLockRetentionMode(v.lock.mode), RetainUntilDate: aws.Time(*v.lock.until),
		}}, nil
	})
}

// PutObjectLegalHold sets or removes a legal hold on a version.
func (s *Service) PutObjectLegalHold(_ context.Context, in *awss3.PutObjectLegalHoldInput) (*awss3.PutObjectLegalHoldOutput, error) {
	return readVersion(s, in, in.Bucket, in.Key, in.VersionId, func(b *bucket, v *version) (*awss3.PutObjectLegalHoldOutput, error) {
		if b.lock == nil || in.LegalHold == nil {
			return nil, fail("InvalidRequest", "Bucket is missing Object Lock Configuration, or the request has no legal hold")
		}
		v.lock.legalHold = in.LegalHold.Status
		return &awss3.PutObjectLegalHoldOutput{}, nil
	})
}

// GetObjectLegalHold returns a version's legal hold.
func (s *Service) GetObjectLegalHold(_ context.Context, in *awss3.GetObjectLegalHoldInput) (*awss3.GetObjectLegalHoldOutput, error) {
	return readVersion(s, in, in.Bucket, in.Key, in.VersionId, func(_ *bucket, v *version) (*awss3.GetObjectLegalHoldOutput, error) {
		if v.lock.legalHold == "" {
			return nil, fail("NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration")
		}
		return &awss3.GetObjectLegalHoldOutput{LegalHold: &types.ObjectLockLegalHold{Status: v.lock.legalHold}}, nil
	})
}
