package types

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodeconnections "github.com/aws/aws-sdk-go-v2/service/codeconnections"
	connectiontypes "github.com/aws/aws-sdk-go-v2/service/codeconnections/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// connection is AWS::CodeConnections::Connection, or its older name
// AWS::CodeStarConnections::Connection. One service makes both.
func connection(d Deps, name string) definition {
	c := connections{d}
	return definition{
		required: []string{"ConnectionName"},
		Type: resource.Type{
			Name:       name,
			Properties: []string{"ConnectionName", "HostArn", "ProviderType", "Tags"},
			Create:     c.create,
			Update:     c.update,
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.Connections.DeleteConnection(ctx, &awscodeconnections.DeleteConnectionInput{ConnectionArn: aws.String(r.PhysicalID)})
				return err
			},
		},
	}
}

type connections struct{ Deps }

func connectionTag(k, v *string) connectiontypes.Tag { return connectiontypes.Tag{Key: k, Value: v} }

func (c connections) create(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	in := &awscodeconnections.CreateConnectionInput{}
	if err := decode(r, in, "Tags"); err != nil {
		return nil, err
	}
	tags, err := tagsOf(r)
	if err != nil {
		return nil, err
	}
	in.Tags = tagList(tags, connectionTag)
	out, err := c.Connections.CreateConnection(ctx, in)
	if err != nil {
		return nil, err
	}
	made, err := c.result(ctx, out.ConnectionArn)
	if err != nil {
		return &resource.Result{PhysicalID: aws.ToString(out.ConnectionArn)}, err
	}
	return made, nil
}

func (c connections) update(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	arn := aws.String(r.PhysicalID)
	if err := retag(r,
		func(tags map[string]string) error {
			_, err := c.Connections.TagResource(ctx, &awscodeconnections.TagResourceInput{ResourceArn: arn, Tags: tagList(tags, connectionTag)})
			return err
		},
		func(keys []string) error {
			_, err := c.Connections.UntagResource(ctx, &awscodeconnections.UntagResourceInput{ResourceArn: arn, TagKeys: keys})
			return err
		}); err != nil {
		return nil, err
	}
	return c.result(ctx, arn)
}

func (c connections) result(ctx context.Context, arn *string) (*resource.Result, error) {
	out, err := c.Connections.GetConnection(ctx, &awscodeconnections.GetConnectionInput{ConnectionArn: arn})
	if err != nil {
		return nil, err
	}
	return &resource.Result{PhysicalID: *arn, Attributes: map[string]any{
		"ConnectionArn":    *arn,
		"ConnectionStatus": string(out.Connection.ConnectionStatus),
		"OwnerAccountId":   aws.ToString(out.Connection.OwnerAccountId),
	}}, nil
}
