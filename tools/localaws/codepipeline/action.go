package codepipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/principal"
)

// Cancellation causes of an action.
var (
	errAbandoned = errors.New("the action was abandoned")
	errTimedOut  = errors.New("the action timed out")
)

// Codes of an action's errorDetails.
const (
	codeJobFailed     = "JobFailed"
	codeConfiguration = "ConfigurationError"
	codeTimedOut      = "TimedOut"
	codeUnavailable   = "RevisionUnavailable"
	codePermission    = "PermissionError"
)

// An actionRun is one run of an action in an execution.
type actionRun struct {
	id          string
	execution   *execution
	stage       string
	declaration *types.ActionDeclaration
	resolved    map[string]string
	inputs      []artifact
	outputs     []artifact // where outputs are put; the action may fail before it writes them

	status  types.ActionExecutionStatus
	started time.Time
	updated time.Time
	by      string // for an approval, the person who decided
	result  outcome
	cancel  context.CancelCauseFunc

	token    string // token of an approval
	decision chan decision
	decided  bool
}

// An outcome is how an action ended or, while it runs, its known progress.
type outcome struct {
	failed      bool
	code        string // code of errorDetails
	message     string // message of errorDetails
	summary     string
	externalID  string
	externalURL string
	logStream   string
	by          string
	percent     *int32 // how much of it is complete, if somebody says so
	variables   map[string]string
	revision    *types.ArtifactRevision // of a source
	current     *types.ActionRevision   // what a function says that it has worked on
}

func failure(code, format string, args ...any) outcome {
	message := fmt.Sprintf(format, args...)
	return outcome{failed: true, code: code, message: message, summary: message}
}

// refusal is the outcome of an action whose call of another service was refused.
func refusal(what string, err error) outcome {
	if api, ok := errors.AsType[smithy.APIError](err); ok && strings.HasPrefix(api.ErrorCode(), "AccessDenied") {
		return failure(codePermission, "The provided role does not have sufficient permissions: %s: %v", what, err)
	}
	return failure(codeConfiguration, "%s: %v", what, err)
}

// A job holds what an action needs to run. It is a copy, because an action runs
// without the service's lock.
type job struct {
	run           *actionRun // used to read what does not change
	id            string     // of the action's execution
	typeID        *types.ActionTypeId
	pipeline      string
	execution     string
	stage         string
	action        string
	configuration map[string]string
	inputs        []artifact
	outputs       []artifact
	override      *types.SourceRevisionOverride
	store         types.ArtifactStore
	timeout       time.Duration
	commands      *commands     // nil if the action runs none
	role          string        // that the action works as
	report        func(outcome) // records what is known while the action runs
	// assume issues credentials of the role that the action works as. A session
	// policy, if there is one, limits them. It is nil without Roles.
	assume func(session string, policy *string) (*awssts.AssumeRoleOutput, error)
}

// begin starts an action. The caller holds the service's lock.
func (s *Service) begin(r *stageRun, d *types.ActionDeclaration) {
	e := r.execution
	name := aws.ToString(d.Name)
	now := s.account.Clock.Now()
	a := &actionRun{
		id: uuid.NewString(), execution: e, stage: r.name(), declaration: d, status: types.ActionExecutionStatusInProgress, started: now, updated: now,
	}
	store := storeOf(e.structure)
	for _, output := range d.OutputArtifacts {
		a.outputs = append(a.outputs, newArtifact(e.pipeline.name, aws.ToString(output.Name), aws.ToString(store.Location)))
	}
	r.actions[name] = a
	e.pipeline.stage(a.stage).actions[name] = a
	e.pipeline.actions = append(e.pipeline.actions, a)
	e.updated = now
	ctx, cancel := context.WithCancelCause(s.life)
	a.cancel = cancel
	t := typeOf(d)
	if t.category == types.ActionCategoryApproval {
		a.token, a.decision = uuid.NewString(), make(chan decision, 1)
		a.result.externalID = a.token
	}

	complaint := ""
	a.resolved, complaint = e.variables.resolve(d.Configuration)
	run := e.commandsOf(d)
	for _, input := range d.InputArtifacts {
		got, ok := e.artifacts[aws.ToString(input.Name)]
		if !ok {
			complaint = fmt.Sprintf("The input artifact %s does not exist", aws.ToString(input.Name))
		}
		a.inputs = append(a.inputs, got)
	}
	s.emitAction(a, "STARTED")
	if complaint != "" {
		s.finish(a, failure(codeConfiguration, "%s", complaint))
		return
	}
	j := &job{
		run: a, id: a.id, typeID: clone(d.ActionTypeId), report: func(known outcome) { s.report(a, known) }, pipeline: e.pipeline.name, execution: e.id, stage: a.stage, action: name,
		configuration: maps.Clone(a.resolved), inputs: a.inputs, outputs: a.outputs, store: store,
		timeout: time.Duration(aws.ToInt32(d.TimeoutInMinutes)) * time.Minute,
	}
	if o, ok := e.overrides[name]; ok && t.category == types.ActionCategorySource {
		j.override = &o
		if branch, ok := e.pushed[name]; ok {
			j.configuration["BranchName"] = branch
		}
	}
	roles := []string{aws.ToString(e.structure.RoleArn)}
	if d.RoleArn != nil {
		roles = append(roles, *d.RoleArn)
	}
	j.commands, j.role = run, roles[len(roles)-1]
	s.wg.Go(func() {
		result := s.as(ctx, j, roles, t.run)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.finish(a, result)
	})
}

// as runs an action as the pipeline's role or, if the action has a role of
// its own, as that one, which the pipeline's role assumes.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/how-to-custom-role.html.
func (s *Service) as(ctx context.Context, j *job, roles []string, run func(*Service, context.Context, *job) outcome) outcome {
	if s.deps.Roles != nil {
		ctx = principal.ServiceFor(ctx, "codepipeline.amazonaws.com", s.account.ID, s.arn(j.pipeline))
		for _, role := range roles {
			from := ctx
			as, err := s.deps.Roles.As(from, role, j.execution)
			if err != nil {
				return failure(codePermission, "The provided role does not have sufficient permissions: %v", err)
			}
			j.assume = func(session string, policy *string) (*awssts.AssumeRoleOutput, error) {
				return s.deps.Roles.AssumeRole(from, &awssts.AssumeRoleInput{RoleArn: &role, RoleSessionName: &session, Policy: policy})
			}
			ctx = as
		}
	}
	return run(s, ctx, j)
}

// limit returns a context that ends after d of the account's time, with errTimedOut
// as its cause. The caller stops it.
func (s *Service) limit(ctx context.Context, d time.Duration) (limited context.Context, stop func()) {
	limited, cancel := context.WithCancelCause(ctx)
	timer := s.account.Clock.NewTimer(d)
	go func() {
		defer timer.Stop()
		select {
		case <-timer.C():
			cancel(errTimedOut)
		case <-limited.Done():
		}
	}()
	return limited, func() { cancel(nil) }
}

// report records what is known of a running action.
func (s *Service) report(a *actionRun, known outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.status != types.ActionExecutionStatusInProgress {
		return
	}
	a.result, a.updated = known, s.account.Clock.Now()
	s.changed.Broadcast()
}

// finish ends an action, unless it has been abandoned.
func (s *Service) finish(a *actionRun, result outcome) {
	a.cancel(nil)
	if a.status != types.ActionExecutionStatusInProgress {
		return
	}
	if s.closed && result.failed {
		s.abandon(a, "ABANDONED")
		return
	}
	e := a.execution
	a.result, a.by, a.updated = result, result.by, s.account.Clock.Now()
	e.updated = a.updated
	if result.failed {
		a.status = types.ActionExecutionStatusFailed
		s.emitAction(a, "FAILED")
		s.changed.Broadcast()
		return
	}
	a.status = types.ActionExecutionStatusSucceeded
	for i := range a.outputs {
		if result.revision != nil {
			a.outputs[i].revision = aws.ToString(result.revision.RevisionId)
		} else if len(a.inputs) > 0 {
			a.outputs[i].revision = a.inputs[0].revision
		}
		e.artifacts[a.outputs[i].name] = a.outputs[i]
	}
	if a.declaration.Namespace != nil {
		e.variables[*a.declaration.Namespace] = maps.Clone(result.variables)
	}
	if result.revision != nil {
		e.revisions = slices.DeleteFunc(e.revisions, func(r revision) bool { return r.action == aws.ToString(a.declaration.Name) })
		e.revisions = append(e.revisions, revision{action: aws.ToString(a.declaration.Name), ArtifactRevision: *result.revision})
	}
	s.emitAction(a, "SUCCEEDED")
	s.changed.Broadcast()
}
