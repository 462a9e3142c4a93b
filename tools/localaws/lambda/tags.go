package lambda

import (
	"context"
	"maps"
	"strings"

	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
)

// tagged returns the tags of the function or mapping whose ARN a tag operation
// names. s.mu is held.
func (s *Service) tagged(resource *string) (*map[string]string, error) {
	if resource == nil {
		return nil, missing("resource")
	}
	if !strings.HasPrefix(*resource, "arn:") {
		return nil, badName(*resource)
	}
	if id, ok := strings.CutPrefix(*resource, s.mappingARN("")); ok {
		m, err := s.findMapping(&id)
		if err != nil {
			return nil, err
		}
		return &m.tags, nil
	}
	ref, err := s.unqualified(resource)
	if err != nil {
		return nil, err
	}
	f, err := s.find(ref)
	if err != nil {
		return nil, err
	}
	return &f.tags, nil
}

// TagResource adds tags to a function or an event source mapping.
// See https://docs.aws.amazon.com/lambda/latest/api/API_TagResource.html.
func (s *Service) TagResource(_ context.Context, in *awslambda.TagResourceInput) (*awslambda.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagged(in.Resource)
	if err != nil {
		return nil, err
	}
	next := maps.Clone(*tags)
	maps.Copy(next, in.Tags)
	if len(next) > 50 {
		return nil, invalid("Number of tags exceeds resource tag limit.")
	}
	*tags = next
	return &awslambda.TagResourceOutput{}, nil
}

// UntagResource removes tags from a function or an event source mapping.
// See https://docs.aws.amazon.com/lambda/latest/api/API_UntagResource.html.
func (s *Service) UntagResource(_ context.Context, in *awslambda.UntagResourceInput) (*awslambda.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagged(in.Resource)
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(*tags, key)
	}
	return &awslambda.UntagResourceOutput{}, nil
}

// ListTags returns the tags of a function or an event source mapping.
// See https://docs.aws.amazon.com/lambda/latest/api/API_ListTags.html.
func (s *Service) ListTags(_ context.Context, in *awslambda.ListTagsInput) (*awslambda.ListTagsOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	tags, err := s.tagged(in.Resource)
	if err != nil {
		return nil, err
	}
	return &awslambda.ListTagsOutput{Tags: maps.Clone(*tags)}, nil
}
