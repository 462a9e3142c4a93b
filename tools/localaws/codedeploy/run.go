package codedeploy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/magewright/magewright/tools/localaws/principal"
)

// A failure ends a deployment without success.
type failure struct {
	status    types.DeploymentStatus
	code      types.ErrorCode
	message   string
	detail    string                  // further details for the lifecycle event, if any
	event     types.AutoRollbackEvent // the event that can trigger a rollback
	untouched bool                    // nothing needs to be rolled back
}

// closing is the failure of a deployment whose service is being closed.
var closing = &failure{}

func failed(code types.ErrorCode, format string, args ...any) *failure {
	return &failure{
		status: types.DeploymentStatusFailed, code: code, message: fmt.Sprintf(format, args...),
		event: types.AutoRollbackEventDeploymentFailure,
	}
}

// assume makes the service role of the deployment's group the principal with
// which CodeDeploy works on the deployment.
func (s *Service) assume(d *deployment) *failure {
	d.as = s.ctx
	s.mu.Lock()
	role := aws.ToString(d.group.info.ServiceRoleArn)
	source := s.groupARN(aws.ToString(d.group.info.ApplicationName), aws.ToString(d.group.info.DeploymentGroupName))
	s.mu.Unlock()
	if s.deps.Roles == nil {
		return nil
	}
	ctx, err := s.deps.Roles.As(principal.ServiceFor(s.ctx, "codedeploy.amazonaws.com", s.account.ID, source), role, d.id)
	if err != nil {
		f := failed(types.ErrorCodeIamRoleMissing, "CodeDeploy cannot assume the role %s. (%v)", role, err)
		f.untouched = true
		return f
	}
	d.as = ctx
	return nil
}

// run takes a deployment through its states.
func (s *Service) run(d *deployment) {
	s.mu.Lock()
	d.info.Status = types.DeploymentStatusInProgress
	d.info.StartTime = aws.Time(s.account.Clock.Now())
	d.group.info.LastAttemptedDeployment = d.last()
	s.mu.Unlock()
	f := s.assume(d)
	s.trigger(d, types.TriggerEventTypeDeploymentStart)
	if f == nil {
		f = s.perform(d)
	}
	if f == closing || f != nil && s.ctx.Err() != nil {
		return
	}
	undo := s.finish(d, f)
	switch {
	case f == nil:
		s.trigger(d, types.TriggerEventTypeDeploymentSuccess)
	case f.status == types.DeploymentStatusStopped:
		s.trigger(d, types.TriggerEventTypeDeploymentStop)
	default:
		s.trigger(d, types.TriggerEventTypeDeploymentFailure)
	}
	if undo {
		s.trigger(d, types.TriggerEventTypeDeploymentRollback)
	}
}

// perform runs the lifecycle events one after the other.
func (s *Service) perform(d *deployment) *failure {
	w := s.watch(d)
	defer w.stop()
	for i := range d.events {
		s.beginEvent(d, i)
		f := s.performEvent(d, w, i)
		if f != nil {
			return f
		}
		s.endEvent(d, i, types.LifecycleEventStatusSucceeded, "")
	}
	return nil
}

func (s *Service) performEvent(d *deployment, w *watch, i int) *failure {
	if i == 0 && d.undoes == nil {
		if f := s.verify(d); f != nil {
			return f
		}
	}
	name := *d.events[i].LifecycleEventName
	if name == allowTraffic {
		return s.shift(d, w)
	}
	if hook := d.spec.hooks[name]; hook != "" {
		return s.runHook(d, w, name, hook)
	}
	// An event without a hook succeeds at once.
	return nil
}

func (s *Service) beginEvent(d *deployment, i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.events[i].Status = types.LifecycleEventStatusInProgress
	d.events[i].StartTime = aws.Time(s.account.Clock.Now())
}

func (s *Service) endEvent(d *deployment, i int, status types.LifecycleEventStatus, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setEvent(d, i, status, detail)
}

// setEvent ends an event. The caller holds the service's lock.
func (s *Service) setEvent(d *deployment, i int, status types.LifecycleEventStatus, detail string) {
	now := s.account.Clock.Now()
	d.events[i].Status, d.events[i].EndTime = status, aws.Time(now)
	if detail != "" {
		d.events[i].Diagnostics = &types.Diagnostics{ErrorCode: types.LifecycleErrorCodeUnknownError, Message: aws.String(detail)}
	}
	d.updated = aws.Time(now)
}

// AWS's texts for an AppSpec file that does not fit the function; see
// https://github.com/aws/serverless-application-model/issues/291. The diagnostics
// of the lifecycle event say what does not fit.
const (
	invalidAppSpec = "The deployment failed because the AppSpec file that specifies the AWS Lambda deployment configuration is missing or has an invalid configuration."
	otherVersion   = invalidAppSpec + " The Lambda function alias version does not match the current version in AppSpec file."
)

// verify checks whether the function is as the AppSpec file says. Nothing has
// been changed at this point, so a failure leaves nothing to roll back.
func (s *Service) verify(d *deployment) *failure {
	spec := d.spec
	wrong := func(code types.ErrorCode, message, detail string, args ...any) *failure {
		f := failed(code, "%s", message)
		f.detail = fmt.Sprintf(detail, args...)
		f.untouched = true
		return f
	}
	const configuration, function = types.ErrorCodeInvalidLambdaConfiguration, types.ErrorCodeInvalidLambdaFunction
	alias, err := s.deps.Functions.GetAlias(d.as, &awslambda.GetAliasInput{FunctionName: &spec.function, Name: &spec.alias})
	if err != nil {
		return wrong(configuration, invalidAppSpec, "The alias %s of the Lambda function %s could not be read: %v", spec.alias, spec.function, err)
	}
	if at := aws.ToString(alias.FunctionVersion); at != spec.current {
		return wrong(configuration, otherVersion, "The alias %s of the Lambda function %s points to version %s, but the CurrentVersion in the AppSpec file is %s.", spec.alias, spec.function, at, spec.current)
	}
	if routing := alias.RoutingConfig; routing != nil && len(routing.AdditionalVersionWeights) > 0 {
		// https://docs.aws.amazon.com/codedeploy/latest/userguide/troubleshooting-deployments-lambda.html
		return wrong(configuration, invalidAppSpec, "The alias %s of the Lambda function %s points to two versions, because a deployment was stopped without a rollback. Remove the additional one: aws lambda update-alias --function-name %[2]s --name %[1]s --routing-config AdditionalVersionWeights={}", spec.alias, spec.function)
	}
	if spec.current == spec.target {
		return wrong(configuration, invalidAppSpec, "The CurrentVersion and the TargetVersion in the AppSpec file are both %s.", spec.current)
	}
	// AWS's CodeDeploy needs no permission for this.
	if _, err := s.deps.Functions.GetFunction(s.ctx, &awslambda.GetFunctionInput{FunctionName: &spec.function, Qualifier: &spec.target}); err != nil {
		detail := fmt.Sprintf("Version %s of the Lambda function %s could not be read: %v", spec.target, spec.function, err)
		return wrong(function, detail, "%s", detail)
	}
	return nil
}

// shift gives the new version its traffic step by step. While it only waits,
// the clock may run faster.
func (s *Service) shift(d *deployment, w *watch) *failure {
	clock := s.account.Clock
	begun := clock.Now()
	for _, next := range steps(d.routing) {
		release := clock.Accelerate()
		f := s.wait(d, w, begun.Add(next.after), nil)
		release()
		if f != nil {
			return f
		}
		if f := s.route(d, next.percent); f != nil {
			return f
		}
	}
	return nil
}

// route gives the new version percent of the traffic. The alias points to the
// old version until the new one has all traffic.
func (s *Service) route(d *deployment, percent int32) *failure {
	version, weights := d.spec.target, map[string]float64{}
	if percent < 100 {
		version = d.spec.current
		weights[d.spec.target] = float64(percent) / 100
	}
	_, err := s.deps.Functions.UpdateAlias(d.as, &awslambda.UpdateAliasInput{
		FunctionName:    &d.spec.function,
		Name:            &d.spec.alias,
		FunctionVersion: &version,
		RoutingConfig:   &lambdatypes.AliasRoutingConfiguration{AdditionalVersionWeights: weights},
	})
	if err != nil {
		return failed(types.ErrorCodeInvalidLambdaConfiguration, "The alias %s of the Lambda function %s could not be updated: %v", d.spec.alias, d.spec.function, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d.weight = float64(percent) / 100
	d.updated = aws.Time(s.account.Clock.Now())
	return nil
}

// pollInterval is the time between two checks of the alarms, by the account's clock.
const pollInterval = 5 * time.Second

// wait returns nil at until, or when answer is closed. It returns a failure as
// soon as a caller stops the deployment or an alarm goes off.
func (s *Service) wait(d *deployment, w *watch, until time.Time, answer <-chan struct{}) *failure {
	clock := s.account.Clock
	for {
		if f := s.interrupted(d, w); f != nil {
			return f
		}
		select {
		case <-answer:
			return nil
		default:
		}
		left := until.Sub(clock.Now())
		if left <= 0 {
			return nil
		}
		if w.names != nil {
			left = min(left, pollInterval)
		}
		timer := clock.NewTimer(left)
		select {
		case <-s.ctx.Done():
		case <-d.stop:
		case <-w.changes:
		case <-answer:
		case <-timer.C():
		}
		timer.Stop()
	}
}

// interrupted returns the failure that ends the deployment now, if any.
func (s *Service) interrupted(d *deployment, w *watch) *failure {
	select {
	case <-s.ctx.Done():
		return closing
	case <-d.stop:
		// This is AWS's code. Its text was not recorded.
		return &failure{
			status: types.DeploymentStatusStopped, code: types.ErrorCodeManualStop,
			message: "The deployment was stopped on request.",
			event:   types.AutoRollbackEventDeploymentStopOnRequest,
		}
	default:
		return w.check()
	}
}

// finish ends a deployment and, if necessary, starts the deployment that rolls
// it back. Both happen under the lock, so that nobody sees one without the other.
func (s *Service) finish(d *deployment, f *failure) (undo bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(d.done)
	if f != nil {
		d.info.Status = f.status
		d.info.ErrorInformation = &types.ErrorInformation{Code: f.code, Message: aws.String(f.message)}
		for i := range d.events {
			switch d.events[i].Status {
			case types.LifecycleEventStatusInProgress:
				s.setEvent(d, i, types.LifecycleEventStatusFailed, f.detail)
			case types.LifecycleEventStatusPending:
				d.events[i].Status = types.LifecycleEventStatusSkipped
			}
		}
	} else {
		d.info.Status = types.DeploymentStatusSucceeded
	}
	d.info.CompleteTime = aws.Time(s.account.Clock.Now())
	g := d.group
	g.active = nil
	g.info.LastAttemptedDeployment = d.last()
	if f == nil {
		g.info.LastSuccessfulDeployment = d.last()
	}
	if f == nil || !d.rollsBack(f) {
		return false
	}
	s.undo(d)
	return true
}

// rollsBack reports whether a failure triggers a rollback.
func (d *deployment) rollsBack(f *failure) bool {
	if d.undoes != nil || f.untouched {
		return false
	}
	if f.event == types.AutoRollbackEventDeploymentStopOnRequest && d.stopRollback != nil {
		return *d.stopRollback
	}
	return d.rollback != nil && d.rollback.Enabled && slices.Contains(d.rollback.Events, f.event)
}

// undo creates the deployment that returns all traffic to the old version. It
// runs no hooks and watches no alarms. The caller holds the service's lock.
func (s *Service) undo(d *deployment) {
	spec := &appSpec{
		resource: d.spec.resource, function: d.spec.function, alias: d.spec.alias,
		current: d.spec.target, target: d.spec.current,
	}
	content := spec.json()
	// There is no digest to compare it with.
	sum, _ := checkDigest(content, nil)
	back := &deployment{
		id:       newDeploymentID(),
		group:    d.group,
		spec:     spec,
		routing:  &types.TrafficRoutingConfig{Type: types.TrafficRoutingTypeAllAtOnce},
		triggers: d.triggers,
		undoes:   d,
		info: types.DeploymentInfo{
			ApplicationName:      d.info.ApplicationName,
			DeploymentGroupName:  d.info.DeploymentGroupName,
			DeploymentConfigName: aws.String(allAtOnce),
			Creator:              types.DeploymentCreatorCodeDeployRollback,
			Revision: &types.RevisionLocation{
				RevisionType:   types.RevisionLocationTypeAppSpecContent,
				AppSpecContent: &types.AppSpecContent{Content: aws.String(content), Sha256: sum},
			},
		},
	}
	back.info.RollbackInfo = &types.RollbackInfo{
		RollbackTriggeringDeploymentId: aws.String(d.id),
		RollbackMessage:                aws.String(fmt.Sprintf("Deployment %s is triggered to roll back deployment %s.", back.id, d.id)),
	}
	d.undoneBy = back
	d.info.RollbackInfo = &types.RollbackInfo{
		RollbackDeploymentId: aws.String(back.id),
		RollbackMessage:      aws.String(fmt.Sprintf("Deployment %s terminated. Automatic rollback is triggered with a DeploymentId %s.", d.id, back.id)),
	}
	s.add(back)
}

// activated returns the failure with AWS's text for alarms that went off.
func activated(names []string) *failure {
	return &failure{
		status: types.DeploymentStatusStopped,
		code:   types.ErrorCodeAlarmActive,
		message: "One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, " +
			"and the affected deployments have been stopped. Activated alarms: <" + strings.Join(names, ", ") + ">",
		event: types.AutoRollbackEventDeploymentStopOnAlarm,
	}
}
