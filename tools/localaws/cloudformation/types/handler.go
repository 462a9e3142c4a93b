package types

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/cfnschema"
	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// A definition is a resource type whose handlers don't yet report results in
// CloudFormation's terms.
type definition struct {
	resource.Type
	// required names the properties that a resource must have.
	required []string
}

// A HandlerError is the failure of a resource handler. Its text is the one that
// CloudFormation reports as the status reason of the resource.
type HandlerError struct {
	Message string
	Token   string // the token of the request
	// Code is a handler error code, for example NotFound.
	// See https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html.
	Code string
	Err  error // the service's error
}

func (e *HandlerError) Error() string {
	return fmt.Sprintf("Resource handler returned message: %q (RequestToken: %s, HandlerErrorCode: %s)", e.Message, e.Token, e.Code)
}

// Unwrap returns the error of the service.
func (e *HandlerError) Unwrap() error { return e.Err }

// handled returns the complete type. It adds what CloudFormation's schema says
// about the supported properties. Its handlers check the properties, treat a
// missing resource as deleted, and report errors as AWS's handlers do. A
// creation that fails half-way returns the resource with the error, so that the
// engine's rollback can delete it.
func (d definition) handled() resource.Type {
	t := d.Type
	t.CreateOnly = slices.DeleteFunc(slices.Clone(cfnschema.CreateOnly(t.Name)), func(name string) bool { return !slices.Contains(t.Properties, name) })
	create, update, remove := t.Create, t.Update, t.Delete
	t.Create = func(ctx context.Context, asked *resource.Request) (*resource.Result, error) {
		// A replacement inherits nothing from the resource it replaces.
		r := d.effective(asked)
		r.PhysicalID, r.OldProperties = "", nil
		if err := d.check(r); err != nil {
			return nil, err
		}
		made, err := create(ctx, r)
		if err != nil {
			return made, handlerError(r, err)
		}
		return made, nil
	}
	if update != nil {
		t.Update = func(ctx context.Context, asked *resource.Request) (*resource.Result, error) {
			r := d.effective(asked)
			if err := d.check(r); err != nil {
				return nil, err
			}
			result, err := update(ctx, r)
			if err != nil {
				return nil, handlerError(r, err)
			}
			return result, nil
		}
	}
	t.Delete = func(ctx context.Context, r *resource.Request) error {
		if err := remove(ctx, r); err != nil && handlerCode(err) != "NotFound" {
			return handlerError(r, err)
		}
		return nil
	}
	return t
}

// effective returns a copy of a request without the properties that have no effect.
func (d definition) effective(r *resource.Request) *resource.Request {
	e := *r
	if len(d.Kept) > 0 {
		kept := func(name string, _ any) bool { return slices.Contains(d.Kept, name) }
		e.Properties, e.OldProperties = maps.Clone(r.Properties), maps.Clone(r.OldProperties)
		maps.DeleteFunc(e.Properties, kept)
		maps.DeleteFunc(e.OldProperties, kept)
	}
	return &e
}

// check reports properties that are missing or not supported.
func (d definition) check(r *resource.Request) error {
	for name := range r.Properties {
		if !d.Open && !slices.Contains(d.Properties, name) {
			return handlerError(r, &propertyError{"", fmt.Sprintf("extraneous key [%s] is not permitted", name)})
		}
	}
	for _, name := range d.required {
		if _, ok := r.Properties[name]; !ok {
			return handlerError(r, &propertyError{"", fmt.Sprintf("required key [%s] not found", name)})
		}
	}
	return nil
}

// A validationError refuses a resource before a handler is called.
type validationError struct {
	logicalID string
	err       error
}

func (e *validationError) Error() string {
	return "Properties validation failed for resource " + e.logicalID + " with message: [" + e.err.Error() + "]"
}

func (e *validationError) Unwrap() error { return e.err }

// handlerError returns err as CloudFormation reports it.
func handlerError(r *resource.Request, err error) error {
	if _, done := errors.AsType[*HandlerError](err); done {
		return err
	}
	if _, done := errors.AsType[*customError](err); done {
		return err
	}
	if p, ok := errors.AsType[*propertyError](err); ok {
		return &validationError{r.LogicalID, p}
	}
	message := err.Error()
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorMessage() != "" {
		message = api.ErrorMessage()
	}
	return &HandlerError{Message: message, Token: r.Token, Code: handlerCode(err), Err: err}
}

// codes maps parts of service error codes to handler error codes. The first
// match counts.
var codes = []struct {
	handler string
	parts   []string
}{
	{"AlreadyExists", []string{"AlreadyExist", "BucketAlreadyOwnedByYou", "ResourceExistsException", "DuplicateName"}},
	{"NotFound", []string{"NotFound", "NoSuch", "DoesNotExist", "404"}},
	{"AccessDenied", []string{"AccessDenied", "UnauthorizedOperation", "NotAuthorized"}},
	{"Throttling", []string{"Throttling", "TooManyRequests", "SlowDown", "RequestLimitExceeded"}},
	{"ServiceLimitExceeded", []string{"LimitExceeded", "QuotaExceeded", "TooManyTags"}},
	{"ResourceConflict", []string{"Conflict", "InUse", "ConcurrentModification", "OperationAborted"}},
	{"InvalidRequest", []string{"Invalid", "Validation", "Malformed", "Unsupported", "Required", "BadRequest"}},
}

// handlerCode returns the handler error code for a service's error.
func handlerCode(err error) string {
	if h, ok := errors.AsType[*HandlerError](err); ok {
		return h.Code
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return "NotStabilized"
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return "InternalFailure"
	}
	for _, c := range codes {
		if slices.ContainsFunc(c.parts, func(part string) bool { return strings.Contains(api.ErrorCode(), part) }) {
			return c.handler
		}
	}
	if api.ErrorFault() == smithy.FaultServer {
		return "ServiceInternalError"
	}
	return "GeneralServiceException"
}

// failure returns an error with an explicit handler error code.
func failure(r *resource.Request, code, format string, args ...any) error {
	return &HandlerError{Message: fmt.Sprintf(format, args...), Token: r.Token, Code: code}
}
