// Package account describes the one account and region that an embedded AWS
// serves, as every service of it needs to know them.
package account

import (
	"crypto/hkdf"
	"crypto/sha256"
	"log/slog"

	"github.com/magewright/magewright/tools/internal/clock"
)

// Partition is the only partition that is served.
const Partition = "aws"

// DefaultID is an account id that AWS never gives out, so that nobody takes
// an ARN of the embedded AWS for a real one.
const DefaultID = "000000000000"

// An Account is what the services of one embedded AWS have in common.
type Account struct {
	ID       string      // twelve digits
	Region   string      // such as us-east-1
	Endpoint string      // base URL of the embedded AWS, such as http://127.0.0.1:4566
	Dir      string      // a private directory for what services keep on disk
	Clock    clock.Clock // the time by which AWS waits and stamps
	Log      *slog.Logger

	// Seed is a secret from which those keys and names are derived that on AWS
	// outlive a client's day: an endpoint that is started again with the same
	// seed has the same. Nil makes new ones each time.
	Seed []byte
}

// Derive returns bytes that only the seed and what they are for decide, or nil
// where there is no seed.
// See RFC 5869, HKDF.
func (a Account) Derive(purpose string, length int) []byte {
	if a.Seed == nil {
		return nil
	}
	derived, err := hkdf.Key(sha256.New, a.Seed, nil, purpose, length)
	if err != nil {
		panic(err) // a length beyond 255 digests
	}
	return derived
}

// ARN returns the Amazon Resource Name of a regional resource.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html.
func (a Account) ARN(service, resource string) string {
	return "arn:" + Partition + ":" + service + ":" + a.Region + ":" + a.ID + ":" + resource
}

// GlobalARN returns the name of a resource of a service without regions, such
// as IAM.
func (a Account) GlobalARN(service, resource string) string {
	return "arn:" + Partition + ":" + service + "::" + a.ID + ":" + resource
}
