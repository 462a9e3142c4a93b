package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/magewright/magewright/tools/project/exit"
)

// The codes with which AWS's services refuse credentials. See
// https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html.
var (
	refusedCodes = []string{"InvalidSignatureException", "SignatureDoesNotMatch", "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "IncompleteSignature", "AuthFailure"}
	expiredCodes = []string{"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
)

// explained extends a client so that an error of the connection or of the credentials says
// which AWS they are for, and what to do about it.
func explained(endpoint, region, key string) func(*middleware.Stack) error {
	explain := func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		out, metadata, err := next.HandleInitialize(ctx, in)
		return out, metadata, explain(ctx, endpoint, region, key, err)
	}
	return func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("MagewrightExplain", explain), middleware.Before)
	}
}

// explain adds to err what a reader needs to know about a connection or credentials that do
// not work. Of every error of AWS, it leaves out what only the SDK's authors need.
func explain(ctx context.Context, endpoint, region, key string, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	at := cmp.Or(endpoint, "AWS in "+region)
	local := onLoopback(endpoint)
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		text := api.ErrorCode() + ": " + api.ErrorMessage()
		if request, ok := errors.AsType[interface {
			error
			ServiceRequestID() string
		}](err); ok && request.ServiceRequestID() != "" {
			text += " (request " + request.ServiceRequestID() + ")"
		}
		err = &brief{err, text}
		switch code := api.ErrorCode(); {
		case slices.Contains(expiredCodes, code):
			return exit.Missing("aws sso login, or export new credentials", "the credentials (access key %s) have expired: %w", key, err)
		case slices.Contains(refusedCodes, code) && local:
			return exit.Missing(`eval "$(go tool mage local -env)", in each shell, after each start of go tool mage local`, "%s does not know the access key %s with this secret: %w", at, key, err)
		case slices.Contains(refusedCodes, code):
			return exit.Missing("aws sts get-caller-identity, to see whether the credentials are for this AWS", "%s does not know the access key %s with this secret: %w", at, key, err)
		}
		return err
	}
	operation, dial := errors.AsType[*net.OpError](err)
	if !dial || operation.Op != "dial" {
		return err
	}
	err = &brief{err, operation.Error()}
	switch {
	case local:
		return exit.Missing("go tool mage local, in another shell, and then: eval \"$(go tool mage local -env)\"", "nothing answers at %s, which AWS_ENDPOINT_URL names: %w", at, err)
	case endpoint != "":
		return exit.Missing("unset AWS_ENDPOINT_URL, for AWS itself", "nothing answers at %s, which AWS_ENDPOINT_URL names: %w", at, err)
	}
	return exit.Missing("curl -sS https://sts."+region+".amazonaws.com, to see whether the network or the region is wrong", "%s can't be reached: %w", at, err)
}

// A brief error is an error with a shorter text.
type brief struct {
	error
	text string
}

func (b *brief) Error() string { return b.text }
func (b *brief) Unwrap() error { return b.error }

// onLoopback reports whether an endpoint is on this machine.
func onLoopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsLoopback() || u.Hostname() == "localhost"
}

// Where says which AWS a configuration is for: the account, the region and, unless it is
// AWS's own, the endpoint. If AWS can't be asked for the account, it is unknown.
func Where(ctx context.Context, cfg aws.Config) string {
	account := "unknown"
	quick, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	identity, err := sts.NewFromConfig(cfg, func(o *sts.Options) { o.RetryMaxAttempts = 1 }).GetCallerIdentity(quick, &sts.GetCallerIdentityInput{})
	if err == nil {
		account = aws.ToString(identity.Account)
	}
	where := []string{"account " + account, "region " + cfg.Region}
	if endpoint := aws.ToString(cfg.BaseEndpoint); endpoint != "" {
		where = append(where, fmt.Sprintf("endpoint %s", endpoint))
	}
	return strings.Join(where, ", ")
}
