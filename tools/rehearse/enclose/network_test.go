package enclose_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/rehearse/enclose"
)

// TestAttackByTheNetwork has a build and a function reach for what they should not: another
// machine, a program that listens on this one, and the memory of the one that started them.
func TestAttackByTheNetwork(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has network namespaces")
	}
	// The home is not below the directory for temporary files, of which all is seen.
	dir := t.TempDir()
	home, temp := filepath.Join(dir, "home"), filepath.Join(dir, "temp")
	for _, made := range []string{filepath.Join(home, ".aws"), filepath.Join(home, ".cache"), filepath.Join(home, "shown"), temp} {
		if err := os.MkdirAll(made, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{".aws/credentials", ".cache/kept", "shown/kept"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte("the file\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := again(t, "TestInTheNetwork", "HOME="+home, "TMPDIR="+temp, "MAGEWRIGHT_FILES="+filepath.Join(home, "shown"))
	if strings.Contains(out, "NO NETWORK") {
		t.Skip("no network namespace can be had here, and the start says so:\n" + out)
	}
	want := []string{"another machine: Network is unreachable", "this machine: refused", "endpoint: 403", "shared: of this machine", "parent: Permission denied"}
	if strings.Contains(out, "of your home they find caches and tools") {
		want = append(want, "secret: Permission denied", "cache: the file", "shown: the file")
	}
	for _, want := range want {
		if strings.Count(out, want) != 2 {
			t.Errorf("a build or a function did not find %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "FOUND") || !strings.Contains(out, "reach other machines by the proxy only") {
		t.Errorf("something was reached, or the start does not say what can be:\n%s", out)
	}
}

// TestInTheNetwork runs a build and a function that look around. It is for the program that
// was started again.
func TestInTheNetwork(t *testing.T) {
	if *stage != "enclosed" {
		t.Skip("TestAttackByTheNetwork starts it")
	}
	network := enclose.Inside(t.Context())
	t.Log(enclose.Describe(network))
	if network == nil {
		_, err := enclose.NewNetwork(t.Context())
		t.Logf("NO NETWORK: %v", err)
		return
	}
	serve := func(text string) (port string) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }))
		t.Cleanup(server.Close)
		u, err := url.Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		return u.Port()
	}
	hidden, shared := serve("FOUND on this machine"), serve("of this machine")
	if err := network.Share(t.Context(), shared); err != nil {
		t.Fatal(err)
	}
	server := localawstest.StartServer(t, func(c *localaws.Config) { c.Isolation = network.Isolation() })
	around := fmt.Sprintf(`
		echo "another machine: $(bash -c 'exec 3<>/dev/tcp/192.0.2.1/80' 2>&1 | sed -n 's/.*: //p' | head -1)"
		echo "this machine: $(curl -s --noproxy '*' http://127.0.0.1:%[1]s/ || echo refused)"
		echo "endpoint: $(curl -s --noproxy '*' -o /dev/null -w '%%{http_code}' -X POST -d Action=ListUsers %[2]s/)"
		echo "shared: $(curl -s --noproxy '*' http://127.0.0.1:%[3]s/)"
		echo "secret: $(cat %[4]s/.aws/credentials 2>&1 | sed -n 's/.*: //p')"
		echo "cache: $(cat %[4]s/.cache/kept 2>&1)"
		echo "shown: $(cat %[4]s/shown/kept 2>&1)"
		for thread in /proc/%[5]d/task/*; do cat "$thread/environ" >/dev/null 2>&1 && echo "FOUND in $thread"; done
		echo "parent: $(cat /proc/%[5]d/environ 2>&1 >/dev/null | sed -n 's/.*: //p')"
	`, hidden, server.URL, shared, os.Getenv("HOME"), os.Getpid())
	t.Log(build(t, server.Client(), around))
	t.Log(function(t, server.Client(), around))
	if err := network.Close(); err != nil {
		t.Error(err)
	}
}
