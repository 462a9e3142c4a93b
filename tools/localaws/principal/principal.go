// Package principal carries the identity behind a request from the wire to the
// service.
package principal

import (
	"context"
	"time"

	"github.com/magewright/magewright/tools/localaws/iam/policy"
)

// A Principal is the identity behind a request's access key.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html.
type Principal struct {
	ARN         string // a user, an assumed-role session, or a service such as codedeploy.amazonaws.com
	UserID      string // for example AIDA... or AROA...:session
	Account     string // twelve digits
	AccessKeyID string // empty for a service principal

	// Role is the ARN of a session's role. It is empty for others.
	Role string
	// Session is how the session of a role was made. It is nil for others.
	Session *Session
	// Source is the ARN of the resource on whose behalf a service acts. It is
	// empty for others.
	Source string
	// Via is the service through which the principal makes this request, such as
	// cloudformation.amazonaws.com. It is empty if the principal makes it itself.
	Via string
}

// A Session is what AssumeRole was given for a session.
type Session struct {
	Policies       []*policy.Policy  // session policies
	Tags           map[string]string // session tags
	Transitive     []string          // keys of tags that the next session inherits
	SourceIdentity string
	Issued         time.Time
}

type key struct{}

// NewContext returns ctx with p as the principal of the request.
func NewContext(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, key{}, p)
}

// FromContext returns the principal of the request. It is the zero Principal if
// the request is unsigned.
func FromContext(ctx context.Context) Principal {
	p, _ := ctx.Value(key{}).(Principal)
	return p
}

// Service returns ctx with an AWS service, such as "codepipeline.amazonaws.com",
// as its principal.
func Service(ctx context.Context, name, account string) context.Context {
	return ServiceFor(ctx, name, account, "")
}

// ServiceFor returns ctx with an AWS service as its principal that acts on
// behalf of a resource.
func ServiceFor(ctx context.Context, name, account, source string) context.Context {
	return NewContext(ctx, Principal{ARN: name, UserID: name, Account: account, Source: source})
}

// IsService reports whether the principal is an AWS service.
func (p Principal) IsService() bool {
	return p.ARN != "" && p.Account != "" && p.AccessKeyID == "" && p.Role == "" && p.ARN == p.UserID
}
