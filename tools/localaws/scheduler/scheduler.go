// Package scheduler is the embedded AWS's EventBridge Scheduler: one-off and recurring
// schedules on the account's clock, whose targets are Lambda functions, SQS queues, SNS
// topics, event buses and pipelines.
//
// The differences from AWS are:
//   - A schedule with a flexible time window is due at the beginning of the window. On
//     AWS it is due at any time in the window.
//   - Universal targets and the other templated targets are refused by name, and so is
//     encryption with a key.
package scheduler

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	awsscheduler "github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/delivery"
	"github.com/magewright/magewright/tools/localaws/paging"
	"github.com/magewright/magewright/tools/localaws/principal"
	"github.com/magewright/magewright/tools/localaws/schedule"
)

// servicePrincipal is the principal that the scheduler acts as.
const servicePrincipal = "scheduler.amazonaws.com"

// defaultGroup is the group that every account has.
const defaultGroup = "default"

// Metrics receives the metrics of schedules.
type Metrics interface {
	PutMetricData(context.Context, *awscloudwatch.PutMetricDataInput) (*awscloudwatch.PutMetricDataOutput, error)
}

// Deps are the services that targets belong to, and CloudWatch, which may be nil.
type Deps struct {
	delivery.Deps
	Metrics Metrics
}

// Service is the scheduler of one account and region.
type Service struct {
	account account.Account
	deps    Deps
	sender  *delivery.Sender

	ctx     context.Context // ends with the service
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	groups map[string]*group
}

type group struct {
	name, arn, token string
	tags             []types.Tag
	made             time.Time
	schedules        map[string]*entry
}

// An entry is a schedule. Its settings are those of an UpdateScheduleInput.
type entry struct {
	arn            string
	set            awsscheduler.UpdateScheduleInput
	token          string
	made, modified time.Time
	stop           func() // ends the entry's timer; nil if it is disabled
}

// New returns a scheduler with the default group.
func New(a account.Account, d Deps) *Service {
	if a.Log == nil {
		a.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{account: a, deps: d, sender: &delivery.Sender{Account: a, Deps: d.Deps, Service: servicePrincipal}, groups: map[string]*group{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.groups[defaultGroup] = s.newGroup(defaultGroup)
	return s
}

// Close ends the schedules and the deliveries in progress.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.running.Wait()
	return nil
}

func (s *Service) newGroup(name string) *group {
	return &group{name: name, arn: s.account.ARN("scheduler", "schedule-group/"+name), made: s.account.Clock.Now(), schedules: map[string]*entry{}}
}

func invalid(format string, args ...any) error {
	return &types.ValidationException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// group finds a group; nil stands for the default one. s is locked.
func (s *Service) group(name *string) (*group, error) {
	n := cmp.Or(aws.ToString(name), defaultGroup)
	if g := s.groups[n]; g != nil {
		return g, nil
	}
	return nil, &types.ResourceNotFoundException{Message: aws.String("Schedule group " + n + " does not exist.")}
}

// find finds a schedule and its group. s is locked.
func (s *Service) find(groupName, name *string) (*group, *entry, error) {
	g, err := s.group(groupName)
	if err != nil {
		return nil, nil, err
	}
	if e := g.schedules[aws.ToString(name)]; e != nil {
		return g, e, nil
	}
	return nil, nil, &types.ResourceNotFoundException{Message: aws.String("Schedule " + aws.ToString(name) + " does not exist.")}
}

// parse reads when a schedule is due.
func parse(in *awsscheduler.UpdateScheduleInput) (*schedule.Schedule, error) {
	name := cmp.Or(aws.ToString(in.ScheduleExpressionTimezone), "UTC")
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, invalid("Invalid Schedule Expression Timezone %s.", name)
	}
	due, err := schedule.Parse(aws.ToString(in.ScheduleExpression), zone)
	if err != nil {
		return nil, invalid("Invalid Schedule Expression %s.", aws.ToString(in.ScheduleExpression))
	}
	return due, nil
}

// check refuses a schedule that could not be carried out.
func (s *Service) check(ctx context.Context, in *awsscheduler.UpdateScheduleInput) error {
	if in.KmsKeyArn != nil {
		return invalid("the embedded EventBridge Scheduler does not support KmsKeyArn")
	}
	if _, err := parse(in); err != nil {
		return err
	}
	w := in.FlexibleTimeWindow
	switch {
	case w == nil || in.Target == nil || in.Name == nil:
		return invalid("Name, FlexibleTimeWindow and Target are required.")
	case (w.Mode == types.FlexibleTimeWindowModeFlexible) != (w.MaximumWindowInMinutes != nil):
		return invalid("MaximumWindowInMinutes must be given for the mode FLEXIBLE, and for no other.")
	case in.StartDate != nil && in.EndDate != nil && !in.EndDate.After(*in.StartDate):
		return invalid("The EndDate you specify must come after the StartDate.")
	}
	return s.checkTarget(ctx, in)
}

func (s *Service) checkTarget(ctx context.Context, in *awsscheduler.UpdateScheduleInput) error {
	t := in.Target
	arn := aws.ToString(t.Arn)
	kind := s.sender.Kind(arn)
	switch {
	case kind == "":
		return invalid("the embedded EventBridge Scheduler sends to Lambda functions, SQS queues, SNS topics, event buses and pipelines of this account only, not to %s", arn)
	case t.EcsParameters != nil || t.KinesisParameters != nil || t.SageMakerPipelineParameters != nil:
		return invalid("EcsParameters, KinesisParameters and SageMakerPipelineParameters are not for the target %s", arn)
	case (t.EventBridgeParameters != nil) != (kind == "events"):
		return invalid("EventBridgeParameters are required for a target that is an event bus, and not allowed for others: %s", arn)
	case t.SqsParameters != nil && kind != "sqs":
		return invalid("SqsParameters are only for a target that is a queue: %s", arn)
	case kind == "sqs" && strings.HasSuffix(arn, ".fifo") && (t.SqsParameters == nil || t.SqsParameters.MessageGroupId == nil):
		return invalid("SqsParameters.MessageGroupId is required for a FIFO queue: %s", arn)
	case kind == "events" && t.Input == nil:
		return invalid("Input is required for a target that is an event bus: %s", arn)
	case t.DeadLetterConfig != nil && t.DeadLetterConfig.Arn != nil && !s.sender.DeadLetters(*t.DeadLetterConfig.Arn):
		return invalid("The dead-letter queue must be a standard queue of this account: %s", *t.DeadLetterConfig.Arn)
	}
	if (kind == "lambda" || kind == "events") && t.Input != nil && !json.Valid([]byte(*t.Input)) {
		return invalid("The Input of the target %s is not valid JSON.", arn)
	}
	if s.deps.Roles == nil {
		return nil
	}
	source := s.account.ARN("scheduler", "schedule-group/"+cmp.Or(aws.ToString(in.GroupName), defaultGroup))
	if _, err := s.deps.Roles.As(principal.ServiceFor(ctx, servicePrincipal, s.account.ID, source), aws.ToString(t.RoleArn), "EventBridge"); err != nil {
		return invalid("The execution role you provide must allow AWS EventBridge Scheduler to assume the role. (%v)", err)
	}
	return nil
}

// CreateSchedule makes a schedule, which begins at once.
func (s *Service) CreateSchedule(ctx context.Context, in *awsscheduler.CreateScheduleInput) (*awsscheduler.CreateScheduleOutput, error) {
	set := awsscheduler.UpdateScheduleInput{
		FlexibleTimeWindow: in.FlexibleTimeWindow, Name: in.Name, ScheduleExpression: in.ScheduleExpression, Target: in.Target,
		ActionAfterCompletion: in.ActionAfterCompletion, Description: in.Description, EndDate: in.EndDate, GroupName: in.GroupName,
		KmsKeyArn: in.KmsKeyArn, ScheduleExpressionTimezone: in.ScheduleExpressionTimezone, StartDate: in.StartDate, State: in.State,
	}
	if err := s.check(ctx, &set); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.GroupName)
	if err != nil {
		return nil, err
	}
	token := aws.ToString(in.ClientToken)
	if old := g.schedules[*in.Name]; old != nil {
		if token != "" && old.token == token {
			return &awsscheduler.CreateScheduleOutput{ScheduleArn: &old.arn}, nil
		}
		return nil, &types.ConflictException{Message: aws.String("Schedule " + *in.Name + " already exists.")}
	}
	e := &entry{arn: s.account.ARN("scheduler", "schedule/"+g.name+"/"+*in.Name), token: token, made: s.account.Clock.Now()}
	g.schedules[*in.Name] = e
	s.apply(g, e, set)
	return &awsscheduler.CreateScheduleOutput{ScheduleArn: &e.arn}, nil
}

// UpdateSchedule replaces everything of a schedule.
func (s *Service) UpdateSchedule(ctx context.Context, in *awsscheduler.UpdateScheduleInput) (*awsscheduler.UpdateScheduleOutput, error) {
	if err := s.check(ctx, in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, e, err := s.find(in.GroupName, in.Name)
	if err != nil {
		return nil, err
	}
	s.apply(g, e, *in)
	return &awsscheduler.UpdateScheduleOutput{ScheduleArn: &e.arn}, nil
}

// apply gives a schedule its settings and starts it. s is locked.
func (s *Service) apply(g *group, e *entry, set awsscheduler.UpdateScheduleInput) {
	e.cancel()
	set.GroupName, set.ClientToken = aws.String(g.name), nil
	set.State = cmp.Or(set.State, types.ScheduleStateEnabled)
	set.ActionAfterCompletion = cmp.Or(set.ActionAfterCompletion, types.ActionAfterCompletionNone)
	set.ScheduleExpressionTimezone = aws.String(cmp.Or(aws.ToString(set.ScheduleExpressionTimezone), "UTC"))
	target := *set.Target
	policy := types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(int32(delivery.MaxAge / time.Second)), MaximumRetryAttempts: aws.Int32(delivery.MaxRetries)}
	if p := target.RetryPolicy; p != nil {
		policy.MaximumEventAgeInSeconds = cmp.Or(p.MaximumEventAgeInSeconds, policy.MaximumEventAgeInSeconds)
		policy.MaximumRetryAttempts = cmp.Or(p.MaximumRetryAttempts, policy.MaximumRetryAttempts)
	}
	target.RetryPolicy = &policy
	set.Target = &target
	e.set, e.modified = set, s.account.Clock.Now()
	due, err := parse(&set)
	if err != nil || set.State == types.ScheduleStateDisabled || s.closed {
		return
	}
	ctx, cancel := context.WithCancel(s.ctx)
	e.stop = cancel
	w := schedule.Window{Start: aws.ToTime(set.StartDate), End: aws.ToTime(set.EndDate), Now: true}
	run := due.Start(ctx, s.account.Clock, w, func(at time.Time) { s.running.Go(func() { s.fire(g.name, e.arn, &target, at) }) })
	name := *set.Name
	s.running.Go(func() {
		if run() && set.ActionAfterCompletion == types.ActionAfterCompletionDelete {
			s.mu.Lock()
			defer s.mu.Unlock()
			if g.schedules[name] == e {
				delete(g.schedules, name)
			}
		}
	})
}

func (e *entry) cancel() {
	if e.stop != nil {
		e.stop()
		e.stop = nil
	}
}

// fire sends to a schedule's target.
// See https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html.
func (s *Service) fire(groupName, arn string, t *types.Target, at time.Time) {
	id, scheduled := uuid.NewString(), at.UTC().Format(time.RFC3339)
	// Without an input, the target receives an event.
	input, err := json.Marshal(map[string]any{
		"version": "0", "id": id, "detail-type": "Scheduled Event", "source": "aws.scheduler", "account": s.account.ID, "time": scheduled,
		"region": s.account.Region, "resources": []string{arn}, "detail": "{}",
	})
	if err != nil {
		s.account.Log.Warn("writing the event of a schedule", "schedule", arn, "error", err)
		return
	}
	m := delivery.Message{Target: *t.Arn, Source: arn, Role: aws.ToString(t.RoleArn), Input: string(input)}
	if t.Input != nil {
		m.Input = strings.NewReplacer(
			"<aws.scheduler.schedule-arn>", arn, "<aws.scheduler.scheduled-time>", scheduled,
			"<aws.scheduler.execution-id>", id, "<aws.scheduler.attempt-number>", "1",
		).Replace(*t.Input)
	}
	if t.SqsParameters != nil {
		m.Group = aws.ToString(t.SqsParameters.MessageGroupId)
	}
	if p := t.EventBridgeParameters; p != nil {
		m.Event = eventbridgetypes.PutEventsRequestEntry{Source: p.Source, DetailType: p.DetailType}
	}
	names := []string{"InvocationAttemptCount"}
	failed := s.sender.Deliver(s.ctx, m, delivery.NewPolicy(t.RetryPolicy.MaximumRetryAttempts, t.RetryPolicy.MaximumEventAgeInSeconds))
	if failed != nil {
		names = append(names, "TargetErrorCount")
		s.account.Log.Warn("a schedule's target was not reached", "schedule", arn, "target", *t.Arn, "error", failed.Err)
		names = append(names, s.bury(arn, id, scheduled, t, m, failed))
	}
	s.measure(groupName, names)
}

// bury sends what could not be delivered to the dead-letter queue, and returns the name
// of the metric that counts it.
// See https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html.
func (s *Service) bury(arn, id, scheduled string, t *types.Target, m delivery.Message, failed *delivery.Failure) string {
	if t.DeadLetterConfig == nil || aws.ToString(t.DeadLetterConfig.Arn) == "" {
		return "InvocationDroppedCount"
	}
	ctx := s.ctx
	if s.deps.Roles != nil {
		var err error
		if ctx, err = s.deps.Roles.As(principal.ServiceFor(ctx, servicePrincipal, s.account.ID, arn), m.Role, "EventBridge"); err != nil {
			s.account.Log.Warn("a schedule's dead-letter queue was not reached", "schedule", arn, "error", err)
			return "InvocationsFailedToBeSentToDeadLetterCount"
		}
	}
	err := s.sender.BuryAs(ctx, *t.DeadLetterConfig.Arn, m.Input, map[string]string{
		"SCHEDULE_ARN": arn, "TARGET_ARN": *t.Arn, "EXECUTION_ID": id, "SCHEDULED_TIME": scheduled, "ERROR_CODE": failed.Code(), "ERROR_MESSAGE": failed.Err.Error(),
		"RETRY_ATTEMPTS": strconv.Itoa(failed.Tries - 1), "EXHAUSTED_RETRY_CONDITION": failed.Exhausted, "IS_PAYLOAD_TRUNCATED": "false",
	})
	if err != nil {
		s.account.Log.Warn("a schedule's dead-letter queue was not reached", "schedule", arn, "error", err)
		return "InvocationsFailedToBeSentToDeadLetterCount"
	}
	return "InvocationsSentToDeadLetterCount"
}

// measure counts for the account and for a group.
// See https://docs.aws.amazon.com/scheduler/latest/UserGuide/monitoring-cloudwatch.html.
func (s *Service) measure(groupName string, names []string) {
	if s.deps.Metrics == nil {
		return
	}
	in := &awscloudwatch.PutMetricDataInput{Namespace: aws.String("AWS/Scheduler")}
	now := s.account.Clock.Now()
	for _, name := range names {
		for _, d := range [][]cloudwatchtypes.Dimension{nil, {{Name: aws.String("ScheduleGroup"), Value: &groupName}}} {
			in.MetricData = append(in.MetricData, cloudwatchtypes.MetricDatum{MetricName: &name, Value: aws.Float64(1), Unit: cloudwatchtypes.StandardUnitCount, Dimensions: d, Timestamp: &now})
		}
	}
	ctx := principal.Service(context.WithoutCancel(s.ctx), servicePrincipal, s.account.ID)
	if _, err := s.deps.Metrics.PutMetricData(ctx, in); err != nil {
		s.account.Log.Warn("sending the metrics of schedules", "error", err)
	}
}

// GetSchedule returns a schedule.
func (s *Service) GetSchedule(_ context.Context, in *awsscheduler.GetScheduleInput) (*awsscheduler.GetScheduleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, e, err := s.find(in.GroupName, in.Name)
	if err != nil {
		return nil, err
	}
	return &awsscheduler.GetScheduleOutput{
		Arn: &e.arn, CreationDate: &e.made, LastModificationDate: &e.modified, ActionAfterCompletion: e.set.ActionAfterCompletion,
		Description: e.set.Description, EndDate: e.set.EndDate, FlexibleTimeWindow: e.set.FlexibleTimeWindow, GroupName: e.set.GroupName,
		Name: e.set.Name, ScheduleExpression: e.set.ScheduleExpression, ScheduleExpressionTimezone: e.set.ScheduleExpressionTimezone,
		StartDate: e.set.StartDate, State: e.set.State, Target: e.set.Target,
	}, nil
}

// DeleteSchedule deletes a schedule.
func (s *Service) DeleteSchedule(_ context.Context, in *awsscheduler.DeleteScheduleInput) (*awsscheduler.DeleteScheduleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, e, err := s.find(in.GroupName, in.Name)
	if err != nil {
		return nil, err
	}
	e.cancel()
	delete(g.schedules, *in.Name)
	return &awsscheduler.DeleteScheduleOutput{}, nil
}

// pageSize is the number of schedules or groups on a page that does not say it.
const pageSize = 100

func size(n *int32) int {
	if n == nil {
		return pageSize
	}
	return int(*n)
}

// ListSchedules lists the schedules of a group, or of all, by group and name.
func (s *Service) ListSchedules(_ context.Context, in *awsscheduler.ListSchedulesInput) (*awsscheduler.ListSchedulesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.GroupName != nil {
		if _, err := s.group(in.GroupName); err != nil {
			return nil, err
		}
	}
	all := map[string]types.ScheduleSummary{}
	for _, g := range s.groups {
		for name, e := range g.schedules {
			if in.GroupName != nil && g.name != *in.GroupName || in.State != "" && e.set.State != in.State || !strings.HasPrefix(name, aws.ToString(in.NamePrefix)) {
				continue
			}
			all[g.name+"/"+name] = types.ScheduleSummary{
				Arn: &e.arn, CreationDate: &e.made, LastModificationDate: &e.modified, GroupName: &g.name, Name: e.set.Name, State: e.set.State,
				Target: &types.TargetSummary{Arn: e.set.Target.Arn},
			}
		}
	}
	names, next := paging.After(slices.Sorted(maps.Keys(all)), in.NextToken, size(in.MaxResults))
	out := &awsscheduler.ListSchedulesOutput{NextToken: next}
	for _, name := range names {
		out.Schedules = append(out.Schedules, all[name])
	}
	return out, nil
}

// CreateScheduleGroup makes a group.
func (s *Service) CreateScheduleGroup(_ context.Context, in *awsscheduler.CreateScheduleGroupInput) (*awsscheduler.CreateScheduleGroupOutput, error) {
	name, token := aws.ToString(in.Name), aws.ToString(in.ClientToken)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.groups[name]; old != nil {
		if token != "" && old.token == token {
			return &awsscheduler.CreateScheduleGroupOutput{ScheduleGroupArn: &old.arn}, nil
		}
		return nil, &types.ConflictException{Message: aws.String("Schedule group " + name + " already exists.")}
	}
	g := s.newGroup(name)
	g.token, g.tags = token, slices.Clone(in.Tags)
	s.groups[name] = g
	return &awsscheduler.CreateScheduleGroupOutput{ScheduleGroupArn: &g.arn}, nil
}

// DeleteScheduleGroup deletes a group and its schedules.
func (s *Service) DeleteScheduleGroup(_ context.Context, in *awsscheduler.DeleteScheduleGroupInput) (*awsscheduler.DeleteScheduleGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.Name)
	if err != nil {
		return nil, err
	}
	if g.name == defaultGroup {
		return nil, invalid("The default schedule group can't be deleted.")
	}
	for _, e := range g.schedules {
		e.cancel()
	}
	delete(s.groups, g.name)
	return &awsscheduler.DeleteScheduleGroupOutput{}, nil
}

// GetScheduleGroup returns a group.
func (s *Service) GetScheduleGroup(_ context.Context, in *awsscheduler.GetScheduleGroupInput) (*awsscheduler.GetScheduleGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.Name)
	if err != nil {
		return nil, err
	}
	return &awsscheduler.GetScheduleGroupOutput{Arn: &g.arn, Name: &g.name, CreationDate: &g.made, LastModificationDate: &g.made, State: types.ScheduleGroupStateActive}, nil
}

// ListScheduleGroups lists the groups by name.
func (s *Service) ListScheduleGroups(_ context.Context, in *awsscheduler.ListScheduleGroupsInput) (*awsscheduler.ListScheduleGroupsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(s.groups)), func(name string) bool { return !strings.HasPrefix(name, aws.ToString(in.NamePrefix)) })
	names, next := paging.After(names, in.NextToken, size(in.MaxResults))
	out := &awsscheduler.ListScheduleGroupsOutput{NextToken: next}
	for _, name := range names {
		g := s.groups[name]
		out.ScheduleGroups = append(out.ScheduleGroups, types.ScheduleGroupSummary{
			Arn: &g.arn, Name: &g.name, CreationDate: &g.made, LastModificationDate: &g.made, State: types.ScheduleGroupStateActive,
		})
	}
	return out, nil
}

// tagged finds the group that an ARN names. s is locked.
func (s *Service) tagged(arn *string) (*group, error) {
	return s.group(aws.String(strings.TrimPrefix(aws.ToString(arn), s.account.ARN("scheduler", "schedule-group/"))))
}

// TagResource adds tags to a group.
func (s *Service) TagResource(_ context.Context, in *awsscheduler.TagResourceInput) (*awsscheduler.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for _, tag := range in.Tags {
		g.tags = append(slices.DeleteFunc(g.tags, func(old types.Tag) bool { return *old.Key == *tag.Key }), tag)
	}
	return &awsscheduler.TagResourceOutput{}, nil
}

// UntagResource removes tags from a group.
func (s *Service) UntagResource(_ context.Context, in *awsscheduler.UntagResourceInput) (*awsscheduler.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	g.tags = slices.DeleteFunc(g.tags, func(tag types.Tag) bool { return slices.Contains(in.TagKeys, *tag.Key) })
	return &awsscheduler.UntagResourceOutput{}, nil
}

// ListTagsForResource returns the tags of a group.
func (s *Service) ListTagsForResource(_ context.Context, in *awsscheduler.ListTagsForResourceInput) (*awsscheduler.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &awsscheduler.ListTagsForResourceOutput{Tags: slices.Clone(g.tags)}, nil
}
