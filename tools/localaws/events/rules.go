package events

import (
	"cmp"
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/eventpattern"
	"github.com/magewright/magewright/tools/localaws/schedule"
)

var ruleName = regexp.MustCompile(`^[.\-_A-Za-z0-9]{1,64}$`)

// maxTargets is the number of targets that a rule may have.
// See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html.
const maxTargets = 5

// PutRule creates a rule, or replaces everything of it except its targets and tags. A
// rule matches events, is due by a schedule, or both.
func (s *Service) PutRule(_ context.Context, in *awseventbridge.PutRuleInput) (*awseventbridge.PutRuleOutput, error) {
	name, expression := aws.ToString(in.Name), aws.ToString(in.ScheduleExpression)
	if !ruleName.MatchString(name) {
		return nil, invalid("1 validation error detected: Value '%s' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+", name)
	}
	if aws.ToString(in.EventPattern) == "" && expression == "" {
		return nil, invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
	}
	var due *schedule.Schedule
	if expression != "" {
		var err error
		if due, err = schedule.Parse(expression, time.UTC); err != nil || due.Once() || !schedule.Agrees(expression) {
			return nil, invalid("Parameter ScheduleExpression is not valid.")
		}
	}
	var p *eventpattern.Pattern
	if aws.ToString(in.EventPattern) != "" {
		var err error
		if p, err = compile(*in.EventPattern); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.lookup(in.EventBusName)
	if err != nil {
		return nil, err
	}
	if due != nil && b.name != defaultBus {
		return nil, invalid("ScheduleExpression is supported only on the default event bus.")
	}
	key := ruleKey{b.name, name}
	r, ok := s.rules[key]
	if !ok {
		path := "rule/"
		if b.name != defaultBus {
			path += b.name + "/"
		}
		r = &rule{bus: b.name, name: name, arn: s.account.ARN("events", path+name), createdBy: s.account.ID, tags: slices.Clone(in.Tags)}
		s.rules[key] = r
	}
	r.description, r.pattern, r.text, r.role, r.schedule = in.Description, p, aws.ToString(in.EventPattern), in.RoleArn, expression
	r.state = cmp.Or(in.State, types.RuleStateEnabled)
	s.reschedule(r)
	return &awseventbridge.PutRuleOutput{RuleArn: aws.String(r.arn)}, nil
}

// reschedule starts the schedule of a rule anew, if it is enabled. s is locked.
func (s *Service) reschedule(r *rule) {
	if r.stop != nil {
		r.stop()
		r.stop = nil
	}
	if r.schedule == "" || r.state == types.RuleStateDisabled || s.closed {
		return
	}
	// The expression has been parsed before.
	due, err := schedule.Parse(r.schedule, time.UTC)
	if err != nil {
		return
	}
	ctx, cancel := context.WithCancel(s.ctx)
	r.stop = cancel
	run := due.Start(ctx, s.account.Clock, schedule.Window{}, func(at time.Time) { s.fire(r, at) })
	s.deliveries.Go(func() { run() })
}

// fire delivers the event of a schedule.
// See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html.
func (s *Service) fire(r *rule, at time.Time) {
	var m measures
	s.mu.Lock()
	if !s.closed && r.state != types.RuleStateDisabled {
		s.trigger(r, map[string]any{
			"version": "0", "id": uuid.NewString(), "detail-type": "Scheduled Event", "source": "aws.events", "account": s.account.ID,
			"time": at.UTC().Format(time.RFC3339), "region": s.account.Region, "resources": []any{r.arn}, "detail": map[string]any{},
		}, &m)
	}
	s.mu.Unlock()
	s.measure(m)
}

// DeleteRule deletes a rule that has no targets. Deleting a rule that is
// already gone is no error.
func (s *Service) DeleteRule(_ context.Context, in *awseventbridge.DeleteRuleInput) (*awseventbridge.DeleteRuleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.lookup(in.EventBusName)
	if err != nil {
		return nil, err
	}
	key := ruleKey{b.name, aws.ToString(in.Name)}
	r, ok := s.rules[key]
	if ok && len(r.targets) > 0 {
		return nil, invalid("Rule can't be deleted since it has targets.")
	}
	if ok && r.stop != nil {
		r.stop()
	}
	delete(s.rules, key)
	return &awseventbridge.DeleteRuleOutput{}, nil
}

// DescribeRule returns a rule.
func (s *Service) DescribeRule(_ context.Context, in *awseventbridge.DescribeRuleInput) (*awseventbridge.DescribeRuleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.Name, in.EventBusName)
	if err != nil {
		return nil, err
	}
	return &awseventbridge.DescribeRuleOutput{
		Name: aws.String(r.name), Arn: aws.String(r.arn), Description: r.description, EventBusName: aws.String(r.bus),
		EventPattern: optional(r.text), ScheduleExpression: optional(r.schedule), RoleArn: r.role, State: r.state, CreatedBy: aws.String(r.createdBy),
	}, nil
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// EnableRule makes a rule match events again.
func (s *Service) EnableRule(_ context.Context, in *awseventbridge.EnableRuleInput) (*awseventbridge.EnableRuleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.Name, in.EventBusName)
	if err != nil {
		return nil, err
	}
	r.state = types.RuleStateEnabled
	s.reschedule(r)
	return &awseventbridge.EnableRuleOutput{}, nil
}

// DisableRule stops a rule from matching events.
func (s *Service) DisableRule(_ context.Context, in *awseventbridge.DisableRuleInput) (*awseventbridge.DisableRuleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.Name, in.EventBusName)
	if err != nil {
		return nil, err
	}
	r.state = types.RuleStateDisabled
	s.reschedule(r)
	return &awseventbridge.DisableRuleOutput{}, nil
}

// on returns the rules of a bus by name. s is locked.
func (s *Service) on(busName *string) ([]*rule, error) {
	b, err := s.lookup(busName)
	if err != nil {
		return nil, err
	}
	rules := slices.DeleteFunc(slices.Collect(maps.Values(s.rules)), func(r *rule) bool { return r.bus != b.name })
	slices.SortFunc(rules, func(x, y *rule) int { return cmp.Compare(x.name, y.name) })
	return rules, nil
}

// ListRules lists the rules of a bus by name on one page.
func (s *Service) ListRules(_ context.Context, in *awseventbridge.ListRulesInput) (*awseventbridge.ListRulesOutput, error) {
	if in.NextToken != nil {
		return nil, invalid("NextToken is not valid")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rules, err := s.on(in.EventBusName)
	if err != nil {
		return nil, err
	}
	out := &awseventbridge.ListRulesOutput{}
	for _, r := range rules {
		if strings.HasPrefix(r.name, aws.ToString(in.NamePrefix)) {
			out.Rules = append(out.Rules, types.Rule{
				Name: aws.String(r.name), Arn: aws.String(r.arn), Description: r.description, EventBusName: aws.String(r.bus),
				EventPattern: optional(r.text), ScheduleExpression: optional(r.schedule), RoleArn: r.role, State: r.state,
			})
		}
	}
	return out, nil
}

// PutTargets adds targets to a rule, and replaces those with the same id. It
// stores none of them if one can't receive events.
func (s *Service) PutTargets(_ context.Context, in *awseventbridge.PutTargetsInput) (*awseventbridge.PutTargetsOutput, error) {
	if len(in.Targets) == 0 {
		return nil, invalid("PutTargets requires at least one target")
	}
	for _, t := range in.Targets {
		if err := s.checkTarget(t); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.Rule, in.EventBusName)
	if err != nil {
		return nil, err
	}
	targets := slices.Clone(r.targets)
	for _, t := range copyTargets(in.Targets) {
		if i := slices.IndexFunc(targets, func(old types.Target) bool { return *old.Id == *t.Id }); i >= 0 {
			targets[i] = t
		} else {
			targets = append(targets, t)
		}
	}
	if len(targets) > maxTargets {
		return nil, &types.LimitExceededException{Message: aws.String("The requested resource exceeds the maximum number allowed: 5 targets of rule " + r.name)}
	}
	r.targets = targets
	return &awseventbridge.PutTargetsOutput{}, nil
}

// RemoveTargets removes targets from a rule. It reports those that are already gone.
func (s *Service) RemoveTargets(_ context.Context, in *awseventbridge.RemoveTargetsInput) (*awseventbridge.RemoveTargetsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.Rule, in.EventBusName)
	if err != nil {
		return nil, err
	}
	out := &awseventbridge.RemoveTargetsOutput{}
	targets := slices.Clone(r.targets)
	for _, id := range in.Ids {
		i := slices.IndexFunc(targets, func(t types.Target) bool { return *t.Id == id })
		if i < 0 {
			out.FailedEntryCount++
			out.FailedEntries = append(out.FailedEntries, types.RemoveTargetsResultEntry{
				TargetId: aws.String(id), ErrorCode: aws.String("ResourceNotFoundException"), ErrorMessage: aws.String("Rule " + r.name + " has no target " + id),
			})
			continue
		}
		targets = slices.Delete(targets, i, i+1)
	}
	r.targets = targets
	return out, nil
}

// ListTargetsByRule lists all targets of a rule on one page.
func (s *Service) ListTargetsByRule(_ context.Context, in *awseventbridge.ListTargetsByRuleInput) (*awseventbridge.ListTargetsByRuleOutput, error) {
	if in.NextToken != nil {
		return nil, invalid("NextToken is not valid")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.Rule, in.EventBusName)
	if err != nil {
		return nil, err
	}
	return &awseventbridge.ListTargetsByRuleOutput{Targets: copyTargets(r.targets)}, nil
}

// ListRuleNamesByTarget lists the rules of a bus that deliver to a target.
func (s *Service) ListRuleNamesByTarget(_ context.Context, in *awseventbridge.ListRuleNamesByTargetInput) (*awseventbridge.ListRuleNamesByTargetOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rules, err := s.on(in.EventBusName)
	if err != nil {
		return nil, err
	}
	out := &awseventbridge.ListRuleNamesByTargetOutput{}
	for _, r := range rules {
		if slices.ContainsFunc(r.targets, func(t types.Target) bool { return *t.Arn == aws.ToString(in.TargetArn) }) {
			out.RuleNames = append(out.RuleNames, r.name)
		}
	}
	return out, nil
}

// tagged finds the tags of the rule or bus that an ARN names; s is locked.
func (s *Service) tagged(arn *string) (*[]types.Tag, error) {
	for _, r := range s.rules {
		if r.arn == aws.ToString(arn) {
			return &r.tags, nil
		}
	}
	for _, b := range s.buses {
		if b.arn == aws.ToString(arn) {
			return &b.tags, nil
		}
	}
	return nil, &types.ResourceNotFoundException{Message: aws.String("there is no rule or event bus " + aws.ToString(arn))}
}

// TagResource adds tags to a rule or a bus.
func (s *Service) TagResource(_ context.Context, in *awseventbridge.TagResourceInput) (*awseventbridge.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagged(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	for _, tag := range in.Tags {
		*tags = append(slices.DeleteFunc(*tags, func(old types.Tag) bool { return aws.ToString(old.Key) == aws.ToString(tag.Key) }), tag)
	}
	return &awseventbridge.TagResourceOutput{}, nil
}

// UntagResource removes tags from a rule or a bus.
func (s *Service) UntagResource(_ context.Context, in *awseventbridge.UntagResourceInput) (*awseventbridge.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagged(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	*tags = slices.DeleteFunc(*tags, func(tag types.Tag) bool { return slices.Contains(in.TagKeys, aws.ToString(tag.Key)) })
	return &awseventbridge.UntagResourceOutput{}, nil
}

// ListTagsForResource returns the tags of a rule or a bus.
func (s *Service) ListTagsForResource(_ context.Context, in *awseventbridge.ListTagsForResourceInput) (*awseventbridge.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagged(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return &awseventbridge.ListTagsForResourceOutput{Tags: slices.Clone(*tags)}, nil
}
