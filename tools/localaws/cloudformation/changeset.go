package cloudformation

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/paging"
)

const noChanges = "The submitted information didn't contain changes. Submit different information to create a change set."

// A changeSet is guarded by the mutex of its service.
type changeSet struct {
	token       *string // of the request
	id, name    string
	description *string
	created     time.Time
	status      types.ChangeSetStatus
	reason      string
	execution   types.ExecutionStatus
	target      *deployment
	changes     []types.Change
	onFailure   types.OnStackFailure
	nested      *bool // IncludeNestedStacks
	imports     *bool // ImportExistingResources
}

// executed reports whether the change set was executed, successfully or not.
func (c *changeSet) executed() bool {
	return c.execution == types.ExecutionStatusExecuteComplete || c.execution == types.ExecutionStatusExecuteFailed
}

// changeSet finds a change set by name or id. If it is found by id, the stack
// may be nil. The caller holds the service's lock.
func (s *Service) changeSet(stackName *string, nameOrID string) (*stack, *changeSet, error) {
	stacks := s.stacks
	if aws.ToString(stackName) != "" {
		st, err := s.find(stackName)
		if err != nil {
			return nil, nil, err
		}
		stacks = []*stack{st}
	}
	for _, st := range stacks {
		for _, c := range slices.Backward(st.changeSets) {
			if c.id == nameOrID || c.name == nameOrID && stackName != nil {
				return st, c, nil
			}
		}
	}
	return nil, nil, changeSetNotFound(nameOrID)
}

// CreateChangeSet checks the proposal at once and computes the changes in the
// background.
func (s *Service) CreateChangeSet(ctx context.Context, in *awscfn.CreateChangeSetInput) (*awscfn.CreateChangeSetOutput, error) {
	switch {
	case in.ChangeSetType == types.ChangeSetTypeImport, len(in.ResourcesToImport) > 0:
		return nil, unsupported("CreateChangeSet", "importing resources")
	case in.DeploymentMode != "":
		return nil, unsupported("CreateChangeSet", "DeploymentMode "+string(in.DeploymentMode))
	}
	if err := checkNameOrARN("stackName", aws.ToString(in.StackName)); err != nil {
		return nil, err
	}
	if err := checkName("changeSetName", aws.ToString(in.ChangeSetName)); err != nil {
		return nil, err
	}
	creating := in.ChangeSetType == types.ChangeSetTypeCreate
	s.mu.Lock()
	if again := s.proposed(in); again != nil {
		s.mu.Unlock()
		return again, nil
	}
	stackID, previous, err := s.changeable(in, creating)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	name := nameOf(*in.StackName)
	target, err := s.prepare(ctx, proposal{
		operation: "CreateChangeSet", stackName: name, stackID: stackID,
		templateBody: in.TemplateBody, templateURL: in.TemplateURL, usePrevious: aws.ToBool(in.UsePreviousTemplate),
		parameters: in.Parameters, tags: in.Tags, capabilities: in.Capabilities, roleARN: in.RoleARN,
		config: in.DeploymentConfig, notifications: in.NotificationARNs, rollback: in.RollbackConfiguration,
		resourceTypes: in.ResourceTypes, previous: previous,
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// Check again: another request may have changed the stack in the meantime.
	if again := s.proposed(in); again != nil {
		return again, nil
	}
	if again, _, err := s.changeable(in, creating); err != nil {
		return nil, err
	} else if st := s.live(again); st != nil && again != stackID {
		return nil, wrongState(st)
	}
	st := s.live(stackID)
	if st == nil {
		st = s.addStack(name, stackID)
		s.setStatus(st, nil, types.StackStatusReviewInProgress, "User Initiated")
	}
	if err := st.sameTypes(target); err != nil {
		return nil, err
	}
	c := &changeSet{
		id:          s.account.ARN("cloudformation", "changeSet/"+*in.ChangeSetName+"/"+uuid.NewString()),
		name:        *in.ChangeSetName,
		token:       in.ClientToken,
		description: in.Description,
		created:     s.stamp(),
		status:      types.ChangeSetStatusCreatePending,
		execution:   types.ExecutionStatusUnavailable,
		target:      target,
		onFailure:   in.OnStackFailure,
		nested:      in.IncludeNestedStacks,
		imports:     in.ImportExistingResources,
	}
	st.changeSets = append(slices.DeleteFunc(st.changeSets, func(old *changeSet) bool { return old.name == c.name }), c)
	s.background(ctx, func(context.Context) { s.fill(st, c) })
	return &awscfn.CreateChangeSetOutput{Id: aws.String(c.id), StackId: aws.String(st.id)}, nil
}

// proposed returns the answer to the same request as before, or nil. The caller holds the
// service's lock.
func (s *Service) proposed(in *awscfn.CreateChangeSetInput) *awscfn.CreateChangeSetOutput {
	st := s.live(*in.StackName)
	if st == nil || in.ClientToken == nil {
		return nil
	}
	for _, c := range st.changeSets {
		if c.name == *in.ChangeSetName && aws.ToString(c.token) == *in.ClientToken {
			return &awscfn.CreateChangeSetOutput{Id: aws.String(c.id), StackId: aws.String(st.id)}
		}
	}
	return nil
}

// changeable returns the id that the change set's stack has or will have, and
// its present deployment. It returns an error if such a change set can't be
// created. The caller holds the service's lock.
func (s *Service) changeable(in *awscfn.CreateChangeSetInput, creating bool) (string, *deployment, error) {
	st := s.live(*in.StackName)
	switch {
	case st == nil && creating && namePattern.MatchString(*in.StackName):
		return s.newStackID(nameOf(*in.StackName)), nil, nil
	case st == nil:
		return "", nil, stackDoesNotExist(*in.StackName)
	case creating && st.status != types.StackStatusReviewInProgress:
		return "", nil, validationErrorf("Stack [%s] already exists and cannot be created again with the changeSet [%s].", st.name, *in.ChangeSetName)
	case !creating && !st.updatable():
		return "", nil, wrongState(st)
	}
	for _, c := range st.changeSets {
		if c.name == *in.ChangeSetName && !c.executed() {
			return "", nil, alreadyExists("ChangeSet %s cannot be created because a change set with this name already exists for stack %s", c.name, st.id)
		}
	}
	return st.id, st.deployment, nil
}

// fill computes the changes of a change set.
func (s *Service) fill(st *stack, c *changeSet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changes, changed, err := s.plan(st, c.target)
	switch {
	case err != nil:
		c.status, c.reason = types.ChangeSetStatusFailed, message(err)
	case !changed:
		c.status, c.reason = types.ChangeSetStatusFailed, noChanges
	default:
		c.status, c.execution, c.changes = types.ChangeSetStatusCreateComplete, types.ExecutionStatusAvailable, changes
	}
}

// changesPerPage is how many changes one answer of DescribeChangeSet holds.
const changesPerPage = 100

// DescribeChangeSet returns a change set and a page of its changes.
func (s *Service) DescribeChangeSet(_ context.Context, in *awscfn.DescribeChangeSetInput) (*awscfn.DescribeChangeSetOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, c, err := s.changeSet(in.StackName, aws.ToString(in.ChangeSetName))
	if err != nil {
		return nil, err
	}
	changes, next, err := page(c.changes, in.NextToken, changesPerPage)
	if err != nil {
		return nil, err
	}
	changes = slices.Clone(changes)
	if !aws.ToBool(in.IncludePropertyValues) {
		for i := range changes {
			changes[i] = withoutValues(changes[i])
		}
	}
	return &awscfn.DescribeChangeSetOutput{
		Capabilities:            c.target.capabilities,
		ChangeSetId:             aws.String(c.id),
		ChangeSetName:           aws.String(c.name),
		Changes:                 changes,
		CreationTime:            aws.Time(c.created),
		DeploymentConfig:        c.target.config,
		Description:             c.description,
		ExecutionStatus:         c.execution,
		ImportExistingResources: c.imports,
		IncludeNestedStacks:     c.nested,
		NextToken:               next,
		OnStackFailure:          c.onFailure,
		Parameters:              c.target.shownParameters(),
		StackId:                 aws.String(st.id),
		StackName:               aws.String(st.name),
		Status:                  c.status,
		StatusReason:            optional(c.reason),
		Tags:                    c.target.tags,
	}, nil
}

// withoutValues returns a change without the values that IncludePropertyValues adds.
func withoutValues(c types.Change) types.Change {
	r := *c.ResourceChange
	r.BeforeContext, r.AfterContext = nil, nil
	r.Details = slices.Clone(r.Details)
	for i, d := range r.Details {
		t := *d.Target
		t.Path, t.BeforeValue, t.AfterValue, t.AttributeChangeType = nil, nil, nil, ""
		r.Details[i].Target = &t
	}
	c.ResourceChange = &r
	return c
}

// ListChangeSets returns a stack's change sets.
func (s *Service) ListChangeSets(_ context.Context, in *awscfn.ListChangeSetsInput) (*awscfn.ListChangeSetsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(in.StackName)
	if err != nil {
		return nil, err
	}
	out := &awscfn.ListChangeSetsOutput{}
	for _, c := range st.changeSets {
		out.Summaries = append(out.Summaries, types.ChangeSetSummary{
			ChangeSetId:             aws.String(c.id),
			ChangeSetName:           aws.String(c.name),
			CreationTime:            aws.Time(c.created),
			Description:             c.description,
			ExecutionStatus:         c.execution,
			ImportExistingResources: c.imports,
			IncludeNestedStacks:     c.nested,
			StackId:                 aws.String(st.id),
			StackName:               aws.String(st.name),
			Status:                  c.status,
			StatusReason:            optional(c.reason),
		})
	}
	return out, nil
}

// DeleteChangeSet deletes a change set at once. Deleting one that is already
// gone is no error.
func (s *Service) DeleteChangeSet(_ context.Context, in *awscfn.DeleteChangeSetInput) (*awscfn.DeleteChangeSetOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := aws.ToString(in.StackName)
	if name != "" && s.live(name) == nil {
		return nil, stackDoesNotExist(name)
	}
	st, c, _ := s.changeSet(in.StackName, aws.ToString(in.ChangeSetName))
	if c == nil {
		return &awscfn.DeleteChangeSetOutput{}, nil
	}
	if c.execution == types.ExecutionStatusExecuteInProgress {
		return nil, &types.InvalidChangeSetStatusException{Message: aws.String("ChangeSet [" + c.id + "] cannot be deleted in status [" + string(c.execution) + "]")}
	}
	st.changeSets = slices.DeleteFunc(st.changeSets, func(other *changeSet) bool { return other == c })
	return &awscfn.DeleteChangeSetOutput{}, nil
}

// ExecuteChangeSet begins to carry out a change set. It deletes the stack's
// other change sets, because they describe changes to a state that is about to
// be replaced.
func (s *Service) ExecuteChangeSet(ctx context.Context, in *awscfn.ExecuteChangeSetInput) (*awscfn.ExecuteChangeSetOutput, error) {
	op, err := s.executeChangeSet(ctx, in)
	if err != nil || op == nil {
		return &awscfn.ExecuteChangeSetOutput{}, err
	}
	// The CDK CLI first asks whether the stack is finished, and then sleeps for
	// five seconds. Most stacks finish within a moment, so a slightly delayed
	// answer saves the CLI that sleep.
	wait := s.limits.NewTimer(s.deps.AnswerTime)
	defer wait.Stop()
	select {
	case <-op.done:
	case <-wait.C():
	case <-ctx.Done():
	}
	return &awscfn.ExecuteChangeSetOutput{}, nil
}

// executeChangeSet begins the change. The operation is nil if the same request has
// begun it before.
func (s *Service) executeChangeSet(ctx context.Context, in *awscfn.ExecuteChangeSetInput) (*operation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, c, err := s.changeSet(in.StackName, aws.ToString(in.ChangeSetName))
	if err != nil {
		return nil, err
	}
	if _, again, err := st.repeated(in.ClientRequestToken, "ExecuteChangeSet"); err != nil || again {
		return nil, err
	}
	if c.status != types.ChangeSetStatusCreateComplete || c.execution != types.ExecutionStatusAvailable {
		status := string(c.status)
		if c.status == types.ChangeSetStatusCreateComplete {
			status = string(c.execution)
		}
		return nil, &types.InvalidChangeSetStatusException{Message: aws.String("ChangeSet [" + c.id + "] cannot be executed in its current status of [" + status + "]")}
	}
	if st.status != types.StackStatusReviewInProgress && !st.updatable() {
		return nil, wrongState(st)
	}
	c.execution = types.ExecutionStatusExecuteInProgress
	st.changeSets, st.changeSetID = []*changeSet{c}, aws.String(c.id)
	op := &operation{
		stack: st, target: c.target, token: in.ClientRequestToken, changeSet: c,
		creating:             st.status == types.StackStatusReviewInProgress,
		disableRollback:      aws.ToBool(in.DisableRollback) || c.onFailure == types.OnStackFailureDoNothing,
		deleteOnFailure:      c.onFailure == types.OnStackFailureDelete,
		retainExceptOnCreate: aws.ToBool(in.RetainExceptOnCreate),
	}
	s.deploy(ctx, op)
	st.began(in.ClientRequestToken, "ExecuteChangeSet", op.id)
	return op, nil
}

// page returns a part of a list, and the token for the next part. The token is
// the position at which the next part begins. It stays valid as long as the
// list only grows at its end.
func page[T any](all []T, token *string, size int) ([]T, *string, error) {
	items, next, ok := paging.Of(all, token, size)
	if !ok {
		return nil, nil, validationErrorf("Invalid NextToken: %s", *token)
	}
	return items, next, nil
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return aws.String(text)
}
