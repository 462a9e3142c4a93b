package codepipeline

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/magewright/magewright/tools/localaws/codebuild"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// Limits of commands, from the service model of CodePipeline.
const (
	maxCommands        = 50
	maxCommand         = 1000 // characters
	maxExported        = 15
	maxCommandVars     = 10
	maxFiles           = 10
	maxFile            = 128 // characters
	maxEnvironmentText = 2000
)

var environmentName = regexp.MustCompile(`^[A-Za-z0-9_]{1,128}$`)

// commands are what a Commands action runs.
type commands struct {
	lines       []string
	files       []string
	exported    []string
	environment []cbtypes.EnvironmentVariable
}

func checkCommands(a *types.ActionDeclaration) error {
	name := aws.ToString(a.Name)
	if err := checkLines("action", name, a.Commands); err != nil {
		return err
	}
	if n := len(a.OutputVariables); n > maxExported {
		return invalidAction("Action '%s' has %d outputVariables. It can have up to %d", name, n, maxExported)
	}
	if n := len(a.EnvironmentVariables); n > maxCommandVars {
		return invalidAction("Action '%s' has %d environmentVariables. It can have up to %d", name, n, maxCommandVars)
	}
	for _, v := range a.EnvironmentVariables {
		variable := aws.ToString(v.Name)
		switch {
		case !environmentName.MatchString(variable):
			return invalidAction("The environment variable '%s' of action '%s' must match [A-Za-z0-9_]+", variable, name)
		case v.Type != "" && !slices.Contains(v.Type.Values(), v.Type):
			return invalidAction("The type of the environment variable '%s' of action '%s' is '%s'. It must be PLAINTEXT or SECRETS_MANAGER", variable, name, v.Type)
		case aws.ToString(v.Value) == "" || len([]rune(*v.Value)) > maxEnvironmentText:
			return invalidAction("The value of the environment variable '%s' of action '%s' must have 1 to %d characters", variable, name, maxEnvironmentText)
		}
	}
	for _, output := range a.OutputArtifacts {
		if n := len(output.Files); n > maxFiles {
			return invalidAction("The output artifact '%s' of action '%s' has %d files. It can have up to %d", aws.ToString(output.Name), name, n, maxFiles)
		}
		for _, file := range output.Files {
			if n := len([]rune(file)); n == 0 || n > maxFile {
				return invalidAction("The file '%s' of output artifact '%s' of action '%s' must have 1 to %d characters", file, aws.ToString(output.Name), name, maxFile)
			}
		}
	}
	return nil
}

// checkLines checks the commands of an action or a rule.
func checkLines(what, name string, lines []string) error {
	if n := len(lines); n == 0 || n > maxCommands {
		return invalidAction("The %s '%s' has %d commands. It must have 1 to %d", what, name, n, maxCommands)
	}
	for _, line := range lines {
		switch n := len([]rune(line)); {
		case n == 0 || n > maxCommand:
			return invalidAction("A command of %s '%s' has %d characters. It must have 1 to %d", what, name, n, maxCommand)
		case strings.ContainsAny(strings.TrimSpace(line), "\r\n"):
			return invalidAction("A command of %s '%s' has more than one line. Multi-line commands are not supported", what, name)
		}
	}
	return nil
}

// commandsOf returns the commands of an action with the values of this execution. It
// returns nil if the action has none. What is no reference to a variable stays as it is.
func (e *execution) commandsOf(d *types.ActionDeclaration) *commands {
	if len(d.Commands) == 0 {
		return nil
	}
	c := &commands{lines: e.variables.fill(d.Commands), exported: d.OutputVariables}
	for _, output := range d.OutputArtifacts {
		c.files = append(c.files, output.Files...)
	}
	for _, v := range d.EnvironmentVariables {
		kind := cbtypes.EnvironmentVariableTypePlaintext
		if v.Type == types.EnvironmentVariableTypeSecretsManager {
			kind = cbtypes.EnvironmentVariableTypeSecretsManager
		}
		c.environment = append(c.environment, cbtypes.EnvironmentVariable{Name: v.Name, Value: aws.String(e.variables.fill([]string{aws.ToString(v.Value)})[0]), Type: kind})
	}
	return c
}

// runCommands runs a Commands action. CodeBuild runs it as the role of the action.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-Commands.html.
func (s *Service) runCommands(ctx context.Context, j *job) outcome {
	request := j.build()
	request.Start.EnvironmentVariablesOverride = j.commands.environment
	request.Commands = &codebuild.Commands{
		Lines: j.commands.lines, Files: j.commands.files, Exported: j.commands.exported, Role: j.role, LogGroup: "/aws/codepipeline/" + j.pipeline,
	}
	if j.assume != nil {
		request.Commands.Assume = func(session string) (*awssts.AssumeRoleOutput, error) { return j.assume(session, nil) }
	}
	// The build is CodePipeline's own, so that the role needs no permission for it.
	return s.runBuild(principal.ServiceFor(ctx, "codepipeline.amazonaws.com", s.account.ID, s.arn(j.pipeline)), j, request)
}
