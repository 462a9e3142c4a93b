package access

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/localaws/call"
	"github.com/magewright/magewright/tools/localaws/iam/policy"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// global returns the global condition keys of a request. The connection counts
// as secure: AWS's endpoints have TLS, and loopback does not leave this machine.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html.
func (g *Guard) global(ctx context.Context, p principal.Principal) policy.Context {
	now := g.account.Clock.Now().UTC()
	c := policy.Context{
		"aws:currenttime":           {now.Format(time.RFC3339)},
		"aws:epochtime":             {strconv.FormatInt(now.Unix(), 10)},
		"aws:securetransport":       {"true"},
		"aws:requestedregion":       {g.account.Region},
		"aws:resourceaccount":       {g.account.ID},
		"aws:viaawsservice":         {strconv.FormatBool(p.Via != "")},
		"aws:principalisawsservice": {strconv.FormatBool(p.IsService())},
	}
	if p.Via != "" {
		c["aws:calledvia"], c["aws:calledviafirst"], c["aws:calledvialast"] = []string{p.Via}, []string{p.Via}, []string{p.Via}
		name, _, _ := strings.Cut(p.Via, ".")
		c["kms:viaservice"] = []string{name + "." + g.account.Region + ".amazonaws.com"}
	}
	if from := call.FromContext(ctx); p.Via == "" {
		set(c, "aws:sourceip", from.SourceIP)
		set(c, "aws:useragent", from.UserAgent)
		set(c, "aws:referer", from.Referer)
	}
	if p.IsService() {
		c["aws:principalservicename"], c["aws:principalservicenameslist"] = []string{p.ARN}, []string{p.ARN}
		// SNS's default policy has this key, which is older than aws:SourceAccount.
		c["aws:sourceaccount"], c["aws:sourceowner"] = []string{p.Account}, []string{p.Account}
		set(c, "aws:sourcearn", p.Source)
		return c
	}
	c["aws:principalaccount"], c["kms:calleraccount"] = []string{p.Account}, []string{p.Account}
	set(c, "aws:userid", p.UserID)
	switch {
	case p.Role != "":
		c["aws:principalarn"], c["aws:principaltype"] = []string{p.Role}, []string{"AssumedRole"}
	default:
		c["aws:principalarn"], c["aws:principaltype"] = []string{p.ARN}, []string{"User"}
		if _, name, ok := strings.Cut(p.ARN, ":user/"); ok {
			c["aws:username"] = []string{name[strings.LastIndex(name, "/")+1:]}
		}
	}
	if s := p.Session; s != nil {
		c["aws:tokenissuetime"] = []string{s.Issued.UTC().Format(time.RFC3339)}
		// Nobody has a device for multi-factor authentication here.
		c["aws:multifactorauthpresent"] = []string{"false"}
		set(c, "aws:sourceidentity", s.SourceIdentity)
		for k, v := range s.Tags {
			c.Set("aws:PrincipalTag/"+k, v)
		}
	}
	return c
}

func set(c policy.Context, key, value string) {
	if value != "" {
		c[key] = []string{value}
	}
}
