package types

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// repository is AWS::ECR::Repository.
func repository(d Deps) definition {
	e := repositories{d}
	return definition{Type: resource.Type{
		Name: "AWS::ECR::Repository",
		Properties: []string{
			"EmptyOnDelete", "EncryptionConfiguration", "ImageScanningConfiguration", "ImageTagMutability",
			"ImageTagMutabilityExclusionFilters", "LifecyclePolicy", "RepositoryName", "RepositoryPolicyText", "Tags",
		},
		Create: e.create,
		Update: e.update,
		Delete: func(ctx context.Context, r *resource.Request) error {
			in := &awsecr.DeleteRepositoryInput{RepositoryName: aws.String(r.PhysicalID)}
			if err := decodeProperty(r.Properties, "EmptyOnDelete", &in.Force); err != nil {
				return err
			}
			_, err := d.Repositories.DeleteRepository(ctx, in)
			return err
		},
	}}
}

type repositories struct{ Deps }

func ecrTag(k, v *string) ecrtypes.Tag { return ecrtypes.Tag{Key: k, Value: v} }

func (e repositories) create(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	in := &awsecr.CreateRepositoryInput{}
	if err := decode(r, in, "EmptyOnDelete", "LifecyclePolicy", "RepositoryPolicyText", "Tags"); err != nil {
		return nil, err
	}
	tags, err := tagsOf(r)
	if err != nil {
		return nil, err
	}
	in.RepositoryName = lowerName(r, "RepositoryName", 256)
	in.Tags = tagList(tags, ecrTag)
	out, err := e.Repositories.CreateRepository(ctx, in)
	if err != nil {
		return nil, err
	}
	made := &resource.Result{PhysicalID: *in.RepositoryName, Attributes: map[string]any{
		"Arn":           aws.ToString(out.Repository.RepositoryArn),
		"RepositoryUri": aws.ToString(out.Repository.RepositoryUri),
	}}
	return made, e.setPolicies(ctx, r, in.RepositoryName)
}

func (e repositories) update(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	name := aws.String(r.PhysicalID)
	if changed(r, "ImageScanningConfiguration") {
		in := &awsecr.PutImageScanningConfigurationInput{RepositoryName: name, ImageScanningConfiguration: &ecrtypes.ImageScanningConfiguration{}}
		if err := decodeProperty(r.Properties, "ImageScanningConfiguration", &in.ImageScanningConfiguration); err != nil {
			return nil, err
		}
		if _, err := e.Repositories.PutImageScanningConfiguration(ctx, in); err != nil {
			return nil, err
		}
	}
	if changed(r, "ImageTagMutability", "ImageTagMutabilityExclusionFilters") {
		in := &awsecr.PutImageTagMutabilityInput{RepositoryName: name, ImageTagMutability: ecrtypes.ImageTagMutabilityMutable}
		if err := decodeProperty(r.Properties, "ImageTagMutability", &in.ImageTagMutability); err != nil {
			return nil, err
		}
		if err := decodeProperty(r.Properties, "ImageTagMutabilityExclusionFilters", &in.ImageTagMutabilityExclusionFilters); err != nil {
			return nil, err
		}
		if _, err := e.Repositories.PutImageTagMutability(ctx, in); err != nil {
			return nil, err
		}
	}
	if err := e.setPolicies(ctx, r, name); err != nil {
		return nil, err
	}
	arn := aws.String(e.Account.ARN("ecr", "repository/"+r.PhysicalID))
	err := retag(r,
		func(tags map[string]string) error {
			_, err := e.Repositories.TagResource(ctx, &awsecr.TagResourceInput{ResourceArn: arn, Tags: tagList(tags, ecrTag)})
			return err
		},
		func(keys []string) error {
			_, err := e.Repositories.UntagResource(ctx, &awsecr.UntagResourceInput{ResourceArn: arn, TagKeys: keys})
			return err
		})
	return &resource.Result{PhysicalID: r.PhysicalID, Attributes: map[string]any{
		"Arn":           *arn,
		"RepositoryUri": e.Account.ID + ".dkr.ecr." + e.Account.Region + ".amazonaws.com/" + r.PhysicalID,
	}}, err
}

// setPolicies sets the repository's two policy documents, and removes those
// that the properties no longer contain.
func (e repositories) setPolicies(ctx context.Context, r *resource.Request, name *string) error {
	if changed(r, "RepositoryPolicyText") {
		text, err := document(r.Properties, "RepositoryPolicyText")
		if err != nil {
			return err
		}
		if text != nil {
			_, err = e.Repositories.SetRepositoryPolicy(ctx, &awsecr.SetRepositoryPolicyInput{RepositoryName: name, PolicyText: text})
		} else {
			_, err = e.Repositories.DeleteRepositoryPolicy(ctx, &awsecr.DeleteRepositoryPolicyInput{RepositoryName: name})
		}
		if err != nil {
			return err
		}
	}
	if !changed(r, "LifecyclePolicy") {
		return nil
	}
	var policy struct {
		LifecyclePolicyText *string
		RegistryId          *string
	}
	if err := decodeProperty(r.Properties, "LifecyclePolicy", &policy); err != nil {
		return err
	}
	if policy.LifecyclePolicyText == nil {
		_, err := e.Repositories.DeleteLifecyclePolicy(ctx, &awsecr.DeleteLifecyclePolicyInput{RepositoryName: name})
		return err
	}
	_, err := e.Repositories.PutLifecyclePolicy(ctx, &awsecr.PutLifecyclePolicyInput{
		RepositoryName: name, LifecyclePolicyText: policy.LifecyclePolicyText, RegistryId: policy.RegistryId,
	})
	return err
}
