package evidence

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// A Key is the public half of the key that signs evidence: ECDSA on P-256,
// which is the KMS key spec ECC_NIST_P256. It is a verifier for package dsse.
type Key struct {
	public *ecdsa.PublicKey
	der    []byte // SubjectPublicKeyInfo
}

// ErrPrivateKey says that a private key is where the public one belongs.
var ErrPrivateKey = errors.New("it is a PRIVATE KEY, which stays with its owner")

// ParseKey reads a public key: PEM, or the DER that KMS's GetPublicKey returns,
// either raw or in base64.
func ParseKey(data []byte) (Key, error) {
	der := data
	if block, _ := pem.Decode(data); block != nil && strings.HasSuffix(block.Type, "PRIVATE KEY") {
		return Key{}, fmt.Errorf("reading a public key: %w", ErrPrivateKey)
	} else if block != nil {
		der = block.Bytes
	} else if decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(data))); err == nil {
		der = decoded
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		// The message of an ASN.1 decoder about a text would help nobody.
		return Key{}, errors.New("reading a public key: it is neither PEM (-----BEGIN PUBLIC KEY-----) nor the base64 of a key's DER, as evidenceKey has it")
	}
	public, ok := parsed.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return Key{}, errors.New("reading a public key: evidence is signed with ECDSA on P-256, but this is another kind of key")
	}
	return Key{public, der}, nil
}

// IsZero reports whether there is no key. A zero key must not be used for
// verification.
func (k Key) IsZero() bool { return k.public == nil }

// ID returns the key's id in envelopes: the SHA-256 of its DER in hexadecimal.
func (k Key) ID() string { return Digest(k.der) }

// PEM returns the key as a PEM block.
func (k Key) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: k.der})
}

// String returns the key on one line: its DER in base64.
func (k Key) String() string { return base64.StdEncoding.EncodeToString(k.der) }

// KeyID implements dsse.Verifier.
func (k Key) KeyID() (string, error) { return k.ID(), nil }

// Public implements dsse.Verifier.
func (k Key) Public() crypto.PublicKey { return k.public }

// Verify implements dsse.Verifier. It accepts an ECDSA signature over the
// SHA-256 of data, in ASN.1 DER, as KMS's ECDSA_SHA_256 makes it.
func (k Key) Verify(_ context.Context, data, sig []byte) error {
	sum := sha256.Sum256(data)
	if !ecdsa.VerifyASN1(k.public, sum[:], sig) {
		return errors.New("the signature was not made with this key over this content")
	}
	return nil
}
