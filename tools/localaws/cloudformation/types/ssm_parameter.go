package types

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// parameter is AWS::SSM::Parameter.
func parameter(d Deps) definition {
	p := parameters{d}
	return definition{
		required: []string{"Type", "Value"},
		Type: resource.Type{
			Name:       "AWS::SSM::Parameter",
			Properties: []string{"AllowedPattern", "DataType", "Description", "Name", "Tags", "Tier", "Type", "Value"},
			Create:     p.create,
			Update:     p.update,
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.Parameters.DeleteParameter(ctx, &awsssm.DeleteParameterInput{Name: aws.String(r.PhysicalID)})
				return err
			},
		},
	}
}

type parameters struct{ Deps }

func ssmTag(k, v *string) ssmtypes.Tag { return ssmtypes.Tag{Key: k, Value: v} }

func (p parameters) create(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	tags, err := tagsOf(r)
	if err != nil {
		return nil, err
	}
	in := &awsssm.PutParameterInput{}
	if err := p.read(r, in); err != nil {
		return nil, err
	}
	in.Tags = tagList(tags, ssmTag)
	if in.Name == nil {
		in.Name = aws.String("CFN-" + generatedLocalName(r, 1007))
	}
	return p.put(ctx, in)
}

func (p parameters) update(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	in := &awsssm.PutParameterInput{}
	if err := p.read(r, in); err != nil {
		return nil, err
	}
	in.Name, in.Overwrite = aws.String(r.PhysicalID), aws.Bool(true)
	result, err := p.put(ctx, in)
	if err != nil {
		return nil, err
	}
	return result, retag(r,
		func(tags map[string]string) error {
			_, err := p.Parameters.AddTagsToResource(ctx, &awsssm.AddTagsToResourceInput{
				ResourceId: in.Name, ResourceType: ssmtypes.ResourceTypeForTaggingParameter, Tags: tagList(tags, ssmTag),
			})
			return err
		},
		func(keys []string) error {
			_, err := p.Parameters.RemoveTagsFromResource(ctx, &awsssm.RemoveTagsFromResourceInput{
				ResourceId: in.Name, ResourceType: ssmtypes.ResourceTypeForTaggingParameter, TagKeys: keys,
			})
			return err
		})
}

func (p parameters) read(r *resource.Request, in *awsssm.PutParameterInput) error {
	if stringOf(r.Properties, "Type") == string(ssmtypes.ParameterTypeSecureString) {
		return &propertyError{"/Type", "AWS CloudFormation doesn't support creating a SecureString parameter type"}
	}
	return decodeMap(restored(r, map[string]any{"AllowedPattern": "", "Description": ""}), in, "Tags")
}

func (p parameters) put(ctx context.Context, in *awsssm.PutParameterInput) (*resource.Result, error) {
	if _, err := p.Parameters.PutParameter(ctx, in); err != nil {
		return nil, err
	}
	return &resource.Result{PhysicalID: *in.Name, Attributes: map[string]any{
		"Type": string(in.Type), "Value": aws.ToString(in.Value),
	}}, nil
}
