// Package dynamodb is the embedded AWS's Amazon DynamoDB.
//
// Tables are B-trees in memory of compactly encoded items. Their order is that
// of a hash of the partition key, and within it that of the sort key. Tables
// change their state by the account's clock. What is not supported, such as
// PartiQL and the parameters from before there were expressions, is refused by
// name.
package dynamodb

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// Service is DynamoDB in one account and region.
type Service struct {
	account account.Account

	metrics *recorder

	life    context.Context // ends with the service
	end     context.CancelFunc
	running sync.WaitGroup
	expire  sync.Once // starts the deletion of expired items

	mu      sync.Mutex
	tables  map[string]*table
	tokens  map[string]*token  // of transactions, by the client's token
	backups map[string]*backup // by ARN

	// streamsMu guards streams, which are the tables' streams by ARN. A stream
	// outlives its table. A table may be locked before it, but not mu behind it.
	streamsMu sync.Mutex
	streams   map[string]*stream
}

// Deps are the services that DynamoDB uses.
type Deps struct {
	Metrics Metrics // may be nil
}

// New returns a DynamoDB without tables.
func New(a account.Account, d Deps) *Service {
	life, end := context.WithCancel(principal.Service(context.Background(), "dynamodb.amazonaws.com", a.ID))
	s := &Service{account: a, metrics: newRecorder(d.Metrics), life: life, end: end, tables: map[string]*table{}, tokens: map[string]*token{}, backups: map[string]*backup{}, streams: map[string]*stream{}}
	if d.Metrics != nil {
		s.running.Go(s.send)
	}
	return s
}

func (s *Service) now() time.Time { return s.account.Clock.Now() }

// settling is how long a table takes to change its state. DynamoDB takes
// seconds. It is short, so that nobody waits for nothing, but long enough that a
// program that does not wait for its table fails here as it does on AWS.
const settling = 50 * time.Millisecond

// validation returns DynamoDB's error for an invalid request. The SDK has no
// type for it.
func validation(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ValidationException", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

// invalid returns the error of a package below, which has DynamoDB's text.
func invalid(err error) error { return validation("%s", err.Error()) }

// unsupported refuses a parameter by name.
func unsupported(parameter string) error {
	return validation("%s is not supported by the embedded DynamoDB", parameter)
}

// legacy refuses the first parameter that is set of those that expressions have
// replaced.
func legacy(parameters ...legacyParameter) error {
	for _, p := range parameters {
		if p.set {
			return validation("The legacy parameter %s is not supported by the embedded DynamoDB. Use %s instead.", p.name, p.instead)
		}
	}
	return nil
}

// A legacyParameter is a parameter from before there were expressions.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LegacyConditionalParameters.html.
type legacyParameter struct {
	name    string
	set     bool
	instead string
}

func notFound(format string, args ...any) error {
	return &types.ResourceNotFoundException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func inUse(format string, args ...any) error {
	return &types.ResourceInUseException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// oneOf refuses a value that an enumeration doesn't have. An empty value is allowed.
func oneOf[E interface {
	~string
	Values() []E
}](parameter string, value E) error {
	if value == "" {
		return nil
	}
	var names []string
	for _, v := range value.Values() {
		if v == value {
			return nil
		}
		names = append(names, string(v))
	}
	return validation("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy enum value set: [%s]", string(value), parameter, strings.Join(names, ", "))
}

// nameOf returns a table's name from its name or ARN.
func (s *Service) nameOf(id *string) (string, error) {
	if id == nil || *id == "" {
		return "", validation("The parameter 'TableName' is required but was not present in the request")
	}
	if name, ok := strings.CutPrefix(*id, s.account.ARN("dynamodb", "table/")); ok {
		return name, nil
	}
	if strings.HasPrefix(*id, "arn:") {
		return "", notFound("Requested resource not found")
	}
	return *id, nil
}

// find returns a table in any state. s is locked.
func (s *Service) find(name string) *table {
	t := s.tables[name]
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.deleted(s.now()) {
		delete(s.tables, name)
		return nil
	}
	return t
}

// lookup returns a table in any state by its name or ARN.
func (s *Service) lookup(id *string) (*table, error) {
	name, err := s.nameOf(id)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.find(name)
	if t == nil {
		return nil, notFound("Requested resource not found: Table: %s not found", name)
	}
	return t, nil
}

// serving returns a table that has its data, for operations on items.
func (s *Service) serving(id *string) (*table, error) {
	name, err := s.nameOf(id)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	t := s.tables[name]
	s.mu.Unlock()
	if t == nil || !t.serves(s.now()) {
		return nil, notFound("Requested resource not found")
	}
	return t, nil
}

// Close ends what the service does by itself, and sends the last metrics.
func (s *Service) Close() error {
	s.end()
	s.running.Wait()
	if s.metrics.to != nil {
		s.Flush(context.WithoutCancel(s.life))
	}
	return nil
}
