package evidence_test

import (
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/evidence"
)

func TestPrivateKey(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "new", "key.pem")
	key, err := evidence.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	if err := key.Write(file); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
	if err := key.Write(file); !errors.Is(err, fs.ErrExist) {
		t.Errorf("overwriting gives %v", err)
	}
	read, err := evidence.ReadPrivateKey(file)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := evidence.Seal(t.Context(), read, lint(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := sealed.Open(t.Context(), key.Key); err != nil {
		t.Errorf("what the key that was read back has signed: %v", err)
	}
	if err := os.Chmod(file, 0o640); err != nil { // #nosec G302 -- what must be refused
		t.Fatal(err)
	}
	if _, err := evidence.ReadPrivateKey(file); !errors.Is(err, evidence.ErrExposed) {
		t.Errorf("a file that the group may read gives %v", err)
	}
}

func TestWhatIsNoPrivateKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key, err := evidence.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ text, says string }{
		"text":   {"my key", "not PEM"},
		"public": {string(key.PEM()), "asn1"},
		"cut":    {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{0, 0, 0}})), "asn1"},
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := evidence.ReadPrivateKey(file); err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q and the file", name, err, tt.says)
		}
	}
	if _, err := evidence.ReadPrivateKey(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file gives %v", err)
	}
}
