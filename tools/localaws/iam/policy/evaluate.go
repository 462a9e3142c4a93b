package policy

import "strings"

// A Request is one action on one resource.
type Request struct {
	Principal Principal
	Action    string // for example s3:GetObject
	Resource  string // an ARN, or * for an action without resources
	// AnyResource says that it is not known which resource the action uses. A
	// statement that allows then applies to any resource, and one that denies only
	// if it denies all resources.
	AnyResource bool
	// Account is the resource's account. If it is empty, it is the principal's.
	Account string
	Context Context
}

// Policies are those that apply to a request.
type Policies struct {
	Identity []*Policy
	// Boundary is the principal's permissions boundary. It may be nil.
	Boundary *Policy
	// Session has the session policies. They limit only a session that has any.
	Session []*Policy
	// Resource is the policy of the resource. It may be nil.
	Resource *Policy
	// Trust says that Resource is a role's trust policy.
	Trust bool
	// Required says that nothing is allowed without Resource. Role trust policies
	// and KMS key policies are so.
	Required bool
}

// A Result is the result of an evaluation.
type Result int

// The results. The zero value denies.
const (
	ImplicitDeny Result = iota
	ExplicitDeny
	Allowed
)

// A Decision is the result of an evaluation and its reason.
type Decision struct {
	Result Result
	// By is the type of policy that decided, in AWS's words, such as
	// "identity-based policy".
	By string
	// Statements has the statements that allow the request, or those that deny it.
	Statements []Match
}

// A Match is a statement that applies to a request.
type Match struct {
	Policy    *Policy
	Statement int // its index
}

// The types of policies in AWS's words. See
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html.
const (
	byIdentity = "identity-based policy"
	byResource = "resource-based policy"
	byBoundary = "permissions boundary"
	bySession  = "session policy"
	byTrust    = "role trust policy"
)

// evaluation is the state of an evaluation.
type evaluation struct {
	*Request

	action  string // in lower case
	bounded bool   // the principal has a permissions boundary
	allows  []Match
	denies  []Match
	by      string // the type of policy that denies first
}

// Evaluate decides on a request. Its order is that of AWS's flow chart:
// an explicit deny in any policy, then the resource's policy, then the
// principal's policies, its boundary and its session's policies.
//
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html.
func (p *Policies) Evaluate(r *Request) Decision {
	e := &evaluation{Request: r, action: strings.ToLower(r.Action), bounded: p.Boundary != nil}
	resourceName := byResource
	if p.Trust {
		resourceName = byTrust
	}
	identity := e.all(p.Identity, byIdentity) || r.Principal.root()
	granted := noGrant
	if p.Resource != nil {
		granted, _ = e.one(p.Resource, resourceName)
	}
	boundary := p.Boundary == nil
	if p.Boundary != nil {
		_, boundary = e.one(p.Boundary, byBoundary)
	}
	session := len(p.Session) == 0 || e.all(p.Session, bySession)

	if len(e.denies) > 0 {
		return Decision{ExplicitDeny, e.by, e.denies}
	}
	missing := e.missing(p.Required, granted, identity, boundary, session, resourceName)
	if missing != "" {
		return Decision{Result: ImplicitDeny, By: missing}
	}
	return Decision{Result: Allowed, Statements: e.allows}
}

// missing returns the type of policy that does not allow the request. It is
// empty if the request is allowed.
func (e *evaluation) missing(required bool, granted grant, identity, boundary, session bool, resourceName string) string {
	who := &e.Principal
	if who.Service != "" || who.ARN == "" {
		// Only a resource's policy can allow a service or everyone.
		if granted == noGrant {
			return resourceName
		}
		return ""
	}
	if e.Account == "" || e.Account == who.Account {
		switch {
		// What is granted to a user or a session directly is not limited by anything
		// else. What is granted to a role is limited by the boundary and the session.
		case granted == directGrant:
			return ""
		case granted == roleGrant:
			identity = true
		case required && granted == noGrant:
			return resourceName
		}
	} else if granted == noGrant {
		// Both accounts must allow it.
		return resourceName
	}
	switch {
	case !identity:
		return byIdentity
	case !boundary:
		return byBoundary
	case !session:
		return bySession
	default:
		return ""
	}
}

// all reports whether one of the policies allows the request. It looks at all
// of them, because another one may deny it.
func (e *evaluation) all(policies []*Policy, by string) bool {
	allowed := false
	for _, p := range policies {
		_, ok := e.one(p, by)
		allowed = allowed || ok
	}
	return allowed
}

// one records which of a policy's statements apply. It reports whether the
// policy allows the request, and how directly it names the principal.
func (e *evaluation) one(p *Policy, by string) (granted grant, allowed bool) {
	for i := range p.Statements {
		s := &p.Statements[i]
		g, ok := s.applies(e)
		switch {
		case !ok:
		case s.Allow:
			granted, allowed = max(granted, g), true
			e.allows = append(e.allows, Match{p, i})
		default:
			if e.denies == nil {
				e.by = by
			}
			e.denies = append(e.denies, Match{p, i})
		}
	}
	return granted, allowed
}

// applies reports whether the statement applies to a request, and how directly
// it names the principal.
func (s *Statement) applies(e *evaluation) (grant, bool) {
	if anyMatches(s.actions, e.action) == s.notActions {
		return noGrant, false
	}
	if e.AnyResource {
		if !s.Allow && !s.appliesToAll() {
			return noGrant, false
		}
	} else if !s.appliesTo(e.Resource, e.Context) {
		return noGrant, false
	}
	granted := noGrant
	switch {
	case s.principals == nil:
	case !s.notPrincipals:
		if granted = s.principals.match(&e.Principal); granted == noGrant {
			return noGrant, false
		}
	case s.principals.excepts(&e.Principal, s.Allow, e.bounded):
		return noGrant, false
	default:
		granted = directGrant
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(e.Context) {
			return noGrant, false
		}
	}
	return granted, true
}

func anyMatches(patterns []pattern, s string) bool {
	for i := range patterns {
		if patterns[i].glob.match(s) {
			return true
		}
	}
	return false
}

// appliesTo reports whether the statement's resources include one. A trust
// policy has no resources. In NotResource, a variable that can't be resolved
// makes the statement invalid.
func (s *Statement) appliesTo(name string, c Context) bool {
	if len(s.resources) == 0 {
		return true
	}
	for i := range s.resources {
		g, ok := s.resources[i].resolve(c)
		switch {
		case ok && g.match(name):
			return !s.notResources
		case !ok && s.notResources:
			return false
		}
	}
	return s.notResources
}

// appliesToAll reports whether the statement applies to every resource.
func (s *Statement) appliesToAll() bool {
	all := len(s.resources) == 0
	for i := range s.resources {
		all = all || s.resources[i].glob.all
	}
	return all && !s.notResources
}

// Refusal returns AWS's message for a request that the decision does not allow.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html.
func (d Decision) Refusal(r *Request) string {
	who := r.Principal.ARN
	if r.Principal.Service != "" {
		who = r.Principal.Service
	} else if who == "" {
		who = "anonymous"
	}
	message := "User: " + who + " is not authorized to perform: " + r.Action
	// AWS does not name the role that can't be assumed.
	if r.Resource != "*" && r.Resource != "" && d.By != byTrust {
		message += " on resource: " + r.Resource
	}
	switch {
	case d.Result != ExplicitDeny:
		return message + " because no " + d.By + " allows the " + r.Action + " action"
	case d.By == byIdentity:
		return message + " with an explicit deny in an " + d.By
	case d.By == byTrust:
		return message + " with an explicit deny in the " + d.By
	default:
		return message + " with an explicit deny in a " + d.By
	}
}
