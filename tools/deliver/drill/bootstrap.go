package drill

import (
	"context"
	"embed"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/magewright/magewright/tools/internal/executable"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/internal/inputs"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// source is the source of the bad version's bootstrap. It is compiled on the machine that
// runs the drill, for the function's platform, because this program may be all that there is
// of Magewright.
//
//go:embed fault/fault.go fault/proxy.go fault/run.go fault/end_linux.go fault/end_other.go fault/bootstrap/main.go
var source embed.FS

// module is the module file with which the source is compiled. It requires no other module,
// so nothing is downloaded.
const module = "module " + project.Module + "/tools/deliver/drill\n\ngo 1.26.0\n"

// compile returns the bad version's bootstrap for a platform. It builds the bootstrap if the
// user's cache does not have it, and says so on stderr.
func compile(ctx context.Context, goos, goarch string, stderr io.Writer) ([]byte, error) {
	files := map[string][]byte{"go.mod": []byte(module)}
	set := inputs.Set{}
	for _, pattern := range []string{"fault", "fault/bootstrap"} {
		entries, err := source.ReadDir(pattern)
		if err != nil {
			return nil, fmt.Errorf("reading the source of the bootstrap: %w", err)
		}
		for _, entry := range entries {
			if entry.IsDir() {
				continue
			}
			name := pattern + "/" + entry.Name()
			if files[name], err = source.ReadFile(name); err != nil {
				return nil, fmt.Errorf("reading the source of the bootstrap: %w", err)
			}
		}
	}
	for name, data := range files {
		set["file "+name] = inputs.Hash(string(data))
	}
	if err := set.Go(ctx, os.TempDir()); err != nil {
		return nil, err
	}
	set["platform"] = goos + "/" + goarch
	const name = "drill-bootstrap"
	built, err := executable.Of(ctx, name, set.Key(name), stderr, func(ctx context.Context, out string, stdout, stderr io.Writer) error {
		dir := filepath.Dir(out)
		for name, data := range files {
			file := filepath.Join(dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
				return err
			}
			if err := os.WriteFile(file, data, 0o600); err != nil {
				return err
			}
		}
		// Settings of the repository's developer for the repository's own module do not apply
		// to this one.
		build := gocmd.In(dir, "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS="+gocmd.Flags, "GOOS="+goos, "GOARCH="+goarch, "GOAMD64=", "GOARM64=", "GOEXPERIMENT=")
		build.Stdout, build.Stderr = stdout, stderr
		return build.Run(ctx, "build", "-ldflags=-s -w", "-o", out, "./fault/bootstrap")
	})
	if err != nil {
		return nil, exit.Missing("go version", "%w", err)
	}
	program, err := os.ReadFile(built) // #nosec G304 -- built above
	if err != nil {
		return nil, fmt.Errorf("reading the bootstrap: %w", err)
	}
	return program, nil
}
