package cloudwatch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// A compositeRule combines the states of other alarms.
// See https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html.
type compositeRule struct {
	text     string
	children []string // names of the alarms it refers to
	holds    func(stateOf func(name string) types.StateValue) bool
}

// PutCompositeAlarm creates or updates an alarm over other alarms. It is
// evaluated at once, and whenever one of them changes its state.
func (s *Service) PutCompositeAlarm(_ context.Context, in *awscloudwatch.PutCompositeAlarmInput) (*awscloudwatch.PutCompositeAlarmOutput, error) {
	if err := checkAlarmName(in.AlarmName); err != nil {
		return nil, err
	}
	if in.ActionsSuppressor != nil || in.ActionsSuppressorWaitPeriod != nil || in.ActionsSuppressorExtensionPeriod != nil {
		return nil, unsupported("ActionsSuppressor")
	}
	if in.ActionConfiguration != nil {
		return nil, unsupported("ActionConfiguration")
	}
	rule, err := parseRule(aws.ToString(in.AlarmRule))
	if err != nil {
		return nil, validation("AlarmRule is invalid: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, child := range rule.children {
		if s.alarms[child] == nil {
			return nil, validation("AlarmRule is invalid: the alarm %s does not exist.", child)
		}
		if child == *in.AlarmName || s.dependsOn(child, *in.AlarmName) {
			return nil, validation("AlarmRule is invalid: the alarm would depend on itself through %s.", child)
		}
	}
	a := &alarm{
		name:        *in.AlarmName,
		description: in.AlarmDescription,
		enabled:     in.ActionsEnabled == nil || *in.ActionsEnabled,
		actions: map[types.StateValue][]string{
			types.StateValueAlarm:            slices.Clone(in.AlarmActions),
			types.StateValueOk:               slices.Clone(in.OKActions),
			types.StateValueInsufficientData: slices.Clone(in.InsufficientDataActions),
		},
		composite: rule,
	}
	if err := s.put(a, in.Tags); err != nil {
		return nil, err
	}
	s.updateComposite(a)
	return &awscloudwatch.PutCompositeAlarmOutput{}, nil
}

func (s *Service) dependsOn(name, on string) bool {
	a := s.alarms[name]
	if a == nil || a.composite == nil {
		return false
	}
	return slices.ContainsFunc(a.composite.children, func(child string) bool { return child == on || s.dependsOn(child, on) })
}

// updateComposites evaluates the composite alarms that depend directly on the
// named alarm. If one of them changes, the alarms that depend on it follow. The
// caller holds the service's lock.
func (s *Service) updateComposites(changed string) {
	for _, name := range slices.Sorted(maps.Keys(s.alarms)) {
		if a := s.alarms[name]; a.composite != nil && slices.Contains(a.composite.children, changed) {
			s.updateComposite(a)
		}
	}
}

func (s *Service) updateComposite(a *alarm) {
	state := types.StateValueOk
	if a.composite.holds(s.stateOf) {
		state = types.StateValueAlarm
	}
	if state == a.state {
		return
	}
	causes := []map[string]any{}
	for _, child := range s.alarming(a.composite) {
		causes = append(causes, map[string]any{
			"arn":   child.arn,
			"state": map[string]string{"value": string(child.state), "timestamp": timestamp(child.updated)},
		})
	}
	reason := a.arn + " transitioned to " + string(state)
	if changed := s.latest(a.composite.children); changed != nil {
		reason = fmt.Sprintf("%s transitioned to %s at %s", changed.arn, changed.state, changed.updated.UTC().Format("Monday 02 January, 2006 15:04:05 MST"))
	}
	s.transition(a, state, reason, marshal(map[string]any{"triggeringAlarms": causes}))
}

// alarming returns the children in state ALARM.
func (s *Service) alarming(r *compositeRule) []*alarm {
	var found []*alarm
	for _, name := range r.children {
		if child := s.alarms[name]; child != nil && child.state == types.StateValueAlarm {
			found = append(found, child)
		}
	}
	return found
}

// latest returns the named alarm that changed last.
func (s *Service) latest(names []string) *alarm {
	var last *alarm
	for _, name := range names {
		if a := s.alarms[name]; a != nil && (last == nil || a.transitioned.After(last.transitioned)) {
			last = a
		}
	}
	return last
}

func (s *Service) stateOf(name string) types.StateValue {
	if a := s.alarms[name]; a != nil {
		return a.state
	}
	return types.StateValueInsufficientData
}

// parseRule parses a rule expression. It consists of ALARM(x), OK(x) and
// INSUFFICIENT_DATA(x) for alarms by name or ARN, AT_LEAST, TRUE and FALSE,
// joined by AND, OR, NOT and parentheses. Names with blanks, commas or
// parentheses are in quotes.
func parseRule(text string) (*compositeRule, error) {
	p := &ruleParser{tokens: ruleTokens(text), rule: &compositeRule{text: text}}
	holds, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if len(p.tokens) > 0 {
		return nil, fmt.Errorf("unexpected %q", p.tokens[0])
	}
	p.rule.holds = holds
	return p.rule, nil
}

type condition = func(func(string) types.StateValue) bool

type ruleParser struct {
	tokens []string
	rule   *compositeRule
}

func ruleTokens(text string) []string {
	var tokens []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		end := 1
		switch text[0] {
		case '(', ')', ',':
		case '"':
			if i := strings.IndexByte(text[1:], '"'); i >= 0 {
				end = i + 2
			} else {
				end = len(text)
			}
		default:
			end = strings.IndexAny(text, "(), \t\r\n\"")
			if end < 0 {
				end = len(text)
			}
		}
		tokens = append(tokens, text[:end])
		text = text[end:]
	}
	return tokens
}

func (p *ruleParser) next() string {
	if len(p.tokens) == 0 {
		return ""
	}
	token := p.tokens[0]
	p.tokens = p.tokens[1:]
	return token
}

func (p *ruleParser) accept(token string) bool {
	if len(p.tokens) > 0 && p.tokens[0] == token {
		p.tokens = p.tokens[1:]
		return true
	}
	return false
}

func (p *ruleParser) or(depth int) (condition, error) {
	left, err := p.and(depth)
	for err == nil && p.accept("OR") {
		var right condition
		a := left
		right, err = p.and(depth)
		left = func(state func(string) types.StateValue) bool { return a(state) || right(state) }
	}
	return left, err
}

func (p *ruleParser) and(depth int) (condition, error) {
	left, err := p.not(depth)
	for err == nil && p.accept("AND") {
		var right condition
		a := left
		right, err = p.not(depth)
		left = func(state func(string) types.StateValue) bool { return a(state) && right(state) }
	}
	return left, err
}

func (p *ruleParser) not(depth int) (condition, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("it is nested more than %d levels deep", maxDepth)
	}
	switch token := p.next(); token {
	case "NOT":
		of, err := p.not(depth + 1)
		return func(state func(string) types.StateValue) bool { return !of(state) }, err
	case "(":
		inner, err := p.or(depth + 1)
		if err == nil && !p.accept(")") {
			err = fmt.Errorf("a closing parenthesis is missing")
		}
		return inner, err
	case "TRUE", "FALSE":
		return func(func(string) types.StateValue) bool { return token == "TRUE" }, nil
	case "ALARM", "OK", "INSUFFICIENT_DATA":
		name, err := p.alarm()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", token, err)
		}
		return func(state func(string) types.StateValue) bool { return state(name) == types.StateValue(token) }, nil
	case "AT_LEAST":
		holds, err := p.atLeast()
		if err != nil {
			return nil, fmt.Errorf("AT_LEAST: %w", err)
		}
		return holds, nil
	case "":
		return nil, fmt.Errorf("it ends, but a condition is expected")
	default:
		return nil, fmt.Errorf("unexpected %q", token)
	}
}

// atLeast parses the part after AT_LEAST: (2, ALARM, (a, b, c)). The threshold
// is a number or a percentage of the alarms. NOT may negate the state.
func (p *ruleParser) atLeast() (condition, error) {
	if !p.accept("(") {
		return nil, fmt.Errorf("a threshold, a state and alarms in parentheses are expected")
	}
	threshold := p.next()
	digits, percent := strings.CutSuffix(threshold, "%")
	least, err := strconv.Atoi(digits)
	if err != nil || least < 1 || percent && least > 100 {
		return nil, fmt.Errorf("%q is neither a number of at least 1 nor a percentage from 1%% to 100%%", threshold)
	}
	if err := p.expect(","); err != nil {
		return nil, err
	}
	negated := p.accept("NOT")
	state := types.StateValue(p.next())
	if !slices.Contains(state.Values(), state) {
		return nil, fmt.Errorf("%q is not a state", state)
	}
	if err := p.expect(","); err != nil {
		return nil, err
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var names []string
	for more := true; more; more = p.accept(",") {
		name, err := p.alarmName()
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	for range 2 {
		if err := p.expect(")"); err != nil {
			return nil, err
		}
	}
	if !percent && least > len(names) {
		return nil, fmt.Errorf("it names only %d alarms, fewer than the threshold %d", len(names), least)
	}
	return func(stateOf func(string) types.StateValue) bool {
		n := 0
		for _, name := range names {
			if (stateOf(name) == state) != negated {
				n++
			}
		}
		if percent {
			return 100*n >= least*len(names)
		}
		return n >= least
	}, nil
}

func (p *ruleParser) expect(token string) error {
	if !p.accept(token) {
		return fmt.Errorf("%q is expected", token)
	}
	return nil
}

// alarm parses the alarm in parentheses.
func (p *ruleParser) alarm() (string, error) {
	if !p.accept("(") {
		return "", fmt.Errorf("the name of an alarm in parentheses is expected")
	}
	name, err := p.alarmName()
	if err != nil {
		return "", err
	}
	if !p.accept(")") {
		return "", fmt.Errorf("a closing parenthesis is missing after %s", name)
	}
	return name, nil
}

// alarmName parses a name or an ARN, and records that the rule refers to the alarm.
func (p *ruleParser) alarmName() (string, error) {
	name := p.next()
	if quoted, ok := strings.CutPrefix(name, `"`); ok {
		var closed bool
		if name, closed = strings.CutSuffix(quoted, `"`); !closed {
			return "", fmt.Errorf("a closing quote is missing")
		}
	}
	if slices.Contains([]string{"", "(", ")", ","}, name) {
		return "", fmt.Errorf("the name of an alarm is expected")
	}
	if _, after, isARN := strings.Cut(name, ":alarm:"); isARN && strings.HasPrefix(name, "arn:") {
		name = after
	}
	if !slices.Contains(p.rule.children, name) {
		p.rule.children = append(p.rule.children, name)
	}
	return name, nil
}
