package cloudformation

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/localaws/cloudformation/template"
)

// validationErrorf returns CloudFormation's ValidationError, which it uses for
// nearly every invalid request.
func validationErrorf(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ValidationError", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

// unsupported returns the error for a parameter that the embedded AWS does not
// support. Without the error, the parameter would be ignored silently.
func unsupported(operation, parameter string) error {
	return validationErrorf("%s: the embedded AWS does not support %s", operation, parameter)
}

// asValidation turns an error about a template into the service's error.
func asValidation(err error) error {
	if e, ok := errors.AsType[*template.Error](err); ok {
		return validationErrorf("%s", e.Text)
	}
	return err
}

func stackNotFound(name string) error {
	return validationErrorf("Stack with id %s does not exist", name)
}

func stackDoesNotExist(name string) error {
	return validationErrorf("Stack [%s] does not exist", name)
}

func changeSetNotFound(name string) error {
	return &types.ChangeSetNotFoundException{Message: aws.String(fmt.Sprintf("ChangeSet [%s] does not exist", name))}
}

func alreadyExists(format string, args ...any) error {
	return &types.AlreadyExistsException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func wrongState(st *stack) error {
	return validationErrorf("Stack:%s is in %s state and can not be updated.", st.id, st.status)
}

// message returns the text of an error without the code that the SDK's errors
// print in front of it.
func message(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorMessage()
	}
	return err.Error()
}
