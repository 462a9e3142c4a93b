package kms

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// GetPublicKey returns the public key of a signing key as DER
// SubjectPublicKeyInfo.
func (s *Service) GetPublicKey(_ context.Context, in *awskms.GetPublicKeyInput) (*awskms.GetPublicKeyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(in.KeyId)
	if err != nil {
		return nil, err
	}
	if k.material.signer == nil {
		return nil, &types.UnsupportedOperationException{Message: aws.String("GetPublicKey is not valid for a symmetric key: " + k.arn)}
	}
	if k, err = s.usable(in.KeyId, types.KeyUsageTypeSignVerify); err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(k.material.signer.Public())
	if err != nil {
		return nil, fmt.Errorf("encoding the public key of %s: %w", k.arn, err)
	}
	return &awskms.GetPublicKeyOutput{
		KeyId: aws.String(k.arn), PublicKey: der, KeySpec: k.spec,
		CustomerMasterKeySpec: types.CustomerMasterKeySpec(k.spec), //nolint:staticcheck // older clients know no other name for it
		KeyUsage:              k.usage, SigningAlgorithms: slices.Clone(signing[k.spec]),
	}, nil
}

// Sign signs a message of up to 4096 bytes, or a digest. ECDSA signatures are
// in ASN.1 DER.
func (s *Service) Sign(_ context.Context, in *awskms.SignInput) (*awskms.SignOutput, error) {
	if aws.ToBool(in.DryRun) {
		return nil, &types.DryRunOperationException{Message: aws.String("The request would have succeeded, but the DryRun option is set.")}
	}
	s.mu.Lock()
	k, err := s.usable(in.KeyId, types.KeyUsageTypeSignVerify)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	digest, opts, err := k.digest(in.Message, in.MessageType, in.SigningAlgorithm)
	if err != nil {
		return nil, err
	}
	signature, err := k.material.signer.Sign(rand.Reader, digest, opts)
	if err != nil {
		return nil, fmt.Errorf("signing with %s: %w", k.arn, err)
	}
	return &awskms.SignOutput{KeyId: aws.String(k.arn), Signature: signature, SigningAlgorithm: in.SigningAlgorithm}, nil
}

// Verify succeeds if the signature is valid. Otherwise it returns a
// KMSInvalidSignatureException, never an output that says false.
func (s *Service) Verify(_ context.Context, in *awskms.VerifyInput) (*awskms.VerifyOutput, error) {
	s.mu.Lock()
	k, err := s.usable(in.KeyId, types.KeyUsageTypeSignVerify)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	digest, opts, err := k.digest(in.Message, in.MessageType, in.SigningAlgorithm)
	if err != nil {
		return nil, err
	}
	if !k.verify(digest, in.Signature, opts) {
		return nil, &types.KMSInvalidSignatureException{Message: aws.String("The signature is not valid.")}
	}
	return &awskms.VerifyOutput{KeyId: aws.String(k.arn), SignatureValid: true, SigningAlgorithm: in.SigningAlgorithm}, nil
}

func symmetricOnly(a types.EncryptionAlgorithmSpec) error {
	if a != "" && a != types.EncryptionAlgorithmSpecSymmetricDefault {
		return unsupported("the encryption algorithm " + string(a))
	}
	return nil
}

// Encrypt encrypts up to 4096 bytes with a symmetric key.
func (s *Service) Encrypt(_ context.Context, in *awskms.EncryptInput) (*awskms.EncryptOutput, error) {
	if err := symmetricOnly(in.EncryptionAlgorithm); err != nil {
		return nil, err
	}
	if n := len(in.Plaintext); n == 0 || n > 4096 {
		return nil, invalid("Plaintext has 1 to 4096 bytes; this one has %d", n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.usable(in.KeyId, types.KeyUsageTypeEncryptDecrypt)
	if err != nil {
		return nil, err
	}
	blob, err := k.seal(in.Plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &awskms.EncryptOutput{KeyId: aws.String(k.arn), CiphertextBlob: blob, EncryptionAlgorithm: types.EncryptionAlgorithmSpecSymmetricDefault}, nil
}

// Decrypt decrypts with the key that the ciphertext names. A different KeyId is
// an IncorrectKeyException; a different encryption context is an
// InvalidCiphertextException.
func (s *Service) Decrypt(_ context.Context, in *awskms.DecryptInput) (*awskms.DecryptOutput, error) {
	if err := symmetricOnly(in.EncryptionAlgorithm); err != nil {
		return nil, err
	}
	if in.Recipient != nil {
		return nil, unsupported("a Recipient")
	}
	id, err := sealedBy(in.CiphertextBlob)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.KeyId != nil {
		wanted, err := s.find(in.KeyId)
		if err != nil {
			return nil, err
		}
		if wanted.id != id {
			return nil, &types.IncorrectKeyException{Message: aws.String("The key ID in the request does not identify a CMK that can perform this operation.")}
		}
	}
	k, err := s.usable(&id, types.KeyUsageTypeEncryptDecrypt)
	if err != nil {
		return nil, err
	}
	plaintext, err := k.open(in.CiphertextBlob, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &awskms.DecryptOutput{KeyId: aws.String(k.arn), Plaintext: plaintext, EncryptionAlgorithm: types.EncryptionAlgorithmSpecSymmetricDefault}, nil
}

// GenerateDataKey returns a new data key, both in plaintext and encrypted.
func (s *Service) GenerateDataKey(_ context.Context, in *awskms.GenerateDataKeyInput) (*awskms.GenerateDataKeyOutput, error) {
	if in.Recipient != nil {
		return nil, unsupported("a Recipient")
	}
	size := int32(0)
	switch {
	case (in.KeySpec == "") == (in.NumberOfBytes == nil):
		return nil, invalid("Please specify either number of bytes or key spec.")
	case in.KeySpec == types.DataKeySpecAes256:
		size = 32
	case in.KeySpec == types.DataKeySpecAes128:
		size = 16
	case in.NumberOfBytes != nil && *in.NumberOfBytes >= 1 && *in.NumberOfBytes <= 1024:
		size = *in.NumberOfBytes
	default:
		return nil, invalid("a data key is AES_256, AES_128 or has 1 to 1024 bytes")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.usable(in.KeyId, types.KeyUsageTypeEncryptDecrypt)
	if err != nil {
		return nil, err
	}
	plaintext := make([]byte, size)
	// This never fails.
	_, _ = rand.Read(plaintext)
	blob, err := k.seal(plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &awskms.GenerateDataKeyOutput{KeyId: aws.String(k.arn), Plaintext: plaintext, CiphertextBlob: blob}, nil
}

// GenerateDataKeyWithoutPlaintext returns a new data key in encrypted form only.
func (s *Service) GenerateDataKeyWithoutPlaintext(ctx context.Context, in *awskms.GenerateDataKeyWithoutPlaintextInput) (*awskms.GenerateDataKeyWithoutPlaintextOutput, error) {
	out, err := s.GenerateDataKey(ctx, &awskms.GenerateDataKeyInput{
		KeyId: in.KeyId, KeySpec: in.KeySpec, NumberOfBytes: in.NumberOfBytes, EncryptionContext: in.EncryptionContext,
	})
	if err != nil {
		return nil, err
	}
	return &awskms.GenerateDataKeyWithoutPlaintextOutput{KeyId: out.KeyId, CiphertextBlob: out.CiphertextBlob}, nil
}

// KeyOf returns the id of the key that encrypted a text.
func (s *Service) KeyOf(ciphertext []byte) (string, error) { return sealedBy(ciphertext) }
