package lambda

import (
	"context"
	"maps"
	"strings"

	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
)

// tagged returns the function whose ARN a tag operation names. s.mu is held.
func (s *Service) tagged(resource *string) (*function, error) {
	if resource == nil {
		return nil, missing("resource")
	}
	if !strings.HasPrefix(*resource, "arn:") {
		return nil, badName(*resource)
	}
	ref, err := s.unqualified(resource)
	if err != nil {
		return nil, err
	}
	return s.find(ref)
}

// TagResource adds tags to a function.
// See https://docs.aws.amazon.com/lambda/latest/api/API_TagResource.html.
func (s *Service) TagResource(_ context.Context, in *awslambda.TagResourceInput) (*awslambda.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.tagged(in.Resource)
	if err != nil {
		return nil, err
	}
	next := maps.Clone(f.tags)
	maps.Copy(next, in.Tags)
	if len(next) > 50 {
		return nil, invalid("Number of tags exceeds resource tag limit.")
	}
	f.tags = next
	return &awslambda.TagResourceOutput{}, nil
}

// UntagResource removes tags from a function.
// See https://docs.aws.amazon.com/lambda/latest/api/API_UntagResource.html.
func (s *Service) UntagResource(_ context.Context, in *awslambda.UntagResourceInput) (*awslambda.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.tagged(in.Resource)
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(f.tags, key)
	}
	return &awslambda.UntagResourceOutput{}, nil
}

// ListTags returns a function's tags.
// See https://docs.aws.amazon.com/lambda/latest/api/API_ListTags.html.
func (s *Service) ListTags(_ context.Context, in *awslambda.ListTagsInput) (*awslambda.ListTagsOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f, err := s.tagged(in.Resource)
	if err != nil {
		return nil, err
	}
	return &awslambda.ListTagsOutput{Tags: maps.Clone(f.tags)}, nil
}
