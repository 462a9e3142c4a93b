package access

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/localaws/call"
	"github.com/magewright/magewright/tools/localaws/iam/policy"
	"github.com/magewright/magewright/tools/localaws/principal"
	"github.com/magewright/magewright/tools/localaws/trail"
)

// Authorize decides whether the principal of ctx may call an operation with an
// input. The service's name is its signing name. The error is AWS's
// AccessDeniedException, in AWS's words.
func (g *Guard) Authorize(ctx context.Context, service, name string, in any) error {
	trail.FromContext(ctx).Name(name)
	if g.mode == Off {
		return nil
	}
	p := principal.FromContext(ctx)
	if p.ARN == "" {
		return nil
	}
	rows := operations()[service+" "+name]
	if rows == nil {
		return g.byName(ctx, p, service, name)
	}
	for _, o := range rows {
		if o.none || o.service {
			return nil
		}
		keys := g.keys(ctx, service, name, o, in)
		for _, r := range g.resources(ctx, service, o, in) {
			q := query{action: r.action(o.action), resource: r.arn, keys: keys}
			q.policy, q.required = g.resourcePolicy(ctx, r.arn)
			if err := g.decide(ctx, p, q); err != nil {
				return err
			}
		}
	}
	if err := g.encryption(ctx, p, service, name, in); err != nil {
		return err
	}
	for _, o := range rows {
		if err := g.passRoles(ctx, p, o, in); err != nil {
			return err
		}
	}
	return nil
}

// byName decides on an operation that the table does not have. Only the name of
// the action is known.
func (g *Guard) byName(ctx context.Context, p principal.Principal, service, name string) error {
	prefix := waiting[service]
	if prefix == "" {
		prefix = service
	}
	return g.decide(ctx, p, query{action: prefix + ":" + name, resource: "*", blind: true})
}

// passRoles decides whether the caller may pass the roles in the input to the
// service. See
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html.
func (g *Guard) passRoles(ctx context.Context, p principal.Principal, o *operation, in any) error {
	for _, pass := range o.passes {
		for _, role := range values(in, pass.field) {
			keys := policy.Context{"iam:passedtoservice": {pass.service}}
			if err := g.decide(ctx, p, query{action: "iam:PassRole", resource: role, keys: keys}); err != nil {
				return err
			}
		}
	}
	return nil
}

// keys returns the condition keys of an operation's input.
func (g *Guard) keys(ctx context.Context, service, name string, o *operation, in any) policy.Context {
	c := policy.Context{}
	for _, k := range o.keys {
		if v := values(in, k.field); len(v) > 0 {
			c[k.key] = v
		}
	}
	pairs, keys := tags(in)
	for k, v := range pairs {
		c.Set("aws:RequestTag/"+k, v)
	}
	if len(keys) > 0 {
		slices.Sort(keys)
		c["aws:tagkeys"] = keys
	}
	switch {
	case service == "kms":
		g.keyKeys(ctx, c, in)
	case service == "iam" && c["iam:permissionsboundary"] == nil:
		// It is also a key of what is done to a role that has a boundary.
		set(c, "iam:permissionsboundary", g.boundaryOf(ctx, value(in, "RoleName")))
	case service == "dynamodb" && strings.HasPrefix(name, "Transact"):
		c["dynamodb:enclosingoperation"] = []string{name}
	case service == "lambda" && strings.HasSuffix(name, "EventSourceMapping"):
		set(c, "lambda:functionarn", g.mappedFunction(ctx, in))
	}
	return c
}

// keyKeys adds the condition keys of KMS.
// See https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html.
func (g *Guard) keyKeys(ctx context.Context, c policy.Context, in any) {
	if id := values(in, "KeyId"); len(id) == 1 {
		if i := strings.Index(id[0], "alias/"); i == 0 || i > 0 && strings.HasPrefix(id[0], "arn:") {
			c["kms:requestalias"] = []string{id[0][i:]}
		}
		if aliases := g.aliases(ctx, id[0]); len(aliases) > 0 {
			c["kms:resourcealiases"] = aliases
		}
	}
	for _, field := range []string{"KeyId", "TargetKeyId", "AliasName"} {
		if id := values(in, field); len(id) == 1 {
			g.keyTags(ctx, c, id[0])
		}
	}
	encryption := encryptionContext(in)
	for k, v := range encryption {
		c.Set("kms:EncryptionContext:"+k, v)
	}
	if len(encryption) > 0 {
		c["kms:encryptioncontextkeys"] = slices.Sorted(maps.Keys(encryption))
	}
}

// invited has the operations that one service calls on a resource of another
// because the resource's policy allows it.
var invited = map[string]bool{"lambda Invoke": true, "sns Publish": true, "sqs SendMessage": true}

// Internal is Authorize for a call from one service to another. A service that
// acts for itself needs a permission only where AWS asks for one in the
// resource's policy.
func (g *Guard) Internal(ctx context.Context, service, name string, in any) error {
	if principal.FromContext(ctx).IsService() && !invited[service+" "+name] {
		return nil
	}
	if trail.FromContext(ctx) != nil {
		return g.Authorize(ctx, service, name, in)
	}
	// The service does this by itself, as somebody.
	entry := trail.New(trail.Request{At: g.account.Clock.Now(), Service: service, Operation: name, Caller: principal.FromContext(ctx).ARN, Inside: true, Trace: trail.Root(call.FromContext(ctx).Trace)})
	err := g.Authorize(trail.NewContext(ctx, entry), service, name, in)
	entry.End(0, 0, err)
	g.requests.Add(entry)
	return err
}
