package verify

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/evidencetest"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// TestWhatIsNotBelievedIsNotOverwritten holds that what is said about a bundle that
// does not count never leads to its loss, and about a key that is none how to get one.
func TestWhatIsNotBelievedIsNotOverwritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	signer, other := evidencetest.NewSigner(t), evidencetest.NewSigner(t)
	statement, err := evidence.NewStatement(strings.Repeat("a", 40), strings.Repeat("b", 64), evidence.Lint{Files: 1})
	if err != nil {
		t.Fatal(err)
	}
	var whole bytes.Buffer
	summary := evidence.Summary{VerificationResult: evidence.SummaryPassed, TimeVerified: time.Unix(1_800_000_000, 0)}
	if err := evidence.WriteBundle(t.Context(), &whole, signer, []evidence.Statement{statement}, summary, strings.Repeat("a", 40), strings.Repeat("b", 64)); err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole.Bytes(), []byte("\n"))
	edited := bytes.Replace(whole.Bytes(), []byte(`"payload":"ey`), []byte(`"payload":"eyA`), 1)
	right, wrong := write("right.pem", signer.PEM()), write("wrong.txt", []byte(other.String()+"\n"))
	private := write("private.pem", []byte("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"))
	for _, tt := range []struct {
		name, bundle, key string
		code              int
		says, next        string
	}{
		{"another key", write("whole", whole.Bytes()), wrong, exit.Gate, "signed with a key other than the pinned one", "go tool mage evidence:key"},
		{"edited", write("edited", edited), right, exit.Gate, "edited: reading the bundle", "mv " + filepath.Join(dir, "edited") + " "},
		{"cut off", write("short", lines[0]), right, exit.Gate, "does not end with a summary", "mv "},
		{"no bundle", write("text", []byte("# Read me\n")), right, exit.Gate, "text: reading the bundle: it is no bundle of evidence: line 1 is not an envelope", "name a bundle with -bundle=FILE"},
		{"nothing", write("empty", nil), right, exit.Gate, "empty: reading the bundle: it is no bundle of evidence", "name a bundle with -bundle=FILE"},
		{"no such bundle", filepath.Join(dir, "none"), right, exit.Environment, "no such file", "name a bundle with -bundle=FILE"},
		{"a directory", dir, right, exit.Environment, "is a directory", "name a bundle with -bundle=FILE"},
		{"no bundle here", "", right, exit.Environment, "no such file", "go tool mage readiness"},
		{"no such key", filepath.Join(dir, "whole"), filepath.Join(dir, "none.pem"), exit.Environment, "reading the public key", "go tool mage evidence:key"},
		{"a private key", filepath.Join(dir, "whole"), private, exit.Environment, "private.pem: reading a public key: it is a PRIVATE KEY", "openssl pkey -pubout -in " + private},
		{"a text for a key", filepath.Join(dir, "whole"), write("hostname", []byte("build-17\n")), exit.Environment, "hostname: reading a public key: it is neither PEM", "go tool mage evidence:key"},
	} {
		err := Run(t.Context(), project.Config{Dir: dir, Stdout: io.Discard}, tt.bundle, tt.key)
		if exit.Status(err) != tt.code {
			t.Errorf("%s: exit code %d, %v", tt.name, exit.Status(err), err)
			continue
		}
		said, next, _ := strings.Cut(err.Error(), "\n  next: ")
		if !strings.Contains(said, tt.says) || !strings.HasPrefix(next, tt.next) || strings.Contains(said, "asn1") {
			t.Errorf("%s: %v", tt.name, err)
		}
		// The target readiness writes a new one in its place.
		if tt.code == exit.Gate && strings.Contains(next, "mage readiness") {
			t.Errorf("%s: %q would overwrite it", tt.name, next)
		}
	}
}
