package cloudformation

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// A drift is how one resource differed from its template when somebody looked. It
// says nothing once the stack has changed the resource.
type drift struct {
	record      *record
	at          time.Time
	status      types.StackResourceDriftStatus
	expected    string // JSON
	actual      string // JSON, "" if the resource is gone
	differences []types.PropertyDifference
	problem     string // why the status is UNKNOWN
}

// A detection is one run of drift detection. It is guarded by the mutex of its service.
type detection struct {
	id      string
	stack   *stack
	of      *deployment // what the stack was when the detection began
	at      time.Time
	status  types.StackDriftDetectionStatus
	reason  string
	drift   types.StackDriftStatus
	drifted int32
	done    chan struct{} // closed when it has ended
}

// detections is the number of results that are kept for a stack.
const detections = 100

// driftable are the states of a stack in which drift can be detected.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/detect-drift-stack.html.
var driftable = []types.StackStatus{
	types.StackStatusCreateComplete, types.StackStatusUpdateComplete,
	types.StackStatusUpdateRollbackComplete, types.StackStatusUpdateRollbackFailed,
}

// driftableStack returns a stack in which drift can be detected. The caller holds the
// service's lock.
func (s *Service) driftableStack(nameOrID *string) (*stack, error) {
	st, err := s.find(nameOrID)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(driftable, st.status) {
		return nil, validationErrorf("Drift detection cannot be performed on stack [%s] in [%s] status", st.id, st.status)
	}
	return st, nil
}

// DetectStackDrift begins to compare the resources of a stack with its template. The
// properties that the template sets are compared, with those of the embedded AWS's
// resource types that can be read. A request reads with its caller's permissions.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html.
func (s *Service) DetectStackDrift(ctx context.Context, in *awscfn.DetectStackDriftInput) (*awscfn.DetectStackDriftOutput, error) {
	d, err := s.detectStackDrift(ctx, in)
	if err != nil {
		return nil, err
	}
	// Who asks polls with pauses of seconds, and most detections end within a moment.
	wait := s.limits.NewTimer(s.deps.AnswerTime)
	defer wait.Stop()
	select {
	case <-d.done:
	case <-wait.C():
	case <-ctx.Done():
	}
	return &awscfn.DetectStackDriftOutput{StackDriftDetectionId: aws.String(d.id)}, nil
}

func (s *Service) detectStackDrift(ctx context.Context, in *awscfn.DetectStackDriftInput) (*detection, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.driftableStack(in.StackName)
	if err != nil {
		return nil, err
	}
	for _, name := range in.LogicalResourceIds {
		if st.records[name] == nil {
			return nil, validationErrorf("Resource %s does not exist for stack %s", name, st.name)
		}
	}
	if n := len(st.detections); n > 0 && st.detections[n-1].status == types.StackDriftDetectionStatusDetectionInProgress {
		return nil, validationErrorf("Drift detection is already in progress for stack [%s]", st.id)
	}
	d := &detection{
		id: uuid.NewString(), stack: st, of: st.deployment, at: s.stamp(), status: types.StackDriftDetectionStatusDetectionInProgress,
		drift: types.StackDriftStatusNotChecked, done: make(chan struct{}),
	}
	st.detections = append(st.detections, d)
	if n := len(st.detections); n > detections {
		st.detections = slices.Clone(st.detections[n-detections:])
	}
	names := slices.Sorted(maps.Keys(st.records))
	if len(in.LogicalResourceIds) > 0 {
		names = slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(in.LogicalResourceIds, name) })
	}
	requests := make([]*driftRequest, 0, len(names))
	for _, name := range names {
		if q := s.driftRequest(st, name); q != nil {
			requests = append(requests, q)
		}
	}
	s.background(ctx, func(ctx context.Context) { s.detect(ctx, d, requests) })
	return d, nil
}

// detect compares resources and ends the detection.
func (s *Service) detect(ctx context.Context, d *detection, requests []*driftRequest) {
	defer close(d.done)
	found := make([]*drift, len(requests))
	for i, q := range requests {
		found[i] = q.look(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d.status, d.drift = types.StackDriftDetectionStatusDetectionComplete, types.StackDriftStatusInSync
	var failed []string
	for i, f := range found {
		name := requests[i].record.logicalID
		f.at = s.stamp()
		d.stack.drifts[name] = f
		switch f.status {
		case types.StackResourceDriftStatusModified, types.StackResourceDriftStatusDeleted:
			d.drifted++
		case types.StackResourceDriftStatusUnknown:
			failed = append(failed, name+": "+f.problem)
		}
	}
	if len(failed) > 0 {
		d.status, d.drift = types.StackDriftDetectionStatusDetectionFailed, types.StackDriftStatusUnknown
		d.reason = "Failed to detect drift on resources: " + strings.Join(failed, "; ")
	}
	if d.drifted > 0 {
		d.drift = types.StackDriftStatusDrifted
	}
	d.stack.drift, d.stack.driftAt, d.stack.driftOf = d.drift, aws.Time(d.at), d.of
}

// A driftRequest asks a resource type about one resource.
type driftRequest struct {
	record *record
	typ    resource.Type
	ask    *resource.Request
	mask   func(string) string
}

// driftRequest returns nil if the type can't be read. The caller holds the service's lock.
func (s *Service) driftRequest(st *stack, name string) *driftRequest {
	r := st.records[name]
	typ := s.typeOf(r.typ)
	if typ.Read == nil || typ.Instead != nil && typ.Instead(name) != "" {
		return nil
	}
	ask := &resource.Request{
		StackID: st.id, StackName: st.name, LogicalID: name, Type: r.typ, PhysicalID: r.physicalID,
		Properties: r.values(), Tags: maps.Clone(r.tags), Token: uuid.NewString(),
	}
	for _, other := range slices.Sorted(maps.Keys(st.records)) {
		if o := st.records[other]; other != name {
			ask.Others = append(ask.Others, resource.Other{Type: o.typ, Properties: clone(o.properties)})
		}
	}
	return &driftRequest{record: r, typ: typ, ask: ask, mask: st.deployment.mask}
}

// look reads the resource and compares it.
func (q *driftRequest) look(ctx context.Context) *drift {
	d := &drift{record: q.record, status: types.StackResourceDriftStatusInSync}
	live, err := q.typ.Read(ctx, q.ask)
	expected := map[string]any{}
	for name := range live {
		// What a dynamic reference stands for is never shown.
		if reflect.DeepEqual(q.ask.Properties[name], q.record.properties[name]) {
			expected[name] = q.record.properties[name]
		} else {
			delete(live, name)
		}
	}
	d.expected = q.mask(jsonText(expected))
	switch {
	case errors.Is(err, resource.ErrGone):
		d.status, d.expected = types.StackResourceDriftStatusDeleted, q.mask(jsonText(q.record.properties))
		return d
	case err != nil:
		d.status, d.problem = types.StackResourceDriftStatusUnknown, err.Error()
		return d
	}
	actual := map[string]any{}
	for name, v := range live {
		for _, f := range resource.Compare("/"+name, expected[name], v) {
			d.differences = append(d.differences, types.PropertyDifference{
				PropertyPath: aws.String(f.Path), DifferenceType: types.DifferenceType(f.Kind),
				ExpectedValue: aws.String(q.mask(resource.Text(f.Expected))), ActualValue: aws.String(q.mask(resource.Text(f.Actual))),
			})
		}
		if o, ok := v.(resource.Opaque); ok {
			v = o.Value
		}
		if v != nil {
			actual[name] = v
		}
	}
	slices.SortFunc(d.differences, func(a, b types.PropertyDifference) int { return strings.Compare(*a.PropertyPath, *b.PropertyPath) })
	d.actual = q.mask(jsonText(actual))
	if len(d.differences) > 0 {
		d.status = types.StackResourceDriftStatusModified
	}
	return d
}

// describe returns the drift as the operations show it.
func (d *drift) describe(st *stack) types.StackResourceDrift {
	differences := d.differences
	if differences == nil {
		differences = []types.PropertyDifference{}
	}
	out := types.StackResourceDrift{
		ActualProperties:         optional(d.actual),
		LogicalResourceId:        aws.String(d.record.logicalID),
		PhysicalResourceId:       optional(d.record.physicalID),
		PropertyDifferences:      differences,
		ResourceType:             aws.String(d.record.typ),
		StackId:                  aws.String(st.id),
		StackResourceDriftStatus: d.status,
		Timestamp:                aws.Time(d.at),
	}
	if d.status != types.StackResourceDriftStatusUnknown {
		out.ExpectedProperties = optional(d.expected)
	}
	if d.status == types.StackResourceDriftStatusDeleted {
		out.PropertyDifferences = []types.PropertyDifference{}
	}
	out.DriftStatusReason = optional(d.problem)
	return out
}

// DescribeStackDriftDetectionStatus says how far a detection is, and what it has found.
func (s *Service) DescribeStackDriftDetectionStatus(_ context.Context, in *awscfn.DescribeStackDriftDetectionStatusInput) (*awscfn.DescribeStackDriftDetectionStatusOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := aws.ToString(in.StackDriftDetectionId)
	for _, st := range s.stacks {
		for _, d := range st.detections {
			if d.id != id {
				continue
			}
			out := &awscfn.DescribeStackDriftDetectionStatusOutput{
				DetectionStatus: d.status, DetectionStatusReason: optional(d.reason), StackDriftDetectionId: in.StackDriftDetectionId,
				StackDriftStatus: d.drift, StackId: aws.String(st.id), Timestamp: aws.Time(d.at),
			}
			if d.status != types.StackDriftDetectionStatusDetectionInProgress {
				out.DriftedStackResourceCount = aws.Int32(d.drifted)
			}
			return out, nil
		}
	}
	return nil, validationErrorf("Drift detection with id [%s] does not exist", id)
}

// DescribeStackResourceDrifts returns what detections have found about a stack's
// resources. It leaves out those that were not compared.
func (s *Service) DescribeStackResourceDrifts(_ context.Context, in *awscfn.DescribeStackResourceDriftsInput) (*awscfn.DescribeStackResourceDriftsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(in.StackName)
	if err != nil {
		return nil, err
	}
	var all []types.StackResourceDrift
	for _, name := range slices.Sorted(maps.Keys(st.records)) {
		d := st.driftOfResource(name)
		if d != nil && (len(in.StackResourceDriftStatusFilters) == 0 || slices.Contains(in.StackResourceDriftStatusFilters, d.status)) {
			all = append(all, d.describe(st))
		}
	}
	size := perPage
	if in.MaxResults != nil {
		size = int(*in.MaxResults)
	}
	drifts, next, err := page(all, in.NextToken, size)
	if err != nil {
		return nil, err
	}
	return &awscfn.DescribeStackResourceDriftsOutput{StackResourceDrifts: drifts, NextToken: next}, nil
}

// DetectStackResourceDrift compares one resource with its template, and returns the
// differences.
func (s *Service) DetectStackResourceDrift(ctx context.Context, in *awscfn.DetectStackResourceDriftInput) (*awscfn.DetectStackResourceDriftOutput, error) {
	s.mu.Lock()
	st, err := s.driftableStack(in.StackName)
	name := aws.ToString(in.LogicalResourceId)
	var q *driftRequest
	switch {
	case err != nil:
	case st.records[name] == nil:
		err = validationErrorf("Resource %s does not exist for stack %s", name, st.name)
	default:
		if q = s.driftRequest(st, name); q == nil {
			err = validationErrorf("Drift detection is not supported for resource type %s", st.records[name].typ)
		}
	}
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	d := q.look(ctx)
	if d.status == types.StackResourceDriftStatusUnknown {
		return nil, validationErrorf("Failed to detect drift on resource [%s]: %s", name, d.problem)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d.at = s.stamp()
	st.drifts[name] = d
	described := d.describe(st)
	return &awscfn.DetectStackResourceDriftOutput{StackResourceDrift: &described}, nil
}

// driftOfResource returns what is known about the drift of a resource, or nil. The
// caller holds the service's lock.
func (st *stack) driftOfResource(name string) *drift {
	if d := st.drifts[name]; d != nil && d.record == st.records[name] {
		return d
	}
	return nil
}

// driftInformation is the short form of a stack's drift.
func (st *stack) driftInformation() *types.StackDriftInformation {
	if st.driftAt == nil || st.driftOf != st.deployment {
		return &types.StackDriftInformation{StackDriftStatus: types.StackDriftStatusNotChecked}
	}
	return &types.StackDriftInformation{StackDriftStatus: st.drift, LastCheckTimestamp: st.driftAt}
}

// resourceDriftInformation is the short form of a resource's drift.
func (st *stack) resourceDriftInformation(name string) *types.StackResourceDriftInformation {
	d := st.driftOfResource(name)
	if d == nil {
		return &types.StackResourceDriftInformation{StackResourceDriftStatus: types.StackResourceDriftStatusNotChecked}
	}
	return &types.StackResourceDriftInformation{StackResourceDriftStatus: d.status, LastCheckTimestamp: aws.Time(d.at)}
}
