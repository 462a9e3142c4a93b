// Package kms is the embedded AWS's key management service. Its cryptography is
// real: the public key suffices to verify a signature made here, and a
// ciphertext can only be decrypted with its key and its encryption context.
//
// Key material is in memory and ends with the process.
package kms

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/iam/policy"
)

// Service is the key management service of one account and region.
type Service struct {
	account account.Account

	mu   sync.Mutex
	keys map[string]*key // by id
	// signingKeys counts the keys derived from the seed.
	signingKeys int
	aliases     map[string]*alias // by name, alias/...
}

// New returns a service without keys.
func New(a account.Account) *Service {
	return &Service{account: a, keys: map[string]*key{}, aliases: map[string]*alias{}}
}

type key struct {
	id           string
	arn          string
	description  string
	spec         types.KeySpec
	usage        types.KeyUsageType
	manager      types.KeyManagerType
	state        types.KeyState
	created      time.Time
	deletion     *time.Time // set while its deletion is pending
	rotation     *int32     // days; nil if not enabled
	rotationFrom time.Time
	policy       string
	tags         map[string]string
	material     material
}

type alias struct {
	name, target      string
	created, modified time.Time
}

func (s *Service) aliasARN(name string) string { return s.account.ARN("kms", name) }

// find returns the key for a key id, key ARN, alias name or alias ARN. An alias
// of the form alias/aws/SERVICE is created when it is first used, like the keys
// that AWS manages for its services. s is locked.
func (s *Service) find(id *string) (*key, error) {
	name := aws.ToString(id)
	if name == "" {
		return nil, invalid("KeyId is missing")
	}
	resource := name
	if strings.HasPrefix(name, "arn:") {
		prefix := s.account.ARN("kms", "")
		var ok bool
		if resource, ok = strings.CutPrefix(name, prefix); !ok {
			return nil, notFound("Invalid arn %s", name)
		}
		resource = strings.TrimPrefix(resource, "key/")
	}
	if strings.HasPrefix(resource, "alias/") {
		a, ok := s.aliases[resource]
		if !ok && strings.HasPrefix(resource, managedPrefix) {
			var err error
			if a, err = s.manage(resource); err != nil {
				return nil, err
			}
			ok = true
		}
		if !ok {
			return nil, notFound("Alias %s is not found.", s.aliasARN(resource))
		}
		resource = a.target
	}
	k, ok := s.keys[resource]
	if !ok {
		return nil, notFound("Key '%s' does not exist", s.account.ARN("kms", "key/"+resource))
	}
	if k.deletion != nil && !s.account.Clock.Now().Before(*k.deletion) {
		s.forget(k)
		return nil, notFound("Key '%s' does not exist", k.arn)
	}
	return k, nil
}

// forget removes a key and its aliases. s is locked.
func (s *Service) forget(k *key) {
	delete(s.keys, k.id)
	maps.DeleteFunc(s.aliases, func(_ string, a *alias) bool { return a.target == k.id })
}

const managedPrefix = "alias/aws/"

// manage creates the key that AWS manages under an alias. s is locked.
func (s *Service) manage(name string) (*alias, error) {
	k, err := s.newKey(types.KeySpecSymmetricDefault, types.KeyUsageTypeEncryptDecrypt)
	if err != nil {
		return nil, err
	}
	service := strings.TrimPrefix(name, managedPrefix)
	k.manager = types.KeyManagerTypeAws
	k.description = "Default key that protects my " + service + " data when no other key is defined"
	a := &alias{name: name, target: k.id, created: k.created, modified: k.created}
	s.keys[k.id], s.aliases[name] = k, a
	return a, nil
}

// usable finds a key, and refuses one that can't be used now. s is locked.
func (s *Service) usable(id *string, usage types.KeyUsageType) (*key, error) {
	k, err := s.find(id)
	if err != nil {
		return nil, err
	}
	switch k.state {
	case types.KeyStateDisabled:
		return nil, &types.DisabledException{Message: aws.String(k.arn + " is disabled.")}
	case types.KeyStatePendingDeletion:
		return nil, &types.KMSInvalidStateException{Message: aws.String(k.arn + " is pending deletion.")}
	}
	if k.usage != usage {
		return nil, &types.InvalidKeyUsageException{Message: aws.String(fmt.Sprintf("%s key usage is %s which is not valid for this operation.", k.arn, k.usage))}
	}
	return k, nil
}

// customer finds a key that the account itself manages. s is locked.
func (s *Service) customer(id *string) (*key, error) {
	if strings.Contains(aws.ToString(id), "alias/") {
		return nil, &types.InvalidArnException{Message: aws.String("An alias is not allowed here: " + *id)}
	}
	k, err := s.find(id)
	if err == nil && k.manager == types.KeyManagerTypeAws {
		return nil, &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "A key that AWS manages can't be changed: " + k.arn, Fault: smithy.FaultClient}
	}
	return k, err
}

func (k *key) metadata(accountID string) *types.KeyMetadata {
	m := &types.KeyMetadata{
		KeyId: aws.String(k.id), Arn: aws.String(k.arn), AWSAccountId: aws.String(accountID), CreationDate: aws.Time(k.created),
		Description: aws.String(k.description), Enabled: k.state == types.KeyStateEnabled, KeyState: k.state, KeyManager: k.manager,
		CustomerMasterKeySpec: types.CustomerMasterKeySpec(k.spec), //nolint:staticcheck // older clients know no other name for it
		KeySpec:               k.spec, KeyUsage: k.usage,
		Origin: types.OriginTypeAwsKms, MultiRegion: aws.Bool(false), DeletionDate: k.deletion,
	}
	if k.usage == types.KeyUsageTypeSignVerify {
		m.SigningAlgorithms = slices.Clone(signing[k.spec])
	} else {
		m.EncryptionAlgorithms = []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecSymmetricDefault}
	}
	return m
}

// defaultPolicy returns the policy of a key that is created without one. It
// gives the account access to the key.
// See https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html.
func (s *Service) defaultPolicy() string {
	text, err := json.MarshalIndent(map[string]any{
		"Version": "2012-10-17",
		"Id":      "key-default-1",
		"Statement": []any{map[string]any{
			"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Action": "kms:*", "Resource": "*",
			"Principal": map[string]any{"AWS": s.account.GlobalARN("iam", "root")},
		}},
	}, "", "  ")
	if err != nil {
		panic("kms: a constant document that can't be written: " + err.Error())
	}
	return string(text)
}

func checkPolicy(document string) error {
	if _, err := policy.Parse(document, policy.Resource); err != nil {
		return &types.MalformedPolicyDocumentException{Message: aws.String(err.Error())}
	}
	return nil
}

func invalid(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ValidationException", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

func notFound(format string, args ...any) error {
	return &types.NotFoundException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func unsupported(what string) error {
	return &types.UnsupportedOperationException{Message: aws.String("the embedded KMS does not support " + what)}
}
