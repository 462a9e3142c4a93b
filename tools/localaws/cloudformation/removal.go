package cloudformation

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/template"
)

// remove deletes the resources of the records, each after those that depend on
// it. It returns the failed ones, and those left in place because a failed one
// needs them.
func (op *operation) remove(ctx context.Context, records []*record, keep func(*record) bool) (failed, left []*record) {
	s, st := op.service, op.stack
	// The newest comes first. Where dependencies form a cycle, the resource
	// created last is therefore deleted first.
	slices.SortFunc(records, func(a, b *record) int { return b.serial - a.serial })
	dependents := map[int][]*record{}
	for _, r := range records {
		for _, need := range r.needs {
			dependents[need] = append(dependents[need], r)
		}
	}
	failed = walk(ctx, records, func(r *record) []*record { return dependents[r.serial] }, skipDependents,
		func(ctx context.Context, r *record) error {
			if keep(r) {
				s.mu.Lock()
				defer s.mu.Unlock()
				delete(st.owned, r.serial)
				s.resourceEvent(st, op, r, types.ResourceStatusDeleteSkipped, "")
				return nil
			}
			return op.removeOne(ctx, r)
		})
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		if _, there := st.owned[r.serial]; there {
			left = append(left, r)
		}
	}
	return failed, left
}

func (op *operation) removeOne(ctx context.Context, r *record) error {
	s, st := op.service, op.stack
	s.mu.Lock()
	s.resourceEvent(st, op, r, types.ResourceStatusDeleteInProgress, "")
	s.mu.Unlock()
	err := s.typeOf(r.typ).Delete(ctx, op.request(r, nil))
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.resourceEvent(st, op, r, types.ResourceStatusDeleteFailed, err.Error())
		return err
	}
	delete(st.owned, r.serial)
	s.resourceEvent(st, op, r, types.ResourceStatusDeleteComplete, "")
	return nil
}

// misplaced returns the resources that exist but no longer belong to the stack.
func (op *operation) misplaced() []*record {
	op.service.mu.Lock()
	defer op.service.mu.Unlock()
	st := op.stack
	var records []*record
	for serial, r := range st.owned {
		if current := st.records[r.logicalID]; current == nil || current.serial != serial {
			records = append(records, r)
		}
	}
	return records
}

// forget gives up the resources that could not be cleaned up, as CloudFormation does.
func (op *operation) forget(records []*record) {
	op.service.mu.Lock()
	defer op.service.mu.Unlock()
	for _, r := range records {
		delete(op.stack.owned, r.serial)
	}
}

// cleanUp runs after an update. It deletes the resources that were replaced or
// removed from the template.
func (op *operation) cleanUp(ctx context.Context) {
	st := op.stack
	_, left := op.remove(ctx, op.misplaced(), func(r *record) bool {
		op.service.mu.Lock()
		defer op.service.mu.Unlock()
		if current := st.records[r.logicalID]; current != nil {
			return current.source.updateReplacePolicy == template.Retain
		}
		return r.source.deletionPolicy != template.Delete
	})
	op.forget(left)
	op.settleChildren(ctx)
}

// survivesRollback reports whether a resource survives the rollback of the
// operation that created it.
func (op *operation) survivesRollback(r *record) bool {
	return r.source.deletionPolicy == template.Retain && !op.retainExceptOnCreate
}

// rollBackCreation deletes what a failed creation has created.
func (op *operation) rollBackCreation(ctx context.Context, reason string) {
	s, st := op.service, op.stack
	s.mu.Lock()
	s.setStatus(st, op, types.StackStatusRollbackInProgress, reason)
	clear(st.records)
	st.imports = map[string]bool{}
	s.mu.Unlock()
	failed, _ := op.remove(ctx, op.misplaced(), op.survivesRollback)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.life.Err() != nil:
	case len(failed) > 0:
		s.setStatus(st, op, types.StackStatusRollbackFailed, notDeleted(failed))
	default:
		s.setStatus(st, op, types.StackStatusRollbackComplete, "")
	}
}

func notDeleted(failed []*record) string {
	var names []string
	for _, r := range failed {
		names = append(names, r.logicalID)
	}
	slices.Sort(names)
	return "The following resource(s) failed to delete: [" + strings.Join(slices.Compact(names), ", ") + "]. "
}

// rollBackUpdate returns the stack to its last good state. It first reverts
// updates and replacements in reverse order, so that each resource returns
// while what it needs still exists. Then it deletes what the update created.
// Resources to skip count as rolled back.
func (op *operation) rollBackUpdate(ctx context.Context, reason string, skip []string) {
	s, st := op.service, op.stack
	s.mu.Lock()
	s.setStatus(st, op, types.StackStatusUpdateRollbackInProgress, reason)
	good := st.good
	var revert []string
	for name, g := range good.records {
		if st.records[name] != g || st.unfinished(name) {
			revert = append(revert, name)
		}
	}
	slices.Sort(revert)
	dependents := map[string][]string{}
	for name, a := range st.deployment.active {
		for _, need := range a.Needs {
			dependents[need] = append(dependents[need], name)
		}
	}
	s.mu.Unlock()
	failed := walk(ctx, revert, func(name string) []string { return dependents[name] }, skipDependents,
		func(ctx context.Context, name string) error {
			return op.revert(ctx, name, slices.Contains(skip, name))
		})
	s.mu.Lock()
	if s.life.Err() != nil {
		s.mu.Unlock()
		return
	}
	if len(failed) > 0 {
		slices.Sort(failed)
		s.setStatus(st, op, types.StackStatusUpdateRollbackFailed, "The following resource(s) failed to update: ["+strings.Join(failed, ", ")+"]. ")
		s.mu.Unlock()
		return
	}
	for name := range st.records {
		if good.records[name] == nil {
			delete(st.records, name)
		}
	}
	st.deployment, st.outputs, st.imports = good.deployment, good.outputs, good.imports
	st.keepGood()
	s.setStatus(st, op, types.StackStatusUpdateRollbackCompleteCleanupInProgress, "")
	s.mu.Unlock()
	_, left := op.remove(ctx, op.misplaced(), op.survivesRollback)
	op.forget(left)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.Err() != nil {
		return
	}
	for name := range st.views {
		if st.records[name] == nil {
			delete(st.views, name)
		}
	}
	s.setStatus(st, op, types.StackStatusUpdateRollbackComplete, "")
}

// unfinished reports whether the last event of a resource is a failure that the
// rollback has to undo.
func (st *stack) unfinished(name string) bool {
	v := st.views[name]
	return v != nil && v.status == types.ResourceStatusUpdateFailed
}

// revert returns one resource to its good record.
func (op *operation) revert(ctx context.Context, name string, skip bool) error {
	s, st := op.service, op.stack
	s.mu.Lock()
	good, current := st.good.records[name], st.records[name]
	inPlace := current != nil && current.serial == good.serial && current != good
	if inPlace && !skip && !current.dirty && good.typ != stackType && len(changedProperties(good.properties, current.properties)) == 0 &&
		!retagged(s.typeOf(good.typ), current, st.good.deployment) {
		inPlace = false
		// Only attributes of the template differ.
		if !st.unfinished(name) {
			st.records[name], st.owned[good.serial] = good, good
			s.mu.Unlock()
			return nil
		}
	}
	if !inPlace || skip {
		reason := ""
		if skip {
			reason = "Resource skipped during UpdateRollback"
		}
		st.records[name], st.owned[good.serial] = good, good
		s.resourceEvent(st, op, good, types.ResourceStatusUpdateComplete, reason)
		s.mu.Unlock()
		return nil
	}
	s.resourceEvent(st, op, good, types.ResourceStatusUpdateInProgress, "")
	s.mu.Unlock()

	request := op.request(good, current)
	request.Rollback = true
	result, err := s.typeOf(good.typ).Update(ctx, request)

	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.resourceEvent(st, op, good, types.ResourceStatusUpdateFailed, err.Error())
		return err
	}
	next := *good
	next.take(result, s.nextSerial)
	st.records[name], st.owned[next.serial] = &next, &next
	st.good.records[name] = &next
	s.resourceEvent(st, op, &next, types.ResourceStatusUpdateComplete, s.notRehearsed(&next))
	return nil
}

// deleteStack deletes all resources of a stack that is DELETE_IN_PROGRESS.
func (op *operation) deleteStack(ctx context.Context, retain []string) {
	op.deleteKeeping(ctx, func(r *record) bool {
		return r.source.deletionPolicy != template.Delete || slices.Contains(retain, r.logicalID)
	})
}

func (op *operation) deleteKeeping(ctx context.Context, keep func(*record) bool) {
	s, st := op.service, op.stack
	s.mu.Lock()
	clear(st.records)
	s.mu.Unlock()
	failed, left := op.remove(ctx, op.misplaced(), keep)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.Err() != nil {
		return
	}
	if len(failed) > 0 {
		for _, r := range left {
			st.records[r.logicalID] = r
		}
		s.setStatus(st, op, types.StackStatusDeleteFailed, notDeleted(failed))
		return
	}
	op.deleted()
}

// deleted marks a stack that has no resources left as deleted. The caller holds
// the service's lock.
func (op *operation) deleted() {
	st := op.stack
	op.service.setStatus(st, op, types.StackStatusDeleteComplete, "")
	st.deleted = aws.Time(op.service.stamped)
	st.outputs, st.imports, st.changeSets = nil, nil, nil
}
