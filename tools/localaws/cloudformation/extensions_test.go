package cloudformation

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

const looped = `
Transform: AWS::LanguageExtensions
Parameters: {Names: {Type: CommaDelimitedList, Default: "a,b"}}
Resources:
  Fn::ForEach::Things:
    - Name
    - !Ref Names
    - "Thing${Name}": {Type: "Test::Thing", Properties: {Value: {"Fn::ToJsonString": {name: !Ref Name}}}}
`

func TestTransform(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, name := t.Context(), aws.String("one")
	_, err := b.CreateStack(ctx, &awscfn.CreateStackInput{StackName: name, TemplateBody: aws.String(looped)})
	if want := "Requires capabilities : [CAPABILITY_AUTO_EXPAND]"; err == nil || message(err) != want {
		t.Fatalf("without the capability: %v", err)
	}
	valid, err := b.ValidateTemplate(ctx, &awscfn.ValidateTemplateInput{TemplateBody: aws.String(looped)})
	if err != nil || !slices.Equal(valid.DeclaredTransforms, []string{"AWS::LanguageExtensions"}) ||
		!slices.Equal(valid.Capabilities, []types.Capability{types.CapabilityCapabilityAutoExpand}) {
		t.Errorf("ValidateTemplate = %+v, %v", valid, err)
	}
	summary, err := b.GetTemplateSummary(ctx, &awscfn.GetTemplateSummaryInput{TemplateBody: aws.String(looped)})
	if err != nil || !slices.Equal(summary.ResourceTypes, []string{"Test::Thing"}) {
		t.Errorf("GetTemplateSummary = %+v, %v", summary, err)
	}
	expand := []types.Capability{types.CapabilityCapabilityAutoExpand}
	if _, err := b.CreateStack(ctx, &awscfn.CreateStackInput{StackName: name, TemplateBody: aws.String(looped), Capabilities: expand}); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, b.settled("one"), types.StackStatusCreateComplete, "")
	want := func(things string) {
		t.Helper()
		if got := strings.Join(b.world.contents(), " "); got != things {
			t.Errorf("there are %s, want %s", got, things)
		}
	}
	want(`Thinga={"name":"a"} Thingb={"name":"b"}`)
	for stage, part := range map[types.TemplateStage]string{
		types.TemplateStageOriginal: "Fn::ForEach::Things", types.TemplateStageProcessed: `"Thinga": {`, "": `"Thingb": {`,
	} {
		out, err := b.GetTemplate(ctx, &awscfn.GetTemplateInput{StackName: name, TemplateStage: stage})
		if err != nil || !strings.Contains(*out.TemplateBody, part) || strings.Contains(*out.TemplateBody, "Transform") != (stage == types.TemplateStageOriginal) {
			t.Errorf("stage %q: %s, %v", stage, aws.ToString(out.TemplateBody), err)
		}
	}
	// The previous template is the one with the loop.
	_, err = b.UpdateStack(ctx, &awscfn.UpdateStackInput{
		StackName: name, UsePreviousTemplate: aws.Bool(true), Capabilities: expand,
		Parameters: []types.Parameter{{ParameterKey: aws.String("Names"), ParameterValue: aws.String("b,c")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, b.settled("one"), types.StackStatusUpdateComplete, "")
	want(`Thingb={"name":"b"} Thingc={"name":"c"}`)
	// A change set needs no capability, because it is reviewed.
	body := strings.Replace(looped, `"a,b"`, `"d"`, 1)
	change := b.changeSetFor(&awscfn.CreateChangeSetInput{StackName: name, ChangeSetName: aws.String("c"), TemplateBody: &body})
	if change.Status != types.ChangeSetStatusCreateComplete || len(change.Changes) != 3 {
		t.Errorf("change set: %s %s, %d changes", change.Status, aws.ToString(change.StatusReason), len(change.Changes))
	}
	out, err := b.GetTemplate(ctx, &awscfn.GetTemplateInput{StackName: name, ChangeSetName: aws.String("c")})
	if err != nil || !strings.Contains(*out.TemplateBody, `"Thingd": {`) {
		t.Errorf("the change set's template: %v", err)
	}
}
