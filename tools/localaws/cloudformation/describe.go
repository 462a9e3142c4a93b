package cloudformation

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/template"
)

// perPage is the number of members on a page of an answer.
const perPage = 100

// DescribeStacks returns one stack, or all stacks that are not deleted, newest
// first. A stack that is named by its id may be a deleted one.
func (s *Service) DescribeStacks(_ context.Context, in *awscfn.DescribeStacksInput) (*awscfn.DescribeStacksOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name := aws.ToString(in.StackName); name != "" {
		st := s.existing(name)
		if st == nil {
			return nil, stackNotFound(name)
		}
		return &awscfn.DescribeStacksOutput{Stacks: []types.Stack{st.describe()}}, nil
	}
	var all []types.Stack
	for _, st := range slices.Backward(s.stacks) {
		if st.status != types.StackStatusDeleteComplete {
			all = append(all, st.describe())
		}
	}
	stacks, next, err := page(all, in.NextToken, perPage)
	if err != nil {
		return nil, err
	}
	return &awscfn.DescribeStacksOutput{Stacks: stacks, NextToken: next}, nil
}

func (st *stack) describe() types.Stack {
	d := types.Stack{
		ChangeSetId:                 st.changeSetID,
		CreationTime:                aws.Time(st.created),
		DeletionTime:                st.deleted,
		DisableRollback:             aws.Bool(st.disableRollback),
		DriftInformation:            st.driftInformation(),
		EnableTerminationProtection: aws.Bool(st.protected),
		LastOperations:              slices.Clone(st.operations[:min(len(st.operations), 2)]),
		LastUpdatedTime:             st.updated,
		Outputs:                     slices.Clone(st.outputs),
		RollbackConfiguration:       &types.RollbackConfiguration{},
		StackId:                     aws.String(st.id),
		StackName:                   aws.String(st.name),
		StackStatus:                 st.status,
		StackStatusReason:           optional(st.reason),
		ParentId:                    optional(st.parent),
		RootId:                      optional(st.root),
	}
	if dep := st.deployment; dep != nil {
		d.Capabilities = dep.capabilities
		d.DeploymentConfig = dep.config
		d.Description = optional(dep.template.Description)
		d.Parameters = dep.shownParameters()
		d.RoleARN = dep.roleARN
		d.Tags = slices.Clone(dep.tags)
	}
	return d
}

// ListStacks returns summaries of all stacks, deleted ones included, newest first.
func (s *Service) ListStacks(_ context.Context, in *awscfn.ListStacksInput) (*awscfn.ListStacksOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []types.StackSummary
	for _, st := range slices.Backward(s.stacks) {
		if len(in.StackStatusFilter) > 0 && !slices.Contains(in.StackStatusFilter, st.status) {
			continue
		}
		d := st.describe()
		all = append(all, types.StackSummary{
			CreationTime:        d.CreationTime,
			DeletionTime:        d.DeletionTime,
			DriftInformation:    &types.StackDriftInformationSummary{StackDriftStatus: d.DriftInformation.StackDriftStatus, LastCheckTimestamp: d.DriftInformation.LastCheckTimestamp},
			LastOperations:      d.LastOperations,
			LastUpdatedTime:     d.LastUpdatedTime,
			ParentId:            d.ParentId,
			RootId:              d.RootId,
			StackId:             d.StackId,
			StackName:           d.StackName,
			StackStatus:         d.StackStatus,
			StackStatusReason:   d.StackStatusReason,
			TemplateDescription: d.Description,
		})
	}
	summaries, next, err := page(all, in.NextToken, perPage)
	if err != nil {
		return nil, err
	}
	return &awscfn.ListStacksOutput{StackSummaries: summaries, NextToken: next}, nil
}

// DescribeStackEvents returns a stack's events, newest first.
func (s *Service) DescribeStackEvents(_ context.Context, in *awscfn.DescribeStackEventsInput) (*awscfn.DescribeStackEventsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := aws.ToString(in.StackName)
	st := s.existing(name)
	if st == nil {
		return nil, stackDoesNotExist(name)
	}
	// The token counts from the oldest event. Events that arrive between two
	// pages therefore don't shift the second page.
	before := len(st.events)
	if in.NextToken != nil {
		var err error
		if before, err = strconv.Atoi(*in.NextToken); err != nil || before < 1 || before > len(st.events) {
			return nil, validationErrorf("Invalid NextToken: %s", *in.NextToken)
		}
	}
	from := max(before-perPage, 0)
	out := &awscfn.DescribeStackEventsOutput{StackEvents: slices.Clone(st.events[from:before])}
	slices.Reverse(out.StackEvents)
	if from > 0 {
		out.NextToken = aws.String(strconv.Itoa(from))
	}
	return out, nil
}

// resources returns the views of a stack's resources, sorted by name.
func (st *stack) resources() []types.StackResourceDetail {
	var details []types.StackResourceDetail
	for _, name := range slices.Sorted(maps.Keys(st.views)) {
		v := st.views[name]
		d := types.StackResourceDetail{
			DriftInformation:     st.resourceDriftInformation(name),
			LastUpdatedTimestamp: aws.Time(v.at),
			LogicalResourceId:    aws.String(name),
			PhysicalResourceId:   optional(v.physicalID),
			ResourceStatus:       v.status,
			ResourceStatusReason: optional(v.reason),
			ResourceType:         aws.String(v.typ),
			StackId:              aws.String(st.id),
			StackName:            aws.String(st.name),
		}
		if r := st.records[name]; r != nil && r.source.metadata != nil {
			d.Metadata = aws.String(jsonText(r.source.metadata))
		}
		details = append(details, d)
	}
	return details
}

// DescribeStackResource returns one resource of a stack.
func (s *Service) DescribeStackResource(_ context.Context, in *awscfn.DescribeStackResourceInput) (*awscfn.DescribeStackResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := aws.ToString(in.StackName)
	st := s.existing(name)
	if st == nil {
		return nil, validationErrorf("Stack '%s' does not exist", name)
	}
	for _, d := range st.resources() {
		if *d.LogicalResourceId == aws.ToString(in.LogicalResourceId) {
			return &awscfn.DescribeStackResourceOutput{StackResourceDetail: &d}, nil
		}
	}
	return nil, validationErrorf("Resource %s does not exist for stack %s", aws.ToString(in.LogicalResourceId), st.name)
}

// DescribeStackResources returns the resources of a stack. The request may name
// the stack by one of its physical resources.
func (s *Service) DescribeStackResources(_ context.Context, in *awscfn.DescribeStackResourcesInput) (*awscfn.DescribeStackResourcesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var st *stack
	if physical := aws.ToString(in.PhysicalResourceId); physical != "" {
		if st = s.stackOf(physical); st == nil {
			return nil, validationErrorf("Stack for %s does not exist", physical)
		}
	} else if st = s.existing(aws.ToString(in.StackName)); st == nil {
		return nil, stackNotFound(aws.ToString(in.StackName))
	}
	out := &awscfn.DescribeStackResourcesOutput{}
	for _, d := range st.resources() {
		if in.LogicalResourceId != nil && *in.LogicalResourceId != *d.LogicalResourceId {
			continue
		}
		out.StackResources = append(out.StackResources, types.StackResource{
			DriftInformation:     d.DriftInformation,
			LogicalResourceId:    d.LogicalResourceId,
			PhysicalResourceId:   d.PhysicalResourceId,
			ResourceStatus:       d.ResourceStatus,
			ResourceStatusReason: d.ResourceStatusReason,
			ResourceType:         d.ResourceType,
			StackId:              d.StackId,
			StackName:            d.StackName,
			Timestamp:            d.LastUpdatedTimestamp,
		})
	}
	return out, nil
}

func (s *Service) stackOf(physicalID string) *stack {
	for _, st := range s.stacks {
		for _, r := range st.records {
			if r.physicalID == physicalID {
				return st
			}
		}
	}
	return nil
}

// ListStackResources returns summaries of a stack's resources.
func (s *Service) ListStackResources(_ context.Context, in *awscfn.ListStackResourcesInput) (*awscfn.ListStackResourcesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := aws.ToString(in.StackName)
	st := s.existing(name)
	if st == nil {
		return nil, stackNotFound(name)
	}
	details, next, err := page(st.resources(), in.NextToken, perPage)
	if err != nil {
		return nil, err
	}
	out := &awscfn.ListStackResourcesOutput{NextToken: next}
	for _, d := range details {
		out.StackResourceSummaries = append(out.StackResourceSummaries, types.StackResourceSummary{
			DriftInformation:     &types.StackResourceDriftInformationSummary{StackResourceDriftStatus: d.DriftInformation.StackResourceDriftStatus, LastCheckTimestamp: d.DriftInformation.LastCheckTimestamp},
			LastUpdatedTimestamp: d.LastUpdatedTimestamp,
			LogicalResourceId:    d.LogicalResourceId,
			PhysicalResourceId:   d.PhysicalResourceId,
			ResourceStatus:       d.ResourceStatus,
			ResourceStatusReason: d.ResourceStatusReason,
			ResourceType:         d.ResourceType,
		})
	}
	return out, nil
}

// GetTemplate returns the template of a stack or change set: verbatim, or by
// default as it is after its transform. Without a transform the two are equal. A
// stack under review has no template.
func (s *Service) GetTemplate(_ context.Context, in *awscfn.GetTemplateInput) (*awscfn.GetTemplateOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stage := func(t *template.Template) *string {
		if t.Processed == "" || in.TemplateStage == types.TemplateStageOriginal {
			return aws.String(t.Text)
		}
		return aws.String(t.Processed)
	}
	out := &awscfn.GetTemplateOutput{StagesAvailable: []types.TemplateStage{types.TemplateStageOriginal, types.TemplateStageProcessed}}
	if in.ChangeSetName != nil {
		_, c, err := s.changeSet(in.StackName, *in.ChangeSetName)
		if err != nil {
			return nil, err
		}
		out.TemplateBody = stage(c.target.template)
		return out, nil
	}
	name := aws.ToString(in.StackName)
	st := s.existing(name)
	if st == nil {
		return nil, stackNotFound(name)
	}
	if st.deployment != nil {
		out.TemplateBody = stage(st.deployment.template)
	}
	return out, nil
}

// readTemplate parses the template of a request. The caller must not hold the
// service's lock.
func (s *Service) readTemplate(ctx context.Context, body, location *string) (*template.Template, error) {
	text, err := s.templateText(ctx, body, location)
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, validationErrorf("Either Template URL or Template Body must be specified.")
	}
	t, err := template.Parse(text)
	return t, asValidation(err)
}

// GetTemplateSummary describes what a template declares and requires.
func (s *Service) GetTemplateSummary(ctx context.Context, in *awscfn.GetTemplateSummaryInput) (*awscfn.GetTemplateSummaryOutput, error) {
	var t *template.Template
	switch {
	case in.StackSetName != nil:
		return nil, unsupported("GetTemplateSummary", "StackSetName")
	case in.StackName != nil:
		s.mu.Lock()
		st := s.existing(*in.StackName)
		s.mu.Unlock()
		if st == nil || st.deployment == nil {
			return nil, stackNotFound(*in.StackName)
		}
		t = st.deployment.template
	default:
		var err error
		if t, err = s.readTemplate(ctx, in.TemplateBody, in.TemplateURL); err != nil {
			return nil, err
		}
	}
	out := &awscfn.GetTemplateSummaryOutput{Description: optional(t.Description), Version: aws.String("2010-09-09"), DeclaredTransforms: t.Transforms}
	out.Capabilities, out.CapabilitiesReason = capabilitiesOf(t)
	if t.Metadata != nil {
		out.Metadata = aws.String(jsonText(t.Metadata))
	}
	for _, name := range slices.Sorted(maps.Keys(t.Resources)) {
		if typ := t.Resources[name].Type; !slices.Contains(out.ResourceTypes, typ) {
			out.ResourceTypes = append(out.ResourceTypes, typ)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.Parameters)) {
		p := t.Parameters[name]
		d := types.ParameterDeclaration{
			DefaultValue:         p.Default,
			Description:          optional(p.Description),
			NoEcho:               aws.Bool(p.NoEcho),
			ParameterConstraints: &types.ParameterConstraints{AllowedValues: p.AllowedValues},
			ParameterKey:         aws.String(name),
			ParameterType:        aws.String(p.Type),
		}
		out.Parameters = append(out.Parameters, d)
	}
	return out, nil
}

func capabilitiesOf(t *template.Template) ([]types.Capability, *string) {
	required, because := requiredCapabilities(t)
	var expansion []types.Capability
	if len(t.Transforms) > 0 {
		expansion = []types.Capability{types.CapabilityCapabilityAutoExpand}
	}
	if len(required) == 0 {
		return expansion, nil
	}
	return append(required, expansion...), aws.String("The following resource(s) require capabilities: [" + strings.Join(because, ", ") + "]")
}

// ValidateTemplate checks a template.
func (s *Service) ValidateTemplate(ctx context.Context, in *awscfn.ValidateTemplateInput) (*awscfn.ValidateTemplateOutput, error) {
	t, err := s.readTemplate(ctx, in.TemplateBody, in.TemplateURL)
	if err != nil {
		return nil, err
	}
	out := &awscfn.ValidateTemplateOutput{Description: optional(t.Description), DeclaredTransforms: t.Transforms}
	out.Capabilities, out.CapabilitiesReason = capabilitiesOf(t)
	for _, name := range slices.Sorted(maps.Keys(t.Parameters)) {
		p := t.Parameters[name]
		out.Parameters = append(out.Parameters, types.TemplateParameter{
			DefaultValue: p.Default,
			Description:  optional(p.Description),
			NoEcho:       aws.Bool(p.NoEcho),
			ParameterKey: aws.String(name),
		})
	}
	return out, nil
}

// ListExports returns the exports of all stacks, sorted by name.
func (s *Service) ListExports(_ context.Context, in *awscfn.ListExportsInput) (*awscfn.ListExportsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []types.Export
	for _, st := range s.stacks {
		for _, o := range st.outputs {
			if o.ExportName != nil {
				all = append(all, types.Export{ExportingStackId: aws.String(st.id), Name: o.ExportName, Value: o.OutputValue})
			}
		}
	}
	slices.SortFunc(all, func(a, b types.Export) int { return strings.Compare(*a.Name, *b.Name) })
	exports, next, err := page(all, in.NextToken, perPage)
	if err != nil {
		return nil, err
	}
	return &awscfn.ListExportsOutput{Exports: exports, NextToken: next}, nil
}

// ListImports returns the stacks that use an export.
func (s *Service) ListImports(_ context.Context, in *awscfn.ListImportsInput) (*awscfn.ListImportsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := aws.ToString(in.ExportName)
	users := s.importers(nil, name)
	if len(users) == 0 {
		for _, st := range s.stacks {
			if st.exports(name) {
				return nil, validationErrorf("Export '%s' is not imported by any stack.", name)
			}
		}
		return nil, validationErrorf("Export '%s' does not exist.", name)
	}
	imports, next, err := page(users, in.NextToken, perPage)
	if err != nil {
		return nil, err
	}
	return &awscfn.ListImportsOutput{Imports: imports, NextToken: next}, nil
}
