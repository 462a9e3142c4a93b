package rehearse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	buildtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/deliver/pipeline"
	"github.com/magewright/magewright/tools/rehearse/results"
)

// keptIn is the directory of the results, below the one for evidence.
const keptIn = "rehearsal"

// results reads what an execution has produced from the AWS on which it ran.
func (r *rehearsal) results(ctx context.Context, id string, status types.PipelineExecutionStatus) (results.Rehearsal, error) {
	kept := results.Rehearsal{Commit: r.report.Commit, Base: r.report.Base, Status: string(status)}
	// If the results can't be read, the content of the table is kept. A failure has a name
	// there.
	actions, err := pipeline.Actions(ctx, r.pipelines, r.names.Pipeline.Stack, id)
	errs := []error{err}
	steps, err := r.notRehearsed(ctx)
	errs = append(errs, err)
	for _, s := range steps {
		kept.NotRehearsed = append(kept.NotRehearsed, results.Left{Name: s.Name, Why: s.Why, Next: s.Next})
	}
	began := make(map[string]types.ActionExecutionDetail, len(actions))
	for _, a := range actions {
		began[aws.ToString(a.StageName)+"/"+aws.ToString(a.ActionName)] = a
	}
	for _, stage := range r.view.stages() {
		for _, shown := range stage.Actions {
			action := results.Action{Stage: stage.Name, Name: shown.Name, Status: shown.Status}
			if a, ok := began[stage.Name+"/"+shown.Name]; ok {
				action.Took = span(shown.Seconds)
				errs = append(errs, r.produced(ctx, a, &action))
			}
			kept.Actions = append(kept.Actions, action)
		}
	}
	return kept, errors.Join(errs...)
}

// produced adds what an action has produced.
func (r *rehearsal) produced(ctx context.Context, a types.ActionExecutionDetail, to *results.Action) error {
	to.Approval = pipeline.IsApproval(a)
	if a.Input != nil {
		to.Command = results.Alone(a.Input.Configuration)
	}
	if a.Output == nil {
		return nil
	}
	if result := a.Output.ExecutionResult; result != nil {
		to.Said = aws.ToString(result.ExternalExecutionSummary)
		if details := result.ErrorDetails; details != nil {
			to.Said = strings.TrimSpace(to.Said + "\n" + aws.ToString(details.Message))
		}
		if built(a) {
			log, err := r.buildLog(ctx, aws.ToString(result.ExternalExecutionId))
			if err != nil {
				return fmt.Errorf("reading the log of %s/%s: %w", to.Stage, to.Name, err)
			}
			to.Log = log
		}
	}
	for _, artifact := range a.Output.OutputArtifacts {
		// The source is the commit, and the assembly is in cdk.out after synth.
		if to.Command == "" || aws.ToString(artifact.Name) == "Assembly" || artifact.S3location == nil {
			continue
		}
		got, err := s3.NewFromConfig(r.aws, func(o *s3.Options) { o.UsePathStyle = true }).GetObject(ctx, &s3.GetObjectInput{
			Bucket: artifact.S3location.Bucket, Key: artifact.S3location.Key,
		})
		if err != nil {
			return fmt.Errorf("reading the artifact %s: %w", aws.ToString(artifact.Name), err)
		}
		data, err := io.ReadAll(got.Body)
		_ = got.Body.Close() // read
		if err != nil {
			return fmt.Errorf("reading the artifact %s: %w", aws.ToString(artifact.Name), err)
		}
		to.Artifacts = append(to.Artifacts, data)
	}
	return nil
}

// built reports whether CodeBuild has run an action.
func built(a types.ActionExecutionDetail) bool {
	if a.Input == nil || a.Input.ActionTypeId == nil {
		return false
	}
	provider := aws.ToString(a.Input.ActionTypeId.Provider)
	return provider == "CodeBuild" || provider == "Commands"
}

// lastLine returns the last output of an action's build, or "". Nothing depends on it.
func (r *rehearsal) lastLine(ctx context.Context, a types.ActionExecutionDetail) string {
	if a.Output == nil || a.Output.ExecutionResult == nil || !built(a) {
		return ""
	}
	id := aws.ToString(a.Output.ExecutionResult.ExternalExecutionId)
	if id == "" {
		return ""
	}
	at, err := r.logOf(ctx, id)
	if err != nil || at == nil {
		return ""
	}
	events, err := cloudwatchlogs.NewFromConfig(r.aws).GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: at.GroupName, LogStreamName: at.StreamName, Limit: aws.Int32(5),
	})
	if err != nil {
		return ""
	}
	var said strings.Builder
	for _, event := range events.Events {
		// CodeBuild's messages about its phases are not interesting.
		if message := aws.ToString(event.Message); !strings.HasPrefix(message, "[Container] ") {
			said.WriteString(message + "\n")
		}
	}
	return said.String()
}

// logOf returns where a build writes its log, or nil if it has written none.
func (r *rehearsal) logOf(ctx context.Context, build string) (*buildtypes.LogsLocation, error) {
	got, err := codebuild.NewFromConfig(r.aws).BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{build}})
	if err != nil || len(got.Builds) == 0 || got.Builds[0].Logs == nil || got.Builds[0].Logs.StreamName == nil {
		return nil, err
	}
	return got.Builds[0].Logs, nil
}

// buildLog returns the whole log of a build.
func (r *rehearsal) buildLog(ctx context.Context, build string) (string, error) {
	at, err := r.logOf(ctx, build)
	if err != nil || at == nil {
		return "", err
	}
	logs := cloudwatchlogs.NewFromConfig(r.aws)
	var log strings.Builder
	for next := (*string)(nil); ; {
		events, err := logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
			LogGroupName: at.GroupName, LogStreamName: at.StreamName, StartFromHead: aws.Bool(true), NextToken: next,
		})
		if err != nil {
			return "", err
		}
		for _, event := range events.Events {
			log.WriteString(strings.TrimRight(aws.ToString(event.Message), "\r\n") + "\n")
		}
		// At the end of a log, the next page is the same page.
		if aws.ToString(events.NextForwardToken) == aws.ToString(next) {
			return log.String(), nil
		}
		next = events.NextForwardToken
	}
}

// keep leaves the results of an execution in the directory for evidence. A rehearsal does not
// fail if that fails.
func (r *rehearsal) keep(ctx context.Context, id string, status types.PipelineExecutionStatus) results.Rehearsal {
	kept, err := r.results(ctx, id, status)
	if err != nil {
		fmt.Fprintln(r.cfg.Stderr, err)
	}
	dir, err := r.cfg.Path(keptIn)
	if err == nil {
		err = kept.Write(dir)
	}
	if err != nil {
		fmt.Fprintln(r.cfg.Stderr, err)
	}
	return kept
}

// kept returns the path of a file of the results, as a user would type it.
func (r *rehearsal) kept(file string) string {
	dir := filepath.Join(r.cfg.Evidence, keptIn)
	if relative, err := filepath.Rel(r.cfg.Dir, dir); err == nil {
		dir = relative
	}
	return path.Join(filepath.ToSlash(dir), file)
}
