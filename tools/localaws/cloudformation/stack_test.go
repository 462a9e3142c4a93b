package cloudformation

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// chain is A <- B <- C, which makes the order of events deterministic.
const chain = `
Description: a chain
Resources:
  A: {Type: "Test::Thing", Properties: {Value: 1}}
  B: {Type: "Test::Thing", Properties: {Value: 2, Refs: [!Ref A]}}
  C: {Type: "Test::Stone", Properties: {Value: 3, Refs: [!Ref B]}}
Outputs:
  Last: {Value: !GetAtt C.Arn, Description: the last}
`

func TestCreateEvents(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	st := b.create("one", chain)
	wantStatus(t, st, types.StackStatusCreateComplete, "")
	want := `one stack CREATE_IN_PROGRESS: User Initiated
A  CREATE_IN_PROGRESS
A A-1 CREATE_IN_PROGRESS: Resource creation Initiated
A A-1 CREATE_COMPLETE
B  CREATE_IN_PROGRESS
B B-2 CREATE_IN_PROGRESS: Resource creation Initiated
B B-2 CREATE_COMPLETE
C  CREATE_IN_PROGRESS
C C-3 CREATE_IN_PROGRESS: Resource creation Initiated
C C-3 CREATE_COMPLETE
one stack CREATE_COMPLETE
`
	if diff := cmp.Diff(want, b.events("one", 0)); diff != "" {
		t.Error(diff)
	}
	if len(st.Outputs) != 1 || *st.Outputs[0].OutputValue != "arn:C-3" || *st.Description != "a chain" {
		t.Errorf("stack = %+v", st)
	}
}

func TestUpdateWithReplacementEvents(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.create("one", chain)
	from := b.count("one")
	st := b.update("one", `
Resources:
  A: {Type: "Test::Thing", Properties: {Value: 1, Fixed: x}}
  B: {Type: "Test::Thing", Properties: {Value: 2, Refs: [!Ref A]}}
  D: {Type: "Test::Thing", Properties: {Value: 4, Refs: [!Ref B]}}
`)
	wantStatus(t, st, types.StackStatusUpdateComplete, "")
	want := `one stack UPDATE_IN_PROGRESS: User Initiated
A A-1 UPDATE_IN_PROGRESS: Requested update requires the creation of a new physical resource; hence creating one.
A A-4 UPDATE_IN_PROGRESS: Resource creation Initiated
A A-4 UPDATE_COMPLETE
B B-2 UPDATE_IN_PROGRESS
B B-2 UPDATE_COMPLETE
D  CREATE_IN_PROGRESS
D D-5 CREATE_IN_PROGRESS: Resource creation Initiated
D D-5 CREATE_COMPLETE
one stack UPDATE_COMPLETE_CLEANUP_IN_PROGRESS
`
	got := b.events("one", from)
	rest, ok := strings.CutPrefix(got, want)
	if !ok {
		t.Fatal(cmp.Diff(want, got))
	}
	// The two deletions are independent and run at the same time.
	lines := strings.Split(strings.TrimSpace(rest), "\n")
	slices.Sort(lines[:4])
	wantRest := []string{"A A-1 DELETE_COMPLETE", "A A-1 DELETE_IN_PROGRESS", "C C-3 DELETE_COMPLETE", "C C-3 DELETE_IN_PROGRESS", "one stack UPDATE_COMPLETE"}
	if diff := cmp.Diff(wantRest, lines); diff != "" {
		t.Error(diff)
	}
	out, err := b.DescribeStackResources(t.Context(), &awscfn.DescribeStackResourcesInput{StackName: aws.String("one")})
	if err != nil {
		t.Fatal(err)
	}
	var resources []string
	for _, r := range out.StackResources {
		resources = append(resources, *r.LogicalResourceId+" "+*r.PhysicalResourceId+" "+string(r.ResourceStatus))
	}
	if diff := cmp.Diff([]string{"A A-4 UPDATE_COMPLETE", "B B-2 UPDATE_COMPLETE", "D D-5 CREATE_COMPLETE"}, resources); diff != "" {
		t.Error(diff)
	}
}

func TestFailedUpdateRollsBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	before := b.create("one", chain)
	from := b.count("one")
	b.world.fail = failOn("create D")
	st := b.update("one", `
Resources:
  A: {Type: "Test::Thing", Properties: {Value: 1, Fixed: x}}
  B: {Type: "Test::Thing", Properties: {Value: 2, Refs: [!Ref A]}}
  C: {Type: "Test::Stone", Properties: {Value: 3, Refs: [!Ref B]}, DependsOn: D}
  D: {Type: "Test::Thing", Properties: {Value: 4, Refs: [!Ref B]}}
`)
	wantStatus(t, st, types.StackStatusUpdateRollbackComplete, "")
	want := `one stack UPDATE_IN_PROGRESS: User Initiated
A A-1 UPDATE_IN_PROGRESS: Requested update requires the creation of a new physical resource; hence creating one.
A A-4 UPDATE_IN_PROGRESS: Resource creation Initiated
A A-4 UPDATE_COMPLETE
B B-2 UPDATE_IN_PROGRESS
B B-2 UPDATE_COMPLETE
D  CREATE_IN_PROGRESS
D  CREATE_FAILED: D is broken
one stack UPDATE_ROLLBACK_IN_PROGRESS: The following resource(s) failed to create: [D]
B B-2 UPDATE_IN_PROGRESS
B B-2 UPDATE_COMPLETE
A A-1 UPDATE_COMPLETE
one stack UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS
A A-4 DELETE_IN_PROGRESS
A A-4 DELETE_COMPLETE
one stack UPDATE_ROLLBACK_COMPLETE
`
	if diff := cmp.Diff(strings.ReplaceAll(want, "[D]", "[D]."), b.events("one", from)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"A=1", "B=2", "C=3"}, b.world.contents()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(*before.Outputs[0].OutputValue, *st.Outputs[0].OutputValue); diff != "" {
		t.Error(diff)
	}
	got, err := b.GetTemplate(t.Context(), &awscfn.GetTemplateInput{StackName: aws.String("one")})
	if err != nil || *got.TemplateBody != chain {
		t.Errorf("template after the rollback: %v, %v", got, err)
	}
	b.world.fail = nil
	wantStatus(t, b.update("one", strings.Replace(chain, "Value: 1", "Value: 9", 1)), types.StackStatusUpdateComplete, "")
}

func TestFailedCreationCancelsAndRollsBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	slow := make(chan struct{})
	b.world.meet = func(ctx context.Context, verb, id string) error {
		switch verb + " " + id {
		case "create Slow":
			close(slow)
			<-ctx.Done()
			return ctx.Err()
		case "create Bad":
			<-slow
			return errors.New("Bad is broken")
		}
		return nil
	}
	st := b.create("one", `
Resources:
  A: {Type: "Test::Thing", DeletionPolicy: Retain}
  Slow: {Type: "Test::Thing", DependsOn: A}
  Bad: {Type: "Test::Thing", DependsOn: A}
  Never: {Type: "Test::Thing", DependsOn: Bad}
`)
	wantStatus(t, st, types.StackStatusRollbackComplete, "")
	events := b.events("one", 0)
	for _, want := range []string{
		"Bad  CREATE_FAILED: Bad is broken\nSlow  CREATE_FAILED: Resource creation cancelled\n" +
			"one stack ROLLBACK_IN_PROGRESS: The following resource(s) failed to create: [Bad, Slow]. Rollback requested by user.\n" +
			"A A-1 DELETE_SKIPPED\none stack ROLLBACK_COMPLETE\n",
	} {
		if !strings.Contains(events, want) {
			t.Errorf("no %q in\n%s", want, events)
		}
	}
	if strings.Contains(events, "Never") {
		t.Errorf("what needs the failed one was touched:\n%s", events)
	}
	body := chain
	if _, err := b.UpdateStack(t.Context(), &awscfn.UpdateStackInput{StackName: aws.String("one"), TemplateBody: &body}); err == nil ||
		!strings.HasSuffix(err.Error(), " is in ROLLBACK_COMPLETE state and can not be updated.") {
		t.Errorf("update: %v", err)
	}
	wantStatus(t, b.delete("one"), types.StackStatusDeleteComplete, "")
}

func TestPartialCreationIsDeleted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	typ := b.deps.Types["Test::Thing"]
	typ.Create = func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
		result, err := b.world.create(ctx, r)
		return result, errors.Join(err, errors.New("came to nothing"))
	}
	b.deps.Types["Test::Thing"] = typ
	wantStatus(t, b.create("one", `Resources: {A: {Type: "Test::Thing"}}`), types.StackStatusRollbackComplete, "")
	if got := b.world.contents(); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

func TestOnFailure(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in   awscfn.CreateStackInput
		want types.StackStatus
		left int
	}{
		{awscfn.CreateStackInput{}, types.StackStatusRollbackComplete, 0},
		{awscfn.CreateStackInput{OnFailure: types.OnFailureDelete}, types.StackStatusDeleteComplete, 0},
		{awscfn.CreateStackInput{OnFailure: types.OnFailureDoNothing}, types.StackStatusCreateFailed, 2},
		{awscfn.CreateStackInput{DisableRollback: aws.Bool(true)}, types.StackStatusCreateFailed, 2},
	} {
		b := newBench(t)
		b.world.fail = failOn("create C")
		test.in.StackName, test.in.TemplateBody = aws.String("one"), aws.String(chain)
		out, err := b.CreateStack(t.Context(), &test.in)
		if err != nil {
			t.Fatal(err)
		}
		if st := b.settled(*out.StackId); st.StackStatus != test.want || len(b.world.contents()) != test.left {
			t.Errorf("%+v: %s with %v", test.in, st.StackStatus, b.world.contents())
		}
	}
}

func TestPausedStackCanBeFixedOrRolledBack(t *testing.T) {
	t.Parallel()
	changed := strings.NewReplacer("Value: 1", "Value: 10", "Value: 3", "Value: 30").Replace(chain)
	pause := func(t *testing.T) *bench {
		b := newBench(t)
		b.create("one", chain)
		b.world.fail = failOn("create C")
		_, err := b.UpdateStack(t.Context(), &awscfn.UpdateStackInput{StackName: aws.String("one"), TemplateBody: &changed, DisableRollback: aws.Bool(true)})
		if err != nil {
			t.Fatal(err)
		}
		wantStatus(t, b.settled("one"), types.StackStatusUpdateFailed, "The following resource(s) failed to update: [C]. ")
		b.world.fail = nil
		return b
	}
	t.Run("fixed", func(t *testing.T) {
		t.Parallel()
		b := pause(t)
		wantStatus(t, b.update("one", changed), types.StackStatusUpdateComplete, "")
		if diff := cmp.Diff([]string{"A=10", "B=2", "C=30"}, b.world.contents()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("rolled back", func(t *testing.T) {
		t.Parallel()
		b := pause(t)
		if _, err := b.RollbackStack(t.Context(), &awscfn.RollbackStackInput{StackName: aws.String("one")}); err != nil {
			t.Fatal(err)
		}
		wantStatus(t, b.settled("one"), types.StackStatusUpdateRollbackComplete, "")
		if diff := cmp.Diff([]string{"A=1", "B=2", "C=3"}, b.world.contents()); diff != "" {
			t.Error(diff)
		}
		if _, err := b.RollbackStack(t.Context(), &awscfn.RollbackStackInput{StackName: aws.String("one")}); err == nil {
			t.Error("a good stack was rolled back")
		}
	})
}

func TestContinueUpdateRollback(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.create("one", chain)
	b.world.fail = failOn("update A")
	st := b.update("one", strings.Replace(chain, "Value: 1", "Value: 10", 1))
	wantStatus(t, st, types.StackStatusUpdateRollbackFailed, "The following resource(s) failed to update: [A]. ")
	ctx, name := t.Context(), aws.String("one")
	if _, err := b.ContinueUpdateRollback(ctx, &awscfn.ContinueUpdateRollbackInput{StackName: name}); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, b.settled("one"), types.StackStatusUpdateRollbackFailed, "The following resource(s) failed to update: [A]. ")
	if _, err := b.ContinueUpdateRollback(ctx, &awscfn.ContinueUpdateRollbackInput{StackName: name, ResourcesToSkip: []string{"B"}}); err == nil {
		t.Error("a resource that did not fail was skipped")
	}
	if _, err := b.ContinueUpdateRollback(ctx, &awscfn.ContinueUpdateRollbackInput{StackName: name, ResourcesToSkip: []string{"A"}}); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, b.settled("one"), types.StackStatusUpdateRollbackComplete, "")
	if !strings.Contains(b.events("one", 0), "A A-1 UPDATE_COMPLETE: Resource skipped during UpdateRollback") {
		t.Error(b.events("one", 0))
	}
}

// A cancelled update stops what is in progress and is rolled back.
func TestCancelUpdate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.create("one", chain)
	from, name := b.count("one"), aws.String("one")
	working := make(chan struct{})
	b.world.meet = func(ctx context.Context, verb, id string) error {
		if verb+" "+id != "update B" || ctx.Err() != nil {
			return nil
		}
		select {
		case <-working:
			// This call belongs to the rollback.
			return nil
		default:
		}
		close(working)
		<-ctx.Done()
		return ctx.Err()
	}
	cancel := &awscfn.CancelUpdateStackInput{StackName: name, ClientRequestToken: aws.String("token")}
	const wrong = "CancelUpdateStack cannot be called from current stack status"
	if _, err := b.CancelUpdateStack(t.Context(), cancel); err == nil || message(err) != wrong {
		t.Errorf("cancelling without an update: %v", err)
	}
	changed := strings.NewReplacer("Value: 1", "Value: 10", "Value: 2", "Value: 20").Replace(chain)
	if _, err := b.UpdateStack(t.Context(), &awscfn.UpdateStackInput{StackName: name, TemplateBody: &changed}); err != nil {
		t.Fatal(err)
	}
	<-working
	if _, err := b.CancelUpdateStack(t.Context(), cancel); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, b.settled("one"), types.StackStatusUpdateRollbackComplete, "")
	want := `one stack UPDATE_IN_PROGRESS: User Initiated
A A-1 UPDATE_IN_PROGRESS
A A-1 UPDATE_COMPLETE
B B-2 UPDATE_IN_PROGRESS
B B-2 UPDATE_FAILED: Resource update cancelled
one stack UPDATE_ROLLBACK_IN_PROGRESS: User Initiated
B B-2 UPDATE_IN_PROGRESS
B B-2 UPDATE_COMPLETE
A A-1 UPDATE_IN_PROGRESS
A A-1 UPDATE_COMPLETE
one stack UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS
one stack UPDATE_ROLLBACK_COMPLETE
`
	if diff := cmp.Diff(want, b.events("one", from)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"A=1", "B=2", "C=3"}, b.world.contents()); diff != "" {
		t.Error(diff)
	}
	if _, err := b.CancelUpdateStack(t.Context(), cancel); err == nil || message(err) != wrong {
		t.Errorf("cancelling what is rolled back: %v", err)
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, name := t.Context(), aws.String("one")
	b.create("one", strings.Replace(chain, `Type: "Test::Stone",`, `Type: "Test::Stone", DeletionPolicy: Retain,`, 1))
	// It is retained, so it must not refer to anything that is deleted.
	b.world.things["C-3"] = thing{}
	if _, err := b.UpdateTerminationProtection(ctx, &awscfn.UpdateTerminationProtectionInput{StackName: name, EnableTerminationProtection: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.DeleteStack(ctx, &awscfn.DeleteStackInput{StackName: name}); err == nil ||
		!strings.Contains(err.Error(), "Stack [one] cannot be deleted while TerminationProtection is enabled") {
		t.Errorf("deleting a protected stack: %v", err)
	}
	if _, err := b.UpdateTerminationProtection(ctx, &awscfn.UpdateTerminationProtectionInput{StackName: name}); err != nil {
		t.Fatal(err)
	}
	b.world.fail = failOn("delete B")
	wantStatus(t, b.delete("one"), types.StackStatusDeleteFailed, "The following resource(s) failed to delete: [B]. ")
	if diff := cmp.Diff([]string{"=", "A=1", "B=2"}, b.world.contents()); diff != "" {
		t.Errorf("what B needs was deleted: %s", diff)
	}
	b.world.fail = nil
	from := b.count("one")
	st := b.delete("one")
	wantStatus(t, st, types.StackStatusDeleteComplete, "")
	want := `one stack DELETE_IN_PROGRESS: User Initiated
B B-2 DELETE_IN_PROGRESS
B B-2 DELETE_COMPLETE
A A-1 DELETE_IN_PROGRESS
A A-1 DELETE_COMPLETE
one stack DELETE_COMPLETE
`
	if diff := cmp.Diff(want, b.events(*st.StackId, from)); diff != "" {
		t.Error(diff)
	}
	if _, err := b.DescribeStacks(ctx, &awscfn.DescribeStacksInput{StackName: name}); err == nil || message(err) != "Stack with id one does not exist" {
		t.Errorf("a deleted stack is found by name: %v", err)
	}
	if st.DeletionTime == nil {
		t.Error("no deletion time")
	}
	if _, err := b.DeleteStack(ctx, &awscfn.DeleteStackInput{StackName: name}); err != nil {
		t.Errorf("deleting what is gone: %v", err)
	}
}

func TestDeleteDuringCreation(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	reached := make(chan struct{})
	b.world.meet = func(ctx context.Context, verb, id string) error {
		if verb == "create" && id == "B" {
			close(reached)
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
	body := chain
	out, err := b.CreateStack(t.Context(), &awscfn.CreateStackInput{StackName: aws.String("one"), TemplateBody: &body})
	if err != nil {
		t.Fatal(err)
	}
	<-reached
	if _, err := b.DeleteStack(t.Context(), &awscfn.DeleteStackInput{StackName: aws.String("one")}); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, b.settled(*out.StackId), types.StackStatusDeleteComplete, "")
	if got := b.world.contents(); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

func TestCloseEndsOperations(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	reached := make(chan struct{})
	b.world.meet = func(ctx context.Context, _, _ string) error {
		close(reached)
		<-ctx.Done()
		return ctx.Err()
	}
	body := chain
	if _, err := b.CreateStack(t.Context(), &awscfn.CreateStackInput{StackName: aws.String("one"), TemplateBody: &body}); err != nil {
		t.Fatal(err)
	}
	<-reached
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if st := b.settled("one"); st.StackStatus != types.StackStatusCreateInProgress {
		t.Errorf("closing went on to %s", st.StackStatus)
	}
}

func TestExportsAndImports(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	exporter := `
Resources: {A: {Type: "Test::Thing", Properties: {Value: 1}}}
Outputs: {O: {Value: !GetAtt A.Value, Export: {Name: !Sub "${AWS::Region}-shared"}}}
`
	importer := `
Resources: {I: {Type: "Test::Thing", Properties: {Value: !ImportValue us-east-1-shared}}}
`
	failed := b.create("early", importer)
	if failed.StackStatus != types.StackStatusRollbackComplete || !strings.Contains(b.events("early", 0), "I  CREATE_FAILED: No export named us-east-1-shared found.") {
		t.Errorf("importing nothing: %s\n%s", failed.StackStatus, b.events("early", 0))
	}
	wantStatus(t, b.create("exporter", exporter), types.StackStatusCreateComplete, "")
	wantStatus(t, b.create("importer", importer), types.StackStatusCreateComplete, "")
	if diff := cmp.Diff([]string{"A=1", "I=1"}, b.world.contents()); diff != "" {
		t.Error(diff)
	}
	b.create("twice", exporter)
	if !strings.Contains(b.events("twice", 0), "ROLLBACK_IN_PROGRESS: Export with name us-east-1-shared is already exported by stack exporter. Rollback requested by user.") {
		t.Error(b.events("twice", 0))
	}
	const inUse = "Export us-east-1-shared cannot be %s as it is in use by importer"
	for verb, body := range map[string]string{
		"deleted": `Resources: {A: {Type: "Test::Thing", Properties: {Value: 1}}}`,
		"updated": strings.Replace(exporter, "Value: 1", "Value: 2", 1),
	} {
		wantStatus(t, b.update("exporter", body), types.StackStatusUpdateRollbackComplete, "")
		if want := strings.Replace(inUse, "%s", verb, 1); !strings.Contains(b.events("exporter", 0), want) {
			t.Errorf("no %q", want)
		}
	}
	wantStatus(t, b.delete("exporter"), types.StackStatusUpdateRollbackComplete, strings.Replace(inUse, "%s", "deleted", 1))
	imports, err := b.ListImports(ctx, &awscfn.ListImportsInput{ExportName: aws.String("us-east-1-shared")})
	if err != nil || !slices.Equal(imports.Imports, []string{"importer"}) {
		t.Errorf("imports: %v, %v", imports, err)
	}
	exports, err := b.ListExports(ctx, &awscfn.ListExportsInput{})
	if err != nil || len(exports.Exports) != 1 || *exports.Exports[0].Value != "1" {
		t.Errorf("exports: %v, %v", exports, err)
	}
	b.update("importer", `Resources: {I: {Type: "Test::Thing", Properties: {Value: 5}}}`)
	wantStatus(t, b.delete("exporter"), types.StackStatusDeleteComplete, "")
	if _, err := b.ListImports(ctx, &awscfn.ListImportsInput{ExportName: aws.String("us-east-1-shared")}); err == nil {
		t.Error("imports of an export that is gone")
	}
}

func TestStackTagsReachResources(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, name := t.Context(), aws.String("one")
	tags := func(v string) []types.Tag { return []types.Tag{{Key: aws.String("k"), Value: aws.String(v)}} }
	body := chain
	if _, err := b.CreateStack(ctx, &awscfn.CreateStackInput{StackName: name, TemplateBody: &body, Tags: tags("1")}); err != nil {
		t.Fatal(err)
	}
	b.settled("one")
	if _, err := b.UpdateStack(ctx, &awscfn.UpdateStackInput{StackName: name, UsePreviousTemplate: aws.Bool(true), Tags: tags("2")}); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, b.settled("one"), types.StackStatusUpdateComplete, "")
	got := map[string]string{}
	for _, r := range b.world.requests {
		got[r.LogicalID] = r.Tags["k"]
	}
	if diff := cmp.Diff(map[string]string{"A": "2", "B": "2", "C": "1"}, got); diff != "" {
		// C's type can't be updated, and tags replace nothing.
		t.Error(diff)
	}
}

func TestPrincipal(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var got []string
	b.world.meet = func(ctx context.Context, _, _ string) error {
		got = append(got, principal.FromContext(ctx).ARN)
		return nil
	}
	ctx := principal.NewContext(t.Context(), principal.Principal{ARN: "arn:aws:iam::000000000000:user/me"})
	body := `Resources: {A: {Type: "Test::Thing"}}`
	for name, role := range map[string]*string{"a": nil, "b": aws.String("arn:aws:iam::000000000000:role/cdk/exec")} {
		if _, err := b.CreateStack(ctx, &awscfn.CreateStackInput{StackName: &name, TemplateBody: &body, RoleARN: role}); err != nil {
			t.Fatal(err)
		}
		b.settled(name)
	}
	slices.Sort(got)
	want := []string{"arn:aws:iam::000000000000:user/me", "arn:aws:sts::000000000000:assumed-role/exec/AWSCloudFormation"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEventPages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var body strings.Builder
	body.WriteString("Resources:\n")
	for i := range 60 {
		body.WriteString("  R" + strings.Repeat("x", i) + ": {Type: 'Test::Thing'}\n")
	}
	wantStatus(t, b.create("many", body.String()), types.StackStatusCreateComplete, "")
	first, err := b.DescribeStackEvents(t.Context(), &awscfn.DescribeStackEventsInput{StackName: aws.String("many")})
	if err != nil || len(first.StackEvents) != 100 || first.NextToken == nil || first.StackEvents[0].ResourceStatus != types.ResourceStatusCreateComplete {
		t.Fatalf("first page: %d events, %v", len(first.StackEvents), err)
	}
	if n := b.count("many"); n != 60*3+2 {
		t.Errorf("%d events", n)
	}
}
