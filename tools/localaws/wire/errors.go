package wire

import (
	"cmp"
	"errors"
	"net/http"
	"path"
	"reflect"
	"strings"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/traits"
)

// A failure is an error in the terms of the AWS protocols.
type failure struct {
	code    string
	message string
	status  int  // 0 for the protocol's default
	server  bool // whether the fault is the server's
	typed   any  // the SDK's typed error, or nil
	schema  *smithy.Schema
}

// newFailure extracts the parts of an error. An error without a type counts as
// the client's fault, because clients retry server faults for minutes. Only a
// panic is the server's fault.
func newFailure(err error) failure {
	if p, ok := errors.AsType[*panicError](err); ok {
		return failure{code: "InternalFailure", message: p.text, status: http.StatusInternalServerError, server: true}
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return failure{code: "InvalidRequest", message: err.Error()}
	}
	f := failure{
		code:    api.ErrorCode(),
		message: api.ErrorMessage(),
		status:  statuses[api.ErrorCode()],
		server:  api.ErrorFault() == smithy.FaultServer,
	}
	if t := reflect.TypeOf(api); t.Kind() == reflect.Pointer && path.Base(t.Elem().PkgPath()) == "types" {
		f.typed, f.schema = api, schemaOf(t.Elem())
	}
	if f.server {
		f.status = cmp.Or(f.status, http.StatusInternalServerError)
	}
	return f
}

// statuses maps error codes to HTTP statuses other than 400. The awsJson
// protocols answer every client fault with 400, except if no service has seen
// the request.
var statuses = map[string]int{
	"AccessDenied":                   http.StatusForbidden,
	"AccessDeniedException":          http.StatusForbidden,
	"AuthorizationError":             http.StatusForbidden,
	"ExpiredToken":                   http.StatusForbidden,
	"InvalidClientTokenId":           http.StatusForbidden,
	"InvalidSignatureException":      http.StatusForbidden,
	"MissingAuthenticationToken":     http.StatusForbidden,
	"SubscriptionLimitExceeded":      http.StatusForbidden,
	"TopicLimitExceeded":             http.StatusForbidden,
	"ChangeSetNotFound":              http.StatusNotFound,
	"HookResultNotFound":             http.StatusNotFound,
	"NoSuchEntity":                   http.StatusNotFound,
	"NotFound":                       http.StatusNotFound,
	"NotFoundException":              http.StatusNotFound,
	"OperationNotFound":              http.StatusNotFound,
	"ResourceNotFound":               http.StatusNotFound,
	"StackInstanceNotFound":          http.StatusNotFound,
	"StackSetNotFound":               http.StatusNotFound,
	"TypeNotFound":                   http.StatusNotFound,
	"TypeNotFoundException":          http.StatusNotFound,
	"ConcurrentModification":         http.StatusConflict,
	"ConflictException":              http.StatusConflict,
	"CreatedButModifiedException":    http.StatusConflict,
	"DeleteConflict":                 http.StatusConflict,
	"EntityAlreadyExists":            http.StatusConflict,
	"EntityTemporarilyUnmodifiable":  http.StatusConflict,
	"NameAlreadyExistsException":     http.StatusConflict,
	"OperationIdAlreadyExists":       http.StatusConflict,
	"OperationInProgress":            http.StatusConflict,
	"OperationInProgressException":   http.StatusConflict,
	"StackSetNotEmpty":               http.StatusConflict,
	"StaleRequest":                   http.StatusConflict,
	"StaleRequestException":          http.StatusConflict,
	"RequestEntityTooLargeException": http.StatusRequestEntityTooLarge,
	"Throttled":                      http.StatusTooManyRequests,
	"TooManyRequestsException":       http.StatusTooManyRequests,
	"UnrecognizedClientException":    http.StatusForbidden,
}

// unsigned maps the codes with which the JSON protocols refuse a request whose
// signature is wrong, or whose signer may not make it, to those of awsQuery.
// awsJson answers them with 400.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html.
var unsigned = map[string]string{
	"AccessDeniedException":       "AccessDenied",
	"ExpiredTokenException":       "ExpiredToken",
	"InvalidSignatureException":   "SignatureDoesNotMatch",
	"UnrecognizedClientException": "InvalidClientTokenId",
}

// suffixed lists the codes of requests that no service has seen. Outside of
// awsQuery these codes end with "Exception".
var suffixed = map[string]bool{"ExpiredToken": true, "MissingAuthenticationToken": true, "IncompleteSignature": true}

// jsonCode returns the error's code for protocols other than awsQuery.
func (f failure) jsonCode() string {
	switch {
	case f.schema != nil:
		return f.schema.ID().Name
	case suffixed[f.code]:
		return f.code + "Exception"
	default:
		return f.code
	}
}

// httpStatus returns the status from the error's schema, or otherwise from the table.
func (f failure) httpStatus() int {
	if t, ok := smithy.SchemaTrait[*traits.HTTPError](f.schema); ok {
		return t.Code
	}
	return cmp.Or(f.status, http.StatusBadRequest)
}

// jsonStatus returns the status for awsJson.
func (f failure) jsonStatus() int {
	if f.typed != nil && !f.server || unsigned[f.code] != "" {
		return http.StatusBadRequest
	}
	return cmp.Or(f.status, http.StatusBadRequest)
}

// query returns the code and status for awsQuery.
func (f failure) query() (code string, status int) {
	if t, ok := smithy.SchemaTrait[*traits.AWSQueryError](f.schema); ok {
		return t.ErrorCode, t.StatusCode
	}
	return cmp.Or(unsigned[f.code], f.code), f.httpStatus()
}

// queryHeader returns the code and fault that the error had in awsQuery.
// See https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait.
func (f failure) queryHeader() string {
	code, _ := f.query()
	return code + ";" + f.fault()
}

func (f failure) fault() string {
	if f.server {
		return "Receiver"
	}
	return "Sender"
}

// members returns the members of an error's body.
func (f failure) members(m metadata, d dialect) map[string]any {
	body := map[string]any{}
	if f.typed != nil {
		v := reflect.ValueOf(f.typed).Elem()
		if s, err := newCompiler(m).top(v.Type()); err == nil {
			if fields, ok := encode(v, s, "", d).(map[string]any); ok {
				body = fields
			}
		}
	}
	for name := range body {
		if strings.EqualFold(name, "message") {
			return body
		}
	}
	body["message"] = f.message
	return body
}
