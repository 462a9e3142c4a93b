package types

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// The CDK has custom resources of its own, whose providers need Python or the AWS SDK
// for JavaScript, which Lambda's images have. Here are those that CDK apps use most, with
// the same effect. CloudFormation says of each that its provider did not run.
// See https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_s3_deployment-readme.html
// and the documentation of each construct.

// Objects is the part of Amazon S3 that the CDK's custom resources need.
type Objects interface {
	GetBucketTagging(context.Context, *awss3.GetBucketTaggingInput) (*awss3.GetBucketTaggingOutput, error)
	GetObject(context.Context, *awss3.GetObjectInput) (*awss3.GetObjectOutput, error)
	PutObject(context.Context, *awss3.PutObjectInput) (*awss3.PutObjectOutput, error)
	DeleteObject(context.Context, *awss3.DeleteObjectInput) (*awss3.DeleteObjectOutput, error)
	ListObjectsV2(context.Context, *awss3.ListObjectsV2Input) (*awss3.ListObjectsV2Output, error)
	ListObjectVersions(context.Context, *awss3.ListObjectVersionsInput) (*awss3.ListObjectVersionsOutput, error)
}

// replaced says that a function is the CDK's provider in Python of a custom resource
// that the embedded AWS makes itself. The CDK gives it the same logical id in each app.
func replaced(logicalID string) string {
	for prefix, name := range map[string]string{
		"CustomCDKBucketDeployment8693BB64968944B69AAFB0CC9EB8756C":  "Custom::CDKBucketDeployment",
		"BucketNotificationsHandler050a0587b7544547bf325f094a3db834": "Custom::S3BucketNotifications",
	} {
		if strings.HasPrefix(logicalID, prefix) {
			return "the CDK's provider of " + name + " is not run: the embedded AWS does the same itself"
		}
	}
	return ""
}

// native returns a custom resource that the embedded AWS makes without its provider.
func native(name string, create, update func(context.Context, *resource.Request) (*resource.Result, error), remove func(context.Context, *resource.Request) error) definition {
	return definition{
		required: []string{"ServiceToken"},
		Type: resource.Type{
			Name: name, Properties: []string{"ServiceToken"}, Open: true,
			Instead: func(string) string {
				return "the embedded AWS does what the CDK's provider of " + name + " does; the provider's function is not run"
			},
			Create: create, Update: update, Delete: remove,
		},
	}
}

// physical returns the handler of a resource that has an id and does nothing.
func physical(id func(*resource.Request) string) func(context.Context, *resource.Request) (*resource.Result, error) {
	return func(_ context.Context, r *resource.Request) (*resource.Result, error) {
		if r.PhysicalID != "" {
			return &resource.Result{PhysicalID: r.PhysicalID}, nil
		}
		return &resource.Result{PhysicalID: id(r)}, nil
	}
}

// defaultSecurityGroup is Custom::VpcRestrictDefaultSG. The networks are recorded, and so
// are their security groups.
func defaultSecurityGroup() definition {
	kept := physical(func(r *resource.Request) string {
		return stringOf(r.Properties, "DefaultSecurityGroupId") + "-restrict"
	})
	return native("Custom::VpcRestrictDefaultSG", kept, kept, func(context.Context, *resource.Request) error { return nil })
}

// autoDeleteTag is the tag of the buckets that are emptied. A bucket that loses it along
// with its custom resource keeps its objects.
const autoDeleteTag = "aws-cdk:auto-delete-objects"

// autoDelete is Custom::S3AutoDeleteObjects: it empties a bucket before it is deleted,
// or replaced by one with another name.
func autoDelete(d Deps) definition {
	bucketOf := func(properties map[string]any) string { return stringOf(properties, "BucketName") }
	kept := physical(func(r *resource.Request) string { return bucketOf(r.Properties) + "-objects" })
	update := func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
		if old := bucketOf(r.OldProperties); old != bucketOf(r.Properties) {
			if err := d.autoEmpty(ctx, old); err != nil {
				return nil, err
			}
		}
		return kept(ctx, r)
	}
	return native("Custom::S3AutoDeleteObjects", kept, update, func(ctx context.Context, r *resource.Request) error {
		return d.autoEmpty(ctx, bucketOf(r.Properties))
	})
}

// autoEmpty empties a bucket that exists and has the tag.
func (d Deps) autoEmpty(ctx context.Context, bucket string) error {
	out, err := d.Objects.GetBucketTagging(ctx, &awss3.GetBucketTaggingInput{Bucket: &bucket})
	if err != nil {
		// The bucket is gone, or it has no tags.
		if handlerCode(err) == "NotFound" {
			return nil
		}
		return err
	}
	if !slices.ContainsFunc(out.TagSet, func(t s3types.Tag) bool {
		return aws.ToString(t.Key) == autoDeleteTag && aws.ToString(t.Value) == "true"
	}) {
		return nil
	}
	return d.empty(ctx, bucket)
}

// empty deletes all versions of all objects of a bucket.
func (d Deps) empty(ctx context.Context, bucket string) error {
	in := &awss3.ListObjectVersionsInput{Bucket: &bucket}
	for {
		out, err := d.Objects.ListObjectVersions(ctx, in)
		if err != nil {
			return err
		}
		for _, v := range out.Versions {
			if _, err := d.Objects.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &bucket, Key: v.Key, VersionId: v.VersionId}); err != nil {
				return err
			}
		}
		for _, m := range out.DeleteMarkers {
			if _, err := d.Objects.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &bucket, Key: m.Key, VersionId: m.VersionId}); err != nil {
				return err
			}
		}
		if !aws.ToBool(out.IsTruncated) {
			return nil
		}
		in.KeyMarker, in.VersionIdMarker = out.NextKeyMarker, out.NextVersionIdMarker
	}
}

// logRetention is Custom::LogRetention: it makes a log group, if there is none, and sets
// how long it keeps its events.
func logRetention(d Deps) definition {
	set := func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
		name := stringOf(r.Properties, "LogGroupName")
		_, err := d.Logs.CreateLogGroup(ctx, &awslogs.CreateLogGroupInput{LogGroupName: &name})
		if _, exists := errors.AsType[*logstypes.ResourceAlreadyExistsException](err); err != nil && !exists {
			return nil, err
		}
		var days int32
		if err := decodeProperty(r.Properties, "RetentionInDays", &days); err != nil {
			return nil, err
		}
		if days > 0 {
			_, err = d.Logs.PutRetentionPolicy(ctx, &awslogs.PutRetentionPolicyInput{LogGroupName: &name, RetentionInDays: &days})
		} else {
			_, err = d.Logs.DeleteRetentionPolicy(ctx, &awslogs.DeleteRetentionPolicyInput{LogGroupName: &name})
		}
		return &resource.Result{PhysicalID: name, Attributes: map[string]any{"LogGroupName": name}}, err
	}
	return native("Custom::LogRetention", set, set, func(ctx context.Context, r *resource.Request) error {
		if stringOf(r.Properties, "RemovalPolicy") != "destroy" {
			return nil
		}
		_, err := d.Logs.DeleteLogGroup(ctx, &awslogs.DeleteLogGroupInput{LogGroupName: aws.String(r.PhysicalID)})
		return err
	})
}

// bucketNotifications is Custom::S3BucketNotifications: it sets who is notified about the
// objects of a bucket. If the bucket is not of the app (Managed is false), what others have
// set on it stays.
func bucketNotifications(d Deps) definition {
	set := func(ctx context.Context, r *resource.Request, remove bool) error {
		var wanted struct {
			BucketName                string
			NotificationConfiguration s3types.NotificationConfiguration
			Managed                   *bool
			SkipDestinationValidation *bool
		}
		if err := decodeMap(r.Properties, &wanted, "ServiceToken"); err != nil {
			return err
		}
		c := wanted.NotificationConfiguration
		if remove {
			c = s3types.NotificationConfiguration{}
		}
		if wanted.Managed != nil && !*wanted.Managed {
			now, err := d.Buckets.GetBucketNotificationConfiguration(ctx, &awss3.GetBucketNotificationConfigurationInput{Bucket: &wanted.BucketName})
			if err != nil {
				return err
			}
			c = besides(now, c, r.StackID+"-"+r.LogicalID+"-")
		}
		_, err := d.Buckets.PutBucketNotificationConfiguration(ctx, &awss3.PutBucketNotificationConfigurationInput{Bucket: &wanted.BucketName, NotificationConfiguration: &c})
		return err
	}
	put := func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
		// The notifications of the bucket that it was before end with it.
		if old := stringOf(r.OldProperties, "BucketName"); old != "" && old != stringOf(r.Properties, "BucketName") {
			before := *r
			before.Properties = r.OldProperties
			if err := set(ctx, &before, true); err != nil && handlerCode(err) != "NotFound" {
				return nil, err
			}
		}
		return &resource.Result{PhysicalID: r.LogicalID}, set(ctx, r, false)
	}
	return native("Custom::S3BucketNotifications", put, put, func(ctx context.Context, r *resource.Request) error {
		return set(ctx, r, true)
	})
}

// besides returns the notifications of a bucket after those whose ids begin with prefix
// were replaced by those of c.
func besides(now *awss3.GetBucketNotificationConfigurationOutput, c s3types.NotificationConfiguration, prefix string) s3types.NotificationConfiguration {
	id := func(i int, kind string) *string { return aws.String(fmt.Sprint(prefix, kind, i)) }
	var all s3types.NotificationConfiguration
	ours := func(id *string) bool { return strings.HasPrefix(aws.ToString(id), prefix) }
	for _, n := range now.LambdaFunctionConfigurations {
		if !ours(n.Id) {
			all.LambdaFunctionConfigurations = append(all.LambdaFunctionConfigurations, n)
		}
	}
	for _, n := range now.QueueConfigurations {
		if !ours(n.Id) {
			all.QueueConfigurations = append(all.QueueConfigurations, n)
		}
	}
	for _, n := range now.TopicConfigurations {
		if !ours(n.Id) {
			all.TopicConfigurations = append(all.TopicConfigurations, n)
		}
	}
	for i, n := range c.LambdaFunctionConfigurations {
		n.Id = id(i, "function")
		all.LambdaFunctionConfigurations = append(all.LambdaFunctionConfigurations, n)
	}
	for i, n := range c.QueueConfigurations {
		n.Id = id(i, "queue")
		all.QueueConfigurations = append(all.QueueConfigurations, n)
	}
	for i, n := range c.TopicConfigurations {
		n.Id = id(i, "topic")
		all.TopicConfigurations = append(all.TopicConfigurations, n)
	}
	if all.EventBridgeConfiguration = c.EventBridgeConfiguration; all.EventBridgeConfiguration == nil {
		all.EventBridgeConfiguration = now.EventBridgeConfiguration
	}
	return all
}

// bucketDeployment is Custom::CDKBucketDeployment: it unpacks assets into a bucket.
func bucketDeployment(d Deps) definition {
	put := func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
		b := deployment{Deps: d}
		if err := decodeMap(r.Properties, &b.wanted, "ServiceToken"); err != nil {
			return nil, err
		}
		if err := b.put(ctx); err != nil {
			return nil, err
		}
		id := r.PhysicalID
		if id == "" {
			id = "aws.cdk.s3deployment." + uuid.NewString()
		}
		keys := make([]any, len(b.wanted.SourceObjectKeys))
		for i, key := range b.wanted.SourceObjectKeys {
			keys[i] = key
		}
		return &resource.Result{PhysicalID: id, Attributes: map[string]any{
			"DestinationBucketArn": "arn:aws:s3:::" + b.wanted.DestinationBucketName, "SourceObjectKeys": keys,
		}}, nil
	}
	return native("Custom::CDKBucketDeployment", put, put, func(ctx context.Context, r *resource.Request) error {
		b := deployment{Deps: d}
		if err := decodeMap(r.Properties, &b.wanted, "ServiceToken"); err != nil {
			return err
		}
		if b.wanted.RetainOnDelete == nil || *b.wanted.RetainOnDelete {
			return nil
		}
		return b.prune(ctx)
	})
}

// A deployment of assets.
type deployment struct {
	Deps
	wanted  deploymentProperties
	written []string
}

// deploymentProperties are the properties that the construct gives a deployment. Its
// distribution is recorded, so that there is nothing to invalidate.
type deploymentProperties struct {
	SourceBucketNames, SourceObjectKeys               []string
	SourceMarkers                                     []map[string]string
	SourceMarkersConfig                               []markersConfig
	DestinationBucketName, DestinationBucketKeyPrefix string
	WaitForDistributionInvalidation                   *bool
	RetainOnDelete, Prune, Extract                    *bool
	Exclude, Include                                  []string
	UserMetadata, SystemMetadata                      map[string]string
	DistributionID                                    string
	DistributionPaths                                 []string
	OutputObjectKeys                                  *bool
	DestinationBucketArn                              string
}

// A markersConfig says how the markers of a source are replaced.
type markersConfig struct{ JSONEscape *bool }

func (b *deployment) put(ctx context.Context) error {
	if len(b.wanted.Exclude)+len(b.wanted.Include) > 0 {
		return errors.New("the embedded AWS does not support exclude and include of Custom::CDKBucketDeployment")
	}
	for i, bucket := range b.wanted.SourceBucketNames {
		if i >= len(b.wanted.SourceObjectKeys) {
			return errors.New("there are more SourceBucketNames than SourceObjectKeys")
		}
		key := b.wanted.SourceObjectKeys[i]
		out, err := b.Objects.GetObject(ctx, &awss3.GetObjectInput{Bucket: &bucket, Key: &key})
		if err != nil {
			return err
		}
		content, err := io.ReadAll(out.Body)
		if err := errors.Join(err, out.Body.Close()); err != nil {
			return fmt.Errorf("reading s3://%s/%s: %w", bucket, key, err)
		}
		if b.wanted.Extract != nil && !*b.wanted.Extract {
			if err := b.write(ctx, path.Base(key), content); err != nil {
				return err
			}
			continue
		}
		markers, err := b.markers(i)
		if err != nil {
			return err
		}
		if err := b.extract(ctx, content, markers); err != nil {
			return fmt.Errorf("unpacking s3://%s/%s: %w", bucket, key, err)
		}
	}
	if b.wanted.Prune == nil || *b.wanted.Prune {
		return b.prune(ctx)
	}
	return nil
}

// markers returns what a source has in place of its markers. They may stand in the texts
// of a JSON document.
func (b *deployment) markers(source int) (map[string]string, error) {
	if source >= len(b.wanted.SourceMarkers) {
		return nil, nil
	}
	markers := b.wanted.SourceMarkers[source]
	if source >= len(b.wanted.SourceMarkersConfig) || !aws.ToBool(b.wanted.SourceMarkersConfig[source].JSONEscape) {
		return markers, nil
	}
	escaped := make(map[string]string, len(markers))
	for marker, value := range markers {
		text, err := jsonText(value)
		if err != nil {
			return nil, err
		}
		escaped[marker] = text[1 : len(text)-1]
	}
	return escaped, nil
}

func (b *deployment) extract(ctx context.Context, content []byte, markers map[string]string) error {
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return err
	}
	for _, f := range archive.File {
		if f.FileInfo().IsDir() {
			continue
		}
		in, err := f.Open()
		if err != nil {
			return err
		}
		content, err := io.ReadAll(in)
		if err := errors.Join(err, in.Close()); err != nil {
			return err
		}
		for marker, value := range markers {
			content = bytes.ReplaceAll(content, []byte(marker), []byte(value))
		}
		if err := b.write(ctx, f.Name, content); err != nil {
			return err
		}
	}
	return nil
}

func (b *deployment) key(name string) string {
	return path.Join(strings.TrimPrefix(b.wanted.DestinationBucketKeyPrefix, "/"), name)
}

func (b *deployment) write(ctx context.Context, name string, content []byte) error {
	key, kind := b.key(name), mime.TypeByExtension(path.Ext(name))
	in := &awss3.PutObjectInput{Bucket: &b.wanted.DestinationBucketName, Key: &key, Body: bytes.NewReader(content), Metadata: b.wanted.UserMetadata}
	if kind != "" {
		in.ContentType = &kind
	}
	for header, value := range b.wanted.SystemMetadata {
		switch header {
		case "cache-control":
			in.CacheControl = &value
		case "content-disposition":
			in.ContentDisposition = &value
		case "content-encoding":
			in.ContentEncoding = &value
		case "content-language":
			in.ContentLanguage = &value
		case "content-type":
			in.ContentType = &value
		case "storage-class":
			in.StorageClass = s3types.StorageClass(value)
		default:
			return fmt.Errorf("the embedded AWS does not support %s of Custom::CDKBucketDeployment", header)
		}
	}
	b.written = append(b.written, key)
	_, err := b.Objects.PutObject(ctx, in)
	return err
}

// prune deletes the objects below the prefix that were not written.
func (b *deployment) prune(ctx context.Context) error {
	prefix := b.key("")
	if prefix != "" {
		prefix += "/"
	}
	in := &awss3.ListObjectsV2Input{Bucket: &b.wanted.DestinationBucketName, Prefix: &prefix}
	for {
		out, err := b.Objects.ListObjectsV2(ctx, in)
		if err != nil {
			return err
		}
		for _, o := range out.Contents {
			if slices.Contains(b.written, *o.Key) {
				continue
			}
			if _, err := b.Objects.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: in.Bucket, Key: o.Key}); err != nil {
				return err
			}
		}
		if in.ContinuationToken = out.NextContinuationToken; in.ContinuationToken == nil {
			return nil
		}
	}
}

// waitHandle is AWS::CloudFormation::WaitConditionHandle: a URL to which somebody puts
// that something is ready.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-waitcondition.html.
func waitHandle(d Deps) definition {
	c := customs{d}
	return definition{Type: resource.Type{
		Name: "AWS::CloudFormation::WaitConditionHandle",
		Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
			url, err := c.presigned(ctx, waitBucket(d), r.StackID+"|"+r.LogicalID)
			if err != nil {
				return nil, err
			}
			return &resource.Result{PhysicalID: url}, nil
		},
		Delete: func(context.Context, *resource.Request) error { return nil },
	}}
}

func waitBucket(d Deps) string {
	return "cloudformation-waitcondition-" + strings.ReplaceAll(d.Account.Region, "-", "")
}

// waitCondition is AWS::CloudFormation::WaitCondition: it waits for one signal.
func waitCondition(d Deps) definition {
	c := customs{d}
	return definition{Type: resource.Type{
		Name: "AWS::CloudFormation::WaitCondition", Properties: []string{"Count", "Handle", "Timeout"},
		Examine: func(r *resource.Request) []string {
			if count, ok := r.Properties["Count"]; ok && fmt.Sprint(count) != "1" {
				return []string{fmt.Sprintf("the embedded AWS does not support Count %v of AWS::CloudFormation::WaitCondition: it waits for one signal", count)}
			}
			if r.Properties["Handle"] == nil || r.Properties["Timeout"] == nil {
				return []string{"the embedded AWS does not support AWS::CloudFormation::WaitCondition without Handle and Timeout"}
			}
			return nil
		},
		Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
			var seconds float64
			if err := decodeProperty(r.Properties, "Timeout", &seconds); err != nil {
				return nil, err
			}
			handle, err := url.Parse(stringOf(r.Properties, "Handle"))
			if err != nil {
				return nil, &propertyError{"/Handle", "it is not the Ref of a WaitConditionHandle"}
			}
			key := handle.Path[strings.LastIndex(handle.Path, "|")+1:]
			answer, err := c.await(ctx, waitBucket(d), r.StackID+"|"+key, time.Duration(seconds)*time.Second)
			if err != nil {
				return nil, err
			}
			if answer == nil {
				return nil, failure(r, "NotStabilized", "WaitCondition timed out. Received 0 conditions when expecting 1")
			}
			return signalled(r, answer)
		},
		Delete: func(context.Context, *resource.Request) error { return nil },
	}}
}
