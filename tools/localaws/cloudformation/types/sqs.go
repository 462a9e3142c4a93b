package types

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// queueDefaults has the properties that map to an attribute of the same name,
// with what an update sets where the property is removed.
var queueDefaults = map[string]any{
	"ContentBasedDeduplication": "false", "DeduplicationScope": "queue", "DelaySeconds": "0", "FifoThroughputLimit": "perQueue",
	"KmsDataKeyReusePeriodSeconds": "300", "KmsMasterKeyId": "", "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600",
	"ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true", "VisibilityTimeout": "30",
}

// queueDocuments are the properties that map to an attribute with their JSON.
var queueDocuments = []string{"RedriveAllowPolicy", "RedrivePolicy"}

// queue is AWS::SQS::Queue.
func queue(d Deps) definition {
	q := queues{d}
	return definition{Type: resource.Type{
		Name:       "AWS::SQS::Queue",
		Properties: append([]string{"FifoQueue", "QueueName", "Tags"}, queueProperties()...),
		Create:     q.create,
		Update:     q.update,
		Delete: func(ctx context.Context, r *resource.Request) error {
			_, err := d.Queues.DeleteQueue(ctx, &awssqs.DeleteQueueInput{QueueUrl: &r.PhysicalID})
			return err
		},
	}}
}

type queues struct{ Deps }

// attributes returns those of the properties in names as attributes of a queue.
func (q queues) attributes(properties map[string]any, names []string) (map[string]string, error) {
	attributes, err := attributesIn(properties, slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(queueDocuments, name) }))
	if err != nil {
		return nil, err
	}
	for _, name := range queueDocuments {
		text, err := document(properties, name)
		if err != nil {
			return nil, err
		}
		if text != nil && slices.Contains(names, name) {
			attributes[name] = *text
		}
	}
	return attributes, nil
}

func queueProperties() []string {
	return append(slices.Sorted(maps.Keys(queueDefaults)), queueDocuments...)
}

func (q queues) create(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	attributes, err := q.attributes(r.Properties, queueProperties())
	if err != nil {
		return nil, err
	}
	var fifo bool
	if err := decodeProperty(r.Properties, "FifoQueue", &fifo); err != nil {
		return nil, err
	}
	tags, err := tagsOf(r)
	if err != nil {
		return nil, err
	}
	const suffix = ".fifo"
	name := nameOf(r, "QueueName", 80-len(suffix))
	// SQS only knows the attribute as true.
	if fifo {
		attributes["FifoQueue"] = "true"
		if stringOf(r.Properties, "QueueName") == "" {
			*name += suffix
		}
	}
	out, err := q.Queues.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: name, Attributes: attributes, Tags: tags})
	if err != nil {
		return nil, err
	}
	return q.result(*out.QueueUrl), nil
}

func (q queues) update(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	url := aws.String(r.PhysicalID)
	names := slices.DeleteFunc(queueProperties(), func(name string) bool { return !changed(r, name) })
	properties := restored(r, queueDefaults)
	// A queue has one kind of encryption.
	if stringOf(properties, "KmsMasterKeyId") != "" && r.Properties["SqsManagedSseEnabled"] == nil {
		delete(properties, "SqsManagedSseEnabled")
	}
	attributes, err := q.attributes(properties, names)
	if err != nil {
		return nil, err
	}
	for _, name := range queueDocuments {
		if _, has := properties[name]; !has && slices.Contains(names, name) {
			attributes[name] = ""
		}
	}
	if len(attributes) > 0 {
		if _, err := q.Queues.SetQueueAttributes(ctx, &awssqs.SetQueueAttributesInput{QueueUrl: url, Attributes: attributes}); err != nil {
			return nil, err
		}
	}
	return q.result(r.PhysicalID), retag(r,
		func(tags map[string]string) error {
			_, err := q.Queues.TagQueue(ctx, &awssqs.TagQueueInput{QueueUrl: url, Tags: tags})
			return err
		},
		func(keys []string) error {
			_, err := q.Queues.UntagQueue(ctx, &awssqs.UntagQueueInput{QueueUrl: url, TagKeys: keys})
			return err
		})
}

func (q queues) result(url string) *resource.Result {
	name := url[strings.LastIndexByte(url, '/')+1:]
	return &resource.Result{PhysicalID: url, Attributes: map[string]any{
		"Arn": q.Account.ARN("sqs", name), "QueueName": name, "QueueUrl": url,
	}}
}

// queuePolicy is AWS::SQS::QueuePolicy. Without it, a queue has no policy.
func queuePolicy(d Deps) definition {
	none := func(string) string { return "" }
	return policyOf("AWS::SQS::QueuePolicy", "Queues", none, func(ctx context.Context, url, policy string) error {
		_, err := d.Queues.SetQueueAttributes(ctx, &awssqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: map[string]string{"Policy": policy}})
		return err
	})
}
