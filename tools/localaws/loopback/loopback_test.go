package loopback_test

import (
	"testing"

	"github.com/magewright/magewright/tools/localaws/loopback"
)

func TestIs(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.0.0.1:80": true, "127.1.2.3": true, "[::1]:80": true, "::1": true, "localhost": true, "a.localhost:80": true,
		"192.0.2.1": false, "127.0.0.1.evil.example": false, "evillocalhost": false, "localhost.evil.example:80": false, "": false,
	} {
		if got := loopback.Is(host); got != want {
			t.Errorf("%q: %t", host, got)
		}
	}
}
