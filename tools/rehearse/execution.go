package rehearse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/magewright/magewright/tools/deliver/pipeline"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project/exit"
)

// pollInterval is the time between two polls of the pipeline.
const pollInterval = 300 * time.Millisecond

// deliver runs the pipeline on a commit, shows it, and returns an error if the
// commit did not reach production. If a stage rolls back, it also waits for that.
func (r *rehearsal) deliver(ctx context.Context, commit string, answer approve) error {
	started, err := r.pipelines.StartPipelineExecution(ctx, &codepipeline.StartPipelineExecutionInput{
		Name: &r.names.Pipeline.Stack,
		SourceRevisions: []types.SourceRevisionOverride{{
			ActionName:    aws.String("Source"),
			RevisionType:  types.SourceRevisionTypeCommitId,
			RevisionValue: &commit,
		}},
	})
	if err != nil {
		return fmt.Errorf("starting the pipeline: %w", err)
	}
	id := aws.ToString(started.PipelineExecutionId)
	status, err := r.watch(ctx, id, answer)
	if err != nil {
		return err
	}
	r.report.Status = string(status)
	r.report.Stages = r.view.stages()
	if status == types.PipelineExecutionStatusSucceeded {
		return nil
	}
	failure := r.explain(ctx, id, status)
	rollback, err := r.rollbackOf(ctx, id)
	if err != nil {
		return errors.Join(failure, err)
	}
	if rollback == "" {
		if r.report.Base != "" {
			fmt.Fprintf(r.cfg.Stdout, "\nrollback  not rehearsed: a stage returns to what the pipeline has delivered, but %.12s was deployed without the pipeline; -baseVerify takes it through the pipeline first\n", r.report.Base)
		}
		return failure
	}
	fmt.Fprintf(r.cfg.Stdout, "\nrollback  the stage returns to the previous release, execution %s\n", rollback)
	status, err = r.watch(ctx, rollback, answer)
	if err != nil {
		return errors.Join(failure, err)
	}
	if status != types.PipelineExecutionStatusSucceeded {
		return errors.Join(failure, r.explain(ctx, rollback, status))
	}
	return failure
}

// watch shows an execution until it has ended.
func (r *rehearsal) watch(ctx context.Context, id string, answer approve) (types.PipelineExecutionStatus, error) {
	declared, err := r.pipelines.GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: &r.names.Pipeline.Stack})
	if err != nil {
		return "", fmt.Errorf("reading the pipeline: %w", err)
	}
	r.view.begin(declared.Pipeline)
	defer r.view.end()
	asked := false
	for {
		got, err := r.pipelines.GetPipelineExecution(ctx, &codepipeline.GetPipelineExecutionInput{PipelineName: &r.names.Pipeline.Stack, PipelineExecutionId: &id})
		if err != nil {
			return "", fmt.Errorf("reading execution %s: %w", id, err)
		}
		actions, err := pipeline.Actions(ctx, r.pipelines, r.names.Pipeline.Stack, id)
		if err != nil {
			return "", err
		}
		r.view.update(actions)
		switch status := got.PipelineExecution.Status; status {
		case types.PipelineExecutionStatusInProgress, types.PipelineExecutionStatusStopping:
		default:
			return status, nil
		}
		if waits := slices.IndexFunc(actions, func(a types.ActionExecutionDetail) bool {
			return a.Status == types.ActionExecutionStatusInProgress && pipeline.IsApproval(a)
		}); waits >= 0 && !asked {
			asked = true
			if err := r.decide(ctx, actions[waits], answer); err != nil {
				return "", err
			}
		}
		if err := clock.Sleep(ctx, r.clock, pollInterval); err != nil {
			return "", err
		}
	}
}

// rollbackOf returns the execution that returns a stage to the previous one, or
// "" if there is none.
func (r *rehearsal) rollbackOf(ctx context.Context, id string) (string, error) {
	listed, err := r.pipelines.ListPipelineExecutions(ctx, &codepipeline.ListPipelineExecutionsInput{PipelineName: &r.names.Pipeline.Stack})
	if err != nil {
		return "", fmt.Errorf("looking for a rollback: %w", err)
	}
	// The newest execution comes first.
	for _, execution := range listed.PipelineExecutionSummaries {
		if aws.ToString(execution.PipelineExecutionId) == id {
			return "", nil
		}
		if execution.ExecutionType == types.ExecutionTypeRollback {
			return aws.ToString(execution.PipelineExecutionId), nil
		}
	}
	return "", nil
}

// explain prints the last log lines of the failed actions, and returns an error
// that says what failed.
func (r *rehearsal) explain(ctx context.Context, id string, status types.PipelineExecutionStatus) error {
	actions, err := pipeline.Actions(ctx, r.pipelines, r.names.Pipeline.Stack, id)
	if err != nil {
		return err
	}
	var failed []string
	rejected := false
	for _, action := range actions {
		if action.Status != types.ActionExecutionStatusFailed {
			continue
		}
		name := aws.ToString(action.StageName) + "/" + aws.ToString(action.ActionName)
		failed = append(failed, name)
		rejected = rejected || pipeline.IsApproval(action)
		if tail := r.lastLines(ctx, action); tail != "" {
			fmt.Fprintf(r.cfg.Stdout, "\n%s said at the end:\n%s", name, tail)
		}
	}
	if rejected {
		return errRejected
	}
	return exit.Failed("fix it, commit, and go tool mage rehearse again", "the pipeline ended %s at %s", status, strings.Join(failed, ", "))
}

// lastLines returns the end of a failed action's log, or the action's own message.
func (r *rehearsal) lastLines(ctx context.Context, action types.ActionExecutionDetail) string {
	if action.Output == nil || action.Output.ExecutionResult == nil {
		return ""
	}
	result := action.Output.ExecutionResult
	said := aws.ToString(result.ExternalExecutionSummary)
	if details := result.ErrorDetails; details != nil {
		said = strings.TrimSpace(said + "\n" + aws.ToString(details.Message))
	}
	if said != "" {
		said += "\n"
	}
	build := aws.ToString(result.ExternalExecutionId)
	got, err := codebuild.NewFromConfig(r.aws).BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{build}})
	if err != nil || len(got.Builds) == 0 || got.Builds[0].Logs == nil {
		// This action is not a build.
		return said
	}
	events, err := cloudwatchlogs.NewFromConfig(r.aws).GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
		LogGroupName:  got.Builds[0].Logs.GroupName,
		LogStreamName: got.Builds[0].Logs.StreamName,
		Limit:         aws.Int32(40),
	})
	if err != nil {
		return said
	}
	var log strings.Builder
	for _, event := range events.Events {
		// This never fails.
		_, _ = log.WriteString("  " + strings.TrimRight(aws.ToString(event.Message), "\r\n") + "\n")
	}
	return log.String()
}

func lastLines(s string, n int) string {
	all := strings.SplitAfter(strings.TrimRight(s, "\n")+"\n", "\n")
	return strings.Join(all[max(0, len(all)-n-1):], "")
}
