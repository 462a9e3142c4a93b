package drill

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"

	"github.com/magewright/magewright/tools/deliver/drill/fault"
)

// The sizes that Lambda accepts for a deployment package, in bytes: zipped in a request, and
// unzipped. See https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
const (
	maxZip      = 50 << 20
	maxUnzipped = 250 << 20
)

// bootstrap is the name of the program that an OS-only runtime starts.
const bootstrap = "bootstrap"

// codeSha256 returns a deployment package's digest in the form that Lambda uses.
func codeSha256(zipped []byte) string {
	sum := sha256.Sum256(zipped)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// wrapped reports whether a drill made a deployment package.
func wrapped(zipped []byte) (bool, error) {
	archive, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil {
		return false, fmt.Errorf("reading a deployment package: %w", err)
	}
	return slices.ContainsFunc(archive.File, func(f *zip.File) bool { return path.Clean(f.Name) == fault.File }), nil
}

// A wrapper gives a deployment package a fault.
type wrapper struct {
	archive *zip.Reader
	goos    string // the system for which the package's own bootstrap is built
}

// openWrapper reads a deployment package, which must have an executable bootstrap.
func openWrapper(zipped []byte) (*wrapper, error) {
	archive, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil {
		return nil, fmt.Errorf("reading the deployment package: %w", err)
	}
	for _, f := range archive.File {
		if path.Clean(f.Name) != bootstrap {
			continue
		}
		if f.Mode().IsDir() || f.Mode().Perm()&0o111 == 0 {
			return nil, fmt.Errorf("its %s can't be executed: the mode is %s", bootstrap, f.Mode())
		}
		goos, err := systemOf(f)
		if err != nil {
			return nil, fmt.Errorf("reading the deployment package's %s: %w", bootstrap, err)
		}
		return &wrapper{archive, goos}, nil
	}
	return nil, fmt.Errorf("its deployment package has no %s", bootstrap)
}

// systemOf returns the operating system of an executable in Go's terms. That is Linux on AWS,
// or macOS in a rehearsal that runs functions on a Mac.
func systemOf(f *zip.File) (string, error) {
	content, err := f.Open()
	if err != nil {
		return "", err
	}
	defer func() { _ = content.Close() }() // it is only read
	machO := []byte{0xcf, 0xfa, 0xed, 0xfe}
	head := make([]byte, len(machO))
	if _, err := io.ReadFull(content, head); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err
	}
	if bytes.Equal(head, machO) {
		return "darwin", nil
	}
	return "linux", nil
}

// wrap returns the package with program as its bootstrap, and with its own bootstrap in a
// directory beside it. Everything else stays as it is, with its compression.
func (w *wrapper) wrap(program []byte, what string) ([]byte, error) {
	unzipped := uint64(len(program) + len(what))
	var out bytes.Buffer
	to := zip.NewWriter(&out)
	to.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, flate.BestSpeed) })
	for _, f := range w.archive.File {
		unzipped += f.UncompressedSize64
		header := f.FileHeader
		if path.Clean(f.Name) == bootstrap {
			header.Name, header.Extra = fault.Original, nil // the extra field could contain the name again
		}
		if err := copyRaw(to, &header, f); err != nil {
			return nil, fmt.Errorf("repacking %s: %w", f.Name, err)
		}
	}
	for _, file := range []struct {
		name    string
		content []byte
	}{{bootstrap, program}, {fault.File, []byte(what)}} {
		header := &zip.FileHeader{Name: file.name, Method: zip.Deflate}
		header.SetMode(0o755)
		entry, err := to.CreateHeader(header)
		if err == nil {
			_, err = entry.Write(file.content)
		}
		if err != nil {
			return nil, fmt.Errorf("packing %s: %w", file.name, err)
		}
	}
	if err := to.Close(); err != nil {
		return nil, fmt.Errorf("packing the bad version: %w", err)
	}
	return out.Bytes(), checkSize(int64(out.Len()), unzipped)
}

// checkSize refuses a package of the bad version that Lambda would not accept.
func checkSize(zipped int64, unzipped uint64) error {
	switch {
	case zipped > maxZip:
		return fmt.Errorf("with the drill's bootstrap, its deployment package has %s: %s", megabytes(zipped), uploadLimit)
	case unzipped > maxUnzipped:
		return fmt.Errorf("with the drill's bootstrap, its deployment package has %s unzipped, but Lambda accepts at most 250 MB", megabytes(int64(unzipped))) // #nosec G115 -- for a message
	}
	return nil
}

// uploadLimit explains why a larger package is refused.
const uploadLimit = "Lambda accepts at most 50 MB in a request, and the drill has no bucket for a larger one"

func megabytes(size int64) string { return fmt.Sprintf("%.1f MB", float64(size)/(1<<20)) }

func copyRaw(to *zip.Writer, header *zip.FileHeader, f *zip.File) error {
	content, err := f.OpenRaw()
	if err != nil {
		return err
	}
	entry, err := to.CreateRaw(header)
	if err != nil {
		return err
	}
	_, err = io.Copy(entry, content)
	return err
}
