package types_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
)

// A recorder stands behind all fakes. It records each call and gives the answer
// that it was told to give.
type recorder struct {
	account account.Account

	mu    sync.Mutex
	calls []string
	// answers holds, by service:Operation, an output, an error, or a
	// func(input) of either.
	answers map[string]any
	counts  map[string]int // calls by service:Operation
}

func newRecorder() *recorder {
	return &recorder{
		account: account.Account{
			ID: account.DefaultID, Region: "us-east-1",
			Clock: clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
			Log:   slog.New(slog.DiscardHandler),
		},
		answers: answers(),
		counts:  map[string]int{},
	}
}

// waitInput records a call of Wait, which is not an operation of the API.
type waitInput struct{ DeploymentID string }

func call[O any](rec *recorder, service string, in any) (*O, error) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	operation := service + ":" + operationOf(in)
	b, err := json.Marshal(shown(reflect.ValueOf(in)))
	if err != nil {
		return nil, fmt.Errorf("recording %s: %w", operation, err)
	}
	rec.calls = append(rec.calls, operation+" "+string(b))
	rec.counts[operation]++
	answer := rec.answers[operation]
	if f, ok := answer.(func(call int, in any) any); ok {
		answer = f(rec.counts[operation], in)
	}
	switch a := answer.(type) {
	case error:
		return nil, a
	case *O:
		return a, nil
	}
	return new(O), nil
}

func operationOf(in any) string {
	name := strings.TrimSuffix(reflect.TypeOf(in).Elem().Name(), "Input")
	if name == "wait" {
		return "Wait"
	}
	return name
}

// taken returns the calls since its last call, without the random suffixes of names.
func (rec *recorder) taken() []string {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	calls := rec.calls
	rec.calls = nil
	for i := range calls {
		calls[i] = unrandom(calls[i])
	}
	return calls
}

var randomEnd = regexp.MustCompile(`(-)(?:[A-Z2-7]{12}|[a-z2-7]{12})(["./:|]|$)`)

func unrandom(s string) string { return randomEnd.ReplaceAllString(s, "${1}RANDOM${2}") }

// shown returns the set fields of an SDK input. It shows a pointer to a zero
// value, but not a nil pointer.
func shown(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		return shown(v.Elem())
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			return t
		}
		m := map[string]any{}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() || v.Field(i).IsZero() {
				continue
			}
			m[f.Name] = shown(v.Field(i))
		}
		return m
	case reflect.Slice:
		list := []any{}
		for i := range v.Len() {
			list = append(list, shown(v.Index(i)))
		}
		return list
	case reflect.Map:
		m := map[string]any{}
		for it := v.MapRange(); it.Next(); {
			m[it.Key().String()] = shown(it.Value())
		}
		return m
	}
	return v.Interface()
}

func wantCalls(t *testing.T, rec *recorder, want ...string) {
	t.Helper()
	got := rec.taken()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("calls:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
