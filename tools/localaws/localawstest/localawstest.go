// Package localawstest starts the embedded AWS for a test.
package localawstest

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/localaws"
)

// Start starts an embedded AWS that ends with the test, and returns the
// configuration of its clients.
func Start(t *testing.T, set ...func(*localaws.Config)) aws.Config {
	t.Helper()
	return StartServer(t, set...).Client()
}

// StartServer starts an embedded AWS that ends with the test. The functions may change
// its configuration, for example the clock.
func StartServer(t *testing.T, set ...func(*localaws.Config)) *localaws.Server {
	t.Helper()
	c := localaws.Config{}
	for _, f := range set {
		f(&c)
	}
	server, err := localaws.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}
