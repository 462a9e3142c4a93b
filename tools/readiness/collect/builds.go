package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
)

// Builds asks CodeBuild about the earlier builds of this execution of the pipeline. Outside
// of the pipeline there are none.
func Builds(ctx context.Context, e Env) (evidence.Predicate, error) {
	b := readiness.Builds{Made: evidence.Made{FinishedOn: e.Clock.Now()}, Execution: os.Getenv("PIPELINE_EXECUTION_ID"), Builds: []readiness.Build{}}
	var ok bool
	if b.Pipeline, ok = strings.CutPrefix(os.Getenv("CODEBUILD_INITIATOR"), "codepipeline/"); !ok || b.Execution == "" {
		b.Pipeline, b.Execution = "", ""
		return b, nil
	}
	if e.AWS == nil {
		return nil, exit.Missing("aws sts get-caller-identity", "there are no AWS credentials for asking which builds execution %s had", b.Execution)
	}
	actions, err := executed(ctx, codepipeline.NewFromConfig(*e.AWS), b.Pipeline, b.Execution)
	if err != nil {
		return nil, exit.Missing("aws codepipeline list-action-executions --pipeline-name "+b.Pipeline, "reading which builds there were: %w", err)
	}
	client := codebuild.NewFromConfig(*e.AWS)
	for _, a := range actions {
		build, err := readBuild(ctx, client, a)
		if err != nil {
			return nil, exit.Missing("aws codebuild batch-get-builds --ids "+build.ID, "asking CodeBuild about %s: %w", build.Action, err)
		}
		b.Builds = append(b.Builds, build)
	}
	slices.SortFunc(b.Builds, func(a, b readiness.Build) int { return strings.Compare(a.Action, b.Action) })
	return b, nil
}

// executed returns the actions of an execution that have completed a build. If an action was
// repeated, its last run counts.
func executed(ctx context.Context, client *codepipeline.Client, pipeline, execution string) ([]types.ActionExecutionDetail, error) {
	var all []types.ActionExecutionDetail
	seen := map[string]bool{}
	pages := codepipeline.NewListActionExecutionsPaginator(client, &codepipeline.ListActionExecutionsInput{
		PipelineName: &pipeline,
		Filter:       &types.ActionExecutionFilter{PipelineExecutionId: &execution},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, a := range page.ActionExecutionDetails { // the newest comes first
			name := aws.ToString(a.StageName) + "/" + aws.ToString(a.ActionName)
			if seen[name] || a.Input == nil || a.Input.ActionTypeId == nil || aws.ToString(a.Input.ActionTypeId.Provider) != "CodeBuild" || a.Status == types.ActionExecutionStatusInProgress {
				continue
			}
			seen[name] = true
			all = append(all, a)
		}
	}
	return all, nil
}

// readBuild compares the build of an action with its project and with the action.
func readBuild(ctx context.Context, client *codebuild.Client, a types.ActionExecutionDetail) (readiness.Build, error) {
	configuration := a.Input.ResolvedConfiguration
	if configuration == nil {
		configuration = a.Input.Configuration
	}
	b := readiness.Build{Action: aws.ToString(a.StageName) + "/" + aws.ToString(a.ActionName), Declared: configuration["ProjectName"]}
	if a.Output == nil || a.Output.ExecutionResult == nil {
		return b, fmt.Errorf("the action names no build")
	}
	b.ID = aws.ToString(a.Output.ExecutionResult.ExternalExecutionId)
	got, err := client.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{b.ID}})
	if err != nil {
		return b, err
	}
	projects, err := client.BatchGetProjects(ctx, &codebuild.BatchGetProjectsInput{Names: []string{b.Declared}})
	if err != nil {
		return b, err
	}
	if len(got.Builds) != 1 || len(projects.Projects) != 1 {
		return b, fmt.Errorf("it knows %d such builds and %d projects %s", len(got.Builds), len(projects.Projects), b.Declared)
	}
	build, project := got.Builds[0], projects.Projects[0]
	b.Status, b.Commit, b.Initiator, b.Project = string(build.BuildStatus), aws.ToString(build.ResolvedSourceVersion), aws.ToString(build.Initiator), aws.ToString(build.ProjectName)
	b.ARN, b.StartedOn, b.EndedOn = aws.ToString(build.Arn), aws.ToTime(build.StartTime).UTC(), aws.ToTime(build.EndTime).UTC()
	if build.Environment != nil {
		b.Image = aws.ToString(build.Environment.Image)
	}
	b.Overridden = overridden(build, project)
	var declared []cbtypes.EnvironmentVariable
	if text := configuration["EnvironmentVariables"]; text != "" {
		if err := json.Unmarshal([]byte(text), &declared); err != nil {
			return b, fmt.Errorf("reading the variables of the action: %w", err)
		}
	}
	if project.Environment != nil {
		declared = append(declared, project.Environment.EnvironmentVariables...)
	}
	if build.Environment != nil {
		b.Variables = others(build.Environment.EnvironmentVariables, declared)
	}
	return b, nil
}

// overridden names what differs between a build and its project.
func overridden(build cbtypes.Build, project cbtypes.Project) []string {
	var all []string
	say := func(name string, a, b string) {
		if a != b {
			all = append(all, name)
		}
	}
	source, of := build.Source, project.Source
	if source == nil || of == nil || build.Environment == nil || project.Environment == nil {
		return []string{"source or environment"}
	}
	say("buildspec", aws.ToString(source.Buildspec), aws.ToString(of.Buildspec))
	say("source type", string(source.Type), string(of.Type))
	say("source", aws.ToString(source.Location), aws.ToString(of.Location))
	say("image", aws.ToString(build.Environment.Image), aws.ToString(project.Environment.Image))
	say("environment type", string(build.Environment.Type), string(project.Environment.Type))
	say("privileged mode", fmt.Sprint(aws.ToBool(build.Environment.PrivilegedMode)), fmt.Sprint(aws.ToBool(project.Environment.PrivilegedMode)))
	say("role", aws.ToString(build.ServiceRole), aws.ToString(project.ServiceRole))
	return all
}

// others returns the names of variables whose values are not declared.
func others(variables, declared []cbtypes.EnvironmentVariable) []string {
	var names []string
	for _, v := range variables {
		if !slices.ContainsFunc(declared, func(d cbtypes.EnvironmentVariable) bool {
			return aws.ToString(d.Name) == aws.ToString(v.Name) && aws.ToString(d.Value) == aws.ToString(v.Value) && kind(d) == kind(v)
		}) {
			names = append(names, aws.ToString(v.Name))
		}
	}
	slices.Sort(names)
	return names
}

// kind returns where the value of a variable is stored.
func kind(v cbtypes.EnvironmentVariable) cbtypes.EnvironmentVariableType {
	if v.Type == "" {
		return cbtypes.EnvironmentVariableTypePlaintext
	}
	return v.Type
}
