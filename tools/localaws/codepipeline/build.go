package codepipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodebuild "github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/localaws/codebuild"
)

// environmentVariables is the configuration key whose value is a JSON array.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeBuild.html.
const environmentVariables = "EnvironmentVariables"

type environmentVariable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Type  string `json:"type,omitempty"`
}

func checkBuild(a *types.ActionDeclaration) error {
	name := aws.ToString(a.Name)
	if is(a.Configuration["BatchEnabled"]) || is(a.Configuration["CombineArtifacts"]) {
		return invalidAction("The embedded AWS does not support batch builds: BatchEnabled and CombineArtifacts of action '%s'", name)
	}
	primary := a.Configuration["PrimarySource"]
	if len(a.InputArtifacts) > 1 && primary == "" {
		return invalidAction("Action configuration for action '%s' is missing required configuration 'PrimarySource'", name)
	}
	if primary != "" && !slices.ContainsFunc(a.InputArtifacts, func(i types.InputArtifact) bool { return aws.ToString(i.Name) == primary }) {
		return invalidAction("The PrimarySource '%s' of action '%s' is not the name of one of its input artifacts", primary, name)
	}
	if _, err := parseEnvironment(a.Configuration[environmentVariables]); err != nil {
		return invalidAction("%s of action '%s': %v", environmentVariables, name, err)
	}
	return nil
}

// parseEnvironment reads the JSON array of an action's environment variables.
func parseEnvironment(text string) ([]cbtypes.EnvironmentVariable, error) {
	if text == "" {
		return nil, nil
	}
	var list []environmentVariable
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("reading the JSON array of {name, value, type}: %w", err)
	}
	var variables []cbtypes.EnvironmentVariable
	for _, v := range list {
		kind := cbtypes.EnvironmentVariableType(v.Type)
		if kind == "" {
			kind = cbtypes.EnvironmentVariableTypePlaintext
		}
		if v.Name == "" {
			return nil, errors.New("a variable has no name")
		}
		if !slices.Contains(kind.Values(), kind) {
			return nil, fmt.Errorf("the type of %s is %s; it must be PLAINTEXT, PARAMETER_STORE or SECRETS_MANAGER", v.Name, v.Type)
		}
		variables = append(variables, cbtypes.EnvironmentVariable{Name: aws.String(v.Name), Value: aws.String(v.Value), Type: kind})
	}
	return variables, nil
}

// build runs a CodeBuild action.
func (s *Service) build(ctx context.Context, j *job) outcome {
	variables, err := parseEnvironment(j.configuration[environmentVariables])
	if err != nil {
		return failure(codeConfiguration, "%s: %v", environmentVariables, err)
	}
	request := j.build()
	request.Primary = j.configuration["PrimarySource"]
	request.Start.ProjectName, request.Start.EnvironmentVariablesOverride = aws.String(j.configuration["ProjectName"]), variables
	return s.runBuild(ctx, j, request)
}

// build returns the request for a build with the artifacts of an action.
func (j *job) build() codebuild.PipelineBuild {
	request := codebuild.PipelineBuild{PipelineName: j.pipeline, ExecutionID: j.execution, ActionName: j.action, Start: &awscodebuild.StartBuildInput{}}
	for _, input := range j.inputs {
		request.Inputs = append(request.Inputs, codebuild.ArtifactLocation{Name: input.name, Bucket: input.bucket, Key: input.key})
	}
	for _, output := range j.outputs {
		request.Outputs = append(request.Outputs, codebuild.ArtifactLocation{Name: output.name, Bucket: output.bucket, Key: output.key})
	}
	return request
}

// runBuild runs a build to its end.
func (s *Service) runBuild(ctx context.Context, j *job, request codebuild.PipelineBuild) outcome {
	for i, input := range j.inputs {
		if input.name == request.Primary || request.Primary == "" && i == 0 {
			request.SourceVersion = input.revision
		}
	}
	started, err := s.deps.Builds.StartPipelineBuild(ctx, request)
	if err != nil {
		return failure(codeJobFailed, "Error calling startBuild: %v", err)
	}
	id := aws.ToString(started.Build.Id)
	j.report(outcome{externalID: id, externalURL: s.buildURL(id), logStream: logStream(started.Build)})
	b, err := s.deps.Builds.WaitBuild(ctx, id)
	if err != nil {
		// The service is closing, so no build may be left behind.
		if s.life.Err() != nil {
			if _, stopErr := s.deps.Builds.StopBuild(context.WithoutCancel(ctx), &awscodebuild.StopBuildInput{Id: aws.String(id)}); stopErr != nil {
				s.account.Log.Warn("CodePipeline could not stop a build", "build", id, "error", stopErr)
			}
		}
		return failure(codeJobFailed, "Waiting for build %s: %v", id, err)
	}
	result := s.built(ctx, j, b)
	result.externalID, result.externalURL, result.logStream = id, s.buildURL(id), logStream(b)
	return result
}

// built returns the outcome of a complete build.
func (s *Service) built(ctx context.Context, j *job, b *cbtypes.Build) outcome {
	if b.BuildStatus != cbtypes.StatusTypeSucceeded {
		return failure(codeJobFailed, "Build terminated with state: %s%s", b.BuildStatus, phaseOf(b))
	}
	for _, output := range j.outputs {
		if _, err := s.deps.Objects.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: aws.String(output.bucket), Key: aws.String(output.key)}); err != nil {
			return failure(codeJobFailed, "The build succeeded, but did not produce the output artifact %s: %v", output.name, err)
		}
	}
	result := outcome{variables: map[string]string{}}
	for _, v := range b.ExportedEnvironmentVariables {
		result.variables[aws.ToString(v.Name)] = aws.ToString(v.Value)
	}
	return result
}

// phaseOf says in AWS's words which phase of a build failed, and why.
func phaseOf(b *cbtypes.Build) string {
	for _, phase := range b.Phases {
		if phase.PhaseStatus == "" || phase.PhaseStatus == cbtypes.StatusTypeSucceeded || phase.PhaseType == cbtypes.BuildPhaseTypeCompleted {
			continue
		}
		for _, c := range phase.Contexts {
			if aws.ToString(c.Message) != "" || aws.ToString(c.StatusCode) != "" {
				return fmt.Sprintf(". Phase: %s, Code: %s, Message: %s", phase.PhaseType, aws.ToString(c.StatusCode), strings.TrimSpace(aws.ToString(c.Message)))
			}
		}
	}
	return ""
}

func (s *Service) buildURL(id string) string {
	return fmt.Sprintf("https://console.aws.amazon.com/codebuild/home?region=%s#/builds/%s/view/new", s.account.Region, id)
}

// logStream returns the ARN of a build's log stream, once there is one.
func logStream(b *cbtypes.Build) string {
	if b == nil || b.Logs == nil {
		return ""
	}
	return aws.ToString(b.Logs.CloudWatchLogsArn)
}
