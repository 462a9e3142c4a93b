package account_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/magewright/magewright/tools/localaws/account"
)

func TestDerive(t *testing.T) {
	t.Parallel()
	if got := (account.Account{}).Derive("key", 16); got != nil {
		t.Errorf("without a seed: %x", got)
	}
	a := account.Account{Seed: []byte("seed")}
	// Yesterday's signatures must be verified with the same key, so the
	// derivation must never change.
	if got := hex.EncodeToString(a.Derive("key", 16)); got != "cfb716c9e5e8f3f2c523b7f5acf9ea5c" {
		t.Errorf("derived %s", got)
	}
	seen := map[string]bool{}
	for _, other := range []account.Account{a, {Seed: []byte("seed2")}, {Seed: []byte{}}} {
		for _, purpose := range []string{"", "key", "key 1", "key 2"} {
			got := other.Derive(purpose, 32)
			if len(got) != 32 || seen[string(got)] || !bytes.Equal(got, other.Derive(purpose, 32)) {
				t.Errorf("%q for %q: %x", other.Seed, purpose, got)
			}
			seen[string(got)] = true
		}
	}
	// Neither the region nor the endpoint influences it.
	b := account.Account{Seed: a.Seed, Region: "us-east-1", Endpoint: "http://127.0.0.1:1"}
	if !bytes.Equal(a.Derive("key", 32), b.Derive("key", 32)) {
		t.Error("another endpoint derives other bytes")
	}
}
