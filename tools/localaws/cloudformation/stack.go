package cloudformation

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

const stackType = "AWS::CloudFormation::Stack"

// A stack is guarded by the mutex of its service.
type stack struct {
	id, name string
	status   types.StackStatus
	reason   string
	created  time.Time
	updated  *time.Time
	deleted  *time.Time

	deployment *deployment // nil while under review
	good       *snapshot   // nil until the first creation has completed
	records    map[string]*record
	// owned holds the newest record of every resource that exists, by serial.
	owned   map[int]*record
	views   map[string]*view
	outputs []types.Output
	// imports names the exports that are in use or may come into use.
	imports    map[string]bool
	events     []types.StackEvent
	changeSets []*changeSet

	// parent and root are the stacks that a nested stack belongs to.
	parent, root string
	// pending is an update whose clean-up waits for that of the parent; before is the
	// good state that it came from.
	pending *operation
	before  *snapshot

	// changeSetID is the change set that made the stack what it is.
	changeSetID     *string
	protected       bool // against deletion
	disableRollback bool
	operations      []types.OperationEntry
	running         *operation
	tokens          map[string]request // by the client token of each request

	detections []*detection // of drift, oldest first
	drifts     map[string]*drift
	drift      types.StackDriftStatus
	driftAt    *time.Time
	driftOf    *deployment // what the stack was when its drift was detected
}

// A request is one that began an operation.
type request struct {
	name        string // of the API's operation
	operationID string
}

// repeated returns the request that had the same token. A client sends it again if it
// does not know whether the first one arrived. The caller holds the service's lock.
func (st *stack) repeated(token *string, name string) (first request, again bool, err error) {
	if st == nil || token == nil {
		return request{}, false, nil
	}
	first, again = st.tokens[*token]
	if again && first.name != name {
		return first, again, &types.TokenAlreadyExistsException{Message: aws.String("A client request token already exists: " + *token + " began " + first.name)}
	}
	return first, again, nil
}

// began remembers the token of a request that has begun an operation.
func (st *stack) began(token *string, name, operationID string) {
	if token != nil {
		st.tokens[*token] = request{name, operationID}
	}
}

// A record holds what is known about one physical resource. Records are
// immutable: an update makes a new record with the same serial.
type record struct {
	serial       int
	logicalID    string
	typ          string
	physicalID   string
	properties   map[string]any // resolved
	attributes   map[string]any
	secrets      map[string]string // by the dynamic reference in the properties
	updatePolicy map[string]any    // resolved
	tags         map[string]string
	source       recordSource
	needs        []int    // serials of the resources it depends on
	assumed      []string // those of them that the template only names
	dirty        bool     // an update failed, so the actual state is unknown
}

// A recordSource is what the template says about a record's resource, with
// conditions applied.
type recordSource struct {
	properties          map[string]any
	metadata            map[string]any
	updatePolicy        map[string]any
	deletionPolicy      string
	updateReplacePolicy string
}

// A snapshot is a stack's last good state.
type snapshot struct {
	deployment *deployment
	records    map[string]*record
	outputs    []types.Output
	imports    map[string]bool
}

// last returns the deployment of a state, which is nil before the first one.
func (s *snapshot) last() *deployment {
	if s == nil {
		return nil
	}
	return s.deployment
}

// A view is what the resource operations show for one logical id.
type view struct {
	typ, physicalID string
	status          types.ResourceStatus
	reason          string
	at              time.Time
}

// existing returns the stack with a name or id. By name, it finds only a stack
// that is not deleted. The caller holds the service's lock.
func (s *Service) existing(nameOrID string) *stack {
	for _, st := range slices.Backward(s.stacks) {
		if st.id == nameOrID || st.name == nameOrID && st.status != types.StackStatusDeleteComplete {
			return st
		}
	}
	return nil
}

// live returns a stack that is not deleted.
func (s *Service) live(nameOrID string) *stack {
	if st := s.existing(nameOrID); st != nil && st.status != types.StackStatusDeleteComplete {
		return st
	}
	return nil
}

// find returns a stack that is not deleted, or the error for a missing stack.
func (s *Service) find(nameOrID *string) (*stack, error) {
	name := aws.ToString(nameOrID)
	st := s.live(name)
	if st == nil {
		return nil, stackDoesNotExist(name)
	}
	return st, nil
}

// addStack makes a stack without any state. The caller holds the service's lock.
func (s *Service) addStack(name, id string) *stack {
	st := &stack{
		id: id, name: name, created: s.stamp(),
		records: map[string]*record{}, owned: map[int]*record{}, views: map[string]*view{},
		imports: map[string]bool{}, drifts: map[string]*drift{}, tokens: map[string]request{},
	}
	s.stacks = append(s.stacks, st)
	return st
}

func (s *Service) newStackID(name string) string {
	return s.account.ARN("cloudformation", "stack/"+name+"/"+uuid.NewString())
}

// keepGood remembers the present state as the one that a rollback restores.
func (st *stack) keepGood() {
	st.good = &snapshot{
		deployment: st.deployment,
		records:    maps.Clone(st.records),
		outputs:    st.outputs,
		imports:    maps.Clone(st.imports),
	}
}

// setStatus changes the stack's status and records the event. The caller holds
// the service's lock.
func (s *Service) setStatus(st *stack, op *operation, status types.StackStatus, reason string) {
	st.status, st.reason = status, reason
	s.event(st, op, types.StackEvent{
		LogicalResourceId:  aws.String(st.name),
		PhysicalResourceId: aws.String(st.id),
		ResourceType:       aws.String(stackType),
		ResourceStatus:     types.ResourceStatus(status),
	}, reason, uuid.NewString())
}

// resourceEvent records what happened to one resource. It also updates the view
// of the logical id, unless that id now belongs to another physical resource.
// The caller holds the service's lock.
func (s *Service) resourceEvent(st *stack, op *operation, r *record, status types.ResourceStatus, reason string) {
	e := types.StackEvent{
		LogicalResourceId:  aws.String(r.logicalID),
		PhysicalResourceId: aws.String(r.physicalID),
		ResourceType:       aws.String(r.typ),
		ResourceStatus:     status,
	}
	if r.properties != nil {
		e.ResourceProperties = aws.String(op.target.mask(jsonText(shown(r.properties))))
	}
	at := s.event(st, op, e, reason, "")
	current := st.records[r.logicalID]
	if current == nil || current.serial == r.serial || !strings.HasPrefix(string(status), "DELETE_") {
		st.views[r.logicalID] = &view{typ: r.typ, physicalID: r.physicalID, status: status, reason: reason, at: at}
	}
}

// notRehearsed says what the embedded AWS does not run of a resource. Of a nested stack, it
// also says that of the resources in it, because readers only list those of the parent.
// The caller holds the service's lock.
func (s *Service) notRehearsed(r *record) string {
	own := s.typeOf(r.typ).NotRehearsed(r.logicalID, r.properties)
	if why := unordered(r.assumed); why != "" && own != "" {
		own += "; " + why
	} else if why != "" {
		own = resource.NotRehearsed + why
	}
	st := s.existing(r.physicalID)
	if r.typ != stackType || st == nil {
		return own
	}
	resources := map[string][]string{}
	for _, id := range slices.Sorted(maps.Keys(st.records)) {
		if why := s.notRehearsed(st.records[id]); why != "" {
			resources[why] = append(resources[why], id)
		}
	}
	var all []string
	if own != "" {
		all = append(all, strings.TrimPrefix(own, resource.NotRehearsed))
	}
	for _, why := range slices.Sorted(maps.Keys(resources)) {
		all = append(all, strings.Join(resources[why], ", ")+" in the nested stack: "+strings.TrimPrefix(why, resource.NotRehearsed))
	}
	if len(all) == 0 {
		return ""
	}
	return resource.NotRehearsed + strings.Join(all, "; ")
}

// event appends an event and returns its time. The caller holds the service's lock.
func (s *Service) event(st *stack, op *operation, e types.StackEvent, reason, id string) time.Time {
	at := s.stamp()
	if id == "" {
		id = *e.LogicalResourceId + "-" + string(e.ResourceStatus) + "-" + at.Format("2006-01-02T15:04:05.000Z")
	}
	e.EventId, e.StackId, e.StackName, e.Timestamp = aws.String(id), aws.String(st.id), aws.String(st.name), aws.Time(at)
	if reason != "" {
		e.ResourceStatusReason = aws.String(reason)
	}
	if op != nil {
		e.OperationId = aws.String(op.id)
		e.ClientRequestToken = op.token
	}
	st.events = append(st.events, e)
	return at
}

// shown returns a resolved value in the form in which CloudFormation shows it.
// Scalars become text, and unknown values become a placeholder.
func shown(v any) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = shown(e)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = shown(e)
		}
		return m
	case string:
		return v
	case bool:
		if v {
			return "true"
		}
		return "false"
	case float64:
		return strings.Trim(jsonText(v), `"`)
	}
	return "{{changeSet:KNOWN_AFTER_APPLY}}"
}

func jsonText(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(b.String(), "\n")
}
