package sqs

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/magewright/magewright/tools/localaws/account"
)

var label = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// granted lists the actions that AddPermission can grant.
var granted = []string{
	"*", "ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "GetQueueUrl", "ListDeadLetterSourceQueues",
	"PurgeQueue", "ReceiveMessage", "SendMessage",
}

// statements returns the policy of a queue and its statements, to be changed.
func (q *queue) statements() (document map[string]any, statements []any, err error) {
	document = map[string]any{"Version": "2008-10-17", "Id": q.arn + "/SQSDefaultPolicy"}
	if text := q.set["Policy"]; text != "" {
		if err := json.Unmarshal([]byte(text), &document); err != nil {
			return nil, nil, fmt.Errorf("reading the policy of %s: %w", q.name, err)
		}
	}
	switch s := document["Statement"].(type) {
	case []any:
		statements = s
	case map[string]any:
		statements = []any{s}
	}
	return document, statements, nil
}

// PolicyOf returns the policy of a queue by its ARN, or "" if it has none.
func (s *Service) PolicyOf(queueARN string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.byARN(queueARN); q != nil {
		return q.set["Policy"]
	}
	return ""
}

// setStatements stores a policy, or removes it if it has no statement.
func (s *Service) setStatements(q *queue, document map[string]any, statements []any) error {
	set := maps.Clone(q.set)
	delete(set, "Policy")
	if len(statements) > 0 {
		document["Statement"] = statements
		text, err := json.Marshal(document)
		if err != nil {
			return fmt.Errorf("writing the policy of %s: %w", q.name, err)
		}
		set["Policy"] = string(text)
	}
	q.set, q.modified = set, s.account.Clock.Now()
	return nil
}

func hasLabel(statement any, label string) bool {
	fields, _ := statement.(map[string]any)
	return fields["Sid"] == label
}

// AddPermission adds a statement to the policy of a queue.
func (s *Service) AddPermission(_ context.Context, in *awssqs.AddPermissionInput) (*awssqs.AddPermissionOutput, error) {
	name := aws.ToString(in.Label)
	switch {
	case !label.MatchString(name):
		return nil, badValue("Label", name, "Label can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.")
	case len(in.AWSAccountIds) == 0:
		return nil, missing("AWSAccountIds")
	case len(in.Actions) == 0:
		return nil, missing("Actions")
	}
	var principals, actions []string
	for _, id := range in.AWSAccountIds {
		principals = append(principals, "arn:"+account.Partition+":iam::"+id+":root")
	}
	for _, action := range in.Actions {
		if !slices.Contains(granted, action) {
			return nil, badValue("ActionName", action, "Only the queue owner is allowed to invoke this action.")
		}
		actions = append(actions, "SQS:"+action)
	}
	return &awssqs.AddPermissionOutput{}, s.on(in.QueueUrl, func(q *queue) error {
		document, statements, err := q.statements()
		if err != nil {
			return err
		}
		if slices.ContainsFunc(statements, func(st any) bool { return hasLabel(st, name) }) {
			return badValue("Label", name, "Already exists.")
		}
		return s.setStatements(q, document, append(statements, map[string]any{
			"Sid": name, "Effect": "Allow", "Principal": map[string]any{"AWS": principals}, "Action": actions, "Resource": q.arn,
		}))
	})
}

// RemovePermission removes a statement from the policy of a queue.
func (s *Service) RemovePermission(_ context.Context, in *awssqs.RemovePermissionInput) (*awssqs.RemovePermissionOutput, error) {
	return &awssqs.RemovePermissionOutput{}, s.on(in.QueueUrl, func(q *queue) error {
		document, statements, err := q.statements()
		if err != nil {
			return err
		}
		kept := slices.DeleteFunc(slices.Clone(statements), func(st any) bool { return hasLabel(st, aws.ToString(in.Label)) })
		if len(kept) == len(statements) {
			return badValue("Label", aws.ToString(in.Label), "can't find label on existing policy.")
		}
		return s.setStatements(q, document, kept)
	})
}
