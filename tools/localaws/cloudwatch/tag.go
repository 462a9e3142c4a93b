package cloudwatch

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

const maxTags = 50

// TagResource adds tags to an alarm or a dashboard.
func (s *Service) TagResource(_ context.Context, in *awscloudwatch.TagResourceInput) (*awscloudwatch.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.checkARN(aws.ToString(in.ResourceARN)); err != nil {
		return nil, err
	}
	if err := s.tag(*in.ResourceARN, in.Tags); err != nil {
		return nil, err
	}
	return &awscloudwatch.TagResourceOutput{}, nil
}

// UntagResource removes tags.
func (s *Service) UntagResource(_ context.Context, in *awscloudwatch.UntagResourceInput) (*awscloudwatch.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.checkARN(aws.ToString(in.ResourceARN)); err != nil {
		return nil, err
	}
	for _, k := range in.TagKeys {
		delete(s.tags[*in.ResourceARN], k)
	}
	return &awscloudwatch.UntagResourceOutput{}, nil
}

// ListTagsForResource lists tags by key.
func (s *Service) ListTagsForResource(_ context.Context, in *awscloudwatch.ListTagsForResourceInput) (*awscloudwatch.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.checkARN(aws.ToString(in.ResourceARN)); err != nil {
		return nil, err
	}
	out := &awscloudwatch.ListTagsForResourceOutput{}
	tags := s.tags[*in.ResourceARN]
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return out, nil
}

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
			return missingParameter("Tags.Key")
		}
		merged[*t.Key] = aws.ToString(t.Value)
	}
	if len(merged) > maxTags {
		return invalidValue("A resource must not have more than %d tags.", maxTags)
	}
	s.tags[arn] = merged
	return nil
}

// checkARN refuses an ARN that names neither an alarm nor a dashboard. The
// caller holds the service's lock.
func (s *Service) checkARN(arn string) error {
	for _, a := range s.alarms {
		if a.arn == arn {
			return nil
		}
	}
	for name := range s.dashboards {
		if s.dashboardARN(name) == arn {
			return nil
		}
	}
	return &types.ResourceNotFoundException{Message: aws.String("The resource " + arn + " does not exist.")}
}
