package iam

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/magewright/magewright/tools/localaws/iam/policy"
)

// PutRolePolicy adds or replaces an inline policy of a role.
func (s *Service) PutRolePolicy(_ context.Context, in *awsiam.PutRolePolicyInput) (*awsiam.PutRolePolicyOutput, error) {
	if err := checkName("policyName", in.PolicyName, 128); err != nil {
		return nil, err
	}
	parsed, err := parse(in.PolicyDocument, aws.ToString(in.PolicyName), policy.Identity)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RoleName)
	if err != nil {
		return nil, err
	}
	total := size(*in.PolicyDocument)
	for name, p := range r.inline {
		if name != *in.PolicyName {
			total += size(p.document)
		}
	}
	if total > inlinePolicySize {
		return nil, limitExceeded("Maximum policy size of 10240 bytes exceeded for role " + *in.RoleName)
	}
	r.inline[*in.PolicyName] = inlinePolicy{*in.PolicyDocument, parsed}
	return &awsiam.PutRolePolicyOutput{}, nil
}

// GetRolePolicy returns an inline policy of a role.
func (s *Service) GetRolePolicy(_ context.Context, in *awsiam.GetRolePolicyInput) (*awsiam.GetRolePolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RoleName)
	if err != nil {
		return nil, err
	}
	p, ok := r.inline[aws.ToString(in.PolicyName)]
	if !ok {
		return nil, noSuchEntity("The role policy with name %s cannot be found.", aws.ToString(in.PolicyName))
	}
	return &awsiam.GetRolePolicyOutput{
		RoleName: aws.String(*in.RoleName), PolicyName: aws.String(*in.PolicyName), PolicyDocument: escape(p.document),
	}, nil
}

// DeleteRolePolicy removes an inline policy of a role.
func (s *Service) DeleteRolePolicy(_ context.Context, in *awsiam.DeleteRolePolicyInput) (*awsiam.DeleteRolePolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RoleName)
	if err != nil {
		return nil, err
	}
	if _, ok := r.inline[aws.ToString(in.PolicyName)]; !ok {
		return nil, noSuchEntity("The role policy with name %s cannot be found.", aws.ToString(in.PolicyName))
	}
	delete(r.inline, *in.PolicyName)
	return &awsiam.DeleteRolePolicyOutput{}, nil
}

// ListRolePolicies returns the names of a role's inline policies.
func (s *Service) ListRolePolicies(_ context.Context, in *awsiam.ListRolePoliciesInput) (*awsiam.ListRolePoliciesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RoleName)
	if err != nil {
		return nil, err
	}
	names, next, err := page(slices.Sorted(maps.Keys(r.inline)), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.ListRolePoliciesOutput{PolicyNames: names, IsTruncated: next != nil, Marker: next}, nil
}

// AttachRolePolicy attaches a managed policy to a role. Attaching it again has
// no effect.
func (s *Service) AttachRolePolicy(_ context.Context, in *awsiam.AttachRolePolicyInput) (*awsiam.AttachRolePolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RoleName)
	if err != nil {
		return nil, err
	}
	arn := aws.ToString(in.PolicyArn)
	if !s.attachable(arn) {
		return nil, noSuchEntity("Policy %s does not exist or is not attachable.", arn)
	}
	if slices.Contains(r.attached, arn) {
		return &awsiam.AttachRolePolicyOutput{}, nil
	}
	if len(r.attached) >= policiesPerRole {
		return nil, limitExceeded("Cannot exceed quota for PoliciesPerRole: 20")
	}
	r.attached = append(r.attached, arn)
	return &awsiam.AttachRolePolicyOutput{}, nil
}

// DetachRolePolicy detaches a managed policy from a role.
func (s *Service) DetachRolePolicy(_ context.Context, in *awsiam.DetachRolePolicyInput) (*awsiam.DetachRolePolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RoleName)
	if err != nil {
		return nil, err
	}
	i := slices.Index(r.attached, aws.ToString(in.PolicyArn))
	if i < 0 {
		return nil, noSuchEntity("Policy %s was not found.", aws.ToString(in.PolicyArn))
	}
	r.attached = slices.Delete(r.attached, i, i+1)
	return &awsiam.DetachRolePolicyOutput{}, nil
}

// ListAttachedRolePolicies returns the managed policies of a role.
func (s *Service) ListAttachedRolePolicies(_ context.Context, in *awsiam.ListAttachedRolePoliciesInput) (*awsiam.ListAttachedRolePoliciesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RoleName)
	if err != nil {
		return nil, err
	}
	var attached []types.AttachedPolicy
	for _, arn := range r.attached {
		path, name := splitPolicyARN(arn)
		if strings.HasPrefix(path, aws.ToString(in.PathPrefix)) {
			attached = append(attached, types.AttachedPolicy{PolicyArn: aws.String(arn), PolicyName: aws.String(name)})
		}
	}
	items, next, err := page(attached, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.ListAttachedRolePoliciesOutput{AttachedPolicies: items, IsTruncated: next != nil, Marker: next}, nil
}

// ListInstanceProfilesForRole returns an empty list, because there are no
// instances. Tools call it before they delete a role.
func (s *Service) ListInstanceProfilesForRole(_ context.Context, in *awsiam.ListInstanceProfilesForRoleInput) (*awsiam.ListInstanceProfilesForRoleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(in.RoleName); err != nil {
		return nil, err
	}
	return &awsiam.ListInstanceProfilesForRoleOutput{InstanceProfiles: []types.InstanceProfile{}}, nil
}
