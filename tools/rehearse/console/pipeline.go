package console

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodebuild "github.com/aws/aws-sdk-go-v2/service/codebuild"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/magewright/magewright/tools/rehearse/results"
)

// A Summary is a pipeline in a list.
type Summary struct {
	Name   string `json:"name"`
	Status string `json:"status,omitempty"` // of the latest execution
}

// pipelines lists the pipelines.
func (c *Console) pipelines(ctx context.Context) (any, error) {
	out := []Summary{}
	listed, err := c.aws.Pipelines.ListPipelines(ctx, &awscodepipeline.ListPipelinesInput{})
	if err != nil {
		return nil, err
	}
	for _, p := range listed.Pipelines {
		s := Summary{Name: aws.ToString(p.Name)}
		executions, err := c.aws.Pipelines.ListPipelineExecutions(ctx, &awscodepipeline.ListPipelineExecutionsInput{PipelineName: p.Name, MaxResults: aws.Int32(1)})
		if err != nil {
			return nil, err
		}
		for _, e := range executions.PipelineExecutionSummaries {
			s.Status = string(e.Status)
		}
		out = append(out, s)
	}
	return out, nil
}

// A Pipeline shows a pipeline as one execution has passed through it.
type Pipeline struct {
	Name       string      `json:"name"`
	Executions []Execution `json:"executions"` // the newest first
	Execution  string      `json:"execution"`  // the one that is shown; "" before there is one
	Latest     bool        `json:"latest"`     // whether it is the newest
	Stages     []Stage     `json:"stages"`
}

// An Execution is one run of the pipeline.
type Execution struct {
	ID      string    `json:"id"`
	Status  string    `json:"status"`
	Kind    string    `json:"kind"` // STANDARD or ROLLBACK
	Commit  string    `json:"commit,omitempty"`
	Subject string    `json:"subject,omitempty"`
	Started time.Time `json:"started"`
	Updated time.Time `json:"updated"`
	By      string    `json:"by,omitempty"`
	Reason  string    `json:"reason,omitempty"` // why it was stopped
}

// A Stage is a stage with its actions.
type Stage struct {
	Name       string     `json:"name"`
	Status     string     `json:"status,omitempty"`
	Retryable  bool       `json:"retryable,omitempty"`
	Transition Transition `json:"transition"`
	Waiting    []string   `json:"waiting,omitempty"` // executions that wait in front of the stage
	Other      string     `json:"other,omitempty"`   // another execution that is in the stage
	Actions    []Action   `json:"actions"`
}

// A Transition leads into a stage.
type Transition struct {
	Enabled bool   `json:"enabled"`
	Reason  string `json:"reason,omitempty"`
	By      string `json:"by,omitempty"`
}

// An Action shows an action and its result in the execution.
type Action struct {
	Name      string     `json:"name"`
	ID        string     `json:"id,omitempty"` // of the action's execution
	Category  string     `json:"category"`
	Provider  string     `json:"provider"`
	Order     int32      `json:"order"`
	Status    string     `json:"status"` // NotStarted before it begins
	Started   *time.Time `json:"started,omitempty"`
	Updated   *time.Time `json:"updated,omitempty"`
	Command   string     `json:"command,omitempty"` // the command that does the same alone
	Summary   string     `json:"summary,omitempty"`
	Error     string     `json:"error,omitempty"`
	By        string     `json:"by,omitempty"`
	Log       *Stream    `json:"log,omitempty"`
	First     *First     `json:"first,omitempty"` // what failed first, according to the log
	Artifacts []string   `json:"artifacts,omitempty"`
	Approval  *Approval  `json:"approval,omitempty"`
}

// A Stream says where a log is.
type Stream struct {
	Group  string `json:"group"`
	Stream string `json:"stream"`
}

// A First is the first error in a log.
type First struct {
	Line int    `json:"line"` // from 1
	Text string `json:"text"`
}

// An Approval is what an approver is shown.
type Approval struct {
	Token string `json:"token,omitempty"` // while it waits
	Text  string `json:"text,omitempty"`
	Link  string `json:"link,omitempty"`
}

// most is how many executions are listed.
const most = 20

// pipeline reads a pipeline as an execution passed through it, or as the newest one did if id
// is "".
func (c *Console) pipeline(ctx context.Context, name, id string) (any, error) {
	declared, err := c.aws.Pipelines.GetPipeline(ctx, &awscodepipeline.GetPipelineInput{Name: &name})
	if err != nil {
		return nil, err
	}
	listed, err := c.aws.Pipelines.ListPipelineExecutions(ctx, &awscodepipeline.ListPipelineExecutionsInput{PipelineName: &name, MaxResults: aws.Int32(most)})
	if err != nil {
		return nil, err
	}
	p := &Pipeline{Name: name, Executions: []Execution{}, Stages: []Stage{}}
	for _, e := range listed.PipelineExecutionSummaries {
		p.Executions = append(p.Executions, execution(e))
	}
	p.Execution = id
	if len(p.Executions) > 0 {
		p.Execution = cmp.Or(id, p.Executions[0].ID)
		p.Latest = p.Execution == p.Executions[0].ID
	}
	state, err := c.aws.Pipelines.GetPipelineState(ctx, &awscodepipeline.GetPipelineStateInput{Name: &name})
	if err != nil {
		return nil, err
	}
	began, err := c.began(ctx, name, p.Execution)
	if err != nil {
		return nil, err
	}
	for _, d := range declared.Pipeline.Stages {
		// The pipeline may have been updated in between.
		i := slices.IndexFunc(state.StageStates, func(s types.StageState) bool { return aws.ToString(s.StageName) == aws.ToString(d.Name) })
		if i < 0 {
			continue
		}
		p.Stages = append(p.Stages, c.stage(ctx, d, state.StageStates[i], p.Execution, began))
	}
	return p, nil
}

func execution(e types.PipelineExecutionSummary) Execution {
	x := Execution{
		ID: aws.ToString(e.PipelineExecutionId), Status: string(e.Status), Kind: string(e.ExecutionType),
		Started: aws.ToTime(e.StartTime), Updated: aws.ToTime(e.LastUpdateTime),
	}
	if e.Trigger != nil {
		x.By = aws.ToString(e.Trigger.TriggerDetail)
	}
	if e.StopTrigger != nil {
		x.Reason = aws.ToString(e.StopTrigger.Reason)
	}
	for _, r := range e.SourceRevisions {
		x.Commit, x.Subject = aws.ToString(r.RevisionId), subject(aws.ToString(r.RevisionSummary))
	}
	return x
}

// subject returns the first line of a commit's message, which may be inside JSON in a
// source's summary. See
// https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_SourceRevision.html.
func subject(summary string) string {
	var as struct{ CommitMessage string }
	if json.Unmarshal([]byte(summary), &as) == nil && as.CommitMessage != "" {
		summary = as.CommitMessage
	}
	first, _, _ := strings.Cut(strings.TrimSpace(summary), "\n")
	return first
}

// began returns the actions of an execution that have begun, by stage and name. If an action
// was repeated, its last run counts.
func (c *Console) began(ctx context.Context, name, id string) (map[string]types.ActionExecutionDetail, error) {
	began := map[string]types.ActionExecutionDetail{}
	if id == "" {
		return began, nil
	}
	in := &awscodepipeline.ListActionExecutionsInput{PipelineName: &name, Filter: &types.ActionExecutionFilter{
		LatestInPipelineExecution: &types.LatestInPipelineExecutionFilter{PipelineExecutionId: &id, StartTimeRange: types.StartTimeRangeLatest},
	}}
	for {
		page, err := c.aws.Pipelines.ListActionExecutions(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, a := range page.ActionExecutionDetails {
			key := aws.ToString(a.StageName) + "/" + aws.ToString(a.ActionName)
			if _, newer := began[key]; !newer {
				began[key] = a
			}
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return began, nil
		}
	}
}

func (c *Console) stage(ctx context.Context, d types.StageDeclaration, state types.StageState, id string, began map[string]types.ActionExecutionDetail) Stage {
	s := Stage{Name: aws.ToString(d.Name), Transition: Transition{Enabled: true}, Actions: []Action{}}
	if t := state.InboundTransitionState; t != nil {
		s.Transition = Transition{Enabled: t.Enabled, Reason: aws.ToString(t.DisabledReason), By: aws.ToString(t.LastChangedBy)}
	}
	for _, e := range state.InboundExecutions {
		s.Waiting = append(s.Waiting, aws.ToString(e.PipelineExecutionId))
	}
	here := state.LatestExecution != nil && aws.ToString(state.LatestExecution.PipelineExecutionId) == id
	if here {
		s.Status = string(state.LatestExecution.Status)
		s.Retryable = state.LatestExecution.Status == types.StageExecutionStatusFailed || state.LatestExecution.Status == types.StageExecutionStatusStopped
	} else if state.LatestExecution != nil && state.LatestExecution.Status == types.StageExecutionStatusInProgress {
		s.Other = aws.ToString(state.LatestExecution.PipelineExecutionId)
	}
	for _, a := range d.Actions {
		shown := Action{Name: aws.ToString(a.Name), Status: "NotStarted", Order: aws.ToInt32(a.RunOrder), Command: results.Alone(a.Configuration)}
		if a.ActionTypeId != nil {
			shown.Category, shown.Provider = string(a.ActionTypeId.Category), aws.ToString(a.ActionTypeId.Provider)
		}
		if detail, ok := began[s.Name+"/"+shown.Name]; ok {
			c.fill(ctx, &shown, detail)
			if shown.Approval != nil {
				shown.Approval.Token = token(state, shown.ID)
			}
		}
		s.Actions = append(s.Actions, shown)
	}
	return s
}

// token returns the token of an approval that waits, or "".
func token(state types.StageState, id string) string {
	for _, a := range state.ActionStates {
		if x := a.LatestExecution; x != nil && aws.ToString(x.ActionExecutionId) == id {
			return aws.ToString(x.Token)
		}
	}
	return ""
}

// fill adds the result of an action.
func (c *Console) fill(ctx context.Context, a *Action, d types.ActionExecutionDetail) {
	a.ID, a.Status, a.Started, a.Updated, a.By = aws.ToString(d.ActionExecutionId), string(d.Status), d.StartTime, d.LastUpdateTime, aws.ToString(d.UpdatedBy)
	if d.Input != nil && a.Category == string(types.ActionCategoryApproval) {
		a.Approval = &Approval{Text: d.Input.ResolvedConfiguration["CustomData"], Link: d.Input.ResolvedConfiguration["ExternalEntityLink"]}
	}
	if d.Output == nil {
		return
	}
	if r := d.Output.ExecutionResult; r != nil {
		a.Summary = aws.ToString(r.ExternalExecutionSummary)
		if r.ErrorDetails != nil {
			a.Error = aws.ToString(r.ErrorDetails.Message)
		}
		if (a.Provider == "CodeBuild" || a.Provider == "Commands") && r.ExternalExecutionId != nil {
			a.Log = c.buildLog(ctx, *r.ExternalExecutionId)
			if d.Status == types.ActionExecutionStatusFailed && a.Log != nil {
				a.First = c.firstError(ctx, a.ID, *a.Log)
			}
		}
	}
	for _, artifact := range d.Output.OutputArtifacts {
		a.Artifacts = append(a.Artifacts, aws.ToString(artifact.Name))
	}
}

// buildLog returns where a build writes its log, or nil if it writes none.
func (c *Console) buildLog(ctx context.Context, id string) *Stream {
	got, err := c.aws.Builds.BatchGetBuilds(ctx, &awscodebuild.BatchGetBuildsInput{Ids: []string{id}})
	if err != nil || len(got.Builds) == 0 {
		return nil
	}
	l := got.Builds[0].Logs
	if l == nil || l.GroupName == nil {
		return nil
	}
	return &Stream{Group: *l.GroupName, Stream: aws.ToString(l.StreamName)}
}

// approve answers an approval as the account's user, and records who that is.
func (c *Console) approve(r *http.Request, in struct {
	Pipeline, Stage, Action, Token, Summary string
	Approve                                 bool
}) error {
	status, word := types.ApprovalStatusRejected, "rejected"
	if in.Approve {
		status, word = types.ApprovalStatusApproved, "approved"
	}
	summary := word + " in the console"
	if c.person != "" {
		summary += " by " + c.person
	}
	if said := strings.TrimSpace(in.Summary); said != "" {
		summary += ": " + said
	}
	_, err := c.aws.Pipelines.PutApprovalResult(c.server.AsUser(r.Context()), &awscodepipeline.PutApprovalResultInput{
		PipelineName: &in.Pipeline, StageName: &in.Stage, ActionName: &in.Action, Token: &in.Token,
		Result: &types.ApprovalResult{Status: status, Summary: aws.String(clip(summary, maxSummary))},
	})
	return err
}

// maxSummary is the length limit of an approval's summary.
// See https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ApprovalResult.html.
const maxSummary = 512

func clip(text string, length int) string {
	if len(text) <= length {
		return text
	}
	return strings.ToValidUTF8(text[:length], "")
}

// retry runs a stage again.
func (c *Console) retry(r *http.Request, in struct {
	Pipeline, Stage, Execution string
	All                        bool // otherwise only the actions that failed
}) error {
	mode := types.StageRetryModeFailedActions
	if in.All {
		mode = types.StageRetryModeAllActions
	}
	_, err := c.aws.Pipelines.RetryStageExecution(c.server.AsUser(r.Context()), &awscodepipeline.RetryStageExecutionInput{
		PipelineName: &in.Pipeline, StageName: &in.Stage, PipelineExecutionId: &in.Execution, RetryMode: mode,
	})
	return err
}

// stop stops an execution.
func (c *Console) stop(r *http.Request, in struct {
	Pipeline, Execution string
	Abandon             bool // otherwise the actions in progress are completed
}) error {
	reason := "stopped in the console"
	if c.person != "" {
		reason += " by " + c.person
	}
	_, err := c.aws.Pipelines.StopPipelineExecution(c.server.AsUser(r.Context()), &awscodepipeline.StopPipelineExecutionInput{
		PipelineName: &in.Pipeline, PipelineExecutionId: &in.Execution, Abandon: in.Abandon, Reason: aws.String(clip(reason, maxReason)),
	})
	return err
}

// maxReason is the length limit of a reason.
// See https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_StopPipelineExecution.html.
const maxReason = 200

// transition opens or closes the transition into a stage.
func (c *Console) transition(r *http.Request, in struct {
	Pipeline, Stage string
	Enable          bool
}) error {
	ctx := c.server.AsUser(r.Context())
	if in.Enable {
		_, err := c.aws.Pipelines.EnableStageTransition(ctx, &awscodepipeline.EnableStageTransitionInput{
			PipelineName: &in.Pipeline, StageName: &in.Stage, TransitionType: types.StageTransitionTypeInbound,
		})
		return err
	}
	reason := "closed in the console"
	if c.person != "" {
		reason += " by " + c.person
	}
	_, err := c.aws.Pipelines.DisableStageTransition(ctx, &awscodepipeline.DisableStageTransitionInput{
		PipelineName: &in.Pipeline, StageName: &in.Stage, TransitionType: types.StageTransitionTypeInbound, Reason: aws.String(clip(reason, maxReason)),
	})
	return err
}
