package lambda

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
)

// user is the Type of errors that the caller can correct.
var user = aws.String("User")

func invalid(format string, args ...any) error {
	return &lambdatypes.InvalidParameterValueException{Message: aws.String(fmt.Sprintf(format, args...)), Type: user}
}

func notFound(format string, args ...any) error {
	return &lambdatypes.ResourceNotFoundException{Message: aws.String(fmt.Sprintf(format, args...)), Type: user}
}

func noAlias(arn string) error { return notFound("Cannot find alias arn: %s", arn) }

func conflict(format string, args ...any) error {
	return &lambdatypes.ResourceConflictException{Message: aws.String(fmt.Sprintf(format, args...)), Type: user}
}

func validation(format string, args ...any) error {
	return &smithy.GenericAPIError{
		Code:    "ValidationException",
		Message: "1 validation error detected: " + fmt.Sprintf(format, args...),
		Fault:   smithy.FaultClient,
	}
}

func missing(member string) error {
	return validation("Value null at '%s' failed to satisfy constraint: Member must not be null", member)
}

func unsupported(what string) error {
	return invalid("%s is not supported by the embedded AWS.", what)
}

const throttledMessage = "Rate Exceeded."

func throttled(reason lambdatypes.ThrottleReason) error {
	return &lambdatypes.TooManyRequestsException{Message: aws.String(throttledMessage), Reason: reason, Type: user}
}

// ended returns the error after Close. It is a client fault, because clients
// would retry a server fault for minutes.
func ended() error {
	return &smithy.GenericAPIError{Code: "ServiceUnavailableException", Message: "The embedded AWS is stopping.", Fault: smithy.FaultClient}
}

// checkRevision compares the current revision with the one that the caller last saw.
func checkRevision(given *string, current string) error {
	if given == nil || *given == current {
		return nil
	}
	return &lambdatypes.PreconditionFailedException{
		Message: aws.String("The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"),
		Type:    user,
	}
}
