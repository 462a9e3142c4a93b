// Package evidencetest provides a signer for tests. Evidence is signed by KMS,
// but a test that needs no KMS signs with a key in memory.
package evidencetest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"testing"

	"github.com/magewright/magewright/tools/evidence"
)

// A Signer is an [evidence.Signer], including the public half of its key.
type Signer struct {
	private *ecdsa.PrivateKey
	evidence.Key
}

// NewSigner returns a signer with a new key.
func NewSigner(t testing.TB) Signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	key, err := evidence.ParseKey(der)
	if err != nil {
		t.Fatal(err)
	}
	return Signer{private, key}
}

// Sign implements [evidence.Signer].
func (s Signer) Sign(_ context.Context, data []byte) ([]byte, error) {
	sum := sha256.Sum256(data)
	return ecdsa.SignASN1(rand.Reader, s.private, sum[:])
}
