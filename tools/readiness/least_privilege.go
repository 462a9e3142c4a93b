package readiness

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// An Access says which statements of the policies of the delivered roles a rehearsal
// used. `mage rehearse` leaves it.
type Access struct {
	evidence.Made
	Roles []AccessRole `json:"roles"`
}

// An AccessRole is a role that a stack makes.
type AccessRole struct {
	Role       string            `json:"role"` // STACK/LOGICAL ID
	Statements []AccessStatement `json:"statements"`
}

// An AccessStatement is a statement of a role's policies that allows something.
type AccessStatement struct {
	Policy    string          `json:"policy"`
	Statement json.RawMessage `json:"statement"`
	Calls     int             `json:"calls"` // that it allowed
}

// PredicateType implements [evidence.Predicate].
func (Access) PredicateType() string { return base + "access/v1" }

// Allows returns the actions that a statement allows, as they are written.
func (s AccessStatement) Allows() []string { return s.listed("Action") }

// listed returns the texts of a field, which may be one or a list.
func (s AccessStatement) listed(field string) []string {
	var read map[string]json.RawMessage
	if json.Unmarshal(s.Statement, &read) != nil {
		return nil
	}
	var one string
	if json.Unmarshal(read[field], &one) == nil {
		return []string{one}
	}
	var all []string
	_ = json.Unmarshal(read[field], &all) // a statement without actions allows nothing that could be named
	return all
}

// awsManaged begins the ARNs of the policies that AWS maintains. Nobody else can remove a
// statement from them, so they count as used if one of their statements is used.
const awsManaged = "arn:aws:iam::aws:policy/"

// used reports whether the role has used a statement.
func (r AccessRole) used(s AccessStatement) bool {
	if !strings.HasPrefix(s.Policy, awsManaged) {
		return s.Calls > 0
	}
	return slices.ContainsFunc(r.Statements, func(other AccessStatement) bool { return other.Policy == s.Policy && other.Calls > 0 })
}

// An Unneeded declares statements that a rehearsal does not need.
type Unneeded struct {
	// Role is a pattern of STACK/LOGICAL ID, as in path.Match.
	Role string `yaml:"role" json:"role"`
	// Action is an action that the statement allows, as it is written there.
	Action string `yaml:"action" json:"action"`
	// Resource is a pattern of a resource that the statement names, as in path.Match, if
	// the role has other statements with the action; "" for any.
	Resource string `yaml:"resource" json:"resource,omitempty"`
	Reason   string `yaml:"reason" json:"reason"`
}

// covers reports whether the declaration is about a statement of a role.
func (u Unneeded) covers(r AccessRole, s AccessStatement) bool {
	ok, _ := path.Match(u.Role, r.Role) // the policy was read
	return ok && slices.Contains(s.Allows(), u.Action) && (u.Resource == "" || slices.ContainsFunc(s.listed("Resource"), func(resource string) bool {
		ok, _ := path.Match(u.Resource, resource)
		return ok
	}))
}

// Declares reports whether the policy declares that a rehearsal does not need a statement
// of a role.
func (p Policy) Declares(r AccessRole, s AccessStatement) bool {
	return slices.ContainsFunc(p.Unneeded, func(u Unneeded) bool { return u.covers(r, s) })
}

// checkUnneeded returns what is wrong with the declarations.
func (p Policy) checkUnneeded() error {
	for _, u := range p.Unneeded {
		_, err := path.Match(u.Role, "")
		_, resourceErr := path.Match(u.Resource, "")
		if err != nil || resourceErr != nil || u.Role == "" || u.Action == "" || strings.TrimSpace(u.Reason) == "" {
			return fmt.Errorf("unneeded: role %q, action %q, resource %q, reason %q: want a pattern of STACK/LOGICAL ID, an action, perhaps a pattern of a resource, and a reason", u.Role, u.Action, u.Resource, u.Reason)
		}
	}
	return nil
}

func leastPrivilege() Check {
	return Check{
		ID: "least-privilege", Item: Infrastructure,
		Title: "A rehearsal has used each right of the delivered roles",
		Doc: `In a rehearsal of this commit, each statement of the roles that the stacks make has
allowed a call. Statements that are needed elsewhere, such as on AWS only, are declared
in the policy under "unneeded", each with a reason. A declaration that no statement matches fails. A policy of AWS counts as one
statement. Statements that deny give no right and are left out. The embedded AWS
evaluates each call of a rehearsal, and the target rehearse leaves the evidence at its
end. So the check is UNKNOWN in the pipeline itself.`,
		Inputs: []evidence.Predicate{Access{}},
		Next:   "go tool mage rehearse -approve, then go tool mage readiness",
		Decide: decideLeastPrivilege,
	}
}

func decideLeastPrivilege(in Inputs) Result {
	access := read(in, &Access{})
	matched := make([]bool, len(in.Policy.Unneeded))
	statements, used, declared := 0, 0, 0
	var findings []string
	for _, role := range access.Roles {
		for _, s := range role.Statements {
			statements++
			covered := false
			for i, u := range in.Policy.Unneeded {
				if u.covers(role, s) {
					covered, matched[i] = true, true
				}
			}
			switch {
			case role.used(s):
				used++
			case covered:
				declared++
			default:
				findings = append(findings, fmt.Sprintf("%s: no call has used this statement of %s: %s", role.Role, s.Policy, s.Statement))
			}
		}
	}
	if statements == 0 {
		return Undecided("the rehearsal has seen no role of the stacks")
	}
	for i, u := range in.Policy.Unneeded {
		if !matched[i] {
			findings = append(findings, fmt.Sprintf("%s: %s declares %s, which no statement allows", in.policyFile(), u.Role, u.Action))
		}
	}
	return concluded(fmt.Sprintf("%s of %s: %d used, %d declared", count(statements, "statement"), count(len(access.Roles), "role"), used, declared),
		findings, nil, "Whether a statement is wider than its calls, or another one allows the same.")
}
