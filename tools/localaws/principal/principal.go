// Package principal carries the identity behind a request from the wire to the
// service. No service makes decisions with it yet. Because it is available,
// enforcing IAM only needs the evaluation of policies.
package principal

import "context"

// A Principal is the identity behind a request's access key.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html.
type Principal struct {
	ARN         string // a user, an assumed-role session, or a service such as codedeploy.amazonaws.com
	UserID      string // for example AIDA... or AROA...:session
	Account     string // twelve digits
	AccessKeyID string // empty for a service principal
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
	return NewContext(ctx, Principal{ARN: name, UserID: name, Account: account})
}
