package cloudformation

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/google/uuid"
)

var namePattern = regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]{0,127}$`)

// checkNameOrARN verifies a name or ARN.
func checkNameOrARN(member, name string) error {
	if strings.HasPrefix(name, "arn:") {
		return nil
	}
	return checkName(member, name)
}

func checkName(member, name string) error {
	if namePattern.MatchString(name) {
		return nil
	}
	return validationErrorf("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*", name, member)
}

// nameOf returns the stack's name from a name or ARN.
func nameOf(nameOrID string) string {
	if _, rest, ok := strings.Cut(nameOrID, ":stack/"); ok {
		name, _, _ := strings.Cut(rest, "/")
		return name
	}
	return nameOrID
}

// updatable reports whether an update of the stack may begin.
func (st *stack) updatable() bool {
	switch st.status {
	case types.StackStatusCreateComplete, types.StackStatusUpdateComplete, types.StackStatusUpdateRollbackComplete,
		types.StackStatusCreateFailed, types.StackStatusUpdateFailed:
		return true
	}
	return false
}

// sameTypes refuses a template that changes the type of a logical id.
func (st *stack) sameTypes(target *deployment) error {
	var changed []string
	for name, r := range st.records {
		if a, stays := target.active[name]; stays && a.Type != r.typ {
			changed = append(changed, name)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	slices.Sort(changed)
	return validationErrorf("Update of resource type is not permitted. The new template modifies resource type of the following resources: [%s]", strings.Join(changed, ", "))
}

// CreateStack begins to create a stack.
func (s *Service) CreateStack(ctx context.Context, in *awscfn.CreateStackInput) (*awscfn.CreateStackOutput, error) {
	switch {
	case in.StackPolicyBody != nil, in.StackPolicyURL != nil:
		return nil, unsupported("CreateStack", "stack policies")
	case in.TimeoutInMinutes != nil:
		return nil, unsupported("CreateStack", "TimeoutInMinutes")
	case in.DisableRollback != nil && in.OnFailure != "":
		return nil, validationErrorf("You can specify either DisableRollback or OnFailure, but not both.")
	}
	name := aws.ToString(in.StackName)
	if err := checkName("stackName", name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	again, err := s.created(in)
	s.mu.Unlock()
	if again != nil || err != nil {
		return again, err
	}
	id := s.newStackID(name)
	target, err := s.prepare(ctx, proposal{
		operation: "CreateStack", stackName: name, stackID: id,
		templateBody: in.TemplateBody, templateURL: in.TemplateURL,
		parameters: in.Parameters, tags: in.Tags, capabilities: in.Capabilities, roleARN: in.RoleARN,
		config: in.DeploymentConfig, notifications: in.NotificationARNs, rollback: in.RollbackConfiguration,
		resourceTypes: in.ResourceTypes,
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// Check again: another request may have created the stack in the meantime.
	if again, err := s.created(in); again != nil || err != nil {
		return again, err
	}
	st := s.addStack(name, id)
	st.protected = aws.ToBool(in.EnableTerminationProtection)
	op := &operation{
		stack: st, target: target, token: in.ClientRequestToken, creating: true,
		disableRollback:      aws.ToBool(in.DisableRollback) || in.OnFailure == types.OnFailureDoNothing,
		deleteOnFailure:      in.OnFailure == types.OnFailureDelete,
		retainExceptOnCreate: aws.ToBool(in.RetainExceptOnCreate),
	}
	s.deploy(ctx, op)
	st.began(in.ClientRequestToken, "CreateStack", op.id)
	return &awscfn.CreateStackOutput{StackId: aws.String(id), OperationId: aws.String(op.id)}, nil
}

// created returns the answer to the same request as before, or an error if the stack
// exists. It returns nil if there is no such stack. The caller holds the service's lock.
func (s *Service) created(in *awscfn.CreateStackInput) (*awscfn.CreateStackOutput, error) {
	st := s.live(aws.ToString(in.StackName))
	if st == nil {
		return nil, nil
	}
	if first, again, err := st.repeated(in.ClientRequestToken, "CreateStack"); err != nil || again {
		return &awscfn.CreateStackOutput{StackId: aws.String(st.id), OperationId: aws.String(first.operationID)}, err
	}
	return nil, alreadyExists("Stack [%s] already exists", st.name)
}

// UpdateStack begins to update a stack.
func (s *Service) UpdateStack(ctx context.Context, in *awscfn.UpdateStackInput) (*awscfn.UpdateStackOutput, error) {
	if in.StackPolicyBody != nil || in.StackPolicyURL != nil || in.StackPolicyDuringUpdateBody != nil || in.StackPolicyDuringUpdateURL != nil {
		return nil, unsupported("UpdateStack", "stack policies")
	}
	s.mu.Lock()
	st, again, err := s.updatableStack(aws.ToString(in.StackName), in.ClientRequestToken)
	var p proposal
	if st != nil {
		p = proposal{stackName: st.name, stackID: st.id, previous: st.deployment}
	}
	s.mu.Unlock()
	if again != nil || err != nil {
		return again, err
	}
	p.operation, p.usePrevious = "UpdateStack", aws.ToBool(in.UsePreviousTemplate)
	p.templateBody, p.templateURL = in.TemplateBody, in.TemplateURL
	p.parameters, p.tags, p.capabilities, p.roleARN = in.Parameters, in.Tags, in.Capabilities, in.RoleARN
	p.config, p.notifications, p.rollback, p.resourceTypes = in.DeploymentConfig, in.NotificationARNs, in.RollbackConfiguration, in.ResourceTypes
	target, err := s.prepare(ctx, p)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// Check again: another request may have changed the stack in the meantime.
	if st, again, err = s.updatableStack(st.id, in.ClientRequestToken); again != nil || err != nil {
		return again, err
	}
	if err := st.sameTypes(target); err != nil {
		return nil, err
	}
	_, changed, err := s.plan(st, target)
	if err != nil {
		return nil, err
	}
	if !changed {
		return nil, validationErrorf("No updates are to be performed.")
	}
	for _, c := range st.changeSets {
		if c.execution == types.ExecutionStatusAvailable {
			c.execution = types.ExecutionStatusObsolete
		}
	}
	op := &operation{
		stack: st, target: target, token: in.ClientRequestToken,
		disableRollback:      aws.ToBool(in.DisableRollback),
		retainExceptOnCreate: aws.ToBool(in.RetainExceptOnCreate),
	}
	s.deploy(ctx, op)
	st.began(in.ClientRequestToken, "UpdateStack", op.id)
	return &awscfn.UpdateStackOutput{StackId: aws.String(st.id), OperationId: aws.String(op.id)}, nil
}

// CancelUpdateStack stops an update and rolls it back. It also stops the work
// in progress, such as CodeDeploy shifting the traffic of an alias.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CancelUpdateStack.html.
func (s *Service) CancelUpdateStack(_ context.Context, in *awscfn.CancelUpdateStackInput) (*awscfn.CancelUpdateStackOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(in.StackName)
	if err != nil {
		return nil, err
	}
	if st.status != types.StackStatusUpdateInProgress || st.running == nil {
		return nil, validationErrorf("CancelUpdateStack cannot be called from current stack status")
	}
	op := st.running
	op.cancelled = true
	if in.ClientRequestToken != nil {
		op.token = in.ClientRequestToken
	}
	if op.stop != nil {
		op.stop()
	}
	return &awscfn.CancelUpdateStackOutput{}, nil
}

// updatableStack returns the stack if it may be updated, or the answer to the same
// request as before. The service is locked.
func (s *Service) updatableStack(nameOrID string, token *string) (*stack, *awscfn.UpdateStackOutput, error) {
	st, err := s.find(&nameOrID)
	if err != nil {
		return nil, nil, err
	}
	first, again, err := st.repeated(token, "UpdateStack")
	switch {
	case err != nil:
		return nil, nil, err
	case again:
		return nil, &awscfn.UpdateStackOutput{StackId: aws.String(st.id), OperationId: aws.String(first.operationID)}, nil
	case !st.updatable():
		return nil, nil, wrongState(st)
	}
	return st, nil, nil
}

// DeleteStack begins to delete a stack. Deleting a stack that is already gone
// is no error. A stack whose exports are in use is not deleted; an event says so.
func (s *Service) DeleteStack(ctx context.Context, in *awscfn.DeleteStackInput) (*awscfn.DeleteStackOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awscfn.DeleteStackOutput{}
	st := s.live(aws.ToString(in.StackName))
	if _, again, err := st.repeated(in.ClientRequestToken, "DeleteStack"); err != nil || again {
		return out, err
	}
	if st == nil || st.status == types.StackStatusDeleteInProgress {
		return out, nil
	}
	if st.protected {
		return nil, validationErrorf("Stack [%s] cannot be deleted while TerminationProtection is enabled", st.name)
	}
	force := in.DeletionMode == types.DeletionModeForceDeleteStack
	if (len(in.RetainResources) > 0 || force) && st.status != types.StackStatusDeleteFailed {
		return nil, validationErrorf("Invalid operation on stack [%s]. RetainResources and FORCE_DELETE_STACK require a stack in DELETE_FAILED state.", st.id)
	}
	previous := st.running
	if previous != nil && st.status != types.StackStatusCreateInProgress {
		return nil, validationErrorf("Stack [%s] cannot be deleted while in status %s", st.name, st.status)
	}
	if conflict := s.exportConflict(st, nil); conflict != "" {
		s.setStatus(st, nil, st.status, conflict)
		return out, nil
	}
	if previous != nil {
		previous.aborted = true
		if previous.cancel != nil {
			previous.cancel()
		}
	}
	op := &operation{stack: st, token: in.ClientRequestToken, target: st.deployment}
	if in.RoleARN != nil {
		ctx = s.withRole(ctx, *in.RoleARN)
		if op.target != nil {
			target := *op.target
			target.roleARN = in.RoleARN
			op.target = &target
		}
	}
	st.began(in.ClientRequestToken, "DeleteStack", "")
	retain := slices.Clone(in.RetainResources)
	// There is nothing to wait for: the stack may be under review, for example.
	if previous == nil && len(st.owned) == 0 {
		op.service, op.id = s, uuid.NewString()
		s.setStatus(st, op, types.StackStatusDeleteInProgress, "User Initiated")
		op.deleted()
		return out, nil
	}
	s.start(ctx, op, types.OperationTypeDeleteStack, func(ctx context.Context) {
		if previous != nil {
			<-previous.done
		}
		if force {
			op.forceDelete(ctx)
			return
		}
		op.deleteStack(ctx, retain)
	})
	s.setStatus(st, op, types.StackStatusDeleteInProgress, "User Initiated")
	return out, nil
}

// forceDelete keeps the resources whose deletion failed before.
func (op *operation) forceDelete(ctx context.Context) {
	op.service.mu.Lock()
	failed := map[string]bool{}
	for name, v := range op.stack.views {
		failed[name] = v.status == types.ResourceStatusDeleteFailed
	}
	op.service.mu.Unlock()
	op.deleteKeeping(ctx, func(r *record) bool { return r.source.deletionPolicy != "Delete" || failed[r.logicalID] })
}

// UpdateTerminationProtection turns a stack's protection from deletion on or off.
func (s *Service) UpdateTerminationProtection(_ context.Context, in *awscfn.UpdateTerminationProtectionInput) (*awscfn.UpdateTerminationProtectionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(in.StackName)
	if err != nil {
		return nil, err
	}
	if st.parent != "" {
		return nil, validationErrorf("Termination protection cannot be set on the nested stack [%s]. Set it on the root stack [%s] instead", st.id, st.root)
	}
	st.protected = aws.ToBool(in.EnableTerminationProtection)
	return &awscfn.UpdateTerminationProtectionOutput{StackId: aws.String(st.id)}, nil
}

// RollbackStack rolls a stack back to its last good state. The stack's last
// operation failed and left it where it was.
func (s *Service) RollbackStack(ctx context.Context, in *awscfn.RollbackStackInput) (*awscfn.RollbackStackOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(in.StackName)
	if err != nil {
		return nil, err
	}
	if first, again, err := st.repeated(in.ClientRequestToken, "RollbackStack"); err != nil || again {
		return &awscfn.RollbackStackOutput{StackId: aws.String(st.id), OperationId: aws.String(first.operationID)}, err
	}
	if st.status != types.StackStatusCreateFailed && st.status != types.StackStatusUpdateFailed {
		return nil, validationErrorf("Stack:%s is in %s state and can not be rolled back.", st.id, st.status)
	}
	op := s.rollback(st, in.ClientRequestToken, in.RoleARN)
	op.retainExceptOnCreate = aws.ToBool(in.RetainExceptOnCreate)
	status := types.StackStatusUpdateRollbackInProgress
	run := func(ctx context.Context) { op.rollBackUpdate(ctx, "User Initiated", nil) }
	if st.good == nil {
		status = types.StackStatusRollbackInProgress
		run = func(ctx context.Context) { op.rollBackCreation(ctx, "User Initiated") }
	}
	// The status changes before the event, so that nothing else begins meanwhile.
	st.status = status
	s.start(ctx, op, types.OperationTypeRollback, run)
	st.began(in.ClientRequestToken, "RollbackStack", op.id)
	return &awscfn.RollbackStackOutput{StackId: aws.String(st.id), OperationId: aws.String(op.id)}, nil
}

// rollback returns the operation for a rollback that a caller requested.
func (s *Service) rollback(st *stack, token, roleARN *string) *operation {
	target := *st.deployment
	if roleARN != nil {
		target.roleARN = roleARN
	}
	return &operation{stack: st, token: token, target: &target}
}

// ContinueUpdateRollback tries again to roll back a failed update. It leaves
// out the resources to skip.
func (s *Service) ContinueUpdateRollback(ctx context.Context, in *awscfn.ContinueUpdateRollbackInput) (*awscfn.ContinueUpdateRollbackOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(in.StackName)
	if err != nil {
		return nil, err
	}
	if _, again, err := st.repeated(in.ClientRequestToken, "ContinueUpdateRollback"); err != nil || again {
		return &awscfn.ContinueUpdateRollbackOutput{}, err
	}
	if st.status != types.StackStatusUpdateRollbackFailed {
		return nil, validationErrorf("Stack:%s is in %s state and can not be rolled back.", st.id, st.status)
	}
	skip := slices.Clone(in.ResourcesToSkip)
	for _, name := range skip {
		if v := st.views[name]; v == nil || v.status != types.ResourceStatusUpdateFailed {
			return nil, validationErrorf("Resource [%s] is not in UPDATE_FAILED state and can not be skipped.", name)
		}
	}
	if aws.ToBool(in.ForceRollback) {
		for _, name := range slices.Sorted(maps.Keys(st.views)) {
			if st.views[name].status == types.ResourceStatusUpdateFailed {
				skip = append(skip, name)
			}
		}
	}
	op := s.rollback(st, in.ClientRequestToken, in.RoleARN)
	st.status = types.StackStatusUpdateRollbackInProgress
	s.start(ctx, op, types.OperationTypeContinueRollback, func(ctx context.Context) { op.rollBackUpdate(ctx, "User Initiated", skip) })
	st.began(in.ClientRequestToken, "ContinueUpdateRollback", op.id)
	return &awscfn.ContinueUpdateRollbackOutput{}, nil
}
