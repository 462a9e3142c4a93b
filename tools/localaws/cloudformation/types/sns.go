package types

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// topic is AWS::SNS::Topic.
func topic(d Deps) definition {
	t := topics{d}
	return definition{Type: resource.Type{
		Name:       "AWS::SNS::Topic",
		Properties: append([]string{"FifoTopic", "Subscription", "Tags", "TopicName"}, topicAttributes...),
		Create:     t.create,
		Update:     t.update,
		Delete: func(ctx context.Context, r *resource.Request) error {
			_, err := d.Topics.DeleteTopic(ctx, &awssns.DeleteTopicInput{TopicArn: aws.String(r.PhysicalID)})
			return err
		},
	}}
}

// topicAttributes are the properties that map to an attribute of the same name.
var topicAttributes = []string{"ContentBasedDeduplication", "DisplayName", "FifoThroughputScope", "KmsMasterKeyId", "SignatureVersion", "TracingConfig"}

type topics struct{ Deps }

func snsTag(k, v *string) snstypes.Tag { return snstypes.Tag{Key: k, Value: v} }

func (t topics) create(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	attributes, err := attributesIn(r.Properties, topicAttributes)
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(r)
	if err != nil {
		return nil, err
	}
	var fifo bool
	if err := decodeProperty(r.Properties, "FifoTopic", &fifo); err != nil {
		return nil, err
	}
	const suffix = ".fifo"
	name := nameOf(r, "TopicName", 250-len(suffix))
	// SNS only knows the attribute as true.
	if fifo {
		attributes["FifoTopic"] = "true"
		if stringOf(r.Properties, "TopicName") == "" {
			*name += suffix
		}
	}
	in := &awssns.CreateTopicInput{Name: name, Attributes: attributes, Tags: tagList(tags, snsTag)}
	out, err := t.Topics.CreateTopic(ctx, in)
	if err != nil {
		return nil, err
	}
	made := topicResult(aws.ToString(out.TopicArn))
	return made, t.subscribe(ctx, r, out.TopicArn)
}

func (t topics) update(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	arn := aws.String(r.PhysicalID)
	properties := restored(r, map[string]any{
		"ContentBasedDeduplication": "false", "DisplayName": "", "FifoThroughputScope": "Topic", "KmsMasterKeyId": "", "SignatureVersion": "1", "TracingConfig": "PassThrough",
	})
	for _, name := range topicAttributes {
		if !changed(r, name) {
			continue
		}
		in := &awssns.SetTopicAttributesInput{TopicArn: arn, AttributeName: aws.String(name)}
		if err := decodeProperty(properties, name, &in.AttributeValue); err != nil {
			return nil, err
		}
		if _, err := t.Topics.SetTopicAttributes(ctx, in); err != nil {
			return nil, err
		}
	}
	if err := t.subscribe(ctx, r, arn); err != nil {
		return nil, err
	}
	return topicResult(r.PhysicalID), retag(r,
		func(tags map[string]string) error {
			_, err := t.Topics.TagResource(ctx, &awssns.TagResourceInput{ResourceArn: arn, Tags: tagList(tags, snsTag)})
			return err
		},
		func(keys []string) error {
			_, err := t.Topics.UntagResource(ctx, &awssns.UntagResourceInput{ResourceArn: arn, TagKeys: keys})
			return err
		})
}

type topicSubscription struct{ Endpoint, Protocol string }

// subscribe creates the subscriptions that the properties name, and deletes
// those that only the old properties name.
func (t topics) subscribe(ctx context.Context, r *resource.Request, arn *string) error {
	var wanted, old []topicSubscription
	if err := decodeProperty(r.Properties, "Subscription", &wanted); err != nil {
		return err
	}
	if err := decodeProperty(r.OldProperties, "Subscription", &old); err != nil {
		return err
	}
	gone := map[topicSubscription]bool{}
	for _, s := range old {
		gone[s] = true
	}
	for _, s := range wanted {
		if gone[s] {
			delete(gone, s)
			continue
		}
		if _, err := t.Topics.Subscribe(ctx, &awssns.SubscribeInput{TopicArn: arn, Protocol: &s.Protocol, Endpoint: &s.Endpoint}); err != nil {
			return err
		}
	}
	if len(gone) == 0 {
		return nil
	}
	in := &awssns.ListSubscriptionsByTopicInput{TopicArn: arn}
	for {
		out, err := t.Topics.ListSubscriptionsByTopic(ctx, in)
		if err != nil {
			return err
		}
		for _, s := range out.Subscriptions {
			id := aws.ToString(s.SubscriptionArn)
			if !gone[topicSubscription{aws.ToString(s.Endpoint), aws.ToString(s.Protocol)}] || !strings.HasPrefix(id, "arn:") {
				// An unconfirmed subscription has no ARN, so it can't be deleted.
				continue
			}
			if _, err := t.Topics.Unsubscribe(ctx, &awssns.UnsubscribeInput{SubscriptionArn: &id}); err != nil {
				return err
			}
		}
		if aws.ToString(out.NextToken) == "" {
			return nil
		}
		in.NextToken = out.NextToken
	}
}

// attributesIn returns the named properties as SNS attributes, which are all strings.
func attributesIn(properties map[string]any, names []string) (map[string]string, error) {
	attributes := map[string]string{}
	for _, name := range names {
		v, ok := properties[name]
		if !ok {
			continue
		}
		text, ok := scalar(v)
		if !ok {
			return nil, &propertyError{"/" + name, "expected type: String, found: " + typeName(v)}
		}
		attributes[name] = text
	}
	return attributes, nil
}

func topicResult(arn string) *resource.Result {
	return &resource.Result{PhysicalID: arn, Attributes: map[string]any{
		"TopicArn": arn, "TopicName": arn[strings.LastIndex(arn, ":")+1:],
	}}
}

// subscriptionDefaults has the properties that map to an attribute of the same
// name, with what an update sets where the property is removed.
var subscriptionDefaults = map[string]any{"FilterPolicy": map[string]any{}, "FilterPolicyScope": "MessageAttributes", "RawMessageDelivery": false, "RedrivePolicy": map[string]any{}}

// subscriptionAttribute returns the value of an attribute, if the properties have it.
func subscriptionAttribute(properties map[string]any, name string) (*string, error) {
	if name == "FilterPolicy" || name == "RedrivePolicy" {
		return document(properties, name)
	}
	var value *string
	err := decodeProperty(properties, name, &value)
	return value, err
}

// subscription is AWS::SNS::Subscription.
func subscription(d Deps) definition {
	attributes := slices.Sorted(maps.Keys(subscriptionDefaults))
	return definition{
		required: []string{"Protocol", "TopicArn"},
		Type: resource.Type{
			Name:       "AWS::SNS::Subscription",
			Properties: append([]string{"Endpoint", "Protocol", "TopicArn"}, attributes...),
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awssns.SubscribeInput{}
				if err := decode(r, in, attributes...); err != nil {
					return nil, err
				}
				in.Attributes = map[string]string{}
				for _, name := range attributes {
					value, err := subscriptionAttribute(r.Properties, name)
					if err != nil {
						return nil, err
					}
					if value != nil {
						in.Attributes[name] = *value
					}
				}
				in.ReturnSubscriptionArn = true
				out, err := d.Topics.Subscribe(ctx, in)
				if err != nil {
					return nil, err
				}
				return subscriptionResult(aws.ToString(out.SubscriptionArn)), nil
			},
			Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				properties := restored(r, subscriptionDefaults)
				for _, name := range attributes {
					if !changed(r, name) {
						continue
					}
					value, err := subscriptionAttribute(properties, name)
					if err != nil {
						return nil, err
					}
					in := &awssns.SetSubscriptionAttributesInput{SubscriptionArn: aws.String(r.PhysicalID), AttributeName: &name, AttributeValue: value}
					if _, err := d.Topics.SetSubscriptionAttributes(ctx, in); err != nil {
						return nil, err
					}
				}
				return subscriptionResult(r.PhysicalID), nil
			},
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.Topics.Unsubscribe(ctx, &awssns.UnsubscribeInput{SubscriptionArn: aws.String(r.PhysicalID)})
				return err
			},
		},
	}
}

func subscriptionResult(arn string) *resource.Result {
	return &resource.Result{PhysicalID: arn, Attributes: map[string]any{"Arn": arn}}
}

// topicPolicy is AWS::SNS::TopicPolicy. A topic always has a policy, so
// deleting the resource restores the default policy.
func topicPolicy(d Deps) definition {
	return policyOf("AWS::SNS::TopicPolicy", "Topics", d.defaultTopicPolicy, func(ctx context.Context, arn, policy string) error {
		_, err := d.Topics.SetTopicAttributes(ctx, &awssns.SetTopicAttributesInput{
			TopicArn: &arn, AttributeName: aws.String("Policy"), AttributeValue: &policy,
		})
		return err
	})
}

// defaultTopicPolicy is the policy that SNS gives a new topic. It allows the
// owner everything.
func (d Deps) defaultTopicPolicy(arn string) string {
	return fmt.Sprintf(`{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{"Sid":"__default_statement_ID",`+
		`"Effect":"Allow","Principal":{"AWS":"*"},"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes",`+
		`"SNS:AddPermission","SNS:RemovePermission","SNS:DeleteTopic","SNS:Subscribe","SNS:ListSubscriptionsByTopic",`+
		`"SNS:Publish"],"Resource":%q,"Condition":{"StringEquals":{"AWS:SourceOwner":%q}}}]}`, arn, d.Account.ID)
}
