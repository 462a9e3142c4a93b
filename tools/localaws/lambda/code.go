package lambda

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"debug/macho"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/localaws/isolation"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// The limits on the size of deployment packages, in bytes.
// See https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
const (
	maxZip      = 50 << 20 // uploaded directly
	maxUnzipped = 250 << 20
)

// A code is an unpacked deployment package. It is immutable; functions with the
// same package share it.
type code struct {
	sha  [sha256.Size]byte
	size int64  // of the zip, in bytes
	root string // LAMBDA_TASK_ROOT
	zip  string // the zip file
}

func sum(data []byte) [sha256.Size]byte { return sha256.Sum256(data) }

// A source is the location of a package as an operation's request gives it.
type source struct {
	zip                         []byte
	bucket, key, version, image *string
}

// fetch returns the unpacked package at src.
func (s *Service) fetch(ctx context.Context, src source) (*code, error) {
	switch {
	case src.image != nil:
		return nil, unsupported("ImageUri: the embedded AWS runs no containers; a function")
	case len(src.zip) > 0 && src.bucket != nil:
		return nil, invalid("Please do not provide other FunctionCode parameters when providing a ZipFile.")
	case len(src.zip) > maxZip:
		return nil, &lambdatypes.RequestTooLargeException{
			Message: aws.String("Request must be smaller than 69905067 bytes for the CreateFunction operation"), Type: user,
		}
	case len(src.zip) > 0:
		return s.packages.store(src.zip)
	case src.bucket == nil || src.key == nil:
		return nil, invalid("Please provide a source for the code: a ZipFile, or S3Bucket and S3Key.")
	}
	out, err := s.deps.Objects.GetObject(principal.Service(ctx, servicePrincipal, s.account.ID), &awss3.GetObjectInput{
		Bucket: src.bucket, Key: src.key, VersionId: src.version,
	})
	if err != nil {
		return nil, invalid("Error occurred while GetObject. S3 Error: %v", err)
	}
	data := bytes.NewBuffer(make([]byte, 0, min(aws.ToInt64(out.ContentLength), maxUnzipped)+bytes.MinRead))
	_, err = data.ReadFrom(io.LimitReader(out.Body, maxUnzipped+1))
	if err := errors.Join(err, out.Body.Close()); err != nil {
		return nil, fmt.Errorf("reading s3://%s/%s: %w", *src.bucket, *src.key, err)
	}
	return s.packages.store(data.Bytes())
}

// packages keeps deployment packages below dir/lambda. It serves them to anyone
// who knows their secret URL.
type packages struct {
	isolation isolation.Isolation
	dir       string

	mu     sync.Mutex
	stored map[[sha256.Size]byte]*code
	server *http.Server
	base   string // URL
}

func (p *packages) store(data []byte) (*code, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := sum(data)
	if c := p.stored[key]; c != nil {
		return c, nil
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
	}
	dir := filepath.Join(p.dir, "lambda", hex.EncodeToString(key[:]))
	c := &code{sha: key, size: int64(len(data)), root: filepath.Join(dir, "task"), zip: filepath.Join(dir, "code.zip")}
	// A directory that an earlier process left may be half written.
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("unpacking a function's code: %w", err)
	}
	if err := os.MkdirAll(c.root, 0o755); err != nil { // #nosec G301 -- as /var/task is: readable by whatever the function runs
		return nil, fmt.Errorf("unpacking a function's code: %w", err)
	}
	if err := os.WriteFile(c.zip, data, 0o600); err != nil {
		return nil, fmt.Errorf("keeping a function's code: %w", err)
	}
	if err := unpack(archive, c.root); err != nil {
		return nil, err
	}
	if p.stored == nil {
		p.stored = map[[sha256.Size]byte]*code{}
	}
	p.stored[key] = c
	return c, nil
}

func unpack(archive *zip.Reader, dir string) (err error) {
	// With a Root, entries can't leave the directory through ".." or through a link.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpacking a function's code: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	left := int64(maxUnzipped)
	for _, f := range archive.File {
		if err := unpackFile(root, f, &left); err != nil {
			return err
		}
	}
	return nil
}

func unpackFile(root *os.Root, f *zip.File, left *int64) (err error) {
	name := filepath.FromSlash(strings.TrimSuffix(f.Name, "/"))
	bad := func(err error) error {
		return invalid("Could not unzip uploaded file: %s: %v", f.Name, err)
	}
	if !filepath.IsLocal(name) {
		return bad(errors.New("the name points outside the package"))
	}
	if f.Mode().IsDir() {
		if err := root.MkdirAll(name, 0o755); err != nil {
			return bad(err)
		}
		return nil
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return bad(err)
	}
	in, err := f.Open()
	if err != nil {
		return bad(err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	if f.Mode()&fs.ModeSymlink != 0 {
		target, err := io.ReadAll(io.LimitReader(in, 4096))
		if err == nil {
			err = root.Symlink(string(target), name)
		}
		if err != nil {
			return bad(err)
		}
		return nil
	}
	// If a program were started at this moment, it would briefly inherit this
	// file open for writing. Linux does not execute such a file ("text file busy").
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	out, err := root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, f.Mode().Perm()|0o600)
	if err != nil {
		return bad(err)
	}
	n, err := io.Copy(out, io.LimitReader(in, *left+1))
	if err := errors.Join(err, out.Close()); err != nil {
		return bad(err)
	}
	if *left -= n; *left < 0 {
		return invalid("Unzipped size must be smaller than %d bytes", maxUnzipped)
	}
	return nil
}

// runsHere reports whether the package's bootstrap is an executable for this
// host, whatever architecture the function declares: the packages of a rehearsal are
// built for the machine that it runs on. It accepts a package that has no bootstrap,
// as Lambda does; its invocations fail.
func (c *code) runsHere() error {
	f, err := os.Open(filepath.Join(c.root, "bootstrap"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the function's bootstrap: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	built := platform(f)
	if host := runtime.GOOS + "/" + runtime.GOARCH; built != "" && built != host {
		return invalid("The function's bootstrap is built for %s, but the embedded AWS runs it on this host (%s). Build it here with GOOS=%s GOARCH=%s, whatever architecture the function declares.",
			built, host, runtime.GOOS, runtime.GOARCH)
	}
	return nil
}

// platform returns the GOOS/GOARCH of an executable. It returns "" for an
// unknown format, such as a script.
func platform(r io.ReaderAt) string {
	if f, err := elf.NewFile(r); err == nil {
		switch f.Machine {
		case elf.EM_X86_64:
			return "linux/amd64"
		case elf.EM_AARCH64:
			return "linux/arm64"
		}
		return "linux/" + f.Machine.String()
	}
	if f, err := macho.NewFile(r); err == nil {
		switch f.Cpu {
		case macho.CpuAmd64:
			return "darwin/amd64"
		case macho.CpuArm64:
			return "darwin/arm64"
		}
		return "darwin/" + f.Cpu.String()
	}
	return ""
}

// url returns the URL of the zip of c. The URL is secret, like the presigned
// one that Lambda returns.
func (p *packages) url(c *code) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server == nil {
		l, err := isolation.Listen(context.Background(), p.isolation, "127.0.0.1:0")
		if err != nil {
			return "", fmt.Errorf("serving functions' code: %w", err)
		}
		secret := randomHex(16)
		p.base = "http://" + l.Addr().String() + "/" + secret + "/"
		server := &http.Server{Handler: p.handler(secret), ReadHeaderTimeout: time.Minute}
		go func() { _ = server.Serve(l) }() // ends with close
		p.server = server
	}
	return p.base + hex.EncodeToString(c.sha[:]), nil
}

func (p *packages) handler(secret string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /"+secret+"/{sha}", func(w http.ResponseWriter, r *http.Request) {
		var key [sha256.Size]byte
		if _, err := hex.Decode(key[:], []byte(r.PathValue("sha"))[:min(len(r.PathValue("sha")), 2*len(key))]); err != nil {
			http.NotFound(w, r)
			return
		}
		p.mu.Lock()
		c := p.stored[key]
		p.mu.Unlock()
		if c == nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/zip")
		http.ServeFile(w, r, c.zip)
	})
	return mux
}

func (p *packages) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server == nil {
		return nil
	}
	return p.server.Close()
}
