package access

import (
	"context"
	"strings"

	"github.com/magewright/magewright/tools/localaws/iam/policy"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// UseConnection decides whether the principal of ctx may use a connection for a repository,
// such as "owner/name". There is no such operation: AWS asks whenever a service uses the
// connection in the name of a role. The action and its keys have two names, of which the
// connection's ARN has one. Policies with the other one are accepted too. See
// https://docs.aws.amazon.com/dtconsole/latest/userguide/security-iam.html#permissions-reference-connections-use.
func (g *Guard) UseConnection(ctx context.Context, connection, repository string) error {
	p := principal.FromContext(ctx)
	if g.mode == Off || p.ARN == "" || p.IsService() {
		return nil
	}
	keys := policy.Context{}
	names := []string{"codeconnections", "codestar-connections"}
	for _, name := range names {
		keys.Set(name+":FullRepositoryId", repository)
	}
	if strings.Contains(connection, ":"+names[1]+":") {
		names[0], names[1] = names[1], names[0]
	}
	ask := func(name string) (query, verdict) {
		q := query{action: name + ":UseConnection", resource: connection, keys: keys}
		return q, g.evaluate(ctx, p, q)
	}
	q, v := ask(names[0])
	if other, w := ask(names[1]); w.Result == policy.ExplicitDeny || v.Result == policy.ImplicitDeny && w.Result == policy.Allowed {
		q, v = other, w
	}
	return g.settle(ctx, p, q, v)
}
