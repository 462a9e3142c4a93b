// Package build makes the function's deployment package. Two builds of the same commit are
// byte for byte identical on any machine with the same Go version.
package build

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// Executable is the name that the OS-only runtimes require for the program in the deployment
// package. See https://docs.aws.amazon.com/lambda/latest/dg/golang-package.html.
const Executable = "bootstrap"

// A Package is a deployment package.
type Package struct {
	Path   string
	SHA256 string // hexadecimal
	Size   int64  // bytes
}

// Run builds the deployment package for the architecture in the CDK context. In a repository
// that adopts Magewright, it builds the functions that the settings name.
func Run(ctx context.Context, cfg project.Config) error {
	if cfg.Adopted() {
		return Functions(ctx, cfg)
	}
	p, err := Build(ctx, cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(cfg.Stdout, "%s  %s  %.1f MB\n", p.SHA256, p.Path, float64(p.Size)/1e6)
	return nil
}

// Build builds the deployment package and returns it.
func Build(ctx context.Context, cfg project.Config) (Package, error) {
	goos, goarch, err := targetOf(cfg)
	if err != nil {
		return Package{}, err
	}
	executable, err := cfg.Path("build", Executable)
	if err != nil {
		return Package{}, err
	}
	if err := compile(ctx, cfg, cfg.Dir, "./app", executable, goos, goarch); err != nil {
		return Package{}, err
	}
	path, err := cfg.Path("app.zip")
	if err != nil {
		return Package{}, err
	}
	return pack(executable, path)
}

// compile builds a main package in a directory. The go command reads the sources there.
func compile(ctx context.Context, cfg project.Config, dir, pkg, out, goos, goarch string) error {
	stamp, err := newStamp(ctx, cfg)
	if err != nil {
		return err
	}
	build := command(cfg, dir, goos, goarch)
	if err := build.Run(ctx, "build", tags, "-ldflags=-s -w "+stamp.flags(), "-o", out, pkg); err != nil {
		if failed, ok := errors.AsType[*exec.ExitError](err); ok && failed.Exited() {
			// The go command has said why, with the file and the line.
			return exit.Failed("fix what is said above, then go tool mage build", "the function can't be built for %s/%s", goos, goarch)
		}
		return fmt.Errorf("building the function for %s/%s: %w", goos, goarch, err)
	}
	return nil
}

// tags are the build tags of a function.
const tags = "-tags=lambda.norpc"

// command returns a go command for a function.
func command(cfg project.Config, dir, goos, goarch string) gocmd.Cmd {
	// The machine's own GOFLAGS and GOAMD64 would make its builds different.
	build := gocmd.In(dir, "CGO_ENABLED=0", "GOFLAGS="+gocmd.Flags, "GOAMD64=", "GOARM64=", "GOEXPERIMENT=", "GOOS="+goos, "GOARCH="+goarch)
	build.Stderr = cfg.Stderr
	return build
}

// Stamp returns everything that the function knows about its own build, as one text.
func Stamp(ctx context.Context, cfg project.Config) (string, error) {
	s, err := newStamp(ctx, cfg)
	return strings.Join([]string{s.commit, s.version, s.buildTime}, " "), err
}

// dirty is what is appended to the commit if a function is built from uncommitted files.
const dirty = "-dirty"

// Commit returns the commit in the form in which functions that are built here know it.
func Commit(cfg project.Config) string {
	if cfg.Dirty {
		return cfg.Commit + dirty
	}
	return cfg.Commit
}

// A stamp is what the function knows about its own build.
type stamp struct{ commit, version, buildTime string }

// newStamp describes the commit. The time is that of the commit, so that the same commit
// gives the same bytes.
func newStamp(ctx context.Context, cfg project.Config) (stamp, error) {
	git := gitcmd.In(cfg.Dir)
	seconds, err := git.Output(ctx, "show", "--no-patch", "--format=%ct", cfg.Commit)
	if err != nil {
		return stamp{}, fmt.Errorf("reading the time of the commit: %w", err)
	}
	at, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return stamp{}, fmt.Errorf("reading the time of the commit: %w", err)
	}
	version, err := git.Output(ctx, "describe", "--tags", "--always", cfg.Commit)
	if err != nil {
		return stamp{}, fmt.Errorf("describing the commit: %w", err)
	}
	s := stamp{commit: Commit(cfg), version: version, buildTime: time.Unix(at, 0).UTC().Format(time.RFC3339)}
	if cfg.Dirty {
		s.version += dirty
	}
	return s, nil
}

func (s stamp) flags() string {
	return strings.Join([]string{
		"-buildid=",
		"-X", "main.commit=" + s.commit,
		"-X", "main.version=" + s.version,
		"-X", "main.buildTime=" + s.buildTime,
	}, " ")
}

// pack zips the executable with fixed times and modes.
func pack(executable, path string) (_ Package, err error) {
	program, err := os.Open(executable) // #nosec G304 -- the program that was just built
	if err != nil {
		return Package{}, fmt.Errorf("packing the function: %w", err)
	}
	defer func() { _ = program.Close() }()
	file, err := os.Create(filepath.Clean(path))
	if err != nil {
		return Package{}, fmt.Errorf("packing the function: %w", err)
	}
	sum := sha256.New()
	if err := writeZip(io.MultiWriter(file, sum), program); err != nil {
		_ = file.Close()
		return Package{}, fmt.Errorf("packing the function: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return Package{}, fmt.Errorf("packing the function: %w", err)
	}
	if err := file.Close(); err != nil {
		return Package{}, fmt.Errorf("packing the function: %w", err)
	}
	return Package{Path: path, SHA256: hex.EncodeToString(sum.Sum(nil)), Size: info.Size()}, nil
}

func writeZip(w io.Writer, program io.Reader) error {
	archive := zip.NewWriter(w)
	header := &zip.FileHeader{Name: Executable, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
	header.SetMode(0o755)
	entry, err := archive.CreateHeader(header)
	if err != nil {
		return err
	}
	if _, err := io.Copy(entry, program); err != nil {
		return err
	}
	return archive.Close()
}
