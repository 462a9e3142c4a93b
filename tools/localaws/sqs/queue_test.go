package sqs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestQueueProperties does random things to a queue and checks what always
// holds: no message is lost or appears twice, none is received while it is
// hidden, the numbers add up, and a FIFO queue delivers each group in order.
func TestQueueProperties(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1)) // #nosec G404 -- a test repeats itself
		fifo := seed%2 == 0
		now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
		q := newQueue("q", "arn", fifo, now)
		q.redrive = redrivePolicy{target: "dead", most: 3}
		sent, gone := 0, 0
		hidden := map[*message]time.Time{} // until when
		held := []*message{}
		number := map[*message]int{}
		ended := func(m *message) {
			gone++
			delete(hidden, m)
		}
		for range 400 {
			switch r.IntN(5) {
			case 0:
				sent++
				m := &message{id: fmt.Sprint(sent), sent: now, group: fmt.Sprint(r.IntN(3))}
				number[m] = sent
				delay := time.Duration(0)
				if !fifo {
					delay = time.Duration(r.IntN(3)) * time.Second
				}
				q.add(m, now, delay)
				if delay > 0 {
					hidden[m] = now.Add(delay)
				}
			case 1:
				visibility := time.Duration(r.IntN(5)) * time.Second
				flying := map[string]bool{}
				for m, until := range hidden {
					flying[m.group] = flying[m.group] || until.After(now) && number[m] > 0
				}
				taken := q.take(now, 1+r.IntN(4), visibility, func(m *message) bool {
					q.remove(m)
					ended(m)
					return true
				})
				for _, m := range taken {
					for _, other := range q.messages {
						if fifo && other.group == m.group && number[other] < number[m] && !slices.Contains(taken, other) {
							t.Fatalf("seed %d: %s was received before %s", seed, m.id, other.id)
						}
					}
					if hidden[m].After(now) || fifo && flying[m.group] {
						t.Fatalf("seed %d: %s was received while it was hidden or its group blocked", seed, m.id)
					}
					hidden[m] = now.Add(visibility)
					held = append(held, m)
				}
			case 2:
				now = now.Add(time.Duration(r.IntN(3)) * time.Second)
			case 3:
				if len(held) == 0 {
					continue
				}
				m := held[r.IntN(len(held))]
				_, still := q.messages[m.id]
				q.settle(now)
				if got, latest, ok := q.held(q.handle(m)); !ok || (got == m) != still || still && !latest {
					t.Fatalf("seed %d: the handle of %s", seed, m.id)
				}
				// A FIFO queue deletes only what is still hidden.
				if still && (!fifo || m.index >= 0) {
					q.remove(m)
					ended(m)
				}
			case 4:
				if len(held) == 0 {
					continue
				}
				m := held[r.IntN(len(held))]
				q.settle(now)
				if m.flying {
					until := now.Add(time.Duration(r.IntN(4)) * time.Second)
					q.hide(m, until)
					hidden[m] = until
				}
			}
			q.settle(now)
			visible, flying, delayed := q.count()
			if len(q.messages)+gone != sent || visible+flying+delayed != len(q.messages) || visible < 0 || flying < 0 || delayed < 0 {
				t.Fatalf("seed %d: %d sent, %d gone, %d visible, %d in flight, %d delayed", seed, sent, gone, visible, flying, delayed)
			}
			for m, until := range hidden {
				if (m.index >= 0) != until.After(now) {
					t.Fatalf("seed %d: %s is hidden until %v at %v: %d", seed, m.id, until, now, m.index)
				}
			}
		}
	}
}

// A queue's work does not grow with the number of its messages.
func BenchmarkQueue(b *testing.B) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	q := newQueue("q", "arn", false, now)
	for i := range 100000 {
		q.add(&message{id: fmt.Sprint(i), sent: now}, now, 0)
	}
	for b.Loop() {
		for _, m := range q.take(now, 10, time.Minute, nil) {
			q.remove(m)
			q.add(m, now, 0)
		}
	}
}
