package pipelinestatus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/magewright/magewright/tools/deliver/pipeline"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/printable"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/stack"
)

// show writes the last execution of a pipeline: its commit, a line for each action, and the
// approvals that wait for an answer.
func show(ctx context.Context, w io.Writer, awsConfig aws.Config, name string, c clock.Clock) error {
	client := codepipeline.NewFromConfig(awsConfig)
	declared, err := client.GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: &name})
	if _, absent := errors.AsType[*types.PipelineNotFoundException](err); absent {
		return exit.Missing("go tool mage synth pipeline:deploy", "there is no pipeline %s on the AWS that the credentials are for: %s", name, stack.Where(ctx, awsConfig))
	}
	if err != nil {
		return exit.Missing("aws codepipeline get-pipeline --name "+name, "reading the pipeline: %w", err)
	}
	listed, err := client.ListPipelineExecutions(ctx, &codepipeline.ListPipelineExecutionsInput{PipelineName: &name, MaxResults: aws.Int32(1)})
	if err != nil {
		return fmt.Errorf("reading the last execution: %w", err)
	}
	if len(listed.PipelineExecutionSummaries) == 0 {
		fmt.Fprintf(w, "%s has never run\n  next: aws codepipeline start-pipeline-execution --name %s\n", name, name)
		return nil
	}
	last := listed.PipelineExecutionSummaries[0]
	actions, err := pipeline.Actions(ctx, client, name, aws.ToString(last.PipelineExecutionId))
	if err != nil {
		return err
	}
	writeHead(w, name, last)
	if err := writeActions(w, declared.Pipeline, actions, c.Now()); err != nil {
		return err
	}
	return writeAwaited(ctx, w, client, name, actions)
}

func writeHead(w io.Writer, name string, last types.PipelineExecutionSummary) {
	what := "execution"
	if last.ExecutionType == types.ExecutionTypeRollback {
		what = "rollback, execution"
	}
	began := ""
	if last.StartTime != nil {
		began = ", began " + last.StartTime.UTC().Format(time.RFC3339)
	}
	fmt.Fprintf(w, "%s: %s %s is %s%s\n", name, what, aws.ToString(last.PipelineExecutionId), last.Status, began)
	if last.StatusSummary != nil {
		fmt.Fprintf(w, "%s\n", *last.StatusSummary)
	}
	for _, source := range last.SourceRevisions {
		fmt.Fprintln(w, strings.TrimSpace(fmt.Sprintf("commit %s  %s  %s", aws.ToString(source.RevisionId), subject(aws.ToString(source.RevisionSummary)), aws.ToString(source.RevisionUrl))))
	}
	fmt.Fprintln(w)
}

// subject returns the first line of a commit's message. A connection wraps it in JSON. See
// https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_SourceRevision.html.
func subject(summary string) string {
	var connection struct{ CommitMessage string }
	if json.Unmarshal([]byte(summary), &connection) == nil {
		summary = connection.CommitMessage
	}
	return firstLine(summary)
}

// firstLine returns the first line of what people or commands have written.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return printable.Line(line)
}

// writeActions writes a line for each action of the pipeline, in order. Actions that have not
// begun have a dash.
func writeActions(w io.Writer, declared *types.PipelineDeclaration, actions []types.ActionExecutionDetail, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, stage := range declared.Stages {
		for _, action := range stage.Actions {
			i := slices.IndexFunc(actions, func(a types.ActionExecutionDetail) bool {
				return aws.ToString(a.StageName) == aws.ToString(stage.Name) && aws.ToString(a.ActionName) == aws.ToString(action.Name)
			})
			status, took, note := "-", "", ""
			if i >= 0 {
				status, took, note = string(actions[i].Status), lasted(actions[i], now), remark(actions[i])
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", aws.ToString(stage.Name), aws.ToString(action.Name), status, took, note)
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("showing the pipeline: %w", err)
	}
	return nil
}

// lasted returns how long an action took, or has taken until now.
func lasted(a types.ActionExecutionDetail, now time.Time) string {
	if a.StartTime == nil {
		return ""
	}
	end := now
	if a.Status != types.ActionExecutionStatusInProgress && a.LastUpdateTime != nil {
		end = *a.LastUpdateTime
	}
	unit := time.Second
	if took := end.Sub(*a.StartTime); took < time.Minute {
		unit = 100 * time.Millisecond
	}
	return max(0, end.Sub(*a.StartTime)).Round(unit).String()
}

// remark returns who answered an approval and how, what went wrong, and where to see more.
func remark(a types.ActionExecutionDetail) string {
	var parts []string
	result := &types.ActionExecutionResult{}
	if a.Output != nil && a.Output.ExecutionResult != nil {
		result = a.Output.ExecutionResult
	}
	if details := result.ErrorDetails; details != nil {
		parts = append(parts, firstLine(aws.ToString(details.Message)))
	}
	if pipeline.IsApproval(a) {
		if a.Status == types.ActionExecutionStatusSucceeded {
			parts = append(parts, strings.TrimSuffix(fmt.Sprintf("approved by %s: %s", who(a), firstLine(aws.ToString(result.ExternalExecutionSummary))), ": "))
		}
		if a.Input != nil {
			parts = append(parts, a.Input.ResolvedConfiguration["ExternalEntityLink"])
		}
	}
	parts = append(parts, aws.ToString(result.ExternalExecutionUrl))
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "  ")
}

func who(a types.ActionExecutionDetail) string {
	if by := aws.ToString(a.UpdatedBy); by != "" {
		return by
	}
	return "somebody whom CodePipeline does not name"
}

// writeAwaited writes how to answer each approval that waits.
func writeAwaited(ctx context.Context, w io.Writer, client *codepipeline.Client, name string, actions []types.ActionExecutionDetail) error {
	for _, action := range actions {
		if !pipeline.Waits(action) {
			continue
		}
		a, err := pipeline.Awaited(ctx, client, name, action)
		if errors.Is(err, pipeline.ErrNoToken) {
			fmt.Fprintf(w, "\n%s/%s waits or was just answered: %v\n  next: go tool mage pipeline:status, or the link in the notification\n", a.Stage, a.Action, pipeline.ErrNoToken)
			continue
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "\n%s/%s waits for an answer\n", a.Stage, a.Action)
		for line := range strings.Lines(strings.TrimSpace(strings.TrimSpace(a.Text) + "\n" + a.Link)) {
			fmt.Fprintln(w, strings.TrimRight("  "+printable.Line(line), " "))
		}
		fmt.Fprintf(w, "  to approve: %s\n  to reject, the same with status=Rejected\n", a.Answer())
	}
	return nil
}
