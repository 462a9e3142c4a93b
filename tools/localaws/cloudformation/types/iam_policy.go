package types

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// rolePolicy is AWS::IAM::Policy for roles. Users and groups are not supported,
// because the embedded AWS has none.
func rolePolicy(d Deps) definition {
	p := rolePolicies{d}
	return definition{
		required: []string{"PolicyDocument", "PolicyName"},
		Type: resource.Type{
			Name:       "AWS::IAM::Policy",
			Properties: []string{"PolicyDocument", "PolicyName", "Roles"},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				id := generatedShortName(r)
				made := &resource.Result{PhysicalID: id, Attributes: map[string]any{"Id": id}}
				return made, p.put(ctx, r)
			},
			Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				if err := p.put(ctx, r); err != nil {
					return nil, err
				}
				kept, err := stringsIn(r.Properties, "Roles")
				if err != nil {
					return nil, err
				}
				if changed(r, "PolicyName") {
					// The policy under the old name is removed from every role.
					kept = nil
				}
				result := &resource.Result{PhysicalID: r.PhysicalID, Attributes: map[string]any{"Id": r.PhysicalID}}
				return result, p.remove(ctx, r.OldProperties, kept)
			},
			Delete: func(ctx context.Context, r *resource.Request) error { return p.remove(ctx, r.Properties, nil) },
		},
	}
}

type rolePolicies struct{ Deps }

func (p rolePolicies) put(ctx context.Context, r *resource.Request) error {
	text, err := document(r.Properties, "PolicyDocument")
	if err != nil {
		return err
	}
	names, err := stringsIn(r.Properties, "Roles")
	if err != nil {
		return err
	}
	for _, name := range names {
		in := &awsiam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String(stringOf(r.Properties, "PolicyName")), PolicyDocument: text}
		if _, err := p.Identities.PutRolePolicy(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes the policy from the roles that the properties name, except
// from those in kept.
func (p rolePolicies) remove(ctx context.Context, properties map[string]any, kept []string) error {
	names, err := stringsIn(properties, "Roles")
	if err != nil {
		return err
	}
	for _, name := range names {
		if slices.Contains(kept, name) {
			continue
		}
		in := &awsiam.DeleteRolePolicyInput{RoleName: &name, PolicyName: aws.String(stringOf(properties, "PolicyName"))}
		if _, err := p.Identities.DeleteRolePolicy(ctx, in); err != nil && handlerCode(err) != "NotFound" {
			return err
		}
	}
	return nil
}

// inlinePolicy is AWS::IAM::RolePolicy: one policy of one role.
func inlinePolicy(d Deps) definition {
	put := func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
		in := &awsiam.PutRolePolicyInput{}
		if err := decode(r, in, "PolicyDocument"); err != nil {
			return nil, err
		}
		var err error
		if in.PolicyDocument, err = document(r.Properties, "PolicyDocument"); err != nil {
			return nil, err
		}
		if _, err := d.Identities.PutRolePolicy(ctx, in); err != nil {
			return nil, err
		}
		return &resource.Result{PhysicalID: *in.PolicyName + "|" + *in.RoleName}, nil
	}
	return definition{
		// The service would refuse a policy without a document.
		required: []string{"PolicyDocument", "PolicyName", "RoleName"},
		Type: resource.Type{
			Name: "AWS::IAM::RolePolicy", Properties: []string{"PolicyDocument", "PolicyName", "RoleName"}, Create: put, Update: put,
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.Identities.DeleteRolePolicy(ctx, &awsiam.DeleteRolePolicyInput{
					RoleName: aws.String(stringOf(r.Properties, "RoleName")), PolicyName: aws.String(stringOf(r.Properties, "PolicyName")),
				})
				return err
			},
		},
	}
}

// managedPolicy is AWS::IAM::ManagedPolicy for roles. See [rolePolicy] for
// users and groups.
func managedPolicy(d Deps) definition {
	m := managedPolicies{d}
	return definition{
		required: []string{"PolicyDocument"},
		Type: resource.Type{
			Name:       "AWS::IAM::ManagedPolicy",
			Properties: []string{"Description", "ManagedPolicyName", "Path", "PolicyDocument", "Roles"},
			Create:     m.create,
			Update:     m.update,
			Delete:     m.remove,
		},
	}
}

type managedPolicies struct{ Deps }

func (m managedPolicies) create(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	in := &awsiam.CreatePolicyInput{}
	err := decode(r, in, "ManagedPolicyName", "PolicyDocument", "Roles")
	if err != nil {
		return nil, err
	}
	in.PolicyName = nameOf(r, "ManagedPolicyName", 128)
	if in.PolicyDocument, err = document(r.Properties, "PolicyDocument"); err != nil {
		return nil, err
	}
	out, err := m.Identities.CreatePolicy(ctx, in)
	if err != nil {
		return nil, err
	}
	made := managedPolicyResult(out.Policy.Arn, out.Policy.PolicyId, out.Policy.DefaultVersionId)
	return made, m.attach(ctx, r, out.Policy.Arn)
}

// maxVersions is the number of versions that a managed policy can have.
const maxVersions = 5

func (m managedPolicies) update(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	arn := aws.String(r.PhysicalID)
	if changed(r, "PolicyDocument") {
		text, err := document(r.Properties, "PolicyDocument")
		if err != nil {
			return nil, err
		}
		versions, err := m.otherVersions(ctx, arn)
		if err != nil {
			return nil, err
		}
		if len(versions) >= maxVersions-1 {
			if err := m.deleteVersion(ctx, arn, versions[0]); err != nil {
				return nil, err
			}
		}
		in := &awsiam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: text, SetAsDefault: true}
		if _, err := m.Identities.CreatePolicyVersion(ctx, in); err != nil {
			return nil, err
		}
	}
	if err := m.attach(ctx, r, arn); err != nil {
		return nil, err
	}
	out, err := m.Identities.GetPolicy(ctx, &awsiam.GetPolicyInput{PolicyArn: arn})
	if err != nil {
		return nil, err
	}
	return managedPolicyResult(arn, out.Policy.PolicyId, out.Policy.DefaultVersionId), nil
}

func (m managedPolicies) remove(ctx context.Context, r *resource.Request) error {
	arn := aws.String(r.PhysicalID)
	without := *r
	without.OldProperties, without.Properties = r.Properties, nil
	if err := m.attach(ctx, &without, arn); err != nil {
		return err
	}
	versions, err := m.otherVersions(ctx, arn)
	if err != nil {
		return err
	}
	for _, v := range versions {
		if err := m.deleteVersion(ctx, arn, v); err != nil {
			return err
		}
	}
	_, err = m.Identities.DeletePolicy(ctx, &awsiam.DeletePolicyInput{PolicyArn: arn})
	return err
}

// attach attaches the policy to the roles that the properties name, and
// detaches it from those that only the old properties name.
func (m managedPolicies) attach(ctx context.Context, r *resource.Request, arn *string) error {
	wanted, err := stringsIn(r.Properties, "Roles")
	if err != nil {
		return err
	}
	old, err := stringsIn(r.OldProperties, "Roles")
	if err != nil {
		return err
	}
	for _, name := range wanted {
		if slices.Contains(old, name) {
			continue
		}
		if _, err := m.Identities.AttachRolePolicy(ctx, &awsiam.AttachRolePolicyInput{RoleName: &name, PolicyArn: arn}); err != nil {
			return err
		}
	}
	for _, name := range old {
		if slices.Contains(wanted, name) {
			continue
		}
		if _, err := m.Identities.DetachRolePolicy(ctx, &awsiam.DetachRolePolicyInput{RoleName: &name, PolicyArn: arn}); err != nil && handlerCode(err) != "NotFound" {
			return err
		}
	}
	return nil
}

// otherVersions returns the versions that are not the default, oldest first.
func (m managedPolicies) otherVersions(ctx context.Context, arn *string) ([]string, error) {
	out, err := m.Identities.ListPolicyVersions(ctx, &awsiam.ListPolicyVersionsInput{PolicyArn: arn})
	if err != nil {
		return nil, err
	}
	var ids []string
	// IAM lists the newest version first.
	for _, v := range out.Versions {
		if !v.IsDefaultVersion {
			ids = append(ids, aws.ToString(v.VersionId))
		}
	}
	slices.Reverse(ids)
	return ids, nil
}

func (m managedPolicies) deleteVersion(ctx context.Context, arn *string, id string) error {
	_, err := m.Identities.DeletePolicyVersion(ctx, &awsiam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: &id})
	return err
}

func managedPolicyResult(arn, id, version *string) *resource.Result {
	return &resource.Result{PhysicalID: aws.ToString(arn), Attributes: map[string]any{
		"DefaultVersionId": aws.ToString(version),
		"PolicyArn":        aws.ToString(arn),
		"PolicyId":         aws.ToString(id),
	}}
}
