package console

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/localaws"
)

// TestPatch holds that the lines around changed statements that no test runs are shown.
func TestPatch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	git := gitcmd.In(dir)
	commit := func(files map[string]string) string {
		t.Helper()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, args := range [][]string{{"add", "-A"}, {"-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "-m", "state"}} {
			if err := git.Run(t.Context(), args...); err != nil {
				t.Fatal(err)
			}
		}
		head, err := git.Output(t.Context(), "rev-parse", "HEAD")
		if err != nil {
			t.Fatal(err)
		}
		return head
	}
	if err := git.Run(t.Context(), "init", "--quiet"); err != nil {
		t.Fatal(err)
	}
	const before = "package shop\n\nfunc Buy() int {\n\treturn 1\n}\n"
	const after = before + "\nfunc Sell(n int) int {\n\tif n > 1 {\n\t\treturn 2\n\t}\n\treturn 3\n}\n"
	base := commit(map[string]string{"go.mod": "module example.com/shop\n", "shop.go": before})
	head := commit(map[string]string{"shop.go": after})
	sum := sha256.Sum256([]byte(after))
	profile := "mode: set\nexample.com/shop/shop.go:3.16,5.2 1 1\nexample.com/shop/shop.go:7.22,8.11 1 1\nexample.com/shop/shop.go:8.11,10.3 1 0\nexample.com/shop/shop.go:11.2,11.10 1 1\n"
	artifact := func(sources string) *zip.Reader {
		t.Helper()
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		f, err := w.Create("left/sources.json")
		if err == nil {
			_, err = f.Write([]byte(sources))
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		r, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	c := &Console{repository: dir, base: base}
	p := c.patch(t.Context(), head, artifact(`{"shop.go":"`+hex.EncodeToString(sum[:])+`"}`), "left/coverage.out", []byte(profile))
	if p.Unknown != "" || p.Statements != 3 || p.Covered != 2 || len(p.Files) != 1 || p.Base != base {
		t.Fatalf("the change is %+v", p)
	}
	var shown []string
	for _, l := range p.Files[0].Lines {
		mark := " "
		if l.Added {
			mark = "+"
		}
		if l.Missing {
			mark = "!"
		}
		shown = append(shown, mark+l.Text)
	}
	if got, want := strings.Join(shown, "\n"), "+func Sell(n int) int {\n+\tif n > 1 {\n!\t\treturn 2\n+\t}\n+\treturn 3"; got != want {
		t.Errorf("it shows\n%s\nwant\n%s", got, want)
	}
	if p := c.patch(t.Context(), head, artifact(`{"shop.go":"00"}`), "left/coverage.out", []byte(profile)); !strings.Contains(p.Unknown, "was different when the tests ran") {
		t.Errorf("a profile of other sources: %+v", p)
	}
	if p := c.patch(t.Context(), "0123456789012345678901234567890123456789", artifact("{}"), "left/coverage.out", []byte(profile)); p.Unknown == "" {
		t.Errorf("a commit that is not there: %+v", p)
	}
	if p := (&Console{}).patch(t.Context(), head, artifact("{}"), "left/coverage.out", []byte(profile)); p != nil {
		t.Errorf("without a repository: %+v", p)
	}
}

// TestTheLinkIsOnNoCommandLine holds that the browser is given a file that only this
// user may read, because other users see command lines.
func TestTheLinkIsOnNoCommandLine(t *testing.T) {
	t.Parallel()
	time := clock.System()
	server, err := localaws.Start(t.Context(), localaws.Config{Addr: "127.0.0.1:0", Clock: time, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	c := Serve(Config{Server: server, Time: time})
	file, err := c.leading()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file) // #nosec G304 -- just written
	if err != nil || info.Mode().Perm() != 0o600 || !strings.Contains(string(text), `url=`+c.Link()+`"`) || strings.Contains(file, c.secret) {
		t.Errorf("%s %v: %s, %v", file, info.Mode(), text, err)
	}
}
