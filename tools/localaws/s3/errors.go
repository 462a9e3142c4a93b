package s3

import (
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// fail returns an error that has no type in the SDK. The codes are those of
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
func fail(code, format string, args ...any) error {
	return &smithy.GenericAPIError{Code: code, Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

// A detailed error has elements of its own in the document that clients receive, and
// headers.
type detailed struct {
	error
	elements, headers [][2]string
}

func (d detailed) Unwrap() error { return d.error }

// Error names what the elements name.
func (d detailed) Error() string {
	text := d.error.Error()
	for _, e := range d.elements {
		text += " (" + e[0] + ": " + e[1] + ")"
	}
	return text
}

func noSuchKey(key string) detailed {
	return detailed{error: &types.NoSuchKey{Message: aws.String("The specified key does not exist.")}, elements: [][2]string{{"Key", key}}}
}

func noSuchVersion(key, id string) error {
	return detailed{error: fail("NoSuchVersion", "The specified version does not exist."), elements: [][2]string{{"Key", key}, {"VersionId", id}}}
}

// statuses lists the HTTP statuses of errors whose status is not 400.
var statuses = map[string]int{
	"NotModified": http.StatusNotModified,

	"AccessDenied":          http.StatusForbidden,
	"SignatureDoesNotMatch": http.StatusForbidden,

	"NoSuchBucket":                                   http.StatusNotFound,
	"NoSuchKey":                                      http.StatusNotFound,
	"NoSuchVersion":                                  http.StatusNotFound,
	"NoSuchUpload":                                   http.StatusNotFound,
	"NotFound":                                       http.StatusNotFound,
	"NoSuchBucketPolicy":                             http.StatusNotFound,
	"NoSuchLifecycleConfiguration":                   http.StatusNotFound,
	"NoSuchObjectLockConfiguration":                  http.StatusNotFound,
	"NoSuchPublicAccessBlockConfiguration":           http.StatusNotFound,
	"NoSuchTagSet":                                   http.StatusNotFound,
	"ObjectLockConfigurationNotFoundError":           http.StatusNotFound,
	"OwnershipControlsNotFoundError":                 http.StatusNotFound,
	"ServerSideEncryptionConfigurationNotFoundError": http.StatusNotFound,

	"MethodNotAllowed": http.StatusMethodNotAllowed,

	"BucketAlreadyOwnedByYou": http.StatusConflict,
	"BucketNotEmpty":          http.StatusConflict,
	"InvalidBucketState":      http.StatusConflict,

	"PreconditionFailed": http.StatusPreconditionFailed,
	"InvalidRange":       http.StatusRequestedRangeNotSatisfiable,
	"InvalidPartNumber":  http.StatusRequestedRangeNotSatisfiable,
}
