package evidence

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// PayloadType is the type of the payload of envelopes.
// See https://github.com/in-toto/attestation/blob/main/spec/v1/envelope.md.
const PayloadType = "application/vnd.in-toto+json"

// The reasons for refusing an envelope.
var (
	ErrNotSigned = errors.New("it is not signed")
	ErrWrongKey  = errors.New("it is signed with a key other than the pinned one")
	ErrEdited    = errors.New("its content is not what was signed")
)

// A Signer signs evidence with the key that KeyID names.
type Signer = dsse.Signer

// An Envelope is a signed statement.
type Envelope struct{ dsse.Envelope }

// maxSignatures is the size limit of an envelope's signatures in bytes. A signature
// has about 150. Without the limit, a small document would become a list of millions.
const maxSignatures = 8 << 10

// UnmarshalJSON implements [json.Unmarshaler]. It refuses more signatures than an
// envelope has.
func (e *Envelope) UnmarshalJSON(data []byte) error {
	var parts struct {
		PayloadType string          `json:"payloadType"`
		Payload     string          `json:"payload"`
		Signatures  json.RawMessage `json:"signatures"`
	}
	if err := json.Unmarshal(data, &parts); err != nil {
		return err
	}
	if len(parts.Signatures) > maxSignatures {
		return fmt.Errorf("its signatures are larger than %d bytes", maxSignatures)
	}
	var signatures []dsse.Signature
	if len(parts.Signatures) > 0 {
		if err := json.Unmarshal(parts.Signatures, &signatures); err != nil {
			return err
		}
	}
	e.Envelope = dsse.Envelope{PayloadType: parts.PayloadType, Payload: parts.Payload, Signatures: signatures}
	return nil
}

// Seal signs a statement.
func Seal(ctx context.Context, signer Signer, s Statement) (Envelope, error) {
	payload, err := json.Marshal(s)
	if err != nil {
		return Envelope{}, fmt.Errorf("signing a statement of %s: %w", s.PredicateType, err)
	}
	with, err := dsse.NewEnvelopeSigner(signer)
	if err != nil {
		return Envelope{}, fmt.Errorf("signing a statement of %s: %w", s.PredicateType, err)
	}
	sealed, err := with.SignPayload(ctx, PayloadType, payload)
	if err != nil {
		return Envelope{}, fmt.Errorf("signing a statement of %s: %w", s.PredicateType, err)
	}
	return Envelope{*sealed}, nil
}

// Open returns the statement in an envelope that is signed with key, and the SHA-256 of its
// payload. If the signature is wrong, the error is ErrNotSigned, ErrWrongKey or ErrEdited.
func (e Envelope) Open(ctx context.Context, key Key) (s Statement, digest string, err error) {
	return e.OpenAt(ctx, Trust(key), time.Time{})
}

// OpenAt is like Open, with keys that must be valid at a certain time. The error can also be
// ErrWrongTime.
func (e Envelope) OpenAt(ctx context.Context, keys Keys, at time.Time) (s Statement, digest string, err error) {
	if len(e.Signatures) == 0 {
		return s, "", ErrNotSigned
	}
	var key Key
	for _, signature := range slices.Backward(e.Signatures) { // the error is about the first signature
		if found, findErr := keys.Find(signature.KeyID, at); findErr != nil {
			err = findErr
		} else {
			key = found
		}
	}
	if key.IsZero() {
		return s, "", err
	}
	with, err := dsse.NewEnvelopeVerifier(key)
	if err != nil {
		return s, "", fmt.Errorf("verifying: %w", err)
	}
	if _, err := with.Verify(ctx, &e.Envelope); err != nil {
		return s, "", fmt.Errorf("%w: %w", ErrEdited, err)
	}
	if e.PayloadType != PayloadType {
		return s, "", fmt.Errorf("the payload is %q, not %s", e.PayloadType, PayloadType)
	}
	payload, err := e.DecodeB64Payload()
	if err != nil {
		return s, "", fmt.Errorf("reading the payload: %w", err)
	}
	if err := json.Unmarshal(payload, &s); err != nil {
		return s, "", fmt.Errorf("reading the statement: %w", err)
	}
	if s.Type != StatementType {
		return s, "", fmt.Errorf("reading the statement: its type is %q, not %s", s.Type, StatementType)
	}
	return s, Digest(payload), nil
}

// Digest returns the SHA-256 of data in hexadecimal, as in-toto does.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
