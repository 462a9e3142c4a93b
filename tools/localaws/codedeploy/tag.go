package codedeploy

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

// TagResource adds tags to an application or a deployment group.
func (s *Service) TagResource(_ context.Context, in *awscodedeploy.TagResourceInput) (*awscodedeploy.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.checkARN(in.ResourceArn); err != nil {
		return nil, err
	}
	if err := s.tag(*in.ResourceArn, in.Tags); err != nil {
		return nil, err
	}
	return &awscodedeploy.TagResourceOutput{}, nil
}

// UntagResource removes tags.
func (s *Service) UntagResource(_ context.Context, in *awscodedeploy.UntagResourceInput) (*awscodedeploy.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.checkARN(in.ResourceArn); err != nil {
		return nil, err
	}
	for _, k := range in.TagKeys {
		delete(s.tags[*in.ResourceArn], k)
	}
	return &awscodedeploy.UntagResourceOutput{}, nil
}

// ListTagsForResource lists tags by key.
func (s *Service) ListTagsForResource(_ context.Context, in *awscodedeploy.ListTagsForResourceInput) (*awscodedeploy.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.checkARN(in.ResourceArn); err != nil {
		return nil, err
	}
	out := &awscodedeploy.ListTagsForResourceOutput{}
	tags := s.tags[*in.ResourceArn]
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return out, nil
}

const maxTags = 50

// tag adds tags to the resource that arn names. The caller holds the service's lock.
func (s *Service) tag(arn string, tags []types.Tag) error {
	if len(tags) == 0 {
		return nil
	}
	merged := maps.Clone(s.tags[arn])
	if merged == nil {
		merged = map[string]string{}
	}
	for _, t := range tags {
		if aws.ToString(t.Key) == "" {
			return &types.InvalidTagsToAddException{Message: aws.String("The key of a tag is empty.")}
		}
		merged[*t.Key] = aws.ToString(t.Value)
	}
	if len(merged) > maxTags {
		return &types.TagLimitExceededException{Message: aws.String("A resource has at most 50 tags.")}
	}
	s.tags[arn] = merged
	return nil
}

// checkARN refuses an ARN that does not name an existing application or
// deployment group. The caller holds the service's lock.
func (s *Service) checkARN(arn *string) error {
	if aws.ToString(arn) == "" {
		return &types.ResourceArnRequiredException{Message: aws.String("The resource ARN was not specified.")}
	}
	id, ok := strings.CutPrefix(*arn, s.account.ARN("codedeploy", ""))
	if !ok {
		return &types.InvalidArnException{Message: aws.String("The ARN " + *arn + " is invalid.")}
	}
	if name, ok := strings.CutPrefix(id, "application:"); ok {
		_, err := s.application(&name)
		return err
	}
	if path, ok := strings.CutPrefix(id, "deploymentgroup:"); ok {
		application, name, _ := strings.Cut(path, "/")
		_, err := s.group(&application, &name)
		return err
	}
	return &types.ArnNotSupportedException{Message: aws.String("The ARN " + *arn + " is not that of an application or a deployment group.")}
}
