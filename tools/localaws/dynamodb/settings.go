package dynamodb

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// setTags adds tags.
func setTags(to map[string]string, tags []types.Tag) error {
	merged := maps.Clone(to)
	for _, t := range tags {
		if key := aws.ToString(t.Key); key == "" || len(key) > 128 || len(aws.ToString(t.Value)) > 256 {
			return validation("One or more parameter values were invalid: a tag has a key of 1 to 128 characters and a value of up to 256: %q", key)
		}
		merged[*t.Key] = aws.ToString(t.Value)
	}
	if len(merged) > maxTags {
		return validation("One or more parameter values were invalid: Too many tags: the limit is %d", maxTags)
	}
	maps.Copy(to, merged)
	return nil
}

// tagged returns the table that a tagging request names.
func (s *Service) tagged(arn *string) (*table, error) {
	t, err := s.lookup(arn)
	if err != nil {
		return nil, notFound("Requested resource not found: ResourcArn: %s not found", aws.ToString(arn))
	}
	return t, nil
}

// TagResource adds tags to a table.
func (s *Service) TagResource(_ context.Context, in *awsdynamodb.TagResourceInput) (*awsdynamodb.TagResourceOutput, error) {
	t, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return &awsdynamodb.TagResourceOutput{}, setTags(t.tags, in.Tags)
}

// UntagResource removes tags from a table.
func (s *Service) UntagResource(_ context.Context, in *awsdynamodb.UntagResourceInput) (*awsdynamodb.UntagResourceOutput, error) {
	t, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range in.TagKeys {
		delete(t.tags, key)
	}
	return &awsdynamodb.UntagResourceOutput{}, nil
}

// ListTagsOfResource lists a table's tags by key.
func (s *Service) ListTagsOfResource(_ context.Context, in *awsdynamodb.ListTagsOfResourceInput) (*awsdynamodb.ListTagsOfResourceOutput, error) {
	t, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	out := &awsdynamodb.ListTagsOfResourceOutput{}
	for _, key := range slices.Sorted(maps.Keys(t.tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(key), Value: aws.String(t.tags[key])})
	}
	return out, nil
}

// DescribeLimits returns the quotas of an account.
func (s *Service) DescribeLimits(context.Context, *awsdynamodb.DescribeLimitsInput) (*awsdynamodb.DescribeLimitsOutput, error) {
	return &awsdynamodb.DescribeLimitsOutput{
		AccountMaxReadCapacityUnits: aws.Int64(2 * maxTableUnits), AccountMaxWriteCapacityUnits: aws.Int64(2 * maxTableUnits),
		TableMaxReadCapacityUnits: aws.Int64(maxTableUnits), TableMaxWriteCapacityUnits: aws.Int64(maxTableUnits),
	}, nil
}

// recovery is a table's setting for point-in-time recovery. The embedded
// DynamoDB keeps the setting, but can't restore a table.
type recovery struct {
	enabled bool
	since   time.Time
	days    int32
}

// maxRecovery is the longest and usual recovery period in days.
const maxRecovery = 35

// UpdateContinuousBackups turns point-in-time recovery on or off.
func (s *Service) UpdateContinuousBackups(_ context.Context, in *awsdynamodb.UpdateContinuousBackupsInput) (*awsdynamodb.UpdateContinuousBackupsOutput, error) {
	t, err := s.continuous(in.TableName)
	if err != nil {
		return nil, err
	}
	wanted := in.PointInTimeRecoverySpecification
	if wanted == nil || wanted.PointInTimeRecoveryEnabled == nil {
		return nil, validation("One or more parameter values were invalid: PointInTimeRecoverySpecification must say whether it is enabled")
	}
	days := int32(maxRecovery)
	if wanted.RecoveryPeriodInDays != nil {
		days = *wanted.RecoveryPeriodInDays
	}
	if days < 1 || days > maxRecovery {
		return nil, validation("1 validation error detected: Value '%d' at 'pointInTimeRecoverySpecification.recoveryPeriodInDays' failed to satisfy constraint: Member must have value between 1 and %d", days, maxRecovery)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := s.now().UTC()
	switch enabled := *wanted.PointInTimeRecoveryEnabled; {
	case !enabled:
		t.recovery = recovery{}
	case !t.recovery.enabled:
		t.recovery = recovery{enabled: true, since: now, days: days}
	default:
		t.recovery.days = days
	}
	return &awsdynamodb.UpdateContinuousBackupsOutput{ContinuousBackupsDescription: t.recovery.describe(now)}, nil
}

// DescribeContinuousBackups describes point-in-time recovery.
func (s *Service) DescribeContinuousBackups(_ context.Context, in *awsdynamodb.DescribeContinuousBackupsInput) (*awsdynamodb.DescribeContinuousBackupsOutput, error) {
	t, err := s.continuous(in.TableName)
	if err != nil {
		return nil, err
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return &awsdynamodb.DescribeContinuousBackupsOutput{ContinuousBackupsDescription: t.recovery.describe(s.now().UTC())}, nil
}

// continuous returns the table whose backups a request is about.
func (s *Service) continuous(id *string) (*table, error) {
	t, err := s.serving(id)
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		return nil, &types.TableNotFoundException{Message: aws.String("Table not found: " + aws.ToString(id))}
	}
	return t, err
}

func (r recovery) describe(now time.Time) *types.ContinuousBackupsDescription {
	p := &types.PointInTimeRecoveryDescription{PointInTimeRecoveryStatus: types.PointInTimeRecoveryStatusDisabled}
	if r.enabled {
		earliest := r.since
		if start := now.AddDate(0, 0, -int(r.days)); start.After(earliest) {
			earliest = start
		}
		// The last five minutes can't be restored yet.
		latest := now.Add(-5 * time.Minute)
		if latest.Before(earliest) {
			latest = earliest
		}
		p = &types.PointInTimeRecoveryDescription{
			PointInTimeRecoveryStatus: types.PointInTimeRecoveryStatusEnabled, RecoveryPeriodInDays: aws.Int32(r.days),
			EarliestRestorableDateTime: aws.Time(earliest), LatestRestorableDateTime: aws.Time(latest),
		}
	}
	return &types.ContinuousBackupsDescription{ContinuousBackupsStatus: types.ContinuousBackupsStatusEnabled, PointInTimeRecoveryDescription: p}
}
