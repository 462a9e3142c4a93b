package pipelinestatus

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/magewright/magewright/tools/deliver/pipeline"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project/exit"
)

const (
	// every is the time from one look at a pipeline to the next.
	every = 15 * time.Second
	// begins is how long a pipeline may take to begin with a commit that was pushed.
	begins = 10 * time.Minute
)

// follow waits until the pipeline has ended with a commit, and writes a line for each
// action that begins, ends or waits. It returns an error unless the execution succeeded,
// so that a job that runs it shows beside the commit how the delivery went.
func follow(ctx context.Context, w io.Writer, awsConfig aws.Config, name, commit string, c clock.Clock) error {
	client := codepipeline.NewFromConfig(awsConfig)
	again := "go tool mage pipeline:status"
	said := map[string]string{}
	began := c.Now()
	for {
		execution, err := executionOf(ctx, client, name, commit)
		if err != nil {
			return exit.Missing(again, "following the pipeline: %w", err)
		}
		if execution == nil && clock.Since(c, began) >= begins {
			return exit.Failed(again, "pipeline %s has not begun with commit %.12s within %s", name, commit, begins)
		}
		if execution != nil {
			actions, err := pipeline.Actions(ctx, client, name, aws.ToString(execution.PipelineExecutionId))
			if err != nil {
				return exit.Missing(again, "following the pipeline: %w", err)
			}
			writeNews(w, actions, said, c.Now())
			switch execution.Status {
			case types.PipelineExecutionStatusInProgress, types.PipelineExecutionStatusStopping:
			case types.PipelineExecutionStatusSucceeded:
				fmt.Fprintf(w, "commit %.12s is delivered\n", commit)
				return nil
			default:
				return exit.Failed(again, "the pipeline did not deliver commit %.12s: execution %s is %s%s", commit, aws.ToString(execution.PipelineExecutionId), execution.Status, failures(actions))
			}
		}
		if err := clock.Sleep(ctx, c, every); err != nil {
			return exit.Stopped(ctx, err)
		}
	}
}

// executionOf returns the newest execution of a commit, or nil. A rollback to the commit does
// not count: it repeats one stage only, which need not be the last one.
func executionOf(ctx context.Context, client *codepipeline.Client, name, commit string) (*types.PipelineExecutionSummary, error) {
	listed, err := client.ListPipelineExecutions(ctx, &codepipeline.ListPipelineExecutionsInput{PipelineName: &name, MaxResults: aws.Int32(100)})
	if err != nil {
		return nil, err
	}
	for _, e := range listed.PipelineExecutionSummaries {
		of := slices.ContainsFunc(e.SourceRevisions, func(r types.SourceRevision) bool { return aws.ToString(r.RevisionId) == commit })
		if of && e.ExecutionType != types.ExecutionTypeRollback {
			return &e, nil
		}
	}
	return nil, nil
}

// writeNews writes a line for each action whose status is not the one that was said.
func writeNews(w io.Writer, actions []types.ActionExecutionDetail, said map[string]string, now time.Time) {
	for _, a := range slices.Backward(actions) { // the oldest first
		id := aws.ToString(a.ActionExecutionId)
		if said[id] == string(a.Status) {
			continue
		}
		said[id] = string(a.Status)
		status := string(a.Status)
		if pipeline.Waits(a) {
			status = "waits for an answer"
		}
		line := fmt.Sprintf("%s/%s %s", aws.ToString(a.StageName), aws.ToString(a.ActionName), status)
		if a.Status != types.ActionExecutionStatusInProgress {
			line += " after " + lasted(a, now)
		}
		fmt.Fprintln(w, strings.TrimRight(line+"  "+remark(a), " "))
	}
}

// failures names the actions that failed.
func failures(actions []types.ActionExecutionDetail) string {
	var all strings.Builder
	for _, a := range slices.Backward(actions) {
		if a.Status == types.ActionExecutionStatusFailed || a.Status == types.ActionExecutionStatusAbandoned {
			fmt.Fprintf(&all, "\n  %s/%s %s: %s", aws.ToString(a.StageName), aws.ToString(a.ActionName), a.Status, remark(a))
		}
	}
	return all.String()
}
