package ecr

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// SetRepositoryPolicy sets who may use a repository.
func (s *Service) SetRepositoryPolicy(_ context.Context, in *awsecr.SetRepositoryPolicyInput) (*awsecr.SetRepositoryPolicyOutput, error) {
	if err := checkDocument("PolicyText", in.PolicyText); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	r.policy = aws.String(*in.PolicyText)
	return &awsecr.SetRepositoryPolicyOutput{PolicyText: r.policy, RegistryId: r.RegistryId, RepositoryName: r.RepositoryName}, nil
}

// GetRepositoryPolicy returns the policy of a repository.
func (s *Service) GetRepositoryPolicy(_ context.Context, in *awsecr.GetRepositoryPolicyInput) (*awsecr.GetRepositoryPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.withPolicy(in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	return &awsecr.GetRepositoryPolicyOutput{PolicyText: r.policy, RegistryId: r.RegistryId, RepositoryName: r.RepositoryName}, nil
}

// DeleteRepositoryPolicy removes the policy of a repository.
func (s *Service) DeleteRepositoryPolicy(_ context.Context, in *awsecr.DeleteRepositoryPolicyInput) (*awsecr.DeleteRepositoryPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.withPolicy(in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	out := &awsecr.DeleteRepositoryPolicyOutput{PolicyText: r.policy, RegistryId: r.RegistryId, RepositoryName: r.RepositoryName}
	r.policy = nil
	return out, nil
}

// PutLifecyclePolicy sets when images expire. It has no effect, because there
// are no images.
func (s *Service) PutLifecyclePolicy(_ context.Context, in *awsecr.PutLifecyclePolicyInput) (*awsecr.PutLifecyclePolicyOutput, error) {
	if err := checkDocument("LifecyclePolicyText", in.LifecyclePolicyText); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	r.lifecycle = aws.String(*in.LifecyclePolicyText)
	return &awsecr.PutLifecyclePolicyOutput{LifecyclePolicyText: r.lifecycle, RegistryId: r.RegistryId, RepositoryName: r.RepositoryName}, nil
}

// GetLifecyclePolicy returns the lifecycle policy of a repository.
func (s *Service) GetLifecyclePolicy(_ context.Context, in *awsecr.GetLifecyclePolicyInput) (*awsecr.GetLifecyclePolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.withLifecycle(in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	return &awsecr.GetLifecyclePolicyOutput{LifecyclePolicyText: r.lifecycle, RegistryId: r.RegistryId, RepositoryName: r.RepositoryName}, nil
}

// DeleteLifecyclePolicy removes the lifecycle policy of a repository.
func (s *Service) DeleteLifecyclePolicy(_ context.Context, in *awsecr.DeleteLifecyclePolicyInput) (*awsecr.DeleteLifecyclePolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.withLifecycle(in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	out := &awsecr.DeleteLifecyclePolicyOutput{LifecyclePolicyText: r.lifecycle, RegistryId: r.RegistryId, RepositoryName: r.RepositoryName}
	r.lifecycle = nil
	return out, nil
}

func (s *Service) withPolicy(registry, name *string) (*repository, error) {
	r, err := s.find(registry, name)
	if err != nil {
		return nil, err
	}
	if r.policy == nil {
		return nil, &ecrtypes.RepositoryPolicyNotFoundException{Message: aws.String(fmt.Sprintf(
			"Repository policy does not exist for the repository with name '%s' in the registry with id '%s'", *r.RepositoryName, s.account.ID))}
	}
	return r, nil
}

func (s *Service) withLifecycle(registry, name *string) (*repository, error) {
	r, err := s.find(registry, name)
	if err != nil {
		return nil, err
	}
	if r.lifecycle == nil {
		return nil, &ecrtypes.LifecyclePolicyNotFoundException{Message: aws.String(fmt.Sprintf(
			"Lifecycle policy does not exist for the repository with name '%s' in the registry with id '%s'", *r.RepositoryName, s.account.ID))}
	}
	return r, nil
}

// checkDocument refuses text that is not a JSON object, as ECR does. It does
// not check what the policy says.
func checkDocument(member string, text *string) error {
	var document map[string]any
	if err := json.Unmarshal([]byte(aws.ToString(text)), &document); err != nil {
		return invalid("Invalid parameter at '%s' failed to satisfy constraint: 'Invalid repository policy provided'", member)
	}
	return nil
}
