package events

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/iam/policy"
	"github.com/magewright/magewright/tools/localaws/paging"
)

const defaultBus = "default"

// A bus takes events and has rules.
type bus struct {
	name, arn   string
	description *string
	policy      string // a document; empty if there is none
	tags        []types.Tag
	made        time.Time
}

var busName = regexp.MustCompile(`^[.\-_A-Za-z0-9]{1,256}$`)

// lookup finds a bus by its name or ARN; nil stands for the default one. s is locked.
func (s *Service) lookup(name *string) (*bus, error) {
	n := aws.ToString(name)
	if n == "" {
		n = defaultBus
	}
	key := strings.TrimPrefix(n, s.account.ARN("events", "event-bus/"))
	if b, ok := s.buses[key]; ok {
		return b, nil
	}
	return nil, &types.ResourceNotFoundException{Message: aws.String("Event bus " + n + " does not exist.")}
}

// known returns the name of a bus that exists.
func (s *Service) known(name *string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.lookup(name)
	if err != nil {
		return "", err
	}
	return b.name, nil
}

// CreateEventBus makes a bus. It refuses partner event sources, encryption with a key,
// and the other settings by name.
func (s *Service) CreateEventBus(_ context.Context, in *awseventbridge.CreateEventBusInput) (*awseventbridge.CreateEventBusOutput, error) {
	name := aws.ToString(in.Name)
	switch {
	case in.EventSourceName != nil || strings.HasPrefix(name, "aws.partner/"):
		return nil, invalid("the embedded EventBridge does not support partner event sources: %s", name)
	case in.KmsKeyIdentifier != nil || in.DeadLetterConfig != nil || in.LogConfig != nil:
		return nil, invalid("the embedded EventBridge does not support KmsKeyIdentifier, DeadLetterConfig and LogConfig of an event bus: %s", name)
	case !busName.MatchString(name):
		return nil, invalid("1 validation error detected: Value '%s' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [/\\.\\-_A-Za-z0-9]+", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buses[name] != nil {
		return nil, &types.ResourceAlreadyExistsException{Message: aws.String("Event bus " + name + " already exists.")}
	}
	b := &bus{name: name, arn: s.account.ARN("events", "event-bus/"+name), description: in.Description, tags: slices.Clone(in.Tags), made: s.account.Clock.Now()}
	s.buses[name] = b
	return &awseventbridge.CreateEventBusOutput{EventBusArn: &b.arn, Description: b.description}, nil
}

// DeleteEventBus deletes a bus without rules. Deleting one that is already gone is no error.
func (s *Service) DeleteEventBus(_ context.Context, in *awseventbridge.DeleteEventBusInput) (*awseventbridge.DeleteEventBusOutput, error) {
	name := aws.ToString(in.Name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if name == defaultBus {
		return nil, invalid("Cannot delete event bus default.")
	}
	for key := range s.rules {
		if key.bus == name {
			return nil, invalid("Event bus %s can't be deleted since it has rules.", name)
		}
	}
	delete(s.buses, name)
	return &awseventbridge.DeleteEventBusOutput{}, nil
}

// DescribeEventBus describes a bus.
func (s *Service) DescribeEventBus(_ context.Context, in *awseventbridge.DescribeEventBusInput) (*awseventbridge.DescribeEventBusOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.lookup(in.Name)
	if err != nil {
		return nil, err
	}
	out := &awseventbridge.DescribeEventBusOutput{Name: &b.name, Arn: &b.arn, Description: b.description, CreationTime: &b.made, LastModifiedTime: &b.made}
	if b.policy != "" {
		out.Policy = &b.policy
	}
	return out, nil
}

// UpdateEventBus changes the description of a bus.
func (s *Service) UpdateEventBus(_ context.Context, in *awseventbridge.UpdateEventBusInput) (*awseventbridge.UpdateEventBusOutput, error) {
	if in.KmsKeyIdentifier != nil || in.DeadLetterConfig != nil || in.LogConfig != nil {
		return nil, invalid("the embedded EventBridge does not support KmsKeyIdentifier, DeadLetterConfig and LogConfig of an event bus: %s", aws.ToString(in.Name))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.lookup(in.Name)
	if err != nil {
		return nil, err
	}
	b.description = in.Description
	return &awseventbridge.UpdateEventBusOutput{Name: &b.name, Arn: &b.arn, Description: b.description}, nil
}

// ListEventBuses lists the buses by name.
func (s *Service) ListEventBuses(_ context.Context, in *awseventbridge.ListEventBusesInput) (*awseventbridge.ListEventBusesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(s.buses)), func(name string) bool { return !strings.HasPrefix(name, aws.ToString(in.NamePrefix)) })
	size := 100
	if in.Limit != nil {
		size = int(*in.Limit)
	}
	names, next := paging.After(names, in.NextToken, size)
	out := &awseventbridge.ListEventBusesOutput{NextToken: next}
	for _, name := range names {
		b := s.buses[name]
		e := types.EventBus{Name: &b.name, Arn: &b.arn, Description: b.description, CreationTime: &b.made, LastModifiedTime: &b.made}
		if b.policy != "" {
			e.Policy = &b.policy
		}
		out.EventBuses = append(out.EventBuses, e)
	}
	return out, nil
}

// PolicyOf returns the policy of a bus by its ARN, or "" if it has none.
func (s *Service) PolicyOf(arn string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, err := s.lookup(&arn); err == nil {
		return b.policy
	}
	return ""
}

// PutPermission lets others put events on a bus: with a whole policy, or with a
// statement for an account or for everybody in an organisation.
func (s *Service) PutPermission(_ context.Context, in *awseventbridge.PutPermissionInput) (*awseventbridge.PutPermissionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.lookup(in.EventBusName)
	if err != nil {
		return nil, err
	}
	if in.Policy != nil {
		if in.StatementId != nil || in.Action != nil || in.Principal != nil || in.Condition != nil {
			return nil, invalid("Parameters Policy and StatementId, Action, Principal or Condition can't be used together.")
		}
		if _, err := policy.Parse(*in.Policy, policy.Resource); err != nil {
			return nil, invalid("This policy contains invalid Json: %v", err)
		}
		b.policy = *in.Policy
		return &awseventbridge.PutPermissionOutput{}, nil
	}
	if aws.ToString(in.StatementId) == "" || aws.ToString(in.Action) == "" || aws.ToString(in.Principal) == "" {
		return nil, invalid("Parameters StatementId, Action and Principal are required without Policy.")
	}
	var who any = "*"
	if *in.Principal != "*" {
		who = map[string]any{"AWS": "arn:" + account.Partition + ":iam::" + *in.Principal + ":root"}
	}
	statement := map[string]any{"Sid": *in.StatementId, "Effect": "Allow", "Principal": who, "Action": *in.Action, "Resource": b.arn}
	if c := in.Condition; c != nil {
		statement["Condition"] = map[string]any{aws.ToString(c.Type): map[string]any{aws.ToString(c.Key): aws.ToString(c.Value)}}
	}
	statements, err := b.statements()
	if err != nil {
		return nil, err
	}
	statements = append(slices.DeleteFunc(statements, func(st map[string]any) bool { return st["Sid"] == *in.StatementId }), statement)
	return &awseventbridge.PutPermissionOutput{}, b.setStatements(statements)
}

// RemovePermission removes a statement from the policy of a bus, or all of them.
func (s *Service) RemovePermission(_ context.Context, in *awseventbridge.RemovePermissionInput) (*awseventbridge.RemovePermissionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.lookup(in.EventBusName)
	if err != nil {
		return nil, err
	}
	if in.RemoveAllPermissions {
		b.policy = ""
		return &awseventbridge.RemovePermissionOutput{}, nil
	}
	statements, err := b.statements()
	if err != nil {
		return nil, err
	}
	kept := slices.DeleteFunc(slices.Clone(statements), func(st map[string]any) bool { return st["Sid"] == aws.ToString(in.StatementId) })
	if len(kept) == len(statements) {
		return nil, &types.ResourceNotFoundException{Message: aws.String("Statement with the provided id does not exist.")}
	}
	return &awseventbridge.RemovePermissionOutput{}, b.setStatements(kept)
}

// statements returns the statements of a bus's policy.
func (b *bus) statements() ([]map[string]any, error) {
	if b.policy == "" {
		return nil, nil
	}
	var document struct{ Statement json.RawMessage }
	if err := json.Unmarshal([]byte(b.policy), &document); err != nil {
		return nil, err
	}
	var list []map[string]any
	if err := json.Unmarshal(document.Statement, &list); err == nil {
		return list, nil
	}
	var one map[string]any
	err := json.Unmarshal(document.Statement, &one)
	return []map[string]any{one}, err
}

func (b *bus) setStatements(statements []map[string]any) error {
	if len(statements) == 0 {
		b.policy = ""
		return nil
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	b.policy = string(text)
	return err
}

// ListConnections lists the connections of API destinations. There are none, because
// this package refuses to create them.
func (s *Service) ListConnections(context.Context, *awseventbridge.ListConnectionsInput) (*awseventbridge.ListConnectionsOutput, error) {
	return &awseventbridge.ListConnectionsOutput{}, nil
}
