// Package logs is the embedded AWS's CloudWatch Logs. A stream keeps a limited
// number of events. It drops the oldest ones, and those that the account's
// clock says are past the group's retention.
package logs

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/magewright/magewright/tools/localaws/account"
)

// The limits of what one stream keeps.
const (
	maxEvents = 20_000
	maxBytes  = 8 << 20
)

// Service is the log store of one account and region.
type Service struct {
	// Targets must be set before the service is used.
	Targets Targets

	account account.Account

	life       context.Context // ends with Close
	end        context.CancelFunc
	deliveries sync.WaitGroup

	mu        sync.Mutex
	sequence  int64 // numbers the events of all streams
	groups    map[string]*group
	observers []Observer
}

// An Observer sees events as they are stored. It must not call the service.
type Observer func(group, stream string, events []types.InputLogEvent)

// New returns an empty log store.
func New(a account.Account) *Service {
	s := &Service{account: a, groups: map[string]*group{}}
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

// Close ends what filters are sending.
func (s *Service) Close() error {
	s.mu.Lock()
	s.end()
	s.mu.Unlock()
	s.deliveries.Wait()
	return nil
}

func (s *Service) log() *slog.Logger {
	if s.account.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.account.Log
}

// Observe makes the service call f with all events that are stored from now on.
// CloudWatch uses it to find embedded metrics.
func (s *Service) Observe(f Observer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observers = append(s.observers, f)
}

type group struct {
	name      string
	created   int64  // milliseconds since 1970, as are all times here
	retention *int32 // days; nil means for ever
	keyID     *string
	class     types.LogGroupClass
	protected bool
	tags      map[string]string
	streams   map[string]*stream

	metricFilters []metricFilter
	subscriptions []subscriptionFilter
}

type stream struct {
	name     string
	created  int64
	ingested int64
	bytes    int
	events   []event // sorted by time, then by sequence
}

type event struct {
	at, ingested, sequence int64
	message                string
}

// overhead is the number of bytes that AWS counts for an event besides its message.
const overhead = 26

func (e event) size() int { return len(e.message) + overhead }

func (s *Service) now() int64 { return s.account.Clock.Now().UnixMilli() }

func (s *Service) arn(name string) string { return s.account.ARN("logs", "log-group:"+name) }

// group finds a log group by name or ARN. The ARN may end in :*, as older ones
// do. s is locked.
func (s *Service) group(ids ...*string) (*group, error) {
	id := aws.ToString(cmp.Or(ids...))
	name := strings.TrimSuffix(id, ":*")
	if strings.HasPrefix(name, "arn:") {
		name = strings.TrimPrefix(name, s.arn(""))
	}
	g, ok := s.groups[name]
	if !ok {
		return nil, &types.ResourceNotFoundException{Message: aws.String("The specified log group does not exist.")}
	}
	return g, nil
}

func (g *group) stream(name *string) (*stream, error) {
	st, ok := g.streams[aws.ToString(name)]
	if !ok {
		return nil, &types.ResourceNotFoundException{Message: aws.String("The specified log stream does not exist.")}
	}
	return st, nil
}

func invalid(format string, args ...any) error {
	return &types.InvalidParameterException{Message: aws.String(fmt.Sprintf(format, args...))}
}

var groupName = regexp.MustCompile(`^[.\-_/#A-Za-z0-9]{1,512}$`)

// CreateLogGroup creates a log group that keeps its events for ever.
func (s *Service) CreateLogGroup(_ context.Context, in *awslogs.CreateLogGroupInput) (*awslogs.CreateLogGroupOutput, error) {
	name := aws.ToString(in.LogGroupName)
	if !groupName.MatchString(name) {
		return nil, invalid("1 validation error detected: Value '%s' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+", name)
	}
	if in.LogGroupClass == types.LogGroupClassDelivery {
		return nil, invalid("the embedded CloudWatch Logs does not support the class %s", in.LogGroupClass)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, exists := s.groups[name]; exists {
		return nil, &types.ResourceAlreadyExistsException{Message: aws.String("The specified log group already exists")}
	}
	g := &group{
		name: name, created: s.now(), keyID: in.KmsKeyId, class: cmp.Or(in.LogGroupClass, types.LogGroupClassStandard),
		protected: aws.ToBool(in.DeletionProtectionEnabled), tags: map[string]string{}, streams: map[string]*stream{},
	}
	maps.Copy(g.tags, in.Tags)
	s.groups[name] = g
	return &awslogs.CreateLogGroupOutput{}, nil
}

// DeleteLogGroup deletes a log group with all its streams.
func (s *Service) DeleteLogGroup(_ context.Context, in *awslogs.DeleteLogGroupInput) (*awslogs.DeleteLogGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	if g.protected {
		return nil, &types.ValidationException{Message: aws.String("The log group has deletion protection enabled: " + g.name)}
	}
	delete(s.groups, g.name)
	return &awslogs.DeleteLogGroupOutput{}, nil
}

// DescribeLogGroups lists log groups by name.
func (s *Service) DescribeLogGroups(_ context.Context, in *awslogs.DescribeLogGroupsInput) (*awslogs.DescribeLogGroupsOutput, error) {
	if in.LogGroupNamePattern != nil && in.LogGroupNamePrefix != nil {
		return nil, invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	if len(in.AccountIdentifiers) > 0 || len(in.LogGroupIdentifiers) > 0 || aws.ToBool(in.IncludeLinkedAccounts) {
		return nil, invalid("the embedded CloudWatch Logs does not support AccountIdentifiers, LogGroupIdentifiers and IncludeLinkedAccounts")
	}
	limit, err := limit(in.Limit, 50, 50)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awslogs.DescribeLogGroupsOutput{}
	for _, name := range slices.Sorted(maps.Keys(s.groups)) {
		g := s.groups[name]
		if !strings.HasPrefix(name, aws.ToString(in.LogGroupNamePrefix)) || in.NextToken != nil && name <= *in.NextToken ||
			!strings.Contains(strings.ToLower(name), strings.ToLower(aws.ToString(in.LogGroupNamePattern))) ||
			in.LogGroupClass != "" && in.LogGroupClass != g.class {
			continue
		}
		if len(out.LogGroups) == limit {
			out.NextToken = out.LogGroups[limit-1].LogGroupName
			break
		}
		bytes := 0
		for _, st := range g.streams {
			bytes += st.bytes
		}
		out.LogGroups = append(out.LogGroups, types.LogGroup{
			LogGroupName: aws.String(name), Arn: aws.String(s.arn(name) + ":*"), LogGroupArn: aws.String(s.arn(name)), CreationTime: aws.Int64(g.created),
			RetentionInDays: g.retention, KmsKeyId: g.keyID, LogGroupClass: g.class, MetricFilterCount: aws.Int32(0), StoredBytes: aws.Int64(int64(bytes)),
			DeletionProtectionEnabled: aws.Bool(g.protected),
		})
	}
	return out, nil
}

// limit checks the requested number of items.
func limit(wanted *int32, usual, most int) (int, error) {
	if wanted == nil {
		return usual, nil
	}
	if *wanted < 1 || int(*wanted) > most {
		return 0, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value between 1 and %d", *wanted, most)
	}
	return int(*wanted), nil
}

// retentions lists the allowed retention periods in days.
// See https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html.
var retentions = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// PutRetentionPolicy sets how many days a group keeps its events.
func (s *Service) PutRetentionPolicy(_ context.Context, in *awslogs.PutRetentionPolicyInput) (*awslogs.PutRetentionPolicyOutput, error) {
	if !slices.Contains(retentions, aws.ToInt32(in.RetentionInDays)) {
		return nil, invalid("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: %v", aws.ToInt32(in.RetentionInDays), retentions)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	g.retention = aws.Int32(*in.RetentionInDays)
	return &awslogs.PutRetentionPolicyOutput{}, nil
}

// DeleteRetentionPolicy makes a group keep its events for ever.
func (s *Service) DeleteRetentionPolicy(_ context.Context, in *awslogs.DeleteRetentionPolicyInput) (*awslogs.DeleteRetentionPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	g.retention = nil
	return &awslogs.DeleteRetentionPolicyOutput{}, nil
}

// TagResource adds tags to a log group.
func (s *Service) TagResource(_ context.Context, in *awslogs.TagResourceInput) (*awslogs.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	maps.Copy(g.tags, in.Tags)
	return &awslogs.TagResourceOutput{}, nil
}

// UntagResource removes tags from a log group.
func (s *Service) UntagResource(_ context.Context, in *awslogs.UntagResourceInput) (*awslogs.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(g.tags, key)
	}
	return &awslogs.UntagResourceOutput{}, nil
}

// ListTagsForResource returns a log group's tags.
func (s *Service) ListTagsForResource(_ context.Context, in *awslogs.ListTagsForResourceInput) (*awslogs.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &awslogs.ListTagsForResourceOutput{Tags: maps.Clone(g.tags)}, nil
}

// expire drops the events of a stream that are past the group's retention.
func (g *group) expire(st *stream, now time.Time) {
	if g.retention == nil {
		return
	}
	oldest := now.AddDate(0, 0, -int(*g.retention)).UnixMilli()
	n, _ := slices.BinarySearchFunc(st.events, oldest, func(e event, at int64) int { return cmp.Compare(e.at, at) })
	st.drop(n)
}

// drop removes the n oldest events.
func (st *stream) drop(n int) {
	if n == 0 {
		return
	}
	for _, e := range st.events[:n] {
		st.bytes -= e.size()
	}
	st.events = slices.Delete(st.events, 0, n)
}
