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
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/stack"
)

// Alias names the key that signs evidence in the pipeline's account.
const Alias = "alias/magewright-evidence"

// A Signer is an [evidence.Signer] that uses KMS.
type Signer struct {
	Key    evidence.Key // its public half
	client *kms.Client
}

// New returns the signer of an account. If the account has no key, the error
// names the command that makes one.
func New(ctx context.Context, cfg aws.Config) (Signer, error) {
	client := kms.NewFromConfig(cfg)
	got, err := client.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: aws.String(Alias)})
	if _, ok := errors.AsType[*types.NotFoundException](err); ok {
		return Signer{}, exit.Missing("go tool mage evidence:key", "this account has no key %s for signing evidence", Alias)
	}
	if err != nil {
		return Signer{}, fmt.Errorf("reading the key %s: %w", Alias, err)
	}
	key, err := evidence.ParseKey(got.PublicKey)
	if err != nil {
		return Signer{}, fmt.Errorf("the key %s: %w", Alias, err)
	}
	return Signer{key, client}, nil
}

// EnsureKey returns the account's signer. It makes the key if there is none.
func EnsureKey(ctx context.Context, cfg aws.Config) (signer Signer, created bool, err error) {
	signer, err = New(ctx, cfg)
	if missing, ok := errors.AsType[*exit.Error](err); !ok || missing.Code != exit.Environment {
		return signer, false, err
	}
	client := kms.NewFromConfig(cfg)
	made, err := client.CreateKey(ctx, &kms.CreateKeyInput{
		Description: aws.String("Signs the evidence of releases"),
		KeySpec:     types.KeySpecEccNistP256,
		KeyUsage:    types.KeyUsageTypeSignVerify,
	})
	if err != nil {
		return Signer{}, false, fmt.Errorf("making the key %s: %w", Alias, err)
	}
	if _, err := client.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String(Alias), TargetKeyId: made.KeyMetadata.KeyId}); err != nil {
		return Signer{}, false, fmt.Errorf("naming the key %s: %w", Alias, err)
	}
	signer, err = New(ctx, cfg)
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
		KeyId:            aws.String(Alias),
		Message:          sum[:],
		MessageType:      types.MessageTypeDigest,
		SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256,
	})
	if err != nil {
		return nil, fmt.Errorf("signing with %s: %w", Alias, err)
	}
	return signed.Signature, nil
}

// Print prints the account's public key for the CDK context. It makes the key
// if there is none.
func Print(ctx context.Context, cfg project.Config) error {
	awsConfig, err := stack.Connect(ctx)
	if err != nil {
		return err
	}
	signer, created, err := EnsureKey(ctx, awsConfig)
	if err != nil {
		return err
	}
	is := "was there"
	if created {
		is = "is new"
	}
	fmt.Fprintf(cfg.Stderr, "%s %s: key %.12s. Pin its public half in the context of infra/cdk.json, commit, and deploy:\n", Alias, is, signer.Key.ID())
	_, err = fmt.Fprintf(cfg.Stdout, "\"evidenceKey\": %q\n", signer.Key)
	return err
}
