package codepipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// maxTags is the number of tags that a pipeline can have.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html.
const maxTags = 50

// TagResource implements the operation of that name, for pipelines.
func (s *Service) TagResource(_ context.Context, in *awscodepipeline.TagResourceInput) (*awscodepipeline.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.byARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags, err := mergeTags(p.tags, in.Tags)
	if err != nil {
		return nil, err
	}
	p.tags = tags
	return &awscodepipeline.TagResourceOutput{}, nil
}

// UntagResource implements the operation of that name, for pipelines.
func (s *Service) UntagResource(_ context.Context, in *awscodepipeline.UntagResourceInput) (*awscodepipeline.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.byARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(p.tags, key)
	}
	return &awscodepipeline.UntagResourceOutput{}, nil
}

// ListTagsForResource implements the operation of that name, for pipelines.
func (s *Service) ListTagsForResource(_ context.Context, in *awscodepipeline.ListTagsForResourceInput) (*awscodepipeline.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.byARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &awscodepipeline.ListTagsForResourceOutput{Tags: tagList(p.tags)}, nil
}

func (s *Service) byARN(arn *string) (*pipeline, error) {
	name, ok := strings.CutPrefix(aws.ToString(arn), s.arn(""))
	if !ok {
		return nil, &types.InvalidArnException{Message: aws.String(fmt.Sprintf("The ARN '%s' is not that of a pipeline", aws.ToString(arn)))}
	}
	p, ok := s.pipelines[name]
	if !ok {
		return nil, &types.ResourceNotFoundException{Message: aws.String(fmt.Sprintf(
			"The account with id '%s' does not include a pipeline with the name '%s'", s.account.ID, name))}
	}
	return p, nil
}

func mergeTags(have map[string]string, add []types.Tag) (map[string]string, error) {
	tags := map[string]string{}
	maps.Copy(tags, have)
	for _, t := range add {
		if strings.HasPrefix(aws.ToString(t.Key), "aws:") && !strings.HasPrefix(aws.ToString(t.Key), "aws:cloudformation:") {
			return nil, &types.InvalidTagsException{Message: aws.String(fmt.Sprintf(
				"Not allowed to modify system tags. System tags start with 'aws:': %s", aws.ToString(t.Key)))}
		}
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	if len(tags) > maxTags {
		return nil, &types.TooManyTagsException{Message: aws.String(fmt.Sprintf("A pipeline can have up to %d tags, not %d", maxTags, len(tags)))}
	}
	return tags, nil
}

func tagList(tags map[string]string) []types.Tag {
	list := []types.Tag{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return list
}
