package iam

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/localaws/iam/policy"
)

// RolePolicies is everything in IAM that decides what a role may do.
type RolePolicies struct {
	Trust    *policy.Policy
	Identity []*policy.Policy
	Boundary *policy.Policy // nil if there is none
	// Unknown has the ARNs of attached policies that AWS manages and whose
	// documents are not known. They allow nothing.
	Unknown []string
	Tags    map[string]string
}

// RolePolicies returns the policies of a role by its ARN. It reports false if
// there is no such role.
func (s *Service) RolePolicies(arn string) (RolePolicies, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.roles[nameOf(arn)]
	if r == nil || *r.Arn != arn {
		return RolePolicies{}, false
	}
	p := RolePolicies{Trust: r.trust, Tags: map[string]string{}}
	p.Identity, p.Boundary, p.Unknown = s.rolePolicies(r)
	for _, t := range r.Tags {
		p.Tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return p, true
}

// ManagedPolicy returns the default version of a managed policy. It reports
// false if there is no such policy or its document is not known.
func (s *Service) ManagedPolicy(arn string) (*policy.Policy, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.document(arn)
	return p, p != nil
}

// RoleARNs returns the ARNs of all roles, sorted.
func (s *Service) RoleARNs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var arns []string
	for r := range maps.Values(s.roles) {
		arns = append(arns, *r.Arn)
	}
	slices.Sort(arns)
	return arns
}
