package evidence

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// A PrivateKey is a person's key in a file: ECDSA on P-256, as PKCS #8 (RFC
// 5958) in PEM. It is a [Signer].
type PrivateKey struct {
	Key     // its public half
	private *ecdsa.PrivateKey
}

// NewPrivateKey makes a key.
func NewPrivateKey() (PrivateKey, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("making a key: %w", err)
	}
	return privateKey(private)
}

// ReadPrivateKey reads a key file. It refuses a file that others than the owner
// may read, because its signatures would prove nothing.
func ReadPrivateKey(file string) (PrivateKey, error) {
	fail := func(err error) (PrivateKey, error) {
		return PrivateKey{}, fmt.Errorf("reading the private key %s: %w", file, err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return fail(err)
	}
	// On Windows, a file's mode does not say who may read it.
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return fail(fmt.Errorf("%w: its mode is %04o", ErrExposed, mode))
	}
	data, err := os.ReadFile(file) // #nosec G304 -- the person names the file
	if err != nil {
		return fail(err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return fail(errors.New("it is not PEM"))
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return fail(err)
	}
	private, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || private.Curve != elliptic.P256() {
		return fail(errors.New("it is not ECDSA on P-256"))
	}
	return privateKey(private)
}

// ErrExposed says that others than the owner may read a private key.
var ErrExposed = errors.New("others may read it")

func privateKey(private *ecdsa.PrivateKey) (PrivateKey, error) {
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return PrivateKey{}, fmt.Errorf("encoding a public key: %w", err)
	}
	return PrivateKey{Key{&private.PublicKey, der}, private}, nil
}

// Write stores the key in a file that only its owner may read. It does not
// overwrite an existing file; the error is then os.ErrExist.
func (k PrivateKey) Write(file string) (err error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return fmt.Errorf("encoding the private key: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("keeping the private key: %w", err)
	}
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304 -- the person names the file
	if err != nil {
		return fmt.Errorf("keeping the private key: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := pem.Encode(out, &pem.Block{Type: "PRIVATE KEY", Bytes: der}); err != nil {
		return fmt.Errorf("keeping the private key: %w", err)
	}
	return nil
}

// Sign implements [Signer]. [Key.Verify] accepts the result.
func (k PrivateKey) Sign(_ context.Context, data []byte) ([]byte, error) {
	sum := sha256.Sum256(data)
	return ecdsa.SignASN1(rand.Reader, k.private, sum[:])
}
