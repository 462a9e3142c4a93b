package cloudformation

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

func TestNamesGivenTwice(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	thing := func(id, name, more string) string {
		return "  " + id + ": {Type: 'Test::Thing', Properties: {Name: " + name + "}" + more + "}\n"
	}
	failed := func(stack, id, owner string) {
		t.Helper()
		want := id + "  CREATE_FAILED: n already exists in stack " + *b.settled(owner).StackId
		if events := b.events(stack, 0); !strings.Contains(events, want) {
			t.Errorf("want %s\n%s", want, events)
		}
	}
	st := b.create("twice", "Resources:\n"+thing("A", "n", "")+thing("B", "n", ", DependsOn: A"))
	if st.StackStatus != types.StackStatusRollbackComplete {
		t.Errorf("stack is %s", st.StackStatus)
	}
	failed("twice", "B", "twice")

	// One of two that are created at the same time fails.
	st = b.create("together", "Resources:\n"+thing("A", "n", "")+thing("B", "n", ""))
	if events := b.events("together", 0); st.StackStatus != types.StackStatusRollbackComplete || strings.Count(events, "n already exists in stack ") != 1 {
		t.Errorf("stack is %s\n%s", st.StackStatus, events)
	}

	// A name is free again after a rollback. Other types and names are free.
	wantStatus(t, b.create("first", "Resources:\n"+thing("A", "n", "")+"  S: {Type: 'Test::Stone', Properties: {Value: n}}\n"), types.StackStatusCreateComplete, "")
	wantStatus(t, b.create("other", "Resources:\n"+thing("A", "m", "")), types.StackStatusCreateComplete, "")
	b.create("second", "Resources:\n"+thing("C", "n", ""))
	failed("second", "C", "first")

	// A resource that only changes its logical id is a new one with an old name.
	b.update("first", "Resources:\n"+thing("Renamed", "n", ""))
	failed("first", "Renamed", "first")
	wantStatus(t, b.update("first", "Resources:\n"+thing("A", "n2", "")), types.StackStatusUpdateComplete, "")
	b.delete("first")
	wantStatus(t, b.create("third", "Resources:\n"+thing("A", "n2", "")), types.StackStatusCreateComplete, "")
}
