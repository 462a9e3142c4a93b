// Package localawstest starts the embedded AWS for a test.
package localawstest

import (
	"log/slog"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws"
)

// Start starts an embedded AWS that ends with the test, and returns the
// configuration of its clients.
func Start(t *testing.T) aws.Config {
	t.Helper()
	return StartServer(t).Client()
}

// StartServer starts an embedded AWS that ends with the test.
func StartServer(t *testing.T) *localaws.Server {
	t.Helper()
	server, err := localaws.Start(t.Context(), localaws.Config{Addr: "127.0.0.1:0", Clock: clock.System(), Log: slog.New(slog.DiscardHandler)})
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
