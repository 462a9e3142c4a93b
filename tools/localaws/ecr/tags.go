package ecr

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// TagResource adds tags to a repository.
func (s *Service) TagResource(_ context.Context, in *awsecr.TagResourceInput) (*awsecr.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.findARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	r.tag(in.Tags)
	return &awsecr.TagResourceOutput{}, nil
}

// UntagResource removes tags from a repository.
func (s *Service) UntagResource(_ context.Context, in *awsecr.UntagResourceInput) (*awsecr.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.findARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(r.tags, key)
	}
	return &awsecr.UntagResourceOutput{}, nil
}

// ListTagsForResource returns the tags of a repository, sorted by key.
func (s *Service) ListTagsForResource(_ context.Context, in *awsecr.ListTagsForResourceInput) (*awsecr.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.findARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &awsecr.ListTagsForResourceOutput{Tags: []ecrtypes.Tag{}}
	for _, key := range slices.Sorted(maps.Keys(r.tags)) {
		out.Tags = append(out.Tags, ecrtypes.Tag{Key: aws.String(key), Value: aws.String(r.tags[key])})
	}
	return out, nil
}

func (s *Service) findARN(arn *string) (*repository, error) {
	name, ok := strings.CutPrefix(aws.ToString(arn), s.account.ARN("ecr", "repository/"))
	if !ok {
		return nil, invalid("Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Invalid ARN'")
	}
	return s.find(nil, &name)
}

func (r *repository) tag(tags []ecrtypes.Tag) {
	for _, t := range tags {
		r.tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
}
