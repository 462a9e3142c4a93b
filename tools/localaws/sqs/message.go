package sqs

import (
	"context"
	"crypto/md5" // #nosec G501 -- the API defines checksums by it
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/call"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// SendMessage puts a message into a queue.
// See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html.
func (s *Service) SendMessage(ctx context.Context, in *awssqs.SendMessageInput) (*awssqs.SendMessageOutput, error) {
	out := &awssqs.SendMessageOutput{}
	return out, s.on(in.QueueUrl, func(q *queue) error {
		sent, err := s.send(ctx, q, types.SendMessageBatchRequestEntry{
			MessageBody: in.MessageBody, DelaySeconds: in.DelaySeconds, MessageAttributes: in.MessageAttributes,
			MessageSystemAttributes: in.MessageSystemAttributes, MessageGroupId: in.MessageGroupId, MessageDeduplicationId: in.MessageDeduplicationId,
		})
		if err != nil {
			return err
		}
		out.MessageId, out.SequenceNumber = sent.MessageId, sent.SequenceNumber
		out.MD5OfMessageBody, out.MD5OfMessageAttributes = sent.MD5OfMessageBody, sent.MD5OfMessageAttributes
		out.MD5OfMessageSystemAttributes = sent.MD5OfMessageSystemAttributes
		return nil
	})
}

// SendMessageBatch puts up to ten messages into a queue. Each of them succeeds or
// fails by itself.
func (s *Service) SendMessageBatch(ctx context.Context, in *awssqs.SendMessageBatchInput) (*awssqs.SendMessageBatchOutput, error) {
	out := &awssqs.SendMessageBatchOutput{}
	return out, s.on(in.QueueUrl, func(q *queue) error {
		size := 0
		for _, e := range in.Entries {
			size += sizeOf(e)
		}
		if size > maxSize {
			return &types.BatchRequestTooLong{Message: aws.String(fmt.Sprintf("Batch requests cannot be longer than %d bytes. You have sent %d bytes.", maxSize, size))}
		}
		failed, err := batch("SendMessageBatchRequestEntry", in.Entries, func(e types.SendMessageBatchRequestEntry) *string { return e.Id },
			func(e types.SendMessageBatchRequestEntry) error {
				sent, err := s.send(ctx, q, e)
				if err == nil {
					sent.Id = e.Id
					out.Successful = append(out.Successful, sent)
				}
				return err
			})
		out.Failed = failed
		return err
	})
}

const maxBatch = 10

var entryID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// batch calls do with each entry of a batch, and returns those that failed.
func batch[T any](kind string, entries []T, id func(T) *string, do func(T) error) ([]types.BatchResultErrorEntry, error) {
	if len(entries) == 0 {
		return nil, &types.EmptyBatchRequest{Message: aws.String("There should be at least one " + kind + " in the request.")}
	}
	if len(entries) > maxBatch {
		return nil, &types.TooManyEntriesInBatchRequest{Message: aws.String(fmt.Sprintf("Maximum number of entries per request are %d. You have sent %d.", maxBatch, len(entries)))}
	}
	seen := map[string]bool{}
	for _, e := range entries {
		name := aws.ToString(id(e))
		switch {
		case !entryID.MatchString(name):
			return nil, &types.InvalidBatchEntryId{Message: aws.String("A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")}
		case seen[name]:
			return nil, &types.BatchEntryIdsNotDistinct{Message: aws.String("Id " + name + " repeated.")}
		}
		seen[name] = true
	}
	var failed []types.BatchResultErrorEntry
	for _, e := range entries {
		err := do(e)
		if err == nil {
			continue
		}
		entry := types.BatchResultErrorEntry{Id: id(e), Code: aws.String("InternalError"), Message: aws.String(err.Error())}
		if api, ok := errors.AsType[smithy.APIError](err); ok {
			entry.Code, entry.Message = aws.String(api.ErrorCode()), aws.String(api.ErrorMessage())
			entry.SenderFault = api.ErrorFault() == smithy.FaultClient
		}
		failed = append(failed, entry)
	}
	return failed, nil
}

// sizeOf returns the size of a message in bytes: its body and its attributes.
func sizeOf(e types.SendMessageBatchRequestEntry) int {
	size := len(aws.ToString(e.MessageBody))
	for name, v := range e.MessageAttributes {
		size += len(name) + len(aws.ToString(v.DataType)) + len(aws.ToString(v.StringValue)) + len(v.BinaryValue)
	}
	return size
}

// deduplicated is how long a FIFO queue remembers a deduplication id.
const deduplicated = 5 * time.Minute

// A duplicate is what is remembered of a message of a FIFO queue.
type duplicate struct {
	sent     time.Time
	id       string
	sequence uint64
}

// send puts a message into a queue. s is locked.
func (s *Service) send(ctx context.Context, q *queue, e types.SendMessageBatchRequestEntry) (types.SendMessageBatchResultEntry, error) {
	var result types.SendMessageBatchResultEntry
	delay := q.delay
	if err := q.check(e); err != nil {
		return result, err
	}
	switch {
	case e.DelaySeconds == call.Zero:
		delay = 0
	case e.DelaySeconds != 0:
		delay = int(e.DelaySeconds)
	}
	now := s.account.Clock.Now()
	caller := principal.FromContext(ctx)
	m := &message{
		id: uuid.NewString(), body: *e.MessageBody, attributes: maps.Clone(e.MessageAttributes), sender: caller.UserID, sent: now,
		group: aws.ToString(e.MessageGroupId), deduplication: aws.ToString(e.MessageDeduplicationId),
	}
	if t, ok := e.MessageSystemAttributes[string(types.MessageSystemAttributeNameForSendsAWSTraceHeader)]; ok {
		m.trace = aws.ToString(t.StringValue)
		result.MD5OfMessageSystemAttributes = digest(map[string]types.MessageAttributeValue{
			"AWSTraceHeader": {DataType: t.DataType, StringValue: t.StringValue},
		})
	}
	result.MD5OfMessageBody, result.MD5OfMessageAttributes = sum(m.body), digest(m.attributes)
	result.MessageId = &m.id
	if q.fifo && m.deduplication == "" {
		m.deduplication = contentID(m.body)
	}
	if !q.fifo {
		q.add(m, now, time.Duration(delay)*time.Second)
	} else if old, ok := q.duplicate(m, now); ok {
		result.MessageId, result.SequenceNumber = &old.id, sequenceNumber(old.sequence)
	} else {
		q.add(m, now, time.Duration(delay)*time.Second)
		q.remember(m)
		result.SequenceNumber = sequenceNumber(m.sequence)
	}
	s.meter.add(q, now, sentMessages, 1)
	s.meter.add(q, now, sentSize, float64(sizeOf(e)))
	return result, nil
}

// contentID returns the deduplication id of a message by its body.
func contentID(body string) string {
	digest := sha256.Sum256([]byte(body))
	return hex.EncodeToString(digest[:])
}

func sequenceNumber(n uint64) *string {
	// AWS's numbers have 20 digits.
	const first = 18 * 1e18
	return aws.String(strconv.FormatUint(first+n, 10))
}

// duplicateKey returns the key under which a message is remembered.
func (q *queue) duplicateKey(m *message) string {
	if q.attribute("DeduplicationScope") == "messageGroup" {
		return m.group + "\x00" + m.deduplication
	}
	return m.deduplication
}

// duplicate returns the earlier message of which m is a duplicate.
func (q *queue) duplicate(m *message, now time.Time) (duplicate, bool) {
	for len(q.recent) > 0 && now.Sub(q.duplicates[q.recent[0]].sent) >= deduplicated {
		delete(q.duplicates, q.recent[0])
		q.recent = q.recent[1:]
	}
	d, ok := q.duplicates[q.duplicateKey(m)]
	return d, ok
}

func (q *queue) remember(m *message) {
	key := q.duplicateKey(m)
	q.duplicates[key] = duplicate{sent: m.sent, id: m.id, sequence: m.sequence}
	q.recent = append(q.recent, key)
}

// characters matches the characters that a message can't contain.
// See https://www.w3.org/TR/REC-xml/#charsets.
var characters = regexp.MustCompile(`[^\x{9}\x{A}\x{D}\x{20}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]`)

var fifoID = regexp.MustCompile("^[!-~]{1,128}$")

// check refuses a message that the queue can't take.
func (q *queue) check(e types.SendMessageBatchRequestEntry) error {
	const wrongType = "The request include parameter that is not valid for this queue type"
	delay := e.DelaySeconds
	if delay == call.Zero {
		delay = 0
	}
	body := aws.ToString(e.MessageBody)
	switch {
	case body == "":
		return missing("MessageBody")
	case !utf8.ValidString(body) || characters.MatchString(body):
		return &types.InvalidMessageContents{Message: aws.String("Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF")}
	case delay < 0 || delay > 900:
		return badValue("DelaySeconds", strconv.Itoa(int(delay)), "DelaySeconds must be >= 0 and <= 900.")
	case sizeOf(e) > q.maxSize:
		return invalid("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", q.maxSize)
	case q.fifo && delay != 0:
		return badValue("DelaySeconds", strconv.Itoa(int(delay)), wrongType+".")
	case q.fifo && e.MessageGroupId == nil:
		return missing("MessageGroupId")
	case q.fifo && e.MessageDeduplicationId == nil && q.attribute("ContentBasedDeduplication") != "true":
		return invalid("The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	case !q.fifo && e.MessageDeduplicationId != nil:
		return badValue("MessageDeduplicationId", *e.MessageDeduplicationId, wrongType)
	case e.MessageGroupId != nil && !fifoID.MatchString(*e.MessageGroupId):
		return badValue("MessageGroupId", *e.MessageGroupId, "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.")
	case e.MessageDeduplicationId != nil && !fifoID.MatchString(*e.MessageDeduplicationId):
		return badValue("MessageDeduplicationId", *e.MessageDeduplicationId, "MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 in length.")
	}
	for name, v := range e.MessageSystemAttributes {
		if name != string(types.MessageSystemAttributeNameForSendsAWSTraceHeader) {
			return invalid("Message system attribute name '%s' is invalid.", name)
		}
		if aws.ToString(v.DataType) != "String" || aws.ToString(v.StringValue) == "" {
			return invalid("The message system attribute '%s' must be a string.", name)
		}
	}
	return checkAttributes(e.MessageAttributes)
}

var attributeName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// maxAttributes is the number of attributes that a message can have.
const maxAttributes = 10

func checkAttributes(attributes map[string]types.MessageAttributeValue) error {
	if len(attributes) > maxAttributes {
		return invalid("Number of message attributes [%d] exceeds the allowed maximum [%d].", len(attributes), maxAttributes)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		v := attributes[name]
		lower := strings.ToLower(name)
		kind, _, _ := strings.Cut(aws.ToString(v.DataType), ".")
		switch {
		case !attributeName.MatchString(name) || len(name) > 256:
			return invalid("The message attribute name '%s' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.).", name)
		case strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon."):
			return invalid("The message attribute name '%s' is invalid. Attribute name can't start with 'AWS.' or 'Amazon.'.", name)
		case kind == "":
			return invalid("The message attribute '%s' must contain non-empty message attribute type.", name)
		case !slices.Contains([]string{"String", "Number", "Binary"}, kind):
			return invalid("The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", name)
		case v.StringListValues != nil || v.BinaryListValues != nil:
			return unsupported("list values, as in the message attribute " + name)
		case kind == "Binary" && len(v.BinaryValue) == 0 || kind != "Binary" && aws.ToString(v.StringValue) == "":
			return invalid("The message attribute '%s' must contain non-empty message attribute value for message attribute type '%s'.", name, *v.DataType)
		case characters.MatchString(aws.ToString(v.StringValue)):
			return invalid("The message attribute '%s' contains an invalid character.", name)
		}
		if kind == "Number" {
			if _, err := strconv.ParseFloat(*v.StringValue, 64); err != nil {
				return invalid("Can't cast the value of message (user) attribute '%s' to a number.", name)
			}
		}
	}
	return nil
}

func sum(text string) *string {
	digest := md5.Sum([]byte(text)) // #nosec G401 -- the API defines it so
	return aws.String(hex.EncodeToString(digest[:]))
}

// digest returns the MD5 digest of a message's attributes, or nil if it has none.
// See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html.
func digest(attributes map[string]types.MessageAttributeValue) *string {
	if len(attributes) == 0 {
		return nil
	}
	var encoded []byte
	add := func(value string) {
		encoded = binary.BigEndian.AppendUint32(encoded, uint32(len(value))) // #nosec G115 -- a message has at most 1 MiB
		encoded = append(encoded, value...)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		v := attributes[name]
		add(name)
		add(aws.ToString(v.DataType))
		if v.StringValue != nil {
			encoded = append(encoded, 1)
			add(*v.StringValue)
		} else {
			encoded = append(encoded, 2)
			add(string(v.BinaryValue))
		}
	}
	return sum(string(encoded))
}
