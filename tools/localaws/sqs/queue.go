package sqs

import (
	"container/heap"
	"container/list"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// A message is in one queue. It is guarded by Service.mu.
type message struct {
	id, body   string
	attributes map[string]types.MessageAttributeValue
	trace      string // the system attribute AWSTraceHeader
	sender     string
	sent       time.Time
	first      time.Time // when it was first received
	receives   int       // how often it was received
	here       int       // how often it was received from the queue that it is in
	visible    time.Time // when it can be received; only while it is hidden
	received   time.Time // when it was last received
	source     string    // ARN of the queue that it came from, in a dead-letter queue

	group, deduplication string
	sequence             uint64 // in a FIFO queue

	index   int           // in queue.hidden; -1 if it is not hidden
	flying  bool          // it is hidden because it was received
	element *list.Element // in queue.order; nil for a hidden message of a standard queue
}

// A queue holds messages. Its methods take the time, so that it depends on no
// clock. It is guarded by Service.mu.
type queue struct {
	numbers
	id, name, arn     string
	fifo              bool
	created, modified time.Time
	purged            time.Time
	tags              map[string]string
	set               map[string]string // the attributes that were given
	redrive           redrivePolicy

	messages map[string]*message // all of them, by id
	// order has the messages of a standard queue that can be received, and all
	// messages of a FIFO queue.
	order    list.List
	hidden   hidden
	flying   int
	groups   map[string]int // the messages in flight, by group of a FIFO queue
	oldest   time.Time      // no message was sent before; zero if this is not known
	sequence uint64
	// duplicates has the messages of the last minutes by deduplication id.
	duplicates map[string]duplicate
	recent     []string // the keys of duplicates, oldest first

	changed chan struct{} // closed when a message may have become receivable
	used    time.Time     // the last activity, for metrics
}

// hidden is a heap of messages by the time at which they become visible.
type hidden []*message

func (h hidden) Len() int           { return len(h) }
func (h hidden) Less(i, j int) bool { return h[i].visible.Before(h[j].visible) }
func (h hidden) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements [heap.Interface].
func (h *hidden) Push(x any) {
	m, _ := x.(*message)
	m.index = len(*h)
	*h = append(*h, m)
}

// Pop implements [heap.Interface].
func (h *hidden) Pop() any {
	last := len(*h) - 1
	m := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	m.index = -1
	return m
}

// notify wakes everybody who waits for a message.
func (q *queue) notify() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// add puts a message into the queue. It becomes visible after a delay.
func (q *queue) add(m *message, now time.Time, delay time.Duration) {
	m.index, m.element, m.here, m.flying = -1, nil, 0, false
	if q.fifo {
		q.sequence++
		m.sequence = q.sequence
	}
	q.messages[m.id] = m
	if m.sent.Before(q.oldest) || len(q.messages) == 1 {
		q.oldest = m.sent
	}
	if q.fifo || delay <= 0 {
		m.element = q.order.PushBack(m)
	}
	if delay > 0 {
		m.visible = now.Add(delay)
		heap.Push(&q.hidden, m)
	}
	q.notify()
}

// remove takes a message out of the queue.
func (q *queue) remove(m *message) {
	delete(q.messages, m.id)
	q.show(m)
	q.order.Remove(m.element)
	m.element = nil
	// The next message of its group can be received.
	if q.fifo {
		q.notify()
	}
}

// hide makes a message invisible until a time.
func (q *queue) hide(m *message, until time.Time) {
	m.visible = until
	if m.index >= 0 {
		heap.Fix(&q.hidden, m.index)
		return
	}
	if !q.fifo && m.element != nil {
		q.order.Remove(m.element)
		m.element = nil
	}
	heap.Push(&q.hidden, m)
}

// show makes a message visible.
func (q *queue) show(m *message) {
	if m.index >= 0 {
		heap.Remove(&q.hidden, m.index)
	}
	if m.flying {
		m.flying = false
		q.fly(m, -1)
	}
	if m.element == nil {
		m.element = q.order.PushBack(m)
	}
}

// fly counts a message that begins or ends to be in flight.
func (q *queue) fly(m *message, n int) {
	q.flying += n
	if !q.fifo {
		return
	}
	if q.groups[m.group] += n; q.groups[m.group] == 0 {
		delete(q.groups, m.group)
	}
}

// settle shows the messages whose time has come, and removes those that are too old.
func (q *queue) settle(now time.Time) {
	for len(q.hidden) > 0 && !q.hidden[0].visible.After(now) {
		q.show(q.hidden[0])
	}
	last := now.Add(-time.Duration(q.retention) * time.Second)
	if len(q.messages) == 0 || q.oldest.After(last) {
		return
	}
	q.oldest = now
	for _, m := range q.messages {
		switch {
		case !m.sent.After(last):
			q.remove(m)
		case m.sent.Before(q.oldest):
			q.oldest = m.sent
		}
	}
}

// count returns the numbers of messages that are visible, in flight and delayed.
func (q *queue) count() (visible, flying, delayed int) {
	return len(q.messages) - len(q.hidden), q.flying, len(q.hidden) - q.flying
}

// receivable calls yield with each message that can be received now, in order,
// until yield returns false. A message of a FIFO queue can't be received while
// one of its group is in flight, or an earlier one delayed. yield may remove or
// hide the message.
func (q *queue) receivable(yield func(*message) bool) {
	blocked := map[string]bool{}
	for group := range q.groups {
		blocked[group] = true
	}
	for e := q.order.Front(); e != nil; {
		m, _ := e.Value.(*message)
		e = e.Next()
		if m.index >= 0 || blocked[m.group] && q.fifo {
			blocked[m.group] = true
			continue
		}
		if !yield(m) {
			return
		}
	}
}

// take receives up to most messages and hides them for a time. It calls bury
// with a message that was received too often, after removing it. bury returns
// false if the message can't move; it is then received.
func (q *queue) take(now time.Time, most int, visibility time.Duration, bury func(*message) bool) []*message {
	q.settle(now)
	var taken []*message
	q.receivable(func(m *message) bool {
		if q.redrive.target != "" && m.here >= q.redrive.most && bury(m) {
			return true
		}
		m.receives++
		m.here++
		m.received = now
		if m.first.IsZero() {
			m.first = now
		}
		q.hide(m, now.Add(visibility))
		m.flying = true
		q.fly(m, 1)
		taken = append(taken, m)
		return len(taken) < most
	})
	return taken
}

// available reports whether a message can be received now.
func (q *queue) available(now time.Time) bool {
	q.settle(now)
	found := false
	q.receivable(func(*message) bool {
		found = true
		return false
	})
	return found
}

// next returns when a hidden message becomes visible, if there is one.
func (q *queue) next() (at time.Time, ok bool) {
	if len(q.hidden) == 0 {
		return time.Time{}, false
	}
	return q.hidden[0].visible, true
}

// poisoned is how often a message can be received before it no longer counts
// for the age of the oldest message.
// See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html.
const poisoned = 3

// age returns the age of the oldest message.
func (q *queue) age(now time.Time) time.Duration {
	var age time.Duration
	for _, m := range q.messages {
		if q.fifo || m.here <= poisoned {
			age = max(age, now.Sub(m.sent))
		}
	}
	return age
}

// handle returns the receipt handle of the last receive of a message.
func (q *queue) handle(m *message) string {
	return base64.StdEncoding.EncodeToString([]byte(q.id + " " + m.id + " " + strconv.Itoa(m.here)))
}

// held returns the message that a receipt handle is for. It is nil if the
// message is gone. latest is false if the message was received again since. ok is
// false if the queue never gave such a handle.
func (q *queue) held(handle string) (m *message, latest, ok bool) {
	text, err := base64.StdEncoding.DecodeString(handle)
	parts := strings.Split(string(text), " ")
	if err != nil || len(parts) != 3 || parts[0] != q.id {
		return nil, false, false
	}
	m = q.messages[parts[1]]
	return m, m != nil && strconv.Itoa(m.here) == parts[2], true
}
