// Package sts is the Security Token Service of the embedded AWS. It issues
// temporary credentials and knows the owner of each access key.
//
// See https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html.
package sts

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/iam/policy"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// UserName is the IAM user behind every access key that this service has not
// issued. Everyone who knows its secret is that user.
const UserName = "rehearsal"

// Roles knows the roles and the managed policies. IAM implements it.
type Roles interface {
	GetRole(context.Context, *awsiam.GetRoleInput) (*awsiam.GetRoleOutput, error)
	ManagedPolicy(arn string) (*policy.Policy, bool)
}

// A Guard decides whether the principal of a request may assume a role.
type Guard interface {
	AssumeRole(ctx context.Context, role string, actions []string, keys policy.Context) error
}

// A Service is STS. It resolves access keys for the wire.
type Service struct {
	// Roles is asked whether a role exists before the role is assumed. It must
	// be set before the service is used. If it is nil, every role can be assumed.
	Roles Roles
	// Guard evaluates the role's trust policy and the caller's policies. It must be
	// set before the service is used. If it is nil, everyone may assume every role.
	Guard Guard

	account account.Account
	secret  string              // of each access key that this service has not issued
	user    principal.Principal // UserName, without an access key

	mu       sync.Mutex
	sessions map[string]session // by access key id
}

// A session is the identity behind temporary credentials.
type session struct {
	principal     principal.Principal
	secret, token string
	expires       time.Time
}

// New returns an STS that has issued nothing yet. The secret is that of each access
// key that it has not issued.
func New(a account.Account, secret string) *Service {
	return &Service{account: a, secret: secret, sessions: map[string]session{}, user: principal.Principal{
		ARN: a.GlobalARN("iam", "user/"+UserName), UserID: id("AIDA", UserName+a.ID), Account: a.ID,
	}}
}

// Principal returns the owner of an access key: the session that it was issued
// for, or otherwise the account's user [UserName]. For an expired session, it
// returns an ExpiredToken error.
func (s *Service) Principal(_ context.Context, accessKeyID string) (principal.Principal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	issued, ok := s.sessions[accessKeyID]
	if !ok {
		p := s.user
		p.AccessKeyID = accessKeyID
		return p, nil
	}
	if !s.account.Clock.Now().Before(issued.expires) {
		return principal.Principal{}, failure("ExpiredToken", "The security token included in the request is expired")
	}
	return issued.principal, nil
}

// Credentials returns the secret of an access key and, for a session, its
// token. For an expired session, it returns an ExpiredToken error.
func (s *Service) Credentials(ctx context.Context, accessKeyID string) (aws.Credentials, error) {
	if _, err := s.Principal(ctx, accessKeyID); err != nil {
		return aws.Credentials{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if issued, ok := s.sessions[accessKeyID]; ok {
		return aws.Credentials{AccessKeyID: accessKeyID, SecretAccessKey: issued.secret, SessionToken: issued.token}, nil
	}
	return aws.Credentials{AccessKeyID: accessKeyID, SecretAccessKey: s.secret}, nil
}

// caller returns the request's principal. For requests from within this
// program, it is the account's user.
func (s *Service) caller(ctx context.Context) principal.Principal {
	if p := principal.FromContext(ctx); p != (principal.Principal{}) {
		return p
	}
	return s.user
}

// GetCallerIdentity returns who signed the request.
func (s *Service) GetCallerIdentity(ctx context.Context, _ *awssts.GetCallerIdentityInput) (*awssts.GetCallerIdentityOutput, error) {
	p := s.caller(ctx)
	return &awssts.GetCallerIdentityOutput{
		Account: aws.String(p.Account), Arn: aws.String(p.ARN), UserId: aws.String(p.UserID),
	}, nil
}

// GetAccessKeyInfo returns the account of an access key. There is only one account.
func (s *Service) GetAccessKeyInfo(_ context.Context, in *awssts.GetAccessKeyInfoInput) (*awssts.GetAccessKeyInfoOutput, error) {
	if !accessKeyID.MatchString(aws.ToString(in.AccessKeyId)) {
		return nil, invalid("accessKeyId", aws.ToString(in.AccessKeyId), "satisfy regular expression pattern: [\\w]{16,128}")
	}
	return &awssts.GetAccessKeyInfoOutput{Account: aws.String(s.account.ID)}, nil
}

var (
	accessKeyID = regexp.MustCompile(`^\w{16,128}$`)
	roleARN     = regexp.MustCompile(`^arn:aws:iam::(\d{12}):role/((?:[\x21-\x7e]+/)?)([\w+=,.@-]{1,64})$`)
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
)

// chained is the longest session of a role that is assumed by the session of
// another role. See
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining.
const chained = time.Hour

// AssumeRole issues credentials for a role, if its trust policy and the caller's
// policies allow it.
func (s *Service) AssumeRole(ctx context.Context, in *awssts.AssumeRoleInput) (*awssts.AssumeRoleOutput, error) {
	arn, name := aws.ToString(in.RoleArn), aws.ToString(in.RoleSessionName)
	match := roleARN.FindStringSubmatch(arn)
	if match == nil {
		return nil, failure("ValidationError", arn+" is invalid")
	}
	if !sessionName.MatchString(name) {
		return nil, invalid("roleSessionName", name, "satisfy regular expression pattern: [\\w+=,.@-]{2,64}")
	}
	if in.SerialNumber != nil || in.TokenCode != nil || len(in.ProvidedContexts) > 0 {
		return nil, failure("ValidationError", "the embedded AWS does not support SerialNumber, TokenCode and ProvidedContexts")
	}
	lifetime, err := duration(in.DurationSeconds, time.Hour, 12*time.Hour)
	if err != nil {
		return nil, err
	}
	caller := s.caller(ctx)
	session, err := s.session(caller, in)
	if err != nil {
		return nil, err
	}
	roleID, err := s.role(ctx, caller, match[1], match[3], arn, lifetime)
	if err != nil {
		return nil, err
	}
	if s.Guard != nil {
		actions, keys := requested(in, session)
		if err := s.Guard.AssumeRole(principal.NewContext(ctx, caller), arn, actions, keys); err != nil {
			return nil, err //nolint:wrapcheck // it is AWS's error
		}
	}
	p := principal.Principal{
		ARN:     s.account.GlobalARN("sts", "assumed-role/"+match[3]+"/"+name),
		UserID:  roleID + ":" + name,
		Account: s.account.ID,
		Role:    arn,
		Session: session,
	}
	out := &awssts.AssumeRoleOutput{
		AssumedRoleUser: &types.AssumedRoleUser{Arn: aws.String(p.ARN), AssumedRoleId: aws.String(p.UserID)},
		Credentials:     s.issue(p, lifetime),
	}
	if session.SourceIdentity != "" {
		out.SourceIdentity = aws.String(session.SourceIdentity)
	}
	return out, nil
}

// As returns ctx with a session of a role as its principal. A service, which is
// the principal of ctx, acts with it on behalf of the role's owner.
func (s *Service) As(ctx context.Context, role, session string) (context.Context, error) {
	out, err := s.AssumeRole(ctx, &awssts.AssumeRoleInput{RoleArn: &role, RoleSessionName: &session})
	if err != nil {
		return nil, err
	}
	p, err := s.Principal(ctx, aws.ToString(out.Credentials.AccessKeyId))
	if err != nil {
		return nil, err
	}
	return principal.NewContext(ctx, p), nil
}

// session returns the session that a request describes. It inherits the source
// identity and the transitive tags of the session that makes the request.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html.
func (s *Service) session(caller principal.Principal, in *awssts.AssumeRoleInput) (*principal.Session, error) {
	session := &principal.Session{Tags: map[string]string{}, SourceIdentity: aws.ToString(in.SourceIdentity), Issued: s.account.Clock.Now()}
	if c := caller.Session; c != nil {
		if c.SourceIdentity != "" && session.SourceIdentity != "" && c.SourceIdentity != session.SourceIdentity {
			return nil, failure("AccessDenied", "The source identity of a session can't be changed.")
		}
		session.SourceIdentity = cmp.Or(session.SourceIdentity, c.SourceIdentity)
		session.Transitive = append(session.Transitive, c.Transitive...)
		for _, k := range c.Transitive {
			session.Tags[k] = c.Tags[k]
		}
	}
	for _, t := range in.Tags {
		if k := aws.ToString(t.Key); slices.ContainsFunc(session.Transitive, func(inherited string) bool { return strings.EqualFold(inherited, k) }) {
			return nil, failure("InvalidParameterValue", "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
		session.Tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	session.Transitive = append(session.Transitive, in.TransitiveTagKeys...)
	if in.Policy != nil {
		p, err := policy.Parse(*in.Policy, policy.Identity)
		if err != nil {
			return nil, &types.MalformedPolicyDocumentException{Message: aws.String(err.Error())}
		}
		p.Name = "session policy"
		session.Policies = append(session.Policies, p)
	}
	for _, d := range in.PolicyArns {
		var p *policy.Policy
		if s.Roles != nil {
			p, _ = s.Roles.ManagedPolicy(aws.ToString(d.Arn))
		}
		if p == nil {
			return nil, failure("ValidationError", "Session policy "+aws.ToString(d.Arn)+" does not exist, or the embedded AWS does not know its document")
		}
		session.Policies = append(session.Policies, p)
	}
	return session, nil
}

// requested returns the actions that a request needs, and its condition keys.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html.
func requested(in *awssts.AssumeRoleInput, session *principal.Session) (actions []string, keys policy.Context) {
	actions, keys = []string{"sts:AssumeRole"}, policy.Context{}
	keys.Set("sts:RoleSessionName", aws.ToString(in.RoleSessionName))
	if in.ExternalId != nil {
		keys.Set("sts:ExternalId", *in.ExternalId)
	}
	if in.DurationSeconds != nil {
		keys.Set("sts:DurationSeconds", fmt.Sprint(*in.DurationSeconds))
	}
	if session.SourceIdentity != "" {
		keys.Set("sts:SourceIdentity", session.SourceIdentity)
	}
	if in.SourceIdentity != nil {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	if len(session.Tags) > 0 {
		keys.Set("aws:TagKeys", slices.Sorted(maps.Keys(session.Tags))...)
	}
	for k, v := range session.Tags {
		keys.Set("aws:RequestTag/"+k, v)
	}
	if len(in.Tags) > 0 {
		actions = append(actions, "sts:TagSession")
		if len(in.TransitiveTagKeys) > 0 {
			keys.Set("sts:TransitiveTagKeys", in.TransitiveTagKeys...)
		}
	}
	return actions, keys
}

// role returns the id of a role, if the caller can assume it for the given lifetime.
func (s *Service) role(ctx context.Context, caller principal.Principal, accountID, name, arn string, lifetime time.Duration) (string, error) {
	denied := failure("AccessDenied",
		fmt.Sprintf("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", caller.ARN, arn))
	if accountID != s.account.ID {
		return "", denied
	}
	if s.Roles == nil {
		return id("AROA", arn), nil
	}
	out, err := s.Roles.GetRole(ctx, &awsiam.GetRoleInput{RoleName: &name})
	if err != nil || aws.ToString(out.Role.Arn) != arn {
		return "", denied
	}
	// AWS renews the credentials of its own services for as long as necessary.
	service := caller.IsService()
	if most := aws.ToInt32(out.Role.MaxSessionDuration); most > 0 && !service && lifetime > time.Duration(most)*time.Second {
		return "", failure("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	if caller.Role != "" && lifetime > chained {
		return "", failure("ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	return aws.ToString(out.Role.RoleId), nil
}

// GetSessionToken issues temporary credentials for the caller itself.
func (s *Service) GetSessionToken(ctx context.Context, in *awssts.GetSessionTokenInput) (*awssts.GetSessionTokenOutput, error) {
	lifetime, err := duration(in.DurationSeconds, 12*time.Hour, 36*time.Hour)
	if err != nil {
		return nil, err
	}
	p := s.caller(ctx)
	if p.Session != nil {
		return nil, failure("AccessDenied", "Cannot call GetSessionToken with session credentials")
	}
	p.Session = &principal.Session{Issued: s.account.Clock.Now()}
	return &awssts.GetSessionTokenOutput{Credentials: s.issue(p, lifetime)}, nil
}

// issue returns new credentials for p. Their lifetime is in AWS's time.
func (s *Service) issue(p principal.Principal, lifetime time.Duration) *types.Credentials {
	p.AccessKeyID = "ASIA" + random(10)
	expires := s.account.Clock.Now().UTC().Add(lifetime).Truncate(time.Second)
	secret, token := base64.StdEncoding.EncodeToString(randomBytes(30)), base64.StdEncoding.EncodeToString(randomBytes(96))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[p.AccessKeyID] = session{principal: p, secret: secret, token: token, expires: expires}
	return &types.Credentials{
		AccessKeyId:     aws.String(p.AccessKeyID),
		SecretAccessKey: aws.String(secret),
		SessionToken:    aws.String(token),
		Expiration:      aws.Time(expires),
	}
}

// duration returns the requested lifetime of credentials. The minimum is 15 minutes.
func duration(seconds *int32, usual, most time.Duration) (time.Duration, error) {
	const least = 15 * time.Minute
	if seconds == nil {
		return usual, nil
	}
	d := time.Duration(*seconds) * time.Second
	if d < least {
		return 0, invalid("durationSeconds", fmt.Sprint(*seconds), fmt.Sprintf("have value greater than or equal to %d", int(least.Seconds())))
	}
	if d > most {
		return 0, invalid("durationSeconds", fmt.Sprint(*seconds), fmt.Sprintf("have value less than or equal to %d", int(most.Seconds())))
	}
	return d, nil
}

// id returns an IAM unique id. It is always the same for the same name.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html.
func id(prefix, name string) string {
	sum := sha256.Sum256([]byte(name))
	return prefix + base32.StdEncoding.EncodeToString(sum[:])[:17]
}

// random returns n random bytes as base32.
func random(n int) string { return base32.StdEncoding.EncodeToString(randomBytes(n)) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	// This never fails.
	_, _ = rand.Read(b)
	return b
}

func failure(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message, Fault: smithy.FaultClient}
}

func invalid(parameter, value, constraint string) error {
	return failure("ValidationError", fmt.Sprintf(
		"1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must %s", value, parameter, constraint))
}
