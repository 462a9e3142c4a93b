package types

import (
	"context"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// lifecycleRule is a rule in CloudFormation's spelling, which is that of the
// API of 2012: flat, with a single transition besides the list of transitions.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-s3-bucket-rule.html.
type lifecycleRule struct {
	Id                                string
	Status                            s3types.ExpirationStatus
	Prefix                            *string
	TagFilters                        []s3types.Tag
	ObjectSizeGreaterThan             *int64
	ObjectSizeLessThan                *int64
	AbortIncompleteMultipartUpload    *s3types.AbortIncompleteMultipartUpload
	ExpirationDate                    *time.Time
	ExpirationInDays                  *int32
	ExpiredObjectDeleteMarker         *bool
	NoncurrentVersionExpiration       *s3types.NoncurrentVersionExpiration
	NoncurrentVersionExpirationInDays *int32
	NoncurrentVersionTransition       *noncurrentTransition
	NoncurrentVersionTransitions      []noncurrentTransition
	Transition                        *transition
	Transitions                       []transition
}

type transition struct {
	StorageClass     s3types.TransitionStorageClass
	TransitionDate   *time.Time
	TransitionInDays *int32
}

type noncurrentTransition struct {
	NewerNoncurrentVersions *int32
	StorageClass            s3types.TransitionStorageClass
	TransitionInDays        *int32
}

func (b buckets) lifecycle(r *resource.Request, name *string) (bucketSetting, error) {
	var c struct {
		Rules                              []lifecycleRule
		TransitionDefaultMinimumObjectSize s3types.TransitionDefaultMinimumObjectSize
	}
	err := decodeProperty(r.Properties, "LifecycleConfiguration", &c)
	in := &awss3.PutBucketLifecycleConfigurationInput{
		Bucket:                             name,
		LifecycleConfiguration:             &s3types.BucketLifecycleConfiguration{},
		TransitionDefaultMinimumObjectSize: c.TransitionDefaultMinimumObjectSize,
	}
	for _, rule := range c.Rules {
		in.LifecycleConfiguration.Rules = append(in.LifecycleConfiguration.Rules, rule.api())
	}
	return bucketSetting{
		"LifecycleConfiguration",
		func(ctx context.Context) error {
			_, err := b.Buckets.PutBucketLifecycleConfiguration(ctx, in)
			return err
		},
		func(ctx context.Context) error {
			_, err := b.Buckets.DeleteBucketLifecycle(ctx, &awss3.DeleteBucketLifecycleInput{Bucket: name})
			return err
		},
		in.LifecycleConfiguration,
	}, err
}

// api returns the rule in the API's spelling.
func (c lifecycleRule) api() s3types.LifecycleRule {
	rule := s3types.LifecycleRule{
		Status:                         c.Status,
		Filter:                         c.filter(),
		AbortIncompleteMultipartUpload: c.AbortIncompleteMultipartUpload,
		NoncurrentVersionExpiration:    c.NoncurrentVersionExpiration,
	}
	if c.Id != "" {
		rule.ID = &c.Id
	}
	if c.ExpirationDate != nil || c.ExpirationInDays != nil || c.ExpiredObjectDeleteMarker != nil {
		rule.Expiration = &s3types.LifecycleExpiration{
			Date: c.ExpirationDate, Days: c.ExpirationInDays, ExpiredObjectDeleteMarker: c.ExpiredObjectDeleteMarker,
		}
	}
	if c.NoncurrentVersionExpirationInDays != nil {
		rule.NoncurrentVersionExpiration = &s3types.NoncurrentVersionExpiration{NoncurrentDays: c.NoncurrentVersionExpirationInDays}
	}
	if c.Transition != nil {
		c.Transitions = append(c.Transitions, *c.Transition)
	}
	for _, t := range c.Transitions {
		rule.Transitions = append(rule.Transitions, s3types.Transition{
			Date: t.TransitionDate, Days: t.TransitionInDays, StorageClass: t.StorageClass,
		})
	}
	if c.NoncurrentVersionTransition != nil {
		c.NoncurrentVersionTransitions = append(c.NoncurrentVersionTransitions, *c.NoncurrentVersionTransition)
	}
	for _, t := range c.NoncurrentVersionTransitions {
		rule.NoncurrentVersionTransitions = append(rule.NoncurrentVersionTransitions, s3types.NoncurrentVersionTransition{
			NewerNoncurrentVersions: t.NewerNoncurrentVersions, NoncurrentDays: t.TransitionInDays, StorageClass: t.StorageClass,
		})
	}
	return rule
}

// filter returns the objects that the rule applies to. The API requires And if
// there is more than one condition.
func (c lifecycleRule) filter() *s3types.LifecycleRuleFilter {
	conditions := len(c.TagFilters)
	for _, set := range []bool{c.Prefix != nil, c.ObjectSizeGreaterThan != nil, c.ObjectSizeLessThan != nil} {
		if set {
			conditions++
		}
	}
	if conditions > 1 {
		return &s3types.LifecycleRuleFilter{And: &s3types.LifecycleRuleAndOperator{
			Prefix:                c.Prefix,
			ObjectSizeGreaterThan: c.ObjectSizeGreaterThan,
			ObjectSizeLessThan:    c.ObjectSizeLessThan,
			Tags:                  c.TagFilters,
		}}
	}
	filter := &s3types.LifecycleRuleFilter{
		Prefix:                c.Prefix,
		ObjectSizeGreaterThan: c.ObjectSizeGreaterThan,
		ObjectSizeLessThan:    c.ObjectSizeLessThan,
	}
	if len(c.TagFilters) == 1 {
		filter.Tag = &c.TagFilters[0]
	}
	if conditions == 0 {
		filter.Prefix = new(string)
	}
	return filter
}
