package kms

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// material is the secret of a key: a cipher or a private key.
type material struct {
	aead   cipher.AEAD
	signer crypto.Signer
}

// signing lists the algorithms of the key specs for signing.
// See https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html.
var signing = map[types.KeySpec][]types.SigningAlgorithmSpec{
	types.KeySpecEccNistP256: {types.SigningAlgorithmSpecEcdsaSha256},
	types.KeySpecEccNistP384: {types.SigningAlgorithmSpecEcdsaSha384},
	types.KeySpecRsa2048: {
		types.SigningAlgorithmSpecRsassaPkcs1V15Sha256, types.SigningAlgorithmSpecRsassaPkcs1V15Sha384, types.SigningAlgorithmSpecRsassaPkcs1V15Sha512,
		types.SigningAlgorithmSpecRsassaPssSha256, types.SigningAlgorithmSpecRsassaPssSha384, types.SigningAlgorithmSpecRsassaPssSha512,
	},
}

// newMaterial creates the material for a new key. If the account has a seed,
// the material of an ECC_NIST_P256 key is derived from it. The signatures of
// such keys must be verifiable after the endpoint has ended.
func (s *Service) newMaterial(spec types.KeySpec, usage types.KeyUsageType) (material, error) {
	if spec == types.KeySpecSymmetricDefault {
		if usage != types.KeyUsageTypeEncryptDecrypt {
			return material{}, invalid("KeyUsage %s is not compatible with KeySpec %s", usage, spec)
		}
		secret := make([]byte, 32)
		// This never fails.
		_, _ = rand.Read(secret)
		block, err := aes.NewCipher(secret)
		if err != nil {
			return material{}, fmt.Errorf("making key material: %w", err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return material{}, fmt.Errorf("making key material: %w", err)
		}
		return material{aead: aead}, nil
	}
	if _, ok := signing[spec]; !ok {
		return material{}, unsupported("the key spec " + string(spec))
	}
	if usage != types.KeyUsageTypeSignVerify {
		return material{}, unsupported(fmt.Sprintf("the usage %q of a key with spec %s", usage, spec))
	}
	var signer crypto.Signer
	var err error
	switch spec {
	case types.KeySpecEccNistP256:
		signer, err = s.signingKey()
	case types.KeySpecEccNistP384:
		signer, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	default:
		signer, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		return material{}, fmt.Errorf("making key material: %w", err)
	}
	return material{signer: signer}, nil
}

// signingKey returns a new key on P-256. If the account has a seed, its nth key
// is always the same.
func (s *Service) signingKey() (*ecdsa.PrivateKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		s.signingKeys++
		derived := s.account.Derive(fmt.Sprintf("signing key %d", s.signingKeys), 32)
		if derived == nil {
			return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		}
		// One in four billion derived values is not a valid private key of the curve.
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), derived); err == nil {
			return key, nil
		}
	}
}

// digest returns the digest to sign for an algorithm, and the options for signing.
func (k *key) digest(message []byte, kind types.MessageType, algorithm types.SigningAlgorithmSpec) ([]byte, crypto.SignerOpts, error) {
	if !slices.Contains(signing[k.spec], algorithm) {
		return nil, nil, &types.InvalidKeyUsageException{Message: aws.String(fmt.Sprintf("Algorithm %s is incompatible with key spec %s.", algorithm, k.spec))}
	}
	var h crypto.Hash
	var create func() hash.Hash
	switch name := string(algorithm); {
	case strings.HasSuffix(name, "256"):
		h, create = crypto.SHA256, sha256.New
	case strings.HasSuffix(name, "384"):
		h, create = crypto.SHA384, sha512.New384
	default:
		h, create = crypto.SHA512, sha512.New
	}
	switch kind {
	case types.MessageTypeRaw, "":
		if len(message) == 0 || len(message) > 4096 {
			return nil, nil, invalid("A RAW message has 1 to 4096 bytes; this one has %d. Sign its digest instead.", len(message))
		}
		d := create()
		d.Write(message)
		message = d.Sum(nil)
	case types.MessageTypeDigest:
		if len(message) != h.Size() {
			return nil, nil, invalid("Digest is invalid length for algorithm %s.", algorithm)
		}
	default:
		return nil, nil, unsupported("the message type " + string(kind))
	}
	if strings.HasPrefix(string(algorithm), "RSASSA_PSS") {
		return message, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}, nil
	}
	return message, h, nil
}

// verify reports whether signature is the key's signature of digest.
func (k *key) verify(digest, signature []byte, opts crypto.SignerOpts) bool {
	switch public := k.material.signer.Public().(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(public, digest, signature)
	case *rsa.PublicKey:
		if pss, ok := opts.(*rsa.PSSOptions); ok {
			return rsa.VerifyPSS(public, pss.Hash, digest, signature, pss) == nil
		}
		return rsa.VerifyPKCS1v15(public, opts.HashFunc(), digest, signature) == nil
	}
	return false
}

// A ciphertext consists of a format byte, the key's id, a nonce and the sealed text.
const (
	format = 1
	header = 1 + 16
)

// seal encrypts a plaintext and binds it to the encryption context.
func (k *key) seal(plaintext []byte, context map[string]string) ([]byte, error) {
	id, err := hex.DecodeString(strings.ReplaceAll(k.id, "-", ""))
	if err != nil {
		return nil, fmt.Errorf("encrypting: %w", err)
	}
	data, err := associated(context)
	if err != nil {
		return nil, err
	}
	blob := append([]byte{format}, id...)
	nonce := make([]byte, k.material.aead.NonceSize())
	// This never fails.
	_, _ = rand.Read(nonce)
	blob = append(blob, nonce...)
	return k.material.aead.Seal(blob, nonce, plaintext, data), nil
}

// sealedBy returns the id of the key that encrypted a ciphertext.
func sealedBy(blob []byte) (string, error) {
	if len(blob) < header || blob[0] != format {
		return "", &types.InvalidCiphertextException{}
	}
	h := hex.EncodeToString(blob[1:header])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:], nil
}

// open decrypts the result of seal.
func (k *key) open(blob []byte, context map[string]string) ([]byte, error) {
	data, err := associated(context)
	if err != nil {
		return nil, err
	}
	sealed := blob[header:]
	n := k.material.aead.NonceSize()
	if len(sealed) < n {
		return nil, &types.InvalidCiphertextException{}
	}
	plaintext, err := k.material.aead.Open(nil, sealed[:n], sealed[n:], data)
	if err != nil {
		return nil, &types.InvalidCiphertextException{}
	}
	return plaintext, nil
}

// associated encodes an encryption context such that equal contexts have equal bytes.
func associated(context map[string]string) ([]byte, error) {
	// Marshal sorts the keys. nil and an empty map give different results.
	text, err := json.Marshal(context)
	if err != nil || len(context) == 0 {
		return nil, err
	}
	return text, nil
}
