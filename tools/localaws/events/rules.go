package events

import (
	"cmp"
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

var ruleName = regexp.MustCompile(`^[.\-_A-Za-z0-9]{1,64}$`)

// maxTargets is the number of targets that a rule may have.
// See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html.
const maxTargets = 5

// PutRule creates a rule, or replaces everything of it except its targets and tags.
func (s *Service) PutRule(_ context.Context, in *awseventbridge.PutRuleInput) (*awseventbridge.PutRuleOutput, error) {
	if err := s.bus(in.EventBusName); err != nil {
		return nil, err
	}
	name := aws.ToString(in.Name)
	switch {
	case !ruleName.MatchString(name):
		return nil, invalid("1 validation error detected: Value '%s' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+", name)
	case in.ScheduleExpression != nil:
		return nil, invalid("the embedded EventBridge does not support schedules: rule %s", name)
	case aws.ToString(in.EventPattern) == "":
		return nil, invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
	}
	p, err := compile(*in.EventPattern)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.rules[name]
	if !ok {
		r = &rule{name: name, arn: s.account.ARN("events", "rule/"+name), createdBy: s.account.ID, tags: slices.Clone(in.Tags)}
		s.rules[name] = r
	}
	r.description, r.pattern, r.text, r.role = in.Description, p, *in.EventPattern, in.RoleArn
	r.state = cmp.Or(in.State, types.RuleStateEnabled)
	return &awseventbridge.PutRuleOutput{RuleArn: aws.String(r.arn)}, nil
}

// DeleteRule deletes a rule that has no targets. Deleting a rule that is
// already gone is no error.
func (s *Service) DeleteRule(_ context.Context, in *awseventbridge.DeleteRuleInput) (*awseventbridge.DeleteRuleOutput, error) {
	if err := s.bus(in.EventBusName); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.rules[aws.ToString(in.Name)]; ok && len(r.targets) > 0 {
		return nil, invalid("Rule can't be deleted since it has targets.")
	}
	delete(s.rules, aws.ToString(in.Name))
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
		Name: aws.String(r.name), Arn: aws.String(r.arn), Description: r.description, EventBusName: aws.String("default"),
		EventPattern: aws.String(r.text), RoleArn: r.role, State: r.state, CreatedBy: aws.String(r.createdBy),
	}, nil
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
	return &awseventbridge.DisableRuleOutput{}, nil
}

// ListRules lists all rules by name on one page.
func (s *Service) ListRules(_ context.Context, in *awseventbridge.ListRulesInput) (*awseventbridge.ListRulesOutput, error) {
	if err := s.bus(in.EventBusName); err != nil {
		return nil, err
	}
	if in.NextToken != nil {
		return nil, invalid("NextToken is not valid")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awseventbridge.ListRulesOutput{}
	for _, name := range slices.Sorted(maps.Keys(s.rules)) {
		if r := s.rules[name]; strings.HasPrefix(name, aws.ToString(in.NamePrefix)) {
			out.Rules = append(out.Rules, types.Rule{
				Name: aws.String(r.name), Arn: aws.String(r.arn), Description: r.description, EventBusName: aws.String("default"),
				EventPattern: aws.String(r.text), RoleArn: r.role, State: r.state,
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

// ListRuleNamesByTarget lists the rules that deliver to a target.
func (s *Service) ListRuleNamesByTarget(_ context.Context, in *awseventbridge.ListRuleNamesByTargetInput) (*awseventbridge.ListRuleNamesByTargetOutput, error) {
	if err := s.bus(in.EventBusName); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awseventbridge.ListRuleNamesByTargetOutput{}
	for _, name := range slices.Sorted(maps.Keys(s.rules)) {
		if slices.ContainsFunc(s.rules[name].targets, func(t types.Target) bool { return *t.Arn == aws.ToString(in.TargetArn) }) {
			out.RuleNames = append(out.RuleNames, name)
		}
	}
	return out, nil
}

// tagged finds the rule that an ARN names; s is locked.
func (s *Service) tagged(arn *string) (*rule, error) {
	for _, r := range s.rules {
		if r.arn == aws.ToString(arn) {
			return r, nil
		}
	}
	return nil, &types.ResourceNotFoundException{Message: aws.String("there is no rule " + aws.ToString(arn))}
}

// TagResource adds tags to a rule.
func (s *Service) TagResource(_ context.Context, in *awseventbridge.TagResourceInput) (*awseventbridge.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.tagged(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	for _, tag := range in.Tags {
		r.tags = append(slices.DeleteFunc(r.tags, func(old types.Tag) bool { return aws.ToString(old.Key) == aws.ToString(tag.Key) }), tag)
	}
	return &awseventbridge.TagResourceOutput{}, nil
}

// UntagResource removes tags from a rule.
func (s *Service) UntagResource(_ context.Context, in *awseventbridge.UntagResourceInput) (*awseventbridge.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.tagged(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	r.tags = slices.DeleteFunc(r.tags, func(tag types.Tag) bool { return slices.Contains(in.TagKeys, aws.ToString(tag.Key)) })
	return &awseventbridge.UntagResourceOutput{}, nil
}

// ListTagsForResource returns a rule's tags.
func (s *Service) ListTagsForResource(_ context.Context, in *awseventbridge.ListTagsForResourceInput) (*awseventbridge.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.tagged(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return &awseventbridge.ListTagsForResourceOutput{Tags: slices.Clone(r.tags)}, nil
}
