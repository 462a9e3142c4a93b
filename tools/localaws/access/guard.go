// Package access decides whether the principal of a request may do what it
// asks: it evaluates the policies of the principal and of the resource for each
// operation of each service, and keeps what it decided for the report.
//
// Which action an operation needs and what its resources are called is data:
// operations.tsv, reference.tsv and keys.tsv.
package access

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/iam"
	"github.com/magewright/magewright/tools/localaws/iam/policy"
	"github.com/magewright/magewright/tools/localaws/principal"
	"github.com/magewright/magewright/tools/localaws/trail"
)

// A Mode says what happens to a request that no policy allows.
type Mode int

// The modes. The zero value is the strictest.
const (
	Enforce Mode = iota // the request is refused
	Report              // the request is carried out, and reported
	Off                 // nothing is evaluated
)

// Identities knows the policies of roles. IAM implements it.
type Identities interface {
	// RolePolicies returns the policies of a role by its ARN. It reports false if
	// there is no such role.
	RolePolicies(role string) (iam.RolePolicies, bool)
	// RoleARNs returns the ARNs of all roles, sorted.
	RoleARNs() []string
}

// A Guard decides on requests.
type Guard struct {
	mode       Mode
	account    account.Account
	identities Identities
	world      World
	parsed     sync.Map // of *policy.Policy by document
	journal    journal
	requests   trail.Ring
	without    atomic.Pointer[use] // see Without
}

// Without makes the guard decide as if a role had not one of its statements, given by
// their texts, or as the role is for "". A test takes away one after the other.
func (g *Guard) Without(role, statement string) {
	g.without.Store(&use{role: role, statement: statement})
}

// lessen returns policies of a role without the statement that [Guard.Without] names.
func (g *Guard) lessen(role string, all []*policy.Policy) []*policy.Policy {
	without := g.without.Load()
	if without == nil || without.statement == "" || without.role != role {
		return all
	}
	lessened := make([]*policy.Policy, len(all))
	for i, p := range all {
		less := *p
		less.Statements = slices.DeleteFunc(slices.Clone(p.Statements), func(s policy.Statement) bool { return s.Text == without.statement })
		lessened[i] = &less
	}
	return lessened
}

// Requests returns the newest requests, and what was decided on each.
func (g *Guard) Requests() *trail.Ring { return &g.requests }

// New returns a guard that knows the account's identities. The resources are
// set later, because the services need the guard.
func New(a account.Account, mode Mode, identities Identities) *Guard {
	return &Guard{mode: mode, account: a, identities: identities}
}

// Connect gives the guard the services that know resources and their policies.
// It must be called before the guard is used for anything but AssumeRole.
func (g *Guard) Connect(w World) { g.world = w }

// administrator is the policy of the account's users.
var administrator = sync.OnceValue(func() []*policy.Policy {
	p, err := policy.Parse(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`, policy.Identity)
	if err != nil {
		panic(err)
	}
	p.Name = "arn:aws:iam::aws:policy/AdministratorAccess"
	return []*policy.Policy{p}
})

// A query is one action on one resource.
type query struct {
	action, resource string
	keys             policy.Context // in addition to the global ones; may be nil
	policy           *policy.Policy // of the resource; may be nil
	trust, required  bool           // see policy.Policies
	blind            bool           // the resource is not known
}

// decide evaluates a query for a principal. It returns AWS's error if the query is
// refused. A request from within this program, which has no principal, is allowed.
func (g *Guard) decide(ctx context.Context, p principal.Principal, q query) error {
	if g.mode == Off || p.ARN == "" {
		return nil
	}
	return g.settle(ctx, p, q, g.evaluate(ctx, p, q))
}

// A verdict is what policies say about a query, before anybody has noted it.
type verdict struct {
	policy.Decision

	request *policy.Request
	own     []*policy.Policy
	unknown []string // the principal's policies whose documents are not known
}

func (g *Guard) evaluate(ctx context.Context, p principal.Principal, q query) verdict {
	r := &policy.Request{
		Principal: policy.Principal{ARN: p.ARN, Role: p.Role, Account: p.Account},
		Action:    q.action, Resource: q.resource, Account: g.account.ID, AnyResource: q.blind,
		Context: g.global(ctx, p),
	}
	for k, v := range q.keys {
		r.Context[k] = v
	}
	ps := policy.Policies{Resource: q.policy, Trust: q.trust, Required: q.required}
	var unknown []string
	switch {
	case p.IsService():
		r.Principal = policy.Principal{Service: p.ARN}
	case p.Role != "":
		role, _ := g.identities.RolePolicies(p.Role)
		ps.Identity, ps.Boundary, unknown = g.lessen(p.Role, role.Identity), role.Boundary, role.Unknown
		if p.Session != nil {
			ps.Session = p.Session.Policies
		}
		// A session's tags replace those of its role.
		for k, v := range role.Tags {
			if _, ok := r.Context["aws:principaltag/"+strings.ToLower(k)]; !ok {
				r.Context.Set("aws:PrincipalTag/"+k, v)
			}
		}
	case strings.HasPrefix(p.ARN, g.account.GlobalARN("iam", "user/")):
		ps.Identity = administrator()
	}
	// SNS writes its name in upper case. Actions have no case.
	if name, ok := strings.CutPrefix(r.Action, "sns:"); ok {
		r.Action = "SNS:" + name
	}
	return verdict{ps.Evaluate(r), r, ps.Identity, unknown}
}

// settle notes a decision, and returns AWS's error if the query is refused.
func (g *Guard) settle(ctx context.Context, p principal.Principal, q query, v verdict) error {
	g.journal.record(p, v.own, q, v.Decision)
	trail.FromContext(ctx).Decide(decided(q, v.Decision))
	if v.Result == policy.Allowed || g.mode == Report {
		return nil
	}
	message := v.Refusal(v.request)
	if v.Result == policy.ImplicitDeny && len(v.unknown) > 0 {
		message += ". The embedded AWS does not know the documents of " + strings.Join(v.unknown, ", ")
	}
	return &smithy.GenericAPIError{Code: "AccessDeniedException", Message: message, Fault: smithy.FaultClient}
}

// decided describes a decision, with the first of the statements that made it.
func decided(q query, d policy.Decision) trail.Decision {
	out := trail.Decision{Action: q.action, Resource: q.resource, Allowed: d.Result == policy.Allowed, By: d.By}
	if len(d.Statements) > 0 {
		m := d.Statements[0]
		out.Policy, out.Statement = m.Policy.Name, m.Policy.Statements[m.Statement].Text
	}
	return out
}

// parse returns a resource's policy. The services have checked its form. A
// document that can't be read allows nothing.
func (g *Guard) parse(name, document string) *policy.Policy {
	if document == "" {
		return nil
	}
	if p, ok := g.parsed.Load(document); ok {
		return p.(*policy.Policy) //nolint:forcetypeassert // nothing else is stored
	}
	p, err := policy.Parse(document, policy.Resource)
	if err != nil {
		p = &policy.Policy{}
	}
	p.Name = name
	g.parsed.Store(document, p)
	return p
}

// AssumeRole decides whether the principal of ctx may assume a role. actions
// has sts:AssumeRole, and sts:TagSession and sts:SetSourceIdentity as needed.
func (g *Guard) AssumeRole(ctx context.Context, role string, actions []string, keys policy.Context) error {
	if g.mode == Off {
		return nil
	}
	known, ok := g.identities.RolePolicies(role)
	if !ok {
		known.Trust = &policy.Policy{}
	}
	p := principal.FromContext(ctx)
	for _, action := range actions {
		q := query{action: action, resource: role, keys: keys, policy: known.Trust, trust: true, required: true}
		if err := g.decide(ctx, p, q); err != nil {
			return err
		}
	}
	return nil
}
