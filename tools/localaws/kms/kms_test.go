package kms_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/kms"
)

func start() (*kms.Service, *clock.Manual) {
	now := clock.NewManual(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))
	return kms.New(account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: now}), now
}

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func create(t *testing.T, s *kms.Service, spec types.KeySpec, usage types.KeyUsageType) *types.KeyMetadata {
	t.Helper()
	out, err := s.CreateKey(t.Context(), &awskms.CreateKeyInput{KeySpec: spec, KeyUsage: usage})
	if err != nil {
		t.Fatal(err)
	}
	return out.KeyMetadata
}

func TestSignaturesVerifyWithThePublicKeyAlone(t *testing.T) {
	t.Parallel()
	s, _ := start()
	k := create(t, s, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify)
	if _, err := s.CreateAlias(t.Context(), &awskms.CreateAliasInput{AliasName: aws.String("alias/evidence"), TargetKeyId: k.KeyId}); err != nil {
		t.Fatal(err)
	}
	message := []byte("evidence")
	hash := sha256.Sum256(message)
	public, err := s.GetPublicKey(t.Context(), &awskms.GetPublicKeyInput{KeyId: aws.String("alias/evidence")})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParsePKIXPublicKey(public.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		kind    types.MessageType
		message []byte
	}{{types.MessageTypeRaw, message}, {"", message}, {types.MessageTypeDigest, hash[:]}} {
		signed, err := s.Sign(t.Context(), &awskms.SignInput{KeyId: k.Arn, Message: tt.message, MessageType: tt.kind, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
		if err != nil {
			t.Fatal(err)
		}
		if !ecdsa.VerifyASN1(parsed.(*ecdsa.PublicKey), hash[:], signed.Signature) {
			t.Errorf("%s: the signature does not verify", tt.kind)
		}
		verify := &awskms.VerifyInput{KeyId: aws.String("alias/evidence"), Message: message, Signature: signed.Signature, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256}
		if out, err := s.Verify(t.Context(), verify); err != nil || !out.SignatureValid {
			t.Errorf("%s: Verify: %v", tt.kind, err)
		}
		verify.Message = []byte("another")
		if _, err := s.Verify(t.Context(), verify); code(err) != "KMSInvalidSignatureException" {
			t.Errorf("%s: Verify of another message: %v", tt.kind, err)
		}
	}
	for want, in := range map[string]*awskms.SignInput{
		"InvalidKeyUsageException":      {KeyId: k.Arn, Message: message, SigningAlgorithm: types.SigningAlgorithmSpecRsassaPssSha256},
		"ValidationException":           {KeyId: k.Arn, Message: message, MessageType: types.MessageTypeDigest, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256},
		"NotFoundException":             {KeyId: aws.String("alias/none"), Message: message, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256},
		"UnsupportedOperationException": {KeyId: k.Arn, Message: message, MessageType: types.MessageTypeExternalMu, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256},
	} {
		if _, err := s.Sign(t.Context(), in); code(err) != want {
			t.Errorf("want %s: %v", want, err)
		}
	}
}

func TestRSA(t *testing.T) {
	t.Parallel()
	s, _ := start()
	k := create(t, s, types.KeySpecRsa2048, types.KeyUsageTypeSignVerify)
	for _, algorithm := range k.SigningAlgorithms {
		signed, err := s.Sign(t.Context(), &awskms.SignInput{KeyId: k.KeyId, Message: []byte("m"), SigningAlgorithm: algorithm})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Verify(t.Context(), &awskms.VerifyInput{KeyId: k.KeyId, Message: []byte("m"), SigningAlgorithm: algorithm, Signature: signed.Signature}); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
		if _, err := s.Verify(t.Context(), &awskms.VerifyInput{KeyId: k.KeyId, Message: []byte("n"), SigningAlgorithm: algorithm, Signature: signed.Signature}); err == nil {
			t.Errorf("%s: another message verifies", algorithm)
		}
	}
}

func TestEncryption(t *testing.T) {
	t.Parallel()
	s, _ := start()
	k := create(t, s, "", "")
	other := create(t, s, "", "")
	context := map[string]string{"a": "1", "b": "2"}
	sealed, err := s.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("secret"), EncryptionContext: context})
	if err != nil {
		t.Fatal(err)
	}
	opened, err := s.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: context})
	if err != nil || string(opened.Plaintext) != "secret" || *opened.KeyId != *k.Arn {
		t.Errorf("Decrypt = %+v, %v", opened, err)
	}
	tampered := bytes.Clone(sealed.CiphertextBlob)
	tampered[len(tampered)-1] ^= 1
	for name, tt := range map[string]struct {
		in   *awskms.DecryptInput
		want string
	}{
		"no context":  {&awskms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob}, "InvalidCiphertextException"},
		"tampered":    {&awskms.DecryptInput{CiphertextBlob: tampered, EncryptionContext: context}, "InvalidCiphertextException"},
		"truncated":   {&awskms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob[:18], EncryptionContext: context}, "InvalidCiphertextException"},
		"garbage":     {&awskms.DecryptInput{CiphertextBlob: []byte("?")}, "InvalidCiphertextException"},
		"another key": {&awskms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: context, KeyId: other.KeyId}, "IncorrectKeyException"},
	} {
		if _, err := s.Decrypt(t.Context(), tt.in); code(err) != tt.want {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	// The keys that AWS manages are created when they are first used.
	data, err := s.GenerateDataKey(t.Context(), &awskms.GenerateDataKeyInput{KeyId: aws.String("alias/aws/s3"), KeySpec: types.DataKeySpecAes256})
	if err != nil || len(data.Plaintext) != 32 {
		t.Fatalf("GenerateDataKey: %v", err)
	}
	back, err := s.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: data.CiphertextBlob})
	if err != nil || !bytes.Equal(back.Plaintext, data.Plaintext) {
		t.Errorf("data key: %v", err)
	}
	if _, err := s.GetPublicKey(t.Context(), &awskms.GetPublicKeyInput{KeyId: k.KeyId}); code(err) != "UnsupportedOperationException" {
		t.Errorf("GetPublicKey of a symmetric key: %v", err)
	}
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	s, now := start()
	ctx := t.Context()
	k := create(t, s, "", "")
	name := aws.String("alias/app")
	if _, err := s.CreateAlias(ctx, &awskms.CreateAliasInput{AliasName: name, TargetKeyId: k.Arn}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateAlias(ctx, &awskms.CreateAliasInput{AliasName: name, TargetKeyId: k.Arn}); code(err) != "AlreadyExistsException" {
		t.Errorf("a second alias: %v", err)
	}
	replacement := create(t, s, "", "")
	if _, err := s.UpdateAlias(ctx, &awskms.UpdateAliasInput{AliasName: name, TargetKeyId: replacement.KeyId}); err != nil {
		t.Error(err)
	}
	if out, err := s.DescribeKey(ctx, &awskms.DescribeKeyInput{KeyId: aws.String("arn:aws:kms:us-east-1:000000000000:alias/app")}); err != nil || *out.KeyMetadata.KeyId != *replacement.KeyId {
		t.Errorf("the alias names %+v, %v", out, err)
	}
	if out, err := s.ListAliases(ctx, &awskms.ListAliasesInput{KeyId: k.KeyId}); err != nil || len(out.Aliases) != 0 {
		t.Errorf("aliases of the old key: %+v, %v", out, err)
	}
	if _, err := s.EnableKeyRotation(ctx, &awskms.EnableKeyRotationInput{KeyId: k.KeyId}); err != nil {
		t.Error(err)
	}
	now.Advance(400 * 24 * time.Hour)
	if out, err := s.GetKeyRotationStatus(ctx, &awskms.GetKeyRotationStatusInput{KeyId: k.KeyId}); err != nil || !out.KeyRotationEnabled || !out.NextRotationDate.After(now.Now()) {
		t.Errorf("rotation %+v, %v", out, err)
	}
	if _, err := s.PutKeyPolicy(ctx, &awskms.PutKeyPolicyInput{KeyId: k.KeyId, Policy: aws.String("[]")}); code(err) != "MalformedPolicyDocumentException" {
		t.Errorf("a bad policy: %v", err)
	}
	if _, err := s.TagResource(ctx, &awskms.TagResourceInput{KeyId: k.KeyId, Tags: []types.Tag{{TagKey: aws.String("a"), TagValue: aws.String("b")}}}); err != nil {
		t.Error(err)
	}
	encrypt := func() string {
		_, err := s.Encrypt(ctx, &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
		return code(err)
	}
	if _, err := s.DisableKey(ctx, &awskms.DisableKeyInput{KeyId: k.KeyId}); err != nil {
		t.Error(err)
	}
	if got := encrypt(); got != "DisabledException" {
		t.Errorf("disabled: %q", got)
	}
	if _, err := s.ScheduleKeyDeletion(ctx, &awskms.ScheduleKeyDeletionInput{KeyId: k.KeyId, PendingWindowInDays: aws.Int32(7)}); err != nil {
		t.Error(err)
	}
	if got := encrypt(); got != "KMSInvalidStateException" {
		t.Errorf("pending deletion: %q", got)
	}
	now.Advance(7 * 24 * time.Hour)
	if got := encrypt(); got != "NotFoundException" {
		t.Errorf("deleted: %q", got)
	}
}
