package enclose

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/magewright/magewright/tools/localaws/isolation"
)

// networkHere makes a network for this program, which only some users may.
func networkHere(t *testing.T, places ...string) *Network {
	t.Helper()
	n, err := NewNetwork(t.Context(), places...)
	if errors.Is(err, syscall.EPERM) {
		t.Skipf("this user may make no network without a user namespace: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// inside returns what a shell says that runs in the network.
func inside(t *testing.T, n *Network, script string) string {
	t.Helper()
	s := isolation.NewSpawner(n.Isolation())
	defer s.Close()
	var said strings.Builder
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script) // #nosec G204 -- of this test
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := s.Start(cmd, nil); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Logf("the shell ends with %v", err)
	}
	return strings.TrimSpace(said.String())
}

// get requests the root of an address without curl, which not every machine has.
const get = `get() { exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && tail -n 1 <&3; }; get `

func TestListenInside(t *testing.T) {
	t.Parallel()
	n := networkHere(t)
	l, err := n.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		served <- http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })) // #nosec G114 -- of this test
	}()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if said := inside(t, n, get+port); said != "hello" {
		t.Errorf("inside it answers %q", said)
	}
	response, err := http.Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "hello" {
		t.Errorf("outside it answers %q, %v", body, err)
	}
	_ = response.Body.Close()

	// Nobody else gets the port, on either side.
	if taken, err := n.Listen(t.Context(), l.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("the port is given twice: %v, %v", taken, err)
	}
	if err := n.Share(t.Context(), port); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("the port is shared too: %v", err)
	}
	if _, err := n.Listen(t.Context(), "nowhere"); err == nil {
		t.Error("an address without a port is accepted")
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, net.ErrClosed) {
		t.Errorf("serving ends with %v", err)
	}
	if said := inside(t, n, get+port); !strings.Contains(said, "Connection refused") {
		t.Errorf("after the end, it answers %q", said)
	}
}

// Share shows a port of this machine, and a port that nobody listens on is as without.
func TestShare(t *testing.T) {
	t.Parallel()
	n := networkHere(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })) // #nosec G114 -- of this test
	}()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if said := inside(t, n, get+port); !strings.Contains(said, "Connection refused") {
		t.Errorf("before it is shared, it answers %q", said)
	}
	if err := n.Share(t.Context(), port); err != nil {
		t.Fatal(err)
	}
	if said := inside(t, n, get+port); said != "hello" {
		t.Errorf("it answers %q", said)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if said := inside(t, n, get+port); strings.Contains(said, "hello") {
		t.Errorf("after its end, it answers %q", said)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if _, err := n.Listen(t.Context(), "127.0.0.1:0"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed network listens: %v", err)
	}
}

func TestFiles(t *testing.T) {
	// The home must not be below the directory for temporary files, of which all is seen.
	dir := t.TempDir()
	home, temp := filepath.Join(dir, "home"), filepath.Join(dir, "temp")
	for _, name := range []string{"home/.aws/credentials", "home/.cache/kept", "home/shown", "temp/file"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("text of "+filepath.Base(name)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", home)
	t.Setenv("TMPDIR", temp)
	// A place that contains the home does not show it.
	t.Setenv("MAGEWRIGHT_FILES", dir+string(filepath.ListSeparator)+filepath.Join(home, "missing"))
	n := networkHere(t, filepath.Join(home, "shown"))
	if !n.HidesFiles() {
		t.Skip("this system can't hide files, or hides some from this program")
	}
	if !strings.Contains(Describe(n), "of your home they find caches and tools") && hidden(os.Getppid()) {
		t.Errorf("it is described as %q", Describe(n))
	}
	for name, want := range map[string]string{
		"home/.aws/credentials": "Permission denied", "home/.cache/kept": "text of kept", "home/shown": "text of shown", "temp/file": "text of file",
	} {
		if said := inside(t, n, "cat "+filepath.Join(dir, name)); !strings.HasSuffix(said, want) {
			t.Errorf("%s is read as %q, want %q", name, said, want)
		}
	}
	// npm's cache is made while builds may already run.
	if err := os.WriteFile(filepath.Join(home, ".npm", "cached"), []byte("text of cached"), 0o600); err != nil {
		t.Error(err)
	}
	if said := inside(t, n, "cat "+filepath.Join(home, ".npm/cached")); said != "text of cached" {
		t.Errorf("npm's cache is read as %q", said)
	}
	// Files move from one directory to another, as the go command moves them.
	if said := inside(t, n, "mv "+filepath.Join(temp, "file")+" "+filepath.Join(home, ".cache")+" && cat "+filepath.Join(home, ".cache/file")); said != "text of file" {
		t.Errorf("moving a file says %q", said)
	}
}

func TestWithoutANetwork(t *testing.T) {
	t.Setenv("MAGEWRIGHT_NAMESPACE", "off")
	n := Inside(t.Context())
	if n != nil || n.Isolation() != nil || n.Close() != nil || strings.Contains(Describe(n), "the proxy only") {
		t.Errorf("there is a network that nobody wants: %s", Describe(n))
	}
	var none *files
	if none.restrict() != nil || none.close() != nil {
		t.Error("no files are not all files")
	}
}
