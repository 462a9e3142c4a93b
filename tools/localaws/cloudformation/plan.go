package cloudformation

import (
	"maps"
	"reflect"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
	"github.com/magewright/magewright/tools/localaws/cloudformation/template"
)

// A planner computes what a deployment would change in a stack, as far as that
// can be known in advance.
type planner struct {
	service *Service
	stack   *stack
	target  *deployment
	// replaced says how certain it is that a resource gets a new physical id.
	// The value is "False" for a resource that is changed in place.
	replaced map[string]types.Replacement
	changes  map[string]types.Change
}

// plan returns the changes of resources, sorted by logical id, and whether
// anything changes at all. The caller holds the service's lock.
func (s *Service) plan(st *stack, target *deployment) ([]types.Change, bool, error) {
	p := &planner{service: s, stack: st, target: target, replaced: map[string]types.Replacement{}, changes: map[string]types.Change{}}
	for _, name := range target.order() {
		if err := p.resource(name); err != nil {
			return nil, false, asValidation(err)
		}
	}
	for name, r := range st.records {
		if _, stays := target.active[name]; !stays {
			p.remove(r)
		}
	}
	changes := make([]types.Change, 0, len(p.changes))
	for _, name := range slices.Sorted(maps.Keys(p.changes)) {
		changes = append(changes, p.changes[name])
	}
	if len(changes) > 0 || st.deployment == nil {
		return changes, true, nil
	}
	if !maps.Equal(tagMap(st.deployment.tags), tagMap(target.tags)) {
		return changes, true, nil
	}
	outputs, err := s.evaluateOutputs(target, p.value, p.service.importer(nil))
	if err != nil {
		return nil, false, asValidation(err)
	}
	return changes, !sameOutputs(outputs, st.outputs), nil
}

// order sorts the active resources so that each comes after those it needs.
// Where that leaves a choice, it sorts them by name.
func (d *deployment) order() []string {
	var order []string
	done := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if done[name] {
			return
		}
		done[name] = true
		for _, need := range d.active[name].Needs {
			visit(need)
		}
		order = append(order, name)
	}
	for _, name := range slices.Sorted(maps.Keys(d.active)) {
		visit(name)
	}
	return order
}

// value returns what Ref or Fn::GetAtt will yield, as far as that is known.
func (p *planner) value(logicalID, attribute string) (any, error) {
	r := p.stack.records[logicalID]
	certainty, changes := p.replaced[logicalID]
	if r == nil || changes && (attribute != "" || certainty != types.ReplacementFalse) {
		return template.Unknown{}, nil
	}
	return r.value(attribute)
}

// value returns what Ref (if attribute is empty) or Fn::GetAtt yields.
func (r *record) value(attribute string) (any, error) {
	if attribute == "" {
		return r.physicalID, nil
	}
	v, ok := r.attributes[attribute]
	if !ok {
		return nil, &template.Error{Text: "Template error: resource " + r.logicalID + " does not support attribute type " + attribute + " in Fn::GetAtt"}
	}
	return v, nil
}

func (p *planner) resource(name string) error {
	a := p.target.active[name]
	scope := p.target.scope
	scope.Resource = p.value
	scope.Import = p.service.importer(nil)
	after, err := resolveObject(scope, a.Properties)
	if err != nil {
		return err
	}
	r := p.stack.records[name]
	if r == nil {
		p.change(types.ResourceChange{
			Action:            types.ChangeActionAdd,
			LogicalResourceId: aws.String(name),
			ResourceType:      aws.String(a.Type),
			AfterContext:      p.context(p.target, after, sourceOf(a)),
		})
		return nil
	}
	details := p.propertyDetails(r, a, after)
	details = append(details, attributeDetails(r, a)...)
	typ, _ := p.service.deps.Types.Find(a.Type)
	if r.dirty && len(details) == 0 {
		details = append(details, detail(types.ResourceAttributeProperties, types.ChangeSourceAutomatic))
	}
	if len(details) == 0 && renested(p.stack.deployment, p.target, name) {
		details = append(details, detail(types.ResourceAttributeProperties, types.ChangeSourceAutomatic))
	}
	if retagged(typ, r, p.target) {
		details = append(details, detail(types.ResourceAttributeTags, types.ChangeSourceDirectModification))
	}
	if len(details) == 0 {
		return nil
	}
	replacement := replacementOf(details)
	p.replaced[name] = replacement
	var policy types.PolicyAction
	if replacement != types.ReplacementFalse {
		policy = types.PolicyActionReplaceAndDelete
		if a.UpdateReplacePolicy == template.Retain {
			policy = types.PolicyActionReplaceAndRetain
		}
	}
	p.change(types.ResourceChange{
		Action:             types.ChangeActionModify,
		LogicalResourceId:  aws.String(name),
		PhysicalResourceId: aws.String(r.physicalID),
		ResourceType:       aws.String(a.Type),
		Replacement:        replacement,
		PolicyAction:       policy,
		Scope:              scopeOf(details),
		Details:            details,
		BeforeContext:      p.context(p.stack.deployment, r.properties, r.source),
		AfterContext:       p.context(p.target, after, sourceOf(a)),
	})
	return nil
}

func (p *planner) remove(r *record) {
	policy := types.PolicyActionDelete
	if r.source.deletionPolicy != template.Delete {
		policy = types.PolicyActionRetain
	}
	p.change(types.ResourceChange{
		Action:             types.ChangeActionRemove,
		LogicalResourceId:  aws.String(r.logicalID),
		PhysicalResourceId: aws.String(r.physicalID),
		ResourceType:       aws.String(r.typ),
		PolicyAction:       policy,
		BeforeContext:      p.context(p.stack.deployment, r.properties, r.source),
	})
}

func (p *planner) change(c types.ResourceChange) {
	p.changes[*c.LogicalResourceId] = types.Change{Type: types.ChangeTypeResource, ResourceChange: &c}
}

// context renders the definition of a resource.
func (p *planner) context(d *deployment, properties map[string]any, source recordSource) *string {
	m := map[string]any{}
	if len(properties) > 0 {
		m["Properties"] = shown(properties)
	}
	if source.metadata != nil {
		m["Metadata"] = shown(source.metadata)
	}
	if source.updatePolicy != nil {
		m["UpdatePolicy"] = shown(source.updatePolicy)
	}
	if source.deletionPolicy != template.Delete {
		m["DeletionPolicy"] = source.deletionPolicy
	}
	if source.updateReplacePolicy != template.Delete {
		m["UpdateReplacePolicy"] = source.updateReplacePolicy
	}
	return aws.String(d.mask(jsonText(m)))
}

func sourceOf(a template.Active) recordSource {
	return recordSource{
		properties:          a.Properties,
		metadata:            a.Metadata,
		updatePolicy:        a.UpdatePolicy,
		deletionPolicy:      a.DeletionPolicy,
		updateReplacePolicy: a.UpdateReplacePolicy,
	}
}

// resolveObject resolves an object. A nil object counts as an empty one.
func resolveObject(scope template.Scope, m map[string]any) (map[string]any, error) {
	v, err := scope.Resolve(m)
	if err != nil {
		return nil, err
	}
	resolved, ok := v.(map[string]any)
	if !ok {
		return map[string]any{}, nil
	}
	return resolved, nil
}

// retagged reports whether the stack's tags have changed and the resource's
// type has tags. A change of tags never replaces a resource.
func retagged(typ resource.Type, r *record, target *deployment) bool {
	return typ.Update != nil && slices.Contains(typ.Properties, "Tags") && !maps.Equal(r.tags, tagMap(target.tags))
}

// changedProperties returns the names of the properties that differ.
func changedProperties(before, after map[string]any) []string {
	var names []string
	for name, v := range after {
		if old, had := before[name]; !had || !reflect.DeepEqual(old, v) {
			names = append(names, name)
		}
	}
	for name := range before {
		if _, has := after[name]; !has {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// mayEqual reports whether a value that has unknown parts can turn out to equal
// the known value.
func mayEqual(known, v any) bool {
	switch v := v.(type) {
	case template.Unknown:
		return true
	case []any:
		list, ok := known.([]any)
		return ok && slices.EqualFunc(list, v, mayEqual)
	case map[string]any:
		m, ok := known.(map[string]any)
		return ok && maps.EqualFunc(m, v, mayEqual)
	}
	return reflect.DeepEqual(known, v)
}

// propertyDetails describes the property changes and their causes.
func (p *planner) propertyDetails(r *record, a template.Active, after map[string]any) []types.ResourceChangeDetail {
	typ, _ := p.service.deps.Types.Find(a.Type)
	var details []types.ResourceChangeDetail
	for _, name := range changedProperties(r.properties, after) {
		old, had := r.properties[name]
		v, has := after[name]
		target := types.ResourceTargetDefinition{
			Attribute:           types.ResourceAttributeProperties,
			Name:                aws.String(name),
			Path:                aws.String("/Properties/" + name),
			RequiresRecreation:  types.RequiresRecreationNever,
			AttributeChangeType: types.AttributeChangeTypeModify,
		}
		if typ.Update == nil || slices.Contains(typ.CreateOnly, name) {
			target.RequiresRecreation = types.RequiresRecreationAlways
		}
		if had {
			target.BeforeValue = p.propertyText(p.stack.deployment, old)
		} else {
			target.AttributeChangeType = types.AttributeChangeTypeAdd
		}
		if has {
			target.AfterValue = p.propertyText(p.target, v)
		} else {
			target.AttributeChangeType = types.AttributeChangeTypeRemove
		}
		certain := !had || !has || !mayEqual(old, v)
		for _, c := range p.causes(r.source.properties[name], a.Properties[name], certain) {
			t := target
			c.Target = &t
			details = append(details, c)
		}
	}
	return details
}

func (p *planner) propertyText(d *deployment, v any) *string {
	v = shown(v)
	if text, ok := v.(string); ok {
		return aws.String(d.mask(text))
	}
	return aws.String(d.mask(jsonText(v)))
}

// causes returns why a property changes: because of the parameters and
// resources that it refers to, or because of the template itself.
func (p *planner) causes(before, after any, certain bool) []types.ResourceChangeDetail {
	evaluation := types.EvaluationTypeDynamic
	if certain {
		evaluation = types.EvaluationTypeStatic
	}
	var causes []types.ResourceChangeDetail
	for _, ref := range template.References(after) {
		c := types.ResourceChangeDetail{CausingEntity: aws.String(ref.String()), Evaluation: evaluation}
		if now, ok := p.target.scope.Parameters[ref.Name]; ok {
			was, had := p.stack.deployment.scope.Parameters[ref.Name]
			if !had || reflect.DeepEqual(was, now) {
				continue
			}
			c.ChangeSource = types.ChangeSourceParameterReference
			causes = append(causes, c)
			continue
		}
		if _, ok := p.target.active[ref.Name]; !ok {
			continue
		}
		certainty, changes := p.replaced[ref.Name]
		switch {
		case p.stack.records[ref.Name] == nil:
			// The reference is new, so the template itself has changed.
			continue
		case ref.Attribute != "" && changes:
			c.ChangeSource = types.ChangeSourceResourceAttribute
		case ref.Attribute == "" && changes && certainty != types.ReplacementFalse:
			c.ChangeSource = types.ChangeSourceResourceReference
			if certainty == types.ReplacementTrue {
				c.Evaluation = types.EvaluationTypeStatic
			}
		default:
			continue
		}
		causes = append(causes, c)
	}
	if len(causes) == 0 || !reflect.DeepEqual(before, after) {
		causes = append(causes, types.ResourceChangeDetail{ChangeSource: types.ChangeSourceDirectModification, Evaluation: evaluation})
	}
	return causes
}

// attributeDetails describes the changes of attributes other than properties.
func attributeDetails(r *record, a template.Active) []types.ResourceChangeDetail {
	var details []types.ResourceChangeDetail
	source := sourceOf(a)
	add := func(attribute types.ResourceAttribute, same bool) {
		if !same {
			details = append(details, detail(attribute, types.ChangeSourceDirectModification))
		}
	}
	add(types.ResourceAttributeMetadata, reflect.DeepEqual(r.source.metadata, source.metadata))
	add(types.ResourceAttributeUpdatePolicy, reflect.DeepEqual(r.source.updatePolicy, source.updatePolicy))
	add(types.ResourceAttributeDeletionPolicy, r.source.deletionPolicy == source.deletionPolicy)
	add(types.ResourceAttributeUpdateReplacePolicy, r.source.updateReplacePolicy == source.updateReplacePolicy)
	return details
}

// detail describes the change of an attribute. Such a change replaces nothing.
func detail(attribute types.ResourceAttribute, source types.ChangeSource) types.ResourceChangeDetail {
	return types.ResourceChangeDetail{
		ChangeSource: source,
		Evaluation:   types.EvaluationTypeStatic,
		Target: &types.ResourceTargetDefinition{
			Attribute:          attribute,
			RequiresRecreation: types.RequiresRecreationNever,
		},
	}
}

// replacementOf sums up the details. A static change of a create-only property
// causes a replacement; a dynamic one may cause it.
func replacementOf(details []types.ResourceChangeDetail) types.Replacement {
	replacement := types.ReplacementFalse
	for _, d := range details {
		if d.Target.RequiresRecreation != types.RequiresRecreationAlways {
			continue
		}
		if d.Evaluation == types.EvaluationTypeStatic {
			return types.ReplacementTrue
		}
		replacement = types.ReplacementConditional
	}
	return replacement
}

func scopeOf(details []types.ResourceChangeDetail) []types.ResourceAttribute {
	var scope []types.ResourceAttribute
	for _, d := range details {
		if !slices.Contains(scope, d.Target.Attribute) {
			scope = append(scope, d.Target.Attribute)
		}
	}
	slices.Sort(scope)
	return scope
}
