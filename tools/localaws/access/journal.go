package access

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/magewright/magewright/tools/localaws/iam/policy"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// A journal counts which statements were used, and what was refused.
type journal struct {
	mu      sync.Mutex
	used    map[use]int
	alone   map[use]int // the calls that no other statement of the role allowed
	refused map[refusal]int
	blind   map[string]int // actions whose resources are not known, with their calls
}

// A use is a statement that allowed or denied a request of a role.
type use struct{ role, policy, statement string }

// A refusal is a request that no policy allowed, or one denied.
type refusal struct {
	role, action, resource string
	explicit               bool
	by                     string
}

// record counts a decision. The principal has the policies own; what else has decided
// are policies of resources.
func (j *journal) record(p principal.Principal, own []*policy.Policy, q query, d policy.Decision) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.used == nil {
		j.used, j.alone, j.refused, j.blind = map[use]int{}, map[use]int{}, map[refusal]int{}, map[string]int{}
	}
	if q.blind {
		j.blind[q.action]++
	}
	who := cmp.Or(p.Role, p.ARN)
	mine := 0
	for _, m := range d.Statements {
		if slices.Contains(own, m.Policy) {
			mine++
		}
	}
	for _, m := range d.Statements {
		u := use{who, m.Policy.Name, m.Policy.Statements[m.Statement].Text}
		j.used[u]++
		if mine == 1 && slices.Contains(own, m.Policy) {
			j.alone[u]++
		}
	}
	if d.Result != policy.Allowed {
		j.refused[refusal{who, q.action, q.resource, d.Result == policy.ExplicitDeny, d.By}]++
	}
}

// A Summary is what happened to each role.
type Summary struct {
	Mode  string        `json:"mode"` // enforce or report
	Roles []RoleSummary `json:"roles"`
	// ByName has the actions that were evaluated without their resources, because
	// their service has no table yet.
	ByName []string `json:"byName,omitempty"`
}

// A RoleSummary is what happened to a role, or to another principal.
type RoleSummary struct {
	Principal string           `json:"principal"`
	Used      []StatementUse   `json:"used"`
	Unused    []StatementUse   `json:"unused"`
	Refused   []RefusalSummary `json:"refused"`
	Unknown   []string         `json:"unknown,omitempty"` // attached policies whose documents are not known
}

// A StatementUse is a statement and how many calls it allowed or denied.
type StatementUse struct {
	Policy    string          `json:"policy"`
	Statement json.RawMessage `json:"statement"`
	Calls     int             `json:"calls"`
	// Own says that the statement is of one of the role's policies, not of a resource's.
	Own bool `json:"own,omitempty"`
	// Alone is how many of the calls no other statement of the role allowed or denied.
	Alone int `json:"alone,omitempty"`
}

// A RefusalSummary is an action on a resource that was refused.
type RefusalSummary struct {
	Action   string          `json:"action"`
	Resource string          `json:"resource"`
	Reason   string          `json:"reason"`
	Calls    int             `json:"calls"`
	Allow    json.RawMessage `json:"allow,omitempty"` // the statement that would allow it; none helps against an explicit deny
}

// Summary returns what happened so far, sorted by principal. Roles that exist
// but made no request are in it too: none of their statements were used.
func (g *Guard) Summary() Summary {
	g.journal.mu.Lock()
	defer g.journal.mu.Unlock()
	s := Summary{Mode: map[Mode]string{Enforce: "enforce", Report: "report", Off: "off"}[g.mode], Roles: []RoleSummary{}}
	summaries := map[string]*RoleSummary{}
	of := func(name string) *RoleSummary {
		if summaries[name] == nil {
			summaries[name] = &RoleSummary{Principal: name, Used: []StatementUse{}, Unused: []StatementUse{}, Refused: []RefusalSummary{}}
		}
		return summaries[name]
	}
	for u, n := range g.journal.used {
		r := of(u.role)
		r.Used = append(r.Used, StatementUse{Policy: u.policy, Statement: json.RawMessage(u.statement), Calls: n, Alone: g.journal.alone[u]})
	}
	for f, n := range g.journal.refused {
		r := of(f.role)
		r.Refused = append(r.Refused, f.summary(n))
	}
	for _, arn := range g.identities.RoleARNs() {
		role, _ := g.identities.RolePolicies(arn)
		r := of(arn)
		r.Unknown = role.Unknown
		for _, p := range role.Identity {
			for _, statement := range p.Statements {
				if g.journal.used[use{arn, p.Name, statement.Text}] == 0 {
					r.Unused = append(r.Unused, StatementUse{Policy: p.Name, Statement: json.RawMessage(statement.Text), Own: true})
					continue
				}
				for i, used := range r.Used {
					if used.Policy == p.Name && string(used.Statement) == statement.Text {
						r.Used[i].Own = true
					}
				}
			}
		}
	}
	for _, r := range summaries {
		order := func(a, b StatementUse) int {
			return cmp.Or(cmp.Compare(a.Policy, b.Policy), strings.Compare(string(a.Statement), string(b.Statement)))
		}
		slices.SortFunc(r.Used, order)
		slices.SortFunc(r.Unused, order)
		slices.SortFunc(r.Refused, func(a, b RefusalSummary) int {
			return cmp.Or(cmp.Compare(a.Action, b.Action), cmp.Compare(a.Resource, b.Resource))
		})
		s.Roles = append(s.Roles, *r)
	}
	slices.SortFunc(s.Roles, func(a, b RoleSummary) int { return cmp.Compare(a.Principal, b.Principal) })
	for action := range g.journal.blind {
		s.ByName = append(s.ByName, action)
	}
	slices.Sort(s.ByName)
	return s
}

func (f refusal) summary(calls int) RefusalSummary {
	s := RefusalSummary{Action: f.action, Resource: f.resource, Calls: calls}
	if f.explicit {
		s.Reason = "a " + f.by + " denies it"
		return s
	}
	s.Reason = "no " + f.by + " allows it"
	statement, err := json.Marshal(struct{ Effect, Action, Resource string }{"Allow", f.action, f.resource})
	if err != nil {
		// Strings can always be encoded.
		panic(err)
	}
	s.Allow = statement
	return s
}
