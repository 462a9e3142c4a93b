// Package enclose starts this program again where code that nobody has reviewed finds fewer
// secrets. The builds and functions of an embedded AWS, and the CDK apps of a rehearsal, are
// processes of whoever rehearses. Linux shows the environment of each process to all others
// of its user, and a shell's environment may have tokens.
//
// The program that is started again has an environment without them. On Linux it is in a
// user namespace of its own, if it may have one: from there, the environment and the memory
// of processes outside of it can't be read.
package enclose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/localaws/isolation"
)

// Command is the hidden command that runs another one, in the environment that it finds.
const Command = "enclosed"

// kept are variables that this program needs itself, besides those that every program does:
// to open a browser, for how it prints, and for which region the embedded AWS is.
var kept = []string{
	"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "BROWSER", "WSL_DISTRO_NAME", "WSL_INTEROP",
	"AWS_REGION", "AWS_DEFAULT_REGION", "MAGEFILE_VERBOSE", "MAGEWRIGHT_RESULTS", "CDK_CONTEXT_JSON", "COLORTERM", "COLUMNS", "LINES", "MAGEWRIGHT_NAMESPACE", "MAGEWRIGHT_EGRESS", "MAGEWRIGHT_FILES",
}

// endpoint are the variables of an AWS that somebody runs on this machine. Without the first
// one, the others are those of an account.
var endpoint = []string{"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}

// Environ returns those variables that a program which is started again may have.
func Environ(variables []string) []string {
	given := slices.ContainsFunc(variables, func(v string) bool {
		return strings.HasPrefix(v, endpoint[0]+"=") && v != endpoint[0]+"="
	})
	return slices.DeleteFunc(slices.Clone(variables), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return !command.Needs(name) && !slices.Contains(kept, name) && (!given || !slices.Contains(endpoint, name))
	})
}

// Run runs this program again with arguments. It returns the exit code of the program, which
// has printed why it failed.
func Run(ctx context.Context, args ...string) (code int, err error) {
	program, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("finding this program, to start it without the user's variables: %w", err)
	}
	// Linux tells the program when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	namespaces := [][]identities{nil}
	if !off() {
		namespaces = slices.Concat(choices(), namespaces)
	}
	var failed error
	for _, namespace := range namespaces {
		cmd := exec.CommandContext(ctx, program, args...) // #nosec G204 -- this program
		cmd.Env = Environ(os.Environ())
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		cmd.SysProcAttr = attributes(namespace)
		if failed = cmd.Start(); failed != nil {
			continue
		}
		err := cmd.Wait()
		return max(command.ExitCode(err), 0), signalled(err)
	}
	return 0, fmt.Errorf("starting this program without the user's variables: %w", failed)
}

// off reports whether the user wants no namespace, for builds that need the user's own, such
// as those that start containers without root.
func off() bool { return os.Getenv("MAGEWRIGHT_NAMESPACE") == "off" }

// signalled returns the error of a program that did not end by itself.
func signalled(err error) error {
	if err != nil && command.ExitCode(err) < 0 {
		return fmt.Errorf("running this program without the user's variables: %w", err)
	}
	return nil
}

// An identities says which users or groups of the namespace are which ones outside of it.
type identities struct{ first, size int }

// Describe says what keeps builds and functions apart from their user here. It asks the
// system, instead of remembering how this program was started. n is nil if there is no network
// for them.
func Describe(n *Network) string {
	switch {
	case !hidden(os.Getppid()):
		return "none, since " + reason() + ": builds and functions can read the environment of your other processes, your shell's included; they run as you, with your files and your network"
	case n == nil:
		return "builds and functions can't read the environment or memory of your other processes; they run as you, with your files and your network"
	case n.HidesFiles():
		return "builds and functions can't read the environment or memory of your other processes, reach other machines by the proxy only, and of your home they find caches and tools; they run as you"
	default:
		return "builds and functions can't read the environment or memory of your other processes, and reach other machines by the proxy only; they run as you, with your files"
	}
}

// Inside returns a network for functions and builds, or nil if this system gives none, or if
// the user wants none. They find the places in the user's home.
func Inside(ctx context.Context, places ...string) *Network {
	if off() {
		return nil
	}
	n, err := NewNetwork(ctx, places...)
	if err != nil {
		// Describe says that there is none.
		return nil
	}
	return n
}

// Isolation returns n for an embedded AWS. n may be nil.
func (n *Network) Isolation() isolation.Isolation {
	if n == nil {
		return nil
	}
	return n
}

// hidden reports whether this process can't read the environment of another one.
func hidden(pid int) bool {
	_, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	return errors.Is(err, fs.ErrPermission)
}

// reason says why there is no namespace.
func reason() string {
	switch {
	case off():
		return "MAGEWRIGHT_NAMESPACE is off"
	case runtime.GOOS != "linux":
		return cmp.Or(map[string]string{"darwin": "macOS"}[runtime.GOOS], runtime.GOOS) + " has no user namespaces"
	default:
		return "this system gives you no user namespace"
	}
}
