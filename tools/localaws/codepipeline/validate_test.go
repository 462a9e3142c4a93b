package codepipeline

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/smithy-go"
)

func TestDeclarationsThatAreRefused(t *testing.T) {
	t.Parallel()
	type d = types.PipelineDeclaration
	action := func(d *d, stage int) *types.ActionDeclaration { return &d.Stages[stage].Actions[0] }
	for name, c := range map[string]struct {
		change func(*d)
		code   string
		text   string
	}{
		"one stage":           {func(d *d) { d.Stages = d.Stages[:1] }, "InvalidStructureException", "Pipeline has only 1 stage(s). There should be a minimum of 2 stages in a pipeline"},
		"no source":           {func(d *d) { d.Stages = d.Stages[1:] }, "InvalidStructureException", "Pipeline should start with a stage that only contains source actions"},
		"late source":         {func(d *d) { d.Stages[1].Actions = append(d.Stages[1].Actions, d.Stages[0].Actions[0]) }, "InvalidStructureException", "Action 'Source' in stage 'Verify' is a source action"},
		"name":                {func(d *d) { d.Name = aws.String("a b") }, "ValidationException", "'a b' at 'pipeline.name'"},
		"no role":             {func(d *d) { d.RoleArn = nil }, "ValidationException", "pipeline.roleArn"},
		"no store":            {func(d *d) { d.ArtifactStore = nil }, "InvalidStructureException", "artifactStore"},
		"stage twice":         {func(d *d) { d.Stages[2].Name = d.Stages[1].Name }, "InvalidStructureException", "more than one stage with name 'Verify'"},
		"empty stage":         {func(d *d) { d.Stages[2].Actions = nil }, "InvalidStageDeclarationException", "Stage 'Deploy' has no actions"},
		"action twice":        {func(d *d) { d.Stages[1].Actions[1].Name = d.Stages[1].Actions[0].Name }, "InvalidStructureException", "Stage 'Verify' has more than one action with name 'Lint'"},
		"run order":           {func(d *d) { action(d, 1).RunOrder = aws.Int32(0) }, "InvalidActionDeclarationException", "The runOrder of action 'Lint' in stage 'Verify' is 0"},
		"provider":            {func(d *d) { action(d, 1).ActionTypeId.Provider = aws.String("Jenkins") }, "InvalidActionDeclarationException", "Provider: 'Jenkins', Owner: 'AWS', Version: '1') in action 'Lint' of stage 'Verify' is not available"},
		"owner":               {func(d *d) { action(d, 1).ActionTypeId.Owner = types.ActionOwnerCustom }, "InvalidActionDeclarationException", "Owner: 'Custom'"},
		"region":              {func(d *d) { action(d, 1).Region = aws.String("eu-west-1") }, "InvalidActionDeclarationException", "is in eu-west-1"},
		"no input":            {func(d *d) { action(d, 1).InputArtifacts = nil }, "InvalidActionDeclarationException", "Action Lint declares 0 input artifacts which is less than the minimum count (1)"},
		"unknown input":       {func(d *d) { action(d, 1).InputArtifacts[0].Name = aws.String("X") }, "InvalidActionDeclarationException", "Input Artifact Bundle X in action Lint is not declared as Output Artifact Bundle in any of the preceding actions"},
		"input made too late": {func(d *d) { action(d, 1).InputArtifacts[0].Name = aws.String("Assembly") }, "InvalidActionDeclarationException", "Input Artifact Bundle Assembly in action Lint is not declared"},
		"output twice":        {func(d *d) { action(d, 1).OutputArtifacts = d.Stages[1].Actions[1].OutputArtifacts }, "InvalidActionDeclarationException", "Output Artifact Bundle Assembly in action Synth is already declared"},
		"missing setting":     {func(d *d) { delete(action(d, 1).Configuration, "ProjectName") }, "InvalidActionDeclarationException", "Action configuration for action 'Lint' is missing required configuration 'ProjectName'"},
		"unknown setting":     {func(d *d) { action(d, 1).Configuration["Projekt"] = "x" }, "InvalidActionDeclarationException", "contains unknown configuration 'Projekt'"},
		"no primary source": {func(d *d) {
			action(d, 2).InputArtifacts = append(action(d, 2).InputArtifacts, types.InputArtifact{Name: aws.String("Source")})
			delete(action(d, 2).Configuration, "PrimarySource")
		}, "InvalidActionDeclarationException", "missing required configuration 'PrimarySource'"},
		"wrong primary source": {func(d *d) { action(d, 2).Configuration["PrimarySource"] = "Source" }, "InvalidActionDeclarationException", "The PrimarySource 'Source' of action 'Ship'"},
		"batch":                {func(d *d) { action(d, 1).Configuration["BatchEnabled"] = "true" }, "InvalidActionDeclarationException", "does not support batch builds"},
		"environment":          {func(d *d) { action(d, 1).Configuration["EnvironmentVariables"] = "A=b" }, "InvalidActionDeclarationException", "EnvironmentVariables of action 'Lint'"},
		"commands":             {func(d *d) { action(d, 1).Commands = []string{"ls"} }, "InvalidActionDeclarationException", "commands, outputVariables and environmentVariables are available to the compute action only, not to action 'Lint' in stage 'Verify'"},
		"role of another account": {func(d *d) {
			action(d, 1).RoleArn = aws.String("arn:aws:iam::111122223333:role/r")
		}, "InvalidActionDeclarationException", "The embedded AWS has the account 000000000000 only: the role of action 'Lint' in stage 'Verify' is arn:aws:iam::111122223333:role/r"},
		"pipeline's role of another account": {func(d *d) { d.RoleArn = aws.String("arn:aws:iam::111122223333:role/r") }, "InvalidStructureException", "the role of pipeline 'app' is"},
		"timeout of a build":                 {func(d *d) { action(d, 1).TimeoutInMinutes = aws.Int32(10) }, "InvalidActionDeclarationException", "manual approval action only"},
		"unknown namespace":                  {func(d *d) { action(d, 1).Configuration["ProjectName"] = "#{Nobody.X}" }, "InvalidActionDeclarationException", "referencing a namespace that does not exist.\nStageName=[Verify], ActionName=[Lint], ActionConfigurationKey=[ProjectName], VariableReferenceText=[Nobody.X]"},
		"later namespace":                    {func(d *d) { action(d, 1).Configuration["ProjectName"] = "#{Synth.X}" }, "InvalidActionDeclarationException", "does not precede"},
		"undeclared variable":                {func(d *d) { action(d, 1).Configuration["ProjectName"] = "#{variables.y}" }, "InvalidActionDeclarationException", "The referenced variables haven't been declared."},
		"variable in source":                 {func(d *d) { action(d, 0).Configuration["S3Bucket"] = "#{variables.x}" }, "InvalidActionDeclarationException", "Variables at the pipeline level cannot be used in source actions."},
		"no such implicit":                   {func(d *d) { action(d, 1).Configuration["ProjectName"] = "#{codepipeline.X}" }, "InvalidActionDeclarationException", "has no variable X"},
		"namespace twice":                    {func(d *d) { action(d, 1).Namespace = aws.String("Synth") }, "InvalidStructureException", "The namespace 'Synth' of action 'Synth' is already in use"},
		"namespace reserved":                 {func(d *d) { action(d, 1).Namespace = aws.String("variables") }, "InvalidActionDeclarationException", "is reserved"},
		"namespace and artifact":             {func(d *d) { action(d, 1).Namespace = aws.String("Source") }, "InvalidStructureException", "also the name of an artifact"},
		"V1 with a mode":                     {func(d *d) { d.PipelineType, d.ExecutionMode = "V1", "QUEUED" }, "InvalidStructureException", "V2"},
		"V1 with variables":                  {func(d *d) { d.PipelineType = "V1" }, "InvalidStructureException", "V2"},
		"variable twice":                     {func(d *d) { d.Variables = append(d.Variables, d.Variables[0]) }, "InvalidStructureException", "already in use: x"},
		"type":                               {func(d *d) { d.PipelineType = "V3" }, "ValidationException", "V3"},
		"rollback of the source":             {func(d *d) { d.Stages[0].OnFailure = &types.FailureConditions{Result: "ROLLBACK"} }, "InvalidStageDeclarationException", "it is the source stage"},
		"rollback in PARALLEL": {func(d *d) {
			d.ExecutionMode, d.Stages[1].OnFailure = "PARALLEL", &types.FailureConditions{Result: "ROLLBACK"}
		}, "InvalidStageDeclarationException", "PARALLEL"},
		"SKIP": {func(d *d) { d.Stages[1].OnFailure = &types.FailureConditions{Result: "SKIP"} }, "InvalidStageDeclarationException", "does not support the result 'SKIP'"},
		"rule": {func(d *d) {
			d.Stages[2].BeforeEntry = &types.BeforeEntryConditions{Conditions: []types.Condition{{Result: "FAIL", Rules: []types.RuleDeclaration{{
				Name: aws.String("Window"), RuleTypeId: &types.RuleTypeId{Category: types.RuleCategoryRule, Provider: aws.String("DeploymentWindow")},
			}}}}}
		}, "InvalidStageDeclarationException", "The rule 'Window' in beforeEntry of stage 'Deploy' is missing required configuration 'Cron'"},
		"trigger": {func(d *d) {
			d.Triggers = []types.PipelineTriggerDeclaration{{ProviderType: "CodeStarSourceConnection", GitConfiguration: &types.GitConfiguration{SourceActionName: aws.String("Git")}}}
		}, "InvalidStructureException", "source action 'Git'"},
		"trigger of both kinds": {func(d *d) {
			d.Triggers = []types.PipelineTriggerDeclaration{{ProviderType: "CodeStarSourceConnection", GitConfiguration: &types.GitConfiguration{
				SourceActionName: aws.String("Source"), Push: []types.GitPushFilter{{}}, PullRequest: []types.GitPullRequestFilter{{}},
			}}}
		}, "InvalidStructureException", "has filters for pushes and for pull requests. It can have one kind"},
		"trigger for tags and branches": {func(d *d) {
			d.Triggers = pushed(types.GitPushFilter{Tags: &types.GitTagFilterCriteria{Includes: []string{"v*"}}, Branches: &types.GitBranchFilterCriteria{Includes: []string{"main"}}})
		}, "InvalidStructureException", "for tags and for branches or file paths"},
		"trigger with a broken pattern": {func(d *d) {
			d.Triggers = pushed(types.GitPushFilter{Branches: &types.GitBranchFilterCriteria{Excludes: []string{"[a"}}})
		}, "InvalidStructureException", "The pattern '[a' in a push filter of the source action 'Source'"},
		"connection format": {func(d *d) {
			a := action(d, 0)
			a.ActionTypeId.Provider = aws.String("CodeStarSourceConnection")
			a.Configuration = map[string]string{"ConnectionArn": "c", "FullRepositoryId": "a/b", "BranchName": "main", "OutputArtifactFormat": "TAR"}
		}, "InvalidActionDeclarationException", "OutputArtifactFormat of action 'Source' is 'TAR'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			synth := builder("Synth", 1, "Assembly")
			synth.Namespace = aws.String("Synth")
			ship := builder("Ship", 1)
			ship.InputArtifacts[0].Name = aws.String("Assembly")
			valid := declare(stageOf("Verify", builder("Lint", 1), synth), stageOf("Deploy", ship))
			valid.Variables = []types.PipelineVariableDeclaration{{Name: aws.String("x"), DefaultValue: aws.String("y")}}
			// This is valid, so it is the change that is refused.
			r.create(clone(valid))
			c.change(valid)
			var err error
			if aws.ToString(valid.Name) == "app" {
				_, err = r.UpdatePipeline(r.ctx, &awscodepipeline.UpdatePipelineInput{Pipeline: valid})
			} else {
				_, err = r.CreatePipeline(r.ctx, &awscodepipeline.CreatePipelineInput{Pipeline: valid})
			}
			api, ok := errors.AsType[smithy.APIError](err)
			if !ok {
				t.Fatalf("error is %v, want %s", err, c.code)
			}
			if api.ErrorCode() != c.code || !strings.Contains(api.ErrorMessage(), c.text) {
				t.Errorf("error is %s: %s\nwant %s: %s", api.ErrorCode(), api.ErrorMessage(), c.code, c.text)
			}
		})
	}
}

func TestPipelines(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := declare(stageOf("Deploy", builder("Ship", 1)))
	must[*awscodepipeline.CreatePipelineOutput](t)(r.CreatePipeline(r.ctx, &awscodepipeline.CreatePipelineInput{
		Pipeline: d, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("one")}},
	}))
	// The service must keep no reference to the caller's value.
	d.Stages[1].Name = aws.String("Changed")
	if _, err := r.CreatePipeline(r.ctx, &awscodepipeline.CreatePipelineInput{Pipeline: d}); err == nil || !strings.Contains(err.Error(), "A pipeline with the name 'app' already exists in account '000000000000'") {
		t.Errorf("creating it twice: %v", err)
	}
	must[*awscodepipeline.UpdatePipelineOutput](t)(r.UpdatePipeline(r.ctx, &awscodepipeline.UpdatePipelineInput{Pipeline: d}))
	get := func(version *int32) *awscodepipeline.GetPipelineOutput {
		return must[*awscodepipeline.GetPipelineOutput](t)(r.GetPipeline(r.ctx, &awscodepipeline.GetPipelineInput{Name: aws.String("app"), Version: version}))
	}
	if now, then := get(nil), get(aws.Int32(1)); *now.Pipeline.Version != 2 || *now.Pipeline.Stages[1].Name != "Changed" || *then.Pipeline.Stages[1].Name != "Deploy" {
		t.Errorf("versions are %+v and %+v", now.Pipeline, then.Pipeline)
	}
	arn := get(nil).Metadata.PipelineArn
	if *arn != "arn:aws:codepipeline:us-east-1:000000000000:app" {
		t.Errorf("ARN is %s", *arn)
	}
	must[*awscodepipeline.TagResourceOutput](t)(r.TagResource(r.ctx, &awscodepipeline.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{{Key: aws.String("cost"), Value: aws.String("two")}}}))
	must[*awscodepipeline.UntagResourceOutput](t)(r.UntagResource(r.ctx, &awscodepipeline.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"team"}}))
	if tags := must[*awscodepipeline.ListTagsForResourceOutput](t)(r.ListTagsForResource(r.ctx, &awscodepipeline.ListTagsForResourceInput{ResourceArn: arn})).Tags; len(tags) != 1 || *tags[0].Key != "cost" {
		t.Errorf("tags are %v", tags)
	}
	must[*awscodepipeline.DeletePipelineOutput](t)(r.DeletePipeline(r.ctx, &awscodepipeline.DeletePipelineInput{Name: aws.String("app")}))
	must[*awscodepipeline.DeletePipelineOutput](t)(r.DeletePipeline(r.ctx, &awscodepipeline.DeletePipelineInput{Name: aws.String("app")}))
	_, err := r.GetPipeline(r.ctx, &awscodepipeline.GetPipelineInput{Name: aws.String("app")})
	if err == nil || !strings.Contains(err.Error(), "Account '000000000000' does not have a pipeline with name 'app'") {
		t.Errorf("getting what is deleted: %v", err)
	}
}
