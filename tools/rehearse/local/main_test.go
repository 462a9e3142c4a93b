package local

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// TestValuesAreCheckedFirst holds that nothing is started for a value that can't be
// meant.
func TestValuesAreCheckedFirst(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"-iam=maybe", "-port=-1", "-port=99999", "-speed=0", "-speed=-3", "-speed=NaN", "-speed=+Inf", "-speed=0.5"} {
		err := Main(t.Context(), []string{flag})
		if exit.Status(err) != exit.Usage {
			t.Errorf("%s: exit code %d, %v", flag, exit.Status(err), err)
		}
		if name, _, _ := strings.Cut(flag, "="); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "next: go tool mage") {
			t.Errorf("%s: %v", flag, err)
		}
	}
	for _, speed := range []float64{1, 60, 1000.5} {
		if err := CheckSpeed("local", speed); err != nil {
			t.Error(err)
		}
	}
	if err := CheckSpeed("rehearse", math.NaN()); err == nil || !strings.Contains(err.Error(), "mage -h rehearse") {
		t.Errorf("NaN: %v", err)
	}
}

// TestEnv holds that -env prints the exports of an AWS that runs, and nothing else.
func TestEnv(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	exports := "export AWS_ACCESS_KEY_ID=x\nexport AWS_ENDPOINT_URL=http://" + listener.Addr().String() + "\n"
	var out bytes.Buffer
	cfg := project.Config{Dir: t.TempDir(), Stdout: &out}
	cfg.Evidence = filepath.Join(cfg.Dir, ".magewright")
	missing := func(when, want string) {
		t.Helper()
		out.Reset()
		err := printEnv(t.Context(), cfg)
		if exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "next: go tool mage local") || out.Len() > 0 {
			t.Errorf("%s it prints %q, %v", when, &out, err)
		}
	}
	missing("before the start", "no embedded AWS runs")
	remove, err := WriteEnv(cfg, exports)
	if err != nil {
		t.Fatal(err)
	}
	if err := printEnv(t.Context(), cfg); err != nil || out.String() != exports {
		t.Errorf("it prints %q, %v", &out, err)
	}
	file := filepath.Join(cfg.Evidence, EnvFile)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others can read the secret: %v, %v", info.Mode(), err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	missing("after a crash", "no longer answers at http://127.0.0.1:")
	// Another one was started meanwhile.
	if _, err := WriteEnv(cfg, exports+"# another\n"); err != nil {
		t.Fatal(err)
	}
	if err := remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the exports of the other one are gone: %v", err)
	}
	remove, err = WriteEnv(cfg, exports)
	if err != nil {
		t.Fatal(err)
	}
	if err := remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the exports are left behind: %v", err)
	}
}
