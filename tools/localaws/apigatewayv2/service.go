// Package apigatewayv2 is the embedded AWS's API Gateway for HTTP APIs.
//
// An API serves its stages at an address on loopback; see package executeapi. Its
// integrations are Lambda functions (AWS_PROXY, in payload format 1.0 or 2.0). What
// is not supported is refused by name: WebSocket APIs, custom domain names, VPC
// links, integrations with HTTP services or other AWS services, credentials of
// integrations, parameter mapping of requests and models.
//
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api.html.
package apigatewayv2

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/executeapi"
	"github.com/magewright/magewright/tools/localaws/paging"
)

// Deps is what HTTP APIs need from the rest of an embedded AWS.
type Deps struct {
	Gateway *executeapi.Gateway
	// Verifier checks requests to routes with AWS_IAM. Without it, all are refused.
	Verifier executeapi.Verifier
	// Objects are the buckets that issuers of tokens may be in.
	Objects Objects
}

// Service is API Gateway for HTTP APIs. Its exported methods are the operations.
type Service struct {
	account account.Account
	deps    Deps
	all     executeapi.Bucket // the account's throttle

	mu   sync.RWMutex
	apis map[string]*api
}

// New returns an API Gateway without APIs. Closing its gateway ends it.
func New(a account.Account, d Deps) *Service {
	return &Service{account: a, deps: d, apis: map[string]*api{}}
}

func invalid(format string, args ...any) error {
	return &types.BadRequestException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func notFound(format string, args ...any) error {
	return &types.NotFoundException{Message: aws.String(fmt.Sprintf(format, args...)), ResourceType: aws.String("")}
}

func conflict(format string, args ...any) error {
	return &types.ConflictException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// refuse returns an error if an input uses one of the named fields, which the
// embedded AWS does not support.
func refuse(in any, names ...string) error {
	if used := executeapi.Used(in, names...); len(used) > 0 {
		return invalid("%s is not supported by the embedded AWS.", strings.Join(used, ", "))
	}
	return nil
}

// find returns an API. s.mu is held.
func (s *Service) find(id *string) (*api, error) {
	if a := s.apis[aws.ToString(id)]; a != nil {
		return a, nil
	}
	return nil, notFound("Invalid API identifier specified %s:%s", s.account.ID, aws.ToString(id))
}

// read calls f with an API that does not change meanwhile.
func (s *Service) read(id *string, f func(*api) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, err := s.find(id)
	if err != nil {
		return err
	}
	return f(a)
}

// write calls f to change an API, and deploys the change to the stages that deploy
// automatically.
func (s *Service) write(id *string, f func(*api) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.find(id)
	if err != nil {
		return err
	}
	if err := f(a); err != nil {
		return err
	}
	a.changed()
	return nil
}

// page returns the part of a list that a request asks for, and the token of the next.
func page[T any](all []T, token, limit *string) ([]T, *string, error) {
	size := len(all)
	if aws.ToString(token) == "" {
		token = nil
	}
	if limit != nil && *limit != "" {
		n, err := strconv.Atoi(*limit)
		if err != nil || n < 1 {
			return nil, nil, invalid("Invalid maxResults %s", *limit)
		}
		size = n
	}
	items, next, ok := paging.Of(all, token, size)
	if !ok {
		return nil, nil, invalid("Invalid next token %s", *token)
	}
	return items, next, nil
}
