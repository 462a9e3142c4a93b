package cloudformation

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/google/go-cmp/cmp"
)

// describe renders changes: one line per resource, and one per detail.
func describe(changes []types.Change) string {
	var b strings.Builder
	for _, c := range changes {
		r := c.ResourceChange
		fmt.Fprintln(&b, strings.Join(strings.Fields(fmt.Sprint(r.Action, " ", *r.LogicalResourceId, " ", *r.ResourceType, " ",
			aws.ToString(r.PhysicalResourceId), " ", r.Replacement, " ", r.PolicyAction, " ", r.Scope)), " "))
		for _, d := range r.Details {
			fmt.Fprintln(&b, strings.TrimRight(" "+strings.Join(strings.Fields(fmt.Sprint(d.Target.Attribute, " ", aws.ToString(d.Target.Name), " ",
				d.Target.AttributeChangeType, " ", d.Target.RequiresRecreation, " ", d.Evaluation, " ", d.ChangeSource, " ",
				aws.ToString(d.CausingEntity), " ", aws.ToString(d.Target.BeforeValue), " -> ", aws.ToString(d.Target.AfterValue))), " "), "-> "))
		}
	}
	return b.String()
}

func TestChangeSetLife(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, name := t.Context(), aws.String("one")
	c := b.changeSetFor(&awscfn.CreateChangeSetInput{
		StackName: name, ChangeSetName: aws.String("cdk-deploy-change-set"), ChangeSetType: types.ChangeSetTypeCreate,
		TemplateBody: aws.String(chain), IncludeNestedStacks: aws.Bool(true), ImportExistingResources: aws.Bool(true),
		DeploymentConfig: &types.DeploymentConfig{Mode: types.DeploymentConfigModeStandard},
	})
	if c.Status != types.ChangeSetStatusCreateComplete || c.ExecutionStatus != types.ExecutionStatusAvailable {
		t.Fatalf("status %s, %s: %s", c.Status, c.ExecutionStatus, aws.ToString(c.StatusReason))
	}
	if diff := cmp.Diff("Add A Test::Thing []\nAdd B Test::Thing []\nAdd C Test::Stone []\n", describe(c.Changes)); diff != "" {
		t.Error(diff)
	}
	if got := *c.Changes[1].ResourceChange.AfterContext; got != `{"Properties":{"Refs":["{{changeSet:KNOWN_AFTER_APPLY}}"],"Value":"2"}}` {
		t.Errorf("after context %s", got)
	}
	wantStatus(t, b.settled("one"), types.StackStatusReviewInProgress, "User Initiated")
	if got, err := b.GetTemplate(ctx, &awscfn.GetTemplateInput{StackName: name}); err != nil || got.TemplateBody != nil {
		t.Errorf("template under review: %v, %v", got, err)
	}
	if len(b.world.contents()) != 0 {
		t.Error("a change set made resources")
	}
	if _, err := b.ExecuteChangeSet(ctx, &awscfn.ExecuteChangeSetInput{ChangeSetName: c.ChangeSetId, ClientRequestToken: aws.String("token")}); err != nil {
		t.Fatal(err)
	}
	st := b.settled("one")
	wantStatus(t, st, types.StackStatusCreateComplete, "")
	if *st.ChangeSetId != *c.ChangeSetId {
		t.Errorf("the stack names change set %s", *st.ChangeSetId)
	}
	first, err := b.DescribeStackEvents(ctx, &awscfn.DescribeStackEventsInput{StackName: name})
	if err != nil {
		t.Fatal(err)
	}
	if e := first.StackEvents[0]; aws.ToString(e.ClientRequestToken) != "token" || e.OperationId == nil || !e.Timestamp.After(*c.CreationTime) {
		t.Errorf("event %+v", e)
	}
	if _, err := b.ExecuteChangeSet(ctx, &awscfn.ExecuteChangeSetInput{ChangeSetName: c.ChangeSetId}); err == nil ||
		!strings.Contains(err.Error(), "cannot be executed in its current status of [EXECUTE_COMPLETE]") {
		t.Errorf("executing twice: %v", err)
	}
	// The second pass finds nothing to delete.
	for range 2 {
		if _, err := b.DeleteChangeSet(ctx, &awscfn.DeleteChangeSetInput{StackName: name, ChangeSetName: c.ChangeSetName}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = b.DescribeChangeSet(ctx, &awscfn.DescribeChangeSetInput{StackName: name, ChangeSetName: c.ChangeSetName})
	if err == nil || err.Error() != "ChangeSetNotFound: ChangeSet [cdk-deploy-change-set] does not exist" {
		t.Errorf("describing a deleted change set: %v", err)
	}
	empty := b.changeSetFor(&awscfn.CreateChangeSetInput{StackName: name, ChangeSetName: aws.String("empty"), TemplateBody: aws.String(chain)})
	if empty.Status != types.ChangeSetStatusFailed || empty.ExecutionStatus != types.ExecutionStatusUnavailable || *empty.StatusReason != noChanges {
		t.Errorf("empty change set: %s, %s, %s", empty.Status, empty.ExecutionStatus, *empty.StatusReason)
	}
	list, err := b.ListChangeSets(ctx, &awscfn.ListChangeSetsInput{StackName: name})
	if err != nil || len(list.Summaries) != 1 || *list.Summaries[0].ChangeSetName != "empty" {
		t.Errorf("list: %v, %v", list, err)
	}
}

// A diff of a new stack leaves nothing behind.
func TestDeleteUnderReview(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.changeSetFor(&awscfn.CreateChangeSetInput{
		StackName: aws.String("one"), ChangeSetName: aws.String("diff"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: aws.String(chain),
	})
	if _, err := b.DeleteStack(t.Context(), &awscfn.DeleteStackInput{StackName: c.StackId}); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, b.settled(*c.StackId), types.StackStatusDeleteComplete, "")
	wantStatus(t, b.create("one", chain), types.StackStatusCreateComplete, "")
}

func TestChangesInDetail(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const before = `
Parameters:
  P: {Type: String, Default: one}
Resources:
  Inplace: {Type: "Test::Thing", Properties: {Value: !Ref P}}
  Dynamic: {Type: "Test::Thing", Properties: {Value: !GetAtt Inplace.Arn}}
  Maybe: {Type: "Test::Stone", Properties: {Value: !GetAtt Inplace.Arn}}
  Replaced: {Type: "Test::Thing", UpdateReplacePolicy: Retain, Properties: {Fixed: a}}
  Follows: {Type: "Test::Thing", Properties: {Fixed: !Ref Replaced}}
  Stays: {Type: "Test::Thing", Properties: {Refs: [!Ref Inplace]}}
  Meta: {Type: "Test::Thing", Metadata: {a: b}}
  Kept: {Type: "Test::Thing", DeletionPolicy: Retain}
  Gone: {Type: "Test::Thing", Properties: {Value: x}}
`
	after := strings.NewReplacer("Fixed: a}", "Fixed: b, Any: [1, {K: true}]}", "{a: b}", "{a: c}").Replace(before)
	after, _, _ = strings.Cut(after, "  Kept:")
	after += "  New: {Type: 'Test::Thing', Properties: {Refs: [!Ref Replaced]}}\n"
	b.create("one", before)
	c := b.changeSetFor(&awscfn.CreateChangeSetInput{
		StackName: aws.String("one"), ChangeSetName: aws.String("c"), TemplateBody: &after,
		Parameters: []types.Parameter{{ParameterKey: aws.String("P"), ParameterValue: aws.String("two")}},
	})
	physical := map[string]string{}
	for id, thing := range b.world.things {
		physical[thing.logicalID] = id
	}
	want := `Modify Dynamic Test::Thing ${Dynamic} False [Properties]
 Properties Value Modify Never Dynamic ResourceAttribute Inplace.Arn arn:${Inplace} -> {{changeSet:KNOWN_AFTER_APPLY}}
Modify Follows Test::Thing ${Follows} True ReplaceAndDelete [Properties]
 Properties Fixed Modify Always Static ResourceReference Replaced ${Replaced} -> {{changeSet:KNOWN_AFTER_APPLY}}
Remove Gone Test::Thing ${Gone} Delete []
Modify Inplace Test::Thing ${Inplace} False [Properties]
 Properties Value Modify Never Static ParameterReference P one -> two
Remove Kept Test::Thing ${Kept} Retain []
Modify Maybe Test::Stone ${Maybe} Conditional ReplaceAndDelete [Properties]
 Properties Value Modify Always Dynamic ResourceAttribute Inplace.Arn arn:${Inplace} -> {{changeSet:KNOWN_AFTER_APPLY}}
Modify Meta Test::Thing ${Meta} False [Metadata]
 Metadata Never Static DirectModification
Add New Test::Thing []
Modify Replaced Test::Thing ${Replaced} True ReplaceAndRetain [Properties]
 Properties Any Add Never Static DirectModification -> ["1",{"K":"true"}]
 Properties Fixed Modify Always Static DirectModification a -> b
`
	for logical, id := range physical {
		want = strings.ReplaceAll(want, "${"+logical+"}", id)
	}
	if diff := cmp.Diff(want, describe(c.Changes)); diff != "" {
		t.Error(diff)
	}
	for _, change := range c.Changes {
		if r := change.ResourceChange; *r.LogicalResourceId == "Replaced" &&
			(*r.BeforeContext != `{"Properties":{"Fixed":"a"},"UpdateReplacePolicy":"Retain"}` ||
				*r.AfterContext != `{"Properties":{"Any":["1",{"K":"true"}],"Fixed":"b"},"UpdateReplacePolicy":"Retain"}`) {
			t.Errorf("contexts %s, %s", *r.BeforeContext, *r.AfterContext)
		}
	}
	plain, err := b.DescribeChangeSet(t.Context(), &awscfn.DescribeChangeSetInput{StackName: c.StackName, ChangeSetName: c.ChangeSetName})
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range plain.Changes {
		r := change.ResourceChange
		if r.BeforeContext != nil || r.AfterContext != nil {
			t.Errorf("%s has contexts that nobody asked for", *r.LogicalResourceId)
		}
		for _, d := range r.Details {
			if d.Target.BeforeValue != nil || d.Target.AfterValue != nil || d.Target.Path != nil {
				t.Errorf("%s has values that nobody asked for", *r.LogicalResourceId)
			}
		}
	}
	// A change that the change set calls dynamic turns out to be none.
	from := b.count("one")
	if _, err := b.ExecuteChangeSet(t.Context(), &awscfn.ExecuteChangeSetInput{ChangeSetName: c.ChangeSetId}); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, b.settled("one"), types.StackStatusUpdateComplete, "")
	events := b.events("one", from)
	for _, not := range []string{"Dynamic ", "Maybe ", "Stays ", "Meta "} {
		if strings.Contains(events, not) {
			t.Errorf("%s was touched:\n%s", not, events)
		}
	}
	if !strings.Contains(events, "Kept "+physical["Kept"]+" DELETE_SKIPPED") || !strings.Contains(events, "Replaced "+physical["Replaced"]+" DELETE_SKIPPED") {
		t.Errorf("nothing was retained:\n%s", events)
	}
}

func TestOutputsAloneAreAChange(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.create("one", chain)
	c := b.changeSetFor(&awscfn.CreateChangeSetInput{
		StackName: aws.String("one"), ChangeSetName: aws.String("c"), TemplateBody: aws.String(chain + "  More: {Value: x}\n"),
	})
	if c.Status != types.ChangeSetStatusCreateComplete || len(c.Changes) != 0 {
		t.Fatalf("%s with %d changes", c.Status, len(c.Changes))
	}
	if _, err := b.ExecuteChangeSet(t.Context(), &awscfn.ExecuteChangeSetInput{ChangeSetName: c.ChangeSetId}); err != nil {
		t.Fatal(err)
	}
	if st := b.settled("one"); st.StackStatus != types.StackStatusUpdateComplete || len(st.Outputs) != 2 {
		t.Errorf("%s with %d outputs", st.StackStatus, len(st.Outputs))
	}
}

func TestParameterValues(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, name := t.Context(), aws.String("one")
	body := aws.String(`
Parameters:
  Secret: {Type: String, NoEcho: true}
  Version: {Type: "AWS::SSM::Parameter::Value<String>", Default: /version}
  Plain: {Type: String, Default: p}
Resources: {A: {Type: "Test::Thing", Properties: {Value: !Sub "${Secret}-${Version}-${Plain}"}}}
`)
	given := []types.Parameter{{ParameterKey: aws.String("Secret"), ParameterValue: aws.String("hush\"hush")}}
	if _, err := b.CreateStack(ctx, &awscfn.CreateStackInput{StackName: name, TemplateBody: body, Parameters: given}); err != nil {
		t.Fatal(err)
	}
	st := b.settled("one")
	if diff := cmp.Diff([]string{"A=hush\"hush-33-p"}, b.world.contents()); diff != "" {
		t.Error(diff)
	}
	shown := map[string]string{}
	for _, p := range st.Parameters {
		shown[*p.ParameterKey] = *p.ParameterValue + "|" + aws.ToString(p.ResolvedValue)
	}
	if diff := cmp.Diff(map[string]string{"Plain": "p|", "Secret": "****|", "Version": "/version|33"}, shown); diff != "" {
		t.Error(diff)
	}
	b.deps.Parameters.(parameters)["/version"] = "34"
	update := &awscfn.UpdateStackInput{StackName: name, UsePreviousTemplate: aws.Bool(true), Parameters: []types.Parameter{
		{ParameterKey: aws.String("Secret"), UsePreviousValue: aws.Bool(true)},
		{ParameterKey: aws.String("Version"), UsePreviousValue: aws.Bool(true)},
	}}
	if _, err := b.UpdateStack(ctx, update); err != nil {
		t.Fatal(err)
	}
	b.settled("one")
	if diff := cmp.Diff([]string{"A=hush\"hush-34-p"}, b.world.contents()); diff != "" {
		t.Error(diff)
	}
	events, err := b.DescribeStackEvents(ctx, &awscfn.DescribeStackEventsInput{StackName: name})
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	for _, e := range events.StackEvents {
		seen = seen || strings.Contains(aws.ToString(e.ResourceProperties), "****-33-p")
		if strings.Contains(aws.ToString(e.ResourceProperties), "hush") {
			t.Errorf("a NoEcho parameter shows in %s", *e.ResourceProperties)
		}
	}
	if !seen {
		t.Error("events show no properties")
	}
}
