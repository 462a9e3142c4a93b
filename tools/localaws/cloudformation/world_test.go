package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// A world holds what the fake resource types have made. It notes whatever a
// real service would refuse: deleting a resource that another one still refers
// to, or referring to a resource that does not exist.
type world struct {
	mu       sync.Mutex
	things   map[string]thing // by physical id
	made     int
	wrong    []string
	requests []*resource.Request
	// fail decides which calls fail. The verb is create, update or delete.
	fail func(verb, logicalID string) error
	// Each create and update calls meet without holding the lock.
	meet func(ctx context.Context, verb, logicalID string) error
}

type thing struct {
	logicalID string
	value     string
	refs      []string
}

// types returns the fake types. A Thing can be updated, except for Fixed; a
// Stone can't. Refs must refer to existing things.
func (w *world) types() resource.Registry {
	registry := resource.Registry{}
	properties := []string{"Value", "Refs", "Fixed", "Tags", "Any"}
	registry.Add(
		resource.Type{Name: "Test::Thing", Properties: append(properties, "Name"), CreateOnly: []string{"Fixed"}, Identifier: "Name", Create: w.create, Update: w.update, Delete: w.remove},
		resource.Type{Name: "Test::Stone", Properties: properties, Create: w.create, Delete: w.remove},
		resource.Type{Name: "AWS::IAM::Role", Properties: []string{"RoleName"}, Create: w.create, Delete: w.remove},
	)
	return registry
}

func (w *world) attempt(ctx context.Context, verb string, r *resource.Request) error {
	if w.meet != nil {
		if err := w.meet(ctx, verb, r.LogicalID); err != nil {
			return err
		}
	}
	if w.fail != nil {
		return w.fail(verb, r.LogicalID)
	}
	return nil
}

func (w *world) create(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	if err := w.attempt(ctx, "create", r); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.made++
	return w.put(r, fmt.Sprintf("%s-%d", r.LogicalID, w.made)), nil
}

func (w *world) update(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	if err := w.attempt(ctx, "update", r); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.put(r, r.PhysicalID), nil
}

// put makes a thing as requested. The caller holds the world's lock.
func (w *world) put(r *resource.Request, id string) *resource.Result {
	t := thing{logicalID: r.LogicalID, value: fmt.Sprint(r.Properties["Value"])}
	refs, _ := r.Properties["Refs"].([]any)
	for _, ref := range refs {
		text := ref.(string)
		t.refs = append(t.refs, text)
		if _, alive := w.things[text]; !alive {
			w.wrong = append(w.wrong, id+" refers to "+text+", which is not there")
		}
	}
	w.things[id] = t
	w.requests = append(w.requests, r)
	return &resource.Result{PhysicalID: id, Attributes: map[string]any{"Arn": "arn:" + id, "Value": t.value}}
}

func (w *world) remove(ctx context.Context, r *resource.Request) error {
	if err := w.attempt(ctx, "delete", r); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, t := range w.things {
		if slices.Contains(t.refs, r.PhysicalID) {
			w.wrong = append(w.wrong, r.PhysicalID+" deleted before "+id)
		}
	}
	delete(w.things, r.PhysicalID)
	return nil
}

// contents lists the existing things as logical id and value.
func (w *world) contents() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := []string{}
	for _, t := range w.things {
		list = append(list, t.logicalID+"="+t.value)
	}
	slices.Sort(list)
	return list
}

func failOn(verbAndID ...string) func(string, string) error {
	return func(verb, id string) error {
		if slices.Contains(verbAndID, verb+" "+id) {
			return errors.New(id + " is broken")
		}
		return nil
	}
}

type parameters map[string]string

func (p parameters) GetParameter(_ context.Context, in *awsssm.GetParameterInput) (*awsssm.GetParameterOutput, error) {
	v, ok := p[*in.Name]
	if !ok {
		return nil, &ssmtypes.ParameterNotFound{}
	}
	kind := ssmtypes.ParameterTypeString
	if strings.HasPrefix(*in.Name, "secure/") {
		kind = ssmtypes.ParameterTypeSecureString
	}
	return &awsssm.GetParameterOutput{Parameter: &ssmtypes.Parameter{Value: aws.String(v), Type: kind}}, nil
}

type objects map[string]string

func (o objects) GetObject(_ context.Context, in *awss3.GetObjectInput) (*awss3.GetObjectOutput, error) {
	v, ok := o[*in.Bucket+"|"+*in.Key]
	if !ok {
		return nil, &s3types.NoSuchKey{Message: aws.String("The specified key does not exist.")}
	}
	return &awss3.GetObjectOutput{Body: io.NopCloser(strings.NewReader(v))}, nil
}

// fataler is what tests and property tests have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
	Cleanup(func())
}

// A bench is a service with a world of its own.
type bench struct {
	*Service
	t     fataler
	world *world
	clock *clock.Manual
}

func newBench(t fataler) *bench {
	w := &world{things: map[string]thing{}}
	c := clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	s := New(account.Account{
		ID: account.DefaultID, Region: "us-east-1", Endpoint: "http://127.0.0.1:4566", Clock: c, Log: slog.New(slog.DiscardHandler),
	}, Deps{Types: w.types(), Parameters: parameters{"/version": "33"}, Objects: objects{}})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
		for _, wrong := range w.wrong {
			t.Errorf("%s", wrong)
		}
	})
	return &bench{Service: s, t: t, world: w, clock: c}
}

// settled waits until the background work has ended, and returns the stack.
func (b *bench) settled(name string) types.Stack {
	b.t.Helper()
	b.work.Wait()
	out, err := b.DescribeStacks(context.Background(), &awscfn.DescribeStacksInput{StackName: &name})
	if err != nil {
		b.t.Fatalf("describing %s: %v", name, err)
	}
	return out.Stacks[0]
}

func (b *bench) create(name, body string) types.Stack {
	b.t.Helper()
	out, err := b.CreateStack(context.Background(), &awscfn.CreateStackInput{StackName: &name, TemplateBody: &body})
	if err != nil {
		b.t.Fatalf("creating %s: %v", name, err)
	}
	return b.settled(*out.StackId)
}

func (b *bench) update(name, body string) types.Stack {
	b.t.Helper()
	_, err := b.UpdateStack(context.Background(), &awscfn.UpdateStackInput{StackName: &name, TemplateBody: &body})
	if err != nil {
		b.t.Fatalf("updating %s: %v", name, err)
	}
	return b.settled(name)
}

func (b *bench) delete(name string) types.Stack {
	b.t.Helper()
	id := *b.settled(name).StackId
	if _, err := b.DeleteStack(context.Background(), &awscfn.DeleteStackInput{StackName: &name}); err != nil {
		b.t.Fatalf("deleting %s: %v", name, err)
	}
	return b.settled(id)
}

// changeSetFor creates a change set and returns it once it has settled.
func (b *bench) changeSetFor(in *awscfn.CreateChangeSetInput) *awscfn.DescribeChangeSetOutput {
	b.t.Helper()
	out, err := b.CreateChangeSet(context.Background(), in)
	if err != nil {
		b.t.Fatalf("creating the change set: %v", err)
	}
	b.work.Wait()
	c, err := b.DescribeChangeSet(context.Background(), &awscfn.DescribeChangeSetInput{ChangeSetName: out.Id, IncludePropertyValues: aws.Bool(true)})
	if err != nil {
		b.t.Fatalf("describing the change set: %v", err)
	}
	return c
}

// events returns a stack's events, oldest first, one per line: logical id,
// physical id, status and reason. The ids of stacks are cut.
func (b *bench) events(name string, after int) string {
	b.t.Helper()
	var all []types.StackEvent
	in := &awscfn.DescribeStackEventsInput{StackName: &name}
	for {
		out, err := b.DescribeStackEvents(context.Background(), in)
		if err != nil {
			b.t.Fatalf("describing events: %v", err)
		}
		all = append(all, out.StackEvents...)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	slices.Reverse(all)
	var lines []string
	last := time.Time{}
	ids := map[string]bool{}
	for _, e := range all {
		if !e.Timestamp.After(last) || ids[*e.EventId] {
			b.t.Errorf("event %s at %v after %v", *e.EventId, e.Timestamp, last)
		}
		last = *e.Timestamp
		ids[*e.EventId] = true
		physical := aws.ToString(e.PhysicalResourceId)
		if physical == *e.StackId {
			physical = "stack"
		}
		line := strings.TrimRight(fmt.Sprintf("%s %s %s: %s", *e.LogicalResourceId, physical, e.ResourceStatus, aws.ToString(e.ResourceStatusReason)), ": ")
		lines = append(lines, line)
	}
	return strings.Join(lines[after:], "\n") + "\n"
}

func (b *bench) count(name string) int {
	return strings.Count(b.events(name, 0), "\n")
}

func wantStatus(t *testing.T, st types.Stack, status types.StackStatus, reason string) {
	t.Helper()
	if st.StackStatus != status || aws.ToString(st.StackStatusReason) != reason {
		t.Fatalf("stack is %s: %q, want %s: %q", st.StackStatus, aws.ToString(st.StackStatusReason), status, reason)
	}
}

func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
