package types

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// bucket is AWS::S3::Bucket. The only canned ACL (AccessControl) that it
// accepts is Private, which equals having no ACL.
func bucket(d Deps) definition {
	b := buckets{d}
	return definition{Type: resource.Type{
		Name: "AWS::S3::Bucket",
		Properties: []string{
			"AccessControl", "BucketEncryption", "BucketName", "LifecycleConfiguration", "LoggingConfiguration",
			"NotificationConfiguration", "ObjectLockConfiguration", "ObjectLockEnabled", "OwnershipControls", "PublicAccessBlockConfiguration", "Tags",
			"VersioningConfiguration",
		},
		Create: b.create,
		Update: b.update,
		Delete: func(ctx context.Context, r *resource.Request) error {
			_, err := d.Buckets.DeleteBucket(ctx, &awss3.DeleteBucketInput{Bucket: aws.String(r.PhysicalID)})
			return err
		},
	}}
}

type buckets struct{ Deps }

func (b buckets) create(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	in := &awss3.CreateBucketInput{Bucket: lowerName(r, "BucketName", 63), CreateBucketConfiguration: b.location()}
	if err := decodeProperty(r.Properties, "ObjectLockEnabled", &in.ObjectLockEnabledForBucket); err != nil {
		return nil, err
	}
	settings, err := b.settings(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	if _, err := b.Buckets.CreateBucket(ctx, in); err != nil {
		return nil, err
	}
	for _, s := range settings {
		if s.put == nil {
			continue
		}
		if err := s.put(ctx); err != nil {
			return b.result(*in.Bucket), err
		}
	}
	return b.result(*in.Bucket), nil
}

func (b buckets) update(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	settings, err := b.settings(r, aws.String(r.PhysicalID))
	if err != nil {
		return nil, err
	}
	for _, s := range settings {
		var err error
		switch {
		// The stack's tags may have changed.
		case !changed(r, s.property) && s.property != "Tags":
		case s.put != nil:
			err = s.put(ctx)
		default:
			err = s.reset(ctx)
		}
		if err != nil {
			return nil, err
		}
	}
	return b.result(r.PhysicalID), nil
}

// A bucketSetting is a bucket property that has API calls of its own.
type bucketSetting struct {
	property string
	put      func(context.Context) error // nil if the property is not set
	reset    func(context.Context) error // makes the bucket as if the property had never been set
	// sent is what S3 gets, where its form is not the property's.
	sent any
}

// settings returns the calls that set the bucket's properties, in the order
// that S3 requires: Object Lock needs versioning.
func (b buckets) settings(r *resource.Request, name *string) ([]bucketSetting, error) {
	if acl := stringOf(r.Properties, "AccessControl"); acl != "" && acl != "Private" {
		return nil, &propertyError{"/AccessControl", "the embedded AWS supports Private only, found: " + acl}
	}
	var all []bucketSetting
	for _, read := range []func(*resource.Request, *string) (bucketSetting, error){
		b.versioning, b.encryption, b.publicAccess, b.ownership, b.objectLock, b.lifecycle, b.logging, b.notifications, b.tagging,
	} {
		s, err := read(r, name)
		if err != nil {
			return nil, err
		}
		if _, ok := r.Properties[s.property]; !ok && s.property != "Tags" {
			s.put = nil
		}
		all = append(all, s)
	}
	return all, nil
}

func (b buckets) versioning(r *resource.Request, name *string) (bucketSetting, error) {
	in := &awss3.PutBucketVersioningInput{Bucket: name}
	put := func(ctx context.Context) error {
		_, err := b.Buckets.PutBucketVersioning(ctx, in)
		return err
	}
	reset := func(ctx context.Context) error {
		in.VersioningConfiguration = &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusSuspended}
		return put(ctx)
	}
	err := decodeProperty(r.Properties, "VersioningConfiguration", &in.VersioningConfiguration)
	return bucketSetting{"VersioningConfiguration", put, reset, nil}, err
}

func (b buckets) encryption(r *resource.Request, name *string) (bucketSetting, error) {
	var c struct {
		ServerSideEncryptionConfiguration []struct {
			BucketKeyEnabled              *bool
			BlockedEncryptionTypes        *s3types.BlockedEncryptionTypes
			ServerSideEncryptionByDefault *s3types.ServerSideEncryptionByDefault
		}
	}
	err := decodeProperty(r.Properties, "BucketEncryption", &c)
	in := &awss3.PutBucketEncryptionInput{Bucket: name, ServerSideEncryptionConfiguration: &s3types.ServerSideEncryptionConfiguration{}}
	for _, rule := range c.ServerSideEncryptionConfiguration {
		in.ServerSideEncryptionConfiguration.Rules = append(in.ServerSideEncryptionConfiguration.Rules, s3types.ServerSideEncryptionRule{
			ApplyServerSideEncryptionByDefault: rule.ServerSideEncryptionByDefault,
			BlockedEncryptionTypes:             rule.BlockedEncryptionTypes,
			BucketKeyEnabled:                   rule.BucketKeyEnabled,
		})
	}
	return bucketSetting{
		"BucketEncryption",
		func(ctx context.Context) error {
			_, err := b.Buckets.PutBucketEncryption(ctx, in)
			return err
		},
		func(ctx context.Context) error {
			_, err := b.Buckets.DeleteBucketEncryption(ctx, &awss3.DeleteBucketEncryptionInput{Bucket: name})
			return err
		},
		in.ServerSideEncryptionConfiguration,
	}, err
}

func (b buckets) publicAccess(r *resource.Request, name *string) (bucketSetting, error) {
	in := &awss3.PutPublicAccessBlockInput{Bucket: name}
	err := decodeProperty(r.Properties, "PublicAccessBlockConfiguration", &in.PublicAccessBlockConfiguration)
	return bucketSetting{
		"PublicAccessBlockConfiguration",
		func(ctx context.Context) error {
			_, err := b.Buckets.PutPublicAccessBlock(ctx, in)
			return err
		},
		func(ctx context.Context) error {
			_, err := b.Buckets.DeletePublicAccessBlock(ctx, &awss3.DeletePublicAccessBlockInput{Bucket: name})
			return err
		},
		nil,
	}, err
}

func (b buckets) ownership(r *resource.Request, name *string) (bucketSetting, error) {
	in := &awss3.PutBucketOwnershipControlsInput{Bucket: name}
	err := decodeProperty(r.Properties, "OwnershipControls", &in.OwnershipControls)
	return bucketSetting{
		"OwnershipControls",
		func(ctx context.Context) error {
			_, err := b.Buckets.PutBucketOwnershipControls(ctx, in)
			return err
		},
		func(ctx context.Context) error {
			_, err := b.Buckets.DeleteBucketOwnershipControls(ctx, &awss3.DeleteBucketOwnershipControlsInput{Bucket: name})
			return err
		},
		nil,
	}, err
}

func (b buckets) objectLock(r *resource.Request, name *string) (bucketSetting, error) {
	in := &awss3.PutObjectLockConfigurationInput{Bucket: name}
	put := func(ctx context.Context) error {
		_, err := b.Buckets.PutObjectLockConfiguration(ctx, in)
		return err
	}
	// The lock stays on, but its default retention is removed.
	reset := func(ctx context.Context) error {
		in.ObjectLockConfiguration = &s3types.ObjectLockConfiguration{ObjectLockEnabled: s3types.ObjectLockEnabledEnabled}
		return put(ctx)
	}
	err := decodeProperty(r.Properties, "ObjectLockConfiguration", &in.ObjectLockConfiguration)
	return bucketSetting{"ObjectLockConfiguration", put, reset, nil}, err
}

// A bucketNotification is a target of notifications in a template.
type bucketNotification struct {
	Event                  s3types.Event
	Function, Queue, Topic *string
	Filter                 struct {
		S3Key struct {
			Rules []struct{ Name, Value string }
		}
	}
}

func (n bucketNotification) filter() *s3types.NotificationConfigurationFilter {
	if len(n.Filter.S3Key.Rules) == 0 {
		return nil
	}
	key := &s3types.S3KeyFilter{}
	for _, rule := range n.Filter.S3Key.Rules {
		key.FilterRules = append(key.FilterRules, s3types.FilterRule{Name: s3types.FilterRuleName(rule.Name), Value: &rule.Value})
	}
	return &s3types.NotificationConfigurationFilter{Key: key}
}

func (b buckets) notifications(r *resource.Request, name *string) (bucketSetting, error) {
	var c struct {
		LambdaConfigurations, QueueConfigurations, TopicConfigurations []bucketNotification
		EventBridgeConfiguration                                       *struct{ EventBridgeEnabled *bool }
	}
	err := decodeProperty(r.Properties, "NotificationConfiguration", &c)
	n := &s3types.NotificationConfiguration{}
	for _, t := range c.LambdaConfigurations {
		n.LambdaFunctionConfigurations = append(n.LambdaFunctionConfigurations, s3types.LambdaFunctionConfiguration{
			LambdaFunctionArn: t.Function, Events: []s3types.Event{t.Event}, Filter: t.filter(),
		})
	}
	for _, t := range c.QueueConfigurations {
		n.QueueConfigurations = append(n.QueueConfigurations, s3types.QueueConfiguration{QueueArn: t.Queue, Events: []s3types.Event{t.Event}, Filter: t.filter()})
	}
	for _, t := range c.TopicConfigurations {
		n.TopicConfigurations = append(n.TopicConfigurations, s3types.TopicConfiguration{TopicArn: t.Topic, Events: []s3types.Event{t.Event}, Filter: t.filter()})
	}
	if e := c.EventBridgeConfiguration; e != nil && (e.EventBridgeEnabled == nil || *e.EventBridgeEnabled) {
		n.EventBridgeConfiguration = &s3types.EventBridgeConfiguration{}
	}
	put := func(ctx context.Context) error {
		_, err := b.Buckets.PutBucketNotificationConfiguration(ctx, &awss3.PutBucketNotificationConfigurationInput{Bucket: name, NotificationConfiguration: n})
		return err
	}
	reset := func(ctx context.Context) error {
		*n = s3types.NotificationConfiguration{}
		return put(ctx)
	}
	return bucketSetting{"NotificationConfiguration", put, reset, n}, err
}

func (b buckets) logging(r *resource.Request, name *string) (bucketSetting, error) {
	var c struct {
		DestinationBucketName *string
		LogFilePrefix         string
		TargetObjectKeyFormat *s3types.TargetObjectKeyFormat
	}
	err := decodeProperty(r.Properties, "LoggingConfiguration", &c)
	if c.DestinationBucketName == nil {
		c.DestinationBucketName = name
	}
	in := &awss3.PutBucketLoggingInput{Bucket: name, BucketLoggingStatus: &s3types.BucketLoggingStatus{
		LoggingEnabled: &s3types.LoggingEnabled{
			TargetBucket:          c.DestinationBucketName,
			TargetPrefix:          aws.String(c.LogFilePrefix),
			TargetObjectKeyFormat: c.TargetObjectKeyFormat,
		},
	}}
	put := func(ctx context.Context) error {
		_, err := b.Buckets.PutBucketLogging(ctx, in)
		return err
	}
	reset := func(ctx context.Context) error {
		in.BucketLoggingStatus = &s3types.BucketLoggingStatus{}
		return put(ctx)
	}
	return bucketSetting{"LoggingConfiguration", put, reset, in.BucketLoggingStatus}, err
}

func (b buckets) tagging(r *resource.Request, name *string) (bucketSetting, error) {
	tags, err := tagsOf(r)
	reset := func(ctx context.Context) error {
		_, err := b.Buckets.DeleteBucketTagging(ctx, &awss3.DeleteBucketTaggingInput{Bucket: name})
		return err
	}
	if len(tags) == 0 {
		if _, had := r.OldProperties["Tags"]; !had {
			reset = func(context.Context) error { return nil }
		}
		return bucketSetting{"Tags", nil, reset, nil}, err
	}
	put := func(ctx context.Context) error {
		_, err := b.Buckets.PutBucketTagging(ctx, &awss3.PutBucketTaggingInput{Bucket: name, Tagging: &s3types.Tagging{
			TagSet: tagList(tags, func(k, v *string) s3types.Tag { return s3types.Tag{Key: k, Value: v} }),
		}})
		return err
	}
	return bucketSetting{"Tags", put, reset, nil}, err
}

func (b buckets) result(name string) *resource.Result {
	region := b.Account.Region
	return &resource.Result{PhysicalID: name, Attributes: map[string]any{
		"Arn":                 "arn:aws:s3:::" + name,
		"DomainName":          name + ".s3.amazonaws.com",
		"DualStackDomainName": name + ".s3.dualstack." + region + ".amazonaws.com",
		"RegionalDomainName":  name + ".s3." + region + ".amazonaws.com",
		"WebsiteURL":          "http://" + name + ".s3-website-" + region + ".amazonaws.com",
	}}
}

// bucketPolicy is AWS::S3::BucketPolicy.
func bucketPolicy(d Deps) definition {
	put := func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
		in := &awss3.PutBucketPolicyInput{Bucket: aws.String(stringOf(r.Properties, "Bucket"))}
		var err error
		if in.Policy, err = document(r.Properties, "PolicyDocument"); err != nil {
			return nil, err
		}
		if _, err := d.Buckets.PutBucketPolicy(ctx, in); err != nil {
			return nil, err
		}
		return &resource.Result{PhysicalID: *in.Bucket}, nil
	}
	return definition{
		required: []string{"Bucket", "PolicyDocument"},
		Type: resource.Type{
			Name:       "AWS::S3::BucketPolicy",
			Properties: []string{"Bucket", "PolicyDocument"},
			Create:     put,
			Update:     put,
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.Buckets.DeleteBucketPolicy(ctx, &awss3.DeleteBucketPolicyInput{Bucket: aws.String(r.PhysicalID)})
				return err
			},
		},
	}
}
