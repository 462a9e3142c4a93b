package codebuild

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodebuild "github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/google/go-cmp/cmp"
)

// commandsOn returns commands of a pipeline with one input artifact, and a role whose
// credentials the pipeline issues.
func commandsOn(w *world, t *testing.T, lines ...string) PipelineBuild {
	w.objects["b/in"] = zipOf(t, map[string]string{"a.txt": "a", "b.md": "b"})
	return PipelineBuild{
		PipelineName: "line.1", ExecutionID: "e1", ActionName: "Run", Inputs: []ArtifactLocation{{"Source", "b", "in"}}, Outputs: []ArtifactLocation{{"Out", "b", "out"}},
		Start: &awscodebuild.StartBuildInput{EnvironmentVariablesOverride: []cbtypes.EnvironmentVariable{
			{Name: aws.String("GREETING"), Value: aws.String("good day")}, {Name: aws.String("USER_NAME"), Value: aws.String("db:user"), Type: cbtypes.EnvironmentVariableTypeSecretsManager},
		}},
		Commands: &Commands{
			Lines: lines, Files: []string{"*.txt"}, Exported: []string{"SAID", "CODEBUILD_BUILD_ID"}, Role: "arn:aws:iam::000000000000:role/pipeline", LogGroup: "/aws/codepipeline/line.1",
			Assume: func(session string) (*awssts.AssumeRoleOutput, error) {
				return &awssts.AssumeRoleOutput{
					Credentials:     &ststypes.Credentials{AccessKeyId: aws.String("ASIAPIPE"), SecretAccessKey: aws.String("s"), SessionToken: aws.String("t")},
					AssumedRoleUser: &ststypes.AssumedRoleUser{Arn: aws.String("arn:aws:sts::000000000000:assumed-role/pipeline/" + session), AssumedRoleId: aws.String("A:s")},
				}, nil
			},
		},
	}
}

func runCommands(t *testing.T, s *Service, p PipelineBuild) *cbtypes.Build {
	t.Helper()
	out, err := s.StartPipelineBuild(t.Context(), p)
	return awaited(t, s, out, err)
}

// Commands run as the pipeline's role and without a project of the account.
func TestCommands(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := newService(t, w)
	b := runCommands(t, s, commandsOn(w, t, `export SAID="$GREETING, $USER_NAME, $AWS_ACCESS_KEY_ID"`, `test "$(cat a.txt)" = a`, `echo made >c.txt`))
	if b.BuildStatus != cbtypes.StatusTypeSucceeded {
		t.Fatalf("%s\n%s", phases(b), logOf(t, s, b))
	}
	if diff := cmp.Diff(map[string]string{"a.txt": "a", "c.txt": "made\n"}, unzip(t, w.objects["b/out"])); diff != "" {
		t.Error(diff)
	}
	if e := b.ExportedEnvironmentVariables; len(e) != 2 || *e[0].Value != "good day, admin-user, ASIAPIPE" || *e[1].Value != *b.Id || !strings.HasPrefix(*b.Id, "line-1-Run:") {
		t.Errorf("exported %v by %s", e, *b.Id)
	}
	stream := "/aws/codepipeline/line.1|" + strings.TrimPrefix(*b.Id, "line-1-Run:")
	if got := strings.Join(w.log[stream], ""); !strings.Contains(got, "Phase complete: BUILD State: SUCCEEDED") {
		t.Errorf("the log is %q", w.log)
	}
	if len(w.loggers) != 1 || !strings.HasPrefix(w.loggers[0], "arn:aws:sts::000000000000:assumed-role/pipeline/AWSCodeBuild-") {
		t.Errorf("the log is written by %v", w.loggers)
	}
	listed, err := s.ListBuilds(t.Context(), &awscodebuild.ListBuildsInput{})
	if err != nil || len(listed.Ids) > 0 || len(w.events) > 0 {
		t.Errorf("the account has builds %v and events %v, %v", listed.Ids, w.events, err)
	}
}

// What stops commands.
func TestCommandsFail(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*world, *Commands)
		want   string
	}{
		"a command": {func(_ *world, c *Commands) { c.Lines = append(c.Lines, "exit 3") }, "Error while executing command: exit 3"},
		"the log group": {func(w *world, _ *Commands) {
			w.noLog = errors.New("User: x is not authorized to perform: logs:CreateLogStream")
		}, "Service role arn:aws:iam::000000000000:role/pipeline does not allow AWS CodeBuild to create Amazon CloudWatch Logs log streams for build arn:aws:codebuild:us-east-1:000000000000:build/line-1-Run:"},
		"the role": {func(_ *world, c *Commands) {
			c.Assume = func(string) (*awssts.AssumeRoleOutput, error) { return nil, errors.New("AccessDenied") }
		}, "assuming the service role arn:aws:iam::000000000000:role/pipeline: AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			s := newService(t, w)
			p := commandsOn(w, t, "true")
			test.change(w, p.Commands)
			b := runCommands(t, s, p)
			said := slices.ContainsFunc(b.Phases, func(p cbtypes.BuildPhase) bool {
				return slices.ContainsFunc(p.Contexts, func(c cbtypes.PhaseContext) bool { return strings.Contains(aws.ToString(c.Message), test.want) })
			})
			if b.BuildStatus != cbtypes.StatusTypeFailed || !said {
				t.Errorf("%s\n%+v", b.BuildStatus, b.Phases)
			}
		})
	}
}
