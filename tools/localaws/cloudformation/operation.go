package cloudformation

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
	"github.com/magewright/magewright/tools/localaws/cloudformation/template"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// An operation changes one stack in the background. A stack has at most one
// operation at a time.
type operation struct {
	service *Service
	stack   *stack
	id      string
	token   *string // ClientRequestToken
	target  *deployment

	nested               bool     // the stack is a resource of another one
	nesting              *nesting // of the outermost operation
	creating             bool
	disableRollback      bool
	deleteOnFailure      bool
	retainExceptOnCreate bool
	changeSet            *changeSet

	cancel context.CancelFunc
	done   chan struct{}
	// aborted is set when someone asks to delete the stack during the
	// operation. The deletion then takes over. The service's mutex guards this field.
	aborted bool
	// stop ends the update's work on resources, before its rollback. cancelled
	// is set if a caller requested that. The mutex guards both.
	stop      context.CancelFunc
	cancelled bool
	// failed holds the failed resources; the value says whether their creation failed.
	failed map[string]bool
	why    string // the operation failed
}

// start makes op the running operation of the stack. The caller holds the
// service's lock, and keeps it until the stack's status shows the operation.
func (s *Service) start(ctx context.Context, op *operation, kind types.OperationType, run func(context.Context)) {
	op.service, op.id, op.failed, op.done = s, uuid.NewString(), map[string]bool{}, make(chan struct{})
	op.stack.running = op
	op.stack.operations = append([]types.OperationEntry{{OperationId: aws.String(op.id), OperationType: kind}}, op.stack.operations...)
	if op.target != nil && op.target.roleARN != nil {
		ctx = s.withRole(ctx, *op.target.roleARN)
	} else {
		// CloudFormation works with the permissions of its caller.
		p := principal.FromContext(ctx)
		p.Via = servicePrincipal
		ctx = principal.NewContext(ctx, p)
	}
	s.background(ctx, func(ctx context.Context) {
		defer close(op.done)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		s.mu.Lock()
		op.cancel = cancel
		aborted := op.aborted
		s.mu.Unlock()
		if !aborted {
			run(ctx)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if op.stack.running == op {
			op.stack.running = nil
		}
	})
}

// servicePrincipal is CloudFormation's name in policies.
const servicePrincipal = "cloudformation.amazonaws.com"

// checkRole refuses a service role that CloudFormation can't assume.
func (s *Service) checkRole(ctx context.Context, roleARN *string) error {
	if roleARN == nil || s.deps.Roles == nil {
		return nil
	}
	if _, err := s.deps.Roles.As(principal.Service(ctx, servicePrincipal, s.account.ID), *roleARN, "AWSCloudFormation"); err != nil {
		return validationErrorf("Role %s is invalid or cannot be assumed", *roleARN)
	}
	return nil
}

// withRole returns ctx with a session as its principal: the one that
// CloudFormation gets by assuming the stack's service role.
func (s *Service) withRole(ctx context.Context, roleARN string) context.Context {
	if s.deps.Roles != nil {
		as, err := s.deps.Roles.As(principal.Service(ctx, servicePrincipal, s.account.ID), roleARN, "AWSCloudFormation")
		if err == nil {
			return as
		}
		// The role has been deleted, or trusts CloudFormation no more, since the
		// request was checked. What follows fails for lack of permissions.
	}
	_, name, _ := strings.Cut(roleARN, ":role/")
	name = name[strings.LastIndex(name, "/")+1:]
	p := principal.FromContext(ctx)
	p.ARN = "arn:aws:sts::" + s.account.ID + ":assumed-role/" + name + "/AWSCloudFormation"
	p.Account = s.account.ID
	return principal.NewContext(ctx, p)
}

// deploy begins to create or update a stack. The caller holds the service's lock.
func (s *Service) deploy(ctx context.Context, op *operation) {
	st := op.stack
	kind, status := types.OperationTypeUpdateStack, types.StackStatusUpdateInProgress
	if op.creating {
		kind, status = types.OperationTypeCreateStack, types.StackStatusCreateInProgress
	} else {
		at := s.stamp()
		st.updated = &at
	}
	s.start(ctx, op, kind, op.run)
	st.deployment, st.disableRollback = op.target, op.disableRollback
	s.setStatus(st, op, status, "User Initiated")
}

// run brings the stack to its target, or rolls it back.
func (op *operation) run(ctx context.Context) {
	mode := stopAll
	if op.disableRollback {
		mode = skipDependents
	}
	s := op.service
	work, stop := context.WithCancel(ctx)
	defer stop()
	s.mu.Lock()
	op.stop = stop
	if op.cancelled {
		stop()
	}
	s.mu.Unlock()
	failed := walk(work, op.target.order(), func(name string) []string { return op.target.active[name].Needs }, mode, op.apply)
	s.mu.Lock()
	if op.aborted || s.life.Err() != nil {
		s.mu.Unlock()
		return
	}
	if op.cancelled && op.creating {
		s.mu.Unlock()
		op.fail(ctx, "Resource creation cancelled")
		return
	}
	if op.cancelled {
		op.why = "Resource update cancelled"
		if op.changeSet != nil {
			op.changeSet.execution = types.ExecutionStatusExecuteFailed
		}
		s.mu.Unlock()
		op.rollBackUpdate(ctx, "User Initiated", nil)
		return
	}
	reason := op.failure(failed)
	var outputs []types.Output
	if reason == "" {
		outputs, reason = op.outputs()
	}
	if reason != "" {
		s.mu.Unlock()
		op.fail(ctx, reason)
		return
	}
	st := op.stack
	st.outputs = outputs
	for name := range st.records {
		if _, stays := op.target.active[name]; !stays {
			delete(st.records, name)
		}
	}
	op.settleImports()
	before := st.good
	st.keepGood()
	if op.creating {
		op.finish(types.StackStatusCreateComplete)
		s.mu.Unlock()
		return
	}
	s.setStatus(st, op, types.StackStatusUpdateCompleteCleanupInProgress, "")
	if op.nested {
		st.pending, st.before = op, before
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	op.cleanUp(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.Err() == nil {
		op.finish(types.StackStatusUpdateComplete)
	}
}

// finish ends a successful operation. The caller holds the service's lock.
func (op *operation) finish(status types.StackStatus) {
	st := op.stack
	if op.changeSet != nil {
		op.changeSet.execution = types.ExecutionStatusExecuteComplete
	}
	for name := range st.views {
		if st.records[name] == nil {
			delete(st.views, name)
		}
	}
	op.service.setStatus(st, op, status, "")
}

// outputs evaluates the outputs. If that fails, it returns the reason. The
// caller holds the service's lock.
func (op *operation) outputs() ([]types.Output, string) {
	outputs, err := op.service.evaluateOutputs(op.target, op.value, op.service.importer(op.stack))
	if err != nil {
		return nil, message(err)
	}
	return outputs, op.service.exportConflict(op.stack, outputs)
}

// settleImports forgets the imports that the new template does not use. The
// caller holds the service's lock.
func (op *operation) settleImports() {
	used := map[string]bool{}
	note := func(name string) (any, error) {
		used[name] = true
		return op.service.importer(nil)(name)
	}
	scope := op.target.scope
	scope.Resource, scope.Import = op.value, note
	for _, a := range op.target.active {
		// An error would have shown earlier: the same properties were resolved before.
		_, _ = scope.Resolve(a.Properties)
		_, _ = scope.Resolve(a.UpdatePolicy)
	}
	_, _ = op.service.evaluateOutputs(op.target, op.value, note)
	op.stack.imports = used
}

// value returns what Ref or Fn::GetAtt yields for a resource that was applied.
// The caller holds the service's lock.
func (op *operation) value(logicalID, attribute string) (any, error) {
	r := op.stack.records[logicalID]
	if r == nil {
		return nil, &template.Error{Text: "Template error: resource " + logicalID + " does not exist"}
	}
	return r.value(attribute)
}

// failure names the failed resources, in the words of a stack's status reason.
// It is empty if none failed. The caller holds the service's lock.
func (op *operation) failure(failed []string) string {
	if len(failed) == 0 {
		return ""
	}
	var create, update []string
	for _, name := range slices.Sorted(slices.Values(failed)) {
		if op.failed[name] {
			create = append(create, name)
		} else {
			update = append(update, name)
		}
	}
	reason := ""
	if len(create) > 0 {
		reason += "The following resource(s) failed to create: [" + strings.Join(create, ", ") + "]. "
	}
	if len(update) > 0 {
		reason += "The following resource(s) failed to update: [" + strings.Join(update, ", ") + "]. "
	}
	return reason
}

// apply brings one resource to its target state. The returned error only marks
// the failure; the event describes it.
func (op *operation) apply(ctx context.Context, name string) error {
	a := op.target.active[name]
	wanted, err := op.resolve(name, a)
	s, st := op.service, op.stack
	s.mu.Lock()
	r := st.records[name]
	s.mu.Unlock()
	if r == nil {
		if err == nil {
			err = op.create(ctx, wanted, nil)
		} else {
			op.resourceFailed(wanted, true, err)
		}
		return err
	}
	if err != nil {
		op.resourceFailed(r, false, err)
		return err
	}
	typ, _ := s.deps.Types.Find(a.Type)
	changed := changedProperties(r.properties, wanted.properties)
	switch {
	case len(changed) == 0 && !r.dirty && !retagged(typ, r, op.target) && !renested(st.good.last(), op.target, name):
		same := *wanted
		same.serial, same.physicalID, same.attributes, same.tags = r.serial, r.physicalID, r.attributes, r.tags
		same.secrets = r.secrets
		if reflect.DeepEqual(same, *r) {
			return nil
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		st.records[name], st.owned[r.serial] = &same, &same
		return nil
	case typ.Update == nil, slices.ContainsFunc(changed, func(p string) bool { return slices.Contains(typ.CreateOnly, p) }):
		return op.create(ctx, wanted, r)
	}
	return op.update(ctx, wanted, r)
}

// resolve returns the record that a resource will have, without its physical id
// and attributes.
func (op *operation) resolve(name string, a template.Active) (*record, error) {
	s, st := op.service, op.stack
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := &record{logicalID: name, typ: a.Type, tags: tagMap(op.target.tags), source: sourceOf(a), assumed: op.target.assumed[name]}
	for _, need := range a.Needs {
		wanted.needs = append(wanted.needs, st.records[need].serial)
	}
	scope := op.target.scope
	scope.Resource, scope.Import = op.value, s.importer(st)
	var err error
	if wanted.properties, err = resolveObject(scope, a.Properties); err != nil {
		return wanted, err
	}
	if a.UpdatePolicy != nil {
		if wanted.updatePolicy, err = resolveObject(scope, a.UpdatePolicy); err != nil {
			return wanted, err
		}
	}
	return wanted, notSecure(securePlaces(a.Type+"/Properties", wanted.properties))
}

// request returns the request for a resource. Its maps are copies, so that a
// resource type can't change what is on record.
func (op *operation) request(r *record, old *record) *resource.Request {
	q := &resource.Request{
		StackID:      op.stack.id,
		StackName:    op.stack.name,
		LogicalID:    r.logicalID,
		Type:         r.typ,
		PhysicalID:   r.physicalID,
		Properties:   r.values(),
		UpdatePolicy: clone(r.updatePolicy),
		Tags:         maps.Clone(r.tags),
		Token:        uuid.NewString(),
	}
	if old != nil {
		q.OldProperties, q.Uncertain = old.values(), old.dirty
	}
	return q
}

// values returns the properties as a resource type gets them: with the secrets
// in the place of the references to them.
func (r *record) values() map[string]any {
	if len(r.secrets) == 0 {
		return clone(r.properties)
	}
	secrets := make([]string, 0, 2*len(r.secrets))
	for ref, value := range r.secrets {
		secrets = append(secrets, ref, value)
	}
	return mapped(r.properties, strings.NewReplacer(secrets...).Replace)
}

func clone(m map[string]any) map[string]any {
	return mapped(m, func(text string) string { return text })
}

func mapped(m map[string]any, text func(string) string) map[string]any {
	c, _ := mapTexts(m, text).(map[string]any)
	return c
}

// mapTexts returns a copy of a value with other texts.
func mapTexts(v any, text func(string) string) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = mapTexts(e, text)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = mapTexts(e, text)
		}
		return m
	case string:
		return text(v)
	}
	return v
}

// create makes a resource that is new, or that replaces old.
func (op *operation) create(ctx context.Context, wanted, old *record) error {
	s, st := op.service, op.stack
	progress, complete, reason := types.ResourceStatusCreateInProgress, types.ResourceStatusCreateComplete, ""
	if old != nil {
		progress, complete = types.ResourceStatusUpdateInProgress, types.ResourceStatusUpdateComplete
		reason = "Requested update requires the creation of a new physical resource; hence creating one."
	}
	s.mu.Lock()
	begin := *wanted
	if old != nil {
		begin.serial, begin.physicalID = old.serial, old.physicalID
	}
	s.resourceEvent(st, op, &begin, progress, reason)
	s.mu.Unlock()

	made := *wanted
	var result *resource.Result
	var err error
	release := func() {}
	made.secrets, err = s.secrets(ctx, made.properties)
	if err == nil && old == nil {
		// What becomes of the name of a replaced resource is up to its service.
		release, err = op.reserve(&made)
	}
	if err == nil {
		result, err = s.typeOf(made.typ).Create(ctx, op.request(&made, nil))
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	release()
	if result != nil && result.PhysicalID != "" {
		made.serial, made.physicalID, made.attributes = s.nextSerial(), result.PhysicalID, result.Attributes
		st.owned[made.serial] = &made
		s.resourceEvent(st, op, &made, progress, "Resource creation Initiated")
	} else if err == nil {
		err = &template.Error{Text: "the resource type returned no physical id"}
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		if old != nil && made.serial == 0 {
			made.physicalID = old.physicalID
		}
		op.resourceFailedLocked(&made, old == nil, interrupted(ctx, old == nil, err))
		return err
	}
	st.records[made.logicalID] = &made
	s.resourceEvent(st, op, &made, complete, s.notRehearsed(&made))
	return nil
}

// update changes a resource in place. If the result has another physical id,
// the type has replaced the resource instead.
func (op *operation) update(ctx context.Context, wanted, old *record) error {
	s, st := op.service, op.stack
	next := *wanted
	next.serial, next.physicalID, next.attributes = old.serial, old.physicalID, old.attributes
	s.mu.Lock()
	s.resourceEvent(st, op, &next, types.ResourceStatusUpdateInProgress, "")
	s.mu.Unlock()

	var result *resource.Result
	var err error
	if next.secrets, err = s.secrets(ctx, next.properties); err == nil {
		result, err = s.typeOf(next.typ).Update(ctx, op.request(&next, old))
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		next.take(result, s.nextSerial)
		err = ctx.Err()
	}
	if err != nil {
		next.dirty = true
	}
	st.records[next.logicalID], st.owned[next.serial] = &next, &next
	if err != nil {
		op.resourceFailedLocked(&next, false, interrupted(ctx, false, err))
		return err
	}
	s.resourceEvent(st, op, &next, types.ResourceStatusUpdateComplete, s.notRehearsed(&next))
	return nil
}

// take copies the result of an update in place into the record.
func (r *record) take(result *resource.Result, nextSerial func() int) {
	if result == nil {
		return
	}
	if result.Attributes != nil {
		r.attributes = result.Attributes
	}
	if result.PhysicalID != "" && result.PhysicalID != r.physicalID {
		r.serial, r.physicalID = nextSerial(), result.PhysicalID
	}
}

// interrupted replaces the error of a resource whose work was stopped, either
// because another resource failed or because the update was cancelled.
func interrupted(ctx context.Context, creating bool, err error) error {
	if ctx.Err() == nil {
		return err
	}
	if creating {
		return &template.Error{Text: "Resource creation cancelled"}
	}
	return &template.Error{Text: "Resource update cancelled"}
}

func (op *operation) resourceFailed(r *record, creating bool, err error) {
	op.service.mu.Lock()
	defer op.service.mu.Unlock()
	op.resourceFailedLocked(r, creating, err)
}

func (op *operation) resourceFailedLocked(r *record, creating bool, err error) {
	op.failed[r.logicalID] = creating
	status := types.ResourceStatusUpdateFailed
	if creating {
		status = types.ResourceStatusCreateFailed
	}
	op.service.resourceEvent(op.stack, op, r, status, err.Error())
}

// fail ends an operation that did not reach its target.
func (op *operation) fail(ctx context.Context, reason string) {
	s, st := op.service, op.stack
	s.mu.Lock()
	op.why = reason
	if op.changeSet != nil {
		op.changeSet.execution = types.ExecutionStatusExecuteFailed
	}
	creating := op.creating || st.good == nil
	if op.disableRollback || op.deleteOnFailure {
		status := types.StackStatusUpdateFailed
		if creating {
			status = types.StackStatusCreateFailed
		}
		s.setStatus(st, op, status, reason)
	}
	s.mu.Unlock()
	switch {
	case op.disableRollback:
	case op.deleteOnFailure && creating:
		s.mu.Lock()
		s.setStatus(st, op, types.StackStatusDeleteInProgress, "")
		s.mu.Unlock()
		op.deleteStack(ctx, nil)
	case creating:
		op.rollBackCreation(ctx, strings.TrimRight(reason, ". ")+". Rollback requested by user.")
	default:
		op.rollBackUpdate(ctx, reason, nil)
	}
}
