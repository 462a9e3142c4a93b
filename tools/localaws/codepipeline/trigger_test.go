package codepipeline

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/codebuild"
)

// pushed returns a trigger of the action Source with filters for pushes.
func pushed(filters ...types.GitPushFilter) []types.PipelineTriggerDeclaration {
	return []types.PipelineTriggerDeclaration{{
		ProviderType:     types.PipelineTriggerProviderTypeCodeStarSourceConnection,
		GitConfiguration: &types.GitConfiguration{SourceActionName: aws.String("Source"), Push: filters},
	}}
}

func branches(includes, excludes string) types.GitPushFilter {
	return types.GitPushFilter{Branches: &types.GitBranchFilterCriteria{Includes: strings.Fields(includes), Excludes: strings.Fields(excludes)}}
}

func paths(f types.GitPushFilter, includes, excludes string) types.GitPushFilter {
	f.FilePaths = &types.GitFilePathFilterCriteria{Includes: strings.Fields(includes), Excludes: strings.Fields(excludes)}
	return f
}

func tags(includes, excludes string) types.GitPushFilter {
	return types.GitPushFilter{Tags: &types.GitTagFilterCriteria{Includes: strings.Fields(includes), Excludes: strings.Fields(excludes)}}
}

// TestPushes holds which pushes start a pipeline, and with which commit and branch.
func TestPushes(t *testing.T) {
	t.Parallel()
	// Each push is a branch and the files that a commit there changes, or "tag" and a tag of
	// the tip of trunk.
	for name, c := range map[string]struct {
		triggers []types.PipelineTriggerDeclaration
		silent   bool // the action does not detect changes
		pushes   []string
		want     []string // the branches that the executions are of
	}{
		"the branch of the action":    {pushes: []string{"trunk a", "other a", "tag v1"}, want: []string{"trunk"}},
		"changes are not detected":    {silent: true, pushes: []string{"trunk a"}},
		"a trigger without a filter":  {triggers: pushed(), silent: true, pushes: []string{"trunk a", "other a"}, want: []string{"trunk"}},
		"branches":                    {triggers: pushed(branches("release/** trunk", "release/old")), silent: true, pushes: []string{"trunk a", "release/old a", "release/1/x a", "other a"}, want: []string{"release/1/x", "trunk"}},
		"one star ends at a slash":    {triggers: pushed(branches("release/*", "")), pushes: []string{"release/1/x a", "release/2 a"}, want: []string{"release/2"}},
		"all branches but one":        {triggers: pushed(branches("", "trunk")), pushes: []string{"trunk a", "other a", "tag v1"}, want: []string{"other"}},
		"files of a branch":           {triggers: pushed(paths(branches("trunk", ""), "app/** go.mod", "app/*.md")), pushes: []string{"trunk app/x.md docs/y", "trunk go.mod app/x.md", "trunk app/a/b.md"}, want: []string{"trunk", "trunk"}},
		"files of a new branch":       {triggers: pushed(paths(branches("n*", ""), "app/**", "")), pushes: []string{"new app/a", "none docs/a"}, want: []string{"new"}},
		"files of any branch":         {triggers: pushed(paths(types.GitPushFilter{}, "app/**", "")), pushes: []string{"other app/a", "trunk docs/a", "tag v1"}, want: []string{"other"}},
		"tags":                        {triggers: pushed(tags("v*", "v*-rc*")), pushes: []string{"tag v1", "tag v2-rc1", "tag x", "trunk a"}, want: []string{"trunk"}},
		"one of several filters":      {triggers: pushed(tags("v*", ""), branches("other", "")), pushes: []string{"tag v1", "other a", "trunk a"}, want: []string{"trunk", "other"}},
		"nobody opens a pull request": {triggers: []types.PipelineTriggerDeclaration{{GitConfiguration: &types.GitConfiguration{SourceActionName: aws.String("Source"), PullRequest: []types.GitPullRequestFilter{{}}}}}, pushes: []string{"trunk a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, _, _ := repository(t)
			dir := strings.TrimPrefix(url, "file://")
			git := gitIn(t, dir)
			r := newRig(t)
			r.builds.script = func(codebuild.PipelineBuild) bool { return true }
			r.sources["some/app"] = url
			d := connected("CODE_ZIP")
			d.ExecutionMode, d.Triggers = types.ExecutionModeQueued, c.triggers
			if !c.silent {
				delete(d.Stages[0].Actions[0].Configuration, "DetectChanges")
			}
			r.create(d)
			r.wants(r.begin(), types.PipelineExecutionStatusSucceeded)
			detect := func() {
				t.Helper()
				if err := r.DetectChanges(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			detect() // what is there already
			commits := map[string]bool{}
			for i, push := range c.pushes {
				what, rest, _ := strings.Cut(push, " ")
				if what == "tag" {
					// Annotated, so that it is an object of its own.
					git("tag", "-m", "tag", rest, "trunk")
				} else {
					if git("branch", "--list", what) == "" {
						git("branch", what, "trunk")
					}
					git("checkout", "--quiet", what)
					for _, file := range strings.Fields(rest) {
						file = filepath.Join(dir, file)
						if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
							t.Fatal(err)
						}
						if err := os.WriteFile(file, []byte{byte(i)}, 0o600); err != nil {
							t.Fatal(err)
						}
					}
					git("add", ".")
					git("commit", "--quiet", "-m", "push")
				}
				commits[git("rev-parse", "HEAD")], commits[git("rev-parse", "trunk")] = true, true
				detect()
			}
			detect() // nothing has changed
			var got []string
			for _, e := range slices.Backward(must[*awscodepipeline.ListPipelineExecutionsOutput](t)(r.ListPipelineExecutions(r.ctx, &awscodepipeline.ListPipelineExecutionsInput{PipelineName: aws.String("app")})).PipelineExecutionSummaries) {
				if e.Trigger.TriggerType == types.TriggerTypeCreatePipeline {
					continue
				}
				if e.Trigger.TriggerType != types.TriggerTypeWebhookV2 || *e.Trigger.TriggerDetail != "arn:connection" {
					t.Errorf("an execution was started by %s %s", e.Trigger.TriggerType, *e.Trigger.TriggerDetail)
				}
				r.wants(*e.PipelineExecutionId, types.PipelineExecutionStatusSucceeded)
			}
			for _, request := range r.builds.started[1:] {
				source := strings.Fields(*request.Start.EnvironmentVariablesOverride[0].Value)
				if !commits[source[0]] {
					t.Errorf("commit %s was not pushed", source[0])
				}
				got = append(got, source[1])
			}
			slices.Sort(got)
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("the pushes %q started executions of %q, want %q", c.pushes, got, c.want)
			}
		})
	}
}

// said sends the lines of a log, and drops those that nobody receives.
type said chan string

func (s said) Write(line []byte) (int, error) {
	select {
	case s <- string(line):
	default:
	}
	return len(line), nil
}

// TestLooksForPushes holds that a pipeline is watched until the service is closed, and that
// a source that can't be reached is reported once.
func TestLooksForPushes(t *testing.T) {
	t.Parallel()
	log := make(said, 1)
	looks := make(chan struct{})
	a := account.Account{ID: account.DefaultID, Region: "us-east-1", Dir: t.TempDir(), Clock: clock.NewManual(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)), Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))}
	s := New(a, Deps{Objects: &objects{held: map[string][]byte{}}, Connections: counted{looks}, Pushes: time.Microsecond})
	d := connected("CODE_ZIP")
	delete(d.Stages[0].Actions[0].Configuration, "DetectChanges")
	if _, err := s.CreatePipeline(t.Context(), &awscodepipeline.CreatePipelineInput{Pipeline: d}); err != nil {
		t.Fatal(err)
	}
	for range 4 { // one of them is the source action's own
		<-looks
	}
	if got, want := <-log, `level=WARN msg="CodePipeline does not see what is pushed" error="looking for pushes to the source Source of pipeline app: no such repository"`+"\n"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	select {
	case again := <-log:
		t.Errorf("it says more: %q", again)
	default:
	}
	go func() {
		for range looks { // until the service is closed
		}
	}()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	close(looks)
}

// counted are connections to repositories that do not exist.
type counted struct{ asked chan struct{} }

func (c counted) CloneURL(context.Context, string, string) (string, error) {
	c.asked <- struct{}{}
	return "", errors.New("no such repository")
}
