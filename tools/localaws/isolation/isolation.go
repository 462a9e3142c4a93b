// Package isolation keeps the functions and builds of an embedded AWS apart from the machine
// that they run on. How that is done is up to whoever starts the embedded AWS.
package isolation

import (
	"context"
	"net"
	"os/exec"
)

// An Isolation is what functions and builds run in.
type Isolation interface {
	// Listen opens a TCP port on loopback, as host:port, which this machine's programs reach
	// and those inside too. They reach no other one.
	Listen(ctx context.Context, address string) (net.Listener, error)
	// Enter takes the calling thread inside, with each program that it starts from then on.
	// The thread must be locked to its goroutine and end with it.
	Enter() error
	// Prepare makes cmd unable to see this program, if such a thread starts it.
	Prepare(cmd *exec.Cmd)
}

// Listen opens a TCP port on loopback, as host:port, which functions and builds reach. The
// isolation may be nil.
func Listen(ctx context.Context, i Isolation, address string) (net.Listener, error) {
	if i == nil {
		return new(net.ListenConfig).Listen(ctx, "tcp", address)
	}
	return i.Listen(ctx, address)
}

// SharedOfHome are the directories below a user's home that builds find in their own: caches, and
// the tools that are installed there. Everything else stays out, such as .aws, .ssh, .netrc,
// .docker and the settings of most programs.
var SharedOfHome = []string{
	".cache", "Library/Caches", "go", ".npm", ".magefile", ".local/bin",
	".pyenv", ".nvm", ".volta", ".asdf", ".local/share/mise", ".local/share/pnpm", ".bun/install", ".rustup", ".cargo/bin", ".cargo/registry",
	".m2/repository", ".gradle/caches", ".sdkman/candidates", ".dotnet",
}

// SharedSettings are the directories of settings that builds find too: Go's, and the keys of
// results that are reused.
var SharedSettings = []string{"go", "magewright"}
