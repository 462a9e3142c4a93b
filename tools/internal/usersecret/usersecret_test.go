package usersecret_test

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/magewright/magewright/tools/internal/usersecret"
)

// home returns a configuration directory for the test.
func home(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	return dir
}

func TestASecretStays(t *testing.T) {
	dir := home(t)
	first, err := usersecret.Read("actions.key")
	if err != nil || len(first) != usersecret.Size {
		t.Fatalf("Read = %d bytes, %v", len(first), err)
	}
	if again, err := usersecret.Read("actions.key"); err != nil || !bytes.Equal(first, again) {
		t.Errorf("it is another one the next time: %v", err)
	}
	if other, err := usersecret.Read("rehearsal.seed"); err != nil || bytes.Equal(first, other) {
		t.Errorf("another name has the same secret: %v", err)
	}
	// Others must neither read it nor see which secrets there are.
	for path, want := range map[string]os.FileMode{"magewright": 0o700 | os.ModeDir, "magewright/actions.key": 0o600} {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(path)))
		if err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "magewright")); err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	home(t)
	if stranger, err := usersecret.Read("actions.key"); err != nil || bytes.Equal(first, stranger) {
		t.Errorf("another user has the same secret: %v", err)
	}
}

func TestSeveralAtOnceGetTheSame(t *testing.T) {
	home(t)
	secrets := make([][]byte, 16)
	var group sync.WaitGroup
	for i := range secrets {
		group.Go(func() {
			var err error
			if secrets[i], err = usersecret.Read("actions.key"); err != nil {
				t.Errorf("Read: %v", err)
			}
		})
	}
	group.Wait()
	for _, secret := range secrets {
		if !bytes.Equal(secret, secrets[0]) {
			t.Fatalf("%x and %x", secret, secrets[0])
		}
	}
}

// TestWhatIsNoSecretIsReplaced checks that a file that was cut off by a crash,
// or emptied by somebody, never serves as a key, because it could be guessed.
func TestWhatIsNoSecretIsReplaced(t *testing.T) {
	for _, text := range []string{"", "short", string(make([]byte, usersecret.Size+1))} {
		dir := home(t)
		file := filepath.Join(dir, "magewright", "actions.key")
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		secret, err := usersecret.Read("actions.key")
		if err != nil || len(secret) != usersecret.Size || bytes.Equal(secret, make([]byte, usersecret.Size)) {
			t.Errorf("after %q: %x, %v", text, secret, err)
		}
	}
}

func TestWhereNoneCanBeKept(t *testing.T) {
	dir := home(t)
	if err := os.WriteFile(filepath.Join(dir, "magewright"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if secret, err := usersecret.Read("actions.key"); err == nil {
		t.Errorf("with a file in the place of the directory: %x", secret)
	}
	dir = home(t)
	if err := os.MkdirAll(filepath.Join(dir, "magewright", "actions.key", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if secret, err := usersecret.Read("actions.key"); err == nil {
		t.Errorf("with a directory in the place of the file: %x", secret)
	}
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("HOME", "")
	if secret, err := usersecret.Read("actions.key"); err == nil {
		t.Errorf("without a home directory: %x", secret)
	}
}
