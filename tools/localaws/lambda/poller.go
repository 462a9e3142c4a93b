package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/eventpattern"
)

// maxReceived is the number of messages that SQS returns at once.
const maxReceived = 10

// How many batches of a standard queue Lambda processes at once: five in the
// beginning, and more for each minute in which messages are waiting. There are
// never more than there can be environments.
// See https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html.
const (
	firstConcurrency = 5
	moreConcurrency  = 300
)

// retryInterval is how long a poller waits whose function or queue is gone.
const retryInterval = time.Minute

// A poller receives the messages of a mapping's queue and invokes its function
// with them. Messages that the function does not process stay in the queue: they
// are received again after their visibility timeout, until they have been
// received often enough for the dead-letter queue.
// See https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html.
type poller struct {
	mappingSettings
	service *Service
	mapping *mapping
	url     *string
	ctx     context.Context // ends with the poller
	cancel  context.CancelFunc
	freed   chan struct{} // a batch has been processed

	mu      sync.Mutex
	running int       // batches in progress
	waiting bool      // it waits for messages
	stuck   bool      // it waits although there may be messages
	until   time.Time // when the wait ends at the latest; zero if it has no end
	backlog time.Time // since when there have always been messages; zero if there are none
}

// A puller takes from the event source of a mapping.
type puller interface {
	run()
	stop()
	quiet() bool
}

// startPoller starts the poller of a mapping that is enabled. s.mu is held.
func (s *Service) startPoller(m *mapping) {
	if !m.enabled {
		return
	}
	if m.stream != nil {
		m.poller = s.newStreamReader(m)
	} else {
		p := &poller{mappingSettings: m.mappingSettings, service: s, mapping: m, url: aws.String(s.account.QueueURL(m.source)), freed: make(chan struct{}, 1)}
		p.ctx, p.cancel = context.WithCancel(s.life)
		m.poller = p
	}
	s.background.Go(m.poller.run)
}

func (p *poller) stop() { p.cancel() }

// stop ends a mapping's poller. s.mu is held.
func (m *mapping) stop() {
	if m.poller != nil {
		m.poller.stop()
		m.poller = nil
	}
}

func (p *poller) run() {
	defer p.cancel()
	for p.ctx.Err() == nil {
		// The messages of a function that is gone are not received, because
		// they would end in the dead-letter queue.
		_, found := p.service.place(p.function)
		if !found {
			p.finish("PROBLEM: Function not found")
			p.sleep()
			continue
		}
		if err := p.await(time.Time{}); err != nil {
			if p.ctx.Err() == nil {
				p.finish("PROBLEM: " + err.Error())
				p.sleep()
			}
			continue
		}
		if !p.slot() {
			return
		}
		p.collect()
	}
}

// await waits for a message.
func (p *poller) await(until time.Time) error {
	p.set(func() {
		p.waiting, p.until = true, until
		if !p.service.deps.Queues.Available(p.source) {
			p.backlog = time.Time{}
		}
	})
	err := p.service.deps.Queues.Await(p.ctx, p.source, until)
	p.set(func() {
		p.waiting = false
		if p.backlog.IsZero() {
			p.backlog = p.service.account.Clock.Now()
		}
	})
	return err
}

func (p *poller) sleep() {
	p.set(func() {
		p.waiting, p.stuck, p.until = true, true, p.service.account.Clock.Now().Add(retryInterval)
	})
	// The context has ended, which run notices.
	_ = clock.Sleep(p.ctx, p.service.account.Clock, retryInterval)
	p.set(func() { p.waiting, p.stuck = false, false })
}

func (p *poller) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// limit returns how many batches may be in progress. p.mu is held.
func (p *poller) limit() int {
	if p.concurrency > 0 {
		return p.concurrency
	}
	minutes := int(clock.Since(p.service.account.Clock, p.backlog) / time.Minute)
	return min(firstConcurrency+moreConcurrency*minutes, p.service.host.limit)
}

// slot waits until another batch may be processed. It returns false if the
// poller has ended.
func (p *poller) slot() bool {
	for {
		free := false
		p.set(func() {
			if free = p.running < p.limit(); free {
				p.running++
			}
		})
		if free {
			return true
		}
		select {
		case <-p.freed:
		case <-p.ctx.Done():
			return false
		}
	}
}

func (p *poller) release() {
	p.set(func() { p.running-- })
	signal(p.freed)
}

// A received message, and its record in the function's event.
type received struct {
	message sqstypes.Message
	record  json.RawMessage
}

func (r received) text() json.RawMessage { return r.record }

// A batched record is one of those that an event source mapping gives to its function
// at once.
type batched interface {
	// text is the record in the function's event.
	text() json.RawMessage
}

// fitting returns how many of the records go into one invocation: at most the given
// number, and no more than the size of a request allows.
func fitting[R batched](batch []R, most int) int {
	size := len(`{"Records":[]}`)
	for i, r := range batch {
		if size += len(r.text()) + 1; i == most || size > maxRequest && i > 0 {
			return i
		}
	}
	return len(batch)
}

// recordsEvent returns the event with the records of a batch.
func recordsEvent[R batched](batch []R) []byte {
	var payload bytes.Buffer
	payload.WriteString(`{"Records":[`)
	for i, r := range batch {
		if i > 0 {
			payload.WriteByte(',')
		}
		payload.Write(r.text())
	}
	payload.WriteString(`]}`)
	return payload.Bytes()
}

// collect receives a batch and processes it in the background. The caller holds
// a slot.
func (p *poller) collect() {
	var batch []received
	size := 0
	until := p.service.account.Clock.Now().Add(p.window)
	for len(batch) < p.batch && size < maxRequest {
		more := p.receive(p.batch - len(batch))
		for _, r := range more {
			size += len(r.record)
		}
		batch = append(batch, more...)
		if p.window == 0 || len(batch) == p.batch {
			break
		}
		// While it waits, it is not busy.
		p.set(func() { p.running-- })
		err := p.await(until)
		p.set(func() { p.running++ })
		if err != nil || !p.service.deps.Queues.Available(p.source) {
			break
		}
	}
	if len(batch) == 0 {
		p.release()
		return
	}
	p.service.background.Go(func() {
		defer p.release()
		defer p.service.account.Clock.Busy()()
		for len(batch) > 0 {
			n := fitting(batch, p.batch)
			p.process(batch[:n])
			batch = batch[n:]
		}
	})
}

// receive returns the messages that pass the filters. It deletes the others.
func (p *poller) receive(most int) []received {
	out, err := p.service.deps.Queues.ReceiveMessage(p.service.asRole(p.ctx, p.function), &awssqs.ReceiveMessageInput{
		QueueUrl: p.url, MaxNumberOfMessages: int32(min(most, maxReceived)), // #nosec G115 -- it is at most ten
		MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameAll}, MessageAttributeNames: []string{"All"},
	})
	if err != nil {
		if p.ctx.Err() == nil {
			p.finish("PROBLEM: " + err.Error())
		}
		return nil
	}
	var passed []received
	var dropped []sqstypes.Message
	for _, m := range out.Messages {
		record, err := json.Marshal(p.record(m))
		if err != nil {
			p.service.account.Log.Warn("writing a message for a function", "queue", p.source, "error", err)
			continue
		}
		if p.passes(record, aws.ToString(m.Body)) {
			passed = append(passed, received{m, record})
		} else {
			dropped = append(dropped, m)
		}
	}
	p.remove(dropped)
	return passed
}

// A messageRecord is a message in a function's event.
// See https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html.
type messageRecord struct {
	MessageID              string                     `json:"messageId"`
	ReceiptHandle          string                     `json:"receiptHandle"`
	Body                   string                     `json:"body"`
	Attributes             map[string]string          `json:"attributes"`
	MessageAttributes      map[string]recordAttribute `json:"messageAttributes"`
	MD5OfMessageAttributes string                     `json:"md5OfMessageAttributes,omitempty"`
	MD5OfBody              string                     `json:"md5OfBody"`
	EventSource            string                     `json:"eventSource"`
	EventSourceARN         string                     `json:"eventSourceARN"`
	AWSRegion              string                     `json:"awsRegion"`
}

type recordAttribute struct {
	StringValue      string   `json:"stringValue,omitempty"`
	BinaryValue      []byte   `json:"binaryValue,omitempty"`
	StringListValues []string `json:"stringListValues"`
	BinaryListValues [][]byte `json:"binaryListValues"`
	DataType         string   `json:"dataType"`
}

func (p *poller) record(m sqstypes.Message) messageRecord {
	r := messageRecord{
		MessageID: aws.ToString(m.MessageId), ReceiptHandle: aws.ToString(m.ReceiptHandle), Body: aws.ToString(m.Body), Attributes: m.Attributes,
		MessageAttributes: map[string]recordAttribute{}, MD5OfMessageAttributes: aws.ToString(m.MD5OfMessageAttributes),
		MD5OfBody: aws.ToString(m.MD5OfBody), EventSource: "aws:sqs", EventSourceARN: p.source, AWSRegion: p.service.account.Region,
	}
	for name, v := range m.MessageAttributes {
		r.MessageAttributes[name] = recordAttribute{
			StringValue: aws.ToString(v.StringValue), BinaryValue: v.BinaryValue, DataType: aws.ToString(v.DataType),
			StringListValues: []string{}, BinaryListValues: [][]byte{},
		}
	}
	return r
}

// passes reports whether one of the filters matches a record. A pattern for a
// body that is JSON does not match a body that is text, and the other way round.
// See https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html.
func (p *poller) passes(record []byte, body string) bool {
	if len(p.filters) == 0 {
		return true
	}
	v, err := eventpattern.ParseJSON(string(record))
	event, ok := v.(map[string]any)
	if err != nil || !ok {
		return false
	}
	if parsed, err := eventpattern.ParseJSON(body); err == nil {
		if object, ok := parsed.(map[string]any); ok {
			event["body"] = object
		}
	}
	return slices.ContainsFunc(p.filters, func(f filter) bool { return f.pattern.Matches(event) })
}

// process invokes the function with messages and deletes those that it has
// processed.
func (p *poller) process(batch []received) {
	s := p.service
	res, err := s.invoke(p.function, event{payload: recordsEvent(batch), trace: traceOf("", s.account.Clock.Now())})
	if err != nil {
		s.account.Log.Warn("invoking a function with messages", "function", p.function.name, "queue", p.source, "error", err)
		p.finish(callFailed)
		return
	}
	failed := func(string) bool { return res.failure != nil }
	if res.failure == nil && p.partial {
		ids := make([]string, len(batch))
		for i, r := range batch {
			ids[i] = *r.message.MessageId
		}
		failed = failures(res.payload, ids)
	}
	var done []sqstypes.Message
	for _, r := range batch {
		if !failed(*r.message.MessageId) {
			done = append(done, r.message)
		}
	}
	p.remove(done)
	if res.failure != nil {
		p.finish(callFailed)
		return
	}
	p.finish(processed)
}

// failures reads which messages or records a function has not processed. An answer
// that can't be understood, or that names an unknown one, means all of them.
// See https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting.
func failures(answer []byte, ids []string) func(id string) bool {
	all := func(string) bool { return true }
	var response struct {
		BatchItemFailures []map[string]any `json:"batchItemFailures"`
	}
	if len(bytes.TrimSpace(answer)) > 0 && json.Unmarshal(answer, &response) != nil {
		return all
	}
	named := map[string]bool{}
	for _, item := range response.BatchItemFailures {
		id, _ := item["itemIdentifier"].(string)
		if !slices.Contains(ids, id) {
			return all
		}
		named[id] = true
	}
	return func(id string) bool { return named[id] }
}

// remove deletes messages from the queue.
func (p *poller) remove(messages []sqstypes.Message) {
	for part := range slices.Chunk(messages, maxReceived) {
		in := &awssqs.DeleteMessageBatchInput{QueueUrl: p.url}
		for i, m := range part {
			in.Entries = append(in.Entries, sqstypes.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
		}
		out, err := p.service.deps.Queues.DeleteMessageBatch(p.service.asRole(p.service.life, p.function), in)
		if err == nil && len(out.Failed) == 0 {
			continue
		}
		var reasons []string
		if out != nil {
			for _, f := range out.Failed {
				reasons = append(reasons, aws.ToString(f.Message))
			}
		}
		p.service.account.Log.Warn("deleting processed messages", "queue", p.source, "error", err, "failed", strings.Join(reasons, "; "))
	}
}

// finish stores the result of a poll.
func (p *poller) finish(result string) { p.service.finish(p.mapping, result) }

func (s *Service) finish(m *mapping, result string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.result = result
}

// quiet reports whether a poller has nothing to do until time passes or a message
// arrives.
func (p *poller) quiet() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	due := !p.until.IsZero() && !p.service.account.Clock.Now().Before(p.until)
	return p.waiting && !due && p.running == 0 && (p.stuck || !p.service.deps.Queues.Available(p.source))
}

// settleInterval is the time between two looks of Settle.
const settleInterval = time.Millisecond

// Settle waits until all messages that can be received by event source mappings
// have been processed, and returns ctx's error if it ends before. A test that
// steps the clock calls it before each step.
func (s *Service) Settle(ctx context.Context) error {
	for {
		s.mu.RLock()
		quiet := true
		for _, m := range s.mappings {
			quiet = quiet && (m.poller == nil || m.poller.quiet())
		}
		s.mu.RUnlock()
		if quiet {
			return nil
		}
		if err := clock.Sleep(ctx, s.wall, settleInterval); err != nil {
			return err
		}
	}
}
