package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// drawTemplate draws a template without cycles. Each resource may refer to
// those before it in a random order, so that the next template can reverse the
// dependencies. It also returns the expected contents of the world after the
// template is deployed.
func drawTemplate(t *rapid.T) (body string, want []string) {
	ids := rapid.Permutation([]string{"A", "B", "C", "D", "E", "F"}).Draw(t, "order")
	ids = ids[:rapid.IntRange(1, len(ids)).Draw(t, "n")]
	var b strings.Builder
	b.WriteString("Resources:\n")
	for i, id := range ids {
		typ := "Test::Thing"
		// These types can only be replaced.
		if id == "B" || id == "E" {
			typ = "Test::Stone"
		}
		var refs, names []string
		dependsOn := ""
		for _, before := range ids[:i] {
			switch rapid.IntRange(0, 3).Draw(t, id+" on "+before) {
			case 0:
				refs = append(refs, "!Ref "+before)
				names = append(names, before)
			case 1:
				dependsOn = ", DependsOn: " + before
			}
		}
		value := rapid.IntRange(0, 2).Draw(t, id+" value")
		fmt.Fprintf(&b, "  %s: {Type: %q%s, Properties: {Value: %d, Fixed: %d, Refs: [%s]}}\n",
			id, typ, dependsOn, value, rapid.IntRange(0, 1).Draw(t, id+" fixed"), strings.Join(refs, ", "))
		slices.Sort(names)
		want = append(want, fmt.Sprintf("%s=%d%v", id, value, names))
	}
	slices.Sort(want)
	return b.String(), want
}

// inhabitants lists what exists, with the logical ids that each thing refers to.
func (w *world) inhabitants() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := []string{}
	for _, thing := range w.things {
		var names []string
		for _, ref := range thing.refs {
			names = append(names, w.things[ref].logicalID)
		}
		slices.Sort(names)
		list = append(list, fmt.Sprintf("%s=%s%v", thing.logicalID, thing.value, names))
	}
	slices.Sort(list)
	return list
}

// drawFailures makes some operations fail once each.
func drawFailures(t *rapid.T, w *world) {
	var mu sync.Mutex
	failures := map[string]bool{}
	for _, f := range rapid.SliceOfN(rapid.SampledFrom([]string{
		"create A", "create B", "create C", "create D", "create E", "create F", "update A", "update C", "update D", "update F",
	}), 0, 2).Draw(t, "failures") {
		failures[f] = true
	}
	w.fail = func(verb, id string) error {
		mu.Lock()
		defer mu.Unlock()
		if key := verb + " " + id; failures[key] {
			delete(failures, key)
			return errors.New(key + " failed")
		}
		return nil
	}
}

// drawCancellation may cancel the update during one of its calls. The resource
// in progress may or may not notice.
func drawCancellation(t *rapid.T, b *bench) {
	at := rapid.IntRange(-4, 3).Draw(t, "cancelled at")
	var mu sync.Mutex
	b.world.meet = func(context.Context, string, string) error {
		mu.Lock()
		defer mu.Unlock()
		if at--; at == -1 {
			// An error means that the update to cancel has already ended.
			_, _ = b.CancelUpdateStack(context.Background(), &awscfn.CancelUpdateStackInput{StackName: aws.String("one")})
		}
		return nil
	}
}

// Stacks are created and updated, operations fail and are cancelled. What
// exists must always match the last good template. The world also notes any
// deletion of something that existing things still refer to.
func TestStackIsAlwaysTheLastGoodTemplate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(rt)
		name := aws.String("one")
		var good []string
		exists := false
		for range rapid.IntRange(1, 5).Draw(rt, "steps") {
			body, want := drawTemplate(rt)
			drawFailures(rt, b.world)
			var st types.Stack
			if exists {
				drawCancellation(rt, b)
				in := &awscfn.UpdateStackInput{StackName: name, TemplateBody: &body, DisableRollback: aws.Bool(rapid.Bool().Draw(rt, "pause"))}
				if _, err := b.UpdateStack(rt.Context(), in); err != nil {
					if message(err) != "No updates are to be performed." {
						rt.Fatalf("updating: %v", err)
					}
					b.world.meet = nil
					continue
				}
				st = b.settled("one")
			} else {
				st = b.create("one", body)
			}
			b.world.meet = nil
			if st.StackStatus == types.StackStatusUpdateFailed {
				b.world.fail = nil
				if rapid.Bool().Draw(rt, "fix") {
					st = b.update("one", body)
				} else {
					if _, err := b.RollbackStack(rt.Context(), &awscfn.RollbackStackInput{StackName: name}); err != nil {
						rt.Fatalf("rolling back: %v", err)
					}
					st = b.settled("one")
				}
			}
			switch st.StackStatus {
			case types.StackStatusCreateComplete, types.StackStatusUpdateComplete:
				good, exists = want, true
			case types.StackStatusUpdateRollbackComplete:
			case types.StackStatusRollbackComplete:
				good = nil
				b.delete("one")
			default:
				rt.Fatalf("stack is %s: %s", st.StackStatus, aws.ToString(st.StackStatusReason))
			}
			if diff := cmp.Diff(append([]string{}, good...), b.world.inhabitants()); diff != "" {
				rt.Fatalf("%s after\n%s\n%s\n%s", st.StackStatus, body, diff, b.events(*st.StackId, 0))
			}
		}
		if exists {
			b.world.fail = nil
			b.delete("one")
			if left := b.world.inhabitants(); len(left) > 0 {
				rt.Fatalf("left after the deletion: %v", left)
			}
		}
	})
}
