package types

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// role is AWS::IAM::Role.
func role(d Deps) definition {
	i := roles{d}
	return definition{
		required: []string{"AssumeRolePolicyDocument"},
		Type: resource.Type{
			Name: "AWS::IAM::Role",
			Properties: []string{
				"AssumeRolePolicyDocument", "Description", "ManagedPolicyArns", "MaxSessionDuration", "Path", "PermissionsBoundary",
				"Policies", "RoleName", "Tags",
			},
			Create: i.create,
			Update: i.update,
			Delete: i.remove,
		},
	}
}

type roles struct{ Deps }

func iamTag(k, v *string) iamtypes.Tag { return iamtypes.Tag{Key: k, Value: v} }

func (i roles) create(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	in := &awsiam.CreateRoleInput{}
	err := decode(r, in, "AssumeRolePolicyDocument", "ManagedPolicyArns", "Policies", "Tags")
	if err != nil {
		return nil, err
	}
	if in.AssumeRolePolicyDocument, err = document(r.Properties, "AssumeRolePolicyDocument"); err != nil {
		return nil, err
	}
	// The role could not be deleted either if this failed after it is made.
	if _, err := stringsIn(r.Properties, "ManagedPolicyArns"); err != nil {
		return nil, err
	}
	tags, err := tagsOf(r)
	if err != nil {
		return nil, err
	}
	in.RoleName, in.Tags = nameOf(r, "RoleName", 64), tagList(tags, iamTag)
	out, err := i.Identities.CreateRole(ctx, in)
	if err != nil {
		return nil, err
	}
	made := &resource.Result{PhysicalID: *in.RoleName, Attributes: map[string]any{
		"Arn":    aws.ToString(out.Role.Arn),
		"RoleId": aws.ToString(out.Role.RoleId),
	}}
	return made, i.setPolicies(ctx, r, in.RoleName)
}

func (i roles) update(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	name := aws.String(r.PhysicalID)
	if changed(r, "AssumeRolePolicyDocument") {
		text, err := document(r.Properties, "AssumeRolePolicyDocument")
		if err != nil {
			return nil, err
		}
		if _, err := i.Identities.UpdateAssumeRolePolicy(ctx, &awsiam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: text}); err != nil {
			return nil, err
		}
	}
	if changed(r, "Description", "MaxSessionDuration") {
		in := &awsiam.UpdateRoleInput{RoleName: name}
		properties := restored(r, map[string]any{"Description": "", "MaxSessionDuration": 3600.0})
		if err := decodeProperty(properties, "Description", &in.Description); err != nil {
			return nil, err
		}
		if err := decodeProperty(properties, "MaxSessionDuration", &in.MaxSessionDuration); err != nil {
			return nil, err
		}
		if _, err := i.Identities.UpdateRole(ctx, in); err != nil {
			return nil, err
		}
	}
	if changed(r, "PermissionsBoundary") {
		var err error
		if boundary := stringOf(r.Properties, "PermissionsBoundary"); boundary != "" {
			_, err = i.Identities.PutRolePermissionsBoundary(ctx, &awsiam.PutRolePermissionsBoundaryInput{RoleName: name, PermissionsBoundary: &boundary})
		} else {
			_, err = i.Identities.DeleteRolePermissionsBoundary(ctx, &awsiam.DeleteRolePermissionsBoundaryInput{RoleName: name})
		}
		if err != nil {
			return nil, err
		}
	}
	if err := i.setPolicies(ctx, r, name); err != nil {
		return nil, err
	}
	err := retag(r,
		func(tags map[string]string) error {
			_, err := i.Identities.TagRole(ctx, &awsiam.TagRoleInput{RoleName: name, Tags: tagList(tags, iamTag)})
			return err
		},
		func(keys []string) error {
			_, err := i.Identities.UntagRole(ctx, &awsiam.UntagRoleInput{RoleName: name, TagKeys: keys})
			return err
		})
	if err != nil {
		return nil, err
	}
	out, err := i.Identities.GetRole(ctx, &awsiam.GetRoleInput{RoleName: name})
	if err != nil {
		return nil, err
	}
	return &resource.Result{PhysicalID: r.PhysicalID, Attributes: map[string]any{
		"Arn":    aws.ToString(out.Role.Arn),
		"RoleId": aws.ToString(out.Role.RoleId),
	}}, nil
}

// remove detaches and deletes the role's policies, and then deletes the role.
// IAM refuses to delete a role that still has policies.
func (i roles) remove(ctx context.Context, r *resource.Request) error {
	without := *r
	without.OldProperties, without.Properties = r.Properties, nil
	name := aws.String(r.PhysicalID)
	if err := i.setPolicies(ctx, &without, name); err != nil {
		return err
	}
	_, err := i.Identities.DeleteRole(ctx, &awsiam.DeleteRoleInput{RoleName: name})
	return err
}

// setPolicies attaches and embeds the policies that the properties name. It
// removes those that only the old properties name.
func (i roles) setPolicies(ctx context.Context, r *resource.Request, name *string) error {
	attached, err := stringsIn(r.Properties, "ManagedPolicyArns")
	if err != nil {
		return err
	}
	old, err := stringsIn(r.OldProperties, "ManagedPolicyArns")
	if err != nil {
		return err
	}
	for _, arn := range attached {
		if slices.Contains(old, arn) {
			continue
		}
		if _, err := i.Identities.AttachRolePolicy(ctx, &awsiam.AttachRolePolicyInput{RoleName: name, PolicyArn: &arn}); err != nil {
			return err
		}
	}
	for _, arn := range old {
		if slices.Contains(attached, arn) {
			continue
		}
		if _, err := i.Identities.DetachRolePolicy(ctx, &awsiam.DetachRolePolicyInput{RoleName: name, PolicyArn: &arn}); err != nil && handlerCode(err) != "NotFound" {
			return err
		}
	}
	embedded, err := embeddedPolicies(r.Properties)
	if err != nil {
		return err
	}
	oldEmbedded, err := embeddedPolicies(r.OldProperties)
	if err != nil {
		return err
	}
	for _, policy := range slices.Sorted(maps.Keys(embedded)) {
		if text := embedded[policy]; oldEmbedded[policy] != text {
			if _, err := i.Identities.PutRolePolicy(ctx, &awsiam.PutRolePolicyInput{RoleName: name, PolicyName: &policy, PolicyDocument: &text}); err != nil {
				return err
			}
		}
	}
	for _, policy := range slices.Sorted(maps.Keys(oldEmbedded)) {
		if _, kept := embedded[policy]; kept {
			continue
		}
		if _, err := i.Identities.DeleteRolePolicy(ctx, &awsiam.DeleteRolePolicyInput{RoleName: name, PolicyName: &policy}); err != nil && handlerCode(err) != "NotFound" {
			return err
		}
	}
	return nil
}

// embeddedPolicies returns the documents of a role's Policies by name.
func embeddedPolicies(properties map[string]any) (map[string]string, error) {
	var list []struct {
		PolicyName     string
		PolicyDocument any
	}
	if err := decodeProperty(properties, "Policies", &list); err != nil {
		return nil, err
	}
	policies := map[string]string{}
	for i, p := range list {
		text, err := documentText(fmt.Sprintf("/Policies/%d/PolicyDocument", i), p.PolicyDocument)
		if err != nil {
			return nil, err
		}
		policies[p.PolicyName] = text
	}
	return policies, nil
}

func stringsIn(properties map[string]any, name string) ([]string, error) {
	var list []string
	err := decodeProperty(properties, name, &list)
	return list, err
}
