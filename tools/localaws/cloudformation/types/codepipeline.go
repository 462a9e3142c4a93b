package types

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	codepipelinetypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// pipeline is AWS::CodePipeline::Pipeline.
func pipeline(d Deps) definition {
	p := pipelines{d}
	return definition{
		required: []string{"RoleArn", "Stages"},
		Type: resource.Type{
			Name: "AWS::CodePipeline::Pipeline",
			Properties: []string{
				"ArtifactStore", "ArtifactStores", "DisableInboundStageTransitions", "ExecutionMode", "Name", "PipelineType",
				"RestartExecutionOnUpdate", "RoleArn", "Stages", "Tags", "Triggers", "Variables",
			},
			Examine: p.examine,
			Create:  p.create,
			Update:  p.update,
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.Pipelines.DeletePipeline(ctx, &awscodepipeline.DeletePipelineInput{Name: aws.String(r.PhysicalID)})
				return err
			},
		},
	}
}

type pipelines struct{ Deps }

// examine refuses the actions and rules that CodePipeline would refuse later.
func (p pipelines) examine(r *resource.Request) []string {
	if p.CheckPipelineStep == nil {
		return nil
	}
	var refused []string
	check := func(step any, member string) {
		of, _ := step.(map[string]any)
		id, _ := of[member].(map[string]any)
		category, known := id["Category"].(string)
		provider, named := id["Provider"].(string)
		if known && named {
			if err := p.CheckPipelineStep(category, provider); err != nil {
				refused = append(refused, err.Error())
			}
		}
	}
	for _, stage := range items(r.Properties, "Stages") {
		for _, action := range items(stage, "Actions") {
			check(action, "ActionTypeId")
		}
		of, _ := stage.(map[string]any)
		for _, when := range []string{"BeforeEntry", "OnSuccess", "OnFailure"} {
			for _, condition := range items(of[when], "Conditions") {
				for _, rule := range items(condition, "Rules") {
					check(rule, "RuleTypeId")
				}
			}
		}
	}
	return refused
}

// items returns the items of a list that is a member of a mapping.
func items(of any, member string) []any {
	mapping, _ := of.(map[string]any)
	list, _ := mapping[member].([]any)
	return list
}

func codepipelineTag(k, v *string) codepipelinetypes.Tag {
	return codepipelinetypes.Tag{Key: k, Value: v}
}

func (p pipelines) create(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	declaration, err := declarationOf(r)
	if err != nil {
		return nil, err
	}
	declaration.Name = nameOf(r, "Name", 100)
	tags, err := tagsOf(r)
	if err != nil {
		return nil, err
	}
	out, err := p.Pipelines.CreatePipeline(ctx, &awscodepipeline.CreatePipelineInput{Pipeline: declaration, Tags: tagList(tags, codepipelineTag)})
	if err != nil {
		return nil, err
	}
	made := p.result(*declaration.Name, out.Pipeline)
	return made, p.setTransitions(ctx, r, declaration.Name)
}

func (p pipelines) update(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	declaration, err := declarationOf(r)
	if err != nil {
		return nil, err
	}
	declaration.Name = aws.String(r.PhysicalID)
	out, err := p.Pipelines.UpdatePipeline(ctx, &awscodepipeline.UpdatePipelineInput{Pipeline: declaration})
	if err != nil {
		return nil, err
	}
	if err := p.setTransitions(ctx, r, declaration.Name); err != nil {
		return nil, err
	}
	result := p.result(r.PhysicalID, out.Pipeline)
	arn := aws.String(p.Account.ARN("codepipeline", r.PhysicalID))
	if err := retag(r,
		func(tags map[string]string) error {
			_, err := p.Pipelines.TagResource(ctx, &awscodepipeline.TagResourceInput{ResourceArn: arn, Tags: tagList(tags, codepipelineTag)})
			return err
		},
		func(keys []string) error {
			_, err := p.Pipelines.UntagResource(ctx, &awscodepipeline.UntagResourceInput{ResourceArn: arn, TagKeys: keys})
			return err
		}); err != nil {
		return nil, err
	}
	var restart bool
	if err := decodeProperty(r.Properties, "RestartExecutionOnUpdate", &restart); err != nil || !restart {
		return result, err
	}
	_, err = p.Pipelines.StartPipelineExecution(ctx, &awscodepipeline.StartPipelineExecutionInput{Name: declaration.Name})
	return result, err
}

// declarationOf returns the structure of the pipeline. CloudFormation has a
// list of artifact stores where the API has a map.
func declarationOf(r *resource.Request) (*codepipelinetypes.PipelineDeclaration, error) {
	declaration := &codepipelinetypes.PipelineDeclaration{}
	err := decode(r, declaration, "ArtifactStores", "DisableInboundStageTransitions", "RestartExecutionOnUpdate", "Tags")
	if err != nil {
		return nil, err
	}
	var stores []struct {
		ArtifactStore codepipelinetypes.ArtifactStore
		Region        string
	}
	if err := decodeProperty(r.Properties, "ArtifactStores", &stores); err != nil {
		return nil, err
	}
	for _, s := range stores {
		if declaration.ArtifactStores == nil {
			declaration.ArtifactStores = map[string]codepipelinetypes.ArtifactStore{}
		}
		declaration.ArtifactStores[s.Region] = s.ArtifactStore
	}
	return declaration, nil
}

type stageTransition struct{ Reason, StageName *string }

// setTransitions disables the transitions that the properties name, and
// enables those that only the old properties name.
func (p pipelines) setTransitions(ctx context.Context, r *resource.Request, name *string) error {
	const property = "DisableInboundStageTransitions"
	if !changed(r, property) {
		return nil
	}
	var disabled, old []stageTransition
	if err := decodeProperty(r.Properties, property, &disabled); err != nil {
		return err
	}
	if err := decodeProperty(r.OldProperties, property, &old); err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, t := range disabled {
		kept[aws.ToString(t.StageName)] = true
		if _, err := p.Pipelines.DisableStageTransition(ctx, &awscodepipeline.DisableStageTransitionInput{
			PipelineName: name, StageName: t.StageName, Reason: t.Reason, TransitionType: codepipelinetypes.StageTransitionTypeInbound,
		}); err != nil {
			return err
		}
	}
	for _, t := range old {
		if kept[aws.ToString(t.StageName)] {
			continue
		}
		if _, err := p.Pipelines.EnableStageTransition(ctx, &awscodepipeline.EnableStageTransitionInput{
			PipelineName: name, StageName: t.StageName, TransitionType: codepipelinetypes.StageTransitionTypeInbound,
			// The stage may be gone, and its transition with it.
		}); err != nil && handlerCode(err) != "NotFound" {
			return err
		}
	}
	return nil
}

func (p pipelines) result(name string, out *codepipelinetypes.PipelineDeclaration) *resource.Result {
	attributes := map[string]any{"Arn": p.Account.ARN("codepipeline", name)}
	if out != nil && out.Version != nil {
		attributes["Version"] = strconv.Itoa(int(*out.Version))
	}
	return &resource.Result{PhysicalID: name, Attributes: attributes}
}
