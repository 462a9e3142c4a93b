// Package account describes the one account and region that an embedded AWS
// serves. Every service needs this description.
package account

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/url"
	"path"
	"strings"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/isolation"
)

// Partition is the only partition served.
const Partition = "aws"

// DefaultID is an account id that AWS never assigns, so that nobody mistakes an
// ARN of the embedded AWS for a real one.
const DefaultID = "000000000000"

// An Account holds what the services of one embedded AWS have in common.
type Account struct {
	ID       string      // twelve digits
	Region   string      // for example us-east-1
	Endpoint string      // base URL of the embedded AWS, for example http://127.0.0.1:4566
	Dir      string      // a private directory for files of the services
	Clock    clock.Clock // the clock for AWS's waits and timestamps
	Log      *slog.Logger

	// Seed is a secret for deriving the keys and names that on AWS outlive a
	// client. An endpoint that is started again with the same seed has the same
	// keys and names. If it is nil, they are new each time.
	Seed []byte

	// Isolation is what functions and builds run in. If it is nil, they run as this program
	// does.
	Isolation isolation.Isolation
}

// Derive returns bytes that depend only on the seed and the purpose. It returns
// nil if there is no seed. See RFC 5869, HKDF.
func (a Account) Derive(purpose string, length int) []byte {
	if a.Seed == nil {
		return nil
	}
	derived, err := hkdf.Key(sha256.New, a.Seed, nil, purpose, length)
	if err != nil {
		// The length exceeds 255 digests.
		panic(err)
	}
	return derived
}

// ARN returns the Amazon Resource Name of a regional resource.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html.
func (a Account) ARN(service, resource string) string {
	return "arn:" + Partition + ":" + service + ":" + a.Region + ":" + a.ID + ":" + resource
}

// GlobalARN returns the ARN of a resource of a service without regions, such as IAM.
func (a Account) GlobalARN(service, resource string) string {
	return "arn:" + Partition + ":" + service + "::" + a.ID + ":" + resource
}

// LocationConstraint returns what S3 calls the region: its name, or "" for us-east-1.
// See https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html.
func (a Account) LocationConstraint() string {
	if a.Region == "us-east-1" {
		return ""
	}
	return a.Region
}

// AssumedLogRole returns the role for logs that the account's settings of API Gateway have
// from the beginning. Once in an account somebody sets one, and then all stacks rely on it.
// A stack that relies on the assumed one is not rehearsed in that.
func (a Account) AssumedLogRole() string {
	return a.GlobalARN("iam", "role/AssumedForLogsOfAPIGateway")
}

// QueueOf returns the account's id and the name in the URL of an SQS queue. Only
// the path counts, because clients reach the endpoint under several hosts.
func QueueOf(queueURL string) (id, name string, err error) {
	u, err := url.Parse(queueURL)
	if err != nil {
		return "", "", fmt.Errorf("reading the URL of a queue: %w", err)
	}
	return path.Base(path.Dir(u.Path)), path.Base(u.Path), nil
}

// QueueURL returns the URL of the SQS queue with a name or ARN.
func (a Account) QueueURL(name string) string {
	return a.Endpoint + "/" + a.ID + "/" + name[strings.LastIndexByte(name, ':')+1:]
}
