package rehearse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/magewright/magewright/tools/deliver/pipeline"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/rehearse/results"
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
	kept := r.keep(ctx, id, status)
	fmt.Fprintf(r.cfg.Stdout, "results   %s\n", r.kept(results.Page))
	if status == types.PipelineExecutionStatusSucceeded {
		return nil
	}
	failure := r.explain(kept)
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
	if status == types.PipelineExecutionStatusSucceeded {
		return failure
	}
	back, err := r.results(ctx, rollback, status)
	return errors.Join(failure, err, r.explain(back))
}

// watch shows an execution until it has ended.
func (r *rehearsal) watch(ctx context.Context, id string, answer approve) (types.PipelineExecutionStatus, error) {
	declared, err := r.pipelines.GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: &r.names.Pipeline.Stack})
	if err != nil {
		return "", fmt.Errorf("reading the pipeline: %w", err)
	}
	r.view.begin(r.pass, declared.Pipeline)
	defer r.view.end()
	// Each approval is asked about once. It may also be answered in another way.
	var asked *question
	defer func() {
		// The execution has ended, or can't be watched.
		_ = asked.end()
	}()
	for {
		got, err := r.pipelines.GetPipelineExecution(ctx, &codepipeline.GetPipelineExecutionInput{PipelineName: &r.names.Pipeline.Stack, PipelineExecutionId: &id})
		if err != nil {
			return "", fmt.Errorf("reading execution %s: %w", id, err)
		}
		actions, err := pipeline.Actions(ctx, r.pipelines, r.names.Pipeline.Stack, id)
		if err != nil {
			return "", err
		}
		r.view.update(ctx, actions)
		switch status := got.PipelineExecution.Status; status {
		case types.PipelineExecutionStatusInProgress, types.PipelineExecutionStatusStopping:
		default:
			return status, nil
		}
		waits := slices.IndexFunc(actions, pipeline.Waits)
		if asked != nil && (waits < 0 || aws.ToString(actions[waits].ActionExecutionId) != asked.id) {
			err := asked.end()
			if asked = nil; err != nil {
				return "", err
			}
		}
		if asked == nil && waits >= 0 {
			asked = r.put(ctx, actions[waits], answer)
		}
		if asked != nil {
			if err := asked.failed(); err != nil {
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

// explain prints what failed first in each failed action, and returns an error that
// names them.
func (r *rehearsal) explain(kept results.Rehearsal) error {
	var failed []string
	next := "fix it, commit, and go tool mage rehearse again"
	rejected := false
	for _, action := range kept.Failures() {
		rejected = rejected || action.Approval
		failed = append(failed, action.Stage+"/"+action.Name)
		if said := action.FirstError(); said != "" {
			fmt.Fprintf(r.cfg.Stdout, "\n%s/%s failed:\n%s", action.Stage, action.Name, indented(said))
		}
		if log := action.LogFile(); log != "" {
			fmt.Fprintf(r.cfg.Stdout, "  whole log: %s\n", r.kept(log))
		}
		if action.Command != "" && len(failed) == 1 {
			next = action.Command + " repeats it alone; fix it, commit, and go tool mage rehearse again"
		}
	}
	if rejected {
		return errRejected
	}
	return exit.Failed(next, "the pipeline ended %s at %s", kept.Status, strings.Join(failed, ", "))
}

func indented(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ") + "\n"
}
