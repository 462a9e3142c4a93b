// Package apigateway is the embedded AWS's API Gateway for REST APIs.
//
// An API serves its stages at an address on loopback; see package executeapi. Its
// integrations are Lambda functions, with and without proxy, operations of other
// services of the embedded AWS, and MOCK. Mapping templates may use the variables
// and functions that package mapping lists, and no directives.
//
// What is not supported is refused by name: private APIs, resource policies, custom
// domain names, integrations with HTTP services, caches, canaries, execution logs
// with the data of requests, tracing and client certificates. Authorizers that ask
// Cognito are recorded: a call that one of them would decide on fails.
//
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-rest-api.html.
package apigateway

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/executeapi"
	"github.com/magewright/magewright/tools/localaws/paging"
)

// Roles gives an integration with another service the credentials of its role.
type Roles interface {
	AssumeRole(ctx context.Context, in *awssts.AssumeRoleInput) (*awssts.AssumeRoleOutput, error)
}

// Deps is what REST APIs need from the rest of an embedded AWS.
type Deps struct {
	Gateway *executeapi.Gateway
	// Verifier checks requests to methods with AWS_IAM. Without it, all are refused.
	Verifier executeapi.Verifier
	// Roles has the roles of integrations with other services.
	Roles Roles
}

// Service is API Gateway for REST APIs. Its exported methods are the operations.
type Service struct {
	account account.Account
	deps    Deps
	all     executeapi.Bucket // the account's throttle

	mu    sync.RWMutex
	apis  map[string]*api
	keys  map[string]*types.ApiKey
	plans map[string]*plan
	role  string // with which execution logs are written
}

// New returns an API Gateway without APIs. Closing its gateway ends it.
func New(a account.Account, d Deps) *Service {
	return &Service{account: a, deps: d, apis: map[string]*api{}, keys: map[string]*types.ApiKey{}, plans: map[string]*plan{}, role: a.AssumedLogRole()}
}

func invalid(format string, args ...any) error {
	return &types.BadRequestException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func notFound(format string, args ...any) error {
	return &types.NotFoundException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func conflict(format string, args ...any) error {
	return &types.ConflictException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// unsupported is the error for a setting that the embedded AWS does not have.
func unsupported(what string) error { return invalid("%s is not supported by the embedded AWS.", what) }

// refuse returns an error if an input uses one of the named fields, which the
// embedded AWS does not support.
func refuse(in any, names ...string) error {
	if used := executeapi.Used(in, names...); len(used) > 0 {
		return unsupported(strings.Join(used, ", "))
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

// write calls f to change an API, and serves its stages as they are afterwards.
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
	a.serve()
	return nil
}

// page returns the part of a list that a request asks for, and the position of the
// next.
func page[T any](all []T, position *string, limit *int32) ([]T, *string, error) {
	size := 25
	if aws.ToString(position) == "" {
		position = nil
	}
	if limit != nil {
		if *limit < 1 || *limit > 500 {
			return nil, nil, invalid("Invalid limit: %d", *limit)
		}
		size = int(*limit)
	}
	items, next, ok := paging.Of(all, position, size)
	if !ok {
		return nil, nil, invalid("Invalid position parameter: %s", *position)
	}
	return items, next, nil
}

// patch applies patch operations. set changes the value at a path; a value of nil
// removes it. It returns false for a path that it does not know.
// See https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html.
func patch(operations []types.PatchOperation, set func(path string, value *string) (bool, error)) error {
	for _, op := range operations {
		path, value := aws.ToString(op.Path), op.Value
		switch op.Op {
		case types.OpAdd, types.OpReplace:
			if value == nil {
				value = aws.String("")
			}
		case types.OpRemove:
			value = nil
		default:
			return unsupported("The patch operation " + string(op.Op))
		}
		known, err := set(path, value)
		if err != nil {
			return err
		}
		if !known {
			return invalid("Invalid patch path '%s' specified for op '%s'. The embedded AWS does not support it.", path, op.Op)
		}
	}
	return nil
}
