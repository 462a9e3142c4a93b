// Package sts is the Security Token Service of the embedded AWS. It issues
// temporary credentials and knows the owner of each access key.
//
// See https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html.
package sts

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// UserName is the IAM user behind every access key that this service has not
// issued. Everyone who knows its secret is that user.
const UserName = "rehearsal"

// Roles reports whether a role exists. IAM implements it.
type Roles interface {
	GetRole(context.Context, *awsiam.GetRoleInput) (*awsiam.GetRoleOutput, error)
}

// A Service is STS. It resolves access keys for the wire.
type Service struct {
	// Roles is asked whether a role exists before the role is assumed. It must
	// be set before the service is used. If it is nil, every role can be assumed.
	Roles Roles

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

// AssumeRole issues credentials for a role. It ignores the role's trust policy
// and session policies.
func (s *Service) AssumeRole(ctx context.Context, in *awssts.AssumeRoleInput) (*awssts.AssumeRoleOutput, error) {
	arn, name := aws.ToString(in.RoleArn), aws.ToString(in.RoleSessionName)
	match := roleARN.FindStringSubmatch(arn)
	if match == nil {
		return nil, failure("ValidationError", arn+" is invalid")
	}
	if !sessionName.MatchString(name) {
		return nil, invalid("roleSessionName", name, "satisfy regular expression pattern: [\\w+=,.@-]{2,64}")
	}
	lifetime, err := duration(in.DurationSeconds, time.Hour, 12*time.Hour)
	if err != nil {
		return nil, err
	}
	roleID, err := s.role(ctx, match[1], match[3], arn, lifetime)
	if err != nil {
		return nil, err
	}
	p := principal.Principal{
		ARN:     s.account.GlobalARN("sts", "assumed-role/"+match[3]+"/"+name),
		UserID:  roleID + ":" + name,
		Account: s.account.ID,
	}
	return &awssts.AssumeRoleOutput{
		AssumedRoleUser: &types.AssumedRoleUser{Arn: aws.String(p.ARN), AssumedRoleId: aws.String(p.UserID)},
		Credentials:     s.issue(p, lifetime),
		SourceIdentity:  in.SourceIdentity,
	}, nil
}

// role returns the id of a role, if the role may be assumed for the given lifetime.
func (s *Service) role(ctx context.Context, accountID, name, arn string, lifetime time.Duration) (string, error) {
	caller := s.caller(ctx)
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
	service := !strings.HasPrefix(caller.ARN, "arn:")
	if most := aws.ToInt32(out.Role.MaxSessionDuration); most > 0 && !service && lifetime > time.Duration(most)*time.Second {
		return "", failure("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
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
	if strings.Contains(p.ARN, ":assumed-role/") {
		return nil, failure("AccessDenied", "Cannot call GetSessionToken with session credentials")
	}
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
