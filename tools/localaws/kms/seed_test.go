package kms_test

import (
	"crypto/sha256"
	"slices"
	"sync"
	"testing"
	"time"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/kms"
)

// TestSeededSigningKeys checks that an endpoint that is started again with the
// same seed has the same signing keys. Old signatures can then still be verified.
func TestSeededSigningKeys(t *testing.T) {
	t.Parallel()
	begin := func(seed string) *kms.Service {
		a := account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: clock.NewManual(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))}
		if seed != "" {
			a.Seed = []byte(seed)
		}
		return kms.New(a)
	}
	public := func(s *kms.Service, id *string) string {
		t.Helper()
		out, err := s.GetPublicKey(t.Context(), &awskms.GetPublicKeyInput{KeyId: id})
		if err != nil {
			t.Fatal(err)
		}
		return string(out.PublicKey)
	}
	keys := func(s *kms.Service, specs ...types.KeySpec) (ids []*string, publics []string) {
		t.Helper()
		for _, spec := range specs {
			id := create(t, s, spec, types.KeyUsageTypeSignVerify).KeyId
			ids, publics = append(ids, id), append(publics, public(s, id))
		}
		return ids, publics
	}
	const p256, p384 = types.KeySpecEccNistP256, types.KeySpecEccNistP384
	first := begin("seed")
	ids, mine := keys(first, p256, p256)
	// Creating a key of another kind in between makes no difference.
	second := begin("seed")
	_, again := keys(second, p256, p384, p256)
	if again[0] != mine[0] || again[2] != mine[1] || mine[0] == mine[1] {
		t.Error("the same seed gives other keys, or one twice")
	}
	_, third := keys(begin("seed"), p384)
	_, other := keys(begin("other"), p256)
	_, random := keys(begin(""), p256)
	_, randomAgain := keys(begin(""), p256)
	if again[1] == third[0] || slices.Contains(mine, other[0]) || random[0] == randomAgain[0] {
		t.Error("keys that must differ are the same")
	}
	digest := sha256.Sum256([]byte("evidence"))
	signed, err := first.Sign(t.Context(), &awskms.SignInput{
		KeyId: ids[0], Message: digest[:], MessageType: types.MessageTypeDigest, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256,
	})
	if err != nil {
		t.Fatal(err)
	}
	third2 := begin("seed")
	theirs, _ := keys(third2, p256, p256)
	for i, want := range []bool{true, false} {
		out, err := third2.Verify(t.Context(), &awskms.VerifyInput{
			KeyId: theirs[i], Message: digest[:], MessageType: types.MessageTypeDigest, Signature: signed.Signature, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256,
		})
		if got := err == nil && out.SignatureValid; got != want {
			t.Errorf("key %d verifies: %v, %v", i, got, err)
		}
	}
	// Keys that are created concurrently are different.
	s := begin("seed")
	made := make([]string, 8)
	var group sync.WaitGroup
	for i := range made {
		group.Go(func() { made[i] = public(s, create(t, s, p256, types.KeyUsageTypeSignVerify).KeyId) })
	}
	group.Wait()
	slices.Sort(made)
	if unique := slices.Compact(slices.Clone(made)); len(unique) != len(made) {
		t.Errorf("%d of %d keys differ", len(unique), len(made))
	}
}
