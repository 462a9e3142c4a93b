package codepipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/smithy-go"
	"github.com/dlclark/regexp2"

	"github.com/magewright/magewright/tools/localaws/schedule"
)

// Alarms is the part of CloudWatch that rules look at.
type Alarms interface {
	DescribeAlarms(context.Context, *awscloudwatch.DescribeAlarmsInput) (*awscloudwatch.DescribeAlarmsOutput, error)
	// WatchAlarms reports when alarms have changed their state.
	WatchAlarms() (changes <-chan struct{}, stop func())
}

// A ruleType is a kind of rule that this CodePipeline can run.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/rule-reference.html.
type ruleType struct {
	provider string
	inputs   bounds
	required []string // configuration keys
	optional []string
	skips    bool // whether an entry condition with the result SKIP may have it
	run      func(*Service, context.Context, *job) outcome
	check    func(*types.RuleDeclaration) error
}

var ruleTypes = []ruleType{
	{
		provider: "CloudWatchAlarm", required: []string{"AlarmName"}, optional: []string{"AlarmStates", "WaitTime"},
		run: (*Service).watchAlarm, check: checkAlarm,
	},
	{
		provider: "Commands", inputs: bounds{1, 10},
		run: (*Service).runCommands, check: func(r *types.RuleDeclaration) error { return checkLines("rule", aws.ToString(r.Name), r.Commands) },
	},
	{
		provider: "DeploymentWindow", required: []string{"Cron"}, optional: []string{"TimeZone"},
		run: (*Service).insideWindow, check: checkWindow,
	},
	{
		provider: "LambdaInvoke", inputs: bounds{0, 5}, required: []string{"FunctionName"}, optional: []string{"UserParameters"}, skips: true,
		run: (*Service).invoke,
	},
	{
		provider: "VariableCheck", required: []string{"Operator", "Variable", "Value"}, skips: true,
		run: (*Service).compare, check: checkComparison,
	},
}

func ruleTypeOf(r *types.RuleDeclaration) *ruleType {
	id := r.RuleTypeId
	if id == nil || id.Category != types.RuleCategoryRule || id.Owner != "" && id.Owner != types.RuleOwnerAws || cmp.Or(aws.ToString(id.Version), "1") != "1" {
		return nil
	}
	for i := range ruleTypes {
		if ruleTypes[i].provider == aws.ToString(id.Provider) {
			return &ruleTypes[i]
		}
	}
	return nil
}

// checkRule checks a rule of a condition, which is named when.
func (s *Service) checkRule(r *types.RuleDeclaration, when, stage string, result types.Result) error {
	name := aws.ToString(r.Name)
	t := ruleTypeOf(r)
	switch {
	case !namePattern.MatchString(name):
		return invalidStage("The rule name '%s' in %s of stage '%s' must match [A-Za-z0-9.@\\-_]+ and have at most 100 characters", name, when, stage)
	case t == nil:
		provider := ""
		if r.RuleTypeId != nil {
			provider = aws.ToString(r.RuleTypeId.Provider)
		}
		return invalidStage("The embedded AWS does not support the rule provider '%s' of rule '%s' in %s of stage '%s'", provider, name, when, stage)
	case result == types.ResultSkip && !t.skips:
		return invalidStage("The rule provider '%s' of rule '%s' in %s of stage '%s' can't be used with the result SKIP: only LambdaInvoke and VariableCheck can", t.provider, name, when, stage)
	case r.Region != nil && *r.Region != s.account.Region:
		return invalidStage("The embedded AWS serves %s only: rule '%s' in %s of stage '%s' is in %s", s.account.Region, name, when, stage, *r.Region)
	case s.foreign(r.RoleArn):
		return invalidStage("The embedded AWS has the account %s only: the role of rule '%s' in %s of stage '%s' is %s", s.account.ID, name, when, stage, *r.RoleArn)
	case len(r.Commands) > 0 && t.provider != "Commands":
		return invalidStage("The commands of rule '%s' in %s of stage '%s' are available to the provider Commands only", name, when, stage)
	case r.TimeoutInMinutes != nil && (*r.TimeoutInMinutes < minTimeout || *r.TimeoutInMinutes > maxTimeout):
		return invalidStage("timeoutInMinutes of rule '%s' in %s of stage '%s' must be between %d and %d", name, when, stage, minTimeout, maxTimeout)
	case len(r.InputArtifacts) < t.inputs.least || len(r.InputArtifacts) > t.inputs.most:
		return invalidStage("The rule '%s' in %s of stage '%s' has %d input artifacts. It must have %d to %d", name, when, stage, len(r.InputArtifacts), t.inputs.least, t.inputs.most)
	}
	for _, key := range t.required {
		if r.Configuration[key] == "" {
			return invalidStage("The rule '%s' in %s of stage '%s' is missing required configuration '%s'", name, when, stage, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(r.Configuration)) {
		if !slices.Contains(t.required, key) && !slices.Contains(t.optional, key) {
			return invalidStage("The rule '%s' in %s of stage '%s' contains unknown configuration '%s'", name, when, stage, key)
		}
	}
	if t.check == nil {
		return nil
	}
	if err := t.check(r); err != nil {
		return invalidStage("The rule '%s' in %s of stage '%s': %s", name, when, stage, plain(err))
	}
	return nil
}

// plain returns the message of an error, without the code that ours have.
func plain(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorMessage()
	}
	return err.Error()
}

func checkAlarm(r *types.RuleDeclaration) error {
	if wait := r.Configuration["WaitTime"]; wait != "" {
		if n, err := strconv.Atoi(wait); err != nil || n < 0 || n > maxTimeout {
			return fmt.Errorf("the WaitTime '%s' is not a number of minutes", wait)
		}
	}
	for _, state := range alarmStates(r.Configuration["AlarmStates"]) {
		if !slices.Contains(state.Values(), state) {
			return fmt.Errorf("the alarm state '%s' must be ALARM, OK or INSUFFICIENT_DATA", state)
		}
	}
	return nil
}

// alarmStates returns the states that a rule looks for. The default is ALARM.
func alarmStates(text string) []cwtypes.StateValue {
	var states []cwtypes.StateValue
	for state := range strings.SplitSeq(cmp.Or(text, string(cwtypes.StateValueAlarm)), ",") {
		states = append(states, cwtypes.StateValue(strings.TrimSpace(state)))
	}
	return states
}

// watchAlarm runs a CloudWatchAlarm rule. It fails if the alarm is in one of the
// states, now or within the time to wait.
func (s *Service) watchAlarm(ctx context.Context, j *job) outcome {
	if s.deps.Alarms == nil {
		return failure(codeConfiguration, "There is no CloudWatch")
	}
	name, states := j.configuration["AlarmName"], alarmStates(j.configuration["AlarmStates"])
	minutes, err := strconv.Atoi(cmp.Or(j.configuration["WaitTime"], "0"))
	if err != nil {
		return failure(codeConfiguration, "Reading WaitTime: %v", err)
	}
	changes, stop := s.deps.Alarms.WatchAlarms()
	defer stop()
	end := s.account.Clock.NewTimer(time.Duration(minutes) * time.Minute)
	defer end.Stop()
	// While it only waits, the clock may run faster.
	defer s.account.Clock.Accelerate()()
	for {
		state, err := s.alarmState(ctx, name)
		switch {
		case err != nil:
			return refusal("Reading the alarm "+name, err)
		case state == "":
			return failure(codeConfiguration, "The alarm %s does not exist", name)
		case slices.Contains(states, state):
			return failure(codeJobFailed, "The alarm %s is in the state %s", name, state)
		}
		select {
		case <-changes:
		case <-end.C():
			return outcome{summary: fmt.Sprintf("The alarm %s is in the state %s", name, state)}
		case <-ctx.Done():
			return failure(codeJobFailed, "Watching the alarm %s was interrupted: %v", name, context.Cause(ctx))
		}
	}
}

// alarmState returns the state of an alarm, or "" if there is none.
func (s *Service) alarmState(ctx context.Context, name string) (cwtypes.StateValue, error) {
	out, err := s.deps.Alarms.DescribeAlarms(ctx, &awscloudwatch.DescribeAlarmsInput{
		AlarmNames: []string{name}, AlarmTypes: []cwtypes.AlarmType{cwtypes.AlarmTypeMetricAlarm, cwtypes.AlarmTypeCompositeAlarm},
	})
	if err != nil {
		return "", err
	}
	for _, a := range out.MetricAlarms {
		return a.StateValue, nil
	}
	for _, a := range out.CompositeAlarms {
		return a.StateValue, nil
	}
	return "", nil
}

func checkWindow(r *types.RuleDeclaration) error {
	_, err := windowOf(r.Configuration)
	return err
}

// windowOf reads a window. Its expression has seconds, which are always *, in front of
// the fields that EventBridge's have, and may leave out the year.
func windowOf(configuration map[string]string) (*schedule.Schedule, error) {
	zone, err := zoneOf(cmp.Or(configuration["TimeZone"], "UTC"))
	if err != nil {
		return nil, err
	}
	parts := strings.Fields(configuration["Cron"])
	if len(parts) == 6 {
		parts = append(parts, "*")
	}
	if len(parts) != 7 || parts[0] != "*" {
		return nil, fmt.Errorf("the Cron '%s' must have the fields * (for seconds), minutes, hours, day of month, month, day of week and, if it is limited, year", configuration["Cron"])
	}
	window, err := schedule.Parse("cron("+strings.Join(parts[1:], " ")+")", zone)
	if err != nil {
		return nil, fmt.Errorf("the Cron '%s' is not valid: %w", configuration["Cron"], err)
	}
	return window, nil
}

// zoneOf reads Region/City, UTC, or an offset such as UTC+5 or GMT-03:30.
func zoneOf(name string) (*time.Location, error) {
	offset, found := strings.CutPrefix(name, "UTC")
	if !found {
		offset, found = strings.CutPrefix(name, "GMT")
	}
	if found && offset != "" {
		for _, layout := range []string{"-07:00", "-07"} {
			sign, digits := offset[:1], offset[1:]
			if hours, _, _ := strings.Cut(digits, ":"); len(hours) == 1 {
				digits = "0" + digits
			}
			if t, err := time.Parse(layout, sign+digits); err == nil {
				_, seconds := t.Zone()
				return time.FixedZone(name, seconds), nil
			}
		}
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("the TimeZone '%s' is neither Region/City nor UTC with an offset", name)
	}
	return zone, nil
}

// insideWindow runs a DeploymentWindow rule. It fails outside of the window.
func (s *Service) insideWindow(_ context.Context, j *job) outcome {
	window, err := windowOf(j.configuration)
	if err != nil {
		return failure(codeConfiguration, "%v", err)
	}
	now := s.account.Clock.Now()
	what := fmt.Sprintf("the deployment window %s", strings.TrimSpace(j.configuration["Cron"]+" "+j.configuration["TimeZone"]))
	if !window.Includes(now) {
		return failure(codeJobFailed, "%s is outside of %s", now.UTC().Format(time.RFC3339), what)
	}
	return outcome{summary: now.UTC().Format(time.RFC3339) + " is in " + what}
}

// The operators of a VariableCheck rule.
var operators = map[string]func(variable, value string) (bool, error){
	"EQ":       func(variable, value string) (bool, error) { return variable == value, nil },
	"NE":       func(variable, value string) (bool, error) { return variable != value, nil },
	"CONTAINS": func(variable, value string) (bool, error) { return strings.Contains(variable, value), nil },
	"MATCHES":  matches,
}

// matchTimeout is how long a pattern that may backtrack can take.
const matchTimeout = 10 * time.Second

// matches reports whether a value matches a whole pattern. Patterns are Java's.
func matches(variable, text string) (bool, error) {
	re, err := regexp2.Compile(`\A(?:`+text+`)\z`, regexp2.None)
	if err != nil {
		return false, fmt.Errorf("reading the pattern '%s': %w", text, err)
	}
	re.MatchTimeout = matchTimeout
	return re.MatchString(variable)
}

func checkComparison(r *types.RuleDeclaration) error {
	operator := r.Configuration["Operator"]
	if operators[operator] == nil {
		return fmt.Errorf("the Operator '%s' must be one of %s", operator, strings.Join(slices.Sorted(maps.Keys(operators)), ", "))
	}
	if value := r.Configuration["Value"]; operator == "MATCHES" && len(references(value)) == 0 {
		_, err := matches("", value)
		return err
	}
	return nil
}

// compare runs a VariableCheck rule.
func (s *Service) compare(_ context.Context, j *job) outcome {
	c := j.configuration
	ok, err := operators[c["Operator"]](c["Variable"], c["Value"])
	what := fmt.Sprintf("'%s' %s '%s'", c["Variable"], c["Operator"], c["Value"])
	switch {
	case err != nil:
		return failure(codeConfiguration, "%v", err)
	case !ok:
		return failure(codeJobFailed, "The check %s has failed", what)
	}
	return outcome{summary: "The check " + what + " has succeeded"}
}
