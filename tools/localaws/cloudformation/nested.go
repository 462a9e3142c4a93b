package cloudformation

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
	"github.com/magewright/magewright/tools/localaws/cloudformation/template"
)

// maxNesting limits how deep stacks can be nested. A template could otherwise nest itself
// without end.
const maxNesting = 20

// maxNested limits how many stacks a request can nest, because a template that nests
// another one twice doubles them with each level.
const maxNested = 200

// A nesting is what has been seen of the stacks that a request nests.
type nesting struct {
	stacks int
	// After a limit was exceeded, nothing more is examined: the first reason is enough.
	exceeded bool
}

// exceed returns the reason for which a stack is not nested.
func (n *nesting) exceed(format string, limit int) []string {
	n.exceeded = true
	return []string{fmt.Sprintf("the embedded AWS does not nest "+format, limit)}
}

// outputsAttribute begins the attributes of a nested stack.
const outputsAttribute = "Outputs."

// nestedStack is AWS::CloudFormation::Stack, a stack that is a resource of another one.
//
// If it can't be created or updated, it rolls itself back, and so does its parent. What an
// update replaced stays until the update of the parent has succeeded, so that the parent
// can still be rolled back.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html.
func (s *Service) nestedStack() resource.Type {
	return resource.Type{
		Name:       stackType,
		Properties: []string{"Parameters", "Tags", "TemplateURL"},
		Kept:       []string{"NotificationARNs", "TimeoutInMinutes"},
		Create:     s.createNested,
		Update:     s.updateNested,
		Delete:     s.deleteNested,
	}
}

// Types returns the resource types, nested stacks included.
func (s *Service) Types() resource.Registry { return s.deps.Types }

// embeddedError is the reason for which the parent of a nested stack fails. The reason of
// the nested stack may be empty.
func embeddedError(st *stack, what, reason string) error {
	return &template.Error{Text: strings.TrimSpace("Embedded stack " + st.id + " was not successfully " + what + " " + reason)}
}

// nestedName returns the name of a new nested stack: PARENT-RESOURCE-RANDOM.
func nestedName(r *resource.Request) string {
	const limit, letters = 99, 12
	room := limit - letters - 2
	logical := r.LogicalID[:min(len(r.LogicalID), max(room/2, room-len(r.StackName)))]
	return r.StackName[:min(len(r.StackName), room-len(logical))] + "-" + logical + "-" + rand.Text()[:letters]
}

// nestedProposal returns what a resource asks of its stack. Parameters whose values are
// not known yet have none.
func nestedProposal(operation string, properties map[string]any, inherited []types.Tag) proposal {
	p := proposal{operation: operation, undecided: map[string]bool{}, tags: []types.Tag{}}
	if location, ok := properties["TemplateURL"].(string); ok {
		p.templateURL = &location
	}
	parameters, _ := properties["Parameters"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		if template.HasUnknown(parameters[name]) {
			p.undecided[name] = true
			continue
		}
		p.parameters = append(p.parameters, types.Parameter{ParameterKey: aws.String(name), ParameterValue: aws.String(parameterText(parameters[name]))})
	}
	all := tagMap(inherited)
	own, _ := properties["Tags"].([]any)
	for _, t := range own {
		tag, _ := t.(map[string]any)
		key, _ := tag["Key"].(string)
		value, _ := tag["Value"].(string)
		all[key] = value
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		p.tags = append(p.tags, types.Tag{Key: aws.String(key), Value: aws.String(all[key])})
	}
	return p
}

// parameterText returns the text of a parameter's value. That of a list has commas.
func parameterText(v any) string {
	list, ok := v.([]any)
	if !ok {
		text, _ := shown(v).(string)
		return text
	}
	texts := make([]string, len(list))
	for i, e := range list {
		texts[i], _ = shown(e).(string)
	}
	return strings.Join(texts, ",")
}

// parentOf returns the stack to which a nested stack belongs, with its operation. The
// caller holds the service's lock.
func (s *Service) parentOf(r *resource.Request) (*stack, *operation, error) {
	parent := s.existing(r.StackID)
	if parent == nil || parent.running == nil {
		return nil, nil, stackDoesNotExist(r.StackID)
	}
	return parent, parent.running, nil
}

// nested returns the proposal of a resource, with what its stack inherits.
func (s *Service) nested(operation string, r *resource.Request) (proposal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	parent, op, err := s.parentOf(r)
	if err != nil {
		return proposal{}, err
	}
	p := nestedProposal(operation, r.Properties, op.target.tags)
	p.capabilities, p.roleARN = op.target.capabilities, op.target.roleARN
	for above := parent; above != nil; above = s.existing(above.parent) {
		p.depth++
	}
	return p, nil
}

func (s *Service) createNested(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	p, err := s.nested("CreateStack", r)
	if err != nil {
		return nil, plain(err)
	}
	p.stackName = nestedName(r)
	p.stackID = s.newStackID(p.stackName)
	if err := s.authorize(ctx, p.operation, &awscfn.CreateStackInput{StackName: &p.stackName, TemplateURL: p.templateURL}); err != nil {
		return nil, plain(err)
	}
	target, err := s.prepare(ctx, p)
	if err != nil {
		return nil, plain(err)
	}
	s.mu.Lock()
	parent, above, err := s.parentOf(r)
	if err != nil {
		s.mu.Unlock()
		return nil, plain(err)
	}
	seen := above.counting()
	if seen.stacks++; seen.stacks > maxNested {
		reason := seen.exceed("more than %d stacks", maxNested)[0]
		s.mu.Unlock()
		return nil, &template.Error{Text: reason}
	}
	st := s.addStack(p.stackName, p.stackID)
	st.parent, st.root = parent.id, cmp.Or(parent.root, parent.id)
	op := &operation{
		stack: st, target: target, token: above.token, creating: true, nested: true, nesting: seen,
		disableRollback: above.disableRollback, retainExceptOnCreate: above.retainExceptOnCreate,
	}
	s.deploy(ctx, op)
	s.mu.Unlock()
	s.await(ctx, op)
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.status != types.StackStatusCreateComplete {
		return st.result(), embeddedError(st, "created:", op.why)
	}
	return st.result(), nil
}

// counting returns the count of the stacks that the outermost operation has nested. The
// caller holds the service's lock.
func (op *operation) counting() *nesting {
	if op.nesting == nil {
		op.nesting = &nesting{}
	}
	return op.nesting
}

// plain returns an error that has only its text.
func plain(err error) error { return &template.Error{Text: message(err)} }

// authorize asks whether the principal of ctx may call an operation.
func (s *Service) authorize(ctx context.Context, operation string, in any) error {
	if s.deps.Authorize == nil {
		return nil
	}
	return s.deps.Authorize(ctx, operation, in)
}

// await waits for the end of a nested stack's operation. If ctx ends, the operation stops
// and rolls back.
func (s *Service) await(ctx context.Context, op *operation) {
	select {
	case <-op.done:
		return
	case <-s.life.Done():
		return
	case <-ctx.Done():
	}
	s.mu.Lock()
	op.cancelled = true
	if op.stop != nil {
		op.stop()
	}
	s.mu.Unlock()
	select {
	case <-op.done:
	case <-s.life.Done():
	}
}

// result returns a nested stack as a resource of its parent. The caller holds the
// service's lock.
func (st *stack) result() *resource.Result {
	result := &resource.Result{PhysicalID: st.id, Attributes: map[string]any{}}
	for _, o := range st.outputs {
		result.Attributes[outputsAttribute+*o.OutputKey] = aws.ToString(o.OutputValue)
	}
	return result
}

func (s *Service) updateNested(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	s.mu.Lock()
	st := s.live(r.PhysicalID)
	s.mu.Unlock()
	if st == nil {
		return nil, plain(stackDoesNotExist(r.PhysicalID))
	}
	if r.Rollback {
		if result, done, err := s.rollBackNested(ctx, st); done {
			return result, err
		}
	} else {
		s.settleNested(ctx, st)
	}
	p, err := s.nested("UpdateStack", r)
	if err != nil {
		return nil, plain(err)
	}
	if err := s.authorize(ctx, p.operation, &awscfn.UpdateStackInput{StackName: &st.id, TemplateURL: p.templateURL}); err != nil {
		return nil, plain(err)
	}
	s.mu.Lock()
	p.stackName, p.stackID, p.previous = st.name, st.id, st.deployment
	s.mu.Unlock()
	target, err := s.prepare(ctx, p)
	if err != nil {
		return nil, plain(err)
	}
	op, err := s.beginNested(ctx, st, target, r)
	if err != nil {
		return nil, plain(err)
	}
	if op != nil {
		s.await(ctx, op)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if op != nil && st.pending != op {
		return st.result(), embeddedError(st, "updated. Currently in UPDATE_ROLLBACK_IN_PROGRESS with reason:", op.why)
	}
	return st.result(), nil
}

// beginNested begins to update a nested stack. The operation is nil if nothing changes.
func (s *Service) beginNested(ctx context.Context, st *stack, target *deployment, r *resource.Request) (*operation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, above, err := s.parentOf(r)
	switch {
	case err != nil:
		return nil, err
	case !st.updatable():
		return nil, wrongState(st)
	}
	if err := st.sameTypes(target); err != nil {
		return nil, err
	}
	if _, changed, err := s.plan(st, target); err != nil || !changed {
		return nil, err
	}
	op := &operation{
		stack: st, target: target, token: above.token, nested: true, nesting: above.counting(),
		disableRollback: above.disableRollback, retainExceptOnCreate: above.retainExceptOnCreate,
	}
	s.deploy(ctx, op)
	return op, nil
}

// rollBackNested returns a nested stack to the state before the update of its parent. It
// reports whether that is done.
func (s *Service) rollBackNested(ctx context.Context, st *stack) (result *resource.Result, done bool, err error) {
	s.mu.Lock()
	switch {
	case st.pending != nil:
		st.good, st.pending, st.before = st.before, nil, nil
	case st.status == types.StackStatusUpdateRollbackComplete:
		// It has rolled itself back.
		defer s.mu.Unlock()
		return st.result(), true, nil
	case st.status != types.StackStatusUpdateRollbackFailed && st.status != types.StackStatusUpdateFailed:
		s.mu.Unlock()
		return nil, false, nil
	}
	op := s.rollback(st, nil, nil)
	op.nested = true
	st.status = types.StackStatusUpdateRollbackInProgress
	s.start(ctx, op, types.OperationTypeRollback, func(ctx context.Context) { op.rollBackUpdate(ctx, "", nil) })
	s.mu.Unlock()
	s.await(ctx, op)
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.status != types.StackStatusUpdateRollbackComplete {
		return nil, true, embeddedError(st, "updated. Currently in "+string(st.status)+" with reason:", st.reason)
	}
	return st.result(), true, nil
}

// settleNested ends the update of a nested stack whose parent no longer needs what it
// replaced.
func (s *Service) settleNested(ctx context.Context, st *stack) {
	s.mu.Lock()
	op := st.pending
	st.pending, st.before = nil, nil
	s.mu.Unlock()
	if op == nil {
		return
	}
	op.cleanUp(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.Err() == nil {
		op.finish(types.StackStatusUpdateComplete)
	}
}

// settleChildren ends the updates of the stacks that are nested in the operation's stack.
func (op *operation) settleChildren(ctx context.Context) {
	s := op.service
	s.mu.Lock()
	var children []*stack
	for _, st := range s.stacks {
		if st.parent == op.stack.id && st.pending != nil {
			children = append(children, st)
		}
	}
	s.mu.Unlock()
	for _, st := range children {
		s.settleNested(ctx, st)
	}
}

func (s *Service) deleteNested(ctx context.Context, r *resource.Request) error {
	in := &awscfn.DeleteStackInput{StackName: &r.PhysicalID}
	if err := s.authorize(ctx, "DeleteStack", in); err != nil {
		return plain(err)
	}
	if _, err := s.DeleteStack(ctx, in); err != nil {
		return plain(err)
	}
	s.mu.Lock()
	st := s.existing(r.PhysicalID)
	var op *operation
	if st != nil {
		op = st.running
	}
	s.mu.Unlock()
	if st == nil {
		return nil
	}
	if op != nil {
		select {
		case <-op.done:
		case <-s.life.Done():
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.status != types.StackStatusDeleteComplete {
		return embeddedError(st, "deleted:", st.reason)
	}
	return nil
}

// examineNested returns why a nested stack can't be created, as far as its template and
// its parameters are known. It notes the text of the template.
func (s *Service) examineNested(ctx context.Context, d *deployment, p proposal, name string, properties map[string]any) []string {
	inner := nestedProposal("CreateStack", properties, d.tags)
	inner.nesting = p.nesting
	if p.nesting.exceeded {
		return nil
	}
	if inner.depth = p.depth + 1; inner.depth > maxNesting {
		return p.nesting.exceed("stacks deeper than %d levels", maxNesting)
	}
	if p.nesting.stacks++; p.nesting.stacks > maxNested {
		return p.nesting.exceed("more than %d stacks", maxNested)
	}
	if inner.templateURL == nil {
		if _, given := properties["TemplateURL"]; !given {
			return []string{"Properties validation failed for resource " + name + " with message: [#: required key [TemplateURL] not found]"}
		}
		return nil
	}
	r := &resource.Request{StackName: p.stackName, LogicalID: name}
	inner.stackName = nestedName(r)
	inner.stackID = s.newStackID(inner.stackName)
	inner.capabilities, inner.roleARN = p.capabilities, d.roleARN
	inside := "nested stack " + *inner.templateURL + ": "
	target, err := s.prepare(ctx, inner)
	if err != nil {
		return []string{inside + message(err)}
	}
	text := target.template.Text
	for _, child := range slices.Sorted(maps.Keys(target.nested)) {
		text += "\n" + child + "\n" + target.nested[child]
	}
	d.nested[name] = text
	var refused []string
	for _, ref := range d.references() {
		output, ok := strings.CutPrefix(ref.Attribute, outputsAttribute)
		if _, has := target.template.Outputs[output]; ref.Name == name && ok && !has {
			refused = append(refused, inside+"Fn::GetAtt refers to the output "+output+", which the template does not have")
		}
	}
	return refused
}

// references returns what the active resources and outputs refer to.
func (d *deployment) references() []template.Reference {
	var all []any
	for _, a := range d.active {
		all = append(all, a.Properties, a.UpdatePolicy)
	}
	for _, o := range d.outputs {
		all = append(all, o.Value)
	}
	return template.References(all)
}

// checkUndecided checks a template whose conditions depend on what is not known yet: the
// types and properties of those resources that exist in any case.
func (s *Service) checkUndecided(d *deployment) error {
	d.active = map[string]template.Active{}
	for name, r := range d.template.Resources {
		if r.Condition != "" {
			continue
		}
		properties := maps.Clone(r.Properties)
		maps.DeleteFunc(properties, func(_ string, v any) bool {
			m, _ := v.(map[string]any)
			return m["Fn::If"] != nil
		})
		r.Properties = properties
		d.active[name] = template.Active{Resource: r}
	}
	return s.checkTypes(d)
}

// renested reports whether the template of a nested stack differs between two deployments.
func renested(before, after *deployment, name string) bool {
	return before != nil && before.nested[name] != after.nested[name]
}

// undecided reports whether an error is about what is not known yet.
func undecided(err error) bool { return errors.Is(err, template.ErrUndecided) }
