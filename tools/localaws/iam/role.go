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

// A role is a role with its policies. Its trust policy is stored unchanged.
type role struct {
	types.Role
	trust    *policy.Policy
	inline   map[string]inlinePolicy // by name
	attached []string                // ARNs, in order of attachment
}

type inlinePolicy struct {
	document string
	parsed   *policy.Policy
}

// copy returns the role in IAM's form.
func (r *role) copy() *types.Role {
	c := r.Role
	c.AssumeRolePolicyDocument = escape(*r.AssumeRolePolicyDocument)
	c.Tags = slices.Clone(r.Tags)
	return &c
}

// find returns the role with a name. The caller holds the service's lock.
func (s *Service) find(name *string) (*role, error) {
	if r := s.roles[aws.ToString(name)]; r != nil {
		return r, nil
	}
	return nil, noSuchEntity("The role with name %s cannot be found.", aws.ToString(name))
}

const (
	roleNameLength   = 64
	trustPolicySize  = 4096 // the highest value that AWS's quota can be raised to
	defaultSession   = 3600
	longestSession   = 43200
	inlinePolicySize = 10240 // for all inline policies of a role together
	policiesPerRole  = 20    // the highest value that AWS's quota can be raised to
)

// CreateRole creates a role.
func (s *Service) CreateRole(_ context.Context, in *awsiam.CreateRoleInput) (*awsiam.CreateRoleOutput, error) {
	if err := checkName("roleName", in.RoleName, roleNameLength); err != nil {
		return nil, err
	}
	path, err := checkPath(in.Path)
	if err != nil {
		return nil, err
	}
	trust, err := parseTrust(in.AssumeRolePolicyDocument)
	if err != nil {
		return nil, err
	}
	session, err := checkSession(in.MaxSessionDuration)
	if err != nil {
		return nil, err
	}
	tags, err := mergeTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.roles[*in.RoleName] != nil {
		return nil, &types.EntityAlreadyExistsException{
			Message: aws.String("Role with name " + *in.RoleName + " already exists."),
		}
	}
	r := &role{trust: trust, inline: map[string]inlinePolicy{}, Role: types.Role{
		Arn:                      aws.String(s.account.GlobalARN("iam", "role"+path+*in.RoleName)),
		AssumeRolePolicyDocument: aws.String(*in.AssumeRolePolicyDocument),
		CreateDate:               aws.Time(s.account.Clock.Now()),
		Description:              in.Description,
		MaxSessionDuration:       session,
		Path:                     aws.String(path),
		PermissionsBoundary:      boundary(in.PermissionsBoundary),
		RoleId:                   newID("AROA"),
		RoleName:                 aws.String(*in.RoleName),
		Tags:                     tags,
	}}
	s.roles[*in.RoleName] = r
	return &awsiam.CreateRoleOutput{Role: r.copy()}, nil
}

func parseTrust(document *string) (*policy.Policy, error) {
	trust, err := parse(document, "trust policy", policy.Trust)
	if err != nil {
		return nil, err
	}
	if size(*document) > trustPolicySize {
		return nil, limitExceeded("Cannot exceed quota for ACLSizePerRole: 4096")
	}
	return trust, nil
}

func checkSession(seconds *int32) (*int32, error) {
	n := defaultSession
	if seconds != nil {
		n = int(*seconds)
	}
	if n < defaultSession || n > longestSession {
		return nil, invalid("1 validation error detected: 'maxSessionDuration' must be from 3600 to 43200")
	}
	return aws.Int32(int32(n)), nil // #nosec G115 -- it is in the range just checked
}

func boundary(arn *string) *types.AttachedPermissionsBoundary {
	if arn == nil {
		return nil
	}
	return &types.AttachedPermissionsBoundary{
		PermissionsBoundaryArn:  aws.String(*arn),
		PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy,
	}
}

// GetRole returns a role.
func (s *Service) GetRole(_ context.Context, in *awsiam.GetRoleInput) (*awsiam.GetRoleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RoleName)
	if err != nil {
		return nil, err
	}
	return &awsiam.GetRoleOutput{Role: r.copy()}, nil
}

// ListRoles returns the roles whose path has a prefix, sorted by name.
func (s *Service) ListRoles(_ context.Context, in *awsiam.ListRolesInput) (*awsiam.ListRolesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var roles []types.Role
	for _, name := range slices.Sorted(maps.Keys(s.roles)) {
		r := s.roles[name].copy()
		if strings.HasPrefix(*r.Path, aws.ToString(in.PathPrefix)) {
			// IAM leaves these out of lists.
			r.Tags, r.PermissionsBoundary = nil, nil
			roles = append(roles, *r)
		}
	}
	items, next, err := page(roles, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.ListRolesOutput{Roles: items, IsTruncated: next != nil, Marker: next}, nil
}

// DeleteRole deletes a role that has no policies left.
func (s *Service) DeleteRole(_ context.Context, in *awsiam.DeleteRoleInput) (*awsiam.DeleteRoleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RoleName)
	if err != nil {
		return nil, err
	}
	switch {
	case len(r.attached) > 0:
		return nil, deleteConflict("Cannot delete entity, must detach all policies first.")
	case len(r.inline) > 0:
		return nil, deleteConflict("Cannot delete entity, must delete policies first.")
	}
	delete(s.roles, *in.RoleName)
	return &awsiam.DeleteRoleOutput{}, nil
}

func deleteConflict(message string) error {
	return &types.DeleteConflictException{Message: aws.String(message)}
}

// UpdateRole changes a role's description and its maximum session duration.
func (s *Service) UpdateRole(_ context.Context, in *awsiam.UpdateRoleInput) (*awsiam.UpdateRoleOutput, error) {
	session, err := checkSession(in.MaxSessionDuration)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RoleName)
	if err != nil {
		return nil, err
	}
	if in.Description != nil {
		r.Description = aws.String(*in.Description)
	}
	if in.MaxSessionDuration != nil {
		r.MaxSessionDuration = session
	}
	return &awsiam.UpdateRoleOutput{}, nil
}

// UpdateAssumeRolePolicy replaces a role's trust policy.
func (s *Service) UpdateAssumeRolePolicy(_ context.Context, in *awsiam.UpdateAssumeRolePolicyInput) (*awsiam.UpdateAssumeRolePolicyOutput, error) {
	trust, err := parseTrust(in.PolicyDocument)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RoleName)
	if err != nil {
		return nil, err
	}
	r.AssumeRolePolicyDocument, r.trust = aws.String(*in.PolicyDocument), trust
	return &awsiam.UpdateAssumeRolePolicyOutput{}, nil
}

// PutRolePermissionsBoundary sets a role's permissions boundary.
func (s *Service) PutRolePermissionsBoundary(_ context.Context, in *awsiam.PutRolePermissionsBoundaryInput) (*awsiam.PutRolePermissionsBoundaryOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RoleName)
	if err != nil {
		return nil, err
	}
	if !s.attachable(aws.ToString(in.PermissionsBoundary)) {
		return nil, noSuchEntity("Scope ARN: %s does not exist or is not attachable.", aws.ToString(in.PermissionsBoundary))
	}
	r.PermissionsBoundary = boundary(in.PermissionsBoundary)
	return &awsiam.PutRolePermissionsBoundaryOutput{}, nil
}

// DeleteRolePermissionsBoundary removes a role's permissions boundary.
func (s *Service) DeleteRolePermissionsBoundary(_ context.Context, in *awsiam.DeleteRolePermissionsBoundaryInput) (*awsiam.DeleteRolePermissionsBoundaryOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RoleName)
	if err != nil {
		return nil, err
	}
	r.PermissionsBoundary = nil
	return &awsiam.DeleteRolePermissionsBoundaryOutput{}, nil
}

// TagRole adds tags to a role.
func (s *Service) TagRole(_ context.Context, in *awsiam.TagRoleInput) (*awsiam.TagRoleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RoleName)
	if err != nil {
		return nil, err
	}
	tags, err := mergeTags(r.Tags, in.Tags)
	if err != nil {
		return nil, err
	}
	r.Tags = tags
	return &awsiam.TagRoleOutput{}, nil
}

// UntagRole removes tags from a role.
func (s *Service) UntagRole(_ context.Context, in *awsiam.UntagRoleInput) (*awsiam.UntagRoleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RoleName)
	if err != nil {
		return nil, err
	}
	r.Tags = removeTags(r.Tags, in.TagKeys)
	return &awsiam.UntagRoleOutput{}, nil
}

// ListRoleTags returns a role's tags.
func (s *Service) ListRoleTags(_ context.Context, in *awsiam.ListRoleTagsInput) (*awsiam.ListRoleTagsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RoleName)
	if err != nil {
		return nil, err
	}
	tags, next, err := page(r.Tags, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.ListRoleTagsOutput{Tags: tags, IsTruncated: next != nil, Marker: next}, nil
}
