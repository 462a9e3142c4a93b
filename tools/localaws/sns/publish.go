package sns

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/delivery"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// maxMessage is the size limit in bytes, from
// https://docs.aws.amazon.com/general/latest/gr/sns.html.
const maxMessage = 256 << 10

// validSubject reports whether a text can be the subject of an e-mail.
// See https://docs.aws.amazon.com/sns/latest/api/API_Publish.html.
func validSubject(text string) bool {
	return text != "" && len([]rune(text)) <= 100 && !strings.ContainsFunc(text, unicode.IsControl)
}

// Publish sends a message to a topic's confirmed subscriptions. It returns once
// the message is accepted; the deliveries follow in the background.
func (s *Service) Publish(_ context.Context, in *awssns.PublishInput) (*awssns.PublishOutput, error) {
	arn := in.TopicArn
	if arn == nil {
		arn = in.TargetArn
	}
	body := aws.ToString(in.Message)
	switch {
	case in.PhoneNumber != nil:
		return nil, invalid("PhoneNumber: the embedded SNS sends no text messages")
	case arn == nil:
		return nil, invalid("TopicArn or TargetArn Reason: no value for required parameter")
	case !strings.HasPrefix(*arn, "arn:"):
		return nil, invalid("TopicArn Reason: An ARN must have at least 6 elements, not %d", strings.Count(*arn, ":")+1)
	case in.Subject != nil && !validSubject(*in.Subject):
		return nil, invalid("Subject")
	case body == "":
		return nil, invalid("Empty message")
	case len(body) > maxMessage:
		return nil, invalid("Message too long: %d bytes", len(body))
	}
	byProtocol := map[string]string{}
	switch aws.ToString(in.MessageStructure) {
	case "":
	case "json":
		if err := json.Unmarshal([]byte(body), &byProtocol); err != nil {
			return nil, invalid("Message Structure - JSON message body failed to parse: %v", err)
		}
		if _, ok := byProtocol["default"]; !ok {
			return nil, invalid("Message Structure - No default entry in JSON message body")
		}
		body = byProtocol["default"]
	default:
		return nil, invalid("MessageStructure: %s", *in.MessageStructure)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.topic(arn)
	if err != nil {
		return nil, err
	}
	m := Message{
		ID: uuid.NewString(), TopicARN: t.arn, Subject: aws.ToString(in.Subject), Body: body,
		Attributes: maps.Clone(in.MessageAttributes), Published: s.account.Clock.Now().UTC(),
	}
	if before, err := t.order(&m, in); err != nil || before != nil {
		return before, err
	}
	t.messages = append(t.messages, m)
	if len(t.messages) > keep {
		t.messages = t.messages[len(t.messages)-keep:]
	}
	for _, sub := range s.subscriptions {
		if sub.topic != t.arn || !sub.confirmed {
			continue
		}
		m.Body = body
		if own, ok := byProtocol[sub.protocol]; ok {
			m.Body = own
		}
		if !sub.filter.passes(m) {
			continue
		}
		s.deliver(sub, s.notification(sub, m), m)
	}
	return m.output(), nil
}

// maxBatch is the number of messages that PublishBatch takes.
const maxBatch = 10

var batchID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// PublishBatch publishes up to ten messages. It reports a message that it refuses in
// the message's entry, and publishes the others.
func (s *Service) PublishBatch(ctx context.Context, in *awssns.PublishBatchInput) (*awssns.PublishBatchOutput, error) {
	entries := in.PublishBatchRequestEntries
	switch n := len(entries); {
	case n == 0:
		return nil, &types.EmptyBatchRequestException{Message: aws.String("The batch request doesn't contain any entries.")}
	case n > maxBatch:
		return nil, &types.TooManyEntriesInBatchRequestException{Message: aws.String("The batch request contains more entries than permissible.")}
	}
	ids, size := map[string]bool{}, 0
	for _, e := range entries {
		id := aws.ToString(e.Id)
		if !batchID.MatchString(id) {
			return nil, &types.InvalidBatchEntryIdException{Message: aws.String("The Id of a batch entry in a batch request doesn't abide by the specification.")}
		}
		if ids[id] {
			return nil, &types.BatchEntryIdsNotDistinctException{Message: aws.String("Two or more batch entries in the request have the same Id.")}
		}
		ids[id] = true
		size += len(aws.ToString(e.Message))
	}
	if size > maxMessage {
		return nil, &types.BatchRequestTooLongException{Message: aws.String("The length of all the batch messages put together is more than the limit.")}
	}
	s.mu.Lock()
	_, err := s.topic(in.TopicArn)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	out := &awssns.PublishBatchOutput{}
	for _, e := range entries {
		published, err := s.Publish(ctx, &awssns.PublishInput{
			TopicArn: in.TopicArn, Message: e.Message, MessageAttributes: e.MessageAttributes, MessageStructure: e.MessageStructure, Subject: e.Subject,
			MessageDeduplicationId: e.MessageDeduplicationId, MessageGroupId: e.MessageGroupId,
		})
		if err == nil {
			out.Successful = append(out.Successful, types.PublishBatchResultEntry{Id: e.Id, MessageId: published.MessageId, SequenceNumber: published.SequenceNumber})
			continue
		}
		failed := types.BatchResultErrorEntry{Id: e.Id, Code: aws.String("InternalError"), Message: aws.String(err.Error())}
		if api, ok := errors.AsType[smithy.APIError](err); ok {
			failed.Code, failed.Message, failed.SenderFault = aws.String(api.ErrorCode()), aws.String(api.ErrorMessage()), true
		}
		out.Failed = append(out.Failed, failed)
	}
	return out, nil
}

// A notification is the document that an endpoint receives.
// See https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html.
type notification struct {
	Type              string
	MessageID         string `json:"MessageId"`
	SequenceNumber    string `json:",omitempty"`
	Token             string `json:",omitempty"`
	TopicARN          string `json:"TopicArn"`
	Subject           string `json:",omitempty"`
	Message           string
	SubscribeURL      string `json:",omitempty"`
	Timestamp         string
	SignatureVersion  string
	UnsubscribeURL    string                        `json:",omitempty"`
	MessageAttributes map[string]notificationMember `json:",omitempty"`
}

type notificationMember struct{ Type, Value string }

const timestamp = "2006-01-02T15:04:05.000Z"

func (s *Service) notification(sub *subscription, m Message) notification {
	n := notification{
		Type: "Notification", MessageID: m.ID, TopicARN: m.TopicARN, Subject: m.Subject, Message: m.Body, Timestamp: m.Published.Format(timestamp),
		SignatureVersion: "1", SequenceNumber: m.Sequence, UnsubscribeURL: s.link("Unsubscribe", url.Values{"SubscriptionArn": {sub.arn}}),
	}
	for name, value := range m.Attributes {
		if n.MessageAttributes == nil {
			n.MessageAttributes = map[string]notificationMember{}
		}
		n.MessageAttributes[name] = notificationMember{aws.ToString(value.DataType), attributeText(value)}
	}
	return n
}

func attributeText(v types.MessageAttributeValue) string {
	if v.StringValue != nil {
		return *v.StringValue
	}
	return base64.StdEncoding.EncodeToString(v.BinaryValue)
}

func (s *Service) confirmation(sub *subscription) notification {
	return notification{
		Type: "SubscriptionConfirmation", MessageID: uuid.NewString(), Token: sub.token, TopicARN: sub.topic,
		Message:          "You have chosen to subscribe to the topic " + sub.topic + ".\nTo confirm the subscription, visit the SubscribeURL included in this message.",
		SubscribeURL:     s.link("ConfirmSubscription", url.Values{"TopicArn": {sub.topic}, "Token": {sub.token}}),
		Timestamp:        s.account.Clock.Now().UTC().Format(timestamp),
		SignatureVersion: "1",
	}
}

// link returns the URL for an operation that needs no signature.
func (s *Service) link(action string, query url.Values) string {
	query.Set("Action", action)
	query.Set("Version", "2010-03-31")
	return s.account.Endpoint + "/?" + query.Encode()
}

// deliver sends n, which is of m, to a subscription in the background, independently of
// the request that caused it. The messages of a FIFO topic arrive in their order. s is
// locked.
func (s *Service) deliver(to *subscription, n notification, m Message) {
	if s.closed {
		return
	}
	var before chan struct{}
	done := make(chan struct{})
	if m.Group != "" {
		before, to.last = to.last, done
	}
	sub := *to
	s.deliveries.Go(func() {
		defer close(done)
		if before != nil {
			<-before
		}
		if err := s.attempt(sub, n, m); err != nil && s.ctx.Err() == nil {
			s.account.Log.Warn("a notification was not delivered", "topic", sub.topic, "endpoint", sub.endpoint, "error", err)
			if err := s.bury(sub, n, m, err); err != nil {
				s.account.Log.Warn("a notification was not sent to a dead-letter queue", "topic", sub.topic, "queue", sub.deadLetters, "error", err)
			}
		}
	})
}

// These are the first retries that AWS makes. AWS continues for an hour.
// See https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html.
const (
	retries    = 3
	retryDelay = 20 * time.Second
)

func (s *Service) attempt(sub subscription, n notification, m Message) error {
	send := s.post
	switch sub.protocol {
	case "lambda":
		send = s.invoke
	case "sqs":
		// A queue fails only where it refuses the message, which is final.
		return s.enqueue(sub, n, m)
	}
	for try := 0; ; try++ {
		err := send(sub, n)
		// A refusal is final.
		if err == nil || try == retries || delivery.Refused(err) {
			return err
		}
		if err := clock.Sleep(s.ctx, s.account.Clock, retryDelay); err != nil {
			return err
		}
	}
}

func (s *Service) post(sub subscription, n notification) error {
	text, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("encoding a notification: %w", err)
	}
	raw := sub.raw && n.Type == "Notification"
	if raw {
		text = []byte(n.Message)
	}
	r, err := http.NewRequestWithContext(s.ctx, http.MethodPost, sub.endpoint, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "text/plain; charset=UTF-8")
	r.Header.Set("User-Agent", "Amazon Simple Notification Service Agent")
	r.Header.Set("X-Amz-Sns-Message-Type", n.Type)
	r.Header.Set("X-Amz-Sns-Message-Id", n.MessageID)
	r.Header.Set("X-Amz-Sns-Topic-Arn", n.TopicARN)
	if n.Type == "Notification" {
		r.Header.Set("X-Amz-Sns-Subscription-Arn", sub.arn)
	}
	if raw {
		r.Header.Set("X-Amz-Sns-Rawdelivery", "true")
	}
	response, err := s.client.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	err = errors.Join(err, response.Body.Close())
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("the endpoint answered %s", response.Status)
	}
	return err
}

// bury sends what an endpoint did not take to the dead-letter queue of the
// subscription, if it has one. The attributes say why.
// See https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html.
func (s *Service) bury(sub subscription, n notification, m Message, reason error) error {
	if sub.deadLetters == "" || n.Type != "Notification" || s.deps.Queues == nil {
		return nil
	}
	sub.endpoint = sub.deadLetters
	why := map[string]types.MessageAttributeValue{}
	if sub.raw {
		maps.Copy(why, m.Attributes)
	}
	code := "DELIVERY_FAILED"
	if api, ok := errors.AsType[smithy.APIError](reason); ok {
		code = api.ErrorCode()
	}
	for name, value := range map[string]string{"RequestID": uuid.NewString(), "ErrorCode": code, "ErrorMessage": reason.Error()} {
		why[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
	}
	m.Attributes = why
	return s.enqueue(sub, n, m)
}

// enqueue sends a message to a queue: the notification, or only the message with
// its attributes.
// See https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html.
func (s *Service) enqueue(sub subscription, n notification, m Message) error {
	in := &awssqs.SendMessageInput{QueueUrl: aws.String(s.account.QueueURL(sub.endpoint)), MessageBody: &n.Message}
	if strings.HasSuffix(sub.endpoint, fifoSuffix) {
		in.MessageGroupId, in.MessageDeduplicationId = &m.Group, &m.Deduplication
	}
	// A dead letter has attributes in any case.
	if sub.raw || sub.endpoint == sub.deadLetters {
		in.MessageAttributes = map[string]sqstypes.MessageAttributeValue{}
		for name, v := range m.Attributes {
			in.MessageAttributes[name] = sqstypes.MessageAttributeValue{DataType: v.DataType, StringValue: v.StringValue, BinaryValue: v.BinaryValue}
		}
	}
	if !sub.raw {
		text, err := json.Marshal(n)
		if err != nil {
			return fmt.Errorf("encoding a notification: %w", err)
		}
		in.MessageBody = aws.String(string(text))
	}
	_, err := s.deps.Queues.SendMessage(principal.ServiceFor(s.ctx, servicePrincipal, s.account.ID, sub.topic), in)
	return err
}

// servicePrincipal is the principal that SNS acts as.
const servicePrincipal = "sns.amazonaws.com"

// invoke invokes a function with AWS's event for SNS messages.
// See https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html.
func (s *Service) invoke(sub subscription, n notification) error {
	attributes := n.MessageAttributes
	if attributes == nil {
		attributes = map[string]notificationMember{}
	}
	var subject any
	if n.Subject != "" {
		subject = n.Subject
	}
	event, err := json.Marshal(map[string]any{"Records": []any{map[string]any{
		"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": sub.arn,
		"Sns": map[string]any{
			"Type": n.Type, "MessageId": n.MessageID, "TopicArn": n.TopicARN, "Subject": subject, "Message": n.Message, "Timestamp": n.Timestamp,
			"SignatureVersion": n.SignatureVersion, "Signature": "", "SigningCertUrl": "", "UnsubscribeUrl": n.UnsubscribeURL, "MessageAttributes": attributes,
		},
	}}})
	if err != nil {
		return fmt.Errorf("encoding an event: %w", err)
	}
	_, err = s.deps.Functions.Invoke(principal.ServiceFor(s.ctx, servicePrincipal, s.account.ID, n.TopicARN), &awslambda.InvokeInput{
		FunctionName: aws.String(sub.endpoint), InvocationType: lambdatypes.InvocationTypeEvent, Payload: event,
	})
	return err
}

// loopbackClient returns an HTTP client that can only connect to this machine.
// It uses no proxy, no address outside loopback, and follows no redirects.
func loopbackClient() *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &http.Client{
		Timeout:       15 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			if remote, ok := conn.RemoteAddr().(*net.TCPAddr); !ok || !remote.IP.IsLoopback() {
				return nil, errors.Join(fmt.Errorf("%s is not on this machine", address), conn.Close())
			}
			return conn, nil
		}},
	}
}
