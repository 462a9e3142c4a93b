package policy

import (
	"regexp"
	"strings"
)

// A Principal is who makes a request. Without an ARN and a service, it is
// anonymous.
type Principal struct {
	ARN     string // of a user, a role's session or the account's root user
	Role    string // the ARN of a session's role; empty for others
	Account string // twelve digits; empty for a service
	Service string // an AWS service, such as lambda.amazonaws.com, instead of the others
}

// root reports whether the principal is the root user of its account.
func (p *Principal) root() bool {
	return p.ARN != "" && p.ARN == rootARN(p.Account)
}

func rootARN(account string) string { return "arn:aws:iam::" + account + ":root" }

// A grant says how directly a statement names a principal.
type grant int

const (
	noGrant      grant = iota
	accountGrant       // the principal's account, which may delegate it
	roleGrant          // the role of a session
	directGrant        // the principal itself, or everyone
)

// principals is the Principal or NotPrincipal element of a statement.
type principals struct {
	everyone bool
	aws      map[string]bool // ARNs; accounts as the ARN of their root user
	services map[string]bool
}

var (
	accountID    = regexp.MustCompile(`^\d{12}$`)
	principalARN = regexp.MustCompile(`^arn:aws[\w-]*:(?:iam|sts)::(?:\d{12}|cloudfront):[^*?]+$`)
	// uniqueID is what AWS makes of the ARN of a principal that is deleted.
	uniqueID = regexp.MustCompile(`^A[A-Z]{3}[A-Z0-9]{16,}$`)
	hostName = regexp.MustCompile(`^[\w.-]+$`)
)

// parsePrincipals reads the element. See
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html.
func parsePrincipals(v any) (*principals, error) {
	p := &principals{aws: map[string]bool{}, services: map[string]bool{}}
	if v == "*" {
		p.everyone = true
		return p, nil
	}
	members, ok := v.(object)
	if !ok || len(members) == 0 {
		return nil, syntax("Invalid principal in policy")
	}
	for _, m := range members {
		texts, err := stringList(m.value)
		if err != nil {
			return nil, err
		}
		for _, text := range texts {
			if err := p.add(m.name, text); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

func (p *principals) add(kind, text string) error {
	switch {
	case kind == "AWS" && text == "*":
		p.everyone = true
	case kind == "AWS" && accountID.MatchString(text):
		p.aws[rootARN(text)] = true
	case kind == "AWS" && (principalARN.MatchString(text) || uniqueID.MatchString(text)):
		p.aws[text] = true
	case kind == "Service" && hostName.MatchString(text):
		p.services[text] = true
	case kind == "Federated" && text != "", kind == "CanonicalUser" && text != "":
		// Nobody signs in with an identity provider here, and nobody is known by a
		// canonical id, so these name nobody.
	default:
		return syntax(`Invalid principal in policy: "` + strings.TrimSpace(kind) + `":"` + text + `"`)
	}
	return nil
}

// match returns how directly the element names a principal.
func (p *principals) match(who *Principal) grant {
	switch {
	case p.everyone:
		return directGrant
	case who.Service != "":
		if p.services[who.Service] {
			return directGrant
		}
		return noGrant
	case who.ARN == "":
		return noGrant
	case p.aws[who.ARN]:
		return directGrant
	case who.Role != "" && p.aws[who.Role]:
		return roleGrant
	case p.aws[rootARN(who.Account)]:
		return accountGrant
	default:
		return noGrant
	}
}

// excepts reports whether NotPrincipal excepts a principal from a statement. A
// statement that denies must except the principal, its role and its account.
// It never excepts a principal with a permissions boundary.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html.
func (p *principals) excepts(who *Principal, allow, bounded bool) bool {
	if allow || p.everyone || who.Service != "" || who.ARN == "" {
		return p.match(who) != noGrant
	}
	return !bounded && p.aws[who.ARN] && (who.Role == "" || p.aws[who.Role]) && p.aws[rootARN(who.Account)]
}
