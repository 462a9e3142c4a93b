package codebuild

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodebuild "github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
)

// The environment of commands.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-Commands.html.
const (
	commandsTimeout = 55 // minutes
	commandsImage   = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
)

// Commands are what a pipeline runs without a project of the account.
type Commands struct {
	Lines    []string
	Files    []string // of the output artifact; all of them if there are none
	Exported []string // names of variables
	// Role is whose credentials the commands have, and who writes their log. Assume
	// issues them; without it, CodeBuild assumes the role itself.
	Role     string
	Assume   func(session string) (*awssts.AssumeRoleOutput, error)
	LogGroup string
}

// commands returns what a build runs instead of a project of the account, or nil.
func (b *build) commands() *Commands {
	if b.pipeline == nil {
		return nil
	}
	return b.pipeline.Commands
}

// commandsProject returns the project that commands run as. The account does not have it.
func (s *Service) commandsProject(p *PipelineBuild) (*cbtypes.Project, error) {
	spec, err := p.Commands.spec()
	if err != nil {
		return nil, fmt.Errorf("writing the buildspec of the commands: %w", err)
	}
	name := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == '_' {
			return r
		}
		return '-'
	}, p.PipelineName+"-"+p.ActionName)
	project := &cbtypes.Project{Arn: aws.String(s.projectARN(name)), Name: &name, Created: s.now(), ProjectVisibility: cbtypes.ProjectVisibilityTypePrivate}
	return project, s.change(project, &awscodebuild.UpdateProjectInput{
		Source: &cbtypes.ProjectSource{Type: cbtypes.SourceTypeCodepipeline, Buildspec: &spec}, Artifacts: &cbtypes.ProjectArtifacts{Type: cbtypes.ArtifactsTypeCodepipeline},
		Environment: &cbtypes.ProjectEnvironment{
			Type: cbtypes.EnvironmentTypeLinuxContainer, ComputeType: cbtypes.ComputeTypeBuildGeneral1Small, Image: aws.String(commandsImage),
		},
		ServiceRole: &p.Commands.Role, TimeoutInMinutes: aws.Int32(commandsTimeout),
		LogsConfig: &cbtypes.LogsConfig{CloudWatchLogs: &cbtypes.CloudWatchLogsConfig{Status: cbtypes.LogsConfigStatusTypeEnabled, GroupName: &p.Commands.LogGroup}},
	})
}

// spec returns the buildspec of the commands.
func (c *Commands) spec() (string, error) {
	files := c.Files
	if len(files) == 0 {
		files = []string{"**/*"}
	}
	spec := map[string]any{
		"version": "0.2", "phases": map[string]any{"build": map[string]any{"commands": c.Lines}}, "artifacts": map[string]any{"files": files},
	}
	if len(c.Exported) > 0 {
		spec["env"] = map[string]any{"exported-variables": c.Exported}
	}
	text, err := json.Marshal(spec)
	return string(text), err
}
