package sqs

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// maxSize is the size limit of a message, and of a batch, in bytes.
// See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html.
const maxSize = 1 << 20

// numbers are the attributes of a queue that are numbers. Times are in seconds.
type numbers struct {
	visibility, maxSize, retention, delay, wait int
}

// A limit is the range of a number, and where it is.
type limit struct {
	from, to int
	of       func(*numbers) *int
}

var limits = map[string]limit{
	"DelaySeconds":                  {0, 900, func(n *numbers) *int { return &n.delay }},
	"MaximumMessageSize":            {1024, maxSize, func(n *numbers) *int { return &n.maxSize }},
	"MessageRetentionPeriod":        {60, 1209600, func(n *numbers) *int { return &n.retention }},
	"ReceiveMessageWaitTimeSeconds": {0, maxWait, func(n *numbers) *int { return &n.wait }},
	"VisibilityTimeout":             {0, maxVisibility, func(n *numbers) *int { return &n.visibility }},
}

// removable lists the attributes that an empty value removes.
var removable = []string{"KmsMasterKeyId", "Policy", "RedriveAllowPolicy", "RedrivePolicy"}

// fifoOnly lists the attributes that a standard queue can't have.
var fifoOnly = []string{"ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"}

func badAttribute(name string) error {
	return &types.InvalidAttributeValue{Message: aws.String("Invalid value for the parameter " + name + ".")}
}

// redrivePolicy says when a message moves to a dead-letter queue.
type redrivePolicy struct {
	target string // ARN of the dead-letter queue; empty if there is none
	most   int    // how often a message is received before it moves
}

// set changes the attributes of a queue, all or none. s is locked.
func (s *Service) set(q *queue, attributes map[string]string) error {
	next, n, redrive := maps.Clone(q.set), q.numbers, q.redrive
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		value := attributes[name]
		if !q.fifo && slices.Contains(fifoOnly, name) {
			return &types.InvalidAttributeName{Message: aws.String("You can specify the " + name + " only when FifoQueue is set to true.")}
		}
		if value == "" && slices.Contains(removable, name) {
			delete(next, name)
			if name == "RedrivePolicy" {
				redrive = redrivePolicy{}
			}
			continue
		}
		if l, ok := limits[name]; ok {
			number, err := strconv.Atoi(value)
			if err != nil || number < l.from || number > l.to {
				return badAttribute(name)
			}
			*l.of(&n) = number
			next[name] = value
			continue
		}
		var err error
		switch name {
		case "ContentBasedDeduplication", "SqsManagedSseEnabled":
			err = oneOf(name, value, "true", "false")
		case "DeduplicationScope":
			err = oneOf(name, value, "messageGroup", "queue")
		case "FifoThroughputLimit":
			err = oneOf(name, value, "perQueue", "perMessageGroupId")
		case "FifoQueue":
			// It can only be given when the queue is created.
			if value != strconv.FormatBool(q.fifo) {
				err = badAttribute(name)
			}
		case "KmsMasterKeyId":
		case "KmsDataKeyReusePeriodSeconds":
			if seconds, bad := strconv.Atoi(value); bad != nil || seconds < 60 || seconds > 86400 {
				err = badAttribute(name)
			}
		case "Policy":
			var document struct{ Statement any }
			if json.Unmarshal([]byte(value), &document) != nil || document.Statement == nil {
				err = badAttribute(name)
			}
		case "RedrivePolicy":
			redrive, err = s.redrivePolicy(q, value)
		case "RedriveAllowPolicy":
			_, err = redriveAllowPolicy(value)
		default:
			err = &types.InvalidAttributeName{Message: aws.String("Unknown Attribute " + name + ".")}
		}
		if err != nil {
			return err
		}
		next[name] = value
	}
	if next["FifoThroughputLimit"] == "perMessageGroupId" && next["DeduplicationScope"] != "messageGroup" {
		return &types.InvalidAttributeValue{Message: aws.String("The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.")}
	}
	if next["KmsMasterKeyId"] != "" && next["SqsManagedSseEnabled"] == "true" {
		return &types.InvalidAttributeValue{Message: aws.String("You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.")}
	}
	q.set, q.numbers, q.redrive = next, n, redrive
	// A shorter retention may have ended for some messages.
	q.oldest = time.Time{}
	return nil
}

func oneOf(name, value string, allowed ...string) error {
	if !slices.Contains(allowed, value) {
		return badAttribute(name)
	}
	return nil
}

// redrivePolicy reads a RedrivePolicy and checks that the dead-letter queue
// accepts messages of q. s is locked.
func (s *Service) redrivePolicy(q *queue, text string) (redrivePolicy, error) {
	const name = "RedrivePolicy"
	var p struct {
		DeadLetterTargetArn string `json:"deadLetterTargetArn"`
		MaxReceiveCount     any    `json:"maxReceiveCount"`
	}
	if json.Unmarshal([]byte(text), &p) != nil {
		return redrivePolicy{}, badValue(name, text, "Redrive policy is not a valid JSON map.")
	}
	switch {
	case p.DeadLetterTargetArn == "":
		return redrivePolicy{}, badValue(name, text, "Redrive policy does not contain mandatory attribute: deadLetterTargetArn.")
	case p.MaxReceiveCount == nil:
		return redrivePolicy{}, badValue(name, text, "Redrive policy does not contain mandatory attribute: maxReceiveCount.")
	}
	// Both a number and its text are accepted.
	most, err := strconv.Atoi(fmt.Sprint(p.MaxReceiveCount))
	if err != nil || most < 1 || most > 1000 {
		return redrivePolicy{}, badValue(name, text, "Invalid value for maxReceiveCount: "+fmt.Sprint(p.MaxReceiveCount)+", valid values are from 1 to 1000 both inclusive.")
	}
	target := s.byARN(p.DeadLetterTargetArn)
	switch {
	case target == nil:
		return redrivePolicy{}, badValue(name, text, "Dead letter target does not exist.")
	case target.fifo != q.fifo:
		return redrivePolicy{}, badValue(name, text, "Dead-letter queue must be same type of queue as the source.")
	}
	if allow, err := redriveAllowPolicy(target.set["RedriveAllowPolicy"]); err == nil && !allow.permits(q.arn) {
		return redrivePolicy{}, badValue(name, text, "Dead-letter queue's redrive allow policy does not permit this queue.")
	}
	return redrivePolicy{target: p.DeadLetterTargetArn, most: most}, nil
}

// An allowPolicy says whose dead-letter queue a queue may be.
type allowPolicy struct {
	RedrivePermission string   `json:"redrivePermission"`
	SourceQueueArns   []string `json:"sourceQueueArns"`
}

func (p allowPolicy) permits(arn string) bool {
	switch p.RedrivePermission {
	case "denyAll":
		return false
	case "byQueue":
		return slices.Contains(p.SourceQueueArns, arn)
	default:
		return true
	}
}

func redriveAllowPolicy(text string) (allowPolicy, error) {
	var p allowPolicy
	if text == "" {
		return p, nil
	}
	const name = "RedriveAllowPolicy"
	if json.Unmarshal([]byte(text), &p) != nil {
		return p, badValue(name, text, "Redrive allow policy is not a valid JSON map.")
	}
	const most = 10
	by := p.RedrivePermission == "byQueue"
	if !slices.Contains([]string{"allowAll", "denyAll", "byQueue"}, p.RedrivePermission) ||
		by != (len(p.SourceQueueArns) > 0) || len(p.SourceQueueArns) > most {
		return p, badValue(name, text, "redrivePermission is allowAll, denyAll, or byQueue with 1 to 10 sourceQueueArns.")
	}
	return p, nil
}

// defaults returns the attributes that a queue has without being given them.
func (q *queue) defaults() map[string]string {
	all := map[string]string{
		"DelaySeconds": "0", "MaximumMessageSize": strconv.Itoa(maxSize), "MessageRetentionPeriod": "345600",
		"ReceiveMessageWaitTimeSeconds": "0", "VisibilityTimeout": "30",
		"SqsManagedSseEnabled": strconv.FormatBool(q.set["KmsMasterKeyId"] == ""),
	}
	if q.set["KmsMasterKeyId"] != "" {
		all["KmsDataKeyReusePeriodSeconds"] = "300"
	}
	if q.fifo {
		all["FifoQueue"], all["ContentBasedDeduplication"] = "true", "false"
		all["DeduplicationScope"], all["FifoThroughputLimit"] = "queue", "perQueue"
	}
	return all
}

// describe returns all attributes of a queue.
func (q *queue) describe(now time.Time) map[string]string {
	q.settle(now)
	all := q.defaults()
	maps.Copy(all, q.set)
	visible, hidden, delayed := q.count()
	all["QueueArn"] = q.arn
	all["ApproximateNumberOfMessages"] = strconv.Itoa(visible)
	all["ApproximateNumberOfMessagesNotVisible"] = strconv.Itoa(hidden)
	all["ApproximateNumberOfMessagesDelayed"] = strconv.Itoa(delayed)
	all["CreatedTimestamp"] = strconv.FormatInt(q.created.Unix(), 10)
	all["LastModifiedTimestamp"] = strconv.FormatInt(q.modified.Unix(), 10)
	return all
}
