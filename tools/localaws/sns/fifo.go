package sns

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
)

// fifoSuffix ends the names of FIFO topics and of FIFO queues.
const fifoSuffix = ".fifo"

var fifoName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,251}\.fifo$`)

// fifoAttributes has the attributes that only FIFO topics have, with their values.
var fifoAttributes = map[string][]string{
	"ContentBasedDeduplication": {"true", "false"},
	"FifoThroughputScope":       {"Topic", "MessageGroup"},
}

// deduplicationTime is how long a FIFO topic knows its messages.
// See https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html.
const deduplicationTime = 5 * time.Minute

// A sent message is one whose duplicates are not delivered.
type sent struct {
	message Message
	until   time.Time
}

var fifoID = regexp.MustCompile("^[A-Za-z0-9!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~]{1,128}$")

// order gives a message of a FIFO topic its place. If the topic has published it before,
// order returns the same answer. The service is locked.
func (t *topic) order(m *Message, in *awssns.PublishInput) (*awssns.PublishOutput, error) {
	group, deduplication := aws.ToString(in.MessageGroupId), aws.ToString(in.MessageDeduplicationId)
	if !t.fifo {
		for name, value := range map[string]*string{"MessageGroupId": in.MessageGroupId, "MessageDeduplicationId": in.MessageDeduplicationId} {
			if value != nil {
				return nil, invalid("%s Reason: The request includes %[1]s parameter that is not valid for this topic type", name)
			}
		}
		return nil, nil
	}
	if group == "" {
		return nil, invalid("The MessageGroupId parameter is required for FIFO topics")
	}
	if deduplication == "" {
		if t.attributes["ContentBasedDeduplication"] != "true" {
			return nil, invalid("The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
		}
		sum := sha256.Sum256([]byte(m.Body))
		deduplication = hex.EncodeToString(sum[:])
	}
	for name, value := range map[string]string{"MessageGroupId": group, "MessageDeduplicationId": deduplication} {
		if !fifoID.MatchString(value) {
			return nil, invalid("%s Reason: %[1]s can only include alphanumeric and punctuation characters. 1 to 128 in length.", name)
		}
	}
	key := deduplication
	if t.attributes["FifoThroughputScope"] == "MessageGroup" {
		key = group + "\n" + deduplication
	}
	for k, old := range t.recent {
		if !m.Published.Before(old.until) {
			delete(t.recent, k)
		}
	}
	if old, ok := t.recent[key]; ok {
		return old.message.output(), nil
	}
	t.sequence++
	m.Group, m.Deduplication, m.Sequence = group, deduplication, fmt.Sprintf("1%019d", t.sequence)
	t.recent[key] = sent{*m, m.Published.Add(deduplicationTime)}
	return nil, nil
}

// output is what whoever published a message is told.
func (m Message) output() *awssns.PublishOutput {
	out := &awssns.PublishOutput{MessageId: aws.String(m.ID)}
	if m.Sequence != "" {
		out.SequenceNumber = aws.String(m.Sequence)
	}
	return out
}
