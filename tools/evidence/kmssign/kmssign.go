// Package kmssign signs evidence with a key that never leaves AWS KMS.
package kmssign

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/agreed"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/stack"
)

// The keys in the pipeline's account. Alias names the key that signs what a release is
// decided by. Only the build that judges may use it. RecordAlias names the key with which
// the builds that deploy sign what they have done, and the links to the ledger.
const (
	Alias       = agreed.EvidenceKey
	RecordAlias = agreed.RecordKey
)

// A Signer is an [evidence.Signer] that uses KMS.
type Signer struct {
	Key    evidence.Key // its public half
	alias  string
	client *kms.Client
}

// New returns an account's signer of evidence. If the account has no key, the error names the
// command that makes one.
func New(ctx context.Context, cfg aws.Config) (Signer, error) { return newSigner(ctx, cfg, Alias) }

// NewRecord returns an account's signer of records. Its signatures decide about no release.
func NewRecord(ctx context.Context, cfg aws.Config) (Signer, error) {
	return newSigner(ctx, cfg, RecordAlias)
}

func newSigner(ctx context.Context, cfg aws.Config, alias string) (Signer, error) {
	client := kms.NewFromConfig(cfg)
	got, err := client.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: &alias})
	if _, ok := errors.AsType[*types.NotFoundException](err); ok {
		return Signer{}, exit.Missing("go tool mage evidence:key", "this account has no key %s for signing evidence", alias)
	}
	if err != nil {
		return Signer{}, fmt.Errorf("reading the key %s: %w", alias, err)
	}
	key, err := evidence.ParseKey(got.PublicKey)
	if err != nil {
		return Signer{}, fmt.Errorf("the key %s: %w", alias, err)
	}
	return Signer{key, alias, client}, nil
}

// Keys are the signers of an account.
type Keys struct{ Evidence, Record Signer }

// String returns the public keys as the CDK context pins them.
func (k Keys) String() string {
	return k.Evidence.Key.String() + "," + evidence.RecordMark + k.Record.Key.String()
}

// Ensure returns the account's signers and creates missing keys. It reports whether it
// created one.
func Ensure(ctx context.Context, cfg aws.Config) (keys Keys, created bool, err error) {
	evidence, first, err := ensure(ctx, cfg, Alias, "Signs the evidence of releases")
	if err != nil {
		return Keys{}, false, err
	}
	record, second, err := ensure(ctx, cfg, RecordAlias, "Signs the records of deployments")
	return Keys{evidence, record}, first || second, err
}

func ensure(ctx context.Context, cfg aws.Config, alias, description string) (signer Signer, created bool, err error) {
	signer, err = newSigner(ctx, cfg, alias)
	if missing, ok := errors.AsType[*exit.Error](err); !ok || missing.Code != exit.Environment {
		return signer, false, err
	}
	client := kms.NewFromConfig(cfg)
	made, err := client.CreateKey(ctx, &kms.CreateKeyInput{
		Description: &description,
		KeySpec:     types.KeySpecEccNistP256,
		KeyUsage:    types.KeyUsageTypeSignVerify,
	})
	if err != nil {
		return Signer{}, false, fmt.Errorf("making the key %s: %w", alias, err)
	}
	if _, err := client.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &alias, TargetKeyId: made.KeyMetadata.KeyId}); err != nil {
		return Signer{}, false, fmt.Errorf("naming the key %s: %w", alias, err)
	}
	signer, err = newSigner(ctx, cfg, alias)
	return signer, true, err
}

// KeyID implements [evidence.Signer].
func (s Signer) KeyID() (string, error) { return s.Key.ID(), nil }

// Sign implements [evidence.Signer]. It sends only the digest to KMS, because
// KMS accepts messages of at most 4096 bytes.
// See https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html.
func (s Signer) Sign(ctx context.Context, data []byte) ([]byte, error) {
	sum := sha256.Sum256(data)
	signed, err := s.client.Sign(ctx, &kms.SignInput{
		KeyId:            &s.alias,
		Message:          sum[:],
		MessageType:      types.MessageTypeDigest,
		SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256,
	})
	if err != nil {
		return nil, fmt.Errorf("signing with %s: %w", s.alias, err)
	}
	return signed.Signature, nil
}

// Print prints the account's public keys for the CDK context. It creates missing keys.
func Print(ctx context.Context, cfg project.Config) error {
	awsConfig, err := stack.Connect(ctx)
	if err != nil {
		return err
	}
	keys, created, err := Ensure(ctx, awsConfig)
	if err != nil {
		return err
	}
	are := "were there"
	if created {
		are = "are new, or one of them is"
	}
	fmt.Fprintf(cfg.Stderr, "%s and %s %s: keys %.12s and %.12s. Pin their public halves in the context of infra/cdk.json, commit, and deploy:\n",
		Alias, RecordAlias, are, keys.Evidence.Key.ID(), keys.Record.Key.ID())
	_, err = fmt.Fprintf(cfg.Stdout, "\"evidenceKey\": %q\n", keys)
	return err
}
