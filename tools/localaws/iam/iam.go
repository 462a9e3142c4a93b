// Package iam is the Identity and Access Management of the embedded AWS: roles,
// their policies, and managed policies. Package policy reads and evaluates the
// documents, and package access enforces them.
//
// See https://docs.aws.amazon.com/IAM/latest/APIReference/welcome.html.
package iam

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/paging"
)

// A Service is IAM.
type Service struct {
	account account.Account
	created time.Time

	mu       sync.Mutex
	roles    map[string]*role    // by name
	policies map[string]*managed // customer managed policies, by ARN
}

// New returns an IAM that contains only AWS's managed policies, by name, and
// the account's user.
func New(a account.Account) *Service {
	return &Service{account: a, created: a.Clock.Now(), roles: map[string]*role{}, policies: map[string]*managed{}}
}

var (
	entityName = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)
	entityPath = regexp.MustCompile(`^/(?:[\x21-\x7e]*/)?$`)
)

// checkName refuses an invalid name. most is the length limit.
func checkName(parameter string, name *string, most int) error {
	n := aws.ToString(name)
	if !entityName.MatchString(n) || len(n) > most {
		return invalid(fmt.Sprintf("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: [\\w+=,.@-]{1,%d}", n, parameter, most))
	}
	return nil
}

// checkPath returns a path. The default is "/".
func checkPath(path *string) (string, error) {
	if path == nil {
		return "/", nil
	}
	if !entityPath.MatchString(*path) || len(*path) > 512 {
		return "", invalid("The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.")
	}
	return *path, nil
}

// newID returns a unique id. Its prefix says what kind of entity it identifies.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html.
func newID(prefix string) *string {
	b := make([]byte, 11)
	// This never fails.
	_, _ = rand.Read(b)
	return aws.String(prefix + base32.StdEncoding.EncodeToString(b)[:17])
}

func invalid(message string) error {
	return &smithy.GenericAPIError{Code: "ValidationError", Message: message, Fault: smithy.FaultClient}
}

func noSuchEntity(format string, args ...any) error {
	return &types.NoSuchEntityException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// page returns one page of a list, and the marker for the next page, if any.
// The order of the list must be stable. AWS's pages have 100 items.
func page[T any](items []T, marker *string, maxItems *int32) (_ []T, next *string, err error) {
	size := 100
	if maxItems != nil {
		if *maxItems < 1 || *maxItems > 1000 {
			return nil, nil, invalid("MaxItems must be from 1 to 1000")
		}
		size = int(*maxItems)
	}
	items, next, ok := paging.Of(items, marker, size)
	if !ok {
		return nil, nil, &types.InvalidInputException{Message: aws.String("Invalid Marker.")}
	}
	// The result is an empty list, not nil.
	return append([]T{}, items...), next, nil
}

// mergeTags returns tags with more added. A key has only one value.
func mergeTags(tags, more []types.Tag) ([]types.Tag, error) {
	merged := slices.Clone(tags)
	for _, t := range more {
		if k := aws.ToString(t.Key); k == "" || len(k) > 128 || strings.HasPrefix(strings.ToLower(k), "aws:") {
			return nil, &types.InvalidInputException{Message: aws.String("Invalid tag key: " + strconv.Quote(k))}
		}
		t := types.Tag{Key: aws.String(*t.Key), Value: aws.String(aws.ToString(t.Value))}
		// Keys that differ only in case are the same.
		if i := slices.IndexFunc(merged, func(m types.Tag) bool { return strings.EqualFold(*m.Key, *t.Key) }); i >= 0 {
			merged[i] = t
		} else {
			merged = append(merged, t)
		}
	}
	if len(merged) > 50 {
		return nil, limitExceeded("Cannot exceed quota for TagsPerResource: 50")
	}
	return merged, nil
}

func removeTags(tags []types.Tag, keys []string) []types.Tag {
	return slices.DeleteFunc(slices.Clone(tags), func(t types.Tag) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, *t.Key) })
	})
}

func limitExceeded(message string) error {
	return &types.LimitExceededException{Message: aws.String(message)}
}
