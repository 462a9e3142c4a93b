package codedeploy

import (
	"context"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

// A deployment moves one alias from one version to another. The fields that are
// set at its creation are immutable; the service's lock guards the others.
//
// Its status is Created until its work begins, then InProgress, and finally
// Succeeded, Failed or Stopped. CodeDeploy's other three statuses only occur on
// other platforms. Queued does not occur because a group refuses a second
// deployment (DeploymentLimitExceededException) instead of queueing it. In
// Ready, a deployment waits for somebody to reroute traffic; in Baking, it
// waits before it terminates what it replaced. A
// blueGreenDeploymentConfiguration configures both waits, and a group for
// Lambda cannot have one. See
// https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_ContinueDeployment.html and
// https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_BlueGreenDeploymentConfiguration.html.
type deployment struct {
	id       string
	group    *group
	spec     *appSpec
	routing  *types.TrafficRoutingConfig
	alarms   *types.AlarmConfiguration        // the alarms to watch
	rollback *types.AutoRollbackConfiguration // when it is rolled back automatically
	triggers []types.TriggerConfig
	undoes   *deployment   // the deployment that this one rolls back, if any
	stop     chan struct{} // closed when a caller asks it to stop
	done     chan struct{} // closed when it has ended
	// as is the context of the work on it. Its principal is the group's service
	// role. It is set when the work begins.
	as context.Context //nolint:containedctx // it lives as long as the service's context

	info         types.DeploymentInfo
	events       []types.LifecycleEvent
	weight       float64 // share of the traffic that goes to the new version
	updated      *time.Time
	stopped      bool  // a caller asked it to stop
	stopRollback *bool // what that caller said about rolling back
	executions   map[string]*execution
	undoneBy     *deployment
}

func newEvents() []types.LifecycleEvent {
	var events []types.LifecycleEvent
	for _, name := range []string{beforeAllowTraffic, allowTraffic, afterAllowTraffic} {
		events = append(events, types.LifecycleEvent{LifecycleEventName: aws.String(name), Status: types.LifecycleEventStatusPending})
	}
	return events
}

// maxDeployments limits the deployments that are remembered.
const maxDeployments = 1000

// add registers a deployment that has a plan. The caller holds the service's lock.
func (s *Service) add(d *deployment) {
	d.stop, d.done = make(chan struct{}), make(chan struct{})
	d.events, d.executions = newEvents(), map[string]*execution{}
	d.info.DeploymentId = aws.String(d.id)
	d.info.ComputePlatform = types.ComputePlatformLambda
	d.info.DeploymentStyle = lambdaStyle()
	d.info.CreateTime = aws.Time(s.account.Clock.Now())
	d.info.Status = types.DeploymentStatusCreated
	g := d.group
	if g.info.LastSuccessfulDeployment != nil {
		if last := s.deployments[*g.info.LastSuccessfulDeployment.DeploymentId]; last != nil {
			d.info.PreviousRevision = last.info.Revision
		}
	}
	g.active = d
	g.info.TargetRevision = d.info.Revision
	g.info.LastAttemptedDeployment = d.last()
	s.deployments[d.id] = d
	s.order = append(s.order, d)
	if old := s.order[0]; len(s.order) > maxDeployments && old.ended() {
		s.order = slices.Delete(s.order, 0, 1)
		delete(s.deployments, old.id)
	}
	s.start(func() { s.run(d) })
}

func (d *deployment) ended() bool { return d.info.CompleteTime != nil }

// last returns what a group records about its last deployment.
func (d *deployment) last() *types.LastDeploymentInfo {
	return &types.LastDeploymentInfo{
		CreateTime:   d.info.CreateTime,
		DeploymentId: d.info.DeploymentId,
		EndTime:      d.info.CompleteTime,
		Status:       d.info.Status,
	}
}

// describe returns a copy of a deployment's description. The caller holds the
// service's lock.
func (d *deployment) describe() *types.DeploymentInfo {
	info := d.info
	info.AutoRollbackConfiguration = copyRollback(d.rollback)
	info.OverrideAlarmConfiguration = copyAlarms(info.OverrideAlarmConfiguration)
	info.DeploymentOverview = &types.DeploymentOverview{}
	switch o := info.DeploymentOverview; d.status() {
	case types.TargetStatusPending:
		o.Pending = 1
	case types.TargetStatusInProgress:
		o.InProgress = 1
	case types.TargetStatusSucceeded:
		o.Succeeded = 1
	default:
		o.Failed = 1
	}
	if r := d.info.RollbackInfo; r != nil {
		copied := *r
		info.RollbackInfo = &copied
	}
	return &info
}

// status returns the status of the function as a deployment target.
func (d *deployment) status() types.TargetStatus {
	switch d.info.Status {
	case types.DeploymentStatusCreated, types.DeploymentStatusQueued:
		return types.TargetStatusPending
	case types.DeploymentStatusInProgress:
		return types.TargetStatusInProgress
	case types.DeploymentStatusSucceeded:
		return types.TargetStatusSucceeded
	default:
		return types.TargetStatusFailed
	}
}

// CreateDeployment starts a deployment.
func (s *Service) CreateDeployment(ctx context.Context, in *awscodedeploy.CreateDeploymentInput) (*awscodedeploy.CreateDeploymentOutput, error) {
	switch {
	case in.TargetInstances != nil:
		return nil, unsupported("targetInstances")
	case in.UpdateOutdatedInstancesOnly:
		return nil, unsupported("updateOutdatedInstancesOnly")
	case in.IgnoreApplicationStopFailures:
		return nil, unsupported("ignoreApplicationStopFailures")
	case in.FileExistsBehavior != "" && in.FileExistsBehavior != types.FileExistsBehaviorDisallow:
		return nil, unsupported("fileExistsBehavior " + string(in.FileExistsBehavior))
	case len(aws.ToString(in.Description)) > 1000:
		return nil, &types.DescriptionTooLongException{Message: aws.String("The description is longer than 1000 characters.")}
	}
	if c := in.OverrideAlarmConfiguration; c != nil {
		if err := checkAlarms(c); err != nil {
			return nil, err
		}
	}
	if c := in.AutoRollbackConfiguration; c != nil {
		if err := checkRollback(c); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	_, err := s.group(in.ApplicationName, in.DeploymentGroupName)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	spec, revision, err := s.readRevision(ctx, in.Revision)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.ApplicationName, in.DeploymentGroupName)
	if err != nil {
		return nil, err
	}
	name := aws.ToString(in.DeploymentConfigName)
	if name == "" {
		name = aws.ToString(g.info.DeploymentConfigName)
	}
	config, err := s.config(name)
	if err != nil {
		return nil, err
	}
	if g.active != nil {
		return nil, &types.DeploymentLimitExceededException{Message: aws.String("The Deployment Group '" + *g.info.DeploymentGroupName + "' already has an active Deployment '" + g.active.id + "'")}
	}
	d := &deployment{
		id:       newDeploymentID(),
		group:    g,
		spec:     spec,
		routing:  copyRouting(config.TrafficRoutingConfig),
		alarms:   copyAlarms(g.info.AlarmConfiguration),
		rollback: copyRollback(g.info.AutoRollbackConfiguration),
		triggers: copyTriggers(g.info.TriggerConfigurations),
		info: types.DeploymentInfo{
			ApplicationName:      g.info.ApplicationName,
			DeploymentGroupName:  g.info.DeploymentGroupName,
			DeploymentConfigName: aws.String(name),
			Description:          in.Description,
			Revision:             revision,
			Creator:              types.DeploymentCreatorUser, // AWS reports this for CloudFormation's deployments, too
		},
	}
	if in.OverrideAlarmConfiguration != nil {
		d.alarms = copyAlarms(in.OverrideAlarmConfiguration)
		d.info.OverrideAlarmConfiguration = d.alarms
	}
	if in.AutoRollbackConfiguration != nil {
		d.rollback = copyRollback(in.AutoRollbackConfiguration)
	}
	s.add(d)
	return &awscodedeploy.CreateDeploymentOutput{DeploymentId: aws.String(d.id)}, nil
}

var deploymentID = regexp.MustCompile(`^d-[0-9A-Z]{9}$`)

// deployment returns the deployment with an id. The caller holds the service's lock.
func (s *Service) deployment(id *string) (*deployment, error) {
	n := aws.ToString(id)
	if n == "" {
		return nil, &types.DeploymentIdRequiredException{Message: aws.String("The deployment ID was not specified.")}
	}
	d := s.deployments[n]
	if d == nil && !deploymentID.MatchString(n) {
		return nil, &types.InvalidDeploymentIdException{Message: aws.String("Specified DeploymentId is not in the valid format: " + n)}
	}
	if d == nil {
		return nil, &types.DeploymentDoesNotExistException{Message: aws.String("The deployment " + n + " could not be found")}
	}
	return d, nil
}

// GetDeployment describes a deployment.
func (s *Service) GetDeployment(_ context.Context, in *awscodedeploy.GetDeploymentInput) (*awscodedeploy.GetDeploymentOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deployment(in.DeploymentId)
	if err != nil {
		return nil, err
	}
	return &awscodedeploy.GetDeploymentOutput{DeploymentInfo: d.describe()}, nil
}

const maxBatch = 25

// BatchGetDeployments describes those deployments that exist.
func (s *Service) BatchGetDeployments(_ context.Context, in *awscodedeploy.BatchGetDeploymentsInput) (*awscodedeploy.BatchGetDeploymentsOutput, error) {
	if len(in.DeploymentIds) == 0 {
		return nil, &types.DeploymentIdRequiredException{Message: aws.String("At least one deployment ID must be specified.")}
	}
	if len(in.DeploymentIds) > maxBatch {
		return nil, &types.BatchLimitExceededException{Message: aws.String("At most 25 deployments can be described at once.")}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awscodedeploy.BatchGetDeploymentsOutput{}
	for _, id := range in.DeploymentIds {
		if d := s.deployments[id]; d != nil {
			out.DeploymentsInfo = append(out.DeploymentsInfo, *d.describe())
		}
	}
	return out, nil
}

// ListDeployments lists the ids of deployments, newest first.
func (s *Service) ListDeployments(_ context.Context, in *awscodedeploy.ListDeploymentsInput) (*awscodedeploy.ListDeploymentsOutput, error) {
	if in.ExternalId != nil {
		return nil, &types.InvalidExternalIdException{Message: aws.String("externalId is not supported by the embedded AWS")}
	}
	for _, status := range in.IncludeOnlyStatuses {
		if !slices.Contains(status.Values(), status) {
			return nil, &types.InvalidDeploymentStatusException{Message: aws.String(string(status) + " is not a deployment status.")}
		}
	}
	if r := in.CreateTimeRange; r != nil && r.Start != nil && r.End != nil && r.End.Before(*r.Start) {
		return nil, &types.InvalidTimeRangeException{Message: aws.String("The time range ends before it starts.")}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.ApplicationName != nil || in.DeploymentGroupName != nil {
		if _, err := s.application(in.ApplicationName); err != nil {
			return nil, err
		}
		if _, err := s.group(in.ApplicationName, in.DeploymentGroupName); err != nil {
			return nil, err
		}
	}
	var ids []string
	for _, d := range slices.Backward(s.order) {
		switch {
		case in.ApplicationName != nil && *d.info.ApplicationName != *in.ApplicationName,
			in.DeploymentGroupName != nil && *d.info.DeploymentGroupName != *in.DeploymentGroupName,
			len(in.IncludeOnlyStatuses) > 0 && !slices.Contains(in.IncludeOnlyStatuses, d.info.Status),
			!within(*d.info.CreateTime, in.CreateTimeRange):
			continue
		}
		ids = append(ids, d.id)
	}
	page, next, err := paginate(ids, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &awscodedeploy.ListDeploymentsOutput{Deployments: page, NextToken: next}, nil
}

func within(t time.Time, r *types.TimeRange) bool {
	return r == nil || (r.Start == nil || !t.Before(*r.Start)) && (r.End == nil || !t.After(*r.End))
}

// StopDeployment asks a deployment to stop. AutoRollbackEnabled decides whether
// it is then rolled back; without it, the deployment's configuration decides.
func (s *Service) StopDeployment(_ context.Context, in *awscodedeploy.StopDeploymentInput) (*awscodedeploy.StopDeploymentOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deployment(in.DeploymentId)
	if err != nil {
		return nil, err
	}
	switch {
	case d.ended():
		return nil, &types.DeploymentAlreadyCompletedException{Message: aws.String("The deployment " + d.id + " has already completed.")}
	case d.undoes != nil:
		return nil, &types.UnsupportedActionForDeploymentTypeException{Message: aws.String("The deployment " + d.id + " is an automatic rollback and cannot be stopped in the embedded AWS.")}
	case !d.stopped:
		d.stopped = true
		d.stopRollback = in.AutoRollbackEnabled
		close(d.stop)
	}
	return &awscodedeploy.StopDeploymentOutput{
		Status:        types.StopStatusPending,
		StatusMessage: aws.String("The deployment " + d.id + " is being stopped."),
	}, nil
}

// ContinueDeployment is refused: a Lambda deployment never waits to be
// continued.
func (s *Service) ContinueDeployment(_ context.Context, in *awscodedeploy.ContinueDeploymentInput) (*awscodedeploy.ContinueDeploymentOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deployment(in.DeploymentId)
	if err != nil {
		return nil, err
	}
	return nil, &types.UnsupportedActionForDeploymentTypeException{Message: aws.String("The deployment " + d.id + " is a Lambda deployment, which never waits to be continued.")}
}

// Wait waits until a deployment has ended and returns it. If it is rolled back
// automatically, Wait also waits for that rollback. After that, the alias does
// not move any more.
func (s *Service) Wait(ctx context.Context, deploymentID string) (*types.DeploymentInfo, error) {
	s.mu.Lock()
	d, err := s.deployment(&deploymentID)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	for next := d; next != nil; {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.ctx.Done():
			return nil, s.ctx.Err()
		case <-next.done:
		}
		s.mu.Lock()
		next = next.undoneBy
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return d.describe(), nil
}
