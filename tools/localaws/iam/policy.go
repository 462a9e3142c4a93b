package iam

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/localaws/iam/policy"
)

// managed is a customer managed policy.
type managed struct {
	types.Policy
	versions []version // sorted, newest last
	made     int       // number of versions ever created
}

// A version is a version of a managed policy.
type version struct {
	id       string
	document string
	parsed   *policy.Policy
	created  time.Time
}

const (
	managedPolicySize = 6144
	policyVersions    = 5
)

// attachable reports whether the policy can be attached to a role. The caller
// holds the service's lock.
func (s *Service) attachable(arn string) bool {
	return s.policies[arn] != nil || awsManaged.MatchString(arn)
}

// splitPolicyARN returns a policy's path and name.
func splitPolicyARN(arn string) (path, name string) {
	_, resource, _ := strings.Cut(arn, ":policy")
	i := strings.LastIndex(resource, "/")
	return resource[:i+1], resource[i+1:]
}

// get returns a customer managed policy. The caller holds the service's lock.
func (s *Service) get(arn *string) (*managed, error) {
	if p := s.policies[aws.ToString(arn)]; p != nil {
		return p, nil
	}
	if awsManaged.MatchString(aws.ToString(arn)) {
		return nil, &smithy.GenericAPIError{
			Code:    "AccessDenied",
			Message: *arn + " is managed by AWS: it can't be changed",
			Fault:   smithy.FaultClient,
		}
	}
	return nil, noSuchEntity("Policy %s was not found.", aws.ToString(arn))
}

// attachments counts the roles that use a policy, as an attached policy and as
// a permissions boundary.
func (s *Service) attachments(arn string) (attached, boundaries int32) {
	for _, r := range s.roles {
		if slices.Contains(r.attached, arn) {
			attached++
		}
		if b := r.PermissionsBoundary; b != nil && *b.PermissionsBoundaryArn == arn {
			boundaries++
		}
	}
	return attached, boundaries
}

// describe returns a policy in IAM's form.
func (s *Service) describe(p *managed) *types.Policy {
	c := p.Policy
	attached, boundaries := s.attachments(*p.Arn)
	c.AttachmentCount, c.PermissionsBoundaryUsageCount = aws.Int32(attached), aws.Int32(boundaries)
	c.Tags = slices.Clone(p.Tags)
	return &c
}

func parseManaged(document *string, arn string) (*policy.Policy, error) {
	parsed, err := parse(document, arn, policy.Identity)
	if err != nil {
		return nil, err
	}
	if size(*document) > managedPolicySize {
		return nil, limitExceeded("Cannot exceed quota for PolicySize: 6144")
	}
	return parsed, nil
}

// CreatePolicy creates a managed policy with version v1.
func (s *Service) CreatePolicy(_ context.Context, in *awsiam.CreatePolicyInput) (*awsiam.CreatePolicyOutput, error) {
	if err := checkName("policyName", in.PolicyName, 128); err != nil {
		return nil, err
	}
	path, err := checkPath(in.Path)
	if err != nil {
		return nil, err
	}
	arn := s.account.GlobalARN("iam", "policy"+path+*in.PolicyName)
	parsed, err := parseManaged(in.PolicyDocument, arn)
	if err != nil {
		return nil, err
	}
	tags, err := mergeTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// Names are unique across paths.
	for _, p := range s.policies {
		if strings.EqualFold(*p.PolicyName, *in.PolicyName) {
			return nil, &types.EntityAlreadyExistsException{
				Message: aws.String("A policy called " + *in.PolicyName + " already exists. Duplicate names are not allowed."),
			}
		}
	}
	now := s.account.Clock.Now()
	p := &managed{Policy: types.Policy{
		Arn:          aws.String(arn),
		CreateDate:   aws.Time(now),
		Description:  in.Description,
		IsAttachable: true,
		Path:         aws.String(path),
		PolicyId:     newID("ANPA"),
		PolicyName:   aws.String(*in.PolicyName),
		Tags:         tags,
	}}
	p.add(*in.PolicyDocument, parsed, now, true)
	s.policies[*p.Arn] = p
	return &awsiam.CreatePolicyOutput{Policy: s.describe(p)}, nil
}

// add creates a version.
func (p *managed) add(document string, parsed *policy.Policy, now time.Time, isDefault bool) version {
	p.made++
	v := version{id: fmt.Sprintf("v%d", p.made), document: document, parsed: parsed, created: now}
	p.versions = append(p.versions, v)
	if isDefault {
		p.DefaultVersionId = aws.String(v.id)
	}
	p.UpdateDate = aws.Time(now)
	return v
}

// version returns a version by its id.
func (p *managed) version(id *string) (version, error) {
	for _, v := range p.versions {
		if v.id == aws.ToString(id) {
			return v, nil
		}
	}
	return version{}, noSuchEntity("Policy %s version %s does not exist or is not attachable.", *p.Arn, aws.ToString(id))
}

// describe returns a version in IAM's form, with its document on request.
func (v version) describe(p *managed, document bool) types.PolicyVersion {
	d := types.PolicyVersion{
		VersionId: aws.String(v.id), CreateDate: aws.Time(v.created), IsDefaultVersion: v.id == *p.DefaultVersionId,
	}
	if document {
		d.Document = escape(v.document)
	}
	return d
}

// GetPolicy returns a managed policy.
func (s *Service) GetPolicy(_ context.Context, in *awsiam.GetPolicyInput) (*awsiam.GetPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if arn := aws.ToString(in.PolicyArn); awsManaged.MatchString(arn) {
		path, name := splitPolicyARN(arn)
		attached, boundaries := s.attachments(arn)
		p := &types.Policy{
			Arn: aws.String(arn), Path: aws.String(path), PolicyName: aws.String(name), IsAttachable: true,
			AttachmentCount: aws.Int32(attached), PermissionsBoundaryUsageCount: aws.Int32(boundaries),
			DefaultVersionId: aws.String("v1"),
		}
		if known, ok := awsPolicies()[arn]; ok {
			p.DefaultVersionId, p.CreateDate, p.UpdateDate = aws.String(known.version), aws.Time(known.created), aws.Time(known.updated)
		}
		return &awsiam.GetPolicyOutput{Policy: p}, nil
	}
	p, err := s.get(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	return &awsiam.GetPolicyOutput{Policy: s.describe(p)}, nil
}

// ListPolicies returns the customer managed policies, sorted by ARN. It does
// not list AWS's policies.
func (s *Service) ListPolicies(_ context.Context, in *awsiam.ListPoliciesInput) (*awsiam.ListPoliciesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var policies []types.Policy
	for _, arn := range slices.Sorted(maps.Keys(s.policies)) {
		p := s.describe(s.policies[arn])
		// IAM leaves these out of lists.
		p.Tags, p.Description = nil, nil
		if in.Scope != types.PolicyScopeTypeAws && strings.HasPrefix(*p.Path, aws.ToString(in.PathPrefix)) &&
			(!in.OnlyAttached || *p.AttachmentCount > 0) {
			policies = append(policies, *p)
		}
	}
	items, next, err := page(policies, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.ListPoliciesOutput{Policies: items, IsTruncated: next != nil, Marker: next}, nil
}

// DeletePolicy deletes a managed policy. It must not be in use, and must have
// no version except the default one.
func (s *Service) DeletePolicy(_ context.Context, in *awsiam.DeletePolicyInput) (*awsiam.DeletePolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.get(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	if attached, boundaries := s.attachments(*p.Arn); attached+boundaries > 0 {
		return nil, deleteConflict("Cannot delete a policy attached to entities.")
	}
	if len(p.versions) > 1 {
		return nil, deleteConflict("This policy has more than one version. Before you delete a policy, you must delete the " +
			"policy's versions. The default version is deleted with the policy.")
	}
	delete(s.policies, *p.Arn)
	return &awsiam.DeletePolicyOutput{}, nil
}

// CreatePolicyVersion adds a version to a managed policy.
func (s *Service) CreatePolicyVersion(_ context.Context, in *awsiam.CreatePolicyVersionInput) (*awsiam.CreatePolicyVersionOutput, error) {
	parsed, err := parseManaged(in.PolicyDocument, aws.ToString(in.PolicyArn))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.get(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	if len(p.versions) >= policyVersions {
		return nil, limitExceeded("A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.")
	}
	v := p.add(*in.PolicyDocument, parsed, s.account.Clock.Now(), in.SetAsDefault).describe(p, false)
	return &awsiam.CreatePolicyVersionOutput{PolicyVersion: &v}, nil
}

// GetPolicyVersion returns a version of a managed policy, including its document.
// Of AWS's policies only the newest version is known.
func (s *Service) GetPolicyVersion(_ context.Context, in *awsiam.GetPolicyVersionInput) (*awsiam.GetPolicyVersionOutput, error) {
	if known, ok := awsPolicies()[aws.ToString(in.PolicyArn)]; ok {
		return known.get(in)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.get(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	v, err := p.version(in.VersionId)
	if err != nil {
		return nil, err
	}
	d := v.describe(p, true)
	return &awsiam.GetPolicyVersionOutput{PolicyVersion: &d}, nil
}

// ListPolicyVersions returns the versions of a managed policy, newest first.
func (s *Service) ListPolicyVersions(_ context.Context, in *awsiam.ListPolicyVersionsInput) (*awsiam.ListPolicyVersionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.get(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	var versions []types.PolicyVersion
	for _, v := range slices.Backward(p.versions) {
		versions = append(versions, v.describe(p, false))
	}
	items, next, err := page(versions, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.ListPolicyVersionsOutput{Versions: items, IsTruncated: next != nil, Marker: next}, nil
}

// DeletePolicyVersion deletes a version that isn't the default one.
func (s *Service) DeletePolicyVersion(_ context.Context, in *awsiam.DeletePolicyVersionInput) (*awsiam.DeletePolicyVersionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.get(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	v, err := p.version(in.VersionId)
	if err != nil {
		return nil, err
	}
	if v.id == *p.DefaultVersionId {
		return nil, deleteConflict("Cannot delete the default version of a policy.")
	}
	p.versions = slices.DeleteFunc(p.versions, func(o version) bool { return o.id == v.id })
	return &awsiam.DeletePolicyVersionOutput{}, nil
}

// SetDefaultPolicyVersion selects the version that is in effect.
func (s *Service) SetDefaultPolicyVersion(_ context.Context, in *awsiam.SetDefaultPolicyVersionInput) (*awsiam.SetDefaultPolicyVersionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.get(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	v, err := p.version(in.VersionId)
	if err != nil {
		return nil, err
	}
	p.DefaultVersionId, p.UpdateDate = aws.String(v.id), aws.Time(s.account.Clock.Now())
	return &awsiam.SetDefaultPolicyVersionOutput{}, nil
}

// TagPolicy adds tags to a managed policy.
func (s *Service) TagPolicy(_ context.Context, in *awsiam.TagPolicyInput) (*awsiam.TagPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.get(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	tags, err := mergeTags(p.Tags, in.Tags)
	if err != nil {
		return nil, err
	}
	p.Tags = tags
	return &awsiam.TagPolicyOutput{}, nil
}

// UntagPolicy removes tags from a managed policy.
func (s *Service) UntagPolicy(_ context.Context, in *awsiam.UntagPolicyInput) (*awsiam.UntagPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.get(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	p.Tags = removeTags(p.Tags, in.TagKeys)
	return &awsiam.UntagPolicyOutput{}, nil
}

// ListEntitiesForPolicy returns the roles that a managed policy is attached to.
func (s *Service) ListEntitiesForPolicy(_ context.Context, in *awsiam.ListEntitiesForPolicyInput) (*awsiam.ListEntitiesForPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	arn := aws.ToString(in.PolicyArn)
	if !s.attachable(arn) {
		return nil, noSuchEntity("Policy %s was not found.", arn)
	}
	var roles []types.PolicyRole
	for _, name := range slices.Sorted(maps.Keys(s.roles)) {
		if r := s.roles[name]; slices.Contains(r.attached, arn) {
			roles = append(roles, types.PolicyRole{RoleId: r.RoleId, RoleName: r.RoleName})
		}
	}
	items, next, err := page(roles, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.ListEntitiesForPolicyOutput{PolicyRoles: items, IsTruncated: next != nil, Marker: next}, nil
}
