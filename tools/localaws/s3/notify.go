package s3

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/call"
	"github.com/magewright/magewright/tools/localaws/delivery"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// ServicePrincipal is the principal that S3 sends notifications as.
const ServicePrincipal = "s3.amazonaws.com"

// occurring lists the events that a bucket can notify others about here.
var occurring = []types.Event{
	"s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectCreated:Post", "s3:ObjectCreated:Copy", "s3:ObjectCreated:CompleteMultipartUpload",
	"s3:ObjectRemoved:*", "s3:ObjectRemoved:Delete", "s3:ObjectRemoved:DeleteMarkerCreated",
	"s3:ObjectTagging:*", "s3:ObjectTagging:Put", "s3:ObjectTagging:Delete",
}

// Notifies reports whether a bucket can notify others about an event here.
func Notifies(event string) bool { return slices.Contains(occurring, types.Event(event)) }

// A subscriber is a target of a bucket's notifications.
type subscriber struct {
	id, target     string
	events         []types.Event
	prefix, suffix string
}

// subscribers reads a configuration, and gives an id to those that have none.
func subscribers(c *types.NotificationConfiguration) ([]subscriber, error) {
	var all []subscriber
	add := func(id **string, target *string, events []types.Event, filter *types.NotificationConfigurationFilter) error {
		if aws.ToString(*id) == "" {
			*id = aws.String(uuid.NewString())
		}
		sub := subscriber{id: **id, target: aws.ToString(target), events: events}
		for _, event := range events {
			if !Notifies(string(event)) {
				return fail("InvalidArgument", "The embedded S3 has no notifications about the event %s", event)
			}
		}
		if len(events) == 0 {
			return fail("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema: a configuration has no event")
		}
		if filter != nil && filter.Key != nil {
			for _, rule := range filter.Key.FilterRules {
				switch strings.ToLower(string(rule.Name)) {
				case "prefix":
					sub.prefix = aws.ToString(rule.Value)
				case "suffix":
					sub.suffix = aws.ToString(rule.Value)
				default:
					return fail("InvalidArgument", "filter rule name must be either prefix or suffix")
				}
			}
		}
		all = append(all, sub)
		return nil
	}
	for i := range c.LambdaFunctionConfigurations {
		f := &c.LambdaFunctionConfigurations[i]
		if err := add(&f.Id, f.LambdaFunctionArn, f.Events, f.Filter); err != nil {
			return nil, err
		}
	}
	for i := range c.QueueConfigurations {
		q := &c.QueueConfigurations[i]
		if err := add(&q.Id, q.QueueArn, q.Events, q.Filter); err != nil {
			return nil, err
		}
	}
	for i := range c.TopicConfigurations {
		t := &c.TopicConfigurations[i]
		if err := add(&t.Id, t.TopicArn, t.Events, t.Filter); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// PutBucketNotificationConfiguration replaces who is notified about a bucket's objects.
// The targets must exist, and their policies must allow S3 to use them. Queues and
// topics receive a test event.
// See https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html.
func (s *Service) PutBucketNotificationConfiguration(ctx context.Context, in *awss3.PutBucketNotificationConfigurationInput) (*awss3.PutBucketNotificationConfigurationOutput, error) {
	if in.NotificationConfiguration == nil {
		return nil, fail("MalformedXML", "NotificationConfiguration is missing")
	}
	c := clone(in.NotificationConfiguration)
	subs, err := subscribers(c)
	if err != nil {
		return nil, err
	}
	if _, err := read(s, in, in.Bucket, func(*bucket) (*struct{}, error) { return nil, nil }); err != nil {
		return nil, err
	}
	if !aws.ToBool(in.SkipDestinationValidation) {
		for _, sub := range subs {
			if err := s.validate(ctx, *in.Bucket, sub); err != nil {
				return nil, fail("InvalidArgument", "Unable to validate the following destination configurations: %s (%v)", sub.target, err)
			}
		}
	}
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.PutBucketNotificationConfigurationOutput, error) {
		b.notifications, b.subscribers = c, subs
		return &awss3.PutBucketNotificationConfigurationOutput{}, nil
	})
}

// GetBucketNotificationConfiguration returns who is notified about a bucket's objects.
func (s *Service) GetBucketNotificationConfiguration(_ context.Context, in *awss3.GetBucketNotificationConfigurationInput) (*awss3.GetBucketNotificationConfigurationOutput, error) {
	return read(s, in, in.Bucket, func(b *bucket) (*awss3.GetBucketNotificationConfigurationOutput, error) {
		out := &awss3.GetBucketNotificationConfigurationOutput{}
		if c := b.notifications; c != nil {
			c = clone(c)
			out.EventBridgeConfiguration, out.LambdaFunctionConfigurations = c.EventBridgeConfiguration, c.LambdaFunctionConfigurations
			out.QueueConfigurations, out.TopicConfigurations = c.QueueConfigurations, c.TopicConfigurations
		}
		return out, nil
	})
}

// validate sends a test event to a queue or topic, or asks whether a function may be
// invoked.
func (s *Service) validate(ctx context.Context, bucketName string, sub subscriber) error {
	if s.Sender == nil {
		return fail("InvalidArgument", "the embedded AWS has no such target")
	}
	kind := s.Sender.Kind(sub.target)
	if kind != "lambda" && kind != "sqs" && kind != "sns" {
		return fail("InvalidArgument", "the target is not a function, queue or topic of this account")
	}
	if kind == "lambda" {
		_, err := s.Sender.Deps.Functions.Invoke(principal.ServiceFor(ctx, ServicePrincipal, s.account.ID, arn(bucketName)), &awslambda.InvokeInput{
			FunctionName: &sub.target, InvocationType: lambdatypes.InvocationTypeDryRun,
		})
		return err
	}
	text, err := json.Marshal(map[string]any{
		"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": s.account.Clock.Now().UTC().Format(isoTime), "Bucket": bucketName,
		"RequestId": newID()[:16], "HostId": newID(),
	})
	if err != nil {
		return err
	}
	return s.Sender.Send(ctx, delivery.Message{Target: sub.target, Source: arn(bucketName), Input: string(text)})
}

// An occurrence is something that happened to an object.
type occurrence struct {
	event  string // such as ObjectCreated:Put
	key    string
	v      *version // nil if nothing is known of the object
	id     *string  // of the version; nil if the bucket has no versions
	reason string   // the operation
}

// detailTypes has the types of the events that EventBridge gets.
// See https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-mapping-troubleshooting.html.
var detailTypes = map[string]string{
	"ObjectCreated": "Object Created", "ObjectRemoved": "Object Deleted", "ObjectTagging:Put": "Object Tags Added", "ObjectTagging:Delete": "Object Tags Deleted",
}

// notify tells a bucket's subscribers about an occurrence, in the background. s is locked.
func (s *Service) notify(ctx context.Context, b *bucket, o occurrence) {
	if s.Sender == nil || b.notifications == nil || s.life.Err() != nil {
		return
	}
	now, request := s.account.Clock.Now().UTC(), call.FromContext(ctx)
	b.sequence++
	sequencer := fmt.Sprintf("%012X%06X", now.UnixMilli(), b.sequence)
	size, etag := 0, ""
	if o.v != nil {
		size, etag = len(o.v.data), strings.Trim(o.v.etag, `"`)
	}
	for _, sub := range b.subscribers {
		if !sub.wants(o) {
			continue
		}
		text, err := json.Marshal(s.record(ctx, b, sub, o, now, sequencer, size, etag))
		if err != nil {
			s.account.Log.Warn("writing a notification", "bucket", b.name, "error", err)
			continue
		}
		s.send(b.name, delivery.Message{Target: sub.target, Source: arn(b.name), Input: string(text)})
	}
	if b.notifications.EventBridgeConfiguration == nil {
		return
	}
	object := map[string]any{"key": o.key, "sequencer": sequencer}
	if kind, _, _ := strings.Cut(o.event, ":"); kind == "ObjectCreated" {
		object["size"] = size
	}
	if etag != "" {
		object["etag"] = etag
	}
	if o.id != nil {
		object["version-id"] = *o.id
	}
	detail := map[string]any{
		"version": "0", "bucket": map[string]any{"name": b.name}, "object": object, "request-id": request.ID, "requester": s.account.ID,
		"source-ip-address": request.SourceIP, "reason": o.reason,
	}
	switch o.event {
	case "ObjectRemoved:Delete":
		detail["deletion-type"] = "Permanently Deleted"
	case "ObjectRemoved:DeleteMarkerCreated":
		detail["deletion-type"] = "Delete Marker Created"
	}
	kind, known := detailTypes[o.event]
	if !known {
		group, _, _ := strings.Cut(o.event, ":")
		kind = detailTypes[group]
	}
	text, err := json.Marshal(detail)
	if err != nil {
		s.account.Log.Warn("writing an event", "bucket", b.name, "error", err)
		return
	}
	s.send(b.name, delivery.Message{
		Target: s.account.ARN("events", "event-bus/default"), Source: arn(b.name), Input: string(text),
		Event: eventbridgetypes.PutEventsRequestEntry{Source: aws.String("aws.s3"), DetailType: &kind, Resources: []string{arn(b.name)}, Time: &now},
	})
}

// send delivers a message in the background.
func (s *Service) send(bucketName string, m delivery.Message) {
	s.deliveries.Go(func() {
		if failed := s.Sender.Deliver(s.life, m, delivery.NewPolicy(nil, nil)); failed != nil {
			s.account.Log.Warn("a notification was not delivered", "bucket", bucketName, "target", m.Target, "error", failed.Err)
		}
	})
}

func (sub subscriber) wants(o occurrence) bool {
	if !strings.HasPrefix(o.key, sub.prefix) || !strings.HasSuffix(o.key, sub.suffix) {
		return false
	}
	group, _, _ := strings.Cut(o.event, ":")
	return slices.Contains(sub.events, types.Event("s3:"+o.event)) || slices.Contains(sub.events, types.Event("s3:"+group+":*"))
}

// record returns the message about an occurrence.
// See https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html.
func (s *Service) record(ctx context.Context, b *bucket, sub subscriber, o occurrence, now time.Time, sequencer string, size int, etag string) map[string]any {
	request, who := call.FromContext(ctx), principal.FromContext(ctx)
	object := map[string]any{"key": strings.ReplaceAll(url.QueryEscape(o.key), "%2F", "/"), "sequencer": sequencer}
	if group, _, _ := strings.Cut(o.event, ":"); group != "ObjectRemoved" {
		object["size"], object["eTag"] = size, etag
	}
	if o.id != nil {
		object["versionId"] = *o.id
	}
	return map[string]any{"Records": []any{map[string]any{
		"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": s.account.Region, "eventTime": now.Format(isoTime), "eventName": o.event,
		"userIdentity": map[string]any{"principalId": "AWS:" + who.UserID}, "requestParameters": map[string]any{"sourceIPAddress": request.SourceIP},
		"responseElements": map[string]any{"x-amz-request-id": request.ID, "x-amz-id-2": request.ID},
		"s3": map[string]any{
			"s3SchemaVersion": "1.0", "configurationId": sub.id,
			"bucket": map[string]any{"name": b.name, "ownerIdentity": map[string]any{"principalId": s.account.ID}, "arn": arn(b.name)},
			"object": object,
		},
	}}}
}
