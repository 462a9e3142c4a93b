package console

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/localaws"
)

// TestTheBrowserOutlivesTheConsole holds that the end of a rehearsal does not end the
// browser that it has opened: the context here has ended before the browser begins.
func TestTheBrowserOutlivesTheConsole(t *testing.T) {
	dir := t.TempDir()
	opened := filepath.Join(dir, "opened")
	if err := syscall.Mkfifo(opened, 0o600); err != nil {
		t.Fatal(err)
	}
	browser := "#!/bin/sh\necho \"$1\" > " + opened + "\n"
	if err := command.WriteProgram(filepath.Join(dir, "xdg-open"), []byte(browser)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	server, err := localaws.Start(t.Context(), localaws.Config{Addr: "127.0.0.1:0", Clock: clock.System(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, end := context.WithCancel(t.Context())
	end()
	if err := Serve(Config{Server: server, Time: clock.System()}).Open(ctx); err != nil {
		t.Fatal(err)
	}
	// It waits for the browser.
	file, err := os.ReadFile(opened) // #nosec G304 -- of this test
	if err != nil || !strings.HasPrefix(string(file), server.Dir()) {
		t.Errorf("the browser opens %q: %v", file, err)
	}
}
